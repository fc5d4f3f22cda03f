//! What goes into one call, and which of the latest replace one another.

use crate::stage::Stage;
use roost_room::{Output, Route};

fn opened(commands: &str) -> Stage {
    let mut stage = Stage::new("");
    for line in ["room", "enter s1 ann", "enter s2 bob"] {
        stage.play(line);
    }
    stage.play(&format!("say c1 {commands}"));
    stage.drain();
    stage.lines.clear();
    stage
}

/// How many events each call had since the last look.
fn calls(stage: &mut Stage) -> Vec<usize> {
    stage.assert_promises("batches");
    let lines = std::mem::take(&mut stage.lines);
    let heard = lines.iter().filter_map(|line| line.strip_prefix("> "));
    heard.map(|events| events.split(' ').count()).collect()
}

fn said_at_once(stage: &mut Stage, count: usize, text: &str) -> Vec<usize> {
    for _ in 0..count {
        stage.play(&format!("+ say c1 {text}"));
    }
    stage.play("step");
    calls(stage)
}

#[test]
fn are_bounded_by_events() {
    let mut stage = opened("");
    assert_eq!(said_at_once(&mut stage, 100, ""), [63, 37]);
}

#[test]
fn are_bounded_by_bytes() {
    let mut stage = opened("");
    // Shown as "… bytes", which is one word more.
    let text = ";".repeat(100 * 1024);
    assert_eq!(said_at_once(&mut stage, 5, &text), [4, 4, 2]);
}

#[test]
fn are_bounded_by_the_fuel_that_events_took_so_far() {
    let mut stage = Stage::new("");
    // The rules say that each event took a thousand.
    stage.limits.fuel_max = 20_000;
    stage.play("room");
    stage.play("enter s1 ann");
    stage.lines.clear();
    assert_eq!(said_at_once(&mut stage, 15, ""), [10, 5]);
}

/// A room in which two events overran that did not alone.
fn overran() -> Stage {
    let mut stage = opened("");
    stage.play("+ say c1 batchfuel");
    stage.play("say c1");
    stage.drain();
    stage.lines.clear();
    stage
}

#[test]
fn are_halved_when_one_overran_and_grow_again() {
    let mut stage = overran();
    assert_eq!(said_at_once(&mut stage, 40, ""), [32, 8]);
    for _ in 0..256 {
        stage.play("say c1");
    }
    stage.lines.clear();
    assert_eq!(said_at_once(&mut stage, 40, ""), [40]);
}

#[test]
fn what_the_old_rules_took_does_not_count_for_the_new() {
    let mut stage = overran();
    stage.play("swap program=2");
    // With `activated`.
    assert_eq!(said_at_once(&mut stage, 40, ""), [41]);
}

#[test]
fn a_timer_cancelled_by_the_batch_before_does_not_come() {
    let set: Vec<String> = (1..=70).map(|n| format!("timer {n} 10")).collect();
    let mut stage = opened(&format!("on timer cancel 70;{}", set.join(";")));
    stage.play("wait 10");
    assert_eq!(calls(&mut stage), [63, 6]);
}

#[test]
fn latest_replace_one_another_by_key_topic_and_audience() {
    let mut stage = opened("");
    let all = [
        "latest 1 a",
        "latest 1 b",
        "latest 2 c",
        "latest-mouse 1 d",
        "latest-butm 1 e",
        "latest-butm 2 f",
        "latest-to 1 g",
        "latest-to 2 h",
    ];
    let signal = Stage::signalled(&all.join(";"));
    let clock = stage.clock();
    let outputs = stage.room.as_mut().unwrap().step(clock, [signal]);
    let keys: Vec<u64> = outputs
        .iter()
        .filter_map(|output| match output {
            Output::Deliver(outgoing) => match outgoing.route {
                Route::Latest(key) => Some(key),
                _ => None,
            },
            _ => None,
        })
        .collect();
    assert_eq!(keys.len(), all.len());
    assert_eq!(keys[0], keys[1], "the same but for the payload");
    let mut different = keys[1..].to_vec();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), all.len() - 1, "{keys:?}");
}
