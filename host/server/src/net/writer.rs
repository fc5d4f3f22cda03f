//! The task's part of writing: whatever needs waiting, and the close.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;
use tokio::time::Instant;

use crate::net::outbox::Outbox;
use crate::telemetry;

/// The writing half of a connection's state.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    /// On its way to the kernel.
    pending: Bytes,
    /// Frames and bytes of it that count in the outbox.
    counted: (usize, usize),
    unflushed: bool,
    close_written: bool,
}

impl Writer {
    /// Whether the close frame has left.
    pub(crate) fn is_close_written(&self) -> bool {
        self.close_written
    }

    /// Writes what is the task's to write. Ready when there is nothing any more; the waker is registered with
    /// the outbox then.
    pub(crate) fn poll<S: AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        outbox: &Outbox,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if !self.fill(outbox, now, cx) {
                if self.unflushed {
                    ready!(Pin::new(&mut *io).poll_flush(cx))?;
                    self.unflushed = false;
                }
                return Poll::Ready(Ok(()));
            }
            let written = ready!(Pin::new(&mut *io).poll_write(cx, &self.pending))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            telemetry::net().bytes_out.increment(written as u64);
            self.unflushed = true;
            self.pending.advance(written.min(self.pending.len()));
        }
    }

    /// Whether there is something to write.
    fn fill(&mut self, outbox: &Outbox, now: Instant, cx: &Context<'_>) -> bool {
        let mut queue = outbox.lock();
        queue.register(cx);
        if !self.pending.is_empty() {
            return true;
        }
        queue.written(std::mem::take(&mut self.counted));
        // Asked before more is taken: it is written now if it was taken earlier.
        self.close_written |= queue.is_close_taken();
        if self.close_written {
            return false;
        }
        match queue.take_for_task(now) {
            Some((bytes, counted)) => {
                (self.pending, self.counted) = (bytes, counted);
                true
            }
            None => false,
        }
    }
}
