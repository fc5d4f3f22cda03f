//! Many instances: how many there may be, and that they leave nothing behind.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may fail loudly"
)]

mod common;

use common::{LIMITS, config, guest, identity, log, room};
use roost_room::{Fault, Program, Rules};
use roost_sandbox::{ComponentProgram, Sandbox, SandboxConfig};
use std::fs;

fn start(program: &ComponentProgram) -> Result<Box<dyn Rules>, Fault> {
    program.instantiate(log().0)
}

#[test]
fn the_cap_counts_maps_and_names_the_sysctl() {
    let sandbox = Sandbox::new(SandboxConfig {
        max_maps: Some(10),
        ..config()
    })
    .unwrap();
    let program = sandbox.load(guest("rogue")).unwrap();
    let mut rooms: Vec<_> = (0..5).map(|_| start(&program).unwrap()).collect();
    assert_eq!((sandbox.counts().live, sandbox.counts().maps), (5, 10));
    let Err(Fault::Start(text)) = start(&program) else {
        panic!("a sixth")
    };
    assert!(
        text.contains("vm.max_map_count") && text.contains("10 of the 10"),
        "{text}"
    );
    rooms.pop();
    rooms.push(start(&program).unwrap());
    assert!(start(&program).is_err());
    drop(rooms);
    let counts = sandbox.counts();
    assert_eq!(
        (counts.live, counts.maps, counts.started, counts.refused),
        (0, 0, 6, 2)
    );
}

#[test]
fn shared_memory_images_count_double() {
    let sandbox = Sandbox::new(SandboxConfig {
        big_memory: 0,
        ..config()
    })
    .unwrap();
    let program = sandbox.load(guest("rogue")).unwrap();
    let room = room(&program, "");
    assert_eq!(sandbox.counts().maps, 4);
    drop(room);
}

#[test]
fn the_default_cap_is_what_the_machine_leaves() {
    let max: u64 = fs::read_to_string("/proc/sys/vm/max_map_count")
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert_eq!(
        Sandbox::new(config()).unwrap().counts().maps_max,
        max - 5_000
    );
}

#[test]
fn too_little_memory_is_known_before_any_room_is_made() {
    let sandbox = Sandbox::new(SandboxConfig {
        memory: 64 * 1024,
        ..config()
    })
    .unwrap();
    let error = sandbox.load(guest("rogue")).unwrap_err();
    assert_eq!(error.code(), "too_much_memory", "{error}");
    assert_eq!(sandbox.counts().live, 0);
}

#[test]
fn a_failed_start_gives_its_share_back() {
    let sandbox = Sandbox::new(SandboxConfig {
        memory_max: 64 * 1024,
        ..config()
    })
    .unwrap();
    let error = sandbox.load(guest("rogue")).unwrap_err();
    assert_eq!(error.code(), "describe_failed");
    assert!(error.to_string().contains("cannot be started"), "{error}");
    assert_eq!((sandbox.counts().live, sandbox.counts().maps), (0, 0));
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn maps() -> usize {
    fs::read_to_string("/proc/self/maps")
        .unwrap()
        .lines()
        .count()
}

fn thousand(program: &ComponentProgram) {
    let mut rooms = Vec::new();
    for _ in 0..1_000 {
        let mut rules = start(program).unwrap();
        rules.init(&identity(""), LIMITS).unwrap().unwrap();
        rooms.push(rules);
    }
}

#[test]
fn a_thousand_instances_leave_memory_flat() {
    let sandbox = Sandbox::new(config()).unwrap();
    let program = sandbox.load(guest("rogue")).unwrap();
    thousand(&program);
    let (resident, mapped) = (resident_kib(), maps());
    for _ in 0..4 {
        thousand(&program);
    }
    // A thousand instances take over 20 MiB; tests beside this one take a few.
    let (grown, more) = (
        resident_kib().saturating_sub(resident),
        maps().saturating_sub(mapped),
    );
    assert!(
        grown < 16 * 1024 && more < 500,
        "{grown} KiB and {more} maps more"
    );
    assert_eq!(sandbox.counts().started, 5_000);
}

#[test]
fn the_same_program_runs_on_many_threads() {
    let program = common::SANDBOX.load(guest("rogue")).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let mut rogue = room(&program, "");
                    assert_eq!(rogue.hear("count"), "1");
                    assert!(rogue.say("panic").is_err());
                }
            });
        }
    });
}

#[test]
fn programs_outlive_their_sandbox() {
    let program = {
        let sandbox = Sandbox::new(config()).unwrap();
        sandbox.load(guest("rogue")).unwrap()
    };
    let mut rogue = room(&program, "");
    let limits = roost_room::CallLimits {
        fuel: u64::MAX,
        deadline: Some(std::time::Duration::from_millis(20)),
        ..LIMITS
    };
    assert!(
        matches!(rogue.say_within("loop", limits), Err(Fault::Interrupted(_))),
        "the clock still ticks"
    );
}
