//! What arrived of one sender at one receiver: new, late, or twice.

/// How many numbers back a message can still be told from a doubled one.
const MEMORY: u32 = 128;

/// What a sequence number turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The next one, or one after a gap.
    InOrder,
    /// Not seen before, but a later one was.
    Late,
    /// Seen before.
    Doubled,
}

/// The numbers seen so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sequence {
    /// One more than the highest seen.
    next: u32,
    /// Bit n: `next - 1 - n` was seen.
    seen: u128,
    /// How many different ones arrived.
    unique: u64,
}

impl Sequence {
    /// Takes note of a number. One that is older than the memory counts as late.
    pub(crate) fn note(&mut self, seq: u32) -> Arrival {
        if seq >= self.next {
            let step = (seq - self.next).saturating_add(1);
            self.seen = self.seen.checked_shl(step).unwrap_or(0) | 1;
            self.next = seq.saturating_add(1);
            self.unique += 1;
            return Arrival::InOrder;
        }
        let back = self.next - 1 - seq;
        if back < MEMORY {
            let bit = 1_u128 << back;
            if self.seen & bit != 0 {
                return Arrival::Doubled;
            }
            self.seen |= bit;
        }
        self.unique += 1;
        Arrival::Late
    }

    /// How many different messages arrived.
    pub(crate) fn unique(&self) -> u64 {
        self.unique
    }
}

#[cfg(test)]
mod tests {
    use super::{Arrival, Sequence};

    #[test]
    fn gaps_late_ones_and_doubles_are_told_apart() {
        let mut sequence = Sequence::default();
        let arrivals: Vec<Arrival> = [0, 1, 4, 3, 3, 5, 0]
            .into_iter()
            .map(|seq| sequence.note(seq))
            .collect();
        use Arrival::{Doubled, InOrder, Late};
        assert_eq!(
            arrivals,
            [InOrder, InOrder, InOrder, Late, Doubled, InOrder, Doubled]
        );
        assert_eq!(sequence.unique(), 5);
    }

    #[test]
    fn a_long_gap_forgets_what_was_before() {
        let mut sequence = Sequence::default();
        sequence.note(0);
        assert_eq!(sequence.note(1000), Arrival::InOrder);
        assert_eq!(sequence.note(999), Arrival::Late);
        assert_eq!(sequence.note(999), Arrival::Doubled);
    }
}
