//! Being in a room, or wanting to be.

use crate::actor::RoomHandle;
use crate::session::SessionInbox;
use roost_room::{ConnectionId, Parting, SessionId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What there is to give back.
enum Place {
    /// Nothing: it was not asked for, or was refused.
    None,
    /// Whatever the room makes of the knock.
    Asked,
    /// A place that is kept until it is confirmed.
    Kept(ConnectionId),
    /// A place taken.
    Taken(ConnectionId),
}

/// One knock at one room, and what came of it. Each has a number and an inbox of its own, so that what one room
/// says is never taken for the word of another. The place is given back when this is dropped, whatever the reason.
pub(super) struct Visit {
    pub(super) room: RoomHandle,
    pub(super) session: SessionId,
    pub(super) inbox: Arc<SessionInbox>,
    place: Place,
    parting: Parting,
}

impl Visit {
    /// Nothing is asked for yet.
    pub(super) fn new(room: RoomHandle) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self {
            room,
            session: SessionId(NEXT.fetch_add(1, Ordering::Relaxed)),
            inbox: Arc::new(SessionInbox::default()),
            place: Place::None,
            parting: Parting::Lost,
        }
    }

    /// The room has been asked.
    pub(super) fn asked(&mut self) {
        self.place = Place::Asked;
    }

    /// The room keeps a place.
    pub(super) fn hold(&mut self, connection: ConnectionId) {
        self.place = Place::Kept(connection);
    }

    /// The room has given the place.
    pub(super) fn enter(&mut self, connection: ConnectionId) {
        self.place = Place::Taken(connection);
    }

    /// The room has answered that there is no place.
    pub(super) fn turned_away(&mut self) {
        self.place = Place::None;
    }

    /// The number of a place that waits to be confirmed.
    pub(super) fn kept(&self) -> Option<ConnectionId> {
        match self.place {
            Place::Kept(connection) => Some(connection),
            Place::None | Place::Asked | Place::Taken(_) => None,
        }
    }

    /// The number of the place that was taken.
    pub(super) fn taken(&self) -> Option<ConnectionId> {
        match self.place {
            Place::Taken(connection) => Some(connection),
            Place::None | Place::Asked | Place::Kept(_) => None,
        }
    }

    /// Leave, for a reason.
    pub(super) fn leave(mut self, parting: Parting) {
        self.parting = parting;
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        // The kernel ignores the end of a connection that it has ended itself, and of a session that it refused.
        match self.place {
            Place::None => {}
            Place::Asked => self.room.withdraw(self.session, self.parting),
            Place::Kept(connection) | Place::Taken(connection) => {
                self.room.detach(connection, self.parting);
            }
        }
    }
}
