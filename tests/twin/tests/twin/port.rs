//! Scripts through the port, call by call: each form uninterrupted, restored now and then from its
//! own snapshots, and handed to and fro between the forms by snapshot.

use bytes::Bytes;
use roost_room::{
    Ban, CallLimits, Context, Effect, Event, Program, RoomIdentity, Rules, SnapshotMeta, UserId,
};
use roost_twin::{Guest, Twin};
use std::sync::Arc;

/// Only fuel decides, so that a busy machine does not.
pub(crate) const LIMITS: CallLimits = CallLimits {
    fuel: 500_000_000,
    deadline: None,
    output: 4 * 1024 * 1024,
    log: true,
};

/// Snapshot and restore into a fresh instance after so many events.
const INTERVALS: [usize; 4] = [1, 2, 3, 7];

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) context: Context,
    pub(crate) events: Vec<Event>,
}

/// Calls whose contexts go on from one another; ticks are counted if any event is one.
pub(crate) fn script(batches: Vec<(u64, Vec<Event>)>) -> Vec<Call> {
    let (mut now, mut ticks) = (1_800_000_000_000, 0);
    let ticking = batches
        .iter()
        .any(|(_, events)| events.contains(&Event::Tick));
    let call = |(passed, events): (u64, Vec<Event>)| {
        now += passed;
        ticks += u64::from(events.contains(&Event::Tick));
        let context = Context {
            now,
            uptime: now - 1_800_000_000_000,
            seed: now.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11,
            tick: ticking.then_some(ticks),
        };
        Call { context, events }
    };
    batches.into_iter().map(call).collect()
}

pub(crate) fn identity() -> RoomIdentity {
    RoomIdentity {
        room: "room ∞".to_owned(),
        seed: 0x1f_ffff_ffff_fff1,
        options: r#"{"greeting":"hé"}"#.to_owned(),
        bans: vec![Ban {
            user: UserId::new("test", "mallory").unwrap(),
            until: 1_900_000_000_000,
        }],
    }
}

pub(crate) fn begin(program: &dyn Program) -> Box<dyn Rules> {
    let mut rules = program.instantiate(Arc::new(|_, _| ())).unwrap();
    rules.init(&identity(), LIMITS).unwrap().unwrap();
    rules
}

pub(crate) fn restore(program: &dyn Program, state: &[u8]) -> Box<dyn Rules> {
    let mut rules = program.instantiate(Arc::new(|_, _| ())).unwrap();
    let meta = SnapshotMeta {
        program: program.hash(),
        state_version: program.manifest().state_version,
    };
    rules
        .restore(&identity(), &meta, state, LIMITS)
        .unwrap()
        .unwrap();
    rules
}

/// What a run is to be compared by.
#[derive(PartialEq)]
pub(crate) struct Course {
    effects: Vec<Vec<Effect>>,
    /// After each call but in uninterrupted runs.
    snapshots: Vec<Bytes>,
    end: Bytes,
}

/// One run: of `forms` in turn, changing to a fresh instance of the next after `every` so many events.
fn run(forms: &[&dyn Program], every: Option<usize>, script: &[Call]) -> Course {
    let mut next = forms.iter().cycle();
    let mut rules = begin(*next.next().unwrap());
    let (mut effects, mut snapshots, mut since) = (Vec::new(), Vec::new(), 0);
    for call in script {
        let handled = rules.handle(&call.context, &call.events, LIMITS).unwrap();
        effects.push(handled.effects);
        since += call.events.len();
        let Some(every) = every else { continue };
        let state = rules.snapshot(LIMITS).unwrap();
        if since >= every {
            since = 0;
            rules = restore(*next.next().unwrap(), &state);
        }
        snapshots.push(state);
    }
    let end = rules.snapshot(LIMITS).unwrap();
    Course {
        effects,
        snapshots,
        end,
    }
}

#[track_caller]
fn assert_same(what: &str, script: &[Call], expected: &Course, found: &Course) {
    let places = expected.effects.iter().zip(&found.effects).zip(script);
    for (place, ((expected, found), call)) in places.enumerate() {
        assert_eq!(
            expected, found,
            "{what}: effects of call {place}, {call:#?}"
        );
    }
    for (place, (expected, found)) in expected.snapshots.iter().zip(&found.snapshots).enumerate() {
        assert_eq!(
            expected, found,
            "{what}: snapshot after call {place}, {:#?}",
            script[place]
        );
    }
    assert_eq!(expected.end, found.end, "{what}: state at the end");
}

/// Run a script in every way there is. Gives all effects of it.
pub(crate) fn check(twin: &Twin, script: &[Call]) -> Vec<Effect> {
    let (native, component) = (
        &*twin.native as &dyn Program,
        &*twin.component as &dyn Program,
    );
    let expected = run(&[native], None, script);
    assert_same(
        "component",
        script,
        &expected,
        &run(&[component], None, script),
    );
    let mut snapshots: Option<Vec<Bytes>> = None;
    for every in INTERVALS {
        let ways: [(&str, &[&dyn Program]); 4] = [
            ("native", &[native]),
            ("component", &[component]),
            ("native, component in turn", &[native, component]),
            ("component, native in turn", &[component, native]),
        ];
        for (name, forms) in ways {
            let found = run(forms, Some(every), script);
            let what = format!("{name}, restored every {every} events");
            assert_same(&what, script, &expected, &found);
            let first = snapshots.get_or_insert_with(|| found.snapshots.clone());
            assert!(
                *first == found.snapshots,
                "{what}: other snapshots on the way"
            );
        }
    }
    expected.effects.into_iter().flatten().collect()
}

#[test]
fn manifests_are_the_same() {
    for guest in Guest::ALL {
        let twin = crate::twin(guest);
        assert_eq!(twin.native.manifest(), twin.component.manifest());
        assert_eq!(twin.native.manifest().kind, guest.name());
        assert_eq!(twin.native.hash(), twin.component.hash());
    }
}

/// What both forms say to a state.
fn refusals(twin: &Twin, state: &[u8]) -> [Result<(), String>; 2] {
    twin.programs().map(|program| {
        let mut rules = program.instantiate(Arc::new(|_, _| ())).unwrap();
        let meta = SnapshotMeta {
            program: program.hash(),
            state_version: 1,
        };
        rules.restore(&identity(), &meta, state, LIMITS).unwrap()
    })
}

#[test]
fn states_that_cannot_be_read_are_refused_with_the_same_words() {
    for guest in Guest::ALL {
        let twin = crate::twin(guest);
        let good = begin(&*twin.native).snapshot(LIMITS).unwrap();
        let (mut older, mut longer) = (good.to_vec(), good.to_vec());
        older[0] = 99;
        longer.push(0);
        for bad in [
            &b""[..],
            b"\x01",
            b"\x01\0\0\0\xff\xff\x03",
            &older,
            &longer,
        ] {
            let [native, component] = refusals(&twin, bad);
            assert_eq!(native, component, "{guest:?} on {bad:?}");
            assert!(native.is_err(), "{guest:?} takes {bad:?}");
        }
        // A length over 2^32 is told in other words where `usize` has 32 bits.
        let wide = b"\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff";
        assert!(refusals(&twin, wide).iter().all(Result::is_err));
    }
}
