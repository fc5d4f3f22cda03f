//! Creating rooms: instance, `init`, first message. `create` leaves what it made for later to drop;
//! `create and drop` includes giving the memory back.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot begin has nothing to say"
)]

mod stage;

use criterion::{Criterion, criterion_group, criterion_main};
use roost_room::{Program, Rules, Topic};
use roost_twin::Guest;
use stage::{LIMITS, Stage};
use std::sync::Arc;

const KINDS: [(Guest, &str); 2] = [(Guest::Echo, "echo"), (Guest::Relay, "say")];

fn first_message(program: &dyn Program, topic: &str) -> Box<dyn Rules> {
    let mut rules = stage::begin(program);
    let message = stage::message(topic, &stage::payload(100));
    rules
        .handle(&stage::context(1), &[message], LIMITS)
        .unwrap();
    rules
}

fn port(c: &mut Criterion) {
    for (guest, topic) in KINDS {
        let mut group = c.benchmark_group(format!("port/{}", guest.name()));
        for (form, program) in stage::forms(guest) {
            let program = program.as_ref();
            group.bench_function(format!("instance/{form}"), |b| {
                b.iter_with_large_drop(|| program.instantiate(Arc::new(|_, _| ())).unwrap());
            });
            group.bench_function(format!("create/{form}"), |b| {
                b.iter_with_large_drop(|| first_message(program, topic));
            });
            group.bench_function(format!("create and drop/{form}"), |b| {
                b.iter(|| drop(first_message(program, topic)));
            });
        }
    }
}

fn kernel(c: &mut Criterion) {
    for (guest, topic) in KINDS {
        let mut group = c.benchmark_group(format!("kernel/{}", guest.name()));
        let (topic, payload) = (Topic::new(topic), stage::payload(100));
        for (form, program) in stage::forms(guest) {
            group.bench_function(format!("open/{form}"), |b| {
                b.iter_with_large_drop(|| Stage::open(program.clone()));
            });
            group.bench_function(format!("create/{form}"), |b| {
                b.iter_with_large_drop(|| {
                    let mut room = Stage::open(program.clone());
                    room.enter("ann");
                    room.step([stage::input(&topic, &payload)]);
                    room
                });
            });
        }
    }
}

criterion_group! {
    name = create;
    config = stage::criterion();
    targets = port, kernel
}
criterion_main!(create);
