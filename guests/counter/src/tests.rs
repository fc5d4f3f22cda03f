//! The rules of the counter, through the harness.

use roost_sdk::harness::{Effects, Peer, Room};
use roost_sdk::types::{
    Effect, Event, MemberProfile, Parting, Payload, Profile, RoomConfig, Signal, SnapshotMeta,
};
use serde_json::{Value, json};

use super::recent::CAPACITY;
use super::{Counter, Topic};

fn add(room: &mut Room<Counter>, peer: &Peer, id: &str, by: i32) -> Effects {
    room.say(peer, Topic::Add, json!({"id": id, "by": by}))
}

fn adding(peer: &Peer, id: &str) -> Event {
    Room::<Counter>::message(peer, Topic::Add, Payload::of(&json!({"id": id, "by": 1})))
}

fn state_seen(room: &Room<Counter>) -> Value {
    room.last().expect_one(Topic::State).parse()
}

#[test]
fn an_addition_is_acknowledged_and_shown() {
    let mut room = Room::<Counter>::start();
    let ann = room.enter("test:ann");
    let effects = add(&mut room, &ann, "a1", 5);
    let added = effects.expect_one(Topic::Added);
    added
        .to_connection(ann.connection)
        .reliable()
        .json(json!({"id": "a1", "total": 5}));
    effects
        .expect_one(Topic::Total)
        .to_everyone()
        .latest(0)
        .json(json!({"total": 5}));
    effects.expect(&Effect::Commit);
}

#[test]
fn an_id_counts_once() {
    let mut room = Room::<Counter>::start();
    let ann = room.enter("test:ann");
    add(&mut room, &ann, "a1", 5);
    let again = add(&mut room, &ann, "a1", 5);
    again
        .expect_one(Topic::Added)
        .json(json!({"id": "a1", "total": 5}));
    again.expect_none(Topic::Total);
    assert_eq!(room.rules().total(), 5);
}

#[test]
fn only_so_many_ids_are_remembered() {
    let mut room = Room::<Counter>::start();
    let ann = room.enter("test:ann");
    let ids: Vec<String> = (0..=CAPACITY).map(|n| format!("id-{n}")).collect();
    for batch in ids.chunks(64) {
        room.call(batch.iter().map(|id| adding(&ann, id)).collect());
    }
    let all = i64::try_from(CAPACITY).unwrap() + 1;
    assert_eq!(room.rules().total(), all);
    room.call(vec![adding(&ann, "id-1")]);
    assert_eq!(room.rules().total(), all, "still known");
    room.call(vec![adding(&ann, "id-0")]);
    assert_eq!(room.rules().total(), all + 1, "forgotten");
}

#[test]
fn a_full_state_fits_in_a_snapshot() {
    let mut room = Room::<Counter>::start();
    let ann = room.enter("test:ann");
    let ids: Vec<String> = (0..CAPACITY).map(|n| format!("{n:064}")).collect();
    for batch in ids.chunks(64) {
        room.call(batch.iter().map(|id| adding(&ann, id)).collect());
    }
    assert!(room.snapshot().len() < 1 << 20);
}

#[test]
fn nonsense_is_answered_and_counts_nothing() {
    let mut room = Room::<Counter>::start();
    let ann = room.enter("test:ann");
    let long = "x".repeat(65);
    for bad in [
        json!(3),
        json!({"id": "", "by": 1}),
        json!({"id": long, "by": 1}),
    ] {
        let effects = room.say(&ann, Topic::Add, bad);
        let answer: Value = effects.expect_one(Topic::Added).parse();
        assert!(answer.get("error").is_some(), "{answer}");
    }
    room.say_binary(&ann, Topic::Add, &[1])
        .expect_one(Topic::Added);
    assert_eq!(room.rules().total(), 0);
}

#[test]
fn totals_do_not_overflow() {
    let mut room = Room::<Counter>::start();
    let ann = room.enter("test:ann");
    let mut state = room.snapshot();
    // Version, then the total as a zigzag varint: one byte for 0.
    state.splice(
        4..5,
        [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    );
    let meta = SnapshotMeta {
        program: String::new(),
        state_version: 1,
    };
    let config: RoomConfig = roost_sdk::harness::config();
    let full = roost_sdk::native::Program::of::<Counter>().restore(&config, &meta, &state);
    let mut full = full.unwrap();
    let context = roost_sdk::types::Context {
        now: 0,
        uptime: 0,
        seed: 0,
        tick: None,
    };
    let effects = full.handle(context, vec![adding(&ann, "more")]);
    assert_eq!(effects.len(), 3);
}

#[test]
fn timers_come_when_they_are_due() {
    let mut room = Room::<Counter>::start();
    let ann = room.enter("test:ann");
    room.say(&ann, Topic::Remind, json!({"after": 1500, "id": 7}));
    room.say(&ann, Topic::Remind, json!({"after": 500, "id": 8}));
    room.advance(1000)
        .expect_one(Topic::Reminded)
        .to_everyone()
        .json(json!({"id": 8}));
    room.restart(10_000);
    room.advance(0)
        .expect_one(Topic::Reminded)
        .json(json!({"id": 7}));
    room.advance(60_000).expect_nothing();
}

#[test]
fn too_many_timers_are_refused() {
    let mut room = Room::<Counter>::start();
    let ann = room.enter("test:ann");
    for id in 0..256 {
        room.say(&ann, Topic::Remind, json!({"after": 1000, "id": id}))
            .expect_none(Topic::Reminded);
    }
    let refused = room.say(&ann, Topic::Remind, json!({"after": 1, "id": 999}));
    refused
        .expect_one(Topic::Reminded)
        .to_connection(ann.connection);
    let replaced = room.say(&ann, Topic::Remind, json!({"after": 1, "id": 3}));
    replaced.expect_none(Topic::Reminded);
}

#[test]
fn seats_are_kept_through_grace_and_restart() {
    let mut room = Room::<Counter>::start();
    let (ann, ben) = (room.enter("test:ann"), room.enter("test:ben"));
    assert_eq!(state_seen(&room)["seat"], 2);
    room.leave(&ann, Parting::Closed);
    room.restart(1000);
    let back = room.attach(&ben, false);
    let state = state_seen(&room);
    assert_eq!(
        (&state["seat"], &state["member"]),
        (&json!(2), &json!(back.member))
    );
    room.enter("test:cy");
    assert_eq!(state_seen(&room)["seat"], 1, "the lowest free one");
}

#[test]
fn profiles_are_changed_by_the_lobby_and_then_shown() {
    let mut room = Room::<Counter>::start();
    let ann = room.enter("test:ann");
    let profile = Profile {
        name: "Ann".to_owned(),
        color: 0xff,
    };
    let effects = room.say(&ann, Topic::Name, json!({"name": "Ann", "color": 0xff}));
    let changed = MemberProfile {
        member: ann.member,
        profile: profile.clone(),
    };
    effects.expect(&Effect::SetProfile(changed));
    let shown = room.profile_changed(&ann, profile);
    let person =
        json!({"member": ann.member, "seat": 1, "user": "ann", "name": "Ann", "color": 255});
    shown.expect_one(Topic::Person).by(ann.member).json(person);
    for bad in [
        json!({"name": "", "color": 0}),
        json!({"name": "x", "color": 0x0100_0000_u32}),
    ] {
        room.say(&ann, Topic::Name, bad).expect_nothing();
    }
}

#[test]
fn the_signal_total_is_answered() {
    let mut room = Room::<Counter>::start();
    let ann = room.enter("test:ann");
    add(&mut room, &ann, "a", -3);
    assert_eq!(
        room.signal("total", &json!(null)),
        Ok(Payload::of(&json!({"total": -3})))
    );
    assert!(room.signal("nonsense", &json!(null)).is_err());
    let signal = Signal {
        id: 99,
        name: "total".to_owned(),
        body: Payload::Binary(vec![]),
    };
    assert_eq!(room.call(vec![Event::Signal(signal)]).all().len(), 1);
}
