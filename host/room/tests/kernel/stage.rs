//! A room on a stage: clocks that stand until moved, a disk that answers when told, a transcript.

use crate::rules::{Script, Strings, limits};
use crate::words::{named, parting, say};
use roost_room::{
    Access, Bundle, CallRecord, Checkpoint, Clock, ConnectionId, DocQuestion, Durability, EndCause,
    Flow, Identity, Input, Knock, Limits, MediaRight, MemberId, Opening, Output, Pace, Payload,
    Persist, Profile, ProgramHash, ResumePoint, Right, Room, RoomConfig, SessionId, Signal, Ticket,
    Topic, Track, UserId,
};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub(crate) struct Stage {
    pub(crate) strings: Arc<Strings>,
    pub(crate) program: Arc<Script>,
    pub(crate) limits: Limits,
    options: String,
    granted: bool,
    pub(crate) room: Option<Room>,
    mono: u64,
    wall: u64,
    incarnation: u64,
    together: Vec<Input>,
    /// What a disk that answers at once would hold.
    pub(crate) checkpoint: Option<Checkpoint>,
    pub(crate) records: Vec<CallRecord>,
    pub(crate) checkpoints: Vec<Checkpoint>,
    pub(crate) bundle: Option<Bundle>,
    pub(crate) lines: Vec<String>,
}

pub(crate) fn identity(user: &str) -> Identity {
    Identity {
        user: UserId::parse(&named(user)).unwrap(),
        profile: Profile {
            name: user.to_owned(),
            color: 0,
        },
        claims: "{}".to_owned(),
        verified: true,
    }
}

/// `c12`, `m3`, `s4`: the number.
fn id(word: &str) -> u32 {
    let digits = word.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    digits
        .parse()
        .unwrap_or_else(|_| panic!("{word:?} has no number"))
}

impl Stage {
    pub(crate) fn new(settings: &str) -> Self {
        let strings = Arc::new(Strings::default());
        let mut stage = Self {
            program: Arc::new(Script::new(Durability::Ephemeral, &strings)),
            strings,
            limits: limits(),
            options: "{}".to_owned(),
            granted: true,
            room: None,
            mono: 0,
            wall: 1_000_000,
            incarnation: 7,
            together: Vec::new(),
            checkpoint: None,
            records: Vec::new(),
            checkpoints: Vec::new(),
            bundle: None,
            lines: Vec::new(),
        };
        stage.set(settings);
        stage
    }

    pub(crate) fn set(&mut self, settings: &str) {
        let mut script = Script::new(self.program.manifest.durability, &self.strings);
        script.manifest = self.program.manifest.clone();
        script.hash = self.program.hash;
        for word in settings.split_whitespace() {
            let (key, value) = word.split_once('=').unwrap_or((word, "0"));
            let number: u32 = value.parse().unwrap_or_default();
            match key {
                "ephemeral" => script.manifest.durability = Durability::Ephemeral,
                "snapshot" => script.manifest.durability = Durability::Snapshot,
                "journaled" => script.manifest.durability = Durability::Journaled,
                "ticks" => script.manifest.pace = Pace::Ticks(u16::try_from(number).unwrap()),
                "untimed" => script.manifest.pace = Pace::Messages,
                "quiet" => script.manifest.topics.clear(),
                "grace" => script.manifest.grace = number,
                "members" => script.manifest.limits.members = number,
                "connections" => self.limits.connections = number,
                "checkpoint" => self.limits.checkpoint_every = Duration::from_millis(number.into()),
                "ring-bytes" => self.limits.resume_bytes = number as usize,
                "ring-age" => self.limits.resume_age = Duration::from_millis(number.into()),
                "checkpoint-bytes" => self.limits.checkpoint_bytes = number as usize,
                "ring" => self.limits.resume_entries = number as usize,
                "keep" => self.limits.keep_empty = Duration::from_millis(number.into()),
                "program" => script.hash = ProgramHash([u8::try_from(number).unwrap(); 32]),
                "refuses" => script.refuses = true,
                "loyal" => script.is_loyal = true,
                "sleepy" => script.is_sleepy = true,
                "greedy" => script.manifest.capabilities = roost_room::Capability::ALL.to_vec(),
                "plain" => script.manifest.capabilities.clear(),
                "ungranted" => self.granted = false,
                "options" => self.options = value.to_owned(),
                _ => panic!("no setting is {word:?}"),
            }
        }
        self.program = Arc::new(script);
    }

    pub(crate) fn config(&self) -> RoomConfig {
        let wanted = roost_room::Capability::ALL.to_vec();
        RoomConfig {
            id: "room".to_owned(),
            options: self.options.clone(),
            limits: self.limits.clone(),
            granted: if self.granted { wanted } else { Vec::new() },
            log: Arc::new(|_, _| ()),
        }
    }

    pub(crate) fn clock(&self) -> Clock {
        Clock {
            wall: self.wall,
            mono: Duration::from_millis(self.mono),
        }
    }

    fn opening(&self) -> Opening {
        Opening {
            clock: self.clock(),
            // Another one each time: a room that comes back has to keep its own.
            seed: 35 + self.incarnation,
            incarnation: self.incarnation,
            bans: Vec::new(),
        }
    }

    pub(crate) fn open(&mut self) {
        (self.checkpoint, self.records) = (None, Vec::new());
        self.checkpoints.clear();
        match Room::open(self.program.clone(), self.config(), self.opening()) {
            Ok(room) => {
                self.room = Some(room);
                self.step(Vec::new());
            }
            Err(reason) => self.lines.push(format!("no room: {reason}")),
        }
    }

    pub(crate) fn restored(&self, checkpoint: &Checkpoint, records: &[CallRecord]) -> Room {
        Room::restore(
            self.program.clone(),
            self.config(),
            &self.opening(),
            checkpoint,
            records,
        )
        .unwrap()
    }

    /// The same from a checkpoint that may be damaged.
    pub(crate) fn maybe_restored(&self, checkpoint: &Checkpoint) -> Option<Room> {
        Room::restore(
            self.program.clone(),
            self.config(),
            &self.opening(),
            checkpoint,
            &[],
        )
        .ok()
    }

    /// A signal with these commands.
    pub(crate) fn signalled(commands: &str) -> Input {
        Input::Signal(Signal {
            id: 500,
            name: "s".to_owned(),
            body: Payload::json(commands),
        })
    }

    /// Somebody who wants to enter at once.
    pub(crate) fn entering(session: u64, user: &str) -> Input {
        Input::Knock(Knock {
            session: SessionId(session),
            who: identity(user),
            options: "{}".to_owned(),
            leaving: None,
            resume: None,
            at_once: true,
        })
    }

    fn restart(&mut self) {
        self.incarnation += 1;
        self.mono = 0;
        let checkpoint = self.checkpoint.clone().expect("nothing is stored");
        let opening = self.opening();
        match Room::restore(
            self.program.clone(),
            self.config(),
            &opening,
            &checkpoint,
            &self.records,
        ) {
            Ok(room) => self.room = Some(room),
            Err(reason) => {
                self.room = None;
                self.lines.push(format!("no room: {reason}"));
            }
        }
    }

    pub(crate) fn room(&mut self) -> &mut Room {
        self.room.as_mut().expect("there is no room")
    }

    pub(crate) fn note(&mut self, outputs: &[Output]) {
        let heard = std::mem::take(&mut *self.strings.heard.lock().unwrap());
        self.lines.extend(heard);
        for output in outputs {
            self.look_over_the_shoulder(output);
            if !matches!(output, Output::FaultBundle(_) | Output::Called(_)) {
                self.lines.push(say(output));
            }
            match output {
                Output::Persist(Persist::Checkpoint { bytes, covers, .. }) => {
                    let checkpoint = Checkpoint::from_bytes(bytes).unwrap();
                    assert_eq!(checkpoint.sequence, *covers);
                    self.checkpoints.push(checkpoint.clone());
                    self.checkpoint = Some(checkpoint);
                }
                Output::Persist(Persist::Call { bytes, .. }) => {
                    self.records.push(CallRecord::from_bytes(bytes).unwrap());
                }
                _ => {}
            }
        }
    }

    pub(crate) fn step(&mut self, inputs: Vec<Input>) {
        let clock = self.clock();
        let outputs = self.room().step(clock, inputs);
        self.note(&outputs);
    }

    /// Step as long as something is left to do right now.
    pub(crate) fn drain(&mut self) {
        for _ in 0..1_000 {
            let now = self.clock().mono;
            if self.room().deadline().is_none_or(|due| due > now) {
                return;
            }
            self.step(Vec::new());
        }
        self.lines.push("the room never rests".to_owned());
    }

    pub(crate) fn advance(&mut self, ms: u64) {
        self.mono += ms;
        self.wall += ms;
    }

    fn knock(words: &[&str]) -> Input {
        let resume = words
            .iter()
            .find_map(|w| w.strip_prefix("resume="))
            .map(|point| {
                let (incarnation, number) = point.split_once(':').unwrap();
                ResumePoint {
                    incarnation: incarnation.parse().unwrap(),
                    number: number.parse().unwrap(),
                }
            });
        let renamed = words.iter().find_map(|w| w.strip_prefix("as="));
        Input::Knock(Knock {
            session: SessionId(id(words[0]).into()),
            who: Identity {
                profile: Profile {
                    name: renamed.unwrap_or(words[1]).to_owned(),
                    color: 0,
                },
                ..identity(words[1])
            },
            options: "{}".to_owned(),
            leaving: None,
            resume,
            at_once: words.contains(&"once"),
        })
    }

    fn input(line: &str) -> Option<Input> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let rest = |n: usize| line.splitn(n + 1, ' ').nth(n).unwrap_or("");
        Some(match words[0] {
            "knock" => Self::knock(&words[1..]),
            "confirm" => Input::Confirm {
                connection: ConnectionId(id(words[1])),
            },
            "detach" => Input::Detach {
                connection: ConnectionId(id(words[1])),
                reason: parting(words[2]),
            },
            "withdraw" => Input::Withdraw {
                session: SessionId(id(words[1]).into()),
                reason: parting(words[2]),
            },
            "say" => Input::Message {
                connection: ConnectionId(id(words[1])),
                topic: Topic::new("t"),
                payload: Payload::json(rest(2)),
            },
            "say-on" => Input::Message {
                connection: ConnectionId(id(words[1])),
                topic: Topic::new(words[2]),
                payload: Payload::json(rest(3)),
            },
            "signal" => Input::Signal(Signal {
                id: id(words[1]),
                name: "s".to_owned(),
                body: Payload::json(rest(2)),
            }),
            "rename" => Input::Profile {
                user: UserId::parse(&named(words[1])).unwrap(),
                profile: Profile {
                    name: words[2].to_owned(),
                    color: 0,
                },
            },
            "media" => Input::MediaAccess(MediaRight {
                member: MemberId(id(words[1])),
                track: Track::Camera,
                flow: words
                    .get(2)
                    .map_or(Flow::Send, |from| Flow::Receive(MemberId(id(from)))),
            }),
            "read" => Input::DocAccess(DocQuestion {
                who: identity(words[1]),
                doc: words[2].to_owned(),
                access: Access::Read,
            }),
            "end" => Input::End(EndCause::Closed),
            _ => return None,
        })
    }

    /// One line of a script.
    pub(crate) fn play(&mut self, line: &str) {
        if let Some(line) = line.strip_prefix("+ ") {
            self.together
                .push(Self::input(line).expect("only inputs go together"));
            return;
        }
        if let Some(input) = Self::input(line) {
            let mut inputs = std::mem::take(&mut self.together);
            inputs.push(input);
            return self.step(inputs);
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        if !self.play_time(&words) && !self.play_life(&words) {
            panic!("no line begins with {:?}", words[0]);
        }
    }

    /// Lines that step the room or move its clocks; whether this is one.
    fn play_time(&mut self, words: &[&str]) -> bool {
        match words[0] {
            "enter" => {
                // Session, user: knock and be there.
                let Input::Knock(knock) = Self::knock(&words[1..]) else {
                    unreachable!()
                };
                self.step(vec![Input::Knock(Knock {
                    at_once: true,
                    ..knock
                })]);
            }
            "step" => {
                let inputs = std::mem::take(&mut self.together);
                self.step(inputs);
            }
            "drain" => self.drain(),
            "wait" => {
                self.advance(words[1].parse().unwrap());
                let inputs = std::mem::take(&mut self.together);
                self.step(inputs);
            }
            "pass" => self.advance(words[1].parse().unwrap()),
            "wall-back" => self.wall -= words[1].parse::<u64>().unwrap(),
            "down" => self.wall += words[1].parse::<u64>().unwrap(),
            _ => return false,
        }
        true
    }

    /// Lines that open the room, end it, keep it and look at it; whether this is one.
    fn play_life(&mut self, words: &[&str]) -> bool {
        match words[0] {
            "room" => {
                self.set(&words[1..].join(" "));
                self.open();
            }
            "stored" => self.persisted(words[1], Ok(())),
            "failed" => self.persisted(words[1], Err("disk full".to_owned())),
            "restart" => {
                self.set(&words[1..].join(" "));
                self.restart();
            }
            "restart-from-first" => {
                self.checkpoint = self.checkpoints.first().cloned();
                self.restart();
            }
            "away" => {
                let clock = self.clock();
                let outputs = self.room().put_away(clock);
                self.note(&outputs);
            }
            "interrupt" => {
                self.strings.interrupt_in.store(1, Ordering::Relaxed);
                self.strings
                    .interrupts
                    .store(words[1].parse().unwrap(), Ordering::Relaxed);
            }
            // The last records never came to be: the process was killed before.
            "lose" => {
                let left = self.records.len() - words[1].parse::<usize>().unwrap();
                self.records.truncate(left);
            }
            "show" => self.show(words[1]),
            _ => return self.play_exchange(words),
        }
        true
    }

    fn persisted(&mut self, ticket: &str, result: Result<(), String>) {
        let ticket = Ticket(ticket.parse().unwrap());
        let outputs = self.room().persisted(ticket, result);
        self.note(&outputs);
    }

    fn show(&mut self, what: &str) {
        let now = self.clock().mono;
        let room = self.room();
        let shown = match what {
            "deadline" => match room.deadline() {
                None => "none".to_owned(),
                Some(due) => format!("in {} ms", due.saturating_sub(now).as_millis()),
            },
            "dropped" => room.dropped().to_string(),
            "headcount" => room.headcount().to_string(),
            "settled" => room.is_settled().to_string(),
            "running" => room.is_running().to_string(),
            "may-rest" => room.may_rest().to_string(),
            "divergences" => room.divergences().to_string(),
            "since" => room.since().to_string(),
            "sequence" => room.sequence().to_string(),
            "camera" => {
                let right = MediaRight {
                    member: MemberId(1),
                    track: Track::Camera,
                    flow: Flow::Send,
                };
                format!("{:?}", room.right(&Right::Media(right)))
            }
            "listing" => room
                .listing()
                .map_or("none", |listing| listing.data.as_str())
                .to_owned(),
            _ => panic!("nothing to show is called {what:?}"),
        };
        self.lines.push(format!("{what}: {shown}"));
    }

    pub(crate) fn assert_promises(&self, context: &str) {
        let violations = self.strings.violations.lock().unwrap();
        assert!(violations.is_empty(), "{context}: {violations:#?}");
    }
}
