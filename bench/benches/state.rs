//! States of a size: writing them down, taking them over, and what a swap of programs costs a room
//! (snapshot, start, restore, exchange, the new rules' first call).

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot begin has nothing to say"
)]

mod stage;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use roost_room::{Payload, Program, Topic};
use roost_twin::Guest;
use stage::{LIMITS, Stage};

const KIB: usize = 1024;
/// Bytes of one id that `counter` remembers.
const ID: usize = 64;
/// Bytes of a name in `relay`, which keeps name and user id.
const NAME: usize = 240;

/// Who is in a `relay` of about so many bytes of state.
fn people(program: &dyn Program, bytes: usize) -> Vec<u8> {
    let mut rules = stage::begin(program);
    let most = u32::try_from(bytes.div_ceil(2 * NAME)).unwrap();
    for number in 1..=most {
        let arrival = stage::arrival(number, NAME);
        rules
            .handle(&stage::context(number.into()), &arrival, LIMITS)
            .unwrap();
    }
    rules.snapshot(LIMITS).unwrap().to_vec()
}

fn addition(number: usize) -> Payload {
    Payload::json(format!(r#"{{"id":"{number:0ID$}","by":1}}"#))
}

/// What a `counter` of about so many bytes of state remembers.
fn additions(program: &dyn Program, bytes: usize) -> Vec<u8> {
    let mut rules = stage::begin(program);
    for number in 0..bytes / ID {
        let add = stage::message("add", &addition(number));
        rules
            .handle(&stage::context(number as u64), &[add], LIMITS)
            .unwrap();
    }
    rules.snapshot(LIMITS).unwrap().to_vec()
}

fn port(c: &mut Criterion) {
    type Fill = fn(&dyn Program, usize) -> Vec<u8>;
    let cases: [(Guest, Fill, &[usize]); 2] = [
        (Guest::Relay, people, &[1, 100, 1024]),
        (Guest::Counter, additions, &[1, 100]),
    ];
    for (guest, fill, sizes) in cases {
        for size in sizes {
            let mut group = c.benchmark_group(format!("port/{}/{size}KiB", guest.name()));
            for (form, program) in stage::forms(guest) {
                let program = program.as_ref();
                let state = fill(program, size * KIB);
                group.throughput(Throughput::Bytes(state.len() as u64));
                let mut rules = stage::restore(program, &state);
                group.bench_function(format!("snapshot/{form}"), |b| {
                    b.iter(|| rules.snapshot(LIMITS).unwrap());
                });
                group.bench_function(format!("start and restore/{form}"), |b| {
                    b.iter_with_large_drop(|| stage::restore(program, &state));
                });
            }
        }
    }
}

/// The pause of a room in which so many bytes of state change hands.
fn exchange(c: &mut Criterion) {
    for size in [1, 100, 10 * 1024] {
        let mut group = c.benchmark_group(format!("kernel/exchange/{size}KiB"));
        for (form, program) in stage::forms(Guest::Counter) {
            let topic = Topic::new("add");
            let mut room = Stage::open(program.clone());
            room.enter("ann");
            for number in 0..size * KIB / ID {
                room.step([stage::input(&topic, &addition(number))]);
            }
            group.bench_function(format!("counter/{form}"), |b| {
                b.iter(|| room.exchange(program.clone()));
            });
        }
        for (form, program) in stage::forms(Guest::Relay) {
            let mut room = Stage::open(program.clone());
            for number in 0..(size * KIB).div_ceil(2 * NAME) {
                room.enter(&format!("{number:0NAME$}"));
            }
            group.bench_function(format!("relay/{form}"), |b| {
                b.iter(|| room.exchange(program.clone()));
            });
        }
    }
}

criterion_group! {
    name = state;
    config = stage::criterion();
    targets = port, exchange
}
criterion_main!(state);
