//! What happens to a room, as its rules are told. Twin of `variant event` in `wit/types.wit`.

use crate::effect::{Access, MediaRight};
use crate::identity::{Identity, Profile};
use crate::ids::{ConnectionId, MemberId, ProgramHash, TimerId};
use crate::manifest::Topic;
use crate::payload::Payload;
use minicbor::{Decode, Encode};

/// Somebody at the door.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Entrant {
    /// The number its connection has in this room.
    #[n(0)]
    pub connection: ConnectionId,
    /// Who it is.
    #[n(1)]
    pub who: Identity,
    /// JSON object: what the client asked for, at most 4 KiB.
    #[n(2)]
    pub options: String,
    /// The room of this kind that the connection would leave for this one.
    #[n(3)]
    pub leaving: Option<String>,
}

/// A new member.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Joined {
    /// Its slot.
    #[n(0)]
    pub member: MemberId,
    /// The one that was admitted.
    #[n(1)]
    pub entrant: Entrant,
}

/// A connection under a member begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Attachment {
    /// Whose it is.
    #[n(0)]
    pub member: MemberId,
    /// Its number.
    #[n(1)]
    pub connection: ConnectionId,
    /// Whether the client came back and gets everything it missed.
    #[n(2)]
    pub resumed: bool,
}

/// Why a connection or a member is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Parting {
    /// The client said so.
    #[n(0)]
    Closed,
    /// Broken, silent for too long, or too slow.
    #[n(1)]
    Lost,
    /// It is in another room of the kind now.
    #[n(2)]
    Moved,
    /// By effect `kick`, by an operator, or by the host after repeated faults.
    #[n(3)]
    Kicked,
    /// The server was started anew.
    #[n(4)]
    ServerRestart,
}

/// A connection under a member ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Detachment {
    /// Whose it was.
    #[n(0)]
    pub member: MemberId,
    /// Its number.
    #[n(1)]
    pub connection: ConnectionId,
    /// Why.
    #[n(2)]
    pub reason: Parting,
}

/// A member is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Departure {
    /// Its slot.
    #[n(0)]
    pub member: MemberId,
    /// That of its last connection.
    #[n(1)]
    pub reason: Parting,
}

/// A profile and the member it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct MemberProfile {
    /// Its slot.
    #[n(0)]
    pub member: MemberId,
    /// The whole profile.
    #[n(1)]
    pub profile: Profile,
}

/// Something a member said.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Message {
    /// Who.
    #[n(0)]
    pub member: MemberId,
    /// The connection it came by.
    #[n(1)]
    pub via: ConnectionId,
    /// About what.
    #[n(2)]
    pub topic: Topic,
    /// What.
    #[n(3)]
    pub payload: Payload,
}

/// A request from an operator or an HTTP caller.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Signal {
    /// For `reply-signal`.
    #[n(0)]
    pub id: u32,
    /// 1 to 128 bytes.
    #[n(1)]
    pub name: String,
    /// At most 64 KiB.
    #[n(2)]
    pub body: Payload,
}

/// Somebody, member or not, asks to open a document.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DocQuestion {
    /// Who.
    #[n(0)]
    pub who: Identity,
    /// Which, by name.
    #[n(1)]
    pub doc: String,
    /// The most the user's token allows.
    #[n(2)]
    pub access: Access,
}

/// What became of a `doc-apply`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DocOutcome {
    /// Which document.
    #[n(0)]
    pub doc: String,
    /// Its version after the change, or why nothing was changed.
    #[n(1)]
    pub version: Result<u64, String>,
}

/// Where a snapshot comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SnapshotMeta {
    /// The program that wrote it.
    #[n(0)]
    pub program: ProgramHash,
    /// That program's state version.
    #[n(1)]
    pub state_version: u32,
}

/// Why the host ends a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum EndCause {
    /// Empty for as long as the configuration keeps empty rooms.
    #[n(0)]
    Empty,
    /// By an operator.
    #[n(1)]
    Closed,
    /// The server shuts down and the kind is ephemeral.
    #[n(2)]
    Shutdown,
}

/// What happens to a room.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Event {
    /// Somebody who is no member asks to enter.
    #[n(0)]
    JoinAttempt(#[n(0)] Entrant),
    /// An admitted user is a member.
    #[n(1)]
    Join(#[n(0)] Joined),
    /// A connection can be reached from now on.
    #[n(2)]
    Attach(#[n(0)] Attachment),
    /// A connection cannot be reached any more.
    #[n(3)]
    Detach(#[n(0)] Detachment),
    /// A member is gone.
    #[n(4)]
    Leave(#[n(0)] Departure),
    /// A member said something.
    #[n(5)]
    Message(#[n(0)] Message),
    /// Time for a step.
    #[n(6)]
    Tick,
    /// A timer ran out.
    #[n(7)]
    Timer(#[n(0)] TimerId),
    /// The lobby holds another profile for a member.
    #[n(8)]
    ProfileChanged(#[n(0)] MemberProfile),
    /// This program has taken over a running room.
    #[n(9)]
    Activated(#[n(0)] SnapshotMeta),
    /// An operator or an HTTP caller wants something.
    #[n(10)]
    Signal(#[n(0)] Signal),
    /// Somebody wants to open a document.
    #[n(11)]
    DocAccess(#[n(0)] DocQuestion),
    /// A `doc-apply` is durable, or was refused.
    #[n(12)]
    DocApplied(#[n(0)] DocOutcome),
    /// A member wants to send a track or receive one.
    #[n(13)]
    MediaAccess(#[n(0)] MediaRight),
    /// The room ends, not by its own wish.
    #[n(14)]
    Terminate(#[n(0)] EndCause),
}

impl Event {
    /// About how many bytes it takes to hand over: what batches are measured by.
    #[must_use]
    pub fn size(&self) -> usize {
        const FIXED: usize = 32;
        FIXED
            + match self {
                Self::Message(message) => message.payload.len(),
                Self::Signal(signal) => signal.body.len() + signal.name.len(),
                Self::JoinAttempt(entrant) | Self::Join(Joined { entrant, .. }) => {
                    entrant.who.claims.len()
                        + entrant.options.len()
                        + entrant.who.profile.name.len()
                }
                Self::DocAccess(question) => question.who.claims.len() + question.doc.len(),
                Self::DocApplied(outcome) => outcome.doc.len(),
                Self::ProfileChanged(changed) => changed.profile.name.len(),
                _ => 0,
            }
    }
}
