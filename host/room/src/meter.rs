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
        let fitting = (limits.fuel_max / 2)
            .checked_div(self.per_event)
            .unwrap_or(u64::MAX);
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
