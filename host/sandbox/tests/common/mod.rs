//! A sandbox, guests and calls, as the tests want them.
#![allow(dead_code, unreachable_pub, reason = "each test uses its own part")]

use bytes::Bytes;
use roost_room::{
    CallLimits, ConnectionId, Context, Effect, Entrant, Event, Fault, Handled, Identity, LogLevel,
    LogLine, MemberId, Message, Payload, Profile, Program, RoomIdentity, Rules, Topic, UserId,
};
use roost_sandbox::{ComponentProgram, Sandbox, SandboxConfig};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

pub const LIMITS: CallLimits = CallLimits {
    fuel: 50_000_000,
    // Far more than any of these calls takes, so that a busy machine does not decide.
    deadline: Some(Duration::from_secs(60)),
    output: 4 * 1024 * 1024,
    log: true,
};

/// One sandbox for all tests of a binary that need nothing special, as in the server.
pub static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| Sandbox::new(config()).unwrap());

pub fn config() -> SandboxConfig {
    let mut config = SandboxConfig::default();
    config.describe.deadline = Some(Duration::from_secs(60));
    config.queue = 64;
    config
}

/// A guest that `cargo xtask guests` has built.
pub fn guest(name: &str) -> Vec<u8> {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into());
    let path = workspace
        .join(target)
        .join("guests")
        .join(name)
        .with_extension("wasm");
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask guests`", path.display()))
}

pub fn program(name: &str) -> Arc<ComponentProgram> {
    SANDBOX.load(guest(name)).unwrap()
}

/// The misbehaving guest, compiled once for each binary.
pub static ROGUE: LazyLock<Arc<ComponentProgram>> = LazyLock::new(|| program("rogue"));
/// The one for WASI.
pub static WASI: LazyLock<Arc<ComponentProgram>> = LazyLock::new(|| program("rogue-wasi"));

pub fn identity(options: &str) -> RoomIdentity {
    RoomIdentity {
        room: "room".to_owned(),
        seed: 42,
        options: options.to_owned(),
        bans: Vec::new(),
    }
}

pub fn context(now: u64) -> Context {
    Context {
        now,
        uptime: now,
        seed: now.wrapping_mul(7919) % (1 << 53),
        tick: None,
    }
}

/// Lines of the log.
pub type Lines = Arc<Mutex<Vec<(LogLevel, String)>>>;

pub fn log() -> (LogLine, Lines) {
    let lines = Lines::default();
    let sink = Arc::clone(&lines);
    (
        Arc::new(move |level, line| sink.lock().unwrap().push((level, line.to_owned()))),
        lines,
    )
}

/// A room that has begun.
pub struct Room {
    pub rules: Box<dyn Rules>,
    pub lines: Lines,
    pub now: u64,
}

pub fn room(program: &ComponentProgram, options: &str) -> Room {
    let (sink, lines) = log();
    let mut rules = program.instantiate(sink).unwrap();
    rules.init(&identity(options), LIMITS).unwrap().unwrap();
    Room {
        rules,
        lines,
        now: 1_000_000,
    }
}

impl Room {
    pub fn say(&mut self, text: &str) -> Result<Handled, Fault> {
        self.say_within(text, LIMITS)
    }

    pub fn say_within(&mut self, text: &str, limits: CallLimits) -> Result<Handled, Fault> {
        self.now += 50;
        self.rules
            .handle(&context(self.now), &[said("do", text)], limits)
    }

    /// What is delivered in answer, as text.
    pub fn hear(&mut self, text: &str) -> String {
        let handled = self.say(text).unwrap();
        let [Effect::Deliver(delivery)] = handled.effects.as_slice() else {
            panic!("not one delivery: {:?}", handled.effects);
        };
        String::from_utf8(delivery.payload.bytes().to_vec()).unwrap()
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines
            .lock()
            .unwrap()
            .iter()
            .map(|(_, line)| line.clone())
            .collect()
    }
}

pub fn said(topic: &str, text: &str) -> Event {
    Event::Message(Message {
        member: MemberId(1),
        via: ConnectionId(1),
        topic: Topic::new(topic),
        payload: Payload::Binary(Bytes::copy_from_slice(text.as_bytes())),
    })
}

pub fn entrant(connection: u32) -> Entrant {
    Entrant {
        connection: ConnectionId(connection),
        who: Identity {
            user: UserId::new("test", "ann").unwrap(),
            profile: Profile {
                name: "Ann".to_owned(),
                color: 0xff_8800,
            },
            claims: "{}".to_owned(),
            verified: true,
        },
        options: "{}".to_owned(),
        leaving: None,
    }
}
