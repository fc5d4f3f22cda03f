//! How a session ends, and what its client is told.

use crate::net::socket::{Cause, Closed};
use crate::session::SessionEvent;
use roost_protocol::play::{self, close};
use roost_room::{Closing, Parting, RefusalReason};

/// Why a connection ends: what its client is told.
pub(super) struct Farewell {
    pub(super) code: u16,
    pub(super) reason: String,
    pub(super) frame: Option<Vec<u8>>,
}

impl Farewell {
    pub(super) fn new(code: u16, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
            frame: None,
        }
    }

    pub(super) fn with(self, frame: Vec<u8>) -> Self {
        Self {
            frame: Some(frame),
            ..self
        }
    }
}

/// How a session ends.
pub(super) enum End {
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
pub(super) fn refused(reason: RefusalReason, text: &str) -> Farewell {
    Farewell::new(close::REFUSED, text).with(play::refused(reason, text))
}

pub(super) fn unexpected(event: &SessionEvent) -> Farewell {
    match event {
        SessionEvent::Leaving => Farewell::new(close::GOING_AWAY, "the server is going down"),
        SessionEvent::Closed(closing) => farewell(closing.clone()),
        _ => Farewell::new(close::STOPPED, "the room gave an answer out of turn"),
    }
}

pub(super) fn farewell(closing: Closing) -> Farewell {
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

/// Whether the client said good-bye, or may come back. A close without a code is a good-bye, too: it is what
/// `close()` sends in a browser.
pub(super) fn parting(closed: &Closed) -> Parting {
    let good_bye = matches!(closed.code, 1000 | 1005);
    if closed.cause == Cause::Peer && good_bye {
        Parting::Closed
    } else {
        Parting::Lost
    }
}
