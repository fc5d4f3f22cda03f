//! What the author of a room's rules links.
//!
//! A kind of room is a type that implements [`Rules`]: its value is the state of one room, its
//! methods are told what happens, and what shall be done is said to the [`Cx`] they get. One line,
//! [`export!`], makes a component of it. A bot is a type that implements [`Agent`], exported by
//! [`export_agent!`].
//!
//! ```
//! use roost_sdk::prelude::*;
//!
//! roost_sdk::topics! {
//!     /// What is talked about in the room.
//!     pub enum Topic {
//!         /// Comes back to whoever said it.
//!         Echo("echo", Reliable),
//!     }
//! }
//!
//! /// Rules without state.
//! pub struct Echo;
//!
//! impl Rules for Echo {
//!     type Topic = Topic;
//!     const STATE_VERSION: u32 = 1;
//!
//!     fn manifest() -> Manifest {
//!         Manifest::of::<Self>("echo").durability(Durability::Ephemeral).members(64)
//!     }
//!
//!     fn init(_config: &RoomConfig) -> Result<Self, String> {
//!         Ok(Self)
//!     }
//!
//!     fn snapshot(&self) -> Vec<u8> {
//!         snapshot::encode(Self::STATE_VERSION, &())
//!     }
//!
//!     fn restore(_: &RoomConfig, _: &SnapshotMeta, state: &[u8]) -> Result<Self, String> {
//!         snapshot::decode::<()>(Self::STATE_VERSION, state)?;
//!         Ok(Self)
//!     }
//!
//!     fn message(&mut self, cx: &mut Cx, topic: Topic, message: Message) {
//!         cx.deliver(topic).payload(message.payload).to_connection(message.via).reliable();
//!     }
//! }
//!
//! roost_sdk::export!(Echo);
//! # fn main() {
//! # use roost_sdk::harness::Room;
//! let mut room = Room::<Echo>::start();
//! let ann = room.enter("test:ann");
//! let effects = room.say(&ann, Topic::Echo, serde_json::json!({"hello": 1}));
//! effects.expect_one(Topic::Echo).to_connection(ann.connection).json(serde_json::json!({"hello": 1}));
//! # }
//! ```
//!
//! Rules have no clock, no chance and no files of their own: time and seed come with every call
//! ([`Cx::now`], [`Cx::rng`]), and the same snapshot and the same calls must give the same effects.
//! Use [`FixedMap`], [`FixedSet`] or B-trees, never `HashMap`: its order differs after a restore.
//! A rule that panics loses its call, nothing else; but each time costs the room a rebuild.

pub mod agent;
#[allow(
    missing_docs,
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "generated"
)]
mod bindings;
mod cx;
mod export;
mod fault;
mod fixed;
#[cfg(not(target_arch = "wasm32"))]
pub mod harness;
mod instance;
pub mod log;
mod manifest;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;
mod outgoing;
mod payload;
mod rights;
mod rng;
mod rules;
pub mod snapshot;
mod topics;

pub use agent::Agent;
pub use cx::Cx;
pub use fault::fault;
pub use fixed::{FixedMap, FixedSet};
pub use outgoing::{Draft, Forward, Outgoing, Said};
pub use rng::Rng;
pub use rules::Rules;
pub use topics::{NoTopics, Topics};

/// The nouns of `roost:room@0.2.0-dev`, as generated from its text.
pub mod types {
    pub use crate::bindings::bot::exports::roost::room::agent::{AgentConfig, Heard};
    pub use crate::bindings::room::exports::roost::room::rules::{
        Capability, Durability, Intake, Limits, Manifest, Pace, RoomConfig, Topic as TopicEntry,
    };
    pub use crate::bindings::room::roost::room::types::*;
}

/// All that rules usually need.
pub mod prelude {
    pub use crate::types::*;
    pub use crate::{Cx, FixedMap, FixedSet, Rng, Rules, Topics, log, snapshot};
}

/// What the export macros name; no part of the interface to authors.
#[doc(hidden)]
pub mod __private {
    pub use crate::agent::AgentSlot;
    pub use crate::bindings::{bot, room};
    pub use crate::instance::Slot;
}
