//! How many notes somebody may play.

use serde::{Deserialize, Serialize};

/// Milliseconds from one refill to the next.
const STEP: u64 = 2000;
/// Milliseconds between two notices that notes were refused.
const SILENCE: u64 = 5000;
/// Values that the history holds.
pub(crate) const HISTORY: usize = 3;

/// How much there is, and how much comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// Points that come back every two seconds.
    pub(crate) allowance: u32,
    /// Most points.
    pub(crate) max: u32,
}

impl Params {
    pub(crate) const fn new(allowance: u32, max: u32) -> Self {
        Self { allowance, max }
    }
}

/// Somebody's quota. Refills are counted when they matter, not when they happen.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Quota {
    params: Params,
    points: u64,
    /// What there was before each of the last refills, oldest first.
    history: [u64; HISTORY],
    /// Unix time of the last refill, in milliseconds.
    refilled: u64,
    /// Unix time of the last notice.
    told: Option<u64>,
}

impl Quota {
    /// A full one.
    pub(crate) fn full(params: Params, now: u64) -> Self {
        let points = u64::from(params.max);
        Self {
            params,
            points,
            history: [points; HISTORY],
            refilled: now,
            told: None,
        }
    }

    /// What it goes by.
    pub(crate) fn params(&self) -> Params {
        self.params
    }

    /// Go by other parameters: full again if they differ. Tells whether they do.
    pub(crate) fn change(&mut self, params: Params, now: u64) -> bool {
        let differs = self.params != params;
        if differs {
            let told = self.told;
            *self = Self::full(params, now);
            self.told = told;
        }
        differs
    }

    /// Play so many notes, all of them or none. Tells which.
    pub(crate) fn spend(&mut self, notes: u64, now: u64) -> bool {
        self.refill(now);
        let is_exhausted = self.history.iter().all(|points| *points == 0);
        let price = if is_exhausted {
            u64::from(self.params.allowance).max(1)
        } else {
            1
        };
        let rest = self.points.checked_sub(notes.saturating_mul(price));
        self.points = rest.unwrap_or(self.points);
        rest.is_some()
    }

    /// Whether somebody who was refused shall be told of it now.
    pub(crate) fn tell(&mut self, now: u64) -> bool {
        let is_quiet = self.told.is_some_and(|told| now < told + SILENCE);
        if !is_quiet {
            self.told = Some(now);
        }
        !is_quiet
    }

    fn refill(&mut self, now: u64) {
        let steps = now.saturating_sub(self.refilled) / STEP;
        if steps == 0 {
            return;
        }
        self.refilled += steps * STEP;
        // Only the last refills are remembered, so the ones before need no counting one by one.
        let skipped = steps.saturating_sub(HISTORY as u64);
        self.gain(skipped);
        for _ in skipped..steps {
            self.history.rotate_left(1);
            if let Some(last) = self.history.last_mut() {
                *last = self.points;
            }
            self.gain(1);
        }
    }

    fn gain(&mut self, steps: u64) {
        let gained = steps.saturating_mul(u64::from(self.params.allowance));
        let most = u64::from(self.params.max);
        self.points = self.points.saturating_add(gained).min(most);
    }
}

#[cfg(test)]
mod tests {
    use super::{Params, Quota};

    const NORMAL: Params = Params::new(400, 1200);

    #[test]
    fn vectors() {
        // Milliseconds since the start, notes, whether they pass.
        let mut quota = Quota::full(NORMAL, 10_000);
        let cases = [
            (0, 1200, true),
            (0, 1, false),
            (1999, 1, false),
            (2000, 401, false),
            (2000, 400, true),
            (2000, 1, false),
            (4000, 400, true),
            // The history still holds the 1200 before the first refill.
            (5999, 1, false),
            // Now it holds nothing but zeros: every note costs a whole allowance.
            (6000, 2, false),
            (6000, 1, true),
            (8000, 1, true),
            (10_000, 0, true),
            // One step of rest, and the history is not empty any more.
            (12_000, 800, true),
            (60_000, 1201, false),
            (60_000, 1200, true),
        ];
        for (after, notes, passes) in cases {
            assert_eq!(
                quota.spend(notes, 10_000 + after),
                passes,
                "{notes} notes after {after} ms"
            );
        }
    }

    #[test]
    fn lazy_refills_are_those_of_a_ticker() {
        for rest in 0..9 {
            let mut lazy = Quota::full(NORMAL, 0);
            let mut eager = Quota::full(NORMAL, 0);
            assert!(lazy.spend(1200, 0) && eager.spend(1200, 0));
            for step in 1..=rest {
                assert!(eager.spend(0, step * 2000));
            }
            assert!(lazy.spend(0, rest * 2000));
            assert_eq!(
                (lazy.points, lazy.history),
                (eager.points, eager.history),
                "{rest}"
            );
        }
    }

    #[test]
    fn other_parameters_fill_it() {
        let mut quota = Quota::full(NORMAL, 0);
        assert!(quota.spend(1200, 0));
        assert!(!quota.change(NORMAL, 0));
        assert!(!quota.spend(1, 0));
        assert!(quota.change(Params::new(600, 1800), 0));
        assert!(quota.spend(1800, 0));
    }

    #[test]
    fn nothing_overflows() {
        let mut quota = Quota::full(Params::new(u32::MAX, u32::MAX), 0);
        assert!(!quota.spend(u64::MAX, u64::MAX));
        let mut stingy = Quota::full(Params::new(0, 1), 0);
        assert!(stingy.spend(1, 0));
        assert!(!stingy.spend(1, 1 << 50));
    }

    #[test]
    fn notices_are_rare() {
        let mut quota = Quota::full(NORMAL, 0);
        let told: Vec<bool> = [100, 200, 5099, 5100, 6000]
            .map(|now| quota.tell(now))
            .into();
        assert_eq!(told, [true, false, false, true, false]);
    }
}
