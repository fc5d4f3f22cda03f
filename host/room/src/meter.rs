//! How much fuel calls take, and what follows for batches and threads.

use crate::limits::{BATCH_EVENTS, Limits};

/// Above this a call is better kept off the runtime's own threads.
const HEAVY_FUEL: u64 = 5_000_000;
/// Weight of the newest call in the moving averages: one part in so many.
const INERTIA: u64 = 8;
/// After so many calls within their budgets a batch size that was cut grows again.
const RECOVERY: u32 = 256;

#[derive(Clone, Copy, Debug)]
pub(crate) struct FuelMeter {
    total: u64,
    calls: u64,
    per_call: u64,
    per_event: u64,
    batch: usize,
    quiet: u32,
}

impl Default for FuelMeter {
    fn default() -> Self {
        Self {
            total: 0,
            calls: 0,
            per_call: 0,
            per_event: 0,
            batch: BATCH_EVENTS,
            quiet: 0,
        }
    }
}

impl FuelMeter {
    pub(crate) fn note(&mut self, events: usize, fuel: u64) {
        self.total = self.total.saturating_add(fuel);
        let each = fuel / (events.max(1) as u64);
        if self.calls == 0 {
            (self.per_call, self.per_event) = (fuel, each);
        }
        self.calls = self.calls.saturating_add(1);
        self.per_call = average(self.per_call, fuel);
        self.per_event = average(self.per_event, each);
        self.quiet += 1;
        if self.quiet >= RECOVERY {
            self.quiet = 0;
            self.batch = (self.batch * 2).min(BATCH_EVENTS);
        }
    }

    /// A batch overran although each of its events alone did not.
    pub(crate) fn overran(&mut self) {
        self.quiet = 0;
        self.batch = (self.batch / 2).max(1);
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// How many events may go into one call, so that they are expected to take half its budget at most.
    pub(crate) fn batch(&self, limits: &Limits) -> usize {
        let twice = self.per_event.saturating_mul(2);
        let of_most = limits.fuel_max.checked_div(twice).unwrap_or(u64::MAX);
        // The budget grows with the events: only what they take beyond that counts against its base.
        let of_base = limits
            .fuel_base
            .checked_div(twice.saturating_sub(limits.fuel_per_event))
            .unwrap_or(u64::MAX);
        let fitting = of_most.min(of_base);
        self.batch
            .min(usize::try_from(fitting).unwrap_or(usize::MAX))
            .max(1)
    }

    /// Whether the next call is expected to take long; of a ticking room also until it is known.
    pub(crate) fn is_heavy(&self, ticking: bool) -> bool {
        if self.calls == 0 {
            ticking
        } else {
            self.per_call > HEAVY_FUEL
        }
    }
}

fn average(old: u64, new: u64) -> u64 {
    old.saturating_mul(INERTIA - 1).saturating_add(new) / INERTIA
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With events that take so much each.
    fn fitting(limits: &Limits, per_event: u64) -> usize {
        let mut meter = FuelMeter::default();
        meter.note(1, per_event);
        meter.batch(limits)
    }

    #[test]
    fn batches_are_expected_to_take_half_their_budget_at_most() {
        let limits = Limits::default();
        for million in 1..60 {
            let per_event = million * 1_000_000;
            let events = fitting(&limits, per_event);
            let expected = per_event * events as u64;
            assert!(
                events == 1 || expected * 2 <= limits.call(events).fuel,
                "{events} events of {million} million"
            );
            let one_more = per_event * (events as u64 + 1);
            assert!(
                events == BATCH_EVENTS || one_more * 2 > limits.call(events + 1).fuel,
                "{events} events of {million} million are too few"
            );
        }
        assert_eq!(fitting(&limits, 0), BATCH_EVENTS);
    }
}
