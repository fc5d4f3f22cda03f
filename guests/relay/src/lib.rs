//! Kind `relay`: what one says the others hear. Rules for people who only need to find each other,
//! and the load of every fan-out measurement.

use std::collections::BTreeMap;

use roost_sdk::prelude::*;
use serde::{Deserialize, Serialize};

roost_sdk::topics! {
    /// What is talked about.
    pub enum Topic {
        /// Goes to everyone but the connection it came by, in order and complete.
        Say("say", Reliable),
        /// A position: only each member's newest counts.
        Move("move", Latest),
        /// May be lost on the way, as a note in a piano may.
        Note("note", Unreliable),
        /// Who is here, from the rules; see [`Notice`].
        Room("room", Closed),
    }
}

/// Somebody in the room, as the others see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The member's number, as in what is said.
    pub member: MemberId,
    /// The name of the profile.
    pub name: String,
    /// The user id without its issuer.
    pub user: String,
}

/// What topic `room` says, as JSON: an object with one key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Notice<'a> {
    /// To a newcomer: who is here, and which of them it is.
    Members {
        /// The newcomer's own number.
        you: MemberId,
        /// Everybody, by number.
        all: Vec<&'a Person>,
    },
    /// To the others: somebody came.
    Join(&'a Person),
    /// To everyone: somebody has another name.
    Change(&'a Person),
    /// To the others: somebody left.
    Leave(MemberId),
}

/// The room's entry in the list.
#[derive(Debug, Serialize)]
struct Entry<'a> {
    /// The name of whoever came last and is still here.
    newest: Option<&'a str>,
}

/// Who is in the room.
#[derive(Debug, Default)]
pub struct Relay {
    people: BTreeMap<MemberId, Person>,
}

impl Relay {
    fn list(&self, cx: &mut Cx) {
        let newest = self
            .people
            .last_key_value()
            .map(|(_, person)| person.name.as_str());
        cx.set_listing(Listing::of(&Entry { newest }));
    }
}

impl Rules for Relay {
    type Topic = Topic;
    const STATE_VERSION: u32 = 1;

    fn manifest() -> Manifest {
        Manifest::of::<Self>("relay")
            .durability(Durability::Snapshot)
            .members(1000)
    }

    fn init(_config: &RoomConfig) -> Result<Self, String> {
        Ok(Self::default())
    }

    fn snapshot(&self) -> Vec<u8> {
        snapshot::encode(Self::STATE_VERSION, &self.people)
    }

    fn restore(_config: &RoomConfig, _meta: &SnapshotMeta, state: &[u8]) -> Result<Self, String> {
        snapshot::decode(Self::STATE_VERSION, state).map(|people| Self { people })
    }

    fn join(&mut self, cx: &mut Cx, joined: Joined) {
        let Joined { member, entrant } = joined;
        let user = entrant.who.subject().to_owned();
        let person = Person {
            member,
            name: entrant.who.profile.name,
            user,
        };
        cx.deliver(Topic::Room)
            .json(&Notice::Join(&person))
            .to_all_but_member(member)
            .reliable();
        self.people.insert(member, person);
        self.list(cx);
    }

    fn attach(&mut self, cx: &mut Cx, attachment: Attachment) {
        if attachment.resumed {
            return;
        }
        let all = self.people.values().collect();
        let notice = Notice::Members {
            you: attachment.member,
            all,
        };
        cx.deliver(Topic::Room)
            .json(&notice)
            .to_connection(attachment.connection)
            .reliable();
    }

    fn leave(&mut self, cx: &mut Cx, departure: Departure) {
        self.people.remove(&departure.member);
        cx.deliver(Topic::Room)
            .json(&Notice::Leave(departure.member))
            .to_everyone()
            .reliable();
        self.list(cx);
    }

    fn profile_changed(&mut self, cx: &mut Cx, changed: MemberProfile) {
        let Some(person) = self.people.get_mut(&changed.member) else {
            return;
        };
        person.name = changed.profile.name;
        cx.deliver(Topic::Room)
            .json(&Notice::Change(person))
            .to_everyone()
            .reliable();
        self.list(cx);
    }

    fn message(&mut self, cx: &mut Cx, topic: Topic, message: Message) {
        let others = cx.forward().to_all_but_connection(message.via);
        match topic {
            Topic::Say => others.reliable(),
            Topic::Move => others.latest(message.member),
            Topic::Note => others.unreliable(),
            // Closed to clients: it never comes in.
            Topic::Room => drop(others),
        }
    }
}

roost_sdk::export!(Relay);

#[cfg(test)]
mod tests {
    use roost_sdk::harness::Room;
    use roost_sdk::types::{Parting, Profile};
    use serde_json::json;

    use super::{Relay, Topic};

    #[test]
    fn the_others_hear_what_is_said() {
        let mut room = Room::<Relay>::start();
        let (ann, ben) = (room.enter("test:ann"), room.enter("test:ben"));
        let tab = room.attach(&ann, false);
        let effects = room.say(&ann, Topic::Say, json!("hello"));
        effects
            .expect_one(Topic::Say)
            .by(ann.member)
            .reliable()
            .json(json!("hello"));
        assert!(effects.seen_by(&ann).is_empty());
        assert_eq!(
            effects.seen_by(&tab).len(),
            1,
            "the sender's other tab hears it"
        );
        assert_eq!(effects.seen_by(&ben).len(), 1);
    }

    #[test]
    fn positions_and_notes_travel_on_their_lanes() {
        let mut room = Room::<Relay>::start();
        let ann = room.enter("test:ann");
        let moved = room.say(&ann, Topic::Move, json!([1, 2]));
        moved.expect_one(Topic::Move).latest(ann.member);
        room.say_binary(&ann, Topic::Note, &[60])
            .expect_one(Topic::Note)
            .unreliable();
    }

    #[test]
    fn forwarding_names_the_right_message_of_a_batch() {
        let mut room = Room::<Relay>::start();
        let (ann, ben) = (room.enter("test:ann"), room.enter("test:ben"));
        let say = |peer, text: &str| {
            Room::<Relay>::message(peer, Topic::Say, roost_sdk::types::Payload::of(text))
        };
        let effects = room.call(vec![say(&ann, "one"), say(&ben, "two")]);
        let sent: Vec<String> = effects
            .on(Topic::Say)
            .iter()
            .map(|sent| sent.parse())
            .collect();
        assert_eq!(sent, ["one", "two"]);
        assert_eq!(effects.seen_by(&ann).len(), 1);
    }

    #[test]
    fn newcomers_learn_who_is_here_and_the_others_of_them() {
        let mut room = Room::<Relay>::start();
        let ann = room.enter("test:ann");
        let ben = room.enter("jwt/x:ben");
        let met = room.last().clone();
        let (ann_json, ben_json) = (
            json!({"member": ann.member, "name": "ann", "user": "ann"}),
            json!({"member": ben.member, "name": "ben", "user": "ben"}),
        );
        let [join] = met.seen_by(&ann)[..] else {
            panic!("one notice for ann")
        };
        join.json(json!({"join": ben_json}));
        let [members] = met.seen_by(&ben)[..] else {
            panic!("one notice for ben")
        };
        members.json(json!({"members": {"you": ben.member, "all": [ann_json, ben_json]}}));
        assert_eq!(room.listing().unwrap().data, r#"{"newest":"ben"}"#);

        let left = room.leave(&ben, Parting::Closed);
        left.expect_one(Topic::Room)
            .json(json!({"leave": ben.member}));
        assert_eq!(room.listing().unwrap().data, r#"{"newest":"ann"}"#);
    }

    #[test]
    fn resumed_connections_are_told_nothing_again() {
        let mut room = Room::<Relay>::start();
        let ann = room.enter("test:ann");
        room.detach(&ann, Parting::Lost);
        room.attach(&ann, true);
        room.last().expect_nothing();
    }

    #[test]
    fn a_new_name_is_shown() {
        let mut room = Room::<Relay>::start();
        let ann = room.enter("test:ann");
        let effects = room.profile_changed(
            &ann,
            Profile {
                name: "Ann".to_owned(),
                color: 0,
            },
        );
        let person = json!({"member": ann.member, "name": "Ann", "user": "ann"});
        effects
            .expect_one(Topic::Room)
            .to_everyone()
            .json(json!({"change": person}));
        assert_eq!(room.listing().unwrap().data, r#"{"newest":"Ann"}"#);
    }

    #[test]
    fn members_outlive_a_restart() {
        let mut room = Room::<Relay>::start();
        let ann = room.enter("test:ann");
        room.restart(5000).expect_nothing();
        let back = room.attach(&ann, false);
        room.last()
            .expect_one(Topic::Room)
            .to_connection(back.connection);
    }
}
