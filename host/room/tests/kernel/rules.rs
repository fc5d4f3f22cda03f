//! Rules in plain Rust that do what they are told: a small interpreter whose programs are messages.
//!
//! Commands are separated by `;`. `on EVENT …` keeps commands (separated by `&`) for every event of that
//! name; `$m`, `$c`, `$i`, `$t` stand for the member, the connection, the place in the batch, the timer.
//! Everything heard goes into a digest, so that a call repeated wrongly, twice or not at all shows.

use crate::words::{describe, named};
use bytes::Bytes;
use roost_room::{
    Audience, Author, CallLimits, Capability, ConnectionId, Context, Delivery, DocChange, DocEdit,
    DocOp, DocRight, Durability, Effect, Ending, Event, Fault, Flow, Forwarding, Handled, Intake,
    Json, Lane, Limits, Listing, LogLine, Manifest, MediaRight, MemberId, MemberProfile, Pace,
    Payload, Profile, Program, ProgramHash, Publication, Reach, Redirection, Refusal,
    RefusalReason, Relocation, Removal, RequestedLimits, Right, RoomIdentity, Rules, SignalReply,
    SnapshotMeta, Subscription, Timer, TimerId, Topic, TopicSpec, Track, UserId,
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
            },
            hash: ProgramHash([1; 32]),
            strings: Arc::clone(strings),
            refuses: false,
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
    fn init(&mut self, room: &RoomIdentity, _: CallLimits) -> Result<Result<(), String>, Fault> {
        self.enter("init");
        if room.options.contains("refuse") {
            return Ok(Err("not today".to_owned()));
        }
        Ok(Ok(()))
    }

    fn restore(
        &mut self,
        _: &RoomIdentity,
        _: &SnapshotMeta,
        state: &[u8],
        limits: CallLimits,
    ) -> Result<Result<(), String>, Fault> {
        self.enter("restore");
        if self.refuses {
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
                Event::Message(message) => text_of(&message.payload),
                Event::Signal(signal) => text_of(&signal.body),
                Event::JoinAttempt(_) => String::new(),
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

fn number(word: &str) -> u32 {
    word.parse()
        .unwrap_or_else(|_| panic!("{word:?} is no number"))
}

fn numbers(words: &str) -> Vec<u32> {
    words.split(',').map(number).collect()
}

fn deliver(to: Audience, text: &str, lane: Lane, author: Author) -> Effect {
    Effect::Deliver(Delivery {
        to,
        topic: Topic::new("t"),
        payload: Payload::json(text),
        lane,
        author,
    })
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
            "sum" => {
                let text = self.state.sum.to_string();
                call.effects.push(deliver(
                    Audience::Everyone,
                    &text,
                    Lane::Reliable,
                    Author::Room,
                ));
            }
            "digest" => {
                let text = self.state.to_text().replace('\n', " ");
                call.effects.push(deliver(
                    Audience::Everyone,
                    &text,
                    Lane::Reliable,
                    Author::Room,
                ));
            }
            "context" => {
                let Context {
                    now, uptime, tick, ..
                } = call.context;
                let text = format!("now {now} up {uptime} tick {tick:?}");
                call.effects.push(deliver(
                    Audience::Everyone,
                    &text,
                    Lane::Reliable,
                    Author::Room,
                ));
            }
            "trap" => return Err(self.die(Fault::Trap("as told".to_owned()))),
            "fuel" => return Err(self.die(Fault::OutOfFuel(50))),
            "batchtrap" if call.batch > 1 => return Err(self.die(Fault::Trap("many".to_owned()))),
            "batchfuel" if call.batch > 1 => return Err(self.die(Fault::OutOfFuel(50))),
            "batchlimit" if call.batch > 1 => return Err(self.die(Fault::Limit("many".to_owned()))),
            "batchtrap" | "batchfuel" | "batchlimit" => {}
            "replaytrap" if !call.live => return Err(self.die(Fault::Trap("replay".to_owned()))),
            "replaytrap" => {}
            "waver" => call
                .effects
                .extend(call.live.then_some(Effect::CancelTimer(TimerId(77)))),
            _ => call.effects.push(effect(verb, &rest)),
        }
        Ok(())
    }
}

/// One effect in words.
fn effect(verb: &str, rest: &str) -> Effect {
    let (first, tail) = rest.split_once(' ').unwrap_or((rest, ""));
    let everyone = Audience::Everyone;
    match verb {
        "all" => deliver(everyone, rest, Lane::Reliable, Author::Room),
        "un" => deliver(everyone, rest, Lane::Unreliable, Author::Room),
        "latest" => deliver(everyone, tail, Lane::Latest(number(first)), Author::Room),
        "by" => deliver(
            everyone,
            tail,
            Lane::Reliable,
            Author::Member(MemberId(number(first))),
        ),
        "to" => {
            let members = numbers(first).into_iter().map(MemberId).collect();
            deliver(
                Audience::Members(members),
                tail,
                Lane::Reliable,
                Author::Room,
            )
        }
        "conns" => {
            let connections = numbers(first).into_iter().map(ConnectionId).collect();
            deliver(
                Audience::Connections(connections),
                tail,
                Lane::Reliable,
                Author::Room,
            )
        }
        "butc" => {
            let but = Audience::ButConnection(ConnectionId(number(first)));
            deliver(but, tail, Lane::Reliable, Author::Room)
        }
        "butm" => deliver(
            Audience::ButMember(MemberId(number(first))),
            tail,
            Lane::Reliable,
            Author::Room,
        ),
        "fill" => deliver(
            everyone,
            &"x".repeat(number(first) as usize),
            Lane::Unreliable,
            Author::Room,
        ),
        "fwd" => Effect::Forward(Forwarding {
            index: number(first),
            to: everyone,
            lane: Lane::Unreliable,
        }),
        "admit" => Effect::Admit(ConnectionId(number(first))),
        "refuse" => Effect::Refuse(Refusal {
            connection: ConnectionId(number(first)),
            reason: RefusalReason::Banned,
            text: tail.to_owned(),
        }),
        "redirect" => Effect::Redirect(Redirection {
            connection: ConnectionId(number(first)),
            room: tail.to_owned(),
            notice: String::new(),
        }),
        "move" => Effect::Move(Relocation {
            connection: ConnectionId(number(first)),
            room: tail.to_owned(),
            on_arrival: Vec::new(),
        }),
        "kick" => Effect::Kick(Removal {
            member: MemberId(number(first)),
            text: tail.to_owned(),
        }),
        "timer" => Effect::SetTimer(Timer {
            id: TimerId(number(first)),
            after: number(tail),
        }),
        "cancel" => Effect::CancelTimer(TimerId(number(first))),
        "list" => Effect::SetListing(Listing {
            data: Json::new(rest.to_owned()),
            visible: true,
            bans: Vec::new(),
        }),
        "profile" => Effect::SetProfile(MemberProfile {
            member: MemberId(number(first)),
            profile: Profile {
                name: tail.to_owned(),
                color: 0,
            },
        }),
        "sub" | "unsub" => {
            let subscription = Subscription {
                connection: ConnectionId(number(first)),
                topic: Topic::new(tail),
            };
            if verb == "sub" {
                Effect::Subscribe(subscription)
            } else {
                Effect::Unsubscribe(subscription)
            }
        }
        "pub" => Effect::Publish(Publication {
            to: Reach::Subscribers,
            topic: Topic::new("t"),
            payload: Payload::json(rest),
            author: Author::Room,
        }),
        "commit" => Effect::Commit,
        "doc" => Effect::DocApply(DocChange {
            doc: "d".to_owned(),
            ops: vec![DocOp {
                path: first.to_owned(),
                edit: DocEdit::Delete,
            }],
        }),
        "increment" => Effect::DocApply(DocChange {
            doc: "d".to_owned(),
            ops: vec![DocOp {
                path: "/n".to_owned(),
                edit: DocEdit::Increment(first.parse().unwrap()),
            }],
        }),
        "grant" | "deny" => {
            let right = Right::Media(MediaRight {
                member: MemberId(number(first)),
                track: Track::Camera,
                flow: if tail.is_empty() {
                    Flow::Send
                } else {
                    Flow::Receive(MemberId(number(tail)))
                },
            });
            if verb == "grant" {
                Effect::Grant(right)
            } else {
                Effect::Deny(right)
            }
        }
        "open" => Effect::Grant(Right::Doc(DocRight {
            user: UserId::parse(&named(first)).unwrap(),
            doc: tail.to_owned(),
            access: roost_room::Access::Write,
        })),
        "reply" => Effect::ReplySignal(SignalReply {
            id: number(first),
            answer: Ok(Payload::json(tail)),
        }),
        "end" => Effect::EndRoom(Ending {
            text: rest.to_owned(),
            outcome: Json::new("null".to_owned()),
        }),
        _ => panic!("the rules do not know {verb:?}"),
    }
}

/// Bounds under which tests run: those of the host, but checkpoints only when asked for.
pub(crate) fn limits() -> Limits {
    Limits {
        checkpoint_every: Duration::from_secs(3600),
        ..Limits::default()
    }
}
