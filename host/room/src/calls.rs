//! One call of the rules: which events go into it, and what is done with its answer.

use crate::effect::Effect;
use crate::event::Event;
use crate::ids::Ticket;
use crate::input::Input;
use crate::journal::{CallRecord, Outcome};
use crate::limits::{BATCH_BYTES, BATCH_EVENTS};
use crate::manifest::Durability;
use crate::output::{Output, Persist};
use crate::room::Room;
use crate::rules::{CallLimits, Context, Fault, Handled};
use siphasher::sip::SipHasher24;
use std::hash::Hasher;

/// Events for one call, and outputs that go before whatever the call wants.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) events: Vec<Event>,
    /// With the position of the event they belong to.
    pub(crate) before: Vec<(usize, Output)>,
    pub(crate) bytes: usize,
    /// The last reliable delivery when it was planned.
    pub(crate) last: u64,
}

impl Batch {
    pub(crate) fn of(event: Event) -> Self {
        let bytes = event.size();
        Self {
            events: vec![event],
            before: Vec::new(),
            bytes,
            last: 0,
        }
    }

    pub(crate) fn push(&mut self, event: Event) {
        self.bytes = self.bytes.saturating_add(event.size());
        self.events.push(event);
    }

    /// An output that goes before the effects of the event pushed next.
    pub(crate) fn before_next(&mut self, output: Output) {
        self.before.push((self.events.len(), output));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.before.is_empty()
    }

    fn is_full(&self, limit: usize) -> bool {
        self.events.len() >= limit || self.bytes >= BATCH_BYTES
    }

    /// Whether an input belongs into the next batch instead.
    fn is_too_full_for(&self, input: &Input) -> bool {
        let size = match input {
            Input::End(_) => return !self.is_empty(),
            Input::Message { payload, .. } => payload.len(),
            Input::Signal(signal) => signal.body.len(),
            Input::Knock(knock) => knock.who.claims.len().saturating_add(knock.options.len()),
            _ => 0,
        };
        !self.events.is_empty() && self.bytes.saturating_add(size) > BATCH_BYTES
    }
}

impl Room {
    /// What the rules are told next. Turns inputs into events and applies these to the roster.
    pub(crate) fn next_batch(&mut self) -> Batch {
        // An entry and a departure are two events that stay together.
        let limit = self.meter.batch(&self.limits).min(BATCH_EVENTS - 1);
        let mut batch = Batch {
            events: Vec::with_capacity(self.waiting().min(limit)),
            last: self.ring.last().0,
            ..Batch::default()
        };
        self.departed.clear();
        while !batch.is_full(limit) {
            if let Some(event) = self.owed.pop_front() {
                self.apply(&event);
                batch.push(event);
            } else if self.plan_due(&mut batch) {
            } else if let Some(connection) = self.entering.pop_front() {
                self.plan_entry(connection, &mut batch);
            } else if let Some(input) = self.inputs.pop_front() {
                if batch.is_too_full_for(&input) {
                    self.inputs.push_front(input);
                    break;
                }
                let last = matches!(input, Input::End(_));
                self.plan(input, &mut batch);
                if last {
                    break;
                }
            } else {
                self.plan_tick(&mut batch);
                break;
            }
        }
        batch
    }

    /// About how many events wait.
    fn waiting(&self) -> usize {
        let entries = self.entering.len().saturating_mul(2);
        let tick = usize::from(self.ticker.is_some_and(|ticker| ticker.due));
        [
            self.owed.len(),
            self.due_timers.len(),
            entries,
            self.inputs.len(),
            tick,
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }

    fn plan_tick(&mut self, batch: &mut Batch) {
        if let Some(ticker) = &mut self.ticker
            && std::mem::take(&mut ticker.due)
        {
            self.apply(&Event::Tick);
            batch.push(Event::Tick);
        }
    }

    /// The context of the next call.
    pub(crate) fn context(&self) -> Context {
        let mut hash = SipHasher24::new_with_keys(self.identity.seed, 0x726f_6f73_7473_6565);
        hash.write_u64(self.sequence.saturating_add(1));
        Context {
            now: self.time.now(),
            uptime: self.time.uptime(),
            seed: hash.finish() & ((1 << 53) - 1),
            tick: self.ticker.map(|_| self.ticks),
        }
    }

    /// Make a call. What fails is left to be mended.
    pub(crate) fn call(&mut self, batch: Batch) {
        if batch.events.is_empty() {
            batch
                .before
                .into_iter()
                .for_each(|(_, output)| self.emit(output));
            return;
        }
        let limits = self.limits.call(batch.events.len());
        if let Err((batch, fault)) = self.try_call(batch, limits) {
            self.begin_repair(batch, fault);
        }
    }

    /// Make a call and do what it wants; or give the batch back with what went wrong.
    pub(crate) fn try_call(
        &mut self,
        batch: Batch,
        limits: CallLimits,
    ) -> Result<(), (Batch, Fault)> {
        let context = self.context();
        let Some(guest) = self.guest.as_mut() else {
            return Err((batch, Fault::Start("no instance".to_owned())));
        };
        let answer = guest.handle(&context, &batch.events, limits);
        let checked = answer.and_then(|handled| {
            self.validate(&batch.events, &handled.effects)?;
            Ok(handled)
        });
        match checked {
            Ok(handled) => {
                self.accept(batch, context, handled);
                Ok(())
            }
            Err(fault) => Err((batch, fault)),
        }
    }

    /// The call stands.
    fn accept(&mut self, batch: Batch, context: Context, handled: Handled) {
        self.sequence = self.sequence.saturating_add(1);
        self.meter.note(batch.events.len(), handled.fuel);
        let commits = self.commits(&handled.effects);
        let is_kept = self.durability() == Durability::Journaled;
        let record = CallRecord {
            sequence: self.sequence,
            context,
            effects: is_kept.then(|| CallRecord::hash_effects(&handled.effects)),
            outcome: Outcome::Accepted,
            events: batch.events,
        };
        let ticket = commits.then(|| self.gate.ticket());
        if let Some(ticket) = ticket {
            self.gate.close(ticket);
        }
        batch
            .before
            .into_iter()
            .for_each(|(_, output)| self.emit(output));
        if is_kept {
            self.store_call(ticket, &record);
        }
        self.show_call(&record, &handled.effects);
        self.perform(handled.effects, &record.events);
        self.remember(record);
        if let Some(ticket) = ticket
            && self.durability() == Durability::Snapshot
            && !self.defer_commit(ticket)
        {
            self.commit_checkpoint(ticket);
        }
        self.finish_ended();
    }

    /// While a batch is given again one event at a time, the kernel knows all of it already and the guest does
    /// not: a checkpoint has to wait for the batch's end. Unless the room ends here.
    fn defer_commit(&mut self, ticket: Ticket) -> bool {
        let Some(mending) = &mut self.mending else {
            return false;
        };
        // One that is stored at once covers those that were put off before.
        let later = self.ending.is_none();
        mending.commit = later.then_some(ticket);
        later
    }

    /// Whether the effects may only leave once the call is durable.
    pub(crate) fn commits(&self, effects: &[Effect]) -> bool {
        match self.durability() {
            Durability::Ephemeral => false,
            Durability::Journaled => true,
            Durability::Snapshot => effects
                .iter()
                .any(|effect| matches!(effect, Effect::Commit | Effect::DocApply(_))),
        }
    }

    /// Hand a call to the journal on disk.
    pub(crate) fn store_call(&mut self, ticket: Option<Ticket>, record: &CallRecord) {
        let ticket = ticket.unwrap_or_else(|| self.gate.ticket());
        let bytes = record.to_bytes();
        self.gate.store(ticket, bytes.len());
        self.emit(Output::Persist(Persist::Call {
            ticket,
            sequence: record.sequence,
            bytes,
        }));
    }

    /// Keep a call for rebuilding the guest.
    pub(crate) fn remember(&mut self, record: CallRecord) {
        if let Some(retreat) = &mut self.retreat {
            retreat.push(&record);
        }
        self.journal.push(record);
        self.dirty_since.get_or_insert(self.time.mono());
    }
}
