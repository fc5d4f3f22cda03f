//! How a session ends, and what its client is told.

use crate::net::socket::{Cause, Closed};
use crate::registry::RoomError;
use crate::session::SessionEvent;
use roost_protocol::play::{self, close};
use roost_room::{Closing, Parting, RefusalReason};

/// What clients are told of a room that stopped: why, is for the operator's log alone.
const STOPPED: &str = "the room cannot go on";

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
    /// By the client, because it is too slow, or because the line broke: its socket knows which, and what to say.
    Lost,
}

impl From<Farewell> for End {
    fn from(farewell: Farewell) -> Self {
        Self::Said(farewell)
    }
}

impl From<RoomError> for End {
    fn from(error: RoomError) -> Self {
        let code = match error {
            RoomError::ShuttingDown => return leaving().into(),
            RoomError::TooMany | RoomError::TooManyOfOne => close::TRY_LATER,
            // The address was checked: the rules named it.
            RoomError::BadId => return stopped().into(),
        };
        Farewell::new(code, error.to_string()).into()
    }
}

/// The server is going down.
pub(super) fn leaving() -> Farewell {
    Farewell::new(close::GOING_AWAY, "the server is going down")
}

fn stopped() -> Farewell {
    Farewell::new(close::STOPPED, STOPPED).with(play::error("stopped", STOPPED))
}

/// No room took it, and none said why.
pub(super) fn no_room() -> Farewell {
    Farewell::new(close::TRY_LATER, "the room is going")
}

pub(super) fn refused(reason: RefusalReason, text: &str) -> Farewell {
    Farewell::new(close::REFUSED, text).with(play::refused(reason, text))
}

pub(super) fn unexpected(event: &SessionEvent) -> Farewell {
    match event {
        SessionEvent::Leaving => leaving(),
        SessionEvent::Gone(_) => stopped(),
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
        // The text is the fault or the store's error.
        Closing::Stopped(_) => stopped(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::GoneReason;

    fn code(end: End) -> u16 {
        match end {
            End::Said(farewell) => {
                assert!(!farewell.reason.contains("sled"), "{}", farewell.reason);
                farewell.code
            }
            End::Lost => 0,
        }
    }

    #[test]
    fn codes_are_those_of_the_protocol() {
        let secret = || "IO error in sled".to_owned();
        let events = [
            (SessionEvent::Leaving, 1001),
            (SessionEvent::Gone(GoneReason::Broken), 1011),
            (SessionEvent::Gone(GoneReason::Over), 1011),
            (SessionEvent::Closed(Closing::Stopped(secret())), 1011),
            (
                SessionEvent::Closed(Closing::Ended("over".to_owned())),
                4410,
            ),
            (
                SessionEvent::Closed(Closing::Kicked("out".to_owned())),
                4403,
            ),
            (SessionEvent::Closed(Closing::Faulted), 4403),
            (SessionEvent::Rejected, 1011),
        ];
        for (event, expected) in events {
            assert_eq!(code(unexpected(&event).into()), expected, "{event:?}");
        }
        let errors = [
            (RoomError::ShuttingDown, 1001),
            (RoomError::TooMany, 1013),
            (RoomError::TooManyOfOne, 1013),
            (RoomError::BadId, 1011),
        ];
        for (error, expected) in errors {
            assert_eq!(code(error.into()), expected);
        }
    }
}
