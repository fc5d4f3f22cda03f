//! The log of the rules and its limits.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may fail loudly"
)]

mod common;

use common::{LIMITS, ROGUE, room, said};
use roost_room::{CallLimits, Context, LogLevel};

fn at(now: u64) -> Context {
    common::context(now)
}

#[test]
fn lines_arrive_with_their_level() {
    let mut rogue = room(&ROGUE, "");
    rogue.say("log 2").unwrap();
    let lines = rogue.lines.lock().unwrap().clone();
    assert_eq!(
        lines,
        [
            (LogLevel::Info, "line 0".to_owned()),
            (LogLevel::Info, "line 1".to_owned())
        ]
    );
}

#[test]
fn a_line_is_cut_between_characters() {
    let mut rogue = room(&ROGUE, "");
    rogue.say("long-line").unwrap();
    assert_eq!(rogue.lines(), ["é".repeat(512)]);
}

#[test]
fn sixty_four_lines_a_call_and_a_hundred_a_second() {
    let sandbox = roost_sandbox::Sandbox::new(common::config()).unwrap();
    let program = sandbox.load(common::guest("rogue")).unwrap();
    let mut rogue = room(&program, "");
    let mut log = |now: u64, order: &str| {
        let before = rogue.lines().len();
        rogue
            .rules
            .handle(&at(now), &[said("do", order)], LIMITS)
            .unwrap();
        rogue.lines().len() - before
    };
    assert_eq!(log(10_000, "log 70"), 64);
    assert_eq!(log(10_500, "log 70"), 36);
    assert_eq!(log(10_999, "log 70"), 0);
    assert_eq!(log(11_000, "log 5"), 5, "a second of event time later");
    assert_eq!(sandbox.counts().log_dropped, 6 + 34 + 70);
}

#[test]
fn a_replay_is_silent_and_takes_nothing_from_the_limit() {
    let mut rogue = room(&ROGUE, "");
    let silent = CallLimits {
        log: false,
        ..LIMITS
    };
    for _ in 0..5 {
        rogue.say_within("log 60", silent).unwrap();
    }
    assert!(rogue.lines().is_empty());
    rogue.say("log 60").unwrap();
    assert_eq!(rogue.lines().len(), 60);
}

#[test]
fn a_silent_panic_still_says_what_it_was() {
    let mut rogue = room(&ROGUE, "");
    let fault = rogue
        .say_within(
            "panic",
            CallLimits {
                log: false,
                ..LIMITS
            },
        )
        .unwrap_err();
    assert!(fault.to_string().contains("ordered to panic"), "{fault}");
    assert!(rogue.lines().is_empty());
}
