//! Kind `echo`: what is said on topic `echo` comes back to the connection it was said by. The
//! smallest rules there are, and the start of a round-trip measurement.

use roost_sdk::prelude::*;

roost_sdk::topics! {
    /// What is talked about.
    pub enum Topic {
        /// Comes back, JSON or bytes.
        Echo("echo", Reliable),
    }
}

/// Rules without state.
#[derive(Debug)]
pub struct Echo;

impl Rules for Echo {
    type Topic = Topic;
    const STATE_VERSION: u32 = 1;

    fn manifest() -> Manifest {
        Manifest::of::<Self>("echo")
            .durability(Durability::Ephemeral)
            .grace(0)
    }

    fn init(_config: &RoomConfig) -> Result<Self, String> {
        Ok(Self)
    }

    fn snapshot(&self) -> Vec<u8> {
        snapshot::encode(Self::STATE_VERSION, &())
    }

    fn restore(_config: &RoomConfig, _meta: &SnapshotMeta, state: &[u8]) -> Result<Self, String> {
        snapshot::decode::<()>(Self::STATE_VERSION, state).map(|()| Self)
    }

    fn message(&mut self, cx: &mut Cx, topic: Topic, message: Message) {
        match topic {
            Topic::Echo => {
                cx.deliver(topic)
                    .payload(message.payload)
                    .to_connection(message.via)
                    .reliable();
            }
        }
    }
}

roost_sdk::export!(Echo);

#[cfg(test)]
mod tests {
    use roost_sdk::harness::Room;
    use serde_json::json;

    use super::{Echo, Topic};

    #[test]
    fn json_comes_back_to_the_connection_it_came_by() {
        let mut room = Room::<Echo>::start();
        let ann = room.enter("test:ann");
        let other = room.attach(&ann, false);
        let effects = room.say(&other, Topic::Echo, json!({"n": [1, null, "ü"]}));
        let sent = effects.expect_one(Topic::Echo);
        sent.to_connection(other.connection)
            .reliable()
            .json(json!({"n": [1, null, "ü"]}));
        assert!(effects.seen_by(&ann).is_empty());
    }

    #[test]
    fn bytes_come_back_as_bytes() {
        let mut room = Room::<Echo>::start();
        let ann = room.enter("test:ann");
        let effects = room.say_binary(&ann, Topic::Echo, &[0, 255, 128]);
        effects
            .expect_one(Topic::Echo)
            .to_connection(ann.connection)
            .binary(&[0, 255, 128]);
    }
}
