//! The queue behind an outbox: its bounds, and what gives way.

mod turn;

pub(crate) use turn::{Call, Due};

use std::collections::{HashMap, VecDeque};
use std::task::{Context, Waker};

use bytes::Bytes;
use tokio::time::Instant;

use crate::net::frame::{Opcode, close_frame, cut_reason, put_header};
use crate::net::outbox::{Frame, Lane, OutboxConfig, Pushed};
use crate::telemetry;
use turn::{Listed, Turn};

/// Pongs and pings may wait up to this many bytes before the socket is not read any more.
const MAX_CONTROL_BACKLOG: usize = 4096;
/// Queues shorter than this are searched, longer ones get an index of their latest keys.
const INDEX_FROM: usize = 32;
/// Most frames given to the kernel at a time.
const BATCH_FRAMES: usize = 64;
/// A batch ends with the frame that reaches this many bytes.
const BATCH_BYTES: usize = 64 * 1024;
/// Longer frames are given to the kernel alone, without a copy.
const COPY_BYTES: usize = 16 * 1024;
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

/// What goes to the kernel with one system call.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Frames and bytes that count as waiting until it is written.
    pub(crate) counted: (usize, usize),
    /// A large frame is not copied.
    pub(crate) alone: Option<Bytes>,
    /// Nothing waits behind it.
    emptied: bool,
}

impl Batch {
    /// Its bytes, if `scratch` is what it was taken into.
    pub(crate) fn bytes<'a>(&'a self, scratch: &'a [u8]) -> &'a [u8] {
        self.alone.as_deref().unwrap_or(scratch)
    }
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
    /// What the kernel did not take of a batch, and what it counts.
    remainder: Option<(Bytes, (usize, usize))>,
    turn: Turn,
    listed: Listed,
    /// What is pushed are elements; they are written as JSON arrays of all that waits.
    arrays: bool,
    last_flush: Option<Instant>,
    /// When a busy connection is looked at again though nothing waits yet.
    next_look: Option<Instant>,
    urgent: bool,
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
    }

    /// Whether a close is under way or the connection is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.gone || self.close.is_some()
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
        self.remainder = None;
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

    pub(crate) fn pending_close(&self) -> Option<&PendingClose> {
        self.close.as_ref()
    }

    /// The close frame, once, when nothing waits in front of it.
    fn take_close_frame(&mut self) -> Option<Bytes> {
        if !self.entries.is_empty() {
            return None;
        }
        self.close.as_mut()?.frame.take()
    }

    /// The next frame; it counts as waiting until [`Queue::written`].
    fn take(&mut self) -> Option<Bytes> {
        let entry = self.entries.pop_front()?;
        self.head += 1;
        self.droppable -= usize::from(entry.lane != Lane::Reliable);
        if self.entries.is_empty() {
            self.urgent = false;
            self.index = None;
            if self.entries.capacity() > KEEP_CAPACITY {
                self.entries = VecDeque::new();
            }
        }
        Some(entry.bytes)
    }

    /// What is pushed from now on are the elements of arrays.
    pub(crate) fn write_arrays(&mut self) {
        self.arrays = true;
    }

    /// One text frame with the array of what waits, within the bounds of a batch.
    fn take_array(&mut self, scratch: &mut Vec<u8>) -> Batch {
        let mut batch = Batch::default();
        let (frames, bytes) = &mut batch.counted;
        for entry in self.entries.iter().take(BATCH_FRAMES) {
            if *bytes > 0 && *bytes + entry.bytes.len() > BATCH_BYTES {
                break;
            }
            (*frames, *bytes) = (*frames + 1, *bytes + entry.bytes.len());
        }
        if *frames == 0 {
            return batch;
        }
        // A comma behind each but the last, and two brackets.
        put_header(scratch, Opcode::Text, *bytes + *frames + 1);
        scratch.push(b'[');
        for number in 0..*frames {
            if number > 0 {
                scratch.push(b',');
            }
            scratch.extend_from_slice(&self.take().unwrap_or_default());
        }
        scratch.push(b']');
        batch.emptied = self.entries.is_empty();
        batch
    }

    /// The next batch; unless it is a large frame alone, its bytes are appended to `scratch`, which is empty.
    pub(crate) fn take_batch(&mut self, scratch: &mut Vec<u8>) -> Batch {
        scratch.clear();
        if self.arrays {
            return self.take_array(scratch);
        }
        let mut batch = Batch::default();
        let (frames, bytes) = &mut batch.counted;
        while *frames < BATCH_FRAMES && *bytes < BATCH_BYTES {
            let large = self
                .entries
                .front()
                .is_some_and(|next| next.bytes.len() > COPY_BYTES);
            if large && *frames > 0 {
                break;
            }
            let Some(frame) = self.take() else { break };
            (*frames, *bytes) = (*frames + 1, *bytes + frame.len());
            if large {
                batch.alone = Some(frame);
                break;
            }
            scratch.extend_from_slice(&frame);
        }
        batch.emptied = self.entries.is_empty();
        batch
    }

    pub(crate) fn written(&mut self, (frames, bytes): (usize, usize)) {
        telemetry::net().frames_out.increment(frames as u64);
        self.frames = self.frames.saturating_sub(frames);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests;
