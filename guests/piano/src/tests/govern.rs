//! Settings, kicks and bans.

use roost_sdk::harness::{Effects, Peer, Room};
use roost_sdk::types::{Effect, Event, Packet, Parting, RefusalReason, Relocation};
use serde_json::{Value, json};

use super::{enter_staff, leaving, pair, redirected, seen, settings, topics};
use crate::{Piano, Topic};

fn chset(room: &mut Room<Piano>, by: &Peer, set: &Value) -> Effects {
    room.say(by, Topic::ChangeSettings, json!({ "set": set }))
}

fn kickban(room: &mut Room<Piano>, by: &Peer, id: &str, ms: f64) -> Effects {
    room.say(by, Topic::Kickban, json!({"_id": id, "ms": ms}))
}

fn moves(effects: &Effects) -> Vec<&Relocation> {
    let all = effects.all().iter();
    all.filter_map(|effect| match effect {
        Effect::Move(relocation) => Some(relocation),
        _ => None,
    })
    .collect()
}

fn text(packet: &Packet) -> String {
    assert_eq!(packet.topic, Topic::Notification as u16);
    let notice: Value = packet.payload.parse().unwrap();
    assert_eq!(notice["target"], "#room");
    notice["text"].as_str().unwrap().to_owned()
}

#[test]
fn settings_change_for_all_and_in_the_list() {
    let (mut room, ann, ben) = pair();
    let effects = chset(
        &mut room,
        &ann,
        &json!({"visible": false, "color2": "#111111"}),
    );
    effects.expect(&Effect::Commit);
    let sent = effects.expect_one(Topic::Channel);
    sent.to_everyone().reliable();
    let shown: Value = sent.parse();
    assert_eq!(shown["ch"]["settings"]["color2"], "#111111");
    assert!(shown.get("p").is_none());
    assert_eq!(shown["ppl"].as_array().unwrap().len(), 2);
    assert!(!room.listing().unwrap().visible);
    chset(&mut room, &ben, &json!({"visible": true})).expect_nothing();
}

#[test]
fn settings_may_be_sent_back_whole() {
    let options = json!({"owners": {"den": "zoe"}});
    let mut room = super::room_with("den", &options);
    let ann = room.enter("mpp:ann");
    let all = json!({"visible": false, "chat": true, "crownsolo": true, "no cussing": true,
        "lyrical notes": true, "noindex": true, "allowBots": false, "color": "#abcdef",
        "color2": "#123456", "limit": "9", "minOnlineTime": 1000});
    chset(&mut room, &ann, &all);
    let shown = settings(&mut room, &ann);
    assert_eq!(
        (&shown["limit"], &shown["owner_id"]),
        (&json!(9), &json!("zoe"))
    );
    let mut back = shown.clone();
    back["lobby"] = json!(true);
    back["owner_id"] = json!("ann");
    chset(&mut room, &ann, &back);
    assert_eq!(settings(&mut room, &ann), shown);
    back.as_object_mut().unwrap().remove("color2");
    chset(&mut room, &ann, &back);
    let mut expected = shown;
    expected.as_object_mut().unwrap().remove("color2");
    assert_eq!(settings(&mut room, &ann), expected);
}

#[test]
fn an_hour_is_accepted_and_keeps_out() {
    let (mut room, ann, ben) = pair();
    let tab = room.attach(&ben, false);
    let effects = kickban(&mut room, &ann, "ben", 3_600_000.0);
    let kinds: Vec<_> = effects.all().iter().map(std::mem::discriminant).collect();
    let listing = room.listing().unwrap();
    assert_eq!(listing.bans.len(), 1);
    assert_eq!(
        (listing.bans[0].user.as_str(), listing.bans[0].until),
        ("mpp:ben", room.now() + 3_600_000)
    );
    let moved = moves(&effects);
    let connections: Vec<_> = moved.iter().map(|one| one.connection).collect();
    assert_eq!(connections, [ben.connection, tab.connection]);
    assert!(
        moved
            .iter()
            .all(|one| one.room == "test/awkward" && one.on_arrival.len() == 1)
    );
    assert!(text(&moved[0].on_arrival[0]).contains("60 minutes"));
    let notice = effects.expect_one(Topic::Notification);
    assert!(notice.reaches(&ann) && !notice.reaches(&ben) && !notice.reaches(&tab));
    effects.expect(&Effect::Commit);
    assert_eq!(
        kinds.len(),
        5,
        "listing, two moves, notice, commit: {effects:#?}"
    );
    room.leave(&ben, Parting::Moved);

    room.advance(60_001);
    let back = leaving(&mut room, "mpp:ben", "lobby");
    let (to, notice) = redirected(&mut room, back);
    assert_eq!(to, "test/awkward");
    assert!(notice.contains("59 minutes"), "{notice}");
    let back = leaving(&mut room, "mpp:ben", "test/awkward");
    let answer = room.try_enter(back).unwrap_err();
    assert!(
        matches!(answer.all(), [Effect::Refuse(refusal)] if refusal.reason == RefusalReason::Banned)
    );
    room.advance(3_600_000 - 60_001);
    room.enter("mpp:ben");
}

#[test]
fn bans_are_for_those_who_govern() {
    let (mut room, ann, ben) = pair();
    kickban(&mut room, &ben, "ann", 60_000.0).expect_nothing();
    room.say(&ben, Topic::Unban, json!({"_id": "ann"}))
        .expect_nothing();
    let staff = enter_staff(&mut room, "mpp:staff");
    let effects = kickban(&mut room, &staff, "ann", 60_000.0);
    assert_eq!(moves(&effects)[0].connection, ann.connection);
    room.leave(&ann, Parting::Moved);
    room.say(&staff, Topic::Unban, json!({"_id": "ann"}))
        .expect(&Effect::Commit);
    assert!(room.listing().unwrap().bans.is_empty());
    room.enter("mpp:ann");
}

#[test]
fn kicks_and_odd_times() {
    let (mut room, ann, ben) = pair();
    let effects = kickban(&mut room, &ann, "ben", 0.0);
    assert_eq!(moves(&effects).len(), 1);
    assert!(room.listing().unwrap().bans.is_empty());
    room.leave(&ben, Parting::Moved);
    room.enter("mpp:ben");
    for (ms, lasts) in [(90_000.7, 90_000), (9e12, 3_600_000), (-5.0, 0)] {
        kickban(&mut room, &ann, "cy", ms);
        let bans = &room.listing().unwrap().bans;
        let lasting = bans.first().map_or(0, |ban| ban.until - room.now());
        assert_eq!(lasting, lasts, "{ms}: the new one replaces the old");
    }
}

#[test]
fn the_absent_are_banned_too() {
    let (mut room, ann, ben) = pair();
    let effects = kickban(&mut room, &ann, "cy", 60_000.0);
    assert!(moves(&effects).is_empty());
    effects.expect_one(Topic::Notification).to_everyone();
    assert_eq!(topics(&effects, &ben), [Topic::Notification]);
    let cy = room.entrant("mpp:cy");
    assert_eq!(redirected(&mut room, cy).0, "test/awkward");
    kickban(&mut room, &ann, "", 60_000.0).expect_nothing();
    kickban(&mut room, &ann, &"x".repeat(300), 60_000.0).expect_nothing();
}

#[test]
fn who_bans_himself_gets_a_certificate() {
    let (mut room, ann, ben) = pair();
    let effects = kickban(&mut room, &ann, "ann", 60_000.0);
    let packets = &moves(&effects)[0].on_arrival;
    assert_eq!(packets.len(), 2);
    assert!(text(&packets[1]).contains("certif"));
    let left = room.leave(&ann, Parting::Moved);
    assert_eq!(topics(&left, &ben), [Topic::Bye, Topic::Channel]);
    assert_eq!(
        seen(&left, &ben, Topic::Channel)[0]["ch"]["crown"]["userId"],
        "ann"
    );
}

#[test]
fn a_ban_also_meets_those_on_their_way_in() {
    let (mut room, ann, ben) = pair();
    kickban(&mut room, &ann, "ben", 120_000.0);
    let tab = room.attach(&ben, false);
    let met = room.last().clone();
    let [moved] = moves(&met)[..] else {
        panic!("{met:#?}")
    };
    assert_eq!(moved.connection, tab.connection);
    assert!(text(&moved.on_arrival[0]).contains("2 minutes"));
    room.leave(&tab, Parting::Moved);
    let cy = room.entrant("mpp:cy");
    room.call(vec![Event::JoinAttempt(cy.clone())]);
    kickban(&mut room, &ann, "cy", 120_000.0);
    let answer = room.try_enter(cy).unwrap_err();
    assert!(matches!(answer.all(), [Effect::Redirect(_)]));
}

#[test]
fn only_so_many_bans_are_kept() {
    let (mut room, ann, _) = pair();
    for batch in 0..18 {
        let events = (0..60).map(|number| {
            let id = format!("user{:04}", batch * 60 + number);
            let payload = roost_sdk::types::Payload::of(&json!({"_id": id, "ms": 3_000_000}));
            Room::<Piano>::message(&ann, Topic::Kickban, payload)
        });
        room.call(events.collect());
        room.advance(1);
    }
    let bans = &room.listing().unwrap().bans;
    assert_eq!(bans.len(), 1024);
    assert_eq!(bans[0].user, "mpp:user0056", "those that end first went");
    assert!(room.snapshot().len() < 1 << 20);
}
