//! The way of a well-behaved guest: from upload to effects.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may fail loudly"
)]

mod common;

use common::{LIMITS, context, guest, identity, log, program};
use roost_room::{Effect, Event, Payload, Program};
use std::sync::mpsc::channel;

#[test]
fn echo_end_to_end() {
    let program = program("echo");
    assert_eq!(program.manifest().kind, "echo");
    assert!(!program.blocking());
    assert!(!program.inspection().uses_wasi);
    let (sink, _lines) = log();
    let mut rules = program.instantiate(sink).unwrap();
    rules.init(&identity("{}"), LIMITS).unwrap().unwrap();

    let topic = program.manifest().topics[0].name.clone();
    let Event::Message(mut message) = common::said(topic.as_str(), "") else {
        unreachable!()
    };
    message.payload = Payload::json("{\"hello\":\"wörld\"}");
    let handled = rules
        .handle(&context(1), &[Event::Message(message.clone())], LIMITS)
        .unwrap();
    let [Effect::Deliver(delivery)] = handled.effects.as_slice() else {
        panic!("{handled:?}")
    };
    assert_eq!(delivery.payload, message.payload);
    assert_eq!(delivery.topic, topic);
    assert!(
        handled.fuel > 0 && handled.fuel < LIMITS.fuel / 100,
        "{} fuel",
        handled.fuel
    );

    let state = rules.snapshot(LIMITS).unwrap();
    let (sink, _lines) = log();
    let mut again = program.instantiate(sink).unwrap();
    let meta = roost_room::SnapshotMeta {
        program: program.hash(),
        state_version: program.manifest().state_version,
    };
    again
        .restore(&identity("{}"), &meta, &state, LIMITS)
        .unwrap()
        .unwrap();
    assert_eq!(again.snapshot(LIMITS).unwrap(), state);
}

#[test]
fn progress_is_told_in_order() {
    let (send, told) = channel();
    let done = send.clone();
    common::SANDBOX
        .load_with(
            guest("echo"),
            move |progress| send.send(format!("{progress:?}")).unwrap(),
            move |result| {
                done.send(
                    result
                        .map(|program| program.manifest().kind.clone())
                        .unwrap(),
                )
                .unwrap()
            },
        )
        .unwrap();
    let told: Vec<String> = told.iter().collect();
    assert_eq!(told.len(), 3);
    assert!(
        told[0].starts_with("Inspected") && told[1].starts_with("Compiled"),
        "{told:?}"
    );
    assert_eq!(told[2], "echo");
}
