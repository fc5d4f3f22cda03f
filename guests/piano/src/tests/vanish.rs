//! Staff that is not seen.

use roost_sdk::harness::{Effects, Peer, Room};
use roost_sdk::types::{Audience, Effect, Parting, Profile};
use serde_json::{Value, json};

use super::{
    crown, enter_staff, enter_vanished, pair, redirected, room, room_with, seen, shown, topics,
};
use crate::{Piano, Topic};

fn vanish(room: &mut Room<Piano>, by: &Peer, vanish: bool) -> Effects {
    room.say(by, Topic::Vanish, json!({ "vanish": vanish }))
}

/// An ordinary room with its owner, somebody else and two of the staff.
fn four() -> (Room<Piano>, [Peer; 4]) {
    let (mut room, ann, ben) = pair();
    let (eve, fay) = (
        enter_staff(&mut room, "mpp:eve"),
        enter_staff(&mut room, "mpp:fay"),
    );
    (room, [ann, ben, eve, fay])
}

/// The ids in a `ch`, after a look at the count.
#[track_caller]
fn ids(channel: &Value) -> Vec<&str> {
    let people = channel["ppl"].as_array().unwrap();
    assert_eq!(channel["ch"]["count"], people.len());
    let ids = people.iter().map(|one| one["id"].as_str().unwrap());
    ids.collect()
}

#[test]
fn staff_vanishes_and_comes_back() {
    let (mut room, [ann, ben, eve, fay]) = four();
    let gone = vanish(&mut room, &eve, true);
    gone.expect(&Effect::Commit);
    for peer in [&ann, &ben] {
        assert_eq!(topics(&gone, peer), [Topic::Bye]);
        assert_eq!(seen(&gone, peer, Topic::Bye), [json!({"p": "eve"})]);
        assert_eq!(ids(&shown(&mut room, peer)), ["ann", "ben", "fay"]);
    }
    let face = json!({"_id": "eve", "id": "eve", "name": "eve", "color": "#808080",
        "x": 200.0, "y": 100.0, "afk": false, "vanished": true});
    for peer in [&eve, &fay] {
        assert_eq!(topics(&gone, peer), [Topic::Participant]);
        assert_eq!(seen(&gone, peer, Topic::Participant)[0], face);
        let channel = shown(&mut room, peer);
        assert_eq!(ids(&channel), ["ann", "ben", "eve", "fay"]);
        assert_eq!(channel["ppl"][2], face);
        assert_eq!(channel["ppl"][3].get("vanished"), None);
    }
    vanish(&mut room, &eve, true).expect_nothing();
    let back = vanish(&mut room, &eve, false);
    back.expect(&Effect::Commit);
    for peer in [&ann, &ben, &eve, &fay] {
        assert_eq!(topics(&back, peer), [Topic::Participant]);
        let face = &seen(&back, peer, Topic::Participant)[0];
        assert_eq!((&face["id"], face.get("vanished")), (&json!("eve"), None));
        assert_eq!(ids(&shown(&mut room, peer)), ["ann", "ben", "eve", "fay"]);
    }
    vanish(&mut room, &eve, false).expect_nothing();
}

#[test]
fn only_staff_vanishes() {
    let (mut room, [ann, ben, eve, _]) = four();
    for peer in [&ann, &ben] {
        vanish(&mut room, peer, true).expect_nothing();
    }
    for bad in [json!({}), json!({"vanish": 1}), json!(true), json!(null)] {
        room.say(&eve, Topic::Vanish, bad).expect_nothing();
    }
    let mut cy = room.entrant("mpp:cy");
    cy.options = json!({"vanish": true}).to_string();
    room.try_enter(cy).unwrap();
    let met = seen(room.last(), &ben, Topic::Participant);
    assert_eq!(met[0].get("vanished"), None);
}

#[test]
fn the_crown_falls_off_a_head_that_vanishes() {
    let mut room = room("den");
    let (eve, ben) = (enter_staff(&mut room, "mpp:eve"), room.enter("mpp:ben"));
    room.say(&eve, Topic::Mouse, json!({"x": 20, "y": 30}));
    let gone = vanish(&mut room, &eve, true);
    assert_eq!(topics(&gone, &ben), [Topic::Bye, Topic::Channel]);
    let channel = &seen(&gone, &ben, Topic::Channel)[0];
    assert_eq!(ids(channel), ["ben"]);
    let fallen = &channel["ch"]["crown"];
    assert_eq!(fallen.get("participantId"), None);
    assert_eq!(fallen["startPos"], json!({"x": 20.0, "y": 30.0}));
    let listed: Value = serde_json::from_str(&room.listing().unwrap().data).unwrap();
    assert_eq!(listed["crown"], *fallen);
    assert_eq!(
        topics(&gone, &eve),
        [Topic::Participant, Topic::Channel, Topic::NoteQuota]
    );
    assert_eq!(seen(&gone, &eve, Topic::NoteQuota)[0]["max"], 1200);
    assert_eq!(ids(&seen(&gone, &eve, Topic::Channel)[0]), ["eve", "ben"]);
}

#[test]
fn the_vanished_get_no_crown() {
    let mut room = room("den");
    let eve = enter_vanished(&mut room, "mpp:eve");
    let give = |id: &str| json!({ "id": id });
    assert_eq!(crown(&mut room, &eve), json!(null), "not by entering");
    room.say(&eve, Topic::ChangeOwner, give("eve"))
        .expect_nothing();
    let ben = room.enter("mpp:ben");
    assert_eq!(crown(&mut room, &ben)["participantId"], "ben");
    room.say(&ben, Topic::ChangeOwner, give("eve"))
        .expect_nothing();
    room.say(&eve, Topic::ChangeOwner, give("eve"))
        .expect_nothing();
    vanish(&mut room, &eve, false);
    room.say(&ben, Topic::ChangeOwner, give("eve"))
        .expect(&Effect::Commit);
    // Whoever had it last gets it back on entry, but not in hiding.
    room.leave(&eve, Parting::Closed);
    let eve = enter_vanished(&mut room, "mpp:eve");
    assert_eq!(seen(room.last(), &eve, Topic::NoteQuota)[0]["max"], 1200);
    assert_eq!(crown(&mut room, &ben).get("participantId"), None);
    room.say(&eve, Topic::ChangeOwner, give("ben"))
        .expect(&Effect::Commit);
    assert_eq!(crown(&mut room, &ben)["participantId"], "ben");
}

#[test]
fn what_the_vanished_play_is_for_staff() {
    let (mut room, [ann, ben, eve, fay]) = four();
    let tab = room.attach(&eve, false);
    vanish(&mut room, &eve, true);
    let now = room.now();
    let notes = json!({"t": now, "n": [{"n": "c3"}]});
    let moved = |x: i32| json!({"x": x, "y": 1});
    let played = room.say(&eve, Topic::Notes, notes.clone());
    played.expect_one(Topic::Notes).by(eve.member).unreliable();
    let pointed = room.say(&eve, Topic::Mouse, moved(1));
    pointed
        .expect_one(Topic::Mouse)
        .by(eve.member)
        .latest(eve.member);
    room.say(&eve, Topic::Mouse, moved(2))
        .expect_none(Topic::Mouse);
    let late = room.advance(50);
    late.expect_one(Topic::Mouse)
        .by(eve.member)
        .latest(eve.member)
        .json(json!({"x": 2.0, "y": 1.0}));
    for effects in [&played, &pointed, &late] {
        let sent = &effects.sent()[0];
        assert!(sent.reaches(&fay) && sent.reaches(&tab));
        assert!(![&ann, &ben, &eve].iter().any(|peer| sent.reaches(peer)));
    }
    // What the others do still goes to all.
    let played = room.say(&ben, Topic::Notes, notes);
    let sent = played.expect_one(Topic::Notes);
    sent.to(&Audience::ButConnection(ben.connection));
}

#[test]
fn alone_the_vanished_play_for_nobody() {
    let mut room = room("lobby");
    let eve = enter_vanished(&mut room, "mpp:eve");
    room.enter("mpp:ben");
    let now = room.now();
    room.say(&eve, Topic::Notes, json!({"t": now, "n": [{"n": "c3"}]}))
        .expect_nothing();
    for x in 0..2 {
        let moved = room.say(&eve, Topic::Mouse, json!({"x": x, "y": 1}));
        moved.expect_none(Topic::Mouse);
    }
    room.advance(1000).expect_nothing();
}

#[test]
fn what_programs_of_the_vanished_say_is_for_staff() {
    let (mut room, [ann, ben, eve, fay]) = four();
    for peer in [&ann, &ben, &eve, &fay] {
        room.say(peer, Topic::Subscribe, json!({}));
    }
    vanish(&mut room, &eve, true);
    for target in [
        json!({"mode": "subscribed"}),
        json!({"mode": "ids", "ids": ["ann", "ben", "eve", "fay"]}),
    ] {
        let custom = json!({"data": 1, "target": target});
        let effects = room.say(&eve, Topic::Custom, custom.clone());
        let sent = effects.expect_one(Topic::Custom);
        assert!(sent.reaches(&fay));
        assert!(![&ann, &ben, &eve].iter().any(|peer| sent.reaches(peer)));
        let effects = room.say(&ben, Topic::Custom, custom);
        let sent = effects.expect_one(Topic::Custom);
        assert!([&ann, &eve, &fay].iter().all(|peer| sent.reaches(peer)));
    }
    let only = json!({"data": 1, "target": {"mode": "id", "id": "ben"}});
    room.say(&eve, Topic::Custom, only).expect_nothing();
}

#[test]
fn the_vanished_speak_to_whom_they_like() {
    let (mut room, [ann, ben, eve, fay]) = four();
    vanish(&mut room, &eve, true);
    let said = room.say(&eve, Topic::Chat, json!({"message": "boo"}));
    said.expect_one(Topic::Chat).to_everyone();
    let face = &seen(&said, &ben, Topic::Chat)[0]["p"];
    assert_eq!((&face["id"], face.get("vanished")), (&json!("eve"), None));
    assert_eq!(face.get("afk"), None);
    let said = room.say(&eve, Topic::Direct, json!({"message": "boo", "_id": "ben"}));
    let sent = said.expect_one(Topic::Direct);
    assert!(sent.reaches(&ben) && sent.reaches(&eve));
    assert!(!sent.reaches(&ann) && !sent.reaches(&fay));
}

#[test]
fn new_profiles_of_the_vanished_are_for_staff() {
    let (mut room, [ann, ben, eve, fay]) = four();
    vanish(&mut room, &eve, true);
    let name = "Eve".to_owned();
    let changed = room.profile_changed(&eve, Profile { name, color: 1 });
    assert!(changed.seen_by(&ann).is_empty() && changed.seen_by(&ben).is_empty());
    for peer in [&eve, &fay] {
        let face = &seen(&changed, peer, Topic::Participant)[0];
        assert_eq!(
            (&face["name"], &face["vanished"]),
            (&json!("Eve"), &json!(true))
        );
    }
}

#[test]
fn staff_comes_and_goes_unseen() {
    let (mut room, ann, ben) = pair();
    let fay = enter_staff(&mut room, "mpp:fay");
    let eve = enter_vanished(&mut room, "mpp:eve");
    let met = room.last().clone();
    assert!(met.seen_by(&ann).is_empty() && met.seen_by(&ben).is_empty());
    let face = &seen(&met, &fay, Topic::Participant)[0];
    assert_eq!(
        (&face["id"], &face["vanished"]),
        (&json!("eve"), &json!(true))
    );
    let channel = &seen(&met, &eve, Topic::Channel)[0];
    assert_eq!(ids(channel), ["ann", "ben", "fay", "eve"]);
    assert_eq!(channel["ppl"][3]["vanished"], true);
    let tab = room.attach(&ben, false);
    let channel = &seen(room.last(), &tab, Topic::Channel)[0];
    assert_eq!(ids(channel), ["ann", "ben", "fay"]);
    let left = room.leave(&eve, Parting::Closed);
    assert!(left.seen_by(&ann).is_empty() && left.seen_by(&ben).is_empty());
    assert_eq!(seen(&left, &fay, Topic::Bye), [json!({"p": "eve"})]);
}

#[test]
fn staff_and_the_others_see_the_room_each_their_way() {
    let (mut room, [ann, ben, eve, fay]) = four();
    vanish(&mut room, &eve, true);
    let everybody = ["ann", "ben", "eve", "fay"];
    let set = json!({"set": {"color": "#010203"}});
    let changed = room.say(&ann, Topic::ChangeSettings, set);
    assert_eq!(changed.on(Topic::Channel).len(), 2);
    for (peer, expected) in [
        (&ann, &["ann", "ben", "fay"][..]),
        (&ben, &["ann", "ben", "fay"]),
        (&eve, &everybody),
        (&fay, &everybody),
    ] {
        let [channel] = &seen(&changed, peer, Topic::Channel)[..] else {
            panic!("one channel")
        };
        assert_eq!(ids(channel), expected, "{}", peer.user);
    }
    let left = room.leave(&ann, Parting::Closed);
    assert_eq!(ids(&seen(&left, &ben, Topic::Channel)[0]), ["ben", "fay"]);
    assert_eq!(
        ids(&seen(&left, &fay, Topic::Channel)[0]),
        ["ben", "eve", "fay"]
    );
    let ann = room.enter("mpp:ann");
    let met = room.last().clone();
    assert_eq!(topics(&met, &ben), [Topic::Participant, Topic::Channel]);
    assert_eq!(
        ids(&seen(&met, &ben, Topic::Channel)[0]),
        ["ben", "fay", "ann"]
    );
    assert_eq!(seen(&met, &ann, Topic::Channel).len(), 1);
    vanish(&mut room, &eve, false);
    let set = json!({"set": {"color": "#010204"}});
    let changed = room.say(&ann, Topic::ChangeSettings, set);
    changed.expect_one(Topic::Channel).to_everyone();
}

/// The text of the notice that this one sees.
fn notice(effects: &Effects, to: &Peer) -> String {
    let notice = seen(effects, to, Topic::Notification).remove(0);
    notice["text"].as_str().unwrap().to_owned()
}

#[test]
fn bans_do_not_name_the_vanished() {
    let (mut room, [ann, _, eve, fay]) = four();
    vanish(&mut room, &eve, true);
    let name = "Evelyn".to_owned();
    room.profile_changed(&eve, Profile { name, color: 1 });
    let ban = |id: &str, ms: u64| json!({"_id": id, "ms": ms});
    let banned = room.say(&eve, Topic::Kickban, ban("ben", 60_000));
    for peer in [&ann, &fay] {
        let text = notice(&banned, peer);
        assert_eq!(text, "Staff banned “ben” for 1 minute.");
    }
    let kicked = room.say(&eve, Topic::Kickban, ban("ben", 0));
    assert_eq!(notice(&kicked, &ann), "Staff put “ben” out of the room.");
    // A vanished target is named as somebody absent is.
    let banned = room.say(&ann, Topic::Kickban, ban("eve", 60_000));
    assert_eq!(notice(&banned, &fay), "“ann” banned “eve” for 1 minute.");
}

#[test]
fn a_room_stays_for_the_vanished() {
    let mut room = room("den");
    let ben = room.enter("mpp:ben");
    let eve = enter_vanished(&mut room, "mpp:eve");
    let ends = |effects: &Effects| matches!(effects.all().last(), Some(Effect::EndRoom(_)));
    assert!(!ends(&room.leave(&ben, Parting::Closed)));
    let ben = room.enter("mpp:ben");
    assert_eq!(crown(&mut room, &ben)["participantId"], "ben");
    assert_eq!(ids(&shown(&mut room, &ben)), ["ben"]);
    assert!(!ends(&room.leave(&ben, Parting::Closed)));
    assert!(ends(&room.leave(&eve, Parting::Closed)));
}

#[test]
fn the_vanished_take_no_place() {
    let mut room = room_with("lobby", &json!({"lobby_capacity": 2}));
    let eve = enter_vanished(&mut room, "mpp:eve");
    room.enter("mpp:ann");
    room.enter("mpp:ben");
    let cy = room.entrant("mpp:cy");
    assert_eq!(redirected(&mut room, cy).0, "lobby2");
    vanish(&mut room, &eve, false);
    assert_eq!(shown(&mut room, &eve)["ch"]["count"], 3);
}

#[test]
fn a_restart_shows_nobody_who_vanished() {
    let (mut room, [_, ben, eve, _]) = four();
    vanish(&mut room, &eve, true);
    room.restart(1000).expect_nothing();
    let ben = room.attach(&ben, false);
    let channel = &seen(room.last(), &ben, Topic::Channel)[0];
    assert_eq!(ids(channel), ["ann", "ben", "fay"]);
    let eve = room.attach(&eve, false);
    let channel = &seen(room.last(), &eve, Topic::Channel)[0];
    assert_eq!(channel["ppl"][2]["vanished"], true);
}
