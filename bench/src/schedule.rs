//! When which message is due. Open loop: the plan does not know how the server is doing.

use std::time::Duration;

/// An even stream over all rooms and their senders.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    /// Rooms that get messages, at least 1.
    pub(crate) rooms: u32,
    /// Senders in each room, at least 1.
    pub(crate) senders: u32,
    /// Messages per second, all rooms together.
    pub(crate) rate: f64,
    /// From the first message to the last.
    pub(crate) length: Duration,
}

/// One message of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// Nanoseconds from the start.
    pub(crate) after: u64,
    /// The room it goes to.
    pub(crate) room: u32,
    /// The peer that sends it.
    pub(crate) sender: u32,
    /// Number among this sender's messages, from 0.
    pub(crate) seq: u32,
}

impl Schedule {
    /// How many messages there are.
    pub(crate) fn count(&self) -> u64 {
        (self.rate * self.length.as_secs_f64()).floor() as u64
    }

    /// All messages in order of time: room after room, then the next sender of each.
    pub(crate) fn messages(self) -> impl Iterator<Item = Due> {
        let rooms = u64::from(self.rooms.max(1));
        let senders = u64::from(self.senders.max(1));
        (0..self.count()).map(move |number| {
            let turn = number / rooms;
            Due {
                after: (number as f64 * 1e9 / self.rate) as u64,
                room: (number % rooms) as u32,
                sender: (turn % senders) as u32,
                seq: (turn / senders) as u32,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Due, Schedule};

    #[test]
    fn every_sender_gets_its_turn_at_even_distances() {
        let schedule = Schedule {
            rooms: 2,
            senders: 2,
            rate: 8.0,
            length: Duration::from_secs(1),
        };
        let all: Vec<Due> = schedule.messages().collect();
        assert_eq!(all.len(), 8);
        assert!(
            all.windows(2)
                .all(|two| two[1].after - two[0].after == 125_000_000)
        );
        let one = all.iter().filter(|due| due.room == 1 && due.sender == 0);
        let seqs: Vec<u32> = one.map(|due| due.seq).collect();
        assert_eq!(seqs, [0, 1]);
    }

    #[test]
    fn a_rate_of_nothing_is_an_empty_plan() {
        let schedule = Schedule {
            rooms: 1,
            senders: 1,
            rate: 0.0,
            length: Duration::from_secs(9),
        };
        assert_eq!(schedule.messages().count(), 0);
    }
}
