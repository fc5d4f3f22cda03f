//! One WebSocket connection, driven by one task: reading, writing, pings, silence and the closing handshake.
//!
//! The owner loops over [`Socket::next`]; what others push into the [`Outbox`] and the [`Flusher`] cannot write
//! is written while the owner waits there, or in [`Socket::drive`] when it does not want to read.
//! After [`Incoming::Closed`] the owner keeps calling `next` until it gives `None`: the close
//! frame is still on its way.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};

use crate::net::flusher::Flusher;
use crate::net::frame::ping_frame;
use crate::net::outbox::{Outbox, OutboxConfig};
use crate::net::queue::CloseBy;
use crate::net::reader::{Failure, Reader};
use crate::net::stream::{DirectWriter, Line};
use crate::net::writer::Writer;
use crate::telemetry;

/// How long a close may take: what waits, the close frame, and the peer's answer.
pub const CLOSE_GRACE: Duration = Duration::from_secs(5);
/// Frames and messages are at most this long by default, in bytes.
pub const DEFAULT_MAX_MESSAGE: usize = 128 * 1024;

/// Limits and times of a connection; shared by all connections of a listener.
#[derive(Debug, Clone)]
pub struct SocketConfig {
    /// Bounds of what waits to be written.
    pub outbox: OutboxConfig,
    /// Longest frame and message, in bytes; beyond it the connection is closed with 1009.
    pub max_message: usize,
    /// How long written frames may be collected; 0 writes each at once.
    pub flush_window: Duration,
    /// A connection that has been silent for this long is pinged.
    pub ping_every: Duration,
    /// A connection from which nothing at all has come for this long is closed.
    pub idle_timeout: Duration,
    /// Close code for silence.
    pub idle_code: u16,
    /// How long a close may take.
    pub close_grace: Duration,
}

impl Default for SocketConfig {
    fn default() -> Self {
        Self {
            outbox: OutboxConfig::default(),
            max_message: DEFAULT_MAX_MESSAGE,
            flush_window: Duration::from_millis(3),
            ping_every: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            idle_code: 4408,
            close_grace: CLOSE_GRACE,
        }
    }
}

/// What a connection says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message.
    Binary(Bytes),
    /// The connection is ending; nothing is read or taken for writing any more.
    Closed(Closed),
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The close code sent or received; 1005 when the peer gave none, 1006 when the line broke.
    pub code: u16,
    /// The reason sent or received, or what broke.
    pub reason: String,
    /// Whose doing it was.
    pub cause: Cause,
}

/// Whose doing the end of a connection was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The peer closed.
    Peer,
    /// [`Outbox::close`] was called.
    Local,
    /// The outbox overflowed.
    Slow,
    /// Nothing came for the idle timeout.
    Idle,
    /// The peer broke the WebSocket protocol or a limit.
    Protocol,
    /// The line broke without a close.
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// A close frame waits, is being written, or is unanswered.
    Closing,
    /// Both sides are done; the stream is being shut down.
    Shutting,
    /// Our half is shut; what still comes is thrown away, so that no reset overtakes the close frame.
    Draining,
    Done,
}

/// A connection after its handshake.
#[derive(Debug)]
pub struct Socket<S = Line> {
    io: S,
    config: Arc<SocketConfig>,
    outbox: Outbox,
    reader: Reader,
    writer: Writer,
    timer: Pin<Box<Sleep>>,
    phase: Phase,
    /// Told to the owner with the next poll.
    ending: Option<Closed>,
    /// Whether the reader still understands the peer.
    readable: bool,
    /// The peer has closed, or hung up.
    peer_done: bool,
    close_by: Option<Instant>,
    heard_at: Instant,
    pinged_at: Instant,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Takes over a stream whose handshake is done, and gives the handle for writing to it.
    #[must_use]
    pub fn new(io: S, config: Arc<SocketConfig>, flusher: &Flusher) -> (Self, Outbox) {
        Self::with_early(io, None, &[], config, flusher)
    }

    /// Like [`Socket::new`], with a way for others to write to the stream, and with bytes of the peer that were read
    /// together with the handshake.
    #[must_use]
    pub fn with_early(
        io: S,
        direct: Option<DirectWriter>,
        early: &[u8],
        config: Arc<SocketConfig>,
        flusher: &Flusher,
    ) -> (Self, Outbox) {
        let outbox = Outbox::new(config.outbox, config.flush_window, direct, flusher.shard());
        let now = Instant::now();
        let wakes = now + config.ping_every.min(config.idle_timeout);
        let socket = Self {
            io,
            outbox: outbox.clone(),
            reader: Reader::new(early, config.max_message),
            writer: Writer::default(),
            config,
            timer: Box::pin(sleep_until(wakes)),
            phase: Phase::Open,
            ending: None,
            readable: true,
            peer_done: false,
            close_by: None,
            heard_at: now,
            pinged_at: now,
        };
        (socket, outbox)
    }

    /// The next message. Writes what is due while it waits, answers pings, and closes when it must.
    /// `None` when the connection is over. May be dropped and called again at any time.
    pub async fn next(&mut self) -> Option<Incoming> {
        poll_fn(|cx| self.poll(cx, true)).await
    }

    /// Writes without reading (back-pressure); ends only when the connection is closing or over,
    /// which the following [`Socket::next`] tells. May be dropped and called again at any time.
    pub async fn drive(&mut self) {
        poll_fn(|cx| {
            if self.ending.is_some() || self.phase == Phase::Done {
                return Poll::Ready(());
            }
            // Silence of a peer we do not listen to is no silence.
            self.heard_at = Instant::now();
            if let Some(Incoming::Closed(closed)) = ready!(self.poll(cx, false)) {
                self.ending = Some(closed);
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Drives the connection to its end, ignoring what comes; for an owner who has called [`Outbox::close`].
    pub async fn finish(mut self) {
        while self.next().await.is_some() {}
    }

    fn poll(&mut self, cx: &mut Context<'_>, read: bool) -> Poll<Option<Incoming>> {
        loop {
            let now = Instant::now();
            self.watch_clock(now);
            self.poll_io(now, cx);
            if let Some(closed) = self.ending.take() {
                return Poll::Ready(Some(Incoming::Closed(closed)));
            }
            match self.phase {
                Phase::Done => return Poll::Ready(None),
                Phase::Open if !read || self.outbox.lock().is_control_backlogged() => {}
                Phase::Open => {
                    if let Poll::Ready(step) = self.poll_read(now, cx) {
                        match step {
                            Some(incoming) => return Poll::Ready(Some(incoming)),
                            None => continue,
                        }
                    }
                }
                Phase::Closing | Phase::Shutting | Phase::Draining => {
                    if self.poll_rest(cx).is_ready() {
                        continue;
                    }
                }
            }
            ready!(self.poll_timer(now, cx));
        }
    }

    /// Pings, silence, and the end of patience with a close.
    fn watch_clock(&mut self, now: Instant) {
        if self.reader.take_heard() {
            self.heard_at = now;
        }
        if self.close_by.is_some_and(|by| now >= by) {
            self.finish_now();
        }
        if self.phase != Phase::Open {
            return;
        }
        if now >= self.heard_at + self.config.idle_timeout {
            self.fail(Failure {
                code: self.config.idle_code,
                reason: "silent for too long".into(),
                cause: Cause::Idle,
            });
        } else if now >= self.ping_at() {
            self.pinged_at = now;
            self.outbox.lock().push_control(&ping_frame(&[]));
        }
    }

    fn ping_at(&self) -> Instant {
        self.heard_at.max(self.pinged_at) + self.config.ping_every
    }

    /// Writes what is due and takes the step that follows from it.
    fn poll_io(&mut self, now: Instant, cx: &mut Context<'_>) {
        self.notice_close(now);
        if matches!(self.phase, Phase::Open | Phase::Closing) {
            match self.writer.poll(&mut self.io, &self.outbox, now, cx) {
                Poll::Ready(Ok(())) if self.writer.is_close_written() => self.after_close_frame(),
                Poll::Ready(Ok(())) | Poll::Pending => {}
                Poll::Ready(Err(error)) => self.lose(error.to_string()),
            }
        }
        if self.phase == Phase::Shutting {
            match Pin::new(&mut self.io).poll_shutdown(cx) {
                Poll::Ready(_) if self.peer_done => self.finish_now(),
                Poll::Ready(_) => self.phase = Phase::Draining,
                Poll::Pending => {}
            }
        }
    }

    /// After the close frame: hang up when the peer has said its word too, or has nothing to say that we understand.
    fn after_close_frame(&mut self) {
        if self.peer_done || !self.readable {
            self.phase = Phase::Shutting;
        }
    }

    /// Sees that somebody has called [`Outbox::close`], or that the outbox has overflowed.
    fn notice_close(&mut self, now: Instant) {
        if self.phase != Phase::Open {
            return;
        }
        let closed = {
            let queue = self.outbox.lock();
            let Some(close) = queue.pending_close() else {
                return;
            };
            let cause = match close.by {
                CloseBy::Owner => Cause::Local,
                CloseBy::Overflow => Cause::Slow,
                CloseBy::Socket => Cause::Protocol,
            };
            Closed {
                code: close.code,
                reason: close.reason.clone(),
                cause,
            }
        };
        self.begin_closing(closed, now);
    }

    fn begin_closing(&mut self, closed: Closed, now: Instant) {
        if closed.cause == Cause::Slow {
            telemetry::net().slow_closed.increment(1);
        }
        self.phase = Phase::Closing;
        self.ending = Some(closed);
        self.close_by = Some(now + self.config.close_grace);
    }

    fn poll_read(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        let message = ready!(self.reader.poll(&mut self.io, cx));
        self.heard_at = now;
        if let Some(replies) = self.reader.take_replies() {
            self.outbox.lock().push_control(&replies);
        }
        Poll::Ready(match message {
            Ok(Message::Text(text)) => Some(self.count(Incoming::Text(text))),
            Ok(Message::Binary(bytes)) => Some(self.count(Incoming::Binary(bytes))),
            Ok(Message::Close(frame)) => {
                self.answer_close(frame, now);
                None
            }
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {
                self.collect_replies();
                None
            }
            Err(failure) => {
                self.fail(failure);
                None
            }
        })
    }

    fn count(&self, incoming: Incoming) -> Incoming {
        telemetry::net().frames_in.increment(1);
        incoming
    }

    /// A pong is given out by tungstenite with its next step; it should not wait for the peer's next frame.
    fn collect_replies(&mut self) {
        if let Some(replies) = self.reader.flush() {
            self.outbox.lock().push_control(&replies);
        }
    }

    fn answer_close(&mut self, frame: Option<CloseFrame>, now: Instant) {
        let reply = self.reader.flush();
        self.peer_done = true;
        let (code, reason) = frame.map_or((1005, String::new()), |frame| {
            (frame.code.into(), frame.reason.to_string())
        });
        self.outbox.lock().fail(code, &reason, reply);
        self.begin_closing(
            Closed {
                code,
                reason,
                cause: Cause::Peer,
            },
            now,
        );
    }

    /// Ends the connection for a reason of ours; the peer is told if it is there.
    fn fail(&mut self, failure: Failure) {
        let Failure {
            code,
            reason,
            cause,
        } = failure;
        self.readable = cause == Cause::Idle;
        if cause == Cause::Lost {
            return self.lose(reason);
        }
        telemetry::net()
            .protocol_errors
            .increment(u64::from(cause == Cause::Protocol));
        self.outbox.lock().fail(code, &reason, None);
        self.begin_closing(
            Closed {
                code,
                reason,
                cause,
            },
            Instant::now(),
        );
    }

    fn lose(&mut self, reason: String) {
        if self.phase == Phase::Open {
            self.ending = Some(Closed {
                code: 1006,
                reason,
                cause: Cause::Lost,
            });
        }
        self.finish_now();
    }

    fn finish_now(&mut self) {
        self.phase = Phase::Done;
        self.outbox.lock().end();
    }

    /// Reads while closing: for the peer's close, or only to throw away. Ready when that changed something.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.phase == Phase::Closing && self.readable && !self.peer_done {
            match ready!(self.reader.poll(&mut self.io, cx)) {
                Ok(Message::Close(_)) => self.peer_done = true,
                Ok(_) => {}
                Err(failure) if failure.cause == Cause::Lost => self.peer_done = true,
                Err(_) => self.readable = false,
            }
            // We have sent our close, or are about to: a second one, or a pong, would be wrong.
            let _ = self.reader.take_replies();
            return Poll::Ready(());
        }
        if self.phase == Phase::Closing && self.peer_done {
            return Poll::Pending;
        }
        let mut scratch = [0; 1024];
        let mut buffer = ReadBuf::new(&mut scratch);
        let read = ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer));
        if read.is_err() || buffer.filled().is_empty() {
            self.peer_done = true;
            match self.phase {
                Phase::Draining => self.finish_now(),
                Phase::Closing | Phase::Shutting => return Poll::Pending,
                Phase::Open | Phase::Done => {}
            }
        }
        Poll::Ready(())
    }

    /// Ready when a deadline has passed; else the timer is set to the next one.
    fn poll_timer(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let next = match self.close_by {
            Some(by) => by,
            None => self.ping_at().min(self.heard_at + self.config.idle_timeout),
        };
        if next <= now {
            return Poll::Ready(());
        }
        // A timer that fires early costs one poll; moving it each time would cost more.
        if next < self.timer.deadline() || self.timer.is_elapsed() {
            self.timer.as_mut().reset(next);
        }
        self.timer.as_mut().poll(cx)
    }
}

impl<S> Drop for Socket<S> {
    fn drop(&mut self) {
        self.outbox.lock().end();
    }
}
