//! Components built for WASI: what works, what traps, and that nothing of it differs between runs.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may fail loudly"
)]

mod common;

use common::{LIMITS, Room, SANDBOX, WASI, room, said};
use roost_room::{CallLimits, Context, Effect, Fault, LogLevel, Program};
use std::time::{Duration, Instant};

fn hear_at(room: &mut Room, context: &Context, word: &str) -> String {
    let handled = room
        .rules
        .handle(context, &[said("do", word)], LIMITS)
        .unwrap();
    let [Effect::Deliver(delivery)] = handled.effects.as_slice() else {
        panic!("{handled:?}")
    };
    String::from_utf8(delivery.payload.bytes().to_vec()).unwrap()
}

fn trap(word: &str) -> String {
    let mut neighbour = room(&WASI, "");
    let begun = Instant::now();
    let fault = room(&WASI, "").say(word).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(30), "{word} waited");
    assert_eq!(neighbour.hear("still here"), "still here");
    match fault {
        Fault::Trap(text) => text,
        other => panic!("{word}: {other:?}"),
    }
}

#[test]
fn it_belongs_on_a_blocking_thread() {
    assert!(WASI.blocking());
    assert!(
        WASI.inspection()
            .imports
            .iter()
            .any(|import| import.starts_with("wasi:sockets/"))
    );
}

#[test]
fn what_would_wait_or_look_outside_traps() {
    for (word, what) in [
        ("sleep", "waiting for a time"),
        ("tcp", "wasi:sockets/"),
        ("udp", "wasi:sockets/"),
    ] {
        let text = trap(word);
        assert!(
            text.contains(what) && text.contains("not offered"),
            "{word}: {text}"
        );
    }
    assert!(trap("exit").contains("exit"));
}

#[test]
fn there_are_no_files_and_no_environment() {
    for word in ["file", "write-file"] {
        let mut wasi = room(&WASI, "");
        match wasi.say(word) {
            Ok(_) => assert!(room(&WASI, "").hear(word).contains("Err"), "{word}"),
            Err(fault) => assert!(fault.to_string().contains("not offered"), "{fault}"),
        }
    }
    let mut wasi = room(&WASI, "");
    assert_eq!(wasi.hear("environment"), "0 0");
    assert_eq!(wasi.hear("stdin"), "Ok(0)");
    assert!(!std::path::Path::new("/tmp/roost-rogue").exists());
}

#[test]
fn time_is_the_calls_and_chance_is_its_seed() {
    let context = Context {
        now: 1_700_000_000_123,
        uptime: 5,
        seed: 99,
        tick: None,
    };
    let mut wasi = room(&WASI, "");
    assert_eq!(
        hear_at(&mut wasi, &context, "wall-clock"),
        "Ok(1700000000123)"
    );
    assert_eq!(hear_at(&mut wasi, &context, "clock"), "0ns");
    let random = |seed: u64| hear_at(&mut room(&WASI, ""), &Context { seed, ..context }, "random");
    assert_eq!(random(99), random(99));
    assert_ne!(random(99), random(100));
}

#[test]
fn runs_are_equal_to_the_unit_of_fuel() {
    let run = || {
        let mut wasi = room(&WASI, "");
        ["random", "wall-clock", "print", "environment", "random"]
            .map(|word| wasi.say(word).unwrap())
    };
    assert_eq!(run(), run());
}

#[test]
fn output_goes_to_the_log_line_by_line() {
    let mut wasi = room(&WASI, "");
    wasi.say("print").unwrap();
    let lines = wasi.lines.lock().unwrap().clone();
    let out = (LogLevel::Info, "to standard output".to_owned());
    let err = (
        LogLevel::Warn,
        "to standard error, without an end".to_owned(),
    );
    assert!(lines.contains(&out) && lines.contains(&err), "{lines:?}");
}

#[test]
fn printing_for_ever_ends() {
    let fault = room(&WASI, "").say("print-forever").unwrap_err();
    assert!(
        matches!(fault, Fault::Limit(_) | Fault::OutOfFuel(_)),
        "{fault:?}"
    );
    let replay = CallLimits {
        deadline: None,
        log: false,
        ..LIMITS
    };
    assert!(room(&WASI, "").say_within("print-forever", replay).is_err());
}

#[test]
fn a_panic_is_told_and_harms_nobody() {
    let text = trap("panic");
    assert!(text.contains("ordered to panic under WASI"), "{text}");
}

/// Calls belong on a blocking thread. Should one be made elsewhere by mistake, the host lives.
#[test]
fn a_call_on_a_runtime_thread_does_not_harm_the_host() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let on_worker = runtime.spawn(async {
        let words = ["panic", "print", "sleep", "random", "file", "tcp", "exit"];
        words.map(|word| room(&WASI, "").say(word).is_ok())
    });
    let [panic, print, sleep, random, ..] = runtime.block_on(on_worker).unwrap();
    assert_eq!((panic, print, sleep, random), (false, true, false, true));
    assert_eq!(
        runtime.block_on(async { room(&WASI, "").hear("hello") }),
        "hello"
    );
    assert!(SANDBOX.counts().started > 0);
}
