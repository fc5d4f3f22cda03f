//! Cold rooms: one message to each of many rooms in turn, so that no room finds anything of its own
//! in the caches.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot begin has nothing to say"
)]

mod stage;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use roost_room::Topic;
use roost_twin::Guest;
use stage::{LIMITS, Stage};

const ROOMS: [usize; 2] = [1_000, 10_000];
const SIZE: usize = 100;

fn port(c: &mut Criterion) {
    let mut group = c.benchmark_group("port/relay");
    group.throughput(Throughput::Elements(1));
    let events = [stage::message("say", &stage::payload(SIZE))];
    for rooms in ROOMS {
        for (form, program) in stage::forms(Guest::Relay) {
            let mut all: Vec<_> = (0..rooms).map(|_| stage::begin(program.as_ref())).collect();
            let (mut call, mut next) = (0, 0);
            group.bench_function(format!("{rooms} rooms/{form}"), |b| {
                b.iter(|| {
                    (call, next) = (call + 1, (next + 1) % rooms);
                    let rules = all.get_mut(next).unwrap();
                    rules
                        .handle(&stage::context(call), &events, LIMITS)
                        .unwrap()
                });
            });
        }
    }
}

fn kernel(c: &mut Criterion) {
    let mut group = c.benchmark_group("kernel/relay");
    group.throughput(Throughput::Elements(1));
    let (topic, payload) = (Topic::new("say"), stage::payload(SIZE));
    for rooms in ROOMS {
        for (form, program) in stage::forms(Guest::Relay) {
            let open = |_| {
                let mut room = Stage::open(program.clone());
                room.enter("ann");
                room.enter("ben");
                room
            };
            let mut all: Vec<Stage> = (0..rooms).map(open).collect();
            let mut next = 0;
            group.bench_function(format!("{rooms} rooms/{form}"), |b| {
                b.iter(|| {
                    next = (next + 1) % rooms;
                    all.get_mut(next)
                        .unwrap()
                        .step([stage::input(&topic, &payload)]);
                });
            });
        }
    }
}

criterion_group! {
    name = cold;
    config = stage::criterion();
    targets = port, kernel
}
criterion_main!(cold);
