//! The native door: one task for each connection, from its handshake to its close.
//!
//! The wire is `protocol/docs/play.md`.

mod entry;
mod farewell;

use super::Entrance;
use super::address::Address;
use crate::net::frame;
use crate::net::outbox::{Frame, Lane, Outbox};
use crate::net::socket::{Incoming, Socket};
use crate::net::upgrade::Upgraded;
use crate::session::{SessionEvent, SessionInbox};
use crate::telemetry;
use entry::{Seat, Visitor};
use farewell::{End, Farewell, farewell, parting};
use metrics::counter;
use roost_protocol::play::{self, FrameError, PlaySession, Said, Verdict, close};
use roost_room::{Packet, Parting, Pushed, ResumePoint, Route, SessionId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The native door.
pub struct PlayDoor {
    entrance: Arc<Entrance>,
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
            upgraded.into_socket(Arc::clone(&self.entrance.sockets), &self.entrance.flusher);
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
