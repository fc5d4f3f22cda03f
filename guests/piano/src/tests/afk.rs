//! Who is away, and for how long one may be quiet.

use roost_sdk::harness::{Effects, Peer, Room};
use roost_sdk::types::Parting;
use serde_json::{Value, json};

use super::{enter_vanished, pair, room, room_with, seen, topics};
use crate::{Piano, Topic};

/// Who is shown as away or back, by id, to this one.
fn told(effects: &Effects, to: &Peer) -> Vec<(String, bool)> {
    let all = seen(effects, to, Topic::Participant).into_iter();
    let pair = |one: Value| {
        let id = one["id"].as_str().unwrap().to_owned();
        (id, one["afk"].as_bool().unwrap())
    };
    all.map(pair).collect()
}

fn changed(id: &str, afk: bool) -> (String, bool) {
    (id.to_owned(), afk)
}

fn look(room: &Room<Piano>) -> Option<u64> {
    room.timer(crate::afk::TIMER)
}

#[test]
fn whoever_is_quiet_for_ten_minutes_is_away() {
    let (mut room, ann, ben) = pair();
    room.advance(599_999).expect_nothing();
    let away = room.advance(1);
    for peer in [&ann, &ben] {
        let expected = [changed("ann", true), changed("ben", true)];
        assert_eq!(told(&away, peer), expected, "{}", peer.user);
    }
    assert_eq!(look(&room), None, "nobody is left who could go away");
    let back = room.say(&ann, Topic::Mouse, json!({"x": 1, "y": 1}));
    assert_eq!(topics(&back, &ben), [Topic::Participant, Topic::Mouse]);
    for peer in [&ann, &ben] {
        assert_eq!(told(&back, peer), [changed("ann", false)]);
    }
    let next = room.say(&ann, Topic::Chat, json!({"message": "x"}));
    assert_eq!(topics(&next, &ben), [Topic::Chat], "told once");
    let cy = room.enter("mpp:cy");
    let channel = &seen(room.last(), &cy, Topic::Channel)[0];
    let afk = channel["ppl"].as_array().unwrap().iter();
    let afk: Vec<&Value> = afk.map(|one| &one["afk"]).collect();
    assert_eq!(afk, [false, true, false]);
    let away = room.advance(600_000);
    let expected = [changed("ann", true), changed("cy", true)];
    assert_eq!(told(&away, &ben), expected);
}

#[test]
fn any_message_counts() {
    for topic in [
        Topic::Notes,
        Topic::Mouse,
        Topic::Chat,
        Topic::Direct,
        Topic::Channel,
        Topic::ChangeUser,
        Topic::ChangeOwner,
        Topic::Kickban,
        Topic::Custom,
    ] {
        let (mut room, ann, ben) = pair();
        room.advance(300_000);
        room.say(&ben, topic, json!(null));
        let away = room.advance(300_000);
        assert_eq!(told(&away, &ann), [changed("ann", true)], "{topic:?}");
        room.advance(299_999).expect_nothing();
        assert_eq!(told(&room.advance(1), &ann), [changed("ben", true)]);
        let back = room.say(&ben, topic, json!(null));
        assert_eq!(told(&back, &ann), [changed("ben", false)]);
    }
}

#[test]
fn looks_are_a_minute_apart() {
    let mut room = room("den");
    let peers = ["mpp:a", "mpp:b", "mpp:c"].map(|user| {
        let peer = room.enter(user);
        room.advance(10_000);
        peer
    });
    let away = room.advance(629_999);
    assert_eq!(told(&away, &peers[0]), [changed("a", true)]);
    let both = room.advance(30_000);
    let expected = [changed("b", true), changed("c", true)];
    assert_eq!(told(&both, &peers[0]), expected);
}

#[test]
fn nobody_looks_when_nobody_is_there() {
    let mut room = room("lobby");
    assert_eq!(look(&room), None);
    let ann = room.enter("mpp:ann");
    assert_eq!(look(&room), Some(room.now() + 600_000));
    room.advance(1000);
    room.leave(&ann, Parting::Closed);
    assert_eq!(look(&room), None);
    room.enter("mpp:ben");
    assert_eq!(look(&room), Some(room.now() + 600_000));
}

#[test]
fn operators_choose_the_time() {
    let mut off = room_with("den", &json!({"afk_after": 0}));
    let ann = off.enter("mpp:ann");
    assert_eq!(look(&off), None);
    off.advance(86_400_000).expect_nothing();
    off.say(&ann, Topic::Mouse, json!(null)).expect_nothing();
    let mut short = room_with("den", &json!({"afk_after": 5}));
    let ann = short.enter("mpp:ann");
    short.advance(4999).expect_nothing();
    assert_eq!(told(&short.advance(1), &ann), [changed("ann", true)]);
    let mut long = room_with("den", &json!({"afk_after": u32::MAX}));
    long.enter("mpp:ann");
    assert!(look(&long).is_some());
}

#[test]
fn those_who_vanished_are_away_for_staff_only() {
    let (mut room, ann, ben) = pair();
    let eve = enter_vanished(&mut room, "mpp:eve");
    let away = room.advance(600_000);
    let expected = [changed("ann", true), changed("ben", true)];
    assert_eq!(told(&away, &ben), expected);
    assert_eq!(told(&away, &eve)[2], changed("eve", true));
    let back = room.say(&eve, Topic::Mouse, json!({"x": 1, "y": 1}));
    assert_eq!(told(&back, &eve), [changed("eve", false)]);
    assert!(back.seen_by(&ann).is_empty());
}

#[test]
fn many_go_away_in_portions() {
    let mut room = room("den");
    let peers: Vec<_> = (0..300).map(|n| room.enter(&format!("mpp:u{n}"))).collect();
    let away = room.advance(600_000);
    assert_eq!(told(&away, &peers[0]).len(), 256);
    let rest = room.advance(60_000);
    assert_eq!(told(&rest, &peers[0]).len(), 44);
    assert_eq!(look(&room), None);
}

#[test]
fn a_restart_forgets_nobody_who_is_away() {
    let (mut room, ann, ben) = pair();
    room.advance(300_000);
    room.say(&ben, Topic::Mouse, json!({"x": 1, "y": 1}));
    room.advance(300_000);
    room.restart(10_000).expect_nothing();
    let ann = room.attach(&ann, false);
    let channel = &seen(room.last(), &ann, Topic::Channel)[0];
    assert_eq!(channel["ppl"][0]["afk"], true);
    assert_eq!(channel["ppl"][1]["afk"], false);
    assert_eq!(told(&room.advance(300_000), &ann), [changed("ben", true)]);
}
