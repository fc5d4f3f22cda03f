//! What is written down while rules are watched.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use roost_room::Event;

use super::report::Finding;

/// Different findings; more are not told apart.
const FINDINGS: usize = 20;

/// Numbers and findings of all instances of a program.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Calls of `handle`, repairs not counted.
    pub(super) calls: u64,
    /// Events in them.
    pub(super) events: u64,
    /// Fuel of those that succeeded.
    pub(super) fuel: u64,
    /// Most fuel of one call, and what that call might have used.
    pub(super) fuel_max: (u64, u64),
    /// Largest part of its budget that a call has used.
    pub(super) fuel_share: f64,
    /// Calls that a restored twin has made, too.
    pub(super) repeated: u64,
    /// Snapshots restored and written again.
    pub(super) restored: u64,
    /// Bytes of the largest snapshot.
    pub(super) state_max: usize,
    /// What must not be.
    pub(super) findings: Vec<Finding>,
    /// Snapshots fail: no more of them are asked for.
    pub(super) no_snapshots: bool,
    last: Option<Vec<Event>>,
    suspects: VecDeque<Vec<Event>>,
}

/// Notes shared with the instances they are about.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedNotes(Arc<Mutex<Notes>>);

impl SharedNotes {
    pub(super) fn lock(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notes {
    /// A call begins that is no repetition.
    pub(super) fn begin(&mut self, events: &[Event]) {
        self.calls += 1;
        self.events += events.len() as u64;
        self.last = Some(events.to_vec());
    }

    /// It has succeeded.
    pub(super) fn succeeded(&mut self, fuel: u64, budget: u64) {
        self.fuel = self.fuel.saturating_add(fuel);
        if fuel > self.fuel_max.0 {
            self.fuel_max = (fuel, budget);
        }
        self.fuel_share = self.fuel_share.max(fuel as f64 / budget.max(1) as f64);
    }

    /// The kernel wants another instance: the last call was the end of the one before.
    pub(super) fn replaced(&mut self) {
        if let Some(events) = self.last.take()
            && self.suspects.back() != Some(&events)
        {
            self.suspects.push_back(events);
        }
    }

    /// A room begins or comes back: no call before it is to blame for anything.
    pub(super) fn forget_calls(&mut self) {
        self.last = None;
        self.suspects.clear();
    }

    /// The batch that a reported fault is about. Reports come in the order of the calls that failed; a call with
    /// several events is only the way to the one that fails alone.
    pub(super) fn culprit(&mut self, event: &str) -> Option<Vec<Event>> {
        while let Some(events) = self.suspects.pop_front() {
            let alone = matches!(events.as_slice(), [one] if one.name() == event);
            if alone || event == "call" {
                return Some(events);
            }
        }
        None
    }

    /// Write down what must not be. Of what is found again only the number is kept, and the first detail.
    pub(super) fn find(&mut self, check: &'static str, what: &str, detail: &str) {
        let known = |one: &&mut Finding| one.check == check && one.what == what;
        if let Some(known) = self.findings.iter_mut().find(known) {
            known.count += 1;
        } else if self.findings.len() < FINDINGS {
            self.findings.push(Finding {
                check,
                what: what.to_owned(),
                detail: detail.to_owned(),
                count: 1,
            });
        }
    }
}
