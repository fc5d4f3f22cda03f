//! Kind `ticker`: sixty ticks a second, and as much work in them as is asked for. The rules by
//! which ticking rooms and neighbours of heavy rooms are tested.

use roost_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// Rounds of a unit of work: very roughly 20,000 units of fuel.
const ROUNDS: u32 = 1000;

roost_sdk::topics! {
    /// What is talked about.
    pub enum Topic {
        /// `{"tick", "uptime"}` to everyone, at each tick.
        Tick("tick", Closed),
        /// `{"units": number, "ticks": number}`: let each of the next ticks do so much work. What
        /// is more than the fuel of a call is a fault of these rules; they do not protect
        /// themselves.
        Work("work", Reliable),
    }
}

/// Topic `tick`.
#[derive(Debug, Serialize)]
struct Tick {
    tick: u64,
    uptime: u64,
}

/// Topic `work`.
#[derive(Debug, Deserialize)]
struct Work {
    units: u32,
    ticks: u32,
}

/// The state of a room.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Ticker {
    ticks: u64,
    units: u32,
    /// Ticks that still have work to do.
    left: u32,
    /// What the work came to; kept, so that it cannot be optimised away.
    sum: u64,
}

impl Ticker {
    /// Ticks so far.
    #[must_use]
    pub fn ticks(&self) -> u64 {
        self.ticks
    }

    fn work(&mut self) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let mut rng = Rng::new(self.sum);
        for _ in 0..self.units {
            self.sum = (0..ROUNDS).fold(self.sum, |sum, _| sum ^ rng.next_u64());
        }
    }
}

impl Rules for Ticker {
    type Topic = Topic;
    const STATE_VERSION: u32 = 1;

    fn manifest() -> Manifest {
        Manifest::of::<Self>("ticker")
            .ticks(60)
            .fuel(500)
            .durability(Durability::Ephemeral)
    }

    fn init(_config: &RoomConfig) -> Result<Self, String> {
        Ok(Self::default())
    }

    fn snapshot(&self) -> Vec<u8> {
        snapshot::encode(Self::STATE_VERSION, self)
    }

    fn restore(_config: &RoomConfig, _meta: &SnapshotMeta, state: &[u8]) -> Result<Self, String> {
        snapshot::decode(Self::STATE_VERSION, state)
    }

    fn message(&mut self, _cx: &mut Cx, topic: Topic, message: Message) {
        if topic == Topic::Work
            && let Ok(Work { units, ticks }) = message.parse()
        {
            self.units = units;
            self.left = ticks;
        }
    }

    fn tick(&mut self, cx: &mut Cx) {
        self.ticks += 1;
        self.work();
        let tick = Tick {
            tick: self.ticks,
            uptime: cx.uptime(),
        };
        cx.deliver(Topic::Tick)
            .json(&tick)
            .to_everyone()
            .unreliable();
    }
}

roost_sdk::export!(Ticker);

#[cfg(test)]
mod tests {
    use roost_sdk::harness::Room;
    use roost_sdk::types::Payload;
    use serde_json::json;

    use super::{Ticker, Topic};

    #[test]
    fn ticks_are_counted_and_shown() {
        let mut room = Room::<Ticker>::start();
        room.tick()
            .expect_one(Topic::Tick)
            .json(json!({"tick": 1, "uptime": 16}));
        for _ in 1..59 {
            room.tick();
        }
        let second = room.tick();
        second
            .expect_one(Topic::Tick)
            .unreliable()
            .json(json!({"tick": 60, "uptime": 1000}));
        assert_eq!(room.rules().ticks(), 60);
    }

    #[test]
    fn work_is_done_in_the_ticks_it_was_asked_for() {
        let mut room = Room::<Ticker>::start();
        let ann = room.enter("test:ann");
        let work = Payload::of(&json!({"units": 3, "ticks": 2}));
        room.tick_with(vec![Room::<Ticker>::message(&ann, Topic::Work, work)]);
        let first = room.rules().sum;
        room.tick();
        let second = room.rules().sum;
        room.tick();
        assert!(first != 0 && second != first && room.rules().sum == second);
    }

    #[test]
    fn nonsense_is_no_work() {
        let mut room = Room::<Ticker>::start();
        let ann = room.enter("test:ann");
        room.say(&ann, Topic::Work, json!("much")).expect_nothing();
        room.tick();
        assert_eq!(room.rules().sum, 0);
    }
}
