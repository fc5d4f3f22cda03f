//! Being in a room, or wanting to be; the same for every door that leads to rooms.

use crate::actor::RoomHandle;
use crate::session::{GoneReason, SessionEvent, SessionInbox};
use roost_room::{Answer, ConnectionId, Parting, RefusalReason, SessionId};
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

/// What a room says to a knock.
pub(super) enum Reply {
    /// A place is kept, to be confirmed.
    Kept,
    /// It is in.
    In,
    /// Another room should be asked.
    Elsewhere {
        /// Which, of the same kind.
        room: String,
        /// For the user's eyes, empty for none.
        notice: String,
    },
    /// The rules do not let it in.
    Refused {
        /// Why, for dialects with codes.
        reason: RefusalReason,
        /// For the user's eyes.
        text: String,
    },
    /// The room is over; another of its name can be asked.
    Over,
    /// Something that is no answer.
    Unexpected(SessionEvent),
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

    /// The room's answer to a knock, or to the confirmation that follows. May be dropped and called again.
    pub(super) async fn reply(&mut self) -> Reply {
        match self.inbox.next().await {
            SessionEvent::Attached { connection, .. } => {
                self.place = Place::Taken(connection);
                Reply::In
            }
            SessionEvent::Answer(Answer::Admitted { connection }) => {
                self.place = Place::Kept(connection);
                Reply::Kept
            }
            SessionEvent::Answer(Answer::Redirected { room, notice }) => {
                self.place = Place::None;
                Reply::Elsewhere { room, notice }
            }
            SessionEvent::Answer(Answer::Refused { reason, text }) => {
                self.place = Place::None;
                Reply::Refused { reason, text }
            }
            SessionEvent::Answer(Answer::Over) | SessionEvent::Gone(GoneReason::Over) => {
                self.place = Place::None;
                Reply::Over
            }
            other => Reply::Unexpected(other),
        }
    }

    /// The room has been asked.
    pub(super) fn asked(&mut self) {
        self.place = Place::Asked;
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
