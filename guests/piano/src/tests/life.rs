//! How rooms end, rest and begin again.

use roost_sdk::harness::Room;
use roost_sdk::types::{
    Attachment, Ban, Departure, Effect, Event, Joined, MemberProfile, Parting, Profile, RoomConfig,
};
use serde_json::{Value, json};

use super::{pair, redirected, room, seen, settings, shown};
use crate::{Piano, Topic};

fn ends(effects: &roost_sdk::harness::Effects) -> bool {
    matches!(effects.all().last(), Some(Effect::EndRoom(_)))
}

#[test]
fn rooms_end_with_their_last_member() {
    for (id, lasting) in [
        ("den", false),
        ("lobby2", false),
        ("test/x", false),
        ("lobby", true),
        ("test/awkward", true),
    ] {
        let mut room = room(id);
        let ann = room.enter("mpp:ann");
        let ben = room.enter("mpp:ben");
        assert!(!ends(&room.leave(&ann, Parting::Closed)), "{id}");
        assert_eq!(ends(&room.leave(&ben, Parting::Closed)), !lasting, "{id}");
    }
}

#[test]
fn nothing_follows_the_end() {
    let mut room = room("den");
    let ann = room.enter("mpp:ann");
    room.say(&ann, Topic::Mouse, json!({"x": 1, "y": 1}));
    room.say(&ann, Topic::Mouse, json!({"x": 2, "y": 2}));
    let leave = Event::Leave(Departure {
        member: ann.member,
        reason: Parting::Closed,
    });
    let effects = room.call(vec![leave, Event::Timer(1), Event::Timer(2)]);
    assert!(ends(&effects));
}

#[test]
fn a_room_waits_for_those_it_admitted() {
    let mut room = room("den");
    let ann = room.enter("mpp:ann");
    room.say(
        &ann,
        Topic::ChangeSettings,
        json!({"set": {"visible": false}}),
    );
    let ben = room.entrant("mpp:ben");
    room.call(vec![Event::JoinAttempt(ben.clone())]);
    let left = room.leave(&ann, Parting::Closed);
    assert!(!ends(&left));
    // Another one may be quicker, and then the room is his.
    let cy = room.enter("mpp:cy");
    let channel = shown(&mut room, &cy);
    assert_eq!(channel["ch"]["crown"]["participantId"], "cy");
    assert_eq!(channel["ch"]["settings"]["visible"], true);
    room.leave(&cy, Parting::Closed);
    assert!(ends(&room.advance(5000)));
}

#[test]
fn bans_come_back_with_the_next_room() {
    let config = RoomConfig {
        room: "den".to_owned(),
        bans: vec![Ban {
            user: "mpp:ben".to_owned(),
            until: 1_800_000_060_001,
        }],
        ..roost_sdk::harness::config()
    };
    let mut room = Room::<Piano>::start_as(config).unwrap();
    room.enter("mpp:ann");
    assert_eq!(room.listing().unwrap().bans.len(), 1);
    let ben = room.entrant("mpp:ben");
    let (to, notice) = redirected(&mut room, ben);
    assert_eq!(to, "test/awkward");
    assert!(notice.contains("2 minutes"), "{notice}");
    room.advance(60_001);
    room.enter("mpp:ben");
}

#[test]
fn a_restart_keeps_everything_but_connections() {
    let (mut room, ann, ben) = pair();
    room.say(
        &ann,
        Topic::ChangeSettings,
        json!({"set": {"color": "#112233"}}),
    );
    room.say(&ann, Topic::Kickban, json!({"_id": "cy", "ms": 3_600_000}));
    room.say(&ben, Topic::Chat, json!({"message": "hello"}));
    room.say(&ann, Topic::Mouse, json!({"x": 3, "y": 4}));
    room.say(&ann, Topic::Mouse, json!({"x": 5, "y": 6}));
    room.restart(10_000).expect_nothing();
    let late = room.advance(0);
    late.expect_one(Topic::Mouse)
        .json(json!({"x": 5.0, "y": 6.0}));
    let ann = room.attach(&ann, false);
    let met = room.last().clone();
    let channel = &seen(&met, &ann, Topic::Channel)[0];
    assert_eq!(channel["ch"]["settings"]["color"], "#112233");
    assert_eq!(channel["ch"]["crown"]["participantId"], "ann");
    assert_eq!(channel["ppl"][0]["x"], 5.0);
    assert_eq!(seen(&met, &ann, Topic::History)[0]["c"][0]["a"], "hello");
    let cy = room.entrant("mpp:cy");
    assert_eq!(redirected(&mut room, cy).0, "test/awkward");
    // The owner's other connection never came back; the room goes on without him.
    room.leave(&ann, Parting::ServerRestart);
    let ben = room.attach(&ben, false);
    assert_eq!(
        shown(&mut room, &ben)["ch"]["crown"].get("participantId"),
        None
    );
}

#[test]
fn a_swap_goes_on() {
    let (room, ann, ben) = pair();
    let mut room = room.swap::<Piano>().unwrap();
    assert_eq!(settings(&mut room, &ann)["chat"], true);
    assert_eq!(shown(&mut room, &ben)["ch"]["count"], 2);
}

#[test]
fn who_comes_in_the_same_call_sees_the_room_first() {
    let mut room = room("den");
    let peers = ["mpp:ann", "mpp:ben", "mpp:cy", "mpp:dee"].map(|user| room.enter(user));
    let [ann, ben, cy, dee] = &peers;
    room.leave(cy, Parting::Lost);
    room.leave(dee, Parting::Lost);
    let entrants = ["mpp:cy", "mpp:dee"].map(|user| room.entrant(user));
    room.call(entrants.clone().map(Event::JoinAttempt).to_vec());
    // The harness lets nobody in within a larger batch: here they get their old numbers.
    let last = roost_sdk::harness::Peer {
        connection: entrants[1].connection,
        ..dee.clone()
    };
    let mut events = vec![
        Event::Leave(Departure {
            member: ann.member,
            reason: Parting::Lost,
        }),
        Event::ProfileChanged(MemberProfile {
            member: ben.member,
            profile: Profile {
                name: "Ben".to_owned(),
                color: 0,
            },
        }),
    ];
    for (entrant, member) in entrants.into_iter().zip([cy.member, dee.member]) {
        let connection = entrant.connection;
        let resumed = false;
        events.push(Event::Join(Joined { member, entrant }));
        events.push(Event::Attach(Attachment {
            member,
            connection,
            resumed,
        }));
    }
    let effects = room.call(events);
    let order = [Topic::Channel, Topic::History, Topic::NoteQuota];
    assert_eq!(super::topics(&effects, &last), order);
}

#[test]
fn a_thousand_members_fit() {
    let mut room = room("den");
    let name = "語".repeat(40);
    let mut last = room.enter("mpp:0");
    for number in 1..1000 {
        let mut entrant = room.entrant(&format!("mpp:{number:024}"));
        entrant.who.profile.name.clone_from(&name);
        last = room.try_enter(entrant).unwrap();
        room.say(&last, Topic::Chat, json!({"message": "語".repeat(512)}));
        room.say(
            &last,
            Topic::Mouse,
            json!({"x": 0.123_456_789, "y": 99.987_654_321}),
        );
    }
    assert_eq!(shown(&mut room, &last)["ch"]["count"], 1000);
    assert!(room.snapshot().len() < 1 << 20, "{}", room.snapshot().len());
}

#[test]
fn nonsense_changes_nothing() {
    let (mut room, ann, ben) = pair();
    let values: [Value; 9] = [
        json!(null),
        json!([]),
        json!({}),
        json!(3),
        json!({"_id": 3, "id": 3, "set": 3, "ms": "x", "message": 3, "target": 3}),
        json!({"_id": "", "ms": 1, "message": "", "x": 1e9, "y": 0, "set": {}}),
        json!({"_id": "nobody", "id": "nobody", "message": "\u{0}", "x": "1", "y": "2"}),
        json!({"set": {"name": ""}, "n": [], "t": "x"}),
        json!({"set": {"color": "x"}, "target": {"mode": "all"}, "n": []}),
    ];
    let told = [
        Topic::Channel,
        Topic::ChangeSettings,
        Topic::ChangeOwner,
        Topic::Kickban,
    ];
    for topic in <Topic as roost_sdk::Topics>::ALL {
        for value in &values {
            let effects = room.say(&ben, *topic, value.clone());
            let quiet = effects.all().is_empty();
            let may =
                told.contains(topic) || *topic == Topic::Subscribe || *topic == Topic::Unsubscribe;
            assert!(quiet || may, "{topic:?} {value}: {effects:#?}");
            room.say(&ann, *topic, value.clone());
        }
        room.say_binary(&ann, *topic, &[0xff]);
    }
}

#[test]
fn options_are_checked() {
    let start = |options: Value| {
        Room::<Piano>::start_as(RoomConfig {
            options: options.to_string(),
            ..roost_sdk::harness::config()
        })
    };
    for wrong in [
        json!({"lobby_capacity": 0}),
        json!({"lobby_capacity": "many"}),
        json!({"unknown": 1}),
        json!({"quota": {"normal": {"allowance": 1}}}),
        json!({"quota": {"normal": {"allowance": 1, "max": 0}}}),
        json!({"words": "word"}),
        json!({"afk_after": -1}),
        json!({"afk_after": "never"}),
    ] {
        assert!(start(wrong.clone()).is_err(), "{wrong}");
    }
    start(json!({"quota": {"crown": {"allowance": 1, "max": 2}}, "words": ["x"]})).unwrap();
}
