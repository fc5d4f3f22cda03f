//! What the benchmarks play on: both forms of a guest, bare behind the port or in a room of the kernel.
#![allow(dead_code, reason = "each benchmark uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark that cannot begin has nothing to say"
)]

use criterion::Criterion;
use roost_room::{
    Attachment, CallLimits, Clock, ConnectionId, Context, Entrant, Event, Identity, Input, Joined,
    Knock, Limits, MemberId, Message, Opening, Output, Payload, Persist, Profile, Program, Room,
    RoomConfig, RoomIdentity, Rules, SessionId, SnapshotMeta, Takeover, Topic, UserId,
};
use roost_twin::Guest;
use std::sync::Arc;
use std::time::Duration;

/// What the kernel gives a call of 64 events, and a deadline that a busy machine keeps.
pub(crate) const LIMITS: CallLimits = CallLimits {
    fuel: 500_000_000,
    deadline: Some(Duration::from_secs(60)),
    output: 4 * 1024 * 1024,
    log: true,
};

/// Few samples in little time: all benchmarks together stay under six minutes.
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_000))
        .without_plots()
        .configure_from_args()
}

/// Both forms of a guest, by the names they have in reports.
pub(crate) fn forms(guest: Guest) -> [(&'static str, Arc<dyn Program>); 2] {
    let [native, component] = guest.twin().unwrap().programs();
    [("native", native), ("wasm", component)]
}

pub(crate) fn context(call: u64) -> Context {
    Context {
        now: 1_800_000_000_000 + call,
        uptime: call,
        seed: call.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11,
        tick: None,
    }
}

pub(crate) fn identity() -> RoomIdentity {
    RoomIdentity {
        room: "room".to_owned(),
        seed: 42,
        options: "{}".to_owned(),
        bans: Vec::new(),
    }
}

fn who(user: &str) -> Identity {
    Identity {
        user: UserId::new("bench", user).unwrap(),
        profile: Profile {
            name: user.to_owned(),
            color: 0,
        },
        claims: "{}".to_owned(),
        verified: true,
    }
}

/// JSON text of so many bytes.
pub(crate) fn payload(bytes: usize) -> Payload {
    Payload::json(format!("\"{}\"", "x".repeat(bytes.saturating_sub(2))))
}

pub(crate) fn message(topic: &str, payload: &Payload) -> Event {
    Event::Message(Message {
        member: MemberId(1),
        via: ConnectionId(1),
        topic: Topic::new(topic),
        payload: payload.clone(),
    })
}

/// Somebody joins and attaches, with a name of about so many bytes.
pub(crate) fn arrival(number: u32, name: usize) -> [Event; 2] {
    let user = format!("{number:0name$}");
    let entrant = Entrant {
        connection: ConnectionId(number),
        who: who(&user),
        options: "{}".to_owned(),
        leaving: None,
    };
    let joined = Joined {
        member: MemberId(number),
        entrant,
    };
    // Coming back, it is shown nothing: the state is wanted, not the talk about it.
    let attachment = Attachment {
        member: MemberId(number),
        connection: ConnectionId(number),
        resumed: true,
    };
    [Event::Join(joined), Event::Attach(attachment)]
}

/// An instance in which a room has begun.
pub(crate) fn begin(program: &dyn Program) -> Box<dyn Rules> {
    let mut rules = program.instantiate(Arc::new(|_, _| ())).unwrap();
    rules.init(&identity(), LIMITS).unwrap().unwrap();
    rules
}

/// An instance that has taken over a snapshot.
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

/// A room of the kernel whose disk answers at once.
pub(crate) struct Stage {
    pub(crate) room: Room,
    mono: Duration,
    sessions: u64,
    /// Deliveries that left so far.
    pub(crate) delivered: u64,
}

impl Stage {
    /// A room with nobody in it.
    pub(crate) fn open(program: Arc<dyn Program>) -> Self {
        let mono = Duration::from_secs(1);
        let config = RoomConfig {
            id: "room".to_owned(),
            options: "{}".to_owned(),
            limits: Limits {
                snapshot: 32 << 20,
                ..Limits::default()
            },
            granted: program.manifest().capabilities.clone(),
            log: Arc::new(|_, _| ()),
        };
        let opening = Opening {
            clock: clock(mono),
            seed: 42,
            incarnation: 1,
            bans: Vec::new(),
        };
        let room = Room::open(program, config, opening).unwrap();
        Self {
            room,
            mono,
            sessions: 0,
            delivered: 0,
        }
    }

    /// Let somebody in; connections are numbered from 1 in the order of their coming.
    pub(crate) fn enter(&mut self, user: &str) {
        self.sessions += 1;
        let knock = Knock {
            session: SessionId(self.sessions),
            who: who(user),
            options: "{}".to_owned(),
            leaving: None,
            resume: None,
            at_once: true,
        };
        self.step([Input::Knock(knock)]);
    }

    /// One step, ten microseconds after the one before, and the answers to all that is to be stored.
    pub(crate) fn step(&mut self, inputs: impl IntoIterator<Item = Input>) {
        self.mono += Duration::from_micros(10);
        let outputs = self.room.step(clock(self.mono), inputs);
        self.settle(outputs);
    }

    /// Exchange the program and let the new one hear of it: the pause of a room on a swap.
    pub(crate) fn exchange(&mut self, program: Arc<dyn Program>) {
        let takeover = Takeover {
            granted: program.manifest().capabilities.clone(),
            program,
            log: Arc::new(|_, _| ()),
        };
        let outputs = self.room.exchange(clock(self.mono), takeover).unwrap();
        self.settle(outputs);
        self.step([]);
    }

    fn settle(&mut self, mut outputs: Vec<Output>) {
        while !outputs.is_empty() {
            let mut released = Vec::new();
            for output in outputs {
                match output {
                    Output::Persist(
                        Persist::Checkpoint { ticket, .. } | Persist::Call { ticket, .. },
                    ) => {
                        released.extend(self.room.persisted(ticket, Ok(())));
                    }
                    Output::Deliver(_) => self.delivered += 1,
                    Output::Fault(report) => panic!("{report:?}"),
                    Output::Stopped(reason) => panic!("{reason}"),
                    _ => {}
                }
            }
            outputs = released;
        }
    }
}

fn clock(mono: Duration) -> Clock {
    let passed = u64::try_from(mono.as_millis()).unwrap();
    Clock {
        wall: 1_800_000_000_000 + passed,
        mono,
    }
}

/// A message of connection 1.
pub(crate) fn input(topic: &Topic, payload: &Payload) -> Input {
    Input::Message {
        connection: ConnectionId(1),
        topic: topic.clone(),
        payload: payload.clone(),
    }
}
