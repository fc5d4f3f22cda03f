//! The harness finds what it is there to find.

use serde_json::json;

use super::Room;
use crate::prelude::*;

crate::topics! {
    /// What the test tells the rules to do wrong.
    enum Topic {
        /// Count without writing it down.
        Forget("forget", Reliable),
        /// Commit, though nothing is kept.
        Commit("commit", Reliable),
        /// Send broken JSON.
        Broken("broken", Reliable),
        /// Speak to somebody who never was.
        Nobody("nobody", Reliable),
    }
}

/// Rules that do as they are told.
#[derive(Debug, Default)]
struct Wrong {
    forgotten: u32,
}

impl Rules for Wrong {
    type Topic = Topic;
    const STATE_VERSION: u32 = 1;

    fn manifest() -> Manifest {
        Manifest::of::<Self>("wrong")
    }

    fn init(_config: &RoomConfig) -> Result<Self, String> {
        Ok(Self::default())
    }

    fn snapshot(&self) -> Vec<u8> {
        snapshot::encode(Self::STATE_VERSION, &())
    }

    fn restore(_config: &RoomConfig, _meta: &SnapshotMeta, state: &[u8]) -> Result<Self, String> {
        snapshot::decode::<()>(Self::STATE_VERSION, state).map(|()| Self::default())
    }

    fn join_attempt(&mut self, cx: &mut Cx, entrant: Entrant) {
        if entrant.who.verified {
            cx.admit(entrant.connection);
        }
    }

    fn message(&mut self, cx: &mut Cx, topic: Topic, message: Message) {
        match topic {
            Topic::Forget => {
                self.forgotten += 1;
                cx.deliver(topic).json(&self.forgotten).reliable();
            }
            Topic::Commit => cx.commit(),
            Topic::Broken => cx
                .deliver(topic)
                .payload(Payload::Json("{".to_owned()))
                .reliable(),
            Topic::Nobody => cx
                .deliver(topic)
                .json(&0)
                .to_member(message.member + 1)
                .reliable(),
        }
    }
}

fn told(topic: Topic) {
    let mut room = Room::<Wrong>::start();
    let ann = room.enter("test:ann");
    room.say(&ann, topic, json!(null));
    room.say(&ann, topic, json!(null));
}

#[test]
#[should_panic(expected = "restored from a snapshot")]
fn state_that_is_not_written_down() {
    told(Topic::Forget);
}

#[test]
#[should_panic(expected = "the kind is ephemeral")]
fn a_commit_of_nothing() {
    told(Topic::Commit);
}

#[test]
#[should_panic(expected = "broken JSON")]
fn broken_json() {
    told(Topic::Broken);
}

#[test]
#[should_panic(expected = "member 2 has never been")]
fn a_member_who_never_was() {
    told(Topic::Nobody);
}

#[test]
#[should_panic(expected = "without an answer")]
fn an_attempt_without_an_answer() {
    let mut room = Room::<Wrong>::start();
    let mut entrant = room.entrant("test:ann");
    entrant.who.verified = false;
    let _ = room.try_enter(entrant);
}
