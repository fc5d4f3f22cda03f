//! The native door: one task for each connection, from its handshake to its close.
//!
//! The wire is `protocol/docs/play.md`.

mod entry;
mod farewell;
mod identify;

use super::Entrance;
use super::address::Address;
use super::visit::Visit;
use super::visitor::Visitor;
use crate::net::frame;
use crate::net::outbox::{Frame, Lane, Outbox};
use crate::net::socket::{Incoming, Socket};
use crate::net::upgrade::Upgraded;
use crate::session::SessionEvent;
use crate::telemetry;
use farewell::{End, Farewell, farewell, leaving, no_room, parting, unexpected};
use metrics::counter;
use roost_protocol::play::{self, FrameError, PlaySession, Said, Verdict, close};
use roost_room::{ConnectionId, Packet, Parting, Pushed, ResumePoint, Route};
use std::net::IpAddr;
use std::sync::Arc;

/// The native door.
pub struct PlayDoor {
    entrance: Arc<Entrance>,
}

/// One connection.
struct Session {
    /// Where its client is.
    client: IpAddr,
    socket: Socket,
    outbox: Outbox,
    frames: PlaySession,
    /// JSON object for the rules of the rooms it asks to enter.
    options: String,
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

impl PlayDoor {
    pub(super) fn new(entrance: Arc<Entrance>) -> Self {
        Self { entrance }
    }

    pub(super) async fn open(&self, upgraded: Upgraded) {
        let client = upgraded.client.address;
        let (socket, outbox, request, permits) =
            upgraded.into_socket(Arc::clone(&self.entrance.sockets), &self.entrance.flusher);
        let address = Address::parse(request.uri.path(), request.uri.query().unwrap_or_default());
        // Headers are memory, and a connection may last for days.
        drop(request);
        let mut session = Session {
            client,
            socket,
            outbox,
            frames: PlaySession::default(),
            options: "{}".to_owned(),
            waiting: None,
            entrance: Arc::clone(&self.entrance),
        };
        let end = match address {
            Ok(address) => session.run(address).await,
            Err(error) => Farewell::new(close::BAD_REQUEST, error.to_string()).into(),
        };
        if let End::Said(farewell) = end {
            session.say(farewell);
        }
        // What waits is still written, and the close frame, whoever closes.
        Box::pin(session.socket.finish()).await;
        drop(permits);
    }
}

impl Session {
    async fn run(&mut self, address: Address) -> End {
        let resume = address.resume.map(|(incarnation, number)| ResumePoint {
            incarnation,
            number,
        });
        let mut visitor = match self.identify(&address) {
            Ok(visitor) => visitor,
            Err(farewell) => return farewell.into(),
        };
        if let Some(options) = address.options {
            self.options = options;
        }
        // In boxes: an idle connection does not keep room for what it does once.
        match Box::pin(self.enter(&mut visitor, address.room, resume)).await {
            Ok(visit) => self.stay(&mut visitor, visit).await,
            Err(end) => end,
        }
    }

    /// Be in rooms until one side has enough.
    async fn stay(&mut self, visitor: &mut Visitor, visit: Visit) -> End {
        let mut visit = visit;
        loop {
            let Some(connection) = visit.taken() else {
                // Nobody stays without a place.
                return no_room().into();
            };
            let end = match self.turn(&visit, connection).await {
                Turn::Event(SessionEvent::Moving { room, on_arrival }) => {
                    match Box::pin(self.move_to(visitor, visit, room, on_arrival)).await {
                        Ok(other) => visit = other,
                        Err(end) => return end,
                    }
                    None
                }
                Turn::Event(event) => self.act_on(event),
                Turn::Heard(said) => self.take_in(&visit, connection, said),
                Turn::Taken => None,
                Turn::Closed(parting) => {
                    visit.leave(parting);
                    return End::Lost;
                }
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// Wait for whatever comes first. What the room says goes before what the client says.
    async fn turn(&mut self, visit: &Visit, connection: ConnectionId) -> Turn {
        if let Some(said) = self.waiting.take() {
            let turn = tokio::select! {
                biased;
                event = visit.inbox.next() => Turn::Event(event),
                () = visit.room.say_when_possible(connection, &said.topic, &said.payload) => return Turn::Taken,
                () = self.socket.drive() => Turn::Taken,
            };
            if matches!(turn, Turn::Event(_)) {
                self.waiting = Some(said);
            }
            return turn;
        }
        tokio::select! {
            biased;
            event = visit.inbox.next() => Turn::Event(event),
            incoming = self.socket.next() => match incoming {
                Some(Incoming::Text(text)) => Turn::Heard(PlaySession::text(&text, visit.room.program().manifest())),
                Some(Incoming::Binary(bytes)) => {
                    Turn::Heard(PlaySession::binary(&bytes, visit.room.program().manifest()))
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
            SessionEvent::Leaving => Some(leaving().into()),
            SessionEvent::Gone(_) => Some(unexpected(&event).into()),
            SessionEvent::Moving { .. }
            | SessionEvent::Answer(_)
            | SessionEvent::Attached { .. } => None,
        }
    }

    /// Hand on what the client said, or tell what is wrong with it.
    fn take_in(
        &mut self,
        visit: &Visit,
        connection: ConnectionId,
        said: Result<Said, FrameError>,
    ) -> Option<End> {
        let said = match said {
            Ok(said) => said,
            Err(error) => return self.bad_frame(&error),
        };
        let room = &visit.room;
        let pushed = room.say(connection, &said.topic, &said.payload, said.intake);
        if pushed == Pushed::Full {
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

    fn say(&self, farewell: Farewell) {
        if let Some(frame) = farewell.frame {
            self.push(&frame);
        }
        self.outbox.close(farewell.code, &farewell.reason);
    }
}
