//! Starting guests: new ones, after a fault, after a restart.

use crate::checkpoint::Checkpoint;
use crate::checkpointing::Base;
use crate::clock::{Clock, RoomTime};
use crate::event::{Detachment, Event, Parting, SnapshotMeta};
use crate::journal::{CallRecord, Outcome};
use crate::limits::TEXT_BYTES;
use crate::opening::{Opening, RoomConfig, StopReason};
use crate::output::Output;
use crate::room::{Room, ticker};
use crate::roster::{Member, Roster};
use crate::rules::{CallLimits, LogLine, Program, RoomIdentity, Rules};
use std::sync::Arc;

impl Room {
    /// Bring a room back from its checkpoint and the calls accepted since. Its connections are gone:
    /// the rules hear so first, and members are kept for the time of grace.
    ///
    /// # Errors
    /// The program refuses the state, or fails at what it had accepted.
    pub fn restore(
        program: Arc<dyn Program>,
        config: RoomConfig,
        opening: &Opening,
        checkpoint: &Checkpoint,
        records: &[CallRecord],
    ) -> Result<Self, StopReason> {
        let mut room = Self::bare(program, config, opening)?;
        room.is_stored = true;
        room.identity.seed = checkpoint.seed;
        room.take_over(checkpoint);
        room.base = Base::Snapshot {
            meta: checkpoint.meta,
            state: checkpoint.state.clone(),
        };
        room.start_guest(true)?;
        room.replaying = true;
        // The store may still have calls that the checkpoint contains already.
        for record in records.iter().filter(|r| r.sequence > checkpoint.sequence) {
            room.replay(record)?;
        }
        room.replaying = false;
        room.dropped = 0;
        room.resume_time(opening.clock);
        if room.ending.is_some() {
            // It was over; only its stored state had not gone yet.
            room.owed.clear();
            room.roster = Roster::default();
            room.finish_ended();
            return Ok(room);
        }
        room.part_from_connections();
        if room.meta().program != checkpoint.meta.program {
            room.since = room.sequence.saturating_add(1);
            room.owe_activated(checkpoint.meta);
        }
        room.announce();
        Ok(room)
    }

    /// What others were told in an earlier life of the room, and those of this process do not know.
    fn announce(&mut self) {
        if let Some(listing) = self.listing.clone() {
            self.emit(Output::Listing(listing));
        }
        self.count_heads();
    }

    /// The present program has taken over: it hears so first.
    pub(crate) fn owe_activated(&mut self, from: SnapshotMeta) {
        self.owed
            .retain(|event| !matches!(event, Event::Activated(_)));
        self.owed.push_front(Event::Activated(from));
    }

    /// The kernel's half of a checkpoint.
    pub(crate) fn take_over(&mut self, checkpoint: &Checkpoint) {
        self.sequence = checkpoint.sequence;
        self.since = checkpoint.since;
        self.ticks = checkpoint.ticks;
        self.time.replay(checkpoint.now, checkpoint.uptime);
        self.roster = Roster::with_counters(checkpoint.next_member, checkpoint.next_connection);
        for record in &checkpoint.members {
            let member = Member {
                identity: record.identity.clone(),
                connections: record.connections.clone(),
                grace_until: record.grace_until,
                parting: record.parting,
                gone: record.gone,
                heard_from: 0,
            };
            self.roster.seat(record.id, member);
        }
        for timer in &checkpoint.timers {
            self.timers.set(timer.id, timer.due);
        }
        self.listing.clone_from(&checkpoint.listing);
        for said in &checkpoint.rights {
            self.rights.say(&said.right, said.granted);
        }
        for out in &checkpoint.outs {
            self.faults.put_out(out.user.clone(), out.until);
        }
        self.owed.extend(checkpoint.owed.iter().cloned());
        self.snapshot_bytes = checkpoint.state.len();
    }

    /// Repeat an accepted call: what it wants in the room is done again, what would leave it is not.
    fn replay(&mut self, record: &CallRecord) -> Result<(), StopReason> {
        if record.sequence != self.sequence.saturating_add(1) {
            let after = self.sequence;
            let text = format!("call {} follows call {after}", record.sequence);
            return Err(StopReason::Rebuild(text));
        }
        self.sequence = record.sequence;
        self.time.replay(record.context.now, record.context.uptime);
        self.departed.clear();
        record.events.iter().for_each(|event| self.apply(event));
        self.owed.retain(|owed| !record.events.contains(owed));
        match record.outcome {
            Outcome::Skipped => record
                .events
                .iter()
                .for_each(|event| self.forget_skipped(event)),
            Outcome::Accepted => {
                let limits = self.limits.replay(record.events.len());
                let guest = self
                    .guest
                    .as_mut()
                    .ok_or_else(|| StopReason::Rebuild("no instance".to_owned()))?;
                let handled = guest
                    .handle(&record.context, &record.events, limits)
                    .map_err(|fault| {
                        StopReason::Rebuild(format!("call {}: {fault}", record.sequence))
                    })?;
                if record.diverges(&handled.effects) {
                    self.divergences += 1;
                }
                self.perform(handled.effects, &record.events);
            }
        }
        self.remember(record.clone());
        Ok(())
    }

    /// The clock goes on from where the room was, however long that is ago.
    fn resume_time(&mut self, clock: Clock) {
        self.time = RoomTime::start(clock, self.time.now(), self.time.uptime());
        self.ticker = ticker(self.program.manifest(), clock.mono);
        if !self.journal.is_empty() {
            self.dirty_since = Some(clock.mono);
        }
    }

    /// Sessions do not outlive the process.
    fn part_from_connections(&mut self) {
        let until = self.grace_end(Parting::ServerRestart);
        self.roster.keep_lonely(until);
        let keep = u64::try_from(self.limits.restart_grace.as_millis()).unwrap_or(u64::MAX);
        self.kept_until = self.time.now().saturating_add(keep);
        let attached: Vec<Event> = self
            .roster
            .connections()
            .map(|(connection, c)| {
                Event::Detach(Detachment {
                    member: c.member,
                    connection,
                    reason: Parting::ServerRestart,
                })
            })
            .collect();
        self.owed.extend(attached);
        let gone: Vec<_> = self
            .roster
            .members()
            .filter(|(_, m)| m.gone)
            .map(|(id, _)| id)
            .collect();
        gone.into_iter()
            .for_each(|member| self.owe_departure(member));
    }

    /// A fresh instance, brought to where the room is but for the journal.
    pub(crate) fn start_guest(&mut self, replaying: bool) -> Result<(), StopReason> {
        let mut limits = self.limits.lifecycle();
        if replaying {
            limits = CallLimits {
                deadline: None,
                log: false,
                ..limits
            };
        }
        let guest = begin(
            self.program.as_ref(),
            &self.config.log,
            &self.identity,
            &self.base,
            limits,
        )?;
        self.guest = Some(guest);
        Ok(())
    }

    /// After a fault: the guest's half alone, its effects thrown away.
    pub(crate) fn rebuild_guest(&mut self) -> Result<(), StopReason> {
        self.guest = None;
        self.start_guest(true)?;
        let Some(guest) = self.guest.as_mut() else {
            return Ok(());
        };
        for record in self
            .journal
            .records()
            .iter()
            .filter(|record| record.outcome == Outcome::Accepted)
        {
            let limits = self.limits.replay(record.events.len());
            let handled = guest
                .handle(&record.context, &record.events, limits)
                .map_err(|fault| {
                    StopReason::Rebuild(format!("call {}: {fault}", record.sequence))
                })?;
            if record.diverges(&handled.effects) {
                self.divergences += 1;
            }
        }
        Ok(())
    }
}

/// An instance of a program, begun or restored.
pub(crate) fn begin(
    program: &dyn Program,
    log: &LogLine,
    identity: &RoomIdentity,
    base: &Base,
    limits: CallLimits,
) -> Result<Box<dyn Rules>, StopReason> {
    let mut guest = program
        .instantiate(log.clone())
        .map_err(StopReason::Rules)?;
    let answer = match base {
        Base::Init => guest.init(identity, limits),
        Base::Snapshot { meta, state } => guest.restore(identity, meta, state, limits),
    };
    match answer {
        Ok(Ok(())) => Ok(guest),
        Ok(Err(mut text)) => {
            text.truncate(text.floor_char_boundary(TEXT_BYTES));
            Err(StopReason::Refused(text))
        }
        Err(fault) => Err(StopReason::Rules(fault)),
    }
}
