//! Who gets in, and what he sees then.

use roost_sdk::harness::Room;
use roost_sdk::types::{Effect, Entrant, Event, Parting, RefusalReason};
use serde_json::{Value, json};

use super::{
    enter_staff, leaving, pair, redirected, room, room_with, seen, settings, shown, topics,
    with_claims,
};
use crate::{Piano, Topic};

fn asking(set: &Value) -> String {
    json!({ "set": set }).to_string()
}

#[test]
fn newcomers_see_the_room_then_the_chat_then_their_quota() {
    let mut room = room("den");
    let ann = room.enter("mpp:ann");
    let met = room.last().clone();
    assert_eq!(
        topics(&met, &ann),
        [Topic::Channel, Topic::History, Topic::NoteQuota]
    );
    let now = room.now();
    let here = json!({"_id": "ann", "id": "ann", "name": "ann", "color": "#808080",
        "x": 200.0, "y": 100.0, "afk": false});
    let place = json!({"x": 50.0, "y": 50.0});
    met.expect_one(Topic::Channel)
        .to_connection(ann.connection)
        .reliable()
        .json(json!({
            "ch": {"_id": "den", "id": "den", "count": 1,
                "settings": {"visible": true, "chat": true, "crownsolo": false, "noindex": false,
                    "color": "#3b5054"},
                "crown": {"userId": "ann", "participantId": "ann", "time": now,
                    "startPos": place, "endPos": place}},
            "ppl": [here],
            "p": "ann",
        }));
    met.expect_one(Topic::History).json(json!({"c": []}));
    met.expect_one(Topic::NoteQuota)
        .json(json!({"allowance": 600, "max": 1800, "maxHistLen": 3}));
}

#[test]
fn the_others_see_a_newcomer_and_only_him() {
    let (room, ann, ben) = pair();
    let met = room.last();
    assert_eq!(topics(met, &ann), [Topic::Participant]);
    assert_eq!(seen(met, &ann, Topic::Participant)[0]["_id"], "ben");
    assert_eq!(
        seen(met, &ben, Topic::NoteQuota)[0],
        json!({"allowance": 400, "max": 1200, "maxHistLen": 3})
    );
    assert_eq!(seen(met, &ben, Topic::Channel)[0]["ch"]["count"], 2);
}

#[test]
fn several_sockets_are_one_participant() {
    let (mut room, ann, ben) = pair();
    let tab = room.attach(&ann, false);
    let met = room.last().clone();
    assert!(met.seen_by(&ben).is_empty() && met.seen_by(&ann).is_empty());
    let [channel] = &seen(&met, &tab, Topic::Channel)[..] else {
        panic!("one channel")
    };
    assert_eq!(
        (&channel["p"], &channel["ch"]["count"]),
        (&json!("ann"), &json!(2))
    );
    room.detach(&ann, Parting::Closed).expect_nothing();
    let gone = room.leave(&tab, Parting::Closed);
    assert_eq!(seen(&gone, &ben, Topic::Bye), [json!({"p": "ann"})]);
}

#[test]
fn those_who_resume_are_not_shown_the_room_again() {
    let (mut room, ann, _) = pair();
    room.restart(1000).expect_nothing();
    room.attach(&ann, true);
    room.last().expect_nothing();
}

#[test]
fn whoever_asks_sees_the_room_again() {
    let (mut room, ann, ben) = pair();
    assert_eq!(shown(&mut room, &ben)["p"], "ben");
    assert_eq!(topics(room.last(), &ben), [Topic::Channel]);
    assert!(room.last().seen_by(&ann).is_empty());
}

#[test]
fn full_lobbies_send_to_the_next() {
    for (id, next) in [
        ("lobby", "lobby2"),
        ("lobby2", "lobby3"),
        ("lobbyNaN", "lobby1"),
    ] {
        let mut room = room(id);
        let peers: Vec<_> = (0..20).map(|n| room.enter(&format!("mpp:u{n}"))).collect();
        let late = room.entrant("mpp:late");
        assert_eq!(
            redirected(&mut room, late),
            (next.to_owned(), String::new())
        );
        let staff = with_claims(&mut room, "mpp:staff", &json!({"staff": true}));
        assert_eq!(redirected(&mut room, staff).0, next, "no exception");
        room.attach(&peers[3], false);
        room.leave(&peers[3], Parting::Closed);
        room.enter("mpp:late");
    }
}

#[test]
fn the_last_lobby_refuses() {
    let mut room = room_with("lobby9999", &json!({"lobby_capacity": 1}));
    room.enter("mpp:ann");
    let late = room.entrant("mpp:late");
    let answer = room.try_enter(late).unwrap_err();
    assert!(
        matches!(answer.all(), [Effect::Refuse(refusal)] if refusal.reason == RefusalReason::Full)
    );
}

#[test]
fn places_are_kept_for_the_admitted() {
    let mut room = room_with("lobby", &json!({"lobby_capacity": 2}));
    room.enter("mpp:ann");
    let attempts = ["mpp:ben", "mpp:ben", "mpp:cy"].map(|user| room.entrant(user));
    let answers = room.call(attempts.clone().map(Event::JoinAttempt).to_vec());
    let [Effect::Admit(_), Effect::Admit(_), Effect::Redirect(_)] = answers.all() else {
        panic!("{answers:#?}")
    };
    // Nobody came in time.
    room.advance(5000);
    room.enter("mpp:cy");
}

#[test]
fn whoever_asked_twice_takes_one_place() {
    let mut room = room_with("lobby", &json!({"lobby_capacity": 2}));
    let slow = room.entrant("mpp:ann");
    room.call(vec![Event::JoinAttempt(slow)]);
    room.enter("mpp:ann");
    room.enter("mpp:ben");
}

#[test]
fn test_rooms_are_lobbies_without_end() {
    let mut room = room_with("test/awkward", &json!({"lobby_capacity": 1}));
    let ann = room.enter("mpp:ann");
    room.enter("mpp:ben");
    let channel = shown(&mut room, &ann);
    assert_eq!(
        channel["ch"]["settings"],
        json!({"lobby": true, "visible": true, "chat": true, "crownsolo": false, "noindex": false,
            "color": "#73b3cc", "color2": "#273546"})
    );
    assert!(channel["ch"].get("crown").is_none());
}

#[test]
fn lobbies_keep_their_settings() {
    let mut room = room("lobby");
    let mut entrant = room.entrant("mpp:ann");
    entrant.options = asking(&json!({"visible": false}));
    let ann = room.try_enter(entrant).unwrap();
    assert_eq!(settings(&mut room, &ann)["visible"], true);
    assert_eq!(settings(&mut room, &ann)["limit"], 20);
    assert_eq!(
        seen(
            &room.say(&ann, Topic::Channel, json!({})),
            &ann,
            Topic::Channel
        )[0]["ch"]
            .get("crown"),
        None
    );
    let staff = enter_staff(&mut room, "mpp:staff");
    for peer in [&ann, &staff] {
        room.say(
            peer,
            Topic::ChangeSettings,
            json!({"set": {"visible": false}}),
        )
        .expect_nothing();
        room.say(peer, Topic::ChangeOwner, json!({"id": "ann"}))
            .expect_nothing();
        room.say(peer, Topic::Kickban, json!({"_id": "ann", "ms": 0}))
            .expect_nothing();
    }
}

#[test]
fn settings_are_taken_from_the_creator_only() {
    let mut room = room("den");
    for (user, visible) in [("mpp:ann", false), ("mpp:ben", true)] {
        let mut entrant = room.entrant(user);
        entrant.options = asking(&json!({"visible": visible, "color": "#010203", "limit": 5}));
        room.try_enter(entrant).unwrap();
    }
    let listing = room.listing().unwrap();
    assert!(!listing.visible);
    let data: Value = serde_json::from_str(&listing.data).unwrap();
    assert_eq!(data["settings"]["color"], "#010203");
    assert_eq!(data["crown"]["userId"], "ann");
    for nonsense in ["[]", r#"{"set":3}"#, "{", ""] {
        let mut room = super::room("den");
        let mut entrant = room.entrant("mpp:ann");
        entrant.options = nonsense.to_owned();
        room.try_enter(entrant).unwrap();
    }
}

#[test]
fn limits_hold_for_newcomers() {
    let (mut room, ann, _) = pair();
    room.say(&ann, Topic::ChangeSettings, json!({"set": {"limit": "2"}}));
    let cy = leaving(&mut room, "mpp:cy", "lobby");
    let answer = room.try_enter(cy).unwrap_err();
    let [Effect::Refuse(refusal)] = answer.all() else {
        panic!("{answer:#?}")
    };
    assert_eq!(refusal.reason, RefusalReason::Full);
    assert!(refusal.text.contains("den"));
    let cy = room.entrant("mpp:cy");
    let (to, notice) = redirected(&mut room, cy);
    assert_eq!(to, "test/awkward");
    assert!(!notice.is_empty());
    // Whoever is here may come with more sockets, and staff and the owner always may come.
    room.attach(&ann, false);
    enter_staff(&mut room, "mpp:staff");
    room.leave(&ann, Parting::Lost);
    room.enter("mpp:ann");
    // A lower limit puts nobody out.
    let ann = room.enter("mpp:ann");
    assert_eq!(shown(&mut room, &ann)["ch"]["count"], 4);
}

/// Somebody who came online at that time.
fn online_since(room: &mut Room<Piano>, user: &str, since: &Value) -> Entrant {
    let mut entrant = room.entrant(user);
    entrant.options = json!({"set": {}, "since": since}).to_string();
    entrant
}

#[test]
fn owners_ask_for_time_online() {
    let (mut room, ann, ben) = pair();
    let set = json!({"set": {"minOnlineTime": 120_000}});
    room.say(&ann, Topic::ChangeSettings, set);
    let expected = "You have to be online for 2 minutes before you may enter “den”.";
    let unknown = room.entrant("mpp:cy");
    assert_eq!(
        redirected(&mut room, unknown),
        ("test/awkward".to_owned(), expected.to_owned())
    );
    let now = room.now();
    for since in [
        json!(now - 119_999),
        json!(now + 1),
        json!("0"),
        json!(-1),
        json!(null),
    ] {
        let new = online_since(&mut room, "mpp:cy", &since);
        assert_eq!(redirected(&mut room, new).1, expected, "{since}");
    }
    let mut new = online_since(&mut room, "mpp:cy", &json!(now - 1));
    new.leaving = Some("lobby".to_owned());
    let answer = room.try_enter(new).unwrap_err();
    let [Effect::Refuse(refusal)] = answer.all() else {
        panic!("{answer:#?}")
    };
    assert_eq!(
        (refusal.reason, refusal.text.as_str()),
        (RefusalReason::Full, expected)
    );
    let old = online_since(&mut room, "mpp:cy", &json!(now - 120_000));
    room.try_enter(old).unwrap();
    let another_tab = room.entrant(&ben.user);
    let connection = another_tab.connection;
    room.call(vec![Event::JoinAttempt(another_tab)])
        .expect(&Effect::Admit(connection));
}

#[test]
fn owners_and_staff_need_no_time_online() {
    let (mut room, ann, ben) = pair();
    let set = json!({"set": {"minOnlineTime": 86_400_000}});
    room.say(&ann, Topic::ChangeSettings, set);
    enter_staff(&mut room, "mpp:staff");
    room.leave(&ann, Parting::Lost);
    room.enter("mpp:ann");
    room.leave(&ben, Parting::Lost);
    let ben = room.entrant("mpp:ben");
    let (_, notice) = redirected(&mut room, ben);
    assert!(notice.contains("1440 minutes"), "{notice}");
    // No time at all is asked of nobody.
    let mut room = super::room("den");
    let ann = room.enter("mpp:ann");
    let set = json!({"set": {"minOnlineTime": 0}});
    room.say(&ann, Topic::ChangeSettings, set);
    room.enter("mpp:ben");
}

#[test]
fn texts_stay_short_in_rooms_with_long_names() {
    let mut room = room(&"語".repeat(512));
    let ann = room.enter("mpp:ann");
    room.say(&ann, Topic::ChangeSettings, json!({"set": {"limit": 0}}));
    let ben = room.entrant("mpp:ben");
    redirected(&mut room, ben);
    room.say(&ann, Topic::Kickban, json!({"_id": "ann", "ms": 60_000}));
}

#[test]
fn tags_come_from_tokens() {
    let mut room = room("den");
    let cases = [
        (json!({"text": "BOT", "color": "#55f"}), true),
        (json!({"text": "BOT", "color": "#5555ff"}), true),
        (json!({"text": "BOT", "color": "blue"}), false),
        (json!({"text": "", "color": "#55f"}), false),
        (json!({"text": "x".repeat(99), "color": "#55f"}), false),
        (json!("BOT"), false),
    ];
    let owner = room.enter("mpp:owner");
    for (number, (tag, shown)) in cases.into_iter().enumerate() {
        let entrant = with_claims(&mut room, &format!("mpp:u{number}"), &json!({"tag": tag}));
        room.try_enter(entrant).unwrap();
        let person = seen(room.last(), &owner, Topic::Participant).remove(0);
        assert_eq!(person.get("tag"), shown.then_some(&tag), "{person}");
    }
}
