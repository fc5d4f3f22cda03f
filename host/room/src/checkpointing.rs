//! Taking checkpoints, in memory for rebuilding the guest and on disk for rebuilding the room.

use crate::calls::Batch;
use crate::checkpoint::{Checkpoint, MemberRecord, OutRecord, RightRecord, TimerRecord};
use crate::event::{Event, SnapshotMeta};
use crate::ids::Ticket;
use crate::journal::CallRecord;
use crate::manifest::Durability;
use crate::opening::StopReason;
use crate::output::{Output, Persist};
use crate::room::Room;
use crate::rules::Fault;
use bytes::Bytes;

/// What a guest is rebuilt from, before the journal.
#[derive(Clone, Debug)]
pub(crate) enum Base {
    /// It began here, with `init`.
    Init,
    /// A snapshot.
    Snapshot {
        /// Who wrote it.
        meta: SnapshotMeta,
        /// What was written.
        state: Bytes,
    },
}

/// What went before the last checkpoint in memory: other rules are tried on it, too.
pub(crate) struct Recent {
    pub(crate) base: Base,
    pub(crate) calls: Vec<CallRecord>,
}

/// Rooms with more state than this keep nothing of before their last checkpoint, in bytes.
const RECENT_STATE: usize = 64 * 1024;

impl Room {
    pub(crate) fn is_checkpoint_due(&self) -> bool {
        let Some(since) = self.dirty_since else {
            return false;
        };
        since.saturating_add(self.limits.checkpoint_every) <= self.time.mono()
            || self.journal.events() >= self.limits.checkpoint_events as usize
            || self.journal.bytes() >= self.limits.checkpoint_bytes
    }

    /// Take one, and store it unless the kind is ephemeral. A guest that fails at it is left to be mended.
    pub(crate) fn checkpoint(&mut self) {
        let taken = match self.durability() {
            Durability::Ephemeral => self.take_snapshot().map(|_| ()),
            Durability::Snapshot | Durability::Journaled => self.store_checkpoint(),
        };
        if let Err(fault) = taken {
            // Wait for the next one rather than try again at once.
            self.dirty_since = Some(self.time.mono());
            self.begin_repair(Batch::default(), fault);
        }
    }

    /// The checkpoint that a call waits for. Without it the call can never leave: the room stops.
    pub(crate) fn commit_checkpoint(&mut self, ticket: Ticket) {
        match self.take_snapshot() {
            Ok(state) => self.hand_out(ticket, state),
            Err(fault) => self.stop(StopReason::Rules(fault)),
        }
    }

    pub(crate) fn store_checkpoint(&mut self) -> Result<(), Fault> {
        let state = self.take_snapshot()?;
        let ticket = self.gate.ticket();
        self.hand_out(ticket, state);
        Ok(())
    }

    fn hand_out(&mut self, ticket: Ticket, state: Bytes) {
        let bytes = self.to_checkpoint(state).to_bytes();
        self.gate.store(ticket, bytes.len());
        self.emit(Output::Persist(Persist::Checkpoint {
            ticket,
            covers: self.sequence,
            bytes,
        }));
    }

    /// Have the guest write its state down; from now on it is rebuilt from there.
    pub(crate) fn take_snapshot(&mut self) -> Result<Bytes, Fault> {
        let limits = self.limits.writing_down();
        let guest = self
            .guest
            .as_mut()
            .ok_or_else(|| Fault::Start("no instance".to_owned()))?;
        let state = guest.snapshot(limits)?;
        self.limits.check_snapshot(state.len())?;
        self.snapshot_bytes = state.len();
        let base = Base::Snapshot {
            meta: self.meta(),
            state: state.clone(),
        };
        let before = std::mem::replace(&mut self.base, base);
        let calls = self.journal.take();
        if !calls.is_empty() {
            self.recent = (state.len() <= RECENT_STATE).then_some(Recent {
                base: before,
                calls,
            });
        }
        self.dirty_since = None;
        Ok(state)
    }

    pub(crate) fn to_checkpoint(&self, state: Bytes) -> Checkpoint {
        let (next_member, next_connection) = self.roster.counters();
        let members = self.roster.members().map(|(id, member)| MemberRecord {
            id,
            identity: member.identity.clone(),
            connections: member.connections.clone(),
            grace_until: member.grace_until,
            parting: member.parting,
            gone: member.gone,
        });
        let reservations = self.roster.reservations().iter();
        let admitted = reservations.filter(|r| r.until.is_some());
        Checkpoint {
            sequence: self.sequence,
            seed: self.identity.seed,
            now: self.time.now(),
            uptime: self.time.uptime(),
            ticks: self.ticks,
            meta: self.meta(),
            state,
            next_member,
            next_connection,
            members: members.collect(),
            timers: self
                .timers
                .iter()
                .map(|(due, id)| TimerRecord { id, due })
                .collect(),
            listing: self.listing.clone(),
            rights: self
                .rights
                .iter()
                .map(|(right, granted)| RightRecord { right, granted })
                .collect(),
            outs: self
                .faults
                .outs()
                .map(|(user, until)| OutRecord {
                    user: user.clone(),
                    until,
                })
                .collect(),
            // Departures follow from the members that are gone.
            owed: self
                .owed
                .iter()
                .filter(|event| matches!(event, Event::Activated(_)))
                .cloned()
                .collect(),
            reservations: admitted.map(|r| r.entrant.clone()).collect(),
            since: self.since,
        }
    }
}
