//! Programs built for different versions of the interface: beside one another, and one after another
//! in the same room.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may fail loudly"
)]

mod common;

use common::{LIMITS, SANDBOX, context, guest, identity, log, program};
use roost_room::{
    Checkpoint, Clock, ConnectionId, Effect, Event, Input, Knock, Limits, Manifest, MemberId,
    Message, Opening, Output, Payload, Persist, Program, Room, RoomConfig, Rules, SessionId,
    SnapshotMeta, Takeover, Topic,
};
use roost_sandbox::{ComponentProgram, INTERFACES};
use std::sync::Arc;
use std::time::Duration;

/// The same rules, built for each version that is offered.
fn tallies() -> [Arc<ComponentProgram>; 2] {
    [program("tally-0-1-0"), program("tally")]
}

fn add(by: i64) -> Event {
    Event::Message(Message {
        member: MemberId(1),
        via: ConnectionId(1),
        topic: Topic::new("add"),
        payload: Payload::json(by.to_string()),
    })
}

/// What the rules say the total is, after adding to it.
fn total(rules: &mut dyn Rules, by: i64) -> String {
    let handled = rules.handle(&context(1), &[add(by)], LIMITS).unwrap();
    let [Effect::Deliver(delivery)] = handled.effects.as_slice() else {
        panic!("{handled:?}")
    };
    assert_eq!(delivery.topic.as_str(), "total");
    String::from_utf8(delivery.payload.bytes().to_vec()).unwrap()
}

#[test]
fn every_version_is_known_by_what_it_exports_and_imports() {
    for (program, interface) in tallies().into_iter().zip(INTERFACES) {
        let inspection = program.inspection();
        assert_eq!(inspection.interface, interface);
        let rules = format!("roost:room/rules@{interface}");
        assert_eq!(inspection.exports, [rules]);
        let log = format!("roost:room/log@{interface}");
        assert!(inspection.imports.contains(&log), "{inspection:?}");
        let foreign = |name: &&String| !name.ends_with(&format!("@{interface}"));
        assert_eq!(inspection.imports.iter().find(foreign), None);
    }
}

#[test]
fn manifests_differ_in_what_a_version_can_say() {
    let [old, new] = tallies();
    assert_eq!(old.manifest().release, None);
    assert_eq!(new.manifest().release.as_deref(), Some("2.0.0"));
    let said = Manifest {
        release: None,
        ..new.manifest().clone()
    };
    assert_eq!(*old.manifest(), said);
    assert_eq!((said.kind.as_str(), said.topics.len()), ("tally", 2));
}

#[test]
fn snapshots_go_from_each_version_to_each() {
    for from in tallies() {
        let (sink, _lines) = log();
        let mut rules = from.instantiate(sink).unwrap();
        rules.init(&identity("{}"), LIMITS).unwrap().unwrap();
        assert_eq!(total(&mut *rules, 40), "40");
        let state = rules.snapshot(LIMITS).unwrap();
        let meta = SnapshotMeta {
            program: from.hash(),
            state_version: 1,
        };
        for to in tallies() {
            let (sink, lines) = log();
            let mut rules = to.instantiate(sink).unwrap();
            let restored = rules.restore(&identity("{}"), &meta, &state, LIMITS);
            restored.unwrap().unwrap();
            let lines = lines.lock().unwrap();
            assert_eq!(lines[0].1, "goes on from 40", "its log is heard");
            assert_eq!(total(&mut *rules, 2), "42");
        }
    }
}

/// A room, its time, and what everybody in it has heard.
struct Stage {
    room: Room,
    mono: u64,
    heard: Vec<String>,
    checkpoint: Option<Checkpoint>,
}

fn config() -> RoomConfig {
    RoomConfig {
        id: "room".to_owned(),
        options: "{}".to_owned(),
        // Deadlines grow with fuel: a busy machine shall not decide.
        limits: Limits {
            fuel_max: 5_000_000_000,
            fuel_base: 5_000_000_000,
            ..Limits::default()
        },
        granted: Vec::new(),
        log: Arc::new(|_, _| ()),
    }
}

fn clock(mono: u64) -> Clock {
    Clock {
        wall: 1_800_000_000_000 + mono,
        mono: Duration::from_millis(mono),
    }
}

fn opening(mono: u64) -> Opening {
    Opening {
        clock: clock(mono),
        seed: 42,
        incarnation: mono,
        bans: Vec::new(),
    }
}

impl Stage {
    /// A room with one member in it.
    fn open(program: Arc<ComponentProgram>) -> Self {
        let mut stage = Self {
            room: Room::open(program, config(), opening(0)).unwrap(),
            mono: 0,
            heard: Vec::new(),
            checkpoint: None,
        };
        stage.step([Input::Knock(Knock {
            session: SessionId(1),
            who: common::entrant(1).who,
            options: "{}".to_owned(),
            leaving: None,
            resume: None,
            at_once: true,
        })]);
        stage
    }

    fn add(&mut self, by: i64) {
        self.step([Input::Message {
            connection: ConnectionId(1),
            topic: Topic::new("add"),
            payload: Payload::json(by.to_string()),
        }]);
    }

    fn exchange(&mut self, program: Arc<ComponentProgram>) {
        let takeover = Takeover {
            granted: program.manifest().capabilities.clone(),
            program,
            log: Arc::new(|_, _| ()),
        };
        let outputs = self.room.exchange(clock(self.mono), takeover).unwrap();
        self.note(outputs);
        self.step([]);
    }

    fn put_away(&mut self) -> Checkpoint {
        let outputs = self.room.put_away(clock(self.mono));
        self.note(outputs);
        self.checkpoint.clone().unwrap()
    }

    fn step(&mut self, inputs: impl IntoIterator<Item = Input>) {
        self.mono += 10;
        let outputs = self.room.step(clock(self.mono), inputs);
        self.note(outputs);
    }

    /// The disk answers at once.
    fn note(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Deliver(sent) => {
                    let text = String::from_utf8(sent.payload.bytes().to_vec());
                    self.heard.push(text.unwrap());
                }
                Output::Persist(persist) => {
                    if let Persist::Checkpoint { bytes, .. } = &persist {
                        self.checkpoint = Some(Checkpoint::from_bytes(bytes).unwrap());
                    }
                    let released = self.room.persisted(persist.ticket(), Ok(()));
                    self.note(released);
                }
                Output::Detached { .. } => panic!("the swap was noticed"),
                Output::Fault(report) => panic!("{report:?}"),
                Output::Stopped(reason) => panic!("{reason}"),
                _ => {}
            }
        }
    }
}

#[test]
fn a_room_changes_its_version_and_back_with_people_in_it() {
    let [old, new] = tallies();
    let mut stage = Stage::open(Arc::clone(&old));
    stage.add(1);
    stage.exchange(Arc::clone(&new));
    stage.add(10);
    stage.exchange(old);
    stage.add(100);
    stage.exchange(new);
    stage.add(1_000);
    assert_eq!(
        stage.heard,
        ["1", "1", "11", "11", "111", "111", "1111"],
        "the total is told when it changes and when other rules take over"
    );
}

#[test]
fn a_room_that_rested_wakes_under_another_version() {
    let [old, new] = tallies();
    for (before, after) in [(&old, &new), (&new, &old)] {
        let mut stage = Stage::open(Arc::clone(before));
        stage.add(5);
        let checkpoint = stage.put_away();
        let program = Arc::clone(after) as Arc<dyn Program>;
        let opening = opening(stage.mono + 1_000);
        let restored = Room::restore(program, config(), &opening, &checkpoint, &[]);
        stage.room = restored.unwrap();
        stage.mono += 1_000;
        stage.heard.clear();
        stage.step([Input::Knock(Knock {
            session: SessionId(2),
            who: common::entrant(2).who,
            options: "{}".to_owned(),
            leaving: None,
            resume: None,
            at_once: true,
        })]);
        stage.step([Input::Message {
            connection: ConnectionId(2),
            topic: Topic::new("add"),
            payload: Payload::json("2"),
        }]);
        assert_eq!(stage.heard.last().map(String::as_str), Some("7"));
    }
}

/// `tally` with another name of its version: at most 80 bytes.
fn released(release: &str) -> Vec<u8> {
    let mut component = guest("tally");
    let field = format!("{:~<80}", "2.0.0").into_bytes();
    let places: Vec<usize> = component
        .windows(field.len())
        .enumerate()
        .filter_map(|(place, bytes)| (bytes == field).then_some(place))
        .collect();
    let [place] = places.as_slice() else {
        panic!("the name stands at {places:?}")
    };
    let fill = release.bytes().chain(std::iter::repeat(b'~'));
    for (byte, new) in component[*place..].iter_mut().zip(fill).take(field.len()) {
        *byte = new;
    }
    component
}

#[test]
fn a_release_is_kept_as_it_is_within_its_bounds() {
    let longest = "v".repeat(64);
    for name in ["1", "1.4.2 (Jérôme)", &longest] {
        let program = SANDBOX.load(released(name)).unwrap();
        assert_eq!(program.manifest().release.as_deref(), Some(name));
    }
    let longer = "v".repeat(65);
    for name in ["", &longer, "1\n2"] {
        let error = SANDBOX.load(released(name)).unwrap_err();
        assert_eq!(error.code(), "bad_manifest");
        assert_eq!(
            error.to_string(),
            format!(
                "its manifest is refused: the release {name:?} is not 1 to 64 bytes without control characters"
            )
        );
    }
}
