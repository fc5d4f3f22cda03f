//! The native door: one task for each connection, from its handshake to its close.
//!
//! The wire is `protocol/docs/play.md`.

use super::Entrance;
use super::address::Address;
use super::identity::IdentityError;
use crate::actor::RoomHandle;
use crate::fanout::{Dialect, Outlet, Sink};
use crate::kinds::Kind;
use crate::net::frame;
use crate::net::outbox::{Frame, Lane, Outbox};
use crate::net::socket::{Cause, Closed, Incoming, Socket};
use crate::net::upgrade::Upgraded;
use crate::session::{SessionEvent, SessionInbox};
use crate::telemetry;
use metrics::counter;
use roost_protocol::play::{self, FrameError, PlaySession, Said, Verdict, close};
use roost_room::{
    Answer, Closing, ConnectionId, Identity, Knock, Packet, Parting, Profile, Pushed,
    RefusalReason, ResumePoint, Route, SessionId, UserId,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Rooms a connection may be sent on to before it is turned away.
const MOST_REDIRECTS: usize = 64;

/// The native door.
pub struct PlayDoor {
    entrance: Arc<Entrance>,
}

/// Why a connection ends: what its client is told.
struct Farewell {
    code: u16,
    reason: String,
    frame: Option<Vec<u8>>,
}

impl Farewell {
    fn new(code: u16, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
            frame: None,
        }
    }

    fn with(self, frame: Vec<u8>) -> Self {
        Self {
            frame: Some(frame),
            ..self
        }
    }
}

/// How a session ends.
enum End {
    /// By us.
    Said(Farewell),
    /// By the client, or the line broke.
    Lost,
}

impl From<Farewell> for End {
    fn from(farewell: Farewell) -> Self {
        Self::Said(farewell)
    }
}

/// Who came, once that is known.
struct Visitor {
    kind: Arc<Kind>,
    identity: Identity,
    options: String,
    token: Option<Arc<str>>,
}

/// A seat in a room.
struct Seat {
    room: RoomHandle,
    connection: ConnectionId,
}

/// A place in a room that somebody moves to.
enum Place {
    /// To be confirmed.
    Kept(ConnectionId),
    /// Its user is a member there already.
    Taken(ConnectionId),
}

/// One connection.
struct Session {
    id: SessionId,
    socket: Socket,
    outbox: Outbox,
    inbox: Arc<SessionInbox>,
    frames: PlaySession,
    /// Said by the client, but there was no place in its room yet: it is not read meanwhile.
    waiting: Option<Said>,
    entrance: Arc<Entrance>,
}

/// What a session has to deal with next.
enum Turn {
    Event(SessionEvent),
    Heard(Result<Said, FrameError>),
    /// What waited has been taken by the room.
    Taken,
    Closed(Parting),
}

fn next_session() -> SessionId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    SessionId(NEXT.fetch_add(1, Ordering::Relaxed))
}

impl PlayDoor {
    pub(super) fn new(entrance: Arc<Entrance>) -> Self {
        Self { entrance }
    }

    pub(super) async fn open(&self, upgraded: Upgraded) {
        let (socket, outbox, request, permits) =
            upgraded.into_socket(Arc::clone(&self.entrance.sockets));
        let address = Address::parse(request.uri.path(), request.uri.query().unwrap_or_default());
        // Headers are memory, and a connection may last for days.
        drop(request);
        let mut session = Session {
            id: next_session(),
            socket,
            outbox,
            inbox: Arc::new(SessionInbox::default()),
            frames: PlaySession::default(),
            waiting: None,
            entrance: Arc::clone(&self.entrance),
        };
        let end = match address {
            Ok(address) => session.run(address).await,
            Err(error) => Farewell::new(close::BAD_REQUEST, error.to_string()).into(),
        };
        if let End::Said(farewell) = end {
            session.say_farewell(farewell).await;
        }
        drop(permits);
    }
}

impl Session {
    async fn run(&mut self, address: Address) -> End {
        let room = address.room.clone();
        let resume = address.resume.map(|(incarnation, number)| ResumePoint {
            incarnation,
            number,
        });
        let visitor = match self.identify(address).await {
            Ok(visitor) => visitor,
            Err(farewell) => return farewell.into(),
        };
        match self.enter(&visitor, room, resume).await {
            Ok(seat) => self.stay(&visitor, seat).await,
            Err(end) => end,
        }
    }

    /// Who it is, and whether such rooms exist.
    async fn identify(&self, address: Address) -> Result<Visitor, Farewell> {
        let unknown = || {
            Farewell::new(
                close::NO_KIND,
                format!("there is no kind {:?} here", short(&address.kind)),
            )
        };
        let kind = Arc::clone(self.entrance.kinds.get(&address.kind).ok_or_else(unknown)?);
        let keys = &self.entrance.keys;
        let (user, name, color, claims, token) = match &address.token {
            Some(token) => {
                let grant = keys
                    .check(token, &address.kind, &address.room)
                    .map_err(bad_token)?;
                (grant.user, grant.name, grant.color, grant.claims, None)
            }
            None if !self.entrance.anonymous => return Err(bad_token(IdentityError::Missing)),
            None => {
                let (user, token) = keys.anonymous(&address.kind);
                let user = user.ok_or_else(|| bad_token(IdentityError::Missing))?;
                (user, None, None, "{}".to_owned(), token)
            }
        };
        let wished = wished_profile(&user, name.or(address.name), color.or(address.color));
        let profile = self.profile(&kind, &user).await?.unwrap_or(wished);
        let identity = Identity {
            user,
            profile,
            claims,
            verified: true,
        };
        Ok(Visitor {
            kind,
            identity,
            options: address.options.unwrap_or_else(|| "{}".to_owned()),
            token,
        })
    }

    /// What the lobby keeps of a user. The store is not read on the runtime's own threads.
    async fn profile(&self, kind: &Arc<Kind>, user: &UserId) -> Result<Option<Profile>, Farewell> {
        let (lobby, user) = (Arc::clone(kind.lobby()), user.clone());
        let read = tokio::task::spawn_blocking(move || lobby.profile(&user)).await;
        match read {
            Ok(Ok(profile)) => Ok(profile),
            Ok(Err(error)) => Err(Farewell::new(close::STOPPED, error.to_string())),
            Err(error) => Err(Farewell::new(close::STOPPED, error.to_string())),
        }
    }

    /// Ask to enter a room, or the one it points to.
    async fn enter(
        &mut self,
        visitor: &Visitor,
        room: String,
        resume: Option<ResumePoint>,
    ) -> Result<Seat, End> {
        let mut room = room;
        for _ in 0..MOST_REDIRECTS {
            let handle = self.knock(visitor, &room, resume, None).await?;
            match self.answer(&handle).await? {
                SessionEvent::Attached { connection, .. } => {
                    return Ok(Seat {
                        room: handle,
                        connection,
                    });
                }
                SessionEvent::Answer(Answer::Redirected {
                    room: other,
                    notice,
                }) => {
                    self.push(&play::moving(&other, &notice));
                    room = other;
                }
                SessionEvent::Answer(Answer::Refused { reason, text }) => {
                    return Err(refused(reason, &text).into());
                }
                other => return Err(unexpected(&other).into()),
            }
        }
        Err(Farewell::new(close::REFUSED, "sent on from room to room").into())
    }

    /// Ask, without waiting for the answer. A room that has just gone is opened anew.
    async fn knock(
        &mut self,
        visitor: &Visitor,
        room: &str,
        resume: Option<ResumePoint>,
        leaving: Option<&Seat>,
    ) -> Result<RoomHandle, End> {
        loop {
            let handle = self
                .entrance
                .registry
                .room(&visitor.kind, room)
                .map_err(|error| Farewell::new(close::TRY_LATER, error.to_string()))?;
            let knock = Knock {
                session: self.id,
                who: visitor.identity.clone(),
                options: visitor.options.clone(),
                leaving: leaving.map(|seat| seat.room.id().to_string()),
                resume,
                at_once: leaving.is_none(),
            };
            let outlet = Outlet {
                session: self.id,
                user: visitor.identity.user.clone(),
                sink: Sink::Socket {
                    outbox: self.outbox.clone(),
                    dialect: Dialect::Play,
                },
                inbox: Arc::clone(&self.inbox),
                token: visitor.token.clone(),
            };
            let asked = tokio::select! {
                asked = handle.knock(knock, outlet) => asked,
                () = self.socket.drive() => return Err(End::Lost),
            };
            if asked.is_ok() {
                return Ok(handle);
            }
            // The room takes itself off the list before it closes its door, so the next look finds another.
            tokio::task::yield_now().await;
        }
    }

    /// The room's answer, while what the client says waits in its socket.
    async fn answer(&mut self, room: &RoomHandle) -> Result<SessionEvent, End> {
        tokio::select! {
            event = self.inbox.next() => Ok(event),
            () = self.socket.drive() => {
                room.withdraw(self.id, Parting::Lost);
                Err(End::Lost)
            }
        }
    }

    /// Be in rooms until one side has enough.
    async fn stay(&mut self, visitor: &Visitor, seat: Seat) -> End {
        let mut seat = seat;
        loop {
            let end = match self.turn(&seat).await {
                Turn::Event(SessionEvent::Moving { room, on_arrival }) => {
                    match self.move_to(visitor, seat, room, on_arrival).await {
                        Ok(other) => seat = other,
                        Err(end) => return end,
                    }
                    None
                }
                Turn::Event(event) => self.act_on(event),
                Turn::Heard(said) => self.take_in(&seat, said),
                Turn::Taken => None,
                Turn::Closed(parting) => {
                    seat.room.detach(seat.connection, parting);
                    while self.socket.next().await.is_some() {}
                    return End::Lost;
                }
            };
            if let Some(end) = end {
                // The kernel ignores the end of a connection that it has ended itself.
                seat.room.detach(seat.connection, Parting::Lost);
                return end;
            }
        }
    }

    /// Wait for whatever comes first. What the room says goes before what the client says.
    async fn turn(&mut self, seat: &Seat) -> Turn {
        if let Some(said) = self.waiting.take() {
            let turn = tokio::select! {
                biased;
                event = self.inbox.next() => Turn::Event(event),
                () = seat.room.say_when_possible(seat.connection, &said.topic, &said.payload) => return Turn::Taken,
                () = self.socket.drive() => Turn::Taken,
            };
            if matches!(turn, Turn::Event(_)) {
                self.waiting = Some(said);
            }
            return turn;
        }
        tokio::select! {
            biased;
            event = self.inbox.next() => Turn::Event(event),
            incoming = self.socket.next() => match incoming {
                Some(Incoming::Text(text)) => Turn::Heard(PlaySession::text(&text, seat.room.program().manifest())),
                Some(Incoming::Binary(bytes)) => {
                    Turn::Heard(PlaySession::binary(&bytes, seat.room.program().manifest()))
                }
                Some(Incoming::Closed(closed)) => Turn::Closed(parting(&closed)),
                None => Turn::Closed(Parting::Lost),
            },
        }
    }

    fn act_on(&self, event: SessionEvent) -> Option<End> {
        match event {
            SessionEvent::Rejected => {
                self.push(&play::fault());
                None
            }
            SessionEvent::Closed(closing) => Some(farewell(closing).into()),
            SessionEvent::Leaving => {
                Some(Farewell::new(close::GOING_AWAY, "the server is going down").into())
            }
            SessionEvent::Moving { .. }
            | SessionEvent::Answer(_)
            | SessionEvent::Attached { .. } => None,
        }
    }

    /// Hand on what the client said, or tell what is wrong with it.
    fn take_in(&mut self, seat: &Seat, said: Result<Said, FrameError>) -> Option<End> {
        let said = match said {
            Ok(said) => said,
            Err(error) => return self.bad_frame(&error),
        };
        if seat
            .room
            .say(seat.connection, &said.topic, &said.payload, said.intake)
            == Pushed::Full
        {
            self.waiting = Some(said);
        }
        None
    }

    fn bad_frame(&mut self, error: &FrameError) -> Option<End> {
        counter!(telemetry::BAD_FRAMES, "code" => error.code()).increment(1);
        self.push(&play::error(error.code(), &error.to_string()));
        let now = u64::try_from(self.entrance.registry.host().clock.now().mono.as_millis())
            .unwrap_or(u64::MAX);
        match self.frames.bad_frame(now) {
            Verdict::Tell => None,
            Verdict::Close => Some(Farewell::new(close::POLICY, "too many bad frames").into()),
        }
    }

    /// Ask there, leave here, join there; then what it is told on arrival. It leaves in any case.
    async fn move_to(
        &mut self,
        visitor: &Visitor,
        from: Seat,
        room: String,
        on_arrival: Vec<Packet>,
    ) -> Result<Seat, End> {
        self.push(&play::moving(&room, ""));
        let asked = self.ask_elsewhere(visitor, &from, room).await;
        from.room.detach(from.connection, Parting::Moved);
        let (room, asked) = asked?;
        let connection = match asked {
            Place::Taken(connection) => connection,
            Place::Kept(connection) => {
                room.confirm(connection);
                match self.answer(&room).await? {
                    SessionEvent::Attached { connection, .. } => connection,
                    SessionEvent::Answer(Answer::Refused { reason, text }) => {
                        return Err(refused(reason, &text).into());
                    }
                    other => return Err(unexpected(&other).into()),
                }
            }
        };
        on_arrival
            .into_iter()
            .for_each(|packet| self.push_packet(packet));
        Ok(Seat { room, connection })
    }

    async fn ask_elsewhere(
        &mut self,
        visitor: &Visitor,
        from: &Seat,
        room: String,
    ) -> Result<(RoomHandle, Place), End> {
        let mut room = room;
        for _ in 0..MOST_REDIRECTS {
            let handle = self.knock(visitor, &room, None, Some(from)).await?;
            match self.answer(&handle).await? {
                SessionEvent::Answer(Answer::Admitted { connection }) => {
                    return Ok((handle, Place::Kept(connection)));
                }
                SessionEvent::Attached { connection, .. } => {
                    return Ok((handle, Place::Taken(connection)));
                }
                SessionEvent::Answer(Answer::Redirected { room: other, .. }) => room = other,
                SessionEvent::Answer(Answer::Refused { reason, text }) => {
                    return Err(refused(reason, &text).into());
                }
                other => return Err(unexpected(&other).into()),
            }
        }
        Err(Farewell::new(close::REFUSED, "sent on from room to room").into())
    }

    fn push_packet(&self, packet: Packet) {
        let outgoing = roost_room::Outgoing {
            to: roost_room::Recipients::All,
            topic: packet.topic,
            payload: packet.payload,
            route: Route::Unreliable,
            speaker: None,
        };
        let bytes = match play::delivery(&outgoing) {
            (payload, true) => frame::binary_frame(&payload),
            (payload, false) => frame::text_frame(&payload),
        };
        self.outbox.push(Frame {
            bytes,
            lane: Lane::Reliable,
            urgent: true,
        });
    }

    fn push(&self, payload: &[u8]) {
        self.outbox.push(Frame::urgent(frame::text_frame(payload)));
    }

    async fn say_farewell(self, farewell: Farewell) {
        if let Some(frame) = farewell.frame {
            self.push(&frame);
        }
        self.outbox.close(farewell.code, &farewell.reason);
        self.socket.finish().await;
    }
}

fn wished_profile(user: &UserId, name: Option<String>, color: Option<u32>) -> Profile {
    Profile {
        name: name.unwrap_or_else(|| user.subject().to_owned()),
        color: color.unwrap_or(0x77_77_77),
    }
}

fn bad_token(error: IdentityError) -> Farewell {
    Farewell::new(close::BAD_TOKEN, error.to_string())
}

fn refused(reason: RefusalReason, text: &str) -> Farewell {
    Farewell::new(close::REFUSED, text).with(play::refused(reason, text))
}

fn unexpected(event: &SessionEvent) -> Farewell {
    match event {
        SessionEvent::Leaving => Farewell::new(close::GOING_AWAY, "the server is going down"),
        SessionEvent::Closed(closing) => farewell(closing.clone()),
        _ => Farewell::new(close::STOPPED, "the room gave an answer out of turn"),
    }
}

fn farewell(closing: Closing) -> Farewell {
    match closing {
        Closing::Kicked(text) => {
            let frame = play::refused(RefusalReason::Forbidden, &text);
            Farewell::new(close::REFUSED, text).with(frame)
        }
        Closing::Faulted => {
            Farewell::new(close::REFUSED, "your messages made the rules fail").with(play::fault())
        }
        Closing::Ended(text) => {
            let frame = play::ended(&text);
            Farewell::new(close::ENDED, text).with(frame)
        }
        Closing::Stopped(text) => {
            let frame = play::error("stopped", &text);
            Farewell::new(close::STOPPED, text).with(frame)
        }
    }
}

/// Whether the client said good-bye, or may come back.
fn parting(closed: &Closed) -> Parting {
    if closed.cause == Cause::Peer && closed.code == 1000 {
        Parting::Closed
    } else {
        Parting::Lost
    }
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}
