//! What waits to be written to one connection, and what gives way when there is too much of it.
//!
//! An [`Outbox`] is a cheap handle: rooms hold one per connection and push ready-framed bytes; the
//! [`crate::net::flusher`] writes them, or the connection's own task where that needs waiting (see
//! [`crate::net::socket`]). It is bounded in frames and bytes:
//!
//! - *latest* replaces the queued frame of the same key in place, and is dropped when there is no room;
//! - *unreliable* is dropped when there is no room;
//! - *reliable* first pushes out whatever is not reliable, then marks the connection as too slow.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::net::flusher::Shard;
use crate::net::queue::{Batch, Call, CloseBy, Due, Queue};
use crate::net::stream::DirectWriter;
use crate::telemetry;

/// Most bytes that wait for one connection, by default.
pub const DEFAULT_MAX_BYTES: usize = 1024 * 1024;
/// Most frames that wait for one connection, by default.
pub const DEFAULT_MAX_FRAMES: usize = 4096;

/// What may happen to a frame that cannot be sent at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// In order and complete, or the connection is closed.
    Reliable,
    /// Dropped when there is no room.
    Unreliable,
    /// Only the newest of a key is worth sending.
    Latest(u64),
}

/// A ready-framed message (see [`crate::net::frame`]) on its way to a connection.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Header and payload, as they go on the wire.
    pub bytes: Bytes,
    /// What may happen to it.
    pub lane: Lane,
    /// Whether it, and all that waits before it, is written at once instead of within the flush window.
    pub urgent: bool,
}

impl Frame {
    /// A reliable frame that is written at once.
    #[must_use]
    pub fn urgent(bytes: Bytes) -> Self {
        Self {
            bytes,
            lane: Lane::Reliable,
            urgent: true,
        }
    }

    /// A reliable frame that may wait for the flush window.
    #[must_use]
    pub fn reliable(bytes: Bytes) -> Self {
        Self {
            bytes,
            lane: Lane::Reliable,
            urgent: false,
        }
    }
}

/// What became of a pushed frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It waits.
    Queued,
    /// It took the place of an older one with its key.
    Replaced,
    /// It was unreliable or latest, and there was no room.
    Dropped,
    /// It was reliable, and there was no room: the connection is being closed as too slow.
    Overflowed,
    /// The connection is closing or gone.
    Closed,
}

/// Bounds of an outbox.
#[derive(Debug, Clone, Copy)]
pub struct OutboxConfig {
    /// Most bytes waiting, those being written included.
    pub max_bytes: usize,
    /// Most frames waiting, those being written included.
    pub max_frames: usize,
    /// Close code for a reader who is too slow.
    pub slow_code: u16,
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self {
            max_bytes: DEFAULT_MAX_BYTES,
            max_frames: DEFAULT_MAX_FRAMES,
            slow_code: 4408,
        }
    }
}

/// A handle to what waits for one connection; clones are the same outbox.
#[derive(Debug, Clone)]
pub struct Outbox {
    shared: Arc<Shared>,
}

/// What the flusher has to do about an outbox it has visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visit {
    /// Nothing, until the outbox puts itself on the list again.
    Done,
    /// Come again then.
    Later(Instant),
}

thread_local! {
    /// Where small frames meet before they are written. One per thread, used only within one call.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Outbox {
    /// An outbox on the list of `shard`. `direct` is how to write without the connection's own task.
    #[must_use]
    pub(crate) fn new(
        config: OutboxConfig,
        window: Duration,
        direct: Option<DirectWriter>,
        shard: Arc<Shard>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                config,
                window,
                direct,
                shard,
                queue: Mutex::default(),
            }),
        }
    }

    /// Queues a frame. Never waits.
    pub fn push(&self, frame: Frame) -> Pushed {
        let (pushed, call) = {
            let mut queue = self.lock();
            let pushed = queue.push(frame, &self.shared.config);
            (pushed, queue.call())
        };
        self.make(call);
        pushed
    }

    /// Closes the connection with `code` once what waits has been written, 5 s at most.
    /// Later pushes are [`Pushed::Closed`]; only the first close counts.
    pub fn close(&self, code: u16, reason: &str) {
        let call = {
            let mut queue = self.lock();
            queue.begin_close(code, reason, CloseBy::Owner);
            queue.call()
        };
        self.make(call);
    }

    /// What is pushed from now on are not frames but JSON values: all that waits at a time is written as one text frame
    /// with an array of them.
    pub fn write_arrays(&self) {
        self.lock().write_arrays();
    }

    /// Whether a close is under way or the connection is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lock().is_closed()
    }

    /// Frames and bytes that wait, those being written included.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        let queue = self.lock();
        (queue.frames, queue.bytes)
    }

    /// How many frames were dropped for lack of room so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Whether both handles are of the same connection.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Queue> {
        // The queue is consistent between statements; a panicking holder leaves nothing half done.
        self.shared
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn make(&self, call: Call) {
        match call {
            Call::Nobody => {}
            Call::Task(waker) => waker.wake(),
            Call::Flusher => self.shared.shard.add(self.clone()),
        }
    }

    /// Writes what is due, or has the connection's task do it. For the flusher alone.
    pub(crate) fn visit(&self, now: Instant) -> Visit {
        SCRATCH.with_borrow_mut(|scratch| {
            loop {
                let batch = {
                    let mut queue = self.lock();
                    match queue.due(now, self.shared.window) {
                        Due::Nothing => return Visit::Done,
                        Due::At(at) => return Visit::Later(at),
                        Due::Now if self.shared.direct.is_some() => queue.take_batch(scratch),
                        Due::Now | Due::ByTask => {
                            let waker = queue.hand_to_task();
                            drop(queue);
                            wake(waker);
                            return Visit::Done;
                        }
                    }
                };
                self.write(&batch, batch.bytes(scratch), now);
            }
        })
    }

    fn write(&self, batch: &Batch, bytes: &[u8], now: Instant) {
        // The line may block and then be free again: whatever it did not take is the task's.
        let direct = self.shared.direct.as_ref();
        let written = direct.map_or(0, |direct| direct.try_write(bytes));
        telemetry::net().bytes_out.increment(written as u64);
        let rest = bytes.get(written..).unwrap_or_default();
        let waker = self.lock().wrote(batch, rest, now, self.shared.window);
        wake(waker);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[derive(Debug)]
struct Shared {
    config: OutboxConfig,
    /// How long frames may be collected after the last ones were written.
    window: Duration,
    direct: Option<DirectWriter>,
    shard: Arc<Shard>,
    queue: Mutex<Queue>,
}
