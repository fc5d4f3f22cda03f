//! What the host hands to a room.

use crate::effect::MediaRight;
use crate::event::{DocOutcome, DocQuestion, EndCause, Parting, Signal};
use crate::identity::{Identity, Profile, UserId};
use crate::ids::{ConnectionId, SessionId};
use crate::manifest::Topic;
use crate::payload::Payload;

/// Up to where a client that comes back has heard the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResumePoint {
    /// Which life of the room numbered it: [`crate::Opening::incarnation`].
    pub incarnation: u64,
    /// The last delivery number that arrived.
    pub number: u64,
}

/// A session asks to enter.
#[derive(Clone, Debug)]
pub struct Knock {
    /// How the answer finds it.
    pub session: SessionId,
    /// Who it speaks for.
    pub who: Identity,
    /// JSON object, at most 4 KiB: what the client asked for.
    pub options: String,
    /// The room of this kind it would leave for this one.
    pub leaving: Option<String>,
    /// Up to where it heard this room before.
    pub resume: Option<ResumePoint>,
    /// Whether it enters as soon as it is admitted, without [`Input::Confirm`].
    pub at_once: bool,
}

/// Something that happened to a room.
#[derive(Clone, Debug)]
pub enum Input {
    /// A session asks to enter. Answered with [`crate::Output::Answer`] or [`crate::Output::Attached`].
    Knock(Knock),
    /// An admitted connection takes its place.
    Confirm {
        /// Which.
        connection: ConnectionId,
    },
    /// A connection that asked is not coming, or an entered one ends. Answered with [`crate::Output::Forgotten`]
    /// or [`crate::Output::Detached`].
    Detach {
        /// Which.
        connection: ConnectionId,
        /// Why.
        reason: Parting,
    },
    /// The same for a session that does not know its connection's number yet.
    Withdraw {
        /// Which.
        session: SessionId,
        /// Why.
        reason: Parting,
    },
    /// A connection said something.
    Message {
        /// Which.
        connection: ConnectionId,
        /// About what.
        topic: Topic,
        /// What.
        payload: Payload,
    },
    /// An operator or an HTTP caller wants something.
    Signal(Signal),
    /// The lobby has made a profile durable.
    Profile {
        /// Whose.
        user: UserId,
        /// The whole profile.
        profile: Profile,
    },
    /// Somebody wants to open a document.
    DocAccess(DocQuestion),
    /// A change of a document is durable, or was refused.
    DocApplied(DocOutcome),
    /// A member wants to send or receive a track.
    MediaAccess(MediaRight),
    /// The host ends the room.
    End(EndCause),
}
