//! The Multiplayer Piano door: one task for each connection, from its handshake to its close.
//!
//! The wire is `protocol/docs/mpp.md`.

mod entry;
mod farewell;
mod person;
mod seats;
mod staff;

use super::Entrance;
use super::visit::Visit;
use crate::config::MppConfig;
use crate::kinds::Kind;
use crate::lobby::Watching;
use crate::net::outbox::{Frame, Outbox};
use crate::net::socket::{Incoming, Socket, SocketConfig};
use crate::net::upgrade::Upgraded;
use crate::session::SessionEvent;
use crate::telemetry;
use farewell::{End, Farewell, ended, parting, violated};
use metrics::counter;
use person::Person;
use roost_protocol::mpp::{self, AWKWARD, Intent, MppSession, close};
use roost_protocol::play::Said;
use roost_room::{Parting, Pushed};
use seats::Seats;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// How long a client whose language is not known yet may be silent.
const UNDECIDED: Duration = Duration::from_secs(10);
/// What a lobby lets everybody play, for the bar of who is in no room yet.
const LOBBY_QUOTA: (u32, u32) = (200, 600);

/// The Multiplayer Piano door.
pub struct MppDoor {
    entrance: Arc<Entrance>,
    config: MppConfig,
    sockets: Arc<SocketConfig>,
    seats: Arc<Seats>,
}

/// One connection.
struct Session {
    /// Where its client is.
    client: IpAddr,
    socket: Socket,
    outbox: Outbox,
    talk: MppSession,
    door: Arc<MppDoor>,
    kind: Arc<Kind>,
    /// Who it is, once it has said hi.
    person: Option<Person>,
    /// Where it is.
    visit: Option<Visit>,
    /// Said by the client and not dealt with yet.
    todo: VecDeque<Intent>,
    /// There was no place for it in the room yet: the client is not read meanwhile.
    waiting: Option<Said>,
    /// It wants to hear of the list.
    watching: Option<Watching>,
}

/// What a session has to deal with next.
enum Turn {
    Event(SessionEvent),
    Heard(Utf8Bytes),
    /// What waited has been taken by the room, or what came means nothing here.
    Nothing,
    Closed(Parting),
}

impl MppDoor {
    pub(super) fn new(
        entrance: Arc<Entrance>,
        config: MppConfig,
        sockets: Arc<SocketConfig>,
    ) -> Self {
        let seats = Arc::new(Seats::new(config.max_sockets_per_user));
        Self {
            entrance,
            config,
            sockets,
            seats,
        }
    }

    /// Whether there are rules for it.
    pub(super) fn is_open(&self) -> bool {
        self.entrance.kinds.get(&self.config.kind).is_some()
    }

    /// `decided` is whether the path has said that this is the client's language.
    pub(super) async fn open(self: &Arc<Self>, upgraded: Upgraded, decided: bool) {
        let Some(kind) = self.entrance.kinds.get(&self.config.kind) else {
            return;
        };
        let client = upgraded.client.address;
        let (socket, outbox, _, permits) =
            upgraded.into_socket(Arc::clone(&self.sockets), &self.entrance.flusher);
        outbox.write_arrays();
        let mut session = Session {
            client,
            socket,
            outbox,
            talk: MppSession::default(),
            door: Arc::clone(self),
            kind,
            person: None,
            visit: None,
            todo: VecDeque::new(),
            waiting: None,
            watching: None,
        };
        let end = session.run(decided).await;
        if let End::Said(farewell) = end {
            session.outbox.close(farewell.code, &farewell.reason);
        }
        // Others need not wait until the line is down as well.
        session.visit = None;
        session.watching = None;
        session.person = None;
        // What waits is still written, and the close frame, whoever closes.
        Box::pin(session.socket.finish()).await;
        drop(permits);
    }
}

impl Session {
    async fn run(&mut self, decided: bool) -> End {
        let first = if decided && self.door.config.challenge {
            self.push(mpp::challenge());
            Ok(())
        } else if decided {
            Ok(())
        } else {
            Box::pin(self.decide()).await
        };
        if let Err(end) = first {
            return end;
        }
        loop {
            if self.waiting.is_none()
                && let Some(intent) = self.todo.pop_front()
            {
                if let Err(end) = self.act(intent).await {
                    return end;
                }
                continue;
            }
            let end = match self.turn().await {
                Turn::Event(event) => self.hear_room(event).await.err(),
                Turn::Heard(text) => self.hear_client(&text),
                Turn::Nothing => None,
                Turn::Closed(parting) => {
                    if let Some(visit) = self.visit.take() {
                        visit.leave(parting);
                    }
                    Some(End::Lost)
                }
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// The first frame tells the language; this is the only one here that begins with a bracket.
    async fn decide(&mut self) -> Result<(), End> {
        let first = tokio::time::timeout(UNDECIDED, self.turn()).await;
        match first {
            Ok(Turn::Heard(text)) if text.trim_ascii_start().starts_with('[') => {
                self.hear_client(&text).map_or(Ok(()), Err)
            }
            Ok(Turn::Closed(_)) => Err(End::Lost),
            Ok(_) => Err(Farewell::new(close::POLICY, "nobody here speaks this").into()),
            Err(_) => Err(Farewell::new(close::POLICY, "silent for too long").into()),
        }
    }

    /// Wait for whatever comes first. What the room says goes before what the client says.
    async fn turn(&mut self) -> Turn {
        let Self {
            socket,
            visit,
            waiting,
            ..
        } = self;
        let visit = visit.as_ref();
        let room = async {
            match visit {
                Some(visit) => visit.inbox.next().await,
                None => std::future::pending().await,
            }
        };
        let place = visit.and_then(|visit| Some((&visit.room, visit.taken()?)));
        if let (Some(said), Some((handle, connection))) = (waiting.as_ref(), place) {
            let taken = tokio::select! {
                biased;
                event = room => return Turn::Event(event),
                () = handle.say_when_possible(connection, &said.topic, &said.payload) => true,
                () = socket.drive() => false,
            };
            if taken {
                *waiting = None;
            }
            // The other thing is the socket's end, which its next word tells.
            return if taken {
                Turn::Nothing
            } else {
                closed(socket).await
            };
        }
        *waiting = None;
        tokio::select! {
            biased;
            event = room => Turn::Event(event),
            incoming = socket.next() => match incoming {
                Some(Incoming::Text(text)) => Turn::Heard(text),
                Some(Incoming::Binary(_)) => Turn::Nothing,
                Some(Incoming::Closed(closed)) => Turn::Closed(parting(&closed)),
                None => Turn::Closed(Parting::Lost),
            },
        }
    }

    fn hear_client(&mut self, text: &str) -> Option<End> {
        let now = self.door.entrance.registry.host().clock.now();
        let now = u64::try_from(now.mono.as_millis()).unwrap_or(u64::MAX);
        let program = match &self.visit {
            Some(visit) => visit.room.program(),
            None => self.kind.program(),
        };
        match self.talk.frame(text, program.manifest(), now) {
            Ok(intents) => {
                self.todo.extend(intents);
                None
            }
            Err(violation) => {
                counter!(telemetry::BAD_FRAMES, "code" => violated(violation)).increment(1);
                Some(Farewell::new(violation.code(), violation.to_string()).into())
            }
        }
    }

    async fn act(&mut self, intent: Intent) -> Result<(), End> {
        match intent {
            // In boxes: an idle connection does not keep room for what it does once.
            Intent::Greet { token } => return Box::pin(self.greet(token)).await,
            Intent::Time { echo } => self.push(mpp::time(crate::clock::unix_millis(), echo)),
            Intent::Enter { room, set } => return Box::pin(self.enter(room, set)).await,
            Intent::SiteBan(wanted) => return Box::pin(self.ban_from_site(wanted)).await,
            Intent::Watch(true) => {
                if let Some(person) = &self.person {
                    let watching = self.kind.lobby().watch(&person.visitor.user, &self.outbox);
                    self.watching = Some(watching);
                }
            }
            Intent::Watch(false) => self.watching = None,
            Intent::Bye => {
                if let Some(visit) = self.visit.take() {
                    visit.leave(Parting::Closed);
                }
                return Err(Farewell::new(close::BYE, "bye").into());
            }
            Intent::Vanish { vanish, said } => {
                if let Some(person) = self.person.as_mut().filter(|person| person.staff) {
                    person.vanished = vanish;
                }
                said.into_iter().for_each(|said| self.say(said));
            }
            Intent::Say(said) => self.say(said),
        }
        Ok(())
    }

    /// Hand something to the rules. Who is nowhere is not heard.
    fn say(&mut self, said: Said) {
        let place = self
            .visit
            .as_ref()
            .and_then(|visit| Some((&visit.room, visit.taken()?)));
        if let Some((room, connection)) = place
            && room.say(connection, &said.topic, &said.payload, said.intake) == Pushed::Full
        {
            self.waiting = Some(said);
        }
    }

    async fn hear_room(&mut self, event: SessionEvent) -> Result<(), End> {
        match event {
            SessionEvent::Moving { room, on_arrival } => {
                Box::pin(self.move_to(room, on_arrival)).await
            }
            SessionEvent::Closed(roost_room::Closing::Ended(text)) => {
                self.notify(&text);
                self.visit = None;
                Box::pin(self.enter(AWKWARD.to_owned(), "{}".to_owned())).await
            }
            SessionEvent::Rejected | SessionEvent::Answer(_) | SessionEvent::Attached { .. } => {
                Ok(())
            }
            other => Err(ended(&other).into()),
        }
    }

    fn push(&self, element: Vec<u8>) {
        self.outbox.push(Frame::urgent(element.into()));
    }

    fn notify(&self, text: &str) {
        if !text.is_empty() {
            self.outbox.push(notice(text));
        }
    }
}

/// A line for the user's eyes.
fn notice(text: &str) -> Frame {
    let title = "Notice";
    Frame::urgent(mpp::notification(&mpp::Notification { title, text }).into())
}

async fn closed(socket: &mut Socket) -> Turn {
    match socket.next().await {
        Some(Incoming::Closed(closed)) => Turn::Closed(parting(&closed)),
        _ => Turn::Closed(Parting::Lost),
    }
}
