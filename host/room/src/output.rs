//! What a room wants done by the host.

use crate::bundle::{Bundle, Called};
use crate::effect::{
    DocChange, Ending, Listing, Packet, Publication, RefusalReason, Right, Subscription,
};
use crate::event::Parting;
use crate::faults::FaultReport;
use crate::identity::{Profile, UserId};
use crate::ids::{ConnectionId, DeliveryNumber, MemberId, SessionId, Ticket};
use crate::manifest::Topic;
use crate::opening::StopReason;
use crate::payload::Payload;
use bytes::Bytes;

/// The answer to a session that asked to enter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It may take its place with [`crate::Input::Confirm`] within five seconds.
    Admitted {
        /// The number of its connection here.
        connection: ConnectionId,
    },
    /// It may not.
    Refused {
        /// Why, for dialects with codes.
        reason: RefusalReason,
        /// For the user's eyes.
        text: String,
    },
    /// It should ask there.
    Redirected {
        /// Another room of the kind.
        room: String,
        /// For the user's eyes, empty for none.
        notice: String,
    },
    /// The room is over; another may be opened under its name.
    Over,
}

/// Why the host should end a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Kicked by the rules, or by an operator.
    Kicked(String),
    /// Removed after repeated faults.
    Faulted,
    /// The room has ended.
    Ended(String),
    /// The room has stopped.
    Stopped(String),
}

/// In whose name a delivery goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// The slot, when it is a member.
    pub member: Option<MemberId>,
    /// The user.
    pub user: UserId,
}

/// Which attached connections a delivery is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// All.
    All,
    /// All but one.
    But(ConnectionId),
    /// All but these.
    ButThese(Vec<ConnectionId>),
    /// These.
    These(Vec<ConnectionId>),
}

/// How a delivery travels, once the room has numbered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// In order and complete.
    Reliable(DeliveryNumber),
    /// May be lost or overtaken.
    Unreliable,
    /// Replaces one of the same key that still waits. The key covers topic, audience and the rules' key.
    Latest(u64),
}

/// A delivery on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// For whom.
    pub to: Recipients,
    /// About what.
    pub topic: Topic,
    /// What.
    pub payload: Payload,
    /// How.
    pub route: Route,
    /// In whose name; nobody's when the room itself speaks.
    pub speaker: Option<Speaker>,
}

/// Something to be made durable, answered with [`crate::Room::persisted`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Persist {
    /// Replaces the room's checkpoint and its journal up to `covers`.
    Checkpoint {
        /// How the answer names it.
        ticket: Ticket,
        /// The last call it contains.
        covers: u64,
        /// A [`crate::Checkpoint`].
        bytes: Bytes,
    },
    /// One accepted call, added to the journal.
    Call {
        /// How the answer names it.
        ticket: Ticket,
        /// Its place in the journal.
        sequence: u64,
        /// A [`crate::CallRecord`].
        bytes: Bytes,
    },
    /// The room has ended: checkpoint and journal can go. Comes right behind [`Output::Ended`], and only where
    /// something may have been stored. The room is settled once it is answered, also with an error.
    Delete {
        /// How the answer names it.
        ticket: Ticket,
    },
}

impl Persist {
    /// How the answer names it.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        match self {
            Self::Checkpoint { ticket, .. }
            | Self::Call { ticket, .. }
            | Self::Delete { ticket } => *ticket,
        }
    }
}

/// What a room wants done, in order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send something to connections.
    Deliver(Outgoing),
    /// Answer a session that asked to enter.
    Answer {
        /// Which.
        session: SessionId,
        /// What.
        answer: Answer,
    },
    /// A session that asked to enter went away, by [`crate::Input::Withdraw`] or [`crate::Input::Detach`], before it
    /// had entered: its place is given up, and nothing more is for it.
    Forgotten {
        /// Which.
        session: SessionId,
    },
    /// A session's connection can be reached from now on.
    Attached {
        /// Which.
        session: SessionId,
        /// The member it is under.
        member: MemberId,
        /// Its number here.
        connection: ConnectionId,
        /// Whether what it missed follows.
        resumed: bool,
    },
    /// A connection ended, however; nothing more is for it.
    Detached {
        /// Which.
        connection: ConnectionId,
        /// Why.
        reason: Parting,
    },
    /// End a connection.
    Close {
        /// Which.
        connection: ConnectionId,
        /// Why.
        closing: Closing,
    },
    /// A message made the rules fail and was skipped.
    Rejected {
        /// Who sent it.
        connection: ConnectionId,
    },
    /// Take a connection to another room.
    Move {
        /// Which.
        connection: ConnectionId,
        /// Where to.
        room: String,
        /// What it is told there.
        on_arrival: Vec<Packet>,
    },
    /// The room's entry in the list is another.
    Listing(Listing),
    /// The number of members is another.
    Headcount(u32),
    /// Make a profile durable and tell all rooms of the user.
    SetProfile {
        /// Whose.
        user: UserId,
        /// The whole profile.
        profile: Profile,
    },
    /// A connection wants what is published on a topic.
    Subscribe(Subscription),
    /// It does not any more.
    Unsubscribe(Subscription),
    /// Send something beyond the room.
    Publish {
        /// To whom, about what, what.
        publication: Publication,
        /// In whose name.
        speaker: Option<Speaker>,
    },
    /// The answer to a signal.
    SignalReply {
        /// Which.
        id: u32,
        /// The answer, or why there is none.
        answer: Result<Payload, String>,
    },
    /// A right was given or taken.
    Right {
        /// Which.
        right: Right,
        /// Whether it is there now.
        granted: bool,
    },
    /// Edit a document. Answered with [`crate::Input::DocApplied`].
    DocChange(DocChange),
    /// Make something durable.
    Persist(Persist),
    /// The rules failed; for logs and metrics.
    Fault(FaultReport),
    /// What led to the fault told before.
    FaultBundle(Box<Bundle>),
    /// A call was made, and somebody looks over the room's shoulder ([`crate::Room::tap`]).
    Called(Box<Called>),
    /// The room is over by its own wish or the host's. [`Persist::Delete`] follows where something is stored.
    Ended(Ending),
    /// The room cannot go on. What is stored stays.
    Stopped(StopReason),
}

impl Output {
    /// Whether it may leave before an earlier call is durable.
    pub(crate) fn may_overtake(&self) -> bool {
        match self {
            Self::Deliver(outgoing) => !matches!(outgoing.route, Route::Reliable(_)),
            // Nothing is deleted for an end that is not durable itself.
            Self::Persist(persist) => !matches!(persist, Persist::Delete { .. }),
            Self::Fault(_) | Self::FaultBundle(_) | Self::Called(_) | Self::Stopped(_) => true,
            _ => false,
        }
    }
}
