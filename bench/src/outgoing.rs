//! The write half of a connection, shared by the pacer, which sends, and the listener, which answers pings.

use std::io::ErrorKind;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;

/// Bytes that may wait for a server that does not read; beyond them, messages are given up and counted.
const MAX_BACKLOG: usize = 1 << 20;

/// Whether a frame went on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The kernel has it, or it waits for the kernel.
    Yes,
    /// Too much is waiting already.
    Full,
    /// The connection is gone.
    Gone,
}

/// Never waits: what the kernel does not take at once is kept, and [`Outgoing::flush`] sends it later.
#[derive(Debug)]
pub(crate) struct Outgoing {
    half: OwnedWriteHalf,
    backlog: Mutex<Vec<u8>>,
    waiting: Notify,
}

impl Outgoing {
    /// Takes over a write half.
    pub(crate) fn new(half: OwnedWriteHalf) -> Self {
        Self {
            half,
            backlog: Mutex::new(Vec::new()),
            waiting: Notify::new(),
        }
    }

    fn backlog(&self) -> MutexGuard<'_, Vec<u8>> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends one whole frame.
    pub(crate) fn send(&self, frame: &[u8]) -> Sent {
        let mut backlog = self.backlog();
        if !backlog.is_empty() {
            if backlog.len() + frame.len() > MAX_BACKLOG {
                return Sent::Full;
            }
            backlog.extend_from_slice(frame);
            return Sent::Yes;
        }
        let written = match self.half.try_write(frame) {
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(_) => return Sent::Gone,
        };
        if let Some(rest) = frame.get(written..).filter(|rest| !rest.is_empty()) {
            backlog.extend_from_slice(rest);
            self.waiting.notify_one();
        }
        Sent::Yes
    }

    /// Sends what had to wait, for as long as the connection lives. Returns when it is gone.
    pub(crate) async fn flush(&self) {
        loop {
            self.waiting.notified().await;
            loop {
                if self.half.writable().await.is_err() {
                    return;
                }
                let mut backlog = self.backlog();
                match self.half.try_write(&backlog) {
                    Ok(written) => drop(backlog.drain(..written)),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(_) => return,
                }
                if backlog.is_empty() {
                    *backlog = Vec::new();
                    break;
                }
            }
        }
    }
}
