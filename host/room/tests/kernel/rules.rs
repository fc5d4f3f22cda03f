//! Rules in plain Rust that do what they are told: a small interpreter whose programs are messages.
//!
//! Commands are separated by `;`. `on EVENT …` keeps commands (separated by `&`) for every event of that
//! name; `$m`, `$c`, `$i`, `$t` stand for the member, the connection, the place in the batch, the timer.
//! Everything heard goes into a digest, so that a call repeated wrongly, twice or not at all shows.

use crate::effects::{effect, number, to_everyone};
use crate::words::describe;
use bytes::Bytes;
use roost_room::{
    CallLimits, Capability, Context, Durability, Effect, Event, Fault, Handled, Intake, Limits,
    LogLine, Manifest, Pace, Payload, Program, ProgramHash, RequestedLimits, RoomIdentity, Rules,
    SnapshotMeta, TimerId, Topic, TopicSpec,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a test can see of all instances of its programs, and do to them.
#[derive(Default)]
pub(crate) struct Strings {
    /// Calls as they were made, without replays.
    pub(crate) heard: Mutex<Vec<String>>,
    /// Broken promises of the kernel.
    pub(crate) violations: Mutex<Vec<String>>,
    /// So many calls from now the watchdog strikes; 0 for never.
    pub(crate) interrupt_in: AtomicU32,
    /// So many times in a row.
    pub(crate) interrupts: AtomicU32,
}

pub(crate) struct Script {
    pub(crate) manifest: Manifest,
    pub(crate) hash: ProgramHash,
    pub(crate) strings: Arc<Strings>,
    /// Instances of it refuse to take over.
    pub(crate) refuses: bool,
    /// It takes over what it wrote itself, and nothing else.
    pub(crate) is_loyal: bool,
    /// It has nothing to say to messages.
    pub(crate) is_sleepy: bool,
}

impl Script {
    pub(crate) fn new(durability: Durability, strings: &Arc<Strings>) -> Self {
        let topic = |name: &str, intake| TopicSpec {
            name: Topic::new(name),
            intake,
        };
        Self {
            manifest: Manifest {
                kind: "script".to_owned(),
                state_version: 1,
                pace: Pace::Messages,
                durability,
                grace: 1_000,
                limits: RequestedLimits {
                    members: 1_000,
                    ..RequestedLimits::default()
                },
                capabilities: Capability::ALL.to_vec(),
                topics: vec![
                    topic("t", Intake::Reliable),
                    topic("mouse", Intake::Latest),
                    topic("closed", Intake::Closed),
                ],
                release: None,
            },
            hash: ProgramHash([1; 32]),
            strings: Arc::clone(strings),
            refuses: false,
            is_loyal: false,
            is_sleepy: false,
        }
    }
}

impl Program for Script {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn hash(&self) -> ProgramHash {
        self.hash
    }

    fn instantiate(&self, _: LogLine) -> Result<Box<dyn Rules>, Fault> {
        Ok(Box::new(Instance {
            state: State::default(),
            strings: Arc::clone(&self.strings),
            refuses: self.refuses,
            loyal_to: self.is_loyal.then_some(self.hash),
            is_sleepy: self.is_sleepy,
            dead: false,
        }))
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    digest: u64,
    calls: u64,
    sum: i64,
    hooks: BTreeMap<String, String>,
    members: BTreeSet<u32>,
    connections: BTreeSet<u32>,
}

impl State {
    fn to_text(&self) -> String {
        let list = |set: &BTreeSet<u32>| {
            let all: Vec<String> = set.iter().map(u32::to_string).collect();
            all.join(",")
        };
        let mut text = format!(
            "{}\n{}\n{}\n{}\n{}\n",
            self.digest,
            self.calls,
            self.sum,
            list(&self.members),
            list(&self.connections)
        );
        for (event, commands) in &self.hooks {
            text.push_str(&format!("{event} {commands}\n"));
        }
        text
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut line = || lines.next();
        let set = |text: &str| text.split(',').filter_map(|n| n.parse().ok()).collect();
        let mut state = Self {
            digest: line()?.parse().ok()?,
            calls: line()?.parse().ok()?,
            sum: line()?.parse().ok()?,
            members: set(line()?),
            connections: set(line()?),
            hooks: BTreeMap::new(),
        };
        for line in lines {
            let (event, commands) = line.split_once(' ')?;
            state.hooks.insert(event.to_owned(), commands.to_owned());
        }
        Some(state)
    }

    fn digest(&mut self, what: &str) {
        for byte in what.bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

struct Instance {
    state: State,
    strings: Arc<Strings>,
    refuses: bool,
    loyal_to: Option<ProgramHash>,
    is_sleepy: bool,
    dead: bool,
}

impl Instance {
    fn violation(&self, what: String) {
        self.strings.violations.lock().unwrap().push(what);
    }

    fn die(&mut self, fault: Fault) -> Fault {
        self.dead = true;
        fault
    }

    fn enter(&self, what: &str) {
        if self.dead {
            self.violation(format!("{what} on a dead instance"));
        }
    }

    /// All that these calls may hand out is a reason.
    fn watch_answer(&self, limits: CallLimits) {
        if limits.output > 64 * 1024 {
            self.violation(format!("{} bytes out to begin with", limits.output));
        }
    }

    fn watchdog(&mut self) -> Result<(), Fault> {
        let left = self.strings.interrupt_in.load(Ordering::Relaxed);
        if left == 0 {
            return Ok(());
        }
        if left > 1 {
            self.strings.interrupt_in.store(left - 1, Ordering::Relaxed);
            return Ok(());
        }
        let more = self.strings.interrupts.load(Ordering::Relaxed);
        self.strings
            .interrupts
            .store(more.saturating_sub(1), Ordering::Relaxed);
        if more <= 1 {
            self.strings.interrupt_in.store(0, Ordering::Relaxed);
        }
        Err(self.die(Fault::Interrupted(Duration::from_millis(100))))
    }

    /// What the interface promises of members and connections.
    fn watch(&mut self, event: &Event) {
        let told = describe(event);
        let state = &mut self.state;
        let kept = match event {
            Event::Join(joined) => state.members.insert(joined.member.0),
            Event::Attach(a) => {
                state.members.contains(&a.member.0) && state.connections.insert(a.connection.0)
            }
            Event::Detach(d) => {
                state.members.contains(&d.member.0) && state.connections.remove(&d.connection.0)
            }
            Event::Leave(left) => state.members.remove(&left.member.0),
            Event::Message(m) => {
                state.members.contains(&m.member.0) && state.connections.contains(&m.via.0)
            }
            Event::ProfileChanged(changed) => state.members.contains(&changed.member.0),
            Event::MediaAccess(media) => state.members.contains(&media.member.0),
            _ => true,
        };
        if !kept {
            self.violation(format!("unexpected {told}"));
        }
    }
}

impl Rules for Instance {
    fn init(
        &mut self,
        room: &RoomIdentity,
        limits: CallLimits,
    ) -> Result<Result<(), String>, Fault> {
        self.enter("init");
        self.watch_answer(limits);
        if room.options.contains("talkative") {
            return Ok(Err("ö".repeat(limits.output / 2)));
        }
        if room.options.contains("refuse") {
            return Ok(Err("not today".to_owned()));
        }
        Ok(Ok(()))
    }

    fn restore(
        &mut self,
        _: &RoomIdentity,
        meta: &SnapshotMeta,
        state: &[u8],
        limits: CallLimits,
    ) -> Result<Result<(), String>, Fault> {
        self.enter("restore");
        self.watch_answer(limits);
        if self.refuses || self.loyal_to.is_some_and(|own| own != meta.program) {
            return Ok(Err("an unknown state".to_owned()));
        }
        let Some(state) = std::str::from_utf8(state).ok().and_then(State::from_text) else {
            return Ok(Err("not my state".to_owned()));
        };
        self.state = state;
        if !limits.log && self.state.hooks.contains_key("restore") {
            return Ok(Err("never again".to_owned()));
        }
        Ok(Ok(()))
    }

    fn handle(
        &mut self,
        context: &Context,
        events: &[Event],
        limits: CallLimits,
    ) -> Result<Handled, Fault> {
        self.enter("handle");
        if events.is_empty() || events.len() > 64 {
            self.violation(format!("{} events in a call", events.len()));
        }
        let told: Vec<String> = events.iter().map(describe).collect();
        let live = limits.log;
        if live {
            let mut heard = self.strings.heard.lock().unwrap();
            heard.push(format!("> {}", told.join(" ")));
            drop(heard);
            self.watchdog()?;
        }
        self.state.calls += 1;
        self.state.digest(&format!("{context:?}{told:?}"));
        let mut call = Call {
            effects: Vec::new(),
            live,
            batch: events.len(),
            context: *context,
        };
        for (index, event) in events.iter().enumerate() {
            self.watch(event);
            let here = Here::of(event, index);
            let commands = match event {
                Event::Message(_) if self.is_sleepy => String::new(),
                Event::Message(message) => text_of(&message.payload),
                Event::Signal(signal) => text_of(&signal.body),
                _ => String::new(),
            };
            for command in commands.split(';') {
                self.obey(command.trim(), &here, &mut call)?;
            }
            let hook = match self.state.hooks.get(event.name()) {
                Some(hook) => hook.clone(),
                None if matches!(event, Event::JoinAttempt(_)) => "admit $c".to_owned(),
                None => continue,
            };
            for command in hook.split('&') {
                self.obey(command.trim(), &here, &mut call)?;
            }
        }
        Ok(Handled {
            effects: call.effects,
            fuel: 1_000 * events.len() as u64,
        })
    }

    fn snapshot(&mut self, limits: CallLimits) -> Result<Bytes, Fault> {
        self.enter("snapshot");
        match self.state.hooks.get("snapshot").map(String::as_str) {
            Some("trap") => Err(self.die(Fault::Trap("snapshot".to_owned()))),
            Some("large") => Ok(Bytes::from(vec![b' '; limits.output])),
            _ => Ok(Bytes::from(self.state.to_text())),
        }
    }
}

/// What a command's variables stand for.
struct Here {
    member: String,
    connection: String,
    index: String,
    timer: String,
}

impl Here {
    fn of(event: &Event, index: usize) -> Self {
        let (member, connection) = match event {
            Event::JoinAttempt(entrant) => (0, entrant.connection.0),
            Event::Join(joined) => (joined.member.0, joined.entrant.connection.0),
            Event::Attach(a) => (a.member.0, a.connection.0),
            Event::Detach(d) => (d.member.0, d.connection.0),
            Event::Leave(left) => (left.member.0, 0),
            Event::Message(m) => (m.member.0, m.via.0),
            Event::MediaAccess(media) => (media.member.0, 0),
            _ => (0, 0),
        };
        let timer = match event {
            Event::Timer(id) => id.0,
            _ => 0,
        };
        Self {
            member: member.to_string(),
            connection: connection.to_string(),
            index: index.to_string(),
            timer: timer.to_string(),
        }
    }

    fn fill(&self, command: &str) -> String {
        command
            .replace("$m", &self.member)
            .replace("$c", &self.connection)
            .replace("$i", &self.index)
            .replace("$t", &self.timer)
    }
}

struct Call {
    effects: Vec<Effect>,
    live: bool,
    batch: usize,
    context: Context,
}

fn text_of(payload: &Payload) -> String {
    String::from_utf8_lossy(payload.bytes()).into_owned()
}

impl Instance {
    fn obey(&mut self, command: &str, here: &Here, call: &mut Call) -> Result<(), Fault> {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        if verb == "on" {
            let (event, commands) = rest.split_once(' ').unwrap_or((rest, ""));
            self.state
                .hooks
                .insert(event.to_owned(), commands.to_owned());
            return Ok(());
        }
        let rest = here.fill(rest);
        match verb {
            "" | "silent" => {}
            "add" => self.state.sum += i64::from(number(&rest)),
            "off" => {
                self.state.hooks.remove(&rest);
            }
            "sum" | "digest" | "context" | "chance" => {
                let text = self.tell(verb, call.context);
                call.effects.push(to_everyone(&text));
            }
            "waver" => call
                .effects
                .extend(call.live.then_some(Effect::CancelTimer(TimerId(77)))),
            "trap" | "fuel" | "batchtrap" | "batchfuel" | "batchlimit" | "replaytrap" => {
                if let Some(fault) = fault(verb, call) {
                    return Err(self.die(fault));
                }
            }
            _ => call.effects.push(effect(verb, &rest)),
        }
        Ok(())
    }

    /// What the rules know, in words.
    fn tell(&self, what: &str, context: Context) -> String {
        match what {
            "sum" => self.state.sum.to_string(),
            "chance" => format!("chance {}", context.seed),
            "digest" => self.state.to_text().replace('\n', " "),
            _ => {
                let Context {
                    now, uptime, tick, ..
                } = context;
                format!("now {now} up {uptime} tick {tick:?}")
            }
        }
    }
}

/// The fault that a command asks for, if it asks for one in a call like this.
fn fault(verb: &str, call: &Call) -> Option<Fault> {
    let several = call.batch > 1;
    match verb {
        "trap" => Some(Fault::Trap("as told".to_owned())),
        "fuel" => Some(Fault::OutOfFuel(50)),
        "batchtrap" if several => Some(Fault::Trap("many".to_owned())),
        "batchfuel" if several => Some(Fault::OutOfFuel(50)),
        "batchlimit" if several => Some(Fault::Limit("many".to_owned())),
        "replaytrap" if !call.live => Some(Fault::Trap("replay".to_owned())),
        _ => None,
    }
}

/// Bounds under which tests run: those of the host, but checkpoints only when asked for.
pub(crate) fn limits() -> Limits {
    Limits {
        checkpoint_every: Duration::from_secs(3600),
        ..Limits::default()
    }
}
