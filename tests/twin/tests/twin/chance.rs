//! Scripts by chance, with the seed printed.

use crate::port::{check, script};
use crate::words::{attach, attempt, detach, join, leave, renamed, said, signal};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use roost_room::{EndCause, Event, Intake, Parting, Payload, Program, TimerId};
use roost_twin::Guest;
use std::time::UNIX_EPOCH;

/// Set it to the seed that a failed run has printed.
const SEED: &str = "ROOST_TWIN_TEST_SEED";

/// A runner whose seed is shown if the test fails.
pub(crate) fn runner(cases: u32) -> TestRunner {
    let fresh = || UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let given = std::env::var(SEED).ok();
    let seed = given.map_or_else(fresh, |text| text.parse().unwrap());
    println!("{SEED}={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-d]{1,2}",
        1 => "\\PC{1,20}",
    ]
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Into::into),
            vec((word(), inner), 0..4).prop_map(|all| all.into_iter().collect()),
        ]
    })
}

/// Something that one of the guests understands, or nearly, or not at all.
pub(crate) fn payload() -> impl Strategy<Value = Payload> {
    let json = |value: serde_json::Value| Payload::json(value.to_string());
    prop_oneof![
        4 => (0..30_u32, any::<i32>())
            .prop_map(move |(id, by)| json(serde_json::json!({"id": format!("id-{id}"), "by": by}))),
        2 => (0..9_000_u32, 0..6_u32)
            .prop_map(move |(after, id)| json(serde_json::json!({"after": after, "id": id}))),
        2 => (word(), 0..0x0180_0000_u32)
            .prop_map(move |(name, color)| json(serde_json::json!({"name": name, "color": color}))),
        2 => (0..6_u32, 0..4_u32)
            .prop_map(move |(units, ticks)| json(serde_json::json!({"units": units, "ticks": ticks}))),
        1 => any_json().prop_map(json),
        1 => vec(any::<u8>(), 0..40).prop_map(Payload::binary),
    ]
}

pub(crate) fn parting() -> impl Strategy<Value = Parting> {
    prop_oneof![
        Just(Parting::Closed),
        Just(Parting::Lost),
        Just(Parting::Moved),
        Just(Parting::Kicked),
        Just(Parting::ServerRestart),
    ]
}

/// Any of a kind's topics, mostly one that clients may use.
pub(crate) fn topic(guest: Guest) -> impl Strategy<Value = String> {
    let manifest = crate::twin(guest).native.manifest().clone();
    let open = manifest
        .topics
        .iter()
        .filter(|spec| spec.intake != Intake::Closed);
    let mut names: Vec<_> = open.cycle().take(10).collect();
    names.extend(manifest.topics.iter());
    let names: Vec<_> = names
        .iter()
        .map(|spec| spec.name.as_str().to_owned())
        .collect();
    prop::sample::select(names)
}

fn event(guest: Guest) -> impl Strategy<Value = Event> {
    let (member, connection) = (1..6_u32, 1..9_u32);
    prop_oneof![
        1 => (connection.clone(), word()).prop_map(|(connection, user)| attempt(connection, &user)),
        3 => (member.clone(), word()).prop_map(|(member, user)| join(member, &user)),
        2 => (member.clone(), connection.clone(), any::<bool>())
            .prop_map(|(member, connection, resumed)| attach(member, connection, resumed)),
        1 => (member.clone(), connection.clone(), parting())
            .prop_map(|(member, connection, reason)| detach(member, connection, reason)),
        1 => (member.clone(), parting()).prop_map(|(member, reason)| leave(member, reason)),
        1 => (member.clone(), word()).prop_map(|(member, name)| renamed(member, &name)),
        1 => (0..6_u32).prop_map(|id| Event::Timer(TimerId(id))),
        1 => any::<bool>().prop_map(|known| signal(1, if known { "total" } else { "other" })),
        1 => Just(Event::Terminate(EndCause::Empty)),
        9 => (member, connection, topic(guest), payload())
            .prop_map(|(member, via, topic, payload)| said(member, via, &topic, payload)),
    ]
}

/// Batches, with a tick at the end of many where the kind has ticks.
fn batches(guest: Guest) -> impl Strategy<Value = Vec<(u64, Vec<Event>)>> {
    let ticking = guest == Guest::Ticker;
    let batch = (0..3_000_u64, vec(event(guest), 1..8), any::<bool>());
    let batch = batch.prop_map(move |(passed, mut events, tick)| {
        events.extend((ticking && tick).then_some(Event::Tick));
        (passed, events)
    });
    vec(batch, 30..90)
}

fn random(guest: Guest) {
    let twin = crate::twin(guest);
    let outcome = runner(6).run(&batches(guest), |batches| {
        check(&twin, &script(batches));
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn random_echo() {
    random(Guest::Echo);
}

#[test]
fn random_relay() {
    random(Guest::Relay);
}

#[test]
fn random_counter() {
    random(Guest::Counter);
}

#[test]
fn random_ticker() {
    random(Guest::Ticker);
}
