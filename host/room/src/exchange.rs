//! Another program in the place of the present one, between two calls, and the way back.

use crate::calls::Batch;
use crate::checkpointing::Base;
use crate::clock::Clock;
use crate::event::{Event, SnapshotMeta};
use crate::journal::CallRecord;
use crate::manifest::{Capability, Durability, Manifest};
use crate::opening::StopReason;
use crate::output::Output;
use crate::rebuild::begin;
use crate::replica::Replica;
use crate::room::{Phase, Room, ticker, topics};
use crate::rules::{LogLine, Program, Rules};
use bytes::Bytes;
use std::sync::Arc;

/// Bytes of calls that are kept for the way back. With more, only the code can be taken back.
const RETREAT_BYTES: usize = 16 * 1024 * 1024;

/// A program that is to rule a room.
#[derive(Clone)]
pub struct Takeover {
    /// It.
    pub program: Arc<dyn Program>,
    /// Capabilities that the operator grants to it.
    pub granted: Vec<Capability>,
    /// Where its lines go.
    pub log: LogLine,
}

/// How a room was taken back to an earlier program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retreated {
    /// The earlier program has taken over the present state.
    Code,
    /// It refused that, and was given its own state of before, and what has happened since.
    CodeAndState,
}

/// What a room remembers of the program before.
pub(crate) struct Retreat {
    /// Which it was, and what it wrote down.
    meta: SnapshotMeta,
    state: Bytes,
    /// The calls since. `None`: too much to keep.
    records: Option<Vec<CallRecord>>,
    bytes: usize,
}

impl Retreat {
    pub(crate) fn push(&mut self, record: &CallRecord) {
        let events = record.events.iter();
        let events = events.map(|event| event.size() + size_of::<Event>());
        self.bytes += events.sum::<usize>() + size_of::<CallRecord>();
        if self.bytes > RETREAT_BYTES {
            self.records = None;
        }
        if let Some(records) = &mut self.records {
            records.push(record.clone());
        }
    }
}

/// A program that has taken over a state, and is not in its place yet.
struct Successor {
    takeover: Takeover,
    guest: Box<dyn Rules>,
    base: Base,
}

impl Room {
    /// Put another program in the place of the present one. Members, connections, timers, rights and listing stay; the
    /// new rules first hear `activated`. What is needed for [`Room::roll_back`] is kept until [`Room::forget_retreat`].
    ///
    /// # Errors
    /// The old rules cannot be written down, or the new ones refuse or fail: the old go on.
    pub fn exchange(
        &mut self,
        clock: Clock,
        takeover: Takeover,
    ) -> Result<Vec<Output>, StopReason> {
        self.time.advance(clock);
        self.mend();
        let (from, state) = self.write_down(takeover.program.manifest(), &takeover.granted)?;
        let retreat = Retreat {
            meta: from,
            state: state.clone(),
            records: Some(Vec::new()),
            bytes: 0,
        };
        let base = Base::Snapshot { meta: from, state };
        let guest = self.succeed(&takeover, &base)?;
        self.install(Successor {
            takeover,
            guest,
            base,
        });
        self.retreat = Some(retreat);
        Ok(std::mem::take(&mut self.out))
    }

    /// Go back to an earlier program: it takes over the present state, or, if it refuses that and was the one before,
    /// its own state of before and hears again what has happened since, to no effect.
    ///
    /// # Errors
    /// Neither is possible: the present rules go on.
    pub fn roll_back(
        &mut self,
        clock: Clock,
        takeover: Takeover,
    ) -> Result<(Retreated, Vec<Output>), StopReason> {
        let refusal = match self.exchange(clock, takeover.clone()) {
            Ok(outputs) => {
                self.retreat = None;
                return Ok((Retreated::Code, outputs));
            }
            Err(refusal) => refusal,
        };
        let successor = match self.go_back_in_time(takeover) {
            Some(Ok(successor)) => successor,
            Some(Err(reason)) => return Err(reason),
            None => return Err(refusal),
        };
        // What was broken is gone with the guest that broke it.
        if let Some(repair) = self.repair.take() {
            self.turn_away(repair.batch.before);
        }
        self.install(successor);
        self.retreat = None;
        Ok((Retreated::CodeAndState, std::mem::take(&mut self.out)))
    }

    /// The probation is over.
    pub fn forget_retreat(&mut self) {
        self.retreat = None;
    }

    /// What a rollback would bring back, if one is possible.
    #[must_use]
    pub fn retreat(&self) -> Option<Retreated> {
        self.retreat.as_ref().map(|retreat| match retreat.records {
            Some(_) => Retreated::CodeAndState,
            None => Retreated::Code,
        })
    }

    /// The state, for a program with this manifest.
    fn write_down(
        &mut self,
        manifest: &Manifest,
        granted: &[Capability],
    ) -> Result<(SnapshotMeta, Bytes), StopReason> {
        if self.phase == Phase::Over {
            return Err(StopReason::Refused("the room is over".to_owned()));
        }
        check_wanted(manifest, granted)?;
        let dirty_since = self.dirty_since;
        match self.take_snapshot() {
            Ok(state) => {
                // It was not stored: for the disk, what changed has still changed.
                self.dirty_since = dirty_since;
                Ok((self.meta(), state))
            }
            Err(fault) => {
                self.begin_repair(Batch::default(), fault.clone());
                Err(StopReason::Rules(fault))
            }
        }
    }

    fn succeed(&self, takeover: &Takeover, base: &Base) -> Result<Box<dyn Rules>, StopReason> {
        let manifest = takeover.program.manifest();
        let limits = self.config.limits.for_program(manifest).lifecycle();
        let program = takeover.program.as_ref();
        begin(program, &takeover.log, &self.identity, base, limits)
    }

    /// `None`: it is not the program that was here before, or not enough of then is known.
    fn go_back_in_time(&self, takeover: Takeover) -> Option<Result<Successor, StopReason>> {
        let retreat = self.retreat.as_ref()?;
        let records = retreat.records.as_ref()?;
        if retreat.meta.program != takeover.program.hash() {
            return None;
        }
        Some(self.relive(takeover, retreat, records))
    }

    fn relive(
        &self,
        takeover: Takeover,
        retreat: &Retreat,
        records: &[CallRecord],
    ) -> Result<Successor, StopReason> {
        let base = Base::Snapshot {
            meta: retreat.meta,
            state: retreat.state.clone(),
        };
        let limits = self.config.limits.for_program(takeover.program.manifest());
        let mut replica = Replica::begin(
            takeover.program.as_ref(),
            &limits,
            &self.identity,
            &base,
            &takeover.log,
        )?;
        for record in records {
            replica.follow(record).map_err(|fault| {
                StopReason::Rebuild(format!("call {}: {fault}", record.sequence))
            })?;
        }
        let state = replica.snapshot().map_err(StopReason::Rules)?;
        let base = Base::Snapshot {
            meta: replica.meta(),
            state,
        };
        let guest = replica.into_guest();
        Ok(Successor {
            takeover,
            guest,
            base,
        })
    }

    /// From here on nothing can fail.
    fn install(&mut self, successor: Successor) {
        let from = self.meta();
        let Successor {
            takeover,
            guest,
            base,
        } = successor;
        let manifest = takeover.program.manifest();
        self.is_stored |= manifest.durability != Durability::Ephemeral;
        if manifest.pace != self.manifest().pace {
            self.ticker = ticker(manifest, self.time.mono());
        }
        self.topics = topics(manifest);
        self.limits = self.config.limits.for_program(manifest);
        self.guest = Some(guest);
        self.base = base;
        self.journal.clear();
        self.program = takeover.program;
        self.config.granted = takeover.granted;
        self.config.log = takeover.log;
        self.meter = crate::meter::FuelMeter::default();
        self.faults.acquit_program();
        self.since = self.sequence.saturating_add(1);
        self.owe_activated(from);
        if self.durability() != Durability::Ephemeral
            && let Err(fault) = self.store_checkpoint()
        {
            self.begin_repair(Batch::default(), fault);
        }
    }
}

/// Whether the operator grants all that a program wants.
fn check_wanted(manifest: &Manifest, granted: &[Capability]) -> Result<(), StopReason> {
    let mut wanted = manifest.capabilities.iter();
    let missing = wanted.find(|wanted| !granted.contains(wanted));
    missing.map_or(Ok(()), |wanted| Err(StopReason::NotGranted(wanted.name())))
}
