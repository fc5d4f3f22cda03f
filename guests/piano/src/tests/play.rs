//! Notes, pointers and what programs say.

use roost_sdk::harness::{Effects, Peer, Room};
use roost_sdk::types::{Author, Effect, Parting, Publication, Reach, Subscription};
use serde_json::{Value, json};

use super::{pair, room, room_with, seen};
use crate::{Piano, Topic};

/// So many notes at once.
fn play(room: &mut Room<Piano>, by: &Peer, notes: usize) -> Effects {
    let note = json!({"n": "c3", "v": 0.5});
    let now = room.now();
    room.say(by, Topic::Notes, json!({"t": now, "n": vec![note; notes]}))
}

fn passes(effects: &Effects) -> bool {
    !effects.on(Topic::Notes).is_empty()
}

#[test]
fn notes_go_to_all_but_the_sending_socket() {
    let (mut room, ann, ben) = pair();
    let tab = room.attach(&ben, false);
    let effects = play(&mut room, &ben, 2);
    let sent = effects.expect_one(Topic::Notes);
    sent.by(ben.member).unreliable();
    assert!(sent.reaches(&ann) && sent.reaches(&tab) && !sent.reaches(&ben));
    assert!(matches!(effects.all(), [Effect::Forward(_)]));
}

#[test]
fn the_quota_of_an_ordinary_room() {
    let (mut room, _, ben) = pair();
    assert!(passes(&play(&mut room, &ben, 1200)));
    let refused = play(&mut room, &ben, 1);
    assert!(!passes(&refused));
    refused
        .expect_one(Topic::Notification)
        .to_connection(ben.connection);
    play(&mut room, &ben, 1).expect_nothing();
    room.advance(2000);
    assert!(passes(&play(&mut room, &ben, 400)));
    play(&mut room, &ben, 1).expect_nothing();
    room.advance(3000);
    let told = play(&mut room, &ben, 900);
    assert!(!passes(&told));
    told.expect_one(Topic::Notification);
    let ann = room.enter("mpp:late");
    assert!(
        passes(&play(&mut room, &ann, 1200)),
        "others have their own"
    );
}

#[test]
fn quotas_differ_by_place() {
    let mut lobby = room("lobby");
    let ann = lobby.enter("mpp:ann");
    assert!(passes(&play(&mut lobby, &ann, 600)));
    assert!(!passes(&play(&mut lobby, &ann, 1)));
    let (mut den, ann, _) = pair();
    assert!(passes(&play(&mut den, &ann, 1800)));
    assert!(!passes(&play(&mut den, &ann, 1)));
    // A quota with other parameters begins full.
    den.say(&ann, Topic::ChangeOwner, json!({}));
    assert!(passes(&play(&mut den, &ann, 1200)));
    let options = json!({"quota": {"crown": {"allowance": 1, "max": 2}}});
    let mut small = room_with("den", &options);
    let ann = small.enter("mpp:ann");
    assert_eq!(
        seen(small.last(), &ann, Topic::NoteQuota)[0],
        json!({"allowance": 1, "max": 2, "maxHistLen": 3})
    );
    assert!(!passes(&play(&mut small, &ann, 3)));
    assert!(passes(&play(&mut small, &ann, 2)));
}

#[test]
fn a_quota_is_shared_by_all_sockets_of_a_user() {
    let (mut room, _, ben) = pair();
    let tab = room.attach(&ben, false);
    assert!(passes(&play(&mut room, &ben, 700)));
    assert!(!passes(&play(&mut room, &tab, 700)));
}

#[test]
fn only_the_crown_plays_alone() {
    let (mut room, ann, ben) = pair();
    room.say(
        &ann,
        Topic::ChangeSettings,
        json!({"set": {"crownsolo": true}}),
    );
    play(&mut room, &ben, 1).expect_nothing();
    assert!(passes(&play(&mut room, &ann, 1)));
    room.say(&ann, Topic::ChangeOwner, json!({}));
    play(&mut room, &ann, 1).expect_nothing();
}

#[test]
fn notes_from_the_far_future_are_dropped() {
    let (mut room, ann, _) = pair();
    let note = json!([{"n": "c3"}]);
    let now = room.now();
    for (ahead, plays) in [(-60_000, true), (10_000, true), (10_001, false)] {
        let time = now.checked_add_signed(ahead).unwrap();
        let effects = room.say(&ann, Topic::Notes, json!({"t": time, "n": note}));
        assert_eq!(passes(&effects), plays, "{ahead}");
    }
    room.say(&ann, Topic::Notes, json!({"n": note}))
        .expect_nothing();
    room.say(&ann, Topic::Notes, json!({"t": now, "n": []}))
        .expect_nothing();
}

fn point(room: &mut Room<Piano>, by: &Peer, x: i32) -> Effects {
    room.say(by, Topic::Mouse, json!({"x": x, "y": 0}))
}

#[test]
fn pointers_are_shown_twenty_times_a_second_and_where_they_rest() {
    let (mut room, ann, ben) = pair();
    let first = point(&mut room, &ann, 1);
    let sent = first.expect_one(Topic::Mouse);
    sent.by(ann.member).latest(ann.member);
    assert!(sent.reaches(&ben) && !sent.reaches(&ann));
    for x in 2..6 {
        room.advance(9).expect_nothing();
        assert!(point(&mut room, &ann, x).on(Topic::Mouse).is_empty());
    }
    let late = room.advance(14);
    let sent = late.expect_one(Topic::Mouse);
    sent.by(ann.member)
        .latest(ann.member)
        .json(json!({"x": 5.0, "y": 0.0}));
    assert!(sent.reaches(&ben) && !sent.reaches(&ann));
    room.advance(1000).expect_nothing();
    point(&mut room, &ann, 9).expect_one(Topic::Mouse);
    let shown = super::shown(&mut room, &ben);
    assert_eq!(shown["ppl"][0]["x"], 9.0);
}

#[test]
fn several_pointers_share_the_timer() {
    let (mut room, ann, ben) = pair();
    point(&mut room, &ann, 1);
    room.advance(20);
    point(&mut room, &ben, 1);
    room.advance(10);
    point(&mut room, &ben, 2);
    point(&mut room, &ann, 2);
    let by = |effects: &Effects| -> Vec<Author> {
        let sent = effects.on(Topic::Mouse).into_iter();
        sent.map(|sent| sent.author.clone()).collect()
    };
    assert_eq!(by(&room.advance(20)), [Author::Member(ann.member)]);
    assert_eq!(by(&room.advance(20)), [Author::Member(ben.member)]);
    // Somebody who has gone is not shown any more.
    point(&mut room, &ann, 3);
    point(&mut room, &ben, 3);
    room.leave(&ben, Parting::Lost);
    assert_eq!(by(&room.advance(100)), [Author::Member(ann.member)]);
    room.advance(100).expect_nothing();
}

#[test]
fn pointers_far_away_are_ignored() {
    let (mut room, ann, _) = pair();
    for bad in [
        json!({"x": 1000.5, "y": 0}),
        json!({"x": 0, "y": -1001}),
        json!({"x": null, "y": 0}),
        json!({"x": 0}),
        json!({"x": 0, "y": 0, "id": "somebody"}),
    ] {
        room.say(&ann, Topic::Mouse, bad).expect_nothing();
    }
}

fn custom(room: &mut Room<Piano>, by: &Peer, data: &Value, target: &Value) -> Effects {
    room.say(by, Topic::Custom, json!({"data": data, "target": target}))
}

#[test]
fn programs_speak_to_subscribers() {
    let (mut room, ann, ben) = pair();
    let tab = room.attach(&ann, false);
    let target = json!({"mode": "subscribed", "global": false});
    custom(&mut room, &ben, &json!(1), &target).expect_nothing();
    for peer in [&ann, &ben] {
        let subscribed = room.say(peer, Topic::Subscribe, json!({}));
        subscribed.expect(&Effect::Subscribe(Subscription {
            connection: peer.connection,
            topic: Topic::Custom as u16,
        }));
        room.say(peer, Topic::Subscribe, json!({})).expect_nothing();
    }
    let effects = custom(&mut room, &ben, &json!({"beat": [96, null]}), &target);
    let sent = effects.expect_one(Topic::Custom);
    sent.by(ben.member)
        .reliable()
        .json(json!({"data": {"beat": [96, null]}}));
    assert!(sent.reaches(&ann) && !sent.reaches(&tab) && !sent.reaches(&ben));
    room.say(&ann, Topic::Unsubscribe, json!({}))
        .expect(&Effect::Unsubscribe(Subscription {
            connection: ann.connection,
            topic: Topic::Custom as u16,
        }));
    custom(&mut room, &ben, &json!(null), &target).expect_nothing();
    room.say(&tab, Topic::Subscribe, json!({}));
    room.detach(&tab, Parting::Closed);
    custom(&mut room, &ben, &json!(null), &target).expect_nothing();
}

#[test]
fn programs_speak_to_people() {
    let (mut room, ann, ben) = pair();
    let cy = room.enter("mpp:cy");
    let one = json!({"mode": "id", "id": "ann", "global": false});
    let sent = custom(&mut room, &ben, &json!("x"), &one);
    let sent = sent.expect_one(Topic::Custom);
    assert!(sent.reaches(&ann) && !sent.reaches(&cy) && !sent.reaches(&ben));
    let some = json!({"mode": "ids", "ids": ["ann", "ben", "cy", "nobody"]});
    let sent = custom(&mut room, &ben, &json!("x"), &some);
    let sent = sent.expect_one(Topic::Custom);
    assert!(sent.reaches(&ann) && sent.reaches(&cy) && !sent.reaches(&ben));
    for nobody in [
        json!({"mode": "id"}),
        json!({"mode": "ids"}),
        json!({"mode": "id", "id": "ben"}),
        json!({"mode": "id", "id": "", "global": true}),
    ] {
        custom(&mut room, &ben, &json!("x"), &nobody).expect_nothing();
    }
}

#[test]
fn programs_speak_to_all_rooms() {
    let (mut room, _, ben) = pair();
    let cases = [
        (json!({"mode": "subscribed"}), Reach::Subscribers),
        (
            json!({"mode": "id", "id": "zoe"}),
            Reach::Users(vec!["mpp:zoe".to_owned()]),
        ),
        (
            json!({"mode": "ids", "ids": ["yan", "zoe"]}),
            Reach::Users(vec!["mpp:yan".to_owned(), "mpp:zoe".to_owned()]),
        ),
    ];
    for (mut target, to) in cases {
        target["global"] = json!(true);
        let effects = custom(&mut room, &ben, &json!(7), &target);
        let publication = Publication {
            to,
            topic: Topic::Custom as u16,
            payload: roost_sdk::types::Payload::of(&json!({"data": 7})),
            author: Author::Member(ben.member),
        };
        assert_eq!(effects.all(), [Effect::Publish(publication)]);
    }
}

#[test]
fn programs_speak_only_so_much() {
    let (mut room, _, ben) = pair();
    let target = json!({"mode": "id", "id": "ann", "global": false});
    // With its quotation marks, half of what is allowed.
    let half = json!("x".repeat(8190));
    for _ in 0..2 {
        custom(&mut room, &ben, &half, &target).expect_one(Topic::Custom);
    }
    custom(&mut room, &ben, &json!(1), &target).expect_nothing();
    room.advance(9999);
    custom(&mut room, &ben, &json!(1), &target).expect_nothing();
    room.advance(1);
    custom(&mut room, &ben, &json!(1), &target).expect_one(Topic::Custom);
}
