//! Chat, names and colours.

use roost_sdk::harness::{Effects, Peer, Room};
use roost_sdk::types::{Effect, MemberProfile, Profile};
use serde_json::{Value, json};

use super::{enter_staff, pair, room_with, seen};
use crate::{Piano, Topic};

fn say(room: &mut Room<Piano>, by: &Peer, text: &str) -> Effects {
    room.say(by, Topic::Chat, json!({ "message": text }))
}

/// What a newcomer of this name is shown of the chat.
fn history(room: &mut Room<Piano>, peer: &Peer) -> Vec<Value> {
    let tab = room.attach(peer, false);
    let c = seen(room.last(), &tab, Topic::History).remove(0);
    room.detach(&tab, roost_sdk::types::Parting::Closed);
    c["c"].as_array().unwrap().clone()
}

#[test]
fn what_is_said_comes_back_to_all() {
    let (mut room, ann, ben) = pair();
    let effects = say(&mut room, &ben, " good\u{200b} evening ");
    let sent = effects.expect_one(Topic::Chat);
    sent.to_everyone().reliable();
    effects.expect(&Effect::Commit);
    let said: Value = sent.parse();
    let id = said["id"].as_str().unwrap();
    assert!(id.len() == 8 && id.bytes().all(|b| b.is_ascii_hexdigit()));
    let face = json!({"_id": "ben", "id": "ben", "name": "ben", "color": "#808080"});
    assert_eq!(
        said,
        json!({"a": "good evening", "p": face, "t": room.now(), "id": id})
    );
    let reply = json!({"message": "hi", "reply_to": id});
    let answer: Value = room
        .say(&ann, Topic::Chat, reply)
        .expect_one(Topic::Chat)
        .parse();
    assert_eq!(answer["r"], id);
    let mut remembered = said.clone();
    remembered["m"] = json!("a");
    assert_eq!(history(&mut room, &ann)[0], remembered);
}

#[test]
fn two_lines_of_one_call_have_two_ids() {
    let (mut room, ann, ben) = pair();
    let line = |peer| {
        let payload = roost_sdk::types::Payload::of(&json!({"message": "x"}));
        Room::<Piano>::message(peer, Topic::Chat, payload)
    };
    let effects = room.call(vec![line(&ann), line(&ben)]);
    let ids: Vec<Value> = seen(&effects, &ann, Topic::Chat);
    assert_ne!(ids[0]["id"], ids[1]["id"]);
}

#[test]
fn some_things_are_not_said() {
    let (mut room, ann, _) = pair();
    for empty in ["", "   ", "\u{200b}\u{202e}"] {
        say(&mut room, &ann, empty).expect_nothing();
    }
    say(&mut room, &ann, &"x".repeat(513)).expect_nothing();
    let odd = json!({"message": "x", "reply_to": "\"><script>"});
    let said: Value = room
        .say(&ann, Topic::Chat, odd)
        .expect_one(Topic::Chat)
        .parse();
    assert!(said.get("r").is_none());
    room.say(&ann, Topic::ChangeSettings, json!({"set": {"chat": false}}));
    say(&mut room, &ann, "hello").expect_nothing();
    room.say(
        &ann,
        Topic::Direct,
        json!({"message": "hello", "_id": "ben"}),
    )
    .expect_nothing();
}

#[test]
fn the_last_lines_are_remembered() {
    let (mut room, ann, ben) = pair();
    for number in 0..40 {
        say(&mut room, &ann, &format!("line {number}"));
        room.advance(1000);
    }
    let lines = history(&mut room, &ben);
    assert_eq!(lines.len(), 32);
    assert_eq!(
        (&lines[0]["a"], &lines[31]["a"]),
        (&json!("line 8"), &json!("line 39"))
    );
}

#[test]
fn owners_speak_faster() {
    let (mut room, ann, ben) = pair();
    for (peer, most) in [(&ann, 10), (&ben, 4)] {
        for _ in 0..most {
            say(&mut room, peer, "x").expect_one(Topic::Chat);
        }
        say(&mut room, peer, "x").expect_nothing();
    }
    room.advance(3999);
    say(&mut room, &ben, "x").expect_nothing();
    room.advance(1);
    say(&mut room, &ben, "x").expect_one(Topic::Chat);
}

#[test]
fn direct_lines_are_private() {
    let (mut room, ann, ben) = pair();
    let cy = room.enter("mpp:cy");
    let tab = room.attach(&ben, false);
    let effects = room.say(
        &ann,
        Topic::Direct,
        json!({"message": "psst", "_id": "ben"}),
    );
    effects.expect(&Effect::Commit);
    let sent = effects.expect_one(Topic::Direct);
    sent.reliable();
    assert!([&ann, &ben, &tab].iter().all(|peer| sent.reaches(peer)));
    assert!(!sent.reaches(&cy));
    let said: Value = sent.parse();
    assert_eq!(said["sender"]["_id"], "ann");
    assert_eq!(said["recipient"]["name"], "ben");
    assert!(said.get("p").is_none() && said.get("m").is_none());
    say(&mut room, &cy, "hello");
    for (peer, kinds) in [
        (&ann, vec!["dm", "a"]),
        (&ben, vec!["dm", "a"]),
        (&cy, vec!["a"]),
    ] {
        let lines = history(&mut room, peer);
        let found: Vec<_> = lines
            .iter()
            .map(|line| line["m"].as_str().unwrap())
            .collect();
        assert_eq!(found, kinds, "{}", peer.user);
    }
    room.say(
        &ann,
        Topic::Direct,
        json!({"message": "psst", "_id": "nobody"}),
    )
    .expect_nothing();
    room.say(
        &ann,
        Topic::Direct,
        json!({"message": "to me", "_id": "ann"}),
    )
    .expect_one(Topic::Direct);
}

#[test]
fn words_are_masked_where_that_is_set() {
    let mut room = room_with("den", &json!({"words": ["Darn"]}));
    let (ann, ben) = (room.enter("mpp:ann"), room.enter("mpp:ben"));
    let staff = enter_staff(&mut room, "mpp:staff");
    let text = |effects: Effects| -> Value {
        effects.expect_one(Topic::Chat).parse::<Value>()["a"].clone()
    };
    assert_eq!(text(say(&mut room, &ben, "darn it")), "darn it");
    room.say(
        &ann,
        Topic::ChangeSettings,
        json!({"set": {"no cussing": true}}),
    );
    assert_eq!(text(say(&mut room, &ben, "DARN it")), "**** it");
    assert_eq!(text(say(&mut room, &ann, "darn it")), "darn it");
    assert_eq!(text(say(&mut room, &staff, "darn it")), "darn it");
}

#[test]
fn staff_clears_the_chat() {
    let (mut room, ann, ben) = pair();
    say(&mut room, &ben, "x");
    room.say(&ann, Topic::ClearChat, json!({})).expect_nothing();
    let staff = enter_staff(&mut room, "mpp:staff");
    let cleared = room.say(&staff, Topic::ClearChat, json!({}));
    cleared
        .expect_one(Topic::History)
        .to_everyone()
        .json(json!({"c": []}));
    assert!(history(&mut room, &ben).is_empty());
}

fn profile(name: &str, color: u32) -> Profile {
    Profile {
        name: name.to_owned(),
        color,
    }
}

fn asked(effects: &Effects) -> Option<Profile> {
    match effects.all() {
        [] => None,
        [Effect::SetProfile(MemberProfile { profile, .. })] => Some(profile.clone()),
        other => panic!("{other:#?}"),
    }
}

#[test]
fn profiles_change_by_name_or_colour() {
    let (mut room, _, ben) = pair();
    let long = "n".repeat(41);
    let cases = [
        (json!({"name": "Ben"}), Some(("Ben", 0x80_80_80))),
        (json!({"color": "#0000FF"}), Some(("Ben", 0xff))),
        (json!({"name": "Ben", "color": "#0000ff"}), None),
        (
            json!({"name": "   ", "color": "#00ff00"}),
            Some(("Ben", 0xff_00)),
        ),
        (json!({"name": "a\u{202e}b"}), None),
        (json!({"name": long}), None),
        (
            json!({"name": "Benny", "color": "red"}),
            Some(("Benny", 0xff_00)),
        ),
        (json!({}), None),
    ];
    for (set, expected) in cases {
        let effects = room.say(&ben, Topic::ChangeUser, json!({ "set": set }));
        let expected = expected.map(|(name, color)| profile(name, color));
        assert_eq!(asked(&effects), expected, "{set}");
    }
}

#[test]
fn a_wish_that_came_to_nothing_is_forgotten() {
    let (mut room, _, ben) = pair();
    room.say(&ben, Topic::ChangeUser, json!({"set": {"name": "Ben"}}));
    room.advance(2000);
    let effects = room.say(
        &ben,
        Topic::ChangeUser,
        json!({"set": {"color": "#0000ff"}}),
    );
    assert_eq!(asked(&effects), Some(profile("ben", 0xff)));
}

#[test]
fn new_profiles_are_shown_to_all() {
    let (mut room, ann, ben) = pair();
    let effects = room.profile_changed(&ben, profile("Ben", 0xff));
    for peer in [&ann, &ben] {
        let person = &seen(&effects, peer, Topic::Participant)[0];
        assert_eq!(
            (&person["name"], &person["color"]),
            (&json!("Ben"), &json!("#0000ff"))
        );
        assert_eq!(
            (&person["id"], &person["x"]),
            (&json!("ben"), &json!(200.0))
        );
    }
    let said: Value = say(&mut room, &ben, "x").expect_one(Topic::Chat).parse();
    assert_eq!(said["p"]["name"], "Ben");
    room.profile_changed(&ben, profile("from\nanother\ndoor", 7));
    assert_eq!(
        super::shown(&mut room, &ann)["ppl"][1]["name"],
        "fromanotherdoor"
    );
}

#[test]
fn staff_renames_others() {
    let (mut room, ann, ben) = pair();
    let name = json!({"_id": "ben", "name": "Benjamin"});
    let color = json!({"_id": "ben", "color": "#010203"});
    room.say(&ann, Topic::SetName, name.clone())
        .expect_nothing();
    let staff = enter_staff(&mut room, "mpp:staff");
    let effects = room.say(&staff, Topic::SetName, name);
    effects.expect(&Effect::SetProfile(MemberProfile {
        member: ben.member,
        profile: profile("Benjamin", 0x80_80_80),
    }));
    let effects = room.say(&staff, Topic::SetColor, color);
    assert_eq!(asked(&effects), Some(profile("Benjamin", 0x01_02_03)));
    room.say(
        &staff,
        Topic::SetName,
        json!({"_id": "nobody", "name": "x"}),
    )
    .expect_nothing();
}
