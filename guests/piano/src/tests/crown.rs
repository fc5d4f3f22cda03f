//! The crown in all its states.

use roost_sdk::harness::{Effects, Peer, Room};
use roost_sdk::types::{Effect, Parting};
use serde_json::{Value, json};

use super::{crown, enter_staff, pair, room_with, seen, settings, topics};
use crate::{Piano, Topic};

fn chown(room: &mut Room<Piano>, by: &Peer, id: Option<&str>) -> Effects {
    let wanted = id.map_or(json!({}), |id| json!({ "id": id }));
    room.say(by, Topic::ChangeOwner, wanted)
}

fn held_by(room: &mut Room<Piano>, peer: &Peer) -> Option<String> {
    let crown = crown(room, peer);
    crown
        .get("participantId")
        .map(|id| id.as_str().unwrap().to_owned())
}

#[test]
fn a_drop_is_seen_by_all() {
    let (mut room, ann, ben) = pair();
    room.say(&ann, Topic::Mouse, json!({"x": 96.5, "y": -20}));
    room.advance(1000);
    let effects = chown(&mut room, &ann, None);
    effects.expect(&Effect::Commit);
    effects.expect_one(Topic::Channel).to_everyone();
    let channel = &seen(&effects, &ben, Topic::Channel)[0];
    assert!(channel.get("p").is_none());
    let crown = &channel["ch"]["crown"];
    assert_eq!(crown["userId"], "ann");
    assert_eq!(crown.get("participantId"), None);
    assert_eq!(crown["time"], room.now());
    assert_eq!(crown["startPos"], json!({"x": 96.5, "y": 0.0}));
    assert_eq!(crown["endPos"]["x"], 90.0);
    let depth = crown["endPos"]["y"].as_f64().unwrap();
    assert!((70.0..=90.0).contains(&depth), "{depth}");
    let listed: Value = serde_json::from_str(&room.listing().unwrap().data).unwrap();
    assert_eq!(&listed["crown"], crown);
    assert_eq!(
        seen(&effects, &ann, Topic::NoteQuota)[0]["max"],
        1200,
        "quota without the crown"
    );
    assert!(seen(&effects, &ben, Topic::NoteQuota).is_empty());
    chown(&mut room, &ann, None).expect_nothing();
}

#[test]
fn others_wait_fifteen_seconds() {
    let (mut room, ann, ben) = pair();
    chown(&mut room, &ben, Some("ben")).expect_nothing();
    chown(&mut room, &ben, None).expect_nothing();
    chown(&mut room, &ann, None);
    room.advance(15_000);
    chown(&mut room, &ben, Some("ben")).expect_nothing();
    room.advance(1);
    let taken = chown(&mut room, &ben, Some("ben"));
    assert_eq!(seen(&taken, &ben, Topic::NoteQuota)[0]["max"], 1800);
    assert_eq!(
        topics(&taken, &ann),
        [Topic::Channel],
        "the other's quota is what it was"
    );
    assert_eq!(held_by(&mut room, &ann).as_deref(), Some("ben"));
    assert_eq!(crown(&mut room, &ann)["userId"], "ben");
    // Who had it before is nobody now.
    chown(&mut room, &ann, Some("ann")).expect_nothing();
}

#[test]
fn the_last_owner_takes_it_back_at_once() {
    let (mut room, ann, _) = pair();
    chown(&mut room, &ann, None);
    chown(&mut room, &ann, Some("ann")).expect(&Effect::Commit);
    assert_eq!(held_by(&mut room, &ann).as_deref(), Some("ann"));
}

#[test]
fn it_is_given_to_those_who_are_here() {
    let (mut room, ann, ben) = pair();
    chown(&mut room, &ann, Some("nobody")).expect_nothing();
    chown(&mut room, &ann, Some("ann")).expect_nothing();
    let given = chown(&mut room, &ann, Some("ben"));
    given.expect(&Effect::Commit);
    assert_eq!(seen(&given, &ann, Topic::NoteQuota)[0]["max"], 1200);
    assert_eq!(seen(&given, &ben, Topic::NoteQuota)[0]["max"], 1800);
    assert_eq!(held_by(&mut room, &ann).as_deref(), Some("ben"));
    chown(&mut room, &ann, Some("ann")).expect_nothing();
    // Nobody gives what he has not.
    chown(&mut room, &ben, None);
    room.advance(20_000);
    let cy = room.enter("mpp:cy");
    chown(&mut room, &ann, Some("cy")).expect_nothing();
    chown(&mut room, &cy, Some("cy")).expect(&Effect::Commit);
}

#[test]
fn it_falls_when_the_owner_leaves_and_comes_back_with_him() {
    let (mut room, ann, ben) = pair();
    let left = room.leave(&ann, Parting::Lost);
    assert_eq!(topics(&left, &ben), [Topic::Bye, Topic::Channel]);
    let channel = &seen(&left, &ben, Topic::Channel)[0];
    assert_eq!(channel["ppl"].as_array().unwrap().len(), 1);
    assert_eq!(channel["ch"]["count"], 1);
    assert_eq!(
        channel["ch"]["crown"]["startPos"],
        json!({"x": 100.0, "y": 100.0})
    );
    room.advance(3_600_000);
    let ann = room.enter("mpp:ann");
    let met = room.last().clone();
    assert_eq!(topics(&met, &ben), [Topic::Participant, Topic::Channel]);
    assert_eq!(
        seen(&met, &ben, Topic::Channel)[0]["ch"]["crown"]["participantId"],
        "ann"
    );
    assert_eq!(
        topics(&met, &ann),
        [Topic::Channel, Topic::History, Topic::NoteQuota]
    );
    assert_eq!(seen(&met, &ann, Topic::NoteQuota)[0]["max"], 1800);
    let left = room.leave(&ben, Parting::Lost);
    assert_eq!(topics(&left, &ann), [Topic::Bye]);
}

#[test]
fn another_tab_of_the_owner_keeps_it() {
    let (mut room, ann, _) = pair();
    let tab = room.attach(&ann, false);
    room.detach(&ann, Parting::Closed).expect_nothing();
    assert_eq!(held_by(&mut room, &tab).as_deref(), Some("ann"));
}

#[test]
fn a_name_is_not_enough_to_get_it_back() {
    let (mut room, ann, ben) = pair();
    room.leave(&ann, Parting::Lost);
    room.enter("guest:ann");
    assert_eq!(held_by(&mut room, &ben), None);
}

#[test]
fn an_owner_by_configuration_takes_it_at_any_time() {
    let options = json!({"owners": {"den": "cy", "lobby": "cy"}});
    let mut room = room_with("den", &options);
    let (ann, cy) = (room.enter("mpp:ann"), room.enter("mpp:cy"));
    assert_eq!(settings(&mut room, &ann)["owner_id"], "cy");
    let taken = chown(&mut room, &cy, Some("cy"));
    assert_eq!(seen(&taken, &ann, Topic::NoteQuota)[0]["max"], 1200);
    assert_eq!(held_by(&mut room, &ann).as_deref(), Some("cy"));
    let mut lobby = room_with("lobby", &options);
    let cy = lobby.enter("mpp:cy");
    assert_eq!(settings(&mut lobby, &cy).get("owner_id"), None);
    chown(&mut lobby, &cy, Some("cy")).expect_nothing();
}

#[test]
fn staff_does_as_it_likes() {
    let (mut room, ann, _) = pair();
    let staff = enter_staff(&mut room, "mpp:staff");
    chown(&mut room, &staff, Some("ben"));
    assert_eq!(held_by(&mut room, &ann).as_deref(), Some("ben"));
    chown(&mut room, &staff, None);
    assert_eq!(held_by(&mut room, &ann), None);
    chown(&mut room, &staff, Some("staff"));
    assert_eq!(held_by(&mut room, &ann).as_deref(), Some("staff"));
}
