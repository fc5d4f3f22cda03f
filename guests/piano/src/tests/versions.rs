//! Snapshots of older rules.

use roost_sdk::harness::Room;
use roost_sdk::prelude::*;
use serde_json::json;

use super::{redirected, seen, shown};
use crate::{Piano, Topic};

/// Written by version 1: ann with the crown, ben and eve of the staff; a colour is set, cy is banned,
/// ben has said "hello", ann has moved and eve subscribed.
const FIRST: &str = "\
0100000001000301076d70703a616e6e03616e6e80818204000001010000000000000014400000000000001840\
80a0f1c2b1340101d804880e880e880e880e880e80a0f1c2b134000000000002076d70703a62656e0362656e80\
81820400000102000000000000006940000000000000594000009003b009b009b009b009b00980a0f1c2b13400\
0180a0f1c2b13400000003076d70703a6576650365766580818204000101030103000000000000694000000000\
0000594000009003b009b009b009b009b00980a0f1c2b134000000000000000101000000010000b3c444000000\
0001076d70703a616e6e010180a0f1c2b134000000000000494000000000000049400000000000004940000000\
000000494001066d70703a637980fdccc4b134010568656c6c6f076d70703a62656e0362656e80818204000080\
a0f1c2b134d0f4bec4020001b2a0f1c2b134\
";

fn first() -> Vec<u8> {
    let digits = FIRST.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

/// Stands where the rules of version 1 stood: three people come in, then others take over.
#[derive(Debug)]
struct Before;

impl Rules for Before {
    type Topic = Topic;
    const STATE_VERSION: u32 = 1;

    fn manifest() -> Manifest {
        Manifest::of::<Self>("piano")
    }

    fn init(_config: &RoomConfig) -> Result<Self, String> {
        Ok(Self)
    }

    fn snapshot(&self) -> Vec<u8> {
        first()
    }

    fn restore(_config: &RoomConfig, _meta: &SnapshotMeta, _state: &[u8]) -> Result<Self, String> {
        Ok(Self)
    }
}

#[test]
fn rooms_of_the_first_version_go_on() {
    let config = RoomConfig {
        room: "den".to_owned(),
        ..roost_sdk::harness::config()
    };
    let mut room = Room::<Before>::start_as(config).unwrap();
    let [ann, ben, eve] = ["mpp:ann", "mpp:ben", "mpp:eve"].map(|user| room.enter(user));
    let mut room = room.swap::<Piano>().unwrap();
    let channel = shown(&mut room, &ben);
    assert_eq!(channel["ch"]["count"], 3);
    assert_eq!(channel["ch"]["settings"]["color"], "#112233");
    assert_eq!(channel["ch"]["crown"]["participantId"], "ann");
    assert_eq!(
        channel["ppl"][0],
        json!({"_id": "ann", "id": "ann", "name": "ann", "color": "#808080", "x": 5.0, "y": 6.0,
            "afk": false})
    );
    let cy = room.entrant("mpp:cy");
    assert_eq!(redirected(&mut room, cy).0, "test/awkward");
    let tab = room.attach(&ben, false);
    assert_eq!(
        seen(room.last(), &tab, Topic::History)[0]["c"][0]["a"],
        "hello"
    );
    // When they were last heard is not known: they have their time from the first look on.
    let looked = room.advance(600_000);
    assert_eq!(seen(&looked, &ann, Topic::Participant).len(), 1, "only ben");
    let looked = room.advance(600_000);
    assert_eq!(seen(&looked, &ann, Topic::Participant).len(), 2);
    let gone = room.say(&eve, Topic::Vanish, json!({"vanish": true}));
    assert_eq!(seen(&gone, &ben, Topic::Bye), [json!({"p": "eve"})]);
}

#[test]
fn other_states_are_refused() {
    let config = roost_sdk::harness::config();
    let meta = SnapshotMeta {
        program: String::new(),
        state_version: 1,
    };
    let restore = |bytes: &[u8]| Piano::restore(&config, &meta, bytes).map(drop);
    let bytes = first();
    assert_eq!(restore(&bytes), Ok(()));
    let mut later = bytes.clone();
    later[0] = 3;
    assert!(restore(&later).unwrap_err().contains("version 3"));
    let mut mistaken = bytes.clone();
    mistaken[0] = 2;
    for broken in [&bytes[..bytes.len() - 1], &bytes[..3], &[], &mistaken] {
        assert!(restore(broken).is_err());
    }
}
