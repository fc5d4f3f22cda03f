//! How a session ends, and what its client is told.

use crate::net::socket::{Cause, Closed};
use crate::session::SessionEvent;
use roost_protocol::mpp::{Violation, close};
use roost_room::{Closing, Parting};

/// Why a connection ends: what its client is told.
pub(super) struct Farewell {
    pub(super) code: u16,
    pub(super) reason: String,
}

impl Farewell {
    pub(super) fn new(code: u16, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }

    /// The server is going down.
    pub(super) fn leaving() -> Self {
        Self::new(close::GOING_AWAY, "the server is going down")
    }
}

/// How a session ends.
pub(super) enum End {
    /// By us.
    Said(Farewell),
    /// By the client, because it is too slow, or because the line broke: its socket knows which, and what to say.
    Lost,
}

impl From<Farewell> for End {
    fn from(farewell: Farewell) -> Self {
        Self::Said(farewell)
    }
}

/// What a room says that has done with the connection. Why a room stopped is for the operator's log alone.
pub(super) fn ended(event: &SessionEvent) -> Farewell {
    match event {
        SessionEvent::Leaving => Farewell::leaving(),
        SessionEvent::Closed(Closing::Kicked(text)) => Farewell::new(close::REFUSED, text),
        SessionEvent::Closed(Closing::Faulted) => {
            Farewell::new(close::REFUSED, "your messages made the rules fail")
        }
        _ => Farewell::new(close::STOPPED, "the room cannot go on"),
    }
}

/// What it is counted as.
pub(super) fn violated(violation: Violation) -> &'static str {
    match violation {
        Violation::Garbage => "bad_frame",
        Violation::Bytes => "too_many_bytes",
        Violation::Messages => "too_many_messages",
    }
}

/// Browsers and bots come back without a word when a line breaks; to the rules both are the same.
pub(super) fn parting(closed: &Closed) -> Parting {
    if closed.cause == Cause::Peer {
        Parting::Closed
    } else {
        Parting::Lost
    }
}
