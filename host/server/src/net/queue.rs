//! The queue behind an outbox: its bounds, and what gives way.

use std::collections::{HashMap, VecDeque};
use std::task::{Context, Waker};

use bytes::Bytes;

use crate::net::frame::{close_frame, cut_reason};
use crate::net::outbox::{Frame, Lane, OutboxConfig, Pushed};
use crate::telemetry;

/// Pongs and pings may wait up to this many bytes before the socket is not read any more.
const MAX_CONTROL_BACKLOG: usize = 4096;
/// Queues shorter than this are searched, longer ones get an index of their latest keys.
const INDEX_FROM: usize = 32;
/// A queue that has emptied keeps room for at most this many frames.
const KEEP_CAPACITY: usize = 16;

/// Who asked for the close that waits in an outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseBy {
    /// [`Outbox::close`].
    Owner,
    /// The bounds were exceeded.
    Overflow,
    /// The socket itself: a protocol error, silence, or an answer to the peer's close.
    Socket,
}

/// A close that waits behind the queue.
#[derive(Debug, Clone)]
pub(crate) struct PendingClose {
    pub(crate) code: u16,
    pub(crate) reason: String,
    pub(crate) by: CloseBy,
    frame: Option<Bytes>,
}

#[derive(Debug)]
struct Entry {
    bytes: Bytes,
    lane: Lane,
}

/// The queue behind an [`Outbox`]; the writer empties it.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    entries: VecDeque<Entry>,
    /// Serial number of the first entry: positions in `index` stay right while the front is taken.
    head: u64,
    /// Latest key → serial number, kept only while the queue is long.
    index: Option<HashMap<u64, u64>>,
    pub(crate) bytes: usize,
    pub(crate) frames: usize,
    /// Entries that are not reliable.
    droppable: usize,
    pub(crate) dropped: u64,
    control: Vec<u8>,
    close: Option<PendingClose>,
    urgent: bool,
    /// The writer has a timer running and need not be woken for frames that can wait.
    armed: bool,
    gone: bool,
    waker: Option<Waker>,
}

impl Queue {
    pub(crate) fn push(&mut self, frame: Frame, config: &OutboxConfig) -> Pushed {
        if self.is_closed() {
            return Pushed::Closed;
        }
        let urgent = frame.urgent;
        let pushed = match frame.lane {
            Lane::Latest(key) => self.push_latest(key, frame.bytes, config),
            Lane::Unreliable => self.push_if_room(frame.bytes, frame.lane, config),
            Lane::Reliable => self.push_reliable(frame.bytes, config),
        };
        match pushed {
            Pushed::Queued | Pushed::Replaced => self.urgent |= urgent,
            Pushed::Dropped => self.count_dropped(1),
            Pushed::Overflowed | Pushed::Closed => {}
        }
        pushed
    }

    fn push_latest(&mut self, key: u64, bytes: Bytes, config: &OutboxConfig) -> Pushed {
        let position = self.position_of(key);
        let Some(entry) = position.and_then(|at| self.entries.get_mut(at)) else {
            return self.push_if_room(bytes, Lane::Latest(key), config);
        };
        let total = self.bytes - entry.bytes.len() + bytes.len();
        if total > config.max_bytes {
            return Pushed::Dropped;
        }
        entry.bytes = bytes;
        self.bytes = total;
        Pushed::Replaced
    }

    fn push_if_room(&mut self, bytes: Bytes, lane: Lane, config: &OutboxConfig) -> Pushed {
        if !self.has_room(bytes.len(), config) {
            return Pushed::Dropped;
        }
        self.append(bytes, lane);
        Pushed::Queued
    }

    fn push_reliable(&mut self, bytes: Bytes, config: &OutboxConfig) -> Pushed {
        if !self.has_room(bytes.len(), config) && self.droppable > 0 {
            self.shed();
        }
        if !self.has_room(bytes.len(), config) {
            self.discard();
            self.begin_close(config.slow_code, "too slow", CloseBy::Overflow);
            return Pushed::Overflowed;
        }
        self.append(bytes, Lane::Reliable);
        Pushed::Queued
    }

    fn has_room(&self, len: usize, config: &OutboxConfig) -> bool {
        self.frames < config.max_frames && self.bytes.saturating_add(len) <= config.max_bytes
    }

    fn append(&mut self, bytes: Bytes, lane: Lane) {
        let serial = self.head + self.entries.len() as u64;
        if let (Lane::Latest(key), Some(index)) = (lane, self.index.as_mut()) {
            index.insert(key, serial);
            if index.len() > 2 * self.entries.len() + INDEX_FROM {
                // Mostly keys that are long gone; it is made anew when it is needed.
                self.index = None;
            }
        }
        self.droppable += usize::from(lane != Lane::Reliable);
        self.frames += 1;
        self.bytes += bytes.len();
        self.entries.push_back(Entry { bytes, lane });
    }

    /// Where the queued frame of this latest key is.
    fn position_of(&mut self, key: u64) -> Option<usize> {
        if self.entries.len() < INDEX_FROM && self.index.is_none() {
            return self
                .entries
                .iter()
                .position(|entry| entry.lane == Lane::Latest(key));
        }
        let (head, entries) = (self.head, &self.entries);
        let index = self.index.get_or_insert_with(|| index_of(head, entries));
        let serial = *index.get(&key)?;
        // Entries already taken keep their line in the index; their serial is below the head.
        usize::try_from(serial.checked_sub(head)?).ok()
    }

    /// Drops everything that is not reliable.
    fn shed(&mut self) {
        let mut bytes = 0;
        let before = self.entries.len();
        self.entries.retain(|entry| {
            let keep = entry.lane == Lane::Reliable;
            bytes += if keep { 0 } else { entry.bytes.len() };
            keep
        });
        let shed = before - self.entries.len();
        self.frames -= shed;
        self.bytes -= bytes;
        self.droppable = 0;
        self.index = None;
        self.count_dropped(shed as u64);
    }

    /// Drops everything that is not yet being written.
    fn discard(&mut self) {
        let bytes: usize = self.entries.iter().map(|entry| entry.bytes.len()).sum();
        self.frames -= self.entries.len();
        self.bytes -= bytes;
        self.droppable = 0;
        self.index = None;
        self.entries = VecDeque::new();
    }

    fn count_dropped(&mut self, frames: u64) {
        self.dropped += frames;
        telemetry::net().frames_dropped.increment(frames);
    }

    pub(crate) fn begin_close(&mut self, code: u16, reason: &str, by: CloseBy) {
        if self.is_closed() {
            return;
        }
        let reason = cut_reason(reason).to_owned();
        let frame = Some(close_frame(code, &reason));
        self.close = Some(PendingClose {
            code,
            reason,
            by,
            frame,
        });
        self.urgent = true;
    }

    /// Whether a close is under way or the connection is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.gone || self.close.is_some()
    }

    /// The task's waker, if what waits must not wait for its timer.
    pub(crate) fn due_waker(&mut self) -> Option<Waker> {
        if self.urgent || !self.armed {
            self.waker.take()
        } else {
            None
        }
    }
}

fn index_of(head: u64, entries: &VecDeque<Entry>) -> HashMap<u64, u64> {
    let serials = head..;
    let keys = entries
        .iter()
        .zip(serials)
        .filter_map(|(entry, serial)| match entry.lane {
            Lane::Latest(key) => Some((key, serial)),
            Lane::Reliable | Lane::Unreliable => None,
        });
    keys.collect()
}

/// The writer's and the socket's side.
impl Queue {
    /// Closes for a reason of the socket's own; what waits is dropped. `frame` overrides the close frame.
    pub(crate) fn fail(&mut self, code: u16, reason: &str, frame: Option<Bytes>) {
        self.discard();
        self.begin_close(code, reason, CloseBy::Socket);
        if let (Some(close), Some(frame)) = (self.close.as_mut(), frame)
            && close.frame.is_some()
        {
            close.frame = Some(frame);
        }
    }

    /// Nothing will be written any more.
    pub(crate) fn end(&mut self) {
        self.discard();
        self.control = Vec::new();
        self.gone = true;
        self.waker = None;
    }

    pub(crate) fn register(&mut self, cx: &Context<'_>) {
        match &self.waker {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            _ => self.waker = Some(cx.waker().clone()),
        }
    }

    pub(crate) fn push_control(&mut self, bytes: &[u8]) {
        self.control.extend_from_slice(bytes);
    }

    /// Whether so many pongs wait that the peer must not be read.
    pub(crate) fn is_control_backlogged(&self) -> bool {
        self.control.len() >= MAX_CONTROL_BACKLOG
    }

    pub(crate) fn take_control(&mut self) -> Option<Bytes> {
        (!self.control.is_empty()).then(|| std::mem::take(&mut self.control).into())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether what waits is to be written without regard to the flush window.
    pub(crate) fn is_urgent(&self) -> bool {
        self.urgent
    }

    pub(crate) fn set_armed(&mut self, armed: bool) {
        self.armed = armed;
    }

    pub(crate) fn pending_close(&self) -> Option<&PendingClose> {
        self.close.as_ref()
    }

    /// The close frame, once, when nothing waits in front of it.
    pub(crate) fn take_close_frame(&mut self) -> Option<Bytes> {
        if !self.entries.is_empty() {
            return None;
        }
        self.close.as_mut()?.frame.take()
    }

    /// The next frame; it counts as waiting until [`Queue::written`].
    pub(crate) fn take(&mut self) -> Option<Bytes> {
        let entry = self.entries.pop_front()?;
        self.head += 1;
        self.droppable -= usize::from(entry.lane != Lane::Reliable);
        if self.entries.is_empty() {
            self.urgent = self.close.is_some();
            self.index = None;
            if self.entries.capacity() > KEEP_CAPACITY {
                self.entries = VecDeque::new();
            }
        }
        Some(entry.bytes)
    }

    pub(crate) fn written(&mut self, frames: usize, bytes: usize) {
        self.frames = self.frames.saturating_sub(frames);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: OutboxConfig = OutboxConfig {
        max_bytes: 100,
        max_frames: 4,
        slow_code: 4408,
    };

    fn push(queue: &mut Queue, text: &'static str, lane: Lane) -> Pushed {
        let bytes = Bytes::from_static(text.as_bytes());
        queue.push(
            Frame {
                bytes,
                lane,
                urgent: false,
            },
            &SMALL,
        )
    }

    fn drain(queue: &mut Queue) -> Vec<String> {
        let taken: Vec<_> = std::iter::from_fn(|| queue.take()).collect();
        queue.written(taken.len(), taken.iter().map(Bytes::len).sum());
        assert_eq!((queue.frames, queue.bytes, queue.droppable), (0, 0, 0));
        taken
            .into_iter()
            .map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn latest_takes_the_place_of_its_elder() {
        let mut queue = Queue::default();
        push(&mut queue, "a1", Lane::Latest(1));
        push(&mut queue, "r", Lane::Reliable);
        push(&mut queue, "b1", Lane::Latest(2));
        assert_eq!(
            push(&mut queue, "a2 longer", Lane::Latest(1)),
            Pushed::Replaced
        );
        assert_eq!(drain(&mut queue), ["a2 longer", "r", "b1"]);
        assert_eq!(push(&mut queue, "a3", Lane::Latest(1)), Pushed::Queued);
    }

    #[test]
    fn long_queues_find_their_keys_too() {
        let config = OutboxConfig::default();
        let mut queue = Queue::default();
        let frame = |key: u64, text: String| Frame {
            bytes: text.into(),
            lane: Lane::Latest(key),
            urgent: false,
        };
        for key in 0..500 {
            assert_eq!(
                queue.push(frame(key, format!("old {key}")), &config),
                Pushed::Queued
            );
        }
        for _ in 0..100 {
            queue.take().unwrap();
        }
        for key in (0..500).rev() {
            let expected = if key < 100 {
                Pushed::Queued
            } else {
                Pushed::Replaced
            };
            assert_eq!(
                queue.push(frame(key, format!("new {key}")), &config),
                expected,
                "{key}"
            );
        }
        assert_eq!(queue.take().unwrap(), "new 100");
        assert_eq!(queue.entries.len(), 499);
    }

    #[test]
    fn keys_that_never_come_back_are_forgotten() {
        let config = OutboxConfig::default();
        let mut queue = Queue::default();
        for key in 0..10_000 {
            queue.push(
                Frame {
                    bytes: Bytes::from_static(b"x"),
                    lane: Lane::Latest(key),
                    urgent: false,
                },
                &config,
            );
            if key >= 40 {
                queue.take();
            }
        }
        assert!(queue.index.as_ref().is_none_or(|index| index.len() < 200));
    }

    #[test]
    fn a_full_queue_drops_what_may_be_dropped() {
        let mut queue = Queue::default();
        for text in ["r1", "r2"] {
            push(&mut queue, text, Lane::Reliable);
        }
        push(&mut queue, "u1", Lane::Unreliable);
        push(&mut queue, "l1", Lane::Latest(1));
        assert_eq!(push(&mut queue, "u2", Lane::Unreliable), Pushed::Dropped);
        assert_eq!(push(&mut queue, "l2", Lane::Latest(2)), Pushed::Dropped);
        assert_eq!(push(&mut queue, "l1b", Lane::Latest(1)), Pushed::Replaced);
        assert_eq!(push(&mut queue, "r3", Lane::Reliable), Pushed::Queued);
        assert_eq!(queue.dropped, 4);
        assert_eq!(drain(&mut queue), ["r1", "r2", "r3"]);
    }

    #[test]
    fn too_much_that_is_reliable_closes() {
        let mut queue = Queue::default();
        for _ in 0..4 {
            assert_eq!(push(&mut queue, "r", Lane::Reliable), Pushed::Queued);
        }
        assert_eq!(push(&mut queue, "r", Lane::Reliable), Pushed::Overflowed);
        assert_eq!(push(&mut queue, "r", Lane::Reliable), Pushed::Closed);
        let close = queue.pending_close().unwrap();
        assert_eq!((close.code, close.by), (4408, CloseBy::Overflow));
        assert!(
            queue.is_empty(),
            "nothing is kept for somebody who does not read"
        );
    }

    #[test]
    fn bytes_are_bounded_too() {
        let big: &'static str = Box::leak("x".repeat(60).into_boxed_str());
        let mut queue = Queue::default();
        assert_eq!(push(&mut queue, big, Lane::Latest(1)), Pushed::Queued);
        assert_eq!(push(&mut queue, big, Lane::Unreliable), Pushed::Dropped);
        assert_eq!(push(&mut queue, big, Lane::Latest(1)), Pushed::Replaced);
        assert_eq!(push(&mut queue, big, Lane::Reliable), Pushed::Queued);
        assert_eq!(push(&mut queue, big, Lane::Reliable), Pushed::Overflowed);
    }

    #[test]
    fn what_is_being_written_still_counts() {
        let mut queue = Queue::default();
        for _ in 0..4 {
            push(&mut queue, "r", Lane::Reliable);
        }
        queue.take().unwrap();
        assert_eq!(push(&mut queue, "u", Lane::Unreliable), Pushed::Dropped);
        queue.written(1, 1);
        assert_eq!(push(&mut queue, "u", Lane::Unreliable), Pushed::Queued);
    }

    #[test]
    fn the_close_frame_comes_last_and_once() {
        let mut queue = Queue::default();
        push(&mut queue, "r", Lane::Reliable);
        queue.begin_close(1001, "bye", CloseBy::Owner);
        queue.begin_close(1011, "too late", CloseBy::Owner);
        assert!(queue.take_close_frame().is_none());
        queue.take().unwrap();
        assert_eq!(queue.take_close_frame().unwrap(), close_frame(1001, "bye"));
        assert!(queue.take_close_frame().is_none());
    }
}
