//! People who come, talk nonsense, lose their line and come back.

use std::collections::BTreeMap;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, IteratorRandom};
use roost_room::{
    Access, Answer, Capability, Closing, ConnectionId, DocOutcome, DocQuestion, Flow, Identity,
    Input, Intake, Knock, Manifest, MediaRight, Output, Parting, Payload, Profile, ResumePoint,
    Room, SessionId, Signal, Topic, Track, UserId,
};

use super::speech::Speech;

/// Different users.
const PEOPLE: usize = 12;
/// Words that operators send.
const SIGNALS: [&str; 4] = ["status", "stop", "", "reload\n"];
const NAMES: [&str; 6] = [
    "Ann",
    "Ben",
    "x",
    "__proto__",
    "ü\u{1F3B9} 名",
    "a name of some length, with, commas",
];

/// How far a session has come.
#[derive(Clone, Copy, Debug)]
enum Seat {
    Asking,
    Admitted(ConnectionId),
    In(ConnectionId),
}

/// Who is around a room.
#[derive(Debug)]
pub(super) struct Crowd {
    people: Vec<Identity>,
    seats: BTreeMap<SessionId, (usize, Seat)>,
    /// Where a user has heard up to when it was last lost.
    lost: BTreeMap<usize, ResumePoint>,
    topics: Vec<Topic>,
    documents: bool,
    media: bool,
    owed: Vec<Input>,
    sessions: u64,
    signals: u32,
    versions: u64,
    /// Messages by topic.
    pub(super) said: BTreeMap<Topic, u64>,
}

impl Crowd {
    pub(super) fn new(manifest: &Manifest) -> Self {
        let open = manifest
            .topics
            .iter()
            .filter(|topic| topic.intake != Intake::Closed);
        Self {
            people: (0..PEOPLE).filter_map(person).collect(),
            seats: BTreeMap::new(),
            lost: BTreeMap::new(),
            topics: open.map(|topic| topic.name.clone()).collect(),
            documents: manifest.capabilities.contains(&Capability::DocApply),
            media: manifest.capabilities.contains(&Capability::Media),
            owed: Vec::new(),
            sessions: 0,
            signals: 0,
            versions: 0,
            said: BTreeMap::new(),
        }
    }

    /// Nobody is connected any more.
    pub(super) fn scatter(&mut self) {
        self.seats.clear();
        self.owed.clear();
    }

    /// The room knows none of what was heard before.
    pub(super) fn forget(&mut self) {
        self.scatter();
        self.lost.clear();
    }

    /// What happens next: mostly a few things, now and then many at once. Messages only if they are wanted.
    pub(super) fn inputs(
        &mut self,
        room: &Room,
        speech: &Speech,
        talk: bool,
        rng: &mut StdRng,
    ) -> Vec<Input> {
        let mut inputs = std::mem::take(&mut self.owed);
        self.finish_entering(&mut inputs, rng);
        let count = match rng.random_range(0..40) {
            0 => 100,
            1..8 => 8,
            8..24 => 2,
            _ => 1,
        };
        for _ in 0..count {
            inputs.extend(self.input(room, speech, talk, rng));
        }
        inputs
    }

    /// Who was admitted goes in, or has thought better of it.
    fn finish_entering(&mut self, inputs: &mut Vec<Input>, rng: &mut StdRng) {
        let admitted = self
            .seats
            .iter()
            .filter_map(|(session, (_, seat))| match seat {
                Seat::Admitted(connection) => Some((*session, *connection)),
                _ => None,
            });
        for (session, connection) in admitted {
            let reason = Parting::Lost;
            inputs.push(match rng.random_range(0..20) {
                0 => Input::Withdraw { session, reason },
                1 => Input::Detach { connection, reason },
                _ => Input::Confirm { connection },
            });
        }
    }

    fn input(
        &mut self,
        room: &Room,
        speech: &Speech,
        talk: bool,
        rng: &mut StdRng,
    ) -> Option<Input> {
        let few = self.seats.len() < 4;
        match rng.random_range(0..100) {
            0..12 => self.knock(room, rng),
            12..30 if few => self.knock(room, rng),
            30..36 => self.part(room, rng),
            36..39 => Some(self.rename(rng)),
            39..42 => Some(self.signal(speech, rng)),
            42..44 if self.documents => self.ask_for_document(rng),
            44..46 if self.media => self.ask_for_track(room, rng),
            _ if talk => self.talk(speech, rng),
            _ => None,
        }
    }

    fn knock(&mut self, room: &Room, rng: &mut StdRng) -> Option<Input> {
        let user = rng.random_range(0..self.people.len().max(1));
        let who = self.people.get(user)?.clone();
        self.sessions += 1;
        let session = SessionId(self.sessions);
        self.seats.insert(session, (user, Seat::Asking));
        let fresh = |point: &ResumePoint| point.incarnation == room.incarnation();
        let resume = self
            .lost
            .remove(&user)
            .filter(fresh)
            .filter(|_| rng.random_bool(0.7));
        Some(Input::Knock(Knock {
            session,
            who,
            options: if rng.random_bool(0.8) {
                "{}"
            } else {
                r#"{"team":3,"x":null}"#
            }
            .to_owned(),
            leaving: rng.random_bool(0.1).then(|| "elsewhere".to_owned()),
            resume,
            at_once: rng.random(),
        }))
    }

    fn part(&mut self, room: &Room, rng: &mut StdRng) -> Option<Input> {
        let (user, connection) = self.somebody(rng)?;
        let reason = if rng.random_bool(0.6) {
            Parting::Lost
        } else {
            Parting::Closed
        };
        let number = room
            .last_delivery()
            .0
            .saturating_sub(rng.random_range(0..3));
        let incarnation = room.incarnation();
        self.lost.insert(
            user,
            ResumePoint {
                incarnation,
                number,
            },
        );
        Some(Input::Detach { connection, reason })
    }

    fn rename(&mut self, rng: &mut StdRng) -> Input {
        let profile = Profile {
            name: (*NAMES.choose(rng).unwrap_or(&"x")).to_owned(),
            color: rng.random_range(0..0x100_0000),
        };
        let who = self.people.iter_mut().choose(rng);
        let user = who.map(|who| {
            who.profile = profile.clone();
            who.user.clone()
        });
        // There is always somebody.
        user.map_or(Input::End(roost_room::EndCause::Closed), |user| {
            Input::Profile { user, profile }
        })
    }

    fn signal(&mut self, speech: &Speech, rng: &mut StdRng) -> Input {
        self.signals += 1;
        let name = (*SIGNALS.choose(rng).unwrap_or(&"status")).to_owned();
        Input::Signal(Signal {
            id: self.signals,
            body: speech.say(&Topic::new(&name), rng),
            name: if name.is_empty() {
                "x".repeat(128)
            } else {
                name
            },
        })
    }

    fn ask_for_document(&self, rng: &mut StdRng) -> Option<Input> {
        Some(Input::DocAccess(DocQuestion {
            who: self.people.choose(rng)?.clone(),
            doc: if rng.random() { "main" } else { "other" }.to_owned(),
            access: if rng.random() {
                Access::Read
            } else {
                Access::Write
            },
        }))
    }

    fn ask_for_track(&self, room: &Room, rng: &mut StdRng) -> Option<Input> {
        let member = |rng: &mut StdRng| room.member_of(self.somebody(rng)?.1);
        let (one, other) = (member(rng)?, member(rng)?);
        let flow = if rng.random() {
            Flow::Send
        } else {
            Flow::Receive(other)
        };
        let track = if rng.random() {
            Track::Microphone
        } else {
            Track::Camera
        };
        Some(Input::MediaAccess(MediaRight {
            member: one,
            track,
            flow,
        }))
    }

    fn talk(&mut self, speech: &Speech, rng: &mut StdRng) -> Option<Input> {
        let (_, connection) = self.somebody(rng)?;
        let topic = self.topics.choose(rng)?.clone();
        let payload = speech.say(&topic, rng);
        *self.said.entry(topic.clone()).or_default() += 1;
        Some(Input::Message {
            connection,
            topic,
            payload,
        })
    }

    fn somebody(&self, rng: &mut StdRng) -> Option<(usize, ConnectionId)> {
        let here = self.seats.values().filter_map(|(user, seat)| match seat {
            Seat::In(connection) => Some((*user, *connection)),
            _ => None,
        });
        here.choose(rng)
    }

    /// Live with what the room says, as the host would.
    pub(super) fn hear(&mut self, output: &Output) {
        match output {
            Output::Answer { session, answer } => match answer {
                Answer::Admitted { connection } => self.seat(*session, Seat::Admitted(*connection)),
                _ => drop(self.seats.remove(session)),
            },
            Output::Attached {
                session,
                connection,
                ..
            } => self.seat(*session, Seat::In(*connection)),
            Output::Forgotten { session } => drop(self.seats.remove(session)),
            Output::Detached { connection, .. } => self.unseat(*connection),
            Output::Close {
                connection,
                closing,
            } => {
                self.unseat(*connection);
                let kicked = matches!(closing, Closing::Kicked(_) | Closing::Faulted);
                let reason = if kicked {
                    Parting::Kicked
                } else {
                    Parting::Closed
                };
                self.owed.push(Input::Detach {
                    connection: *connection,
                    reason,
                });
            }
            Output::Move { connection, .. } => {
                self.unseat(*connection);
                let reason = Parting::Moved;
                self.owed.push(Input::Detach {
                    connection: *connection,
                    reason,
                });
            }
            Output::SetProfile { user, profile } => self.owed.push(Input::Profile {
                user: user.clone(),
                profile: profile.clone(),
            }),
            Output::DocChange(change) => {
                self.versions += 1;
                let version = Ok(self.versions);
                self.owed.push(Input::DocApplied(DocOutcome {
                    doc: change.doc.clone(),
                    version,
                }));
            }
            _ => {}
        }
    }

    fn seat(&mut self, session: SessionId, seat: Seat) {
        if let Some((_, now)) = self.seats.get_mut(&session) {
            *now = seat;
        }
    }

    fn unseat(&mut self, connection: ConnectionId) {
        self.seats.retain(|_, (_, seat)| match seat {
            Seat::Admitted(own) | Seat::In(own) => *own != connection,
            Seat::Asking => true,
        });
    }
}

fn person(number: usize) -> Option<Identity> {
    let issuer = if number.is_multiple_of(2) {
        "anon"
    } else {
        "jwt"
    };
    Some(Identity {
        user: UserId::new(issuer, &format!("p{number}"))?,
        profile: Profile {
            name: NAMES.get(number % NAMES.len())?.to_string(),
            color: 0x80_80_80,
        },
        claims: if number == 3 {
            r#"{"role":"admin"}"#
        } else {
            "{}"
        }
        .to_owned(),
        verified: number != 4,
    })
}

/// What a message or signal carried, for reports.
pub(super) fn said(event: &roost_room::Event) -> Option<(Option<String>, Payload)> {
    match event {
        roost_room::Event::Message(message) => Some((
            Some(message.topic.as_str().to_owned()),
            message.payload.clone(),
        )),
        roost_room::Event::Signal(signal) => Some((Some(signal.name.clone()), signal.body.clone())),
        _ => None,
    }
}
