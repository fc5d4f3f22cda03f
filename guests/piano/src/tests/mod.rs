//! The rules, played through on a room that checks every call twice: see the SDK's harness.

mod afk;
mod crown;
mod doors;
mod govern;
mod life;
mod play;
mod random;
mod speak;
mod vanish;
mod versions;

use roost_sdk::harness::{Effects, Peer, Room, Sent};
use roost_sdk::types::{Effect, Entrant, RoomConfig};
use serde_json::{Value, json};

use crate::{Piano, Topic};

/// A room of this id.
fn room(id: &str) -> Room<Piano> {
    room_with(id, &json!({}))
}

fn room_with(id: &str, options: &Value) -> Room<Piano> {
    let config = RoomConfig {
        room: id.to_owned(),
        options: options.to_string(),
        ..roost_sdk::harness::config()
    };
    Room::start_as(config).unwrap()
}

/// An ordinary room with its owner and somebody else.
fn pair() -> (Room<Piano>, Peer, Peer) {
    let mut room = room("den");
    let (ann, ben) = (room.enter("mpp:ann"), room.enter("mpp:ben"));
    (room, ann, ben)
}

/// Somebody with this token.
fn with_claims(room: &mut Room<Piano>, user: &str, claims: &Value) -> Entrant {
    let mut entrant = room.entrant(user);
    entrant.who.claims = claims.to_string();
    entrant
}

fn enter_staff(room: &mut Room<Piano>, user: &str) -> Peer {
    let entrant = with_claims(room, user, &json!({"staff": true}));
    room.try_enter(entrant).unwrap()
}

/// Staff that is not seen from the start.
fn enter_vanished(room: &mut Room<Piano>, user: &str) -> Peer {
    let mut entrant = with_claims(room, user, &json!({"staff": true}));
    entrant.options = json!({"set": {}, "vanish": true}).to_string();
    room.try_enter(entrant).unwrap()
}

/// Somebody who is in another room and would leave it.
fn leaving(room: &mut Room<Piano>, user: &str, other: &str) -> Entrant {
    let mut entrant = room.entrant(user);
    entrant.leaving = Some(other.to_owned());
    entrant
}

/// Where an entrant is sent, and with which words.
#[track_caller]
fn redirected(room: &mut Room<Piano>, entrant: Entrant) -> (String, String) {
    let answer = room.try_enter(entrant).unwrap_err();
    match answer.all() {
        [Effect::Redirect(redirection)] => (redirection.room.clone(), redirection.notice.clone()),
        other => panic!("no redirection: {other:#?}"),
    }
}

/// What somebody sees on a topic in these effects.
fn seen(effects: &Effects, peer: &Peer, topic: Topic) -> Vec<Value> {
    let all = effects.seen_by(peer).into_iter();
    let wanted = all.filter(|sent| sent.topic == topic as u16);
    wanted.map(Sent::parse).collect()
}

/// The topics of all that somebody sees, in order.
fn topics(effects: &Effects, peer: &Peer) -> Vec<Topic> {
    let all = effects.seen_by(peer).into_iter();
    all.map(|sent| <Topic as roost_sdk::Topics>::from_id(sent.topic).unwrap())
        .collect()
}

/// The room as it is shown to whoever asks.
fn shown(room: &mut Room<Piano>, peer: &Peer) -> Value {
    let effects = room.say(peer, Topic::Channel, json!({}));
    let sent = effects.expect_one(Topic::Channel);
    sent.to_connection(peer.connection).reliable();
    sent.parse()
}

fn crown(room: &mut Room<Piano>, peer: &Peer) -> Value {
    shown(room, peer)["ch"]["crown"].clone()
}

fn settings(room: &mut Room<Piano>, peer: &Peer) -> Value {
    shown(room, peer)["ch"]["settings"].clone()
}
