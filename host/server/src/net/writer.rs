//! Writes what an outbox holds: when (the flush window) and how (few system calls, no standing buffers).

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;
use tokio::time::Instant;

use crate::net::outbox::Outbox;
use crate::net::queue::Queue;
use crate::telemetry;

/// Most frames given to the kernel at a time.
const BATCH_FRAMES: usize = 64;
/// A batch ends with the frame that reaches this many bytes.
const BATCH_BYTES: usize = 64 * 1024;
/// Batches up to this size are copied into one buffer; beyond it the kernel gathers them.
const COALESCE_BYTES: usize = 16 * 1024;

thread_local! {
    /// Where small frames meet before they are written. One per thread, used only within one call.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The writing half of a connection's state.
#[derive(Debug)]
pub(crate) struct Writer {
    window: Duration,
    batch: VecDeque<Bytes>,
    /// Whether a part of the batch's first frame has been written.
    started: bool,
    control_in_batch: bool,
    batch_bytes: usize,
    /// Frames and bytes of the batch that count in the outbox.
    counted: (usize, usize),
    last_flush: Option<Instant>,
    flush_at: Option<Instant>,
    unflushed: bool,
    close_written: bool,
    close_in_batch: bool,
}

impl Writer {
    pub(crate) fn new(window: Duration) -> Self {
        Self {
            window,
            batch: VecDeque::new(),
            started: false,
            control_in_batch: false,
            batch_bytes: 0,
            counted: (0, 0),
            last_flush: None,
            flush_at: None,
            unflushed: false,
            close_written: false,
            close_in_batch: false,
        }
    }

    /// When the writer wants to be polled though nobody wakes it.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        // With a batch under way it is the stream that wakes, not the clock.
        if self.batch.is_empty() {
            self.flush_at
        } else {
            None
        }
    }

    /// Whether the close frame has left.
    pub(crate) fn is_close_written(&self) -> bool {
        self.close_written
    }

    /// Writes all that is due. Ready when nothing is due any more; the waker is registered with the outbox then.
    pub(crate) fn poll<S: AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        outbox: &Outbox,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            self.fill(outbox, now, cx);
            if self.batch.is_empty() {
                if self.unflushed {
                    ready!(Pin::new(&mut *io).poll_flush(cx))?;
                    self.unflushed = false;
                }
                return Poll::Ready(Ok(()));
            }
            let written = ready!(self.poll_batch(io, cx))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            telemetry::net().bytes_out.increment(written as u64);
            self.unflushed = true;
            self.advance(written, outbox);
        }
    }

    /// Takes what is due out of the outbox.
    fn fill(&mut self, outbox: &Outbox, now: Instant, cx: &Context<'_>) {
        let mut queue = outbox.lock();
        queue.register(cx);
        if self.close_written || self.close_in_batch {
            return;
        }
        if !self.control_in_batch
            && let Some(control) = queue.take_control()
        {
            self.control_in_batch = true;
            // Between two frames: after the first one if that has been started.
            self.batch_bytes += control.len();
            self.batch.insert(usize::from(self.started), control);
        }
        if self.batch.is_empty() || self.counted.0 == 0 {
            self.fill_data(&mut queue, now);
        }
        if let Some(close) = queue.take_close_frame() {
            self.batch_bytes += close.len();
            self.batch.push_back(close);
            self.close_in_batch = true;
        }
    }

    fn fill_data(&mut self, queue: &mut Queue, now: Instant) {
        if queue.is_empty() {
            if self.flush_at.is_some_and(|at| now >= at) {
                self.flush_at = None;
            }
            queue.set_armed(self.flush_at.is_some());
            return;
        }
        let open_at = self.last_flush.map_or(now, |last| last + self.window);
        if now < open_at && !queue.is_urgent() {
            self.flush_at = Some(open_at);
            queue.set_armed(true);
            return;
        }
        while self.counted.0 < BATCH_FRAMES && self.counted.1 < BATCH_BYTES {
            let Some(frame) = queue.take() else { break };
            self.counted = (self.counted.0 + 1, self.counted.1 + frame.len());
            self.batch_bytes += frame.len();
            self.batch.push_back(frame);
        }
        if queue.is_empty() {
            // Busy connections keep the timer running, so that a push need not wake the task to start it.
            let busy = self.flush_at.is_some() && !self.window.is_zero();
            self.last_flush = Some(now);
            self.flush_at = busy.then(|| now + self.window);
            queue.set_armed(busy);
        }
    }

    fn poll_batch<S: AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let io = Pin::new(io);
        if let (Some(only), 1) = (self.batch.front(), self.batch.len()) {
            return io.poll_write(cx, only);
        }
        if self.batch_bytes <= COALESCE_BYTES || !io.is_write_vectored() {
            return SCRATCH.with_borrow_mut(|scratch| {
                scratch.clear();
                for frame in &self.batch {
                    scratch.extend_from_slice(frame);
                }
                io.poll_write(cx, scratch)
            });
        }
        let slices: [IoSlice<'_>; BATCH_FRAMES] = std::array::from_fn(|at| {
            IoSlice::new(self.batch.get(at).map_or(&[][..], |frame| frame))
        });
        let used = self.batch.len().min(BATCH_FRAMES);
        io.poll_write_vectored(cx, slices.get(..used).unwrap_or(&slices))
    }

    /// Forgets what the kernel has taken.
    fn advance(&mut self, mut written: usize, outbox: &Outbox) {
        self.batch_bytes -= written;
        while let Some(first) = self.batch.front_mut() {
            if first.len() > written {
                first.advance(written);
                self.started = self.started || written > 0;
                return;
            }
            written -= first.len();
            self.batch.pop_front();
            self.started = false;
        }
        self.finish_batch(outbox);
    }

    fn finish_batch(&mut self, outbox: &Outbox) {
        if self.counted.0 > 0 {
            telemetry::net().frames_out.increment(self.counted.0 as u64);
            outbox.lock().written(self.counted.0, self.counted.1);
            self.counted = (0, 0);
        }
        self.control_in_batch = false;
        self.close_written |= self.close_in_batch;
        if self.batch.capacity() > BATCH_FRAMES / 4 {
            self.batch = VecDeque::new();
        }
    }
}
