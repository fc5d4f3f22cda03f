//! After a fault: a new guest, the batch again one event at a time, and the bill.

use crate::calls::Batch;
use crate::effect::RefusalReason;
use crate::event::{Event, Joined};
use crate::faults::{FaultCause, FaultReport, Verdict};
use crate::identity::{Identity, UserId};
use crate::journal::{CallRecord, Outcome};
use crate::manifest::Durability;
use crate::mending::{Mending, Repair};
use crate::opening::StopReason;
use crate::output::{Closing, Output};
use crate::plan::refused;
use crate::room::{Phase, Room};
use crate::rules::Fault;

impl Room {
    /// Mend what the last step left broken. Takes long: restores a snapshot and repeats calls.
    pub(crate) fn mend(&mut self) {
        while self.phase == Phase::Running
            && let Some(Repair { batch, fault }) = self.repair.take()
        {
            match self.rebuild_guest() {
                Ok(()) => self.mend_one(batch, fault),
                Err(reason) => self.give_up(batch, reason),
            }
        }
    }

    fn mend_one(&mut self, batch: Batch, fault: Fault) {
        if batch.events.is_empty() {
            // A snapshot that failed: no event is to blame.
            return self.charge(FaultCause::Program, None, "snapshot", fault);
        }
        let Fault::Interrupted(_) = fault else {
            return self.one_by_one(batch, fault);
        };
        // The clock is nobody's fault: once more, with more time.
        let limits = self.limits.second_try(batch.events.len());
        if let Err((batch, fault)) = self.try_call(batch, limits) {
            match self.rebuild_guest() {
                Ok(()) => self.one_by_one(batch, fault),
                Err(reason) => self.give_up(batch, reason),
            }
        }
    }

    /// The room stops with a batch that was never given.
    fn give_up(&mut self, batch: Batch, reason: StopReason) {
        self.stop(reason);
        self.turn_away(batch.before);
    }

    /// Find the fatal event, and skip it.
    fn one_by_one(&mut self, batch: Batch, first: Fault) {
        let alone = batch.events.len() == 1;
        let mut skipped = 0;
        let mut before = batch.before.into_iter().peekable();
        self.mending = Some(Mending::default());
        if batch.events.contains(&Event::Tick) {
            // Counted again with the call that has it.
            self.ticks = self.ticks.saturating_sub(1);
        }
        for (place, event) in batch.events.into_iter().enumerate() {
            if event == Event::Tick {
                self.apply(&event);
            }
            let own = std::iter::from_fn(|| {
                before
                    .next_if(|(at, _)| *at == place)
                    .map(|(_, output)| output)
            });
            let mut single = Batch::single(event, own.collect::<Vec<_>>());
            if self.passes_over(&mut single) {
                continue;
            }
            self.catch_up(&mut single, batch.last);
            let fault = if alone {
                Some((single, first.clone()))
            } else {
                self.try_single(single)
            };
            if let Some((single, fault)) = fault {
                skipped += 1;
                self.skip_and_go_on(single, fault, alone);
            }
        }
        before.for_each(|(_, output)| self.emit(output));
        self.finish_mending(skipped, first);
    }

    /// Whether an event is not given again, because of what became of others before it.
    fn passes_over(&mut self, single: &mut Batch) -> bool {
        let Some(event) = single.events.first() else {
            return true;
        };
        let given = self.phase == Phase::Running && self.concerns(event);
        if !given {
            let event = event.clone();
            self.pass_over(&event, std::mem::take(&mut single.before));
        }
        !given
    }

    fn skip_and_go_on(&mut self, single: Batch, fault: Fault, alone: bool) {
        if self.phase == Phase::Over {
            return self.turn_away(single.before);
        }
        if !alone && let Err(reason) = self.rebuild_guest() {
            return self.give_up(single, reason);
        }
        self.skip(single, fault);
    }

    /// The batch is done with: what is owed for it as a whole.
    fn finish_mending(&mut self, skipped: usize, first: Fault) {
        let mending = self.mending.take().unwrap_or_default();
        if self.phase == Phase::Over {
            return;
        }
        if let Some(ticket) = mending.commit {
            self.commit_checkpoint(ticket);
        } else if skipped > 0 {
            // The same journal is never replayed twice.
            self.checkpoint();
        }
        if skipped > 0 || self.phase == Phase::Over {
            return;
        }
        match first {
            // Too much for one call, and nothing wrong with any of its events.
            Fault::OutOfFuel(_) | Fault::Interrupted(_) | Fault::Limit(_) => self.meter.overran(),
            first => self.charge(FaultCause::Program, None, "call", first),
        }
    }

    /// Make a call with one event. What cannot be blamed on the event is tried again.
    fn try_single(&mut self, single: Batch) -> Option<(Batch, Fault)> {
        let (single, fault) = self.try_call(single, self.limits.call(1)).err()?;
        if !matches!(fault, Fault::Interrupted(_)) {
            return Some((single, fault));
        }
        if let Err(reason) = self.rebuild_guest() {
            self.give_up(single, reason);
            return None;
        }
        self.try_call(single, self.limits.second_try(1)).err()
    }

    /// An event never happened for the rules. Whoever it was about is told.
    fn skip(&mut self, single: Batch, fault: Fault) {
        let context = self.context();
        self.sequence = self.sequence.saturating_add(1);
        let Some(event) = single.events.into_iter().next() else {
            return;
        };
        let cause = self.cause(&event, &fault);
        let record = CallRecord {
            sequence: self.sequence,
            context,
            events: vec![event.clone()],
            outcome: Outcome::Skipped,
            effects: None,
        };
        if self.durability() == Durability::Journaled {
            self.store_call(None, &record);
        }
        self.show_call(&record, &[]);
        self.remember(record);
        self.tell_skipped(&event, single.before, &fault);
        self.forget_skipped(&event);
        let user = self.named_by(&event).map(|who| who.user.clone());
        self.charge(cause, user, event.name(), fault);
        self.finish_ended();
    }

    fn tell_skipped(&mut self, event: &Event, before: Vec<(usize, Output)>, fault: &Fault) {
        self.turn_away(before);
        match event {
            Event::JoinAttempt(entrant) => {
                if let Some(reservation) = self.roster.drop_reservation(entrant.connection) {
                    let text = "the rules failed on your request to enter";
                    self.emit(refused(reservation.session, RefusalReason::Forbidden, text));
                }
            }
            Event::Message(message) => self.emit(Output::Rejected {
                connection: message.via,
            }),
            Event::Signal(signal) if self.signals.close(signal.id) => {
                let answer = Err(format!("the rules failed on it: {fault}"));
                self.emit(Output::SignalReply {
                    id: signal.id,
                    answer,
                });
            }
            _ => {}
        }
    }

    /// What a skipped event leaves behind in the kernel; the same when it is replayed.
    pub(crate) fn forget_skipped(&mut self, event: &Event) {
        match event {
            Event::Join(joined) => self.unhear_member(joined.member),
            Event::Attach(attachment) => self.unhear_connection(attachment),
            _ => {}
        }
    }

    /// Who pays for an event: the user it names. A missing answer is the program's own fault, and nobody pays
    /// with his seat for what the clock stopped.
    fn cause(&self, event: &Event, fault: &Fault) -> FaultCause {
        let user = match fault {
            Fault::Unanswered(_) | Fault::Interrupted(_) => None,
            _ => self.named_by(event),
        };
        user.map_or(FaultCause::Program, |identity| {
            FaultCause::User(identity.user.clone())
        })
    }

    /// The user without whom an event would not have happened.
    fn named_by<'a>(&'a self, event: &'a Event) -> Option<&'a Identity> {
        let member = match event {
            Event::JoinAttempt(entrant) | Event::Join(Joined { entrant, .. }) => {
                return Some(&entrant.who);
            }
            Event::DocAccess(question) => return Some(&question.who),
            Event::Attach(attachment) => attachment.member,
            Event::Detach(detachment) => detachment.member,
            Event::Leave(departure) => departure.member,
            Event::Message(message) => message.member,
            Event::ProfileChanged(changed) => changed.member,
            Event::MediaAccess(media) => media.member,
            Event::Tick
            | Event::Timer(_)
            | Event::Activated(_)
            | Event::Signal(_)
            | Event::DocApplied(_)
            | Event::Terminate(_) => return None,
        };
        let here = self.roster.anyone(member).map(|m| &m.identity);
        here.or_else(|| self.departed.get(&member))
    }

    fn charge(
        &mut self,
        cause: FaultCause,
        user: Option<UserId>,
        event: &'static str,
        fault: Fault,
    ) {
        let verdict = self.faults.charge(&cause, self.time.now());
        self.fault_count += 1;
        let report = FaultReport {
            program: self.program.hash(),
            sequence: self.sequence,
            event,
            cause: cause.clone(),
            user,
            fault: fault.clone(),
        };
        let bundle = self.fault_bundle(&report);
        self.emit(Output::Fault(report));
        self.emit(Output::FaultBundle(Box::new(bundle)));
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
