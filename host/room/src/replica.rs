//! An instance of a program that follows a room's calls, without a room around it: what it wants is looked at, or thrown
//! away.

use crate::checkpointing::Base;
use crate::effect::Effect;
use crate::event::{Event, SnapshotMeta};
use crate::journal::{CallRecord, Outcome};
use crate::limits::Limits;
use crate::manifest::{Intake, Topic};
use crate::opening::StopReason;
use crate::rebuild::begin;
use crate::room::topics;
use crate::rules::{CallLimits, Fault, LogLine, Program, RoomIdentity, Rules};
use bytes::Bytes;
use std::collections::BTreeMap;

/// An instance that follows a room's calls.
pub struct Replica {
    guest: Box<dyn Rules>,
    topics: BTreeMap<Topic, Intake>,
    limits: Limits,
    meta: SnapshotMeta,
}

impl Replica {
    /// Begin where the room was, or is.
    ///
    /// # Errors
    /// The program refuses the state, or fails at it.
    pub(crate) fn begin(
        program: &dyn Program,
        limits: &Limits,
        identity: &RoomIdentity,
        base: &Base,
        log: &LogLine,
    ) -> Result<Self, StopReason> {
        let once = CallLimits {
            deadline: None,
            log: false,
            ..limits.lifecycle()
        };
        let manifest = program.manifest();
        Ok(Self {
            guest: begin(program, log, identity, base, once)?,
            topics: topics(manifest),
            limits: limits.clone(),
            meta: SnapshotMeta {
                program: program.hash(),
                state_version: manifest.state_version,
            },
        })
    }

    /// Hear one call again. Messages about topics that this program does not know are left out.
    ///
    /// # Errors
    /// The program fails; the replica is of no use any more.
    pub fn follow(&mut self, record: &CallRecord) -> Result<Vec<Effect>, Fault> {
        if record.outcome == Outcome::Skipped {
            return Ok(Vec::new());
        }
        let known = |event: &Event| match event {
            Event::Message(message) => self.topics.contains_key(&message.topic),
            _ => true,
        };
        if record.events.iter().all(known) {
            return self.handle(record, &record.events);
        }
        let events: Vec<Event> = record.events.iter().filter(|e| known(e)).cloned().collect();
        if events.is_empty() {
            return Ok(Vec::new());
        }
        self.handle(record, &events)
    }

    fn handle(&mut self, record: &CallRecord, events: &[Event]) -> Result<Vec<Effect>, Fault> {
        let limits = self.limits.replay(events.len());
        let handled = self.guest.handle(&record.context, events, limits)?;
        Ok(handled.effects)
    }

    /// Its state as it is now.
    ///
    /// # Errors
    /// The program fails, or writes too much.
    pub fn snapshot(&mut self) -> Result<Bytes, Fault> {
        let limits = CallLimits {
            deadline: None,
            ..self.limits.writing_down()
        };
        let state = self.guest.snapshot(limits)?;
        self.limits.check_snapshot(state.len())?;
        Ok(state)
    }

    /// Which program it is.
    #[must_use]
    pub fn meta(&self) -> SnapshotMeta {
        self.meta
    }

    pub(crate) fn into_guest(self) -> Box<dyn Rules> {
        self.guest
    }
}
