//! Accepted calls since the last checkpoint: what a guest or a room is rebuilt from.

use crate::codec::{self, RecordError};
use crate::effect::Effect;
use crate::event::Event;
use crate::rules::Context;
use bytes::Bytes;
use minicbor::encode::Write;
use minicbor::{Decode, Encode};
use siphasher::sip::SipHasher13;
use std::convert::Infallible;
use std::hash::Hasher;

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Outcome {
    /// It was accepted.
    #[n(0)]
    Accepted,
    /// Its only event made the rules fail and never happened for them.
    #[n(1)]
    Skipped,
}

/// One call as it was made.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CallRecord {
    /// Its place among all calls of the room, from 1.
    #[n(0)]
    pub sequence: u64,
    /// Time and chance.
    #[n(1)]
    pub context: Context,
    /// What happened, topics by name.
    #[n(2)]
    pub events: Vec<Event>,
    /// What became of it.
    #[n(3)]
    pub outcome: Outcome,
    /// Hash of its effects, by which a replay in another process is compared. None for a skipped call, and for
    /// one that never leaves the process.
    #[n(4)]
    pub effects: Option<u64>,
}

impl CallRecord {
    /// As it is kept in a journal.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        codec::to_bytes(self).into()
    }

    /// Read it back.
    ///
    /// # Errors
    /// The bytes are not such a record.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        codec::from_bytes(bytes)
    }

    /// Whether these are other effects than the recorded ones, as far as that can be told.
    #[must_use]
    pub fn diverges(&self, effects: &[Effect]) -> bool {
        self.effects
            .is_some_and(|hash| hash != Self::hash_effects(effects))
    }

    /// The hash by which a replay is compared: `SipHash` 1-3 over the effects' record form.
    #[must_use]
    pub fn hash_effects(effects: &[Effect]) -> u64 {
        struct Feed(SipHasher13);
        impl Write for Feed {
            type Error = Infallible;
            fn write_all(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
                self.0.write(bytes);
                Ok(())
            }
        }
        let mut feed = Feed(SipHasher13::new());
        for effect in effects {
            // A hasher takes everything: its error type is uninhabited.
            let _ = minicbor::encode(effect, &mut feed);
        }
        feed.0.finish()
    }
}

/// The calls since the last checkpoint, in memory.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    records: Vec<CallRecord>,
    events: usize,
    bytes: usize,
}

impl Journal {
    pub(crate) fn push(&mut self, mut record: CallRecord) {
        record.events.shrink_to_fit();
        self.events += record.events.len();
        self.bytes += record.events.iter().map(Event::size).sum::<usize>();
        self.records.push(record);
    }

    /// A new checkpoint contains them all.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The same, and here they are.
    pub(crate) fn take(&mut self) -> Vec<CallRecord> {
        std::mem::take(self).records
    }

    pub(crate) fn records(&self) -> &[CallRecord] {
        &self.records
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(crate) fn events(&self) -> usize {
        self.events
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_keep_no_room_for_more_events() {
        let mut events = Vec::with_capacity(64);
        events.push(Event::Tick);
        let context = Context {
            now: 0,
            uptime: 0,
            seed: 0,
            tick: Some(1),
        };
        let mut journal = Journal::default();
        journal.push(CallRecord {
            sequence: 1,
            context,
            events,
            outcome: Outcome::Accepted,
            effects: None,
        });
        let kept = journal.records().iter().map(|r| r.events.capacity());
        assert_eq!(kept.sum::<usize>(), 1);
    }
}
