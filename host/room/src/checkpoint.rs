//! One record from which a room can be brought back: the kernel's half and the guest's snapshot.

use crate::codec::{self, RecordError};
use crate::effect::{Listing, Right};
use crate::event::{Entrant, Event, Parting, SnapshotMeta};
use crate::identity::{Identity, UserId};
use crate::ids::{ConnectionId, MemberId, TimerId};
use bytes::Bytes;
use minicbor::{Decode, Encode};

/// A member as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct MemberRecord {
    #[n(0)]
    pub(crate) id: MemberId,
    #[n(1)]
    pub(crate) identity: Identity,
    #[n(2)]
    pub(crate) connections: Vec<ConnectionId>,
    #[n(3)]
    pub(crate) grace_until: Option<u64>,
    #[n(4)]
    pub(crate) parting: Parting,
    #[n(5)]
    pub(crate) gone: bool,
}

/// A timer as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct TimerRecord {
    #[n(0)]
    pub(crate) id: TimerId,
    #[n(1)]
    pub(crate) due: u64,
}

/// What the rules have said of a right.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct RightRecord {
    #[n(0)]
    pub(crate) right: Right,
    #[n(1)]
    pub(crate) granted: bool,
}

/// A user who is out after faults.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct OutRecord {
    #[n(0)]
    pub(crate) user: UserId,
    #[n(1)]
    pub(crate) until: u64,
}

/// A room at rest: everything but the program, which is named by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Checkpoint {
    /// The last call it contains.
    #[n(0)]
    pub sequence: u64,
    /// The room's own seed.
    #[n(1)]
    pub seed: u64,
    /// Unix time of the last call.
    #[n(2)]
    pub now: u64,
    /// Milliseconds the room had been running.
    #[n(3)]
    pub uptime: u64,
    /// Ticks so far.
    #[n(4)]
    pub ticks: u64,
    /// Which program wrote the snapshot.
    #[n(5)]
    pub meta: SnapshotMeta,
    /// What the guest's `snapshot` returned.
    #[cbor(n(6), with = "codec::shared")]
    pub state: Bytes,
    #[n(7)]
    pub(crate) next_member: u32,
    #[n(8)]
    pub(crate) next_connection: u32,
    #[n(9)]
    pub(crate) members: Vec<MemberRecord>,
    #[n(10)]
    pub(crate) timers: Vec<TimerRecord>,
    #[n(11)]
    pub(crate) listing: Option<Listing>,
    #[n(12)]
    pub(crate) rights: Vec<RightRecord>,
    #[n(13)]
    pub(crate) outs: Vec<OutRecord>,
    /// Events that the rules are owed and that do not follow from the rest.
    #[n(14)]
    pub(crate) owed: Vec<Event>,
    /// Admitted, but not entered: void after a restart, since their sessions are gone.
    #[n(15)]
    pub(crate) reservations: Vec<Entrant>,
    /// The program that rules the room since the call in `since`.
    #[n(16)]
    pub since: u64,
}

impl Checkpoint {
    /// As it is kept in a store.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        codec::to_bytes(self).into()
    }

    /// Read it back.
    ///
    /// # Errors
    /// The bytes are not such a record.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        codec::from_bytes(bytes)
    }
}
