//! Every way to misbehave ends in its own fault, and nobody else notices.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may fail loudly"
)]

mod common;

use common::{LIMITS, ROGUE, context, entrant, identity, log, room, said};
use roost_room::{
    CallLimits, Event, Fault, Handled, Joined, MemberId, Payload, Program, SnapshotMeta,
};
use std::time::{Duration, Instant};

/// One order in a room of its own, with another room of the same program before, during and after.
fn ordered(order: &str) -> Fault {
    let mut neighbour = room(&ROGUE, "");
    let mut rogue = room(&ROGUE, "");
    neighbour.say("become steady").unwrap();
    let fault = rogue.say(order).unwrap_err();
    assert_eq!(neighbour.hear("count"), "2", "after {order}");
    // The instance is dead, and says so instead of going on with a broken heap.
    assert!(
        matches!(rogue.say("count"), Err(Fault::Trap(_))),
        "after {order}"
    );
    assert!(rogue.rules.snapshot(LIMITS).is_err(), "after {order}");
    fault
}

fn trap_text(order: &str) -> String {
    match ordered(order) {
        Fault::Trap(text) => text,
        other => panic!("{order}: {other:?}"),
    }
}

#[test]
fn endless_loop_is_out_of_fuel() {
    assert_eq!(ordered("loop"), Fault::OutOfFuel(LIMITS.fuel));
}

#[test]
fn logging_for_ever_is_out_of_fuel() {
    let begun = Instant::now();
    assert_eq!(ordered("log-forever"), Fault::OutOfFuel(LIMITS.fuel));
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn watchdog_interrupts_with_fuel_left() {
    let limits = CallLimits {
        fuel: u64::MAX,
        deadline: Some(Duration::from_millis(50)),
        ..LIMITS
    };
    let mut rogue = room(&ROGUE, "");
    let begun = Instant::now();
    let fault = rogue.say_within("loop", limits).unwrap_err();
    assert_eq!(fault, Fault::Interrupted(Duration::from_millis(50)));
    assert!(begun.elapsed() >= Duration::from_millis(50), "not early");
}

#[test]
fn without_a_deadline_only_fuel_counts() {
    let limits = CallLimits {
        fuel: 400_000_000,
        deadline: None,
        ..LIMITS
    };
    assert!(room(&ROGUE, "").say_within("spin 5000000", limits).is_ok());
}

#[test]
fn panic_says_where_and_what() {
    let text = trap_text("panic");
    assert!(text.contains("ordered to panic"), "{text}");
    assert!(text.contains(" in "), "says where: {text}");
}

#[test]
fn abort_and_deep_recursion_are_traps() {
    assert!(trap_text("exit").contains("unreachable"));
    let text = trap_text("recurse");
    assert!(
        text.contains("call stack exhausted") && text.contains(" < "),
        "{text}"
    );
}

#[test]
fn memory_ends_at_the_limit() {
    let text = trap_text("eat");
    assert!(
        text.contains("alloc") || text.contains("unreachable"),
        "{text}"
    );
    let mut modest = room(&ROGUE, "");
    assert_eq!(modest.hear("try 40"), "true");
    assert_eq!(
        modest.hear("try 80"),
        "false",
        "a guest that asks first lives on"
    );
    assert_eq!(modest.hear("count"), "3");
}

#[test]
fn huge_and_aliased_replies_are_over_the_limit() {
    assert!(matches!(ordered("huge"), Fault::Limit(_)));
    let begun = Instant::now();
    assert!(matches!(ordered("alias 1000"), Fault::Limit(_)));
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "not a gigabyte was copied"
    );
}

#[test]
fn as_many_effects_as_fit_are_handed_on() {
    // The kernel counts them; what is bounded here is bytes.
    assert_eq!(
        room(&ROGUE, "").say("many 10000").unwrap().effects.len(),
        10_000
    );
    assert!(matches!(ordered("many 200000"), Fault::Limit(_)));
}

#[test]
fn invalid_effects_name_themselves() {
    for (order, words) in [
        ("topic", "effect 0, deliver: topic 999"),
        ("json", "effect 0, deliver: not JSON"),
        ("deep-json", "nested deeper"),
        ("user", "user id"),
        ("until", "2^53"),
    ] {
        let Fault::Invalid(text) = ordered(order) else {
            panic!("{order}")
        };
        assert!(text.contains(words), "{order}: {text}");
    }
}

#[test]
fn traps_on_join_and_answers_wrongly() {
    let join = [Event::Join(Joined {
        member: MemberId(1),
        entrant: entrant(1),
    })];
    let mut rules = room(&ROGUE, "trap-on-join").rules;
    assert!(matches!(
        rules.handle(&context(1), &join, LIMITS),
        Err(Fault::Trap(_))
    ));
    let attempt = [Event::JoinAttempt(entrant(1))];
    for (options, answers) in [("", 1), ("silent", 0), ("both", 2)] {
        let mut rules = room(&ROGUE, options).rules;
        assert_eq!(
            rules
                .handle(&context(1), &attempt, LIMITS)
                .unwrap()
                .effects
                .len(),
            answers,
            "{options}"
        );
    }
}

#[test]
fn init_and_restore_may_refuse_or_fail() {
    let start = |options: &str| {
        ROGUE
            .instantiate(log().0)
            .unwrap()
            .init(&identity(options), LIMITS)
    };
    assert_eq!(
        start("refuse-init").unwrap().unwrap_err(),
        "this room refuses to begin"
    );
    assert!(
        matches!(start("panic-in-init"), Err(Fault::Trap(text)) if text.contains("panics in init"))
    );
    assert!(matches!(start("loop-in-init"), Err(Fault::OutOfFuel(_))));
    let meta = SnapshotMeta {
        program: ROGUE.hash(),
        state_version: 1,
    };
    let restore = |options: &str, state: &[u8]| {
        ROGUE
            .instantiate(log().0)
            .unwrap()
            .restore(&identity(options), &meta, state, LIMITS)
    };
    let state = room(&ROGUE, "").rules.snapshot(LIMITS).unwrap();
    assert!(restore("", &state).unwrap().is_ok());
    assert_eq!(restore("", &[1]).unwrap().unwrap_err(), "no count");
    assert!(restore("refuse-restore", &state).unwrap().is_err());
    assert!(matches!(
        restore("panic-in-restore", &state),
        Err(Fault::Trap(_))
    ));
}

/// The same history from the same snapshot, on a fresh instance.
fn replay(state: &[u8]) -> Vec<Handled> {
    let mut rules = ROGUE.instantiate(log().0).unwrap();
    let meta = SnapshotMeta {
        program: ROGUE.hash(),
        state_version: 1,
    };
    rules
        .restore(&identity("{}"), &meta, state, LIMITS)
        .unwrap()
        .unwrap();
    let orders = [
        "count",
        "seed",
        "spin 1000",
        "echo",
        "log 80",
        "become odd",
        "count",
        "try 70",
    ];
    let calls = orders.iter().zip(1..).map(|(order, now)| {
        rules
            .handle(
                &context(now),
                &[said("do", order), said("do", "seed")],
                LIMITS,
            )
            .unwrap()
    });
    calls.collect()
}

#[test]
fn same_snapshot_and_calls_give_same_effects_and_fuel() {
    let mut first = room(&ROGUE, "some words");
    first.say("count").unwrap();
    let state = first.rules.snapshot(LIMITS).unwrap();
    assert_eq!(replay(&state), replay(&state));
    let mut quiet = room(&ROGUE, "");
    let silent = quiet
        .say_within(
            "log 80",
            CallLimits {
                log: false,
                ..LIMITS
            },
        )
        .unwrap();
    assert_eq!(
        silent.fuel,
        room(&ROGUE, "").say("log 80").unwrap().fuel,
        "a muted log costs the same"
    );
}

#[test]
fn a_snapshot_that_changes_the_state_shows() {
    let mut steady = room(&ROGUE, "").rules;
    assert_eq!(
        steady.snapshot(LIMITS).unwrap(),
        steady.snapshot(LIMITS).unwrap()
    );
    let mut drifting = room(&ROGUE, "drift").rules;
    assert_ne!(
        drifting.snapshot(LIMITS).unwrap(),
        drifting.snapshot(LIMITS).unwrap()
    );
}

#[test]
fn an_unknown_topic_of_the_host_never_reaches_the_guest() {
    let mut rogue = room(&ROGUE, "");
    let fault = rogue
        .rules
        .handle(&context(1), &[said("no such topic", "count")], LIMITS)
        .unwrap_err();
    assert!(matches!(fault, Fault::Invalid(_)));
    assert_eq!(rogue.hear("count"), "1", "the instance was not entered");
}

#[test]
fn payloads_come_back_as_they_went_in() {
    let mut rogue = room(&ROGUE, "");
    for payload in [
        Payload::json("\"echo ünï\""),
        Payload::json("\"echo\""),
        Payload::binary(&b"echo \xff\x00"[..]),
    ] {
        let Event::Message(mut message) = said("do", "") else {
            unreachable!()
        };
        message.payload = payload.clone();
        let effects = rogue
            .rules
            .handle(&context(1), &[Event::Message(message)], LIMITS)
            .unwrap()
            .effects;
        let [roost_room::Effect::Deliver(delivery)] = effects.as_slice() else {
            panic!("{effects:?}")
        };
        assert_eq!(delivery.payload, payload);
    }
}
