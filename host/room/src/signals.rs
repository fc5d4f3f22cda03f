//! Signals that the rules have heard and not yet answered.

use std::collections::{BTreeMap, BTreeSet};

/// Found by number and by time.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    by_id: BTreeMap<u32, u64>,
    by_due: BTreeSet<(u64, u32)>,
}

impl Signals {
    /// The rules hear of one; its caller waits until then.
    pub(crate) fn open(&mut self, id: u32, until: u64) {
        self.close(id);
        self.by_id.insert(id, until);
        self.by_due.insert((until, id));
    }

    /// It is answered. Tells whether anybody still waited.
    pub(crate) fn close(&mut self, id: u32) -> bool {
        let until = self.by_id.remove(&id);
        until.is_some_and(|until| self.by_due.remove(&(until, id)))
    }

    /// Take out one whose caller has waited long enough.
    pub(crate) fn overdue(&mut self, now: u64) -> Option<u32> {
        let &(until, id) = self.by_due.first().filter(|(until, _)| *until <= now)?;
        self.by_id.remove(&id);
        self.by_due.remove(&(until, id));
        Some(id)
    }

    pub(crate) fn next_due(&self) -> Option<u64> {
        self.by_due.first().map(|&(until, _)| until)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Take out all.
    pub(crate) fn drain(&mut self) -> Vec<u32> {
        self.by_due.clear();
        std::mem::take(&mut self.by_id).into_keys().collect()
    }
}
