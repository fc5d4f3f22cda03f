//! The kernel of a room: who is in it, what its rules are told, and what becomes of what they want.
//!
//! Pure and sans-IO. A [`Room`] is handed inputs and the time, and returns outputs; it owns no
//! clock, no socket, no file and no thread. The rules themselves are behind [`Rules`], which the
//! sandbox implements for WebAssembly components and tests implement in plain Rust.
//!
//! What this crate knows nothing about: transports, wire formats, WebAssembly, storage.

mod bundle;
mod calls;
mod checkpoint;
mod checkpointing;
mod clock;
mod codec;
mod effect;
mod ending;
mod event;
mod exchange;
mod faults;
mod gate;
mod identity;
mod ids;
mod input;
mod journal;
mod limits;
mod mailbox;
mod manifest;
mod mending;
mod meter;
mod opening;
mod output;
mod payload;
mod perform;
mod plan;
mod rebuild;
mod rehearsal;
mod repair;
mod replay;
mod replica;
mod reservations;
mod resume;
mod rights;
mod room;
mod roster;
mod rules;
mod signals;
mod status;
mod timers;
mod validate;

pub use bundle::{Bundle, BundleCode, BundleFault, BundleFuel, BundleState, Called, RecordedCall};
pub use checkpoint::Checkpoint;
pub use clock::{Clock, RoomTime};
pub use codec::RecordError;
pub use effect::{
    Access, Audience, Author, Ban, Delivery, DocChange, DocEdit, DocOp, DocRight, Effect, Ending,
    Flow, Forwarding, Lane, Listing, MediaRight, Packet, Publication, Reach, Redirection, Refusal,
    RefusalReason, Relocation, Removal, Right, SignalReply, Subscription, Timer, Track,
};
pub use event::{
    Attachment, Departure, Detachment, DocOutcome, DocQuestion, EndCause, Entrant, Event, Joined,
    MemberProfile, Message, Parting, Signal, SnapshotMeta,
};
pub use exchange::{Retreated, Takeover};
pub use faults::{FaultCause, FaultReport};
pub use identity::{Identity, Profile, UserId};
pub use ids::{ConnectionId, DeliveryNumber, MemberId, ProgramHash, SessionId, Ticket, TimerId};
pub use input::{Input, Knock, ResumePoint};
pub use journal::{CallRecord, Outcome};
pub use limits::Limits;
pub use mailbox::{Mailbox, Pushed};
pub use manifest::{
    Capability, Durability, Intake, Manifest, ManifestError, Pace, RequestedLimits, Topic,
    TopicSpec,
};
pub use opening::{Opening, RoomConfig, StopReason};
pub use output::{Answer, Closing, Outgoing, Output, Persist, Recipients, Route, Speaker};
pub use payload::{Json, Payload, nests_deeper};
pub use rehearsal::{Material, Step, Unfit};
pub use replay::{Divergence, Replayed};
pub use replica::Replica;
pub use rights::RightState;
pub use room::Room;
pub use rules::{
    CallLimits, Context, Fault, Handled, LogLevel, LogLine, Program, RoomIdentity, Rules,
};
pub use status::Placement;
