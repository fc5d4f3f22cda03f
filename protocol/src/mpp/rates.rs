//! How often a connection may say what.

/// A bucket of tokens: so many at once, so many a second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) burst: f32,
    pub(super) sustained: f32,
}

/// What messages are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Notes,
    Mouse,
    Enter,
    Settings,
    Profile,
    Crown,
    Ban,
    List,
    Time,
    Greeting,
    Talk,
    Custom,
}

const SORTS: usize = 12;

impl Sort {
    const fn rate(self) -> Rate {
        let (burst, sustained) = match self {
            Self::Notes => (100.0, 50.0),
            Self::Mouse => (100.0, 100.0),
            Self::Enter => (3.0, 1.0),
            Self::Settings | Self::List => (5.0, 2.0),
            Self::Profile => (10.0, 1.0),
            Self::Crown => (10.0, 2.0),
            Self::Ban => (2.0, 2.0),
            Self::Time | Self::Greeting => (5.0, 1.0),
            Self::Talk => (10.0, 2.5),
            Self::Custom => (20.0, 10.0),
        };
        Rate { burst, sustained }
    }
}

/// Everything together.
pub(super) const MESSAGES: Rate = Rate {
    burst: 800.0,
    sustained: 200.0,
};
pub(super) const BYTES: Rate = Rate {
    burst: 256.0 * 1024.0,
    sustained: 64.0 * 1024.0,
};

/// What is left of a rate; full at first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    spent: f32,
    at: u32,
}

impl Bucket {
    const FULL: Self = Self { spent: 0.0, at: 0 };

    /// Takes `cost` tokens at `now`, in ms, if there are as many.
    pub(super) fn take(&mut self, rate: Rate, cost: f32, now: u32) -> bool {
        let passed = now.wrapping_sub(self.at) as f32 / 1000.0;
        let spent = (self.spent - passed * rate.sustained).max(0.0);
        self.at = now;
        self.spent = spent;
        let allowed = spent + cost <= rate.burst;
        if allowed {
            self.spent += cost;
        }
        allowed
    }
}

/// All rates of one connection.
#[derive(Clone, Debug)]
pub(super) struct Rates {
    sorts: [Bucket; SORTS],
    messages: Bucket,
    bytes: Bucket,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            sorts: [Bucket::FULL; SORTS],
            messages: Bucket::FULL,
            bytes: Bucket::FULL,
        }
    }
}

impl Rates {
    /// Whether another message of that sort is taken at `now`, in ms of a steady clock.
    pub(super) fn allow(&mut self, sort: Sort, now: u64) -> bool {
        let Some(bucket) = self.sorts.get_mut(sort as usize) else {
            return false;
        };
        bucket.take(sort.rate(), 1.0, wrapped(now))
    }

    pub(super) fn message(&mut self, now: u64) -> bool {
        self.messages.take(MESSAGES, 1.0, wrapped(now))
    }

    pub(super) fn bytes(&mut self, count: usize, now: u64) -> bool {
        self.bytes.take(BYTES, count as f32, wrapped(now))
    }
}

/// Seven weeks are enough to tell how long ago the last message was.
fn wrapped(now: u64) -> u32 {
    (now & u64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_so_many_a_second() {
        let mut rates = Rates::default();
        let mut taken =
            |count: u32, now| (0..count).filter(|_| rates.allow(Sort::Enter, now)).count();
        assert_eq!(taken(10, 1_000_000), 3);
        assert_eq!(taken(10, 1_000_500), 0);
        assert_eq!(taken(10, 1_001_000), 1);
        assert_eq!(taken(10, 1_060_000), 3);
    }

    #[test]
    fn sorts_do_not_share() {
        let mut rates = Rates::default();
        while rates.allow(Sort::Ban, 5) {}
        assert!(rates.allow(Sort::Talk, 5) && rates.allow(Sort::Custom, 5));
    }

    #[test]
    fn bytes_are_counted() {
        let mut rates = Rates::default();
        assert!((0..4).all(|_| rates.bytes(64 * 1024, 7)));
        assert!(!rates.bytes(64 * 1024, 7));
        assert!(rates.bytes(64 * 1024, 1_007));
    }
}
