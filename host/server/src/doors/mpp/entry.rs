//! Coming in, and going from room to room.

use super::Session;
use super::farewell::{End, Farewell, ended};
use crate::doors::visit::{Reply, Visit};
use crate::doors::visitor::{KnockError, LookupError, Request};
use crate::fanout::Dialect;
use crate::lobby::BANNED;
use crate::net::outbox::Frame;
use crate::registry::RoomError;
use roost_protocol::mpp::{self, AWKWARD, close};
use roost_room::{Outgoing, Packet, Parting, Recipients, Route, Topic};
use std::time::Duration;

/// Rooms a connection may be sent on to before it stays where it is.
const MOST_REDIRECTS: usize = 64;

/// How long a room that is over may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a knock came to nothing.
enum Failure {
    Lookup(LookupError),
    Knock(KnockError),
}

/// Where the search for a room has led.
enum Found {
    /// There.
    Room(Visit),
    /// Nowhere: the client stays where it is.
    Stay,
}

impl Session {
    /// The client wants to be in a room. It stays where it is if it may not.
    pub(super) async fn enter(&mut self, room: String, set: String) -> Result<(), End> {
        if self.person.is_none() {
            return Ok(());
        }
        if self.is_in(&room) {
            // The rules show the room again, to this connection.
            self.show_again();
            return Ok(());
        }
        match self.seek(room, &set, false).await? {
            Found::Room(visit) => self.settle(visit, Vec::new()).await,
            Found::Stay => Ok(()),
        }
    }

    /// The rules send it elsewhere: it leaves in any case.
    pub(super) async fn move_to(
        &mut self,
        room: String,
        on_arrival: Vec<Packet>,
    ) -> Result<(), End> {
        match self.seek(room, "{}", true).await? {
            Found::Room(visit) => self.settle(visit, on_arrival).await,
            Found::Stay => Err(Farewell::new(close::REFUSED, "no room is open to you").into()),
        }
    }

    fn is_in(&self, room: &str) -> bool {
        self.visit
            .as_ref()
            .is_some_and(|visit| **visit.room.id() == *room)
    }

    fn show_again(&self) {
        let place = self
            .visit
            .as_ref()
            .and_then(|visit| Some((&visit.room, visit.taken()?)));
        if let Some((room, connection)) = place
            && let Some(spec) = room.program().manifest().topic("ch")
        {
            let payload = roost_room::Payload::Json(roost_room::Json::new("{}".to_owned()));
            // Too busy a room shows itself when it is asked again.
            let _ = room.say(
                connection,
                &spec.name,
                &payload,
                roost_room::Intake::Reliable,
            );
        }
    }

    /// Ask room after room until one keeps a place or lets it in. `leaves` is whether it cannot stay where it is.
    async fn seek(&mut self, room: String, set: &str, leaves: bool) -> Result<Found, End> {
        let mut room = room;
        for _ in 0..MOST_REDIRECTS {
            let mut visit = match self.knock(&room, set).await? {
                Some(visit) => visit,
                None => return Ok(Found::Stay),
            };
            match self.reply(&mut visit).await? {
                Reply::Kept | Reply::In => return Ok(Found::Room(visit)),
                Reply::Elsewhere {
                    room: other,
                    notice,
                } => {
                    self.notify(&notice);
                    if !leaves && self.is_in(&other) {
                        return Ok(Found::Stay);
                    }
                    room = other;
                }
                Reply::Refused { text, .. } => {
                    self.notify(&text);
                    if room == AWKWARD || (!leaves && self.visit.is_some()) {
                        return Ok(Found::Stay);
                    }
                    AWKWARD.clone_into(&mut room);
                }
                Reply::Over => self.wait_for_end(&visit).await?,
                Reply::Unexpected(event) => return Err(ended(&event).into()),
            }
        }
        Ok(Found::Stay)
    }

    /// A room that is over cannot be opened anew before it has left the list.
    async fn wait_for_end(&mut self, visit: &Visit) -> Result<(), End> {
        let left = self.door.entrance.registry.left(&visit.room);
        tokio::select! {
            _ = tokio::time::timeout(PATIENCE, left) => Ok(()),
            () = self.socket.drive() => Err(End::Lost),
        }
    }

    /// Leave the old room, take the place in the new one, and hear what was to be told there.
    async fn settle(&mut self, visit: Visit, on_arrival: Vec<Packet>) -> Result<(), End> {
        let mut visit = visit;
        if let Some(old) = self.visit.take() {
            old.leave(Parting::Moved);
        }
        if let Some(connection) = visit.kept() {
            visit.room.confirm(connection);
            match self.reply(&mut visit).await? {
                Reply::In => {}
                Reply::Unexpected(event) => return Err(ended(&event).into()),
                _ => return Err(Farewell::new(close::STOPPED, "the room is going").into()),
            }
        }
        let Some(person) = &mut self.person else {
            return Ok(());
        };
        let introduced = tokio::select! {
            introduced = person.visitor.introduce(&self.door.entrance, &visit) => introduced,
            () = self.socket.drive() => return Err(End::Lost),
        };
        self.visit = Some(visit);
        introduced.map_err(|error| self.unreadable(&error))?;
        for packet in on_arrival {
            self.push_packet(packet.topic, packet.payload);
        }
        Ok(())
    }

    fn push_packet(&self, topic: Topic, payload: roost_room::Payload) {
        let outgoing = Outgoing {
            to: Recipients::All,
            topic,
            payload,
            route: Route::Unreliable,
            speaker: None,
        };
        if let Some(element) = mpp::delivery(&outgoing) {
            self.outbox.push(Frame::urgent(element.into()));
        }
    }

    /// `None`: there can be no such room, which the client has been told.
    async fn knock(&mut self, room: &str, set: &str) -> Result<Option<Visit>, End> {
        let Some(person) = &mut self.person else {
            return Ok(None);
        };
        let options = mpp::entry_options(set, person.seat.since, person.vanished);
        let entrance = &self.door.entrance;
        let request = Request {
            room,
            options: &options,
            leaving: self.visit.as_ref(),
            resume: None,
        };
        let asked = async {
            let visitor = &mut person.visitor;
            visitor.look_up(entrance).await.map_err(Failure::Lookup)?;
            let knock = visitor.knock(entrance, &request, &self.outbox, Dialect::Mpp);
            knock.await.map_err(Failure::Knock)
        };
        let asked = tokio::select! {
            asked = asked => asked,
            () = self.socket.drive() => return Err(End::Lost),
        };
        match asked {
            Ok(visit) => Ok(Some(visit)),
            Err(Failure::Knock(KnockError::Room(RoomError::ShuttingDown))) => {
                Err(Farewell::leaving().into())
            }
            Err(Failure::Knock(KnockError::Banned)) => {
                Err(Farewell::new(close::BANNED, BANNED).into())
            }
            Err(Failure::Knock(error)) => {
                self.notify(&error.to_string());
                Ok(None)
            }
            Err(Failure::Lookup(error)) => Err(self.unreadable(&error)),
        }
    }

    /// The room's answer, while what the client says waits in its socket.
    async fn reply(&mut self, visit: &mut Visit) -> Result<Reply, End> {
        tokio::select! {
            reply = visit.reply() => Ok(reply),
            () = self.socket.drive() => Err(End::Lost),
        }
    }

    pub(super) fn unreadable(&self, error: &LookupError) -> End {
        tracing::error!(kind = self.kind.name(), %error, "a profile could not be read");
        Farewell::new(close::STOPPED, "profiles cannot be read at the moment").into()
    }
}
