//! What rules want done. Twin of `variant effect` in `wit/types.wit`.
//!
//! Implementations of [`crate::Rules`] hand over JSON that is well-formed and topics that their
//! manifest has; everything else is checked by the kernel.

use crate::event::MemberProfile;
use crate::identity::UserId;
use crate::ids::{ConnectionId, MemberId, TimerId};
use crate::manifest::Topic;
use crate::payload::{Json, Payload};
use minicbor::{Decode, Encode};

/// Whom clients see as the source of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Author {
    /// Nobody in particular.
    #[n(0)]
    Room,
    /// A member, or one who left within this batch.
    #[n(1)]
    Member(#[n(0)] MemberId),
    /// Any user, present or not.
    #[n(2)]
    User(#[n(0)] UserId),
}

/// Who receives a delivery: attached connections.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Audience {
    /// All.
    #[n(0)]
    Everyone,
    /// All but one connection.
    #[n(1)]
    ButConnection(#[n(0)] ConnectionId),
    /// All but those of one member.
    #[n(2)]
    ButMember(#[n(0)] MemberId),
    /// All connections of these members.
    #[n(3)]
    Members(#[n(0)] Vec<MemberId>),
    /// These connections.
    #[n(4)]
    Connections(#[n(0)] Vec<ConnectionId>),
}

/// How a delivery travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Lane {
    /// In order and complete; a client too slow for it is closed.
    #[n(0)]
    Reliable,
    /// May be lost or overtaken.
    #[n(1)]
    Unreliable,
    /// Only the newest of a key, topic and audience counts.
    #[n(2)]
    Latest(#[n(0)] u32),
}

/// Something to be delivered.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Delivery {
    /// To whom.
    #[n(0)]
    pub to: Audience,
    /// About what.
    #[n(1)]
    pub topic: Topic,
    /// What, at most 1 MiB.
    #[n(2)]
    pub payload: Payload,
    /// How.
    #[n(3)]
    pub lane: Lane,
    /// In whose name.
    #[n(4)]
    pub author: Author,
}

/// A message of this batch sent on, its sender as the author.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Forwarding {
    /// Its position in the batch, from 0.
    #[n(0)]
    pub index: u32,
    /// To whom.
    #[n(1)]
    pub to: Audience,
    /// How.
    #[n(2)]
    pub lane: Lane,
}

/// A connection of this room, and a topic that any room publishes on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Subscription {
    /// Whose.
    #[n(0)]
    pub connection: ConnectionId,
    /// Which.
    #[n(1)]
    pub topic: Topic,
}

/// To whom a publication goes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Reach {
    /// The connections in any room of the kind that subscribed to the topic.
    #[n(0)]
    Subscribers,
    /// All connections of these users, in any room of the kind. At most 64.
    #[n(1)]
    Users(#[n(0)] Vec<UserId>),
}

/// Something for connections in any room of the kind, but never for the author's own.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Publication {
    /// To whom.
    #[n(0)]
    pub to: Reach,
    /// About what.
    #[n(1)]
    pub topic: Topic,
    /// What, at most 64 KiB.
    #[n(2)]
    pub payload: Payload,
    /// In whose name.
    #[n(3)]
    pub author: Author,
}

/// What may be done to a document. Write includes read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Access {
    /// Look.
    #[n(0)]
    Read,
    /// Look and change.
    #[n(1)]
    Write,
}

/// The user may open the document that way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct DocRight {
    /// Who.
    #[n(0)]
    pub user: UserId,
    /// Which, by name.
    #[n(1)]
    pub doc: String,
    /// How.
    #[n(2)]
    pub access: Access,
}

/// What a media stream shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Track {
    /// Voice.
    #[n(0)]
    Microphone,
    /// Face.
    #[n(1)]
    Camera,
    /// A shared screen.
    #[n(2)]
    Screen,
    /// Its sound.
    #[n(3)]
    ScreenAudio,
}

/// Which way a track runs, seen from the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Flow {
    /// Out.
    #[n(0)]
    Send,
    /// In, from this other member.
    #[n(1)]
    Receive(#[n(0)] MemberId),
}

/// The member may send the track, or receive another member's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct MediaRight {
    /// Who.
    #[n(0)]
    pub member: MemberId,
    /// What.
    #[n(1)]
    pub track: Track,
    /// Which way.
    #[n(2)]
    pub flow: Flow,
}

/// A permission that the host keeps and enforces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Right {
    /// To open a document.
    #[n(0)]
    Doc(#[n(0)] DocRight),
    /// To send or receive media.
    #[n(1)]
    Media(#[n(0)] MediaRight),
}

/// One edit at one place of a document.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum DocEdit {
    /// This value under the key, or in place of the element.
    #[n(0)]
    Set(#[n(0)] Json),
    /// A new element before that index.
    #[n(1)]
    Insert(#[n(0)] Json),
    /// Remove the key or the element.
    #[n(2)]
    Delete,
    /// Add to the number there. Finite.
    #[n(3)]
    Increment(#[n(0)] f64),
}

/// An edit and its place.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct DocOp {
    /// JSON Pointer (RFC 6901) from the root map. Never empty.
    #[n(0)]
    pub path: String,
    /// What to do there.
    #[n(1)]
    pub edit: DocEdit,
}

/// Edits of one document, made in one transaction or not at all.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct DocChange {
    /// Which, by name.
    #[n(0)]
    pub doc: String,
    /// 1 to 1024.
    #[n(1)]
    pub ops: Vec<DocOp>,
}

/// Somebody who may not enter for a while.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Ban {
    /// Who.
    #[n(0)]
    pub user: UserId,
    /// Unix milliseconds at which it ends.
    #[n(1)]
    pub until: u64,
}

/// The room's entry in the kind's list.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Listing {
    /// What the list shows of the room, at most 4 KiB.
    #[n(0)]
    pub data: Json,
    /// False hides the room.
    #[n(1)]
    pub visible: bool,
    /// At most 1024.
    #[n(2)]
    pub bans: Vec<Ban>,
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum RefusalReason {
    /// No place left.
    #[n(0)]
    Full,
    /// Out for a while.
    #[n(1)]
    Banned,
    /// Not allowed at all.
    #[n(2)]
    Forbidden,
}

/// An entrant turned away.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Refusal {
    /// Which.
    #[n(0)]
    pub connection: ConnectionId,
    /// Why, for dialects with codes.
    #[n(1)]
    pub reason: RefusalReason,
    /// For the user's eyes, at most 1 KiB.
    #[n(2)]
    pub text: String,
}

/// An entrant sent elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Redirection {
    /// Which.
    #[n(0)]
    pub connection: ConnectionId,
    /// Where to.
    #[n(1)]
    pub room: String,
    /// For the user's eyes, empty for none, at most 1 KiB.
    #[n(2)]
    pub notice: String,
}

/// Content with its topic.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Packet {
    /// About what.
    #[n(0)]
    pub topic: Topic,
    /// What.
    #[n(1)]
    pub payload: Payload,
}

/// A connection taken to another room of the kind.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Relocation {
    /// Which.
    #[n(0)]
    pub connection: ConnectionId,
    /// Where to.
    #[n(1)]
    pub room: String,
    /// What it is told there. At most 8, together 64 KiB.
    #[n(2)]
    pub on_arrival: Vec<Packet>,
}

/// All connections of a member ended.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Removal {
    /// Whose.
    #[n(0)]
    pub member: MemberId,
    /// For the user's eyes, at most 1 KiB.
    #[n(1)]
    pub text: String,
}

/// A timer to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Timer {
    /// Chosen by the rules.
    #[n(0)]
    pub id: TimerId,
    /// Milliseconds from the call's `now`.
    #[n(1)]
    pub after: u32,
}

/// The answer to a signal.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignalReply {
    /// Which signal.
    #[n(0)]
    pub id: u32,
    /// The answer, or why there is none. At most 64 KiB.
    #[n(1)]
    pub answer: Result<Payload, String>,
}

/// The end of a room by its own wish.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Ending {
    /// For the eyes of everybody still there, at most 1 KiB.
    #[n(0)]
    pub text: String,
    /// What came of the room, at most 64 KiB.
    #[n(1)]
    pub outcome: Json,
}

/// What rules want done.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Effect {
    /// Send something.
    #[n(0)]
    Deliver(#[n(0)] Delivery),
    /// Send a message of this batch on.
    #[n(1)]
    Forward(#[n(0)] Forwarding),
    /// Let an entrant in.
    #[n(2)]
    Admit(#[n(0)] ConnectionId),
    /// Turn an entrant away.
    #[n(3)]
    Refuse(#[n(0)] Refusal),
    /// Send an entrant to another room.
    #[n(4)]
    Redirect(#[n(0)] Redirection),
    /// Send a connection to another room.
    #[n(5)]
    Move(#[n(0)] Relocation),
    /// End all connections of a member.
    #[n(6)]
    Kick(#[n(0)] Removal),
    /// Have event `timer` later.
    #[n(7)]
    SetTimer(#[n(0)] Timer),
    /// Forget a timer.
    #[n(8)]
    CancelTimer(#[n(0)] TimerId),
    /// Replace the room's entry in the list.
    #[n(9)]
    SetListing(#[n(0)] Listing),
    /// Change a member's profile in all rooms.
    #[n(10)]
    SetProfile(#[n(0)] MemberProfile),
    /// Let a connection have what is published on a topic.
    #[n(11)]
    Subscribe(#[n(0)] Subscription),
    /// End that.
    #[n(12)]
    Unsubscribe(#[n(0)] Subscription),
    /// Send something beyond this room.
    #[n(13)]
    Publish(#[n(0)] Publication),
    /// Make this call durable before it takes effect.
    #[n(14)]
    Commit,
    /// Edit a document of the room.
    #[n(15)]
    DocApply(#[n(0)] DocChange),
    /// Give a right.
    #[n(16)]
    Grant(#[n(0)] Right),
    /// Refuse or take back a right.
    #[n(17)]
    Deny(#[n(0)] Right),
    /// Answer a signal.
    #[n(18)]
    ReplySignal(#[n(0)] SignalReply),
    /// The room is over.
    #[n(19)]
    EndRoom(#[n(0)] Ending),
}
