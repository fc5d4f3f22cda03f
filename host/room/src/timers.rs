//! Timers of a room, in absolute event time. They outlive swap, fault and restart.

use crate::ids::TimerId;
use std::collections::BTreeMap;

/// What was set, by id and by when it is due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timers {
    by_id: BTreeMap<TimerId, (u64, u64)>,
    by_due: BTreeMap<(u64, u64), TimerId>,
    order: u64,
}

impl Timers {
    /// Have a timer run out at that Unix time, replacing one of the same id.
    pub(crate) fn set(&mut self, id: TimerId, due: u64) {
        self.cancel(id);
        self.order += 1;
        self.by_id.insert(id, (due, self.order));
        self.by_due.insert((due, self.order), id);
    }

    /// Forget a timer. Tells whether there was one.
    pub(crate) fn cancel(&mut self, id: TimerId) -> bool {
        self.by_id
            .remove(&id)
            .is_some_and(|key| self.by_due.remove(&key).is_some())
    }

    pub(crate) fn contains(&self, id: TimerId) -> bool {
        self.by_id.contains_key(&id)
    }

    /// Whether it has run out by `now`.
    pub(crate) fn is_due(&self, id: TimerId, now: u64) -> bool {
        self.by_id.get(&id).is_some_and(|(due, _)| *due <= now)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// When the next one is due.
    pub(crate) fn next_due(&self) -> Option<u64> {
        self.by_due.first_key_value().map(|(&(due, _), _)| due)
    }

    /// All of them as (due, id), in the order in which they run out.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, TimerId)> + '_ {
        self.by_due.iter().map(|(&(due, _), &id)| (due, id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_out_in_order_and_are_replaced_by_id() {
        let mut timers = Timers::default();
        timers.set(TimerId(1), 50);
        timers.set(TimerId(2), 10);
        timers.set(TimerId(3), 50);
        timers.set(TimerId(1), 50);
        assert_eq!(timers.next_due(), Some(10));
        let all: Vec<_> = timers.iter().collect();
        assert_eq!(all, [(10, TimerId(2)), (50, TimerId(3)), (50, TimerId(1))]);
    }

    #[test]
    fn are_forgotten_once() {
        let mut timers = Timers::default();
        timers.set(TimerId(1), 50);
        assert!(timers.cancel(TimerId(1)));
        assert!(!timers.cancel(TimerId(1)));
        assert_eq!(timers.len(), 0);
    }
}
