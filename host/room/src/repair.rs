//! After a fault: a new guest, the batch again one event at a time, and the bill.

use crate::calls::Batch;
use crate::effect::{Ending, RefusalReason};
use crate::event::{Event, Joined};
use crate::faults::{FaultCause, FaultReport, Verdict};
use crate::ids::MemberId;
use crate::journal::{CallRecord, Outcome};
use crate::manifest::Durability;
use crate::output::{Closing, Output};
use crate::payload::Json;
use crate::plan::refused;
use crate::room::{Phase, Room, StopReason};
use crate::rules::Fault;

/// What a step could not finish.
#[derive(Debug)]
pub(crate) struct Repair {
    pub(crate) batch: Batch,
    pub(crate) fault: Fault,
}

impl Room {
    /// Mend what the last step left broken. Takes long: restores a snapshot and repeats calls.
    pub(crate) fn mend(&mut self) {
        while let Some(repair) = self.repair.take() {
            if self.phase == Phase::Over {
                return;
            }
            if let Err(reason) = self.rebuild_guest() {
                return self.stop(reason);
            }
            self.mend_one(repair);
        }
    }

    fn mend_one(&mut self, repair: Repair) {
        let Repair { batch, fault } = repair;
        if batch.events.is_empty() {
            // A snapshot that failed: no event is to blame.
            return self.charge(FaultCause::Program, "snapshot", fault);
        }
        if let Fault::Interrupted(_) = fault {
            // The clock is nobody's fault: once more, with more time.
            let limits = self.limits.second_try(batch.events.len());
            match self.try_call(batch, limits) {
                Ok(()) => return,
                Err((batch, fault)) => return self.after_second_fault(batch, fault),
            }
        }
        self.one_by_one(batch, fault);
    }

    fn after_second_fault(&mut self, batch: Batch, fault: Fault) {
        match self.rebuild_guest() {
            Ok(()) => self.one_by_one(batch, fault),
            Err(reason) => self.stop(reason),
        }
    }

    /// Find the fatal event, and skip it.
    fn one_by_one(&mut self, batch: Batch, first: Fault) {
        let alone = batch.events.len() == 1;
        let mut skipped = 0;
        let mut before = batch.before.into_iter().peekable();
        for (place, event) in batch.events.into_iter().enumerate() {
            let own = std::iter::from_fn(|| {
                before
                    .next_if(|(at, _)| *at == place)
                    .map(|(_, output)| output)
            });
            let single = Batch::single(event, own.collect::<Vec<_>>());
            if self.phase == Phase::Over || !self.still_concerns(&single.events) {
                self.turn_away(single.before);
                continue;
            }
            let fault = if alone {
                Some((single, first.clone()))
            } else {
                self.try_single(single)
            };
            let Some((single, fault)) = fault else {
                continue;
            };
            skipped += 1;
            if !alone && let Err(reason) = self.rebuild_guest() {
                return self.stop(reason);
            }
            self.skip(single, fault);
        }
        before.for_each(|(_, output)| self.emit(output));
        if self.phase == Phase::Over {
            return;
        }
        if skipped > 0 {
            // The same journal is never replayed twice.
            self.checkpoint();
        } else if matches!(first, Fault::OutOfFuel(_) | Fault::Interrupted(_)) {
            self.meter.overran();
        } else {
            self.charge(FaultCause::Program, "call", first);
        }
    }

    /// Make a call with one event. What cannot be blamed on the event is tried again.
    fn try_single(&mut self, single: Batch) -> Option<(Batch, Fault)> {
        let (single, fault) = self.try_call(single, self.limits.call(1)).err()?;
        if !matches!(fault, Fault::Interrupted(_)) {
            return Some((single, fault));
        }
        if let Err(reason) = self.rebuild_guest() {
            self.stop(reason);
            return None;
        }
        self.try_call(single, self.limits.second_try(1)).err()
    }

    /// Whether what an event is about is still here: rules never hear of a member they do not know.
    fn still_concerns(&self, events: &[Event]) -> bool {
        let here = |member: &MemberId| self.roster.members().any(|(id, _)| id == *member);
        events.iter().all(|event| match event {
            Event::Attach(attachment) => self.roster.connection(attachment.connection).is_some(),
            Event::Message(message) => {
                here(&message.member) || self.departed.contains_key(&message.member)
            }
            Event::Detach(detachment) => {
                here(&detachment.member) || self.departed.contains_key(&detachment.member)
            }
            Event::Leave(departure) => {
                here(&departure.member) || self.departed.contains_key(&departure.member)
            }
            Event::ProfileChanged(changed) => here(&changed.member),
            _ => true,
        })
    }

    /// An event never happened for the rules. Whoever it was about is told.
    fn skip(&mut self, single: Batch, fault: Fault) {
        let context = self.context();
        self.sequence += 1;
        let Some(event) = single.events.into_iter().next() else {
            return;
        };
        let cause = self.cause(&event, &fault);
        let record = CallRecord {
            sequence: self.sequence,
            context,
            events: vec![event.clone()],
            outcome: Outcome::Skipped,
            effects: 0,
        };
        if self.durability() == Durability::Journaled {
            self.store_call(None, &record);
        }
        self.remember(record);
        self.tell_skipped(&event, single.before, &fault);
        self.forget_skipped(&event);
        self.charge(cause, event.name(), fault);
        self.finish_ended();
    }

    fn tell_skipped(&mut self, event: &Event, before: Vec<(usize, Output)>, fault: &Fault) {
        match event {
            Event::JoinAttempt(entrant) => {
                if let Some(reservation) = self.roster.drop_reservation(entrant.connection) {
                    let text = "the rules failed on your request to enter";
                    self.emit(refused(reservation.session, RefusalReason::Forbidden, text));
                }
            }
            Event::Join(_) | Event::Attach(_) => self.turn_away(before),
            Event::Message(message) => self.emit(Output::Rejected {
                connection: message.via,
            }),
            Event::Signal(signal) => {
                if self.signals.remove(&signal.id).is_some() {
                    let answer = Err(format!("the rules failed on it: {fault}"));
                    self.emit(Output::SignalReply {
                        id: signal.id,
                        answer,
                    });
                }
            }
            _ => before.into_iter().for_each(|(_, output)| self.emit(output)),
        }
    }

    /// Whoever was about to be attached is not.
    fn turn_away(&mut self, before: Vec<(usize, Output)>) {
        for (_, output) in before {
            if let Output::Attached { session, .. } = output {
                self.emit(refused(
                    session,
                    RefusalReason::Forbidden,
                    "the rules failed on your entry",
                ));
            }
        }
    }

    /// What a skipped event leaves behind in the kernel; the same when it is replayed.
    pub(crate) fn forget_skipped(&mut self, event: &Event) {
        match event {
            Event::Join(joined) => {
                self.roster.leave(joined.member);
            }
            Event::Attach(attachment) => {
                self.roster
                    .forget_connection(attachment.connection, self.time.now());
            }
            Event::Terminate(_) => {
                self.ending = Some(Ending {
                    text: String::new(),
                    outcome: Json::new("null".to_owned()),
                });
            }
            _ => {}
        }
    }

    /// Who pays for an event.
    fn cause(&self, event: &Event, fault: &Fault) -> FaultCause {
        let user = match (event, fault) {
            (_, Fault::Unanswered(_)) => None,
            (Event::Message(message), _) => self
                .roster
                .member(message.member)
                .map(|m| &m.identity)
                .or_else(|| self.departed.get(&message.member)),
            (Event::JoinAttempt(entrant) | Event::Join(Joined { entrant, .. }), _) => {
                Some(&entrant.who)
            }
            _ => None,
        };
        user.map_or(FaultCause::Program, |identity| {
            FaultCause::User(identity.user.clone())
        })
    }

    fn charge(&mut self, cause: FaultCause, event: &'static str, fault: Fault) {
        let verdict = self.faults.charge(&cause, self.time.now());
        self.emit(Output::Fault(FaultReport {
            program: self.program.hash(),
            sequence: self.sequence,
            event,
            cause: cause.clone(),
            fault: fault.clone(),
        }));
        match (verdict, cause) {
            (Verdict::UserOut, FaultCause::User(user)) => {
                if let Some(member) = self.roster.member_of(&user) {
                    self.remove(member, &Closing::Faulted);
                }
            }
            (Verdict::ProgramOut, _) => self.stop(StopReason::TooManyFaults(fault)),
            _ => {}
        }
    }
}
