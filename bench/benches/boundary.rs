//! Crossing the boundary: a call with 1, 8 or 64 messages of 100 B or 4 KiB, answered with a copy of
//! the payload (`echo`, effect `deliver`) or with a reference to it (`relay`, effect `forward`);
//! through the bare port, and through a room of the kernel. The component and the native build of
//! the same rules in one run.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot begin has nothing to say"
)]

mod stage;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use roost_room::{Event, Topic};
use roost_twin::Guest;
use stage::{LIMITS, Stage};

/// Kind, its topic, and the effect it answers with.
const KINDS: [(Guest, &str, &str); 2] = [
    (Guest::Echo, "echo", "deliver"),
    (Guest::Relay, "say", "forward"),
];
const COUNTS: [usize; 3] = [1, 8, 64];
/// 64 messages of 4 KiB are what the kernel gives in one call.
const SIZES: [usize; 2] = [100, 4_000];

fn port(c: &mut Criterion) {
    for (guest, topic, effect) in KINDS {
        for size in SIZES {
            let mut group = c.benchmark_group(format!("port/{effect}/{size}B"));
            for count in COUNTS {
                let one = stage::message(topic, &stage::payload(size));
                let events: Vec<Event> = std::iter::repeat_n(one, count).collect();
                group.throughput(Throughput::Elements(count as u64));
                for (form, program) in stage::forms(guest) {
                    let mut rules = stage::begin(program.as_ref());
                    let mut call = 0;
                    group.bench_function(format!("{count}/{form}"), |b| {
                        b.iter(|| {
                            call += 1;
                            rules
                                .handle(&stage::context(call), &events, LIMITS)
                                .unwrap()
                        });
                    });
                }
            }
        }
    }
}

fn kernel(c: &mut Criterion) {
    for (guest, name, effect) in KINDS {
        for size in SIZES {
            let mut group = c.benchmark_group(format!("kernel/{effect}/{size}B"));
            for count in [1, 64] {
                let (topic, payload) = (Topic::new(name), stage::payload(size));
                group.throughput(Throughput::Elements(count));
                for (form, program) in stage::forms(guest) {
                    let mut room = Stage::open(program);
                    room.enter("ann");
                    room.enter("ben");
                    let before = room.delivered;
                    room.step([stage::input(&topic, &payload)]);
                    assert!(room.delivered > before, "nothing is delivered");
                    group.bench_function(format!("{count}/{form}"), |b| {
                        b.iter(|| room.step((0..count).map(|_| stage::input(&topic, &payload))));
                    });
                }
            }
        }
    }
}

criterion_group! {
    name = boundary;
    config = stage::criterion();
    targets = port, kernel
}
criterion_main!(boundary);
