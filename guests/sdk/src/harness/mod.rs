//! Rules tested as plain Rust: a [`Room`] that plays the host, in milliseconds.
//!
//! It gives numbers to members and connections, keeps time and timers, and passes time only when
//! told. After each call it checks what the host would check (an effect that would void the call
//! fails the test, with the reason), and it makes every call twice: on the instance, and on one
//! restored from a snapshot taken just before. Both must give the same effects and then the same
//! snapshot, so state that a snapshot forgets is found by any test that touches it.
//!
//! ```
//! # use roost_sdk::prelude::*;
//! # roost_sdk::topics! {
//! #     /// Topics.
//! #     pub enum Topic {
//! #         /// Sent on.
//! #         Say("say", Reliable),
//! #     }
//! # }
//! # struct Chat;
//! # impl Rules for Chat {
//! #     type Topic = Topic;
//! #     const STATE_VERSION: u32 = 1;
//! #     fn manifest() -> Manifest { Manifest::of::<Self>("chat") }
//! #     fn init(_: &RoomConfig) -> Result<Self, String> { Ok(Self) }
//! #     fn snapshot(&self) -> Vec<u8> { Vec::new() }
//! #     fn restore(_: &RoomConfig, _: &SnapshotMeta, _: &[u8]) -> Result<Self, String> { Ok(Self) }
//! #     fn message(&mut self, cx: &mut Cx, _: Topic, message: Message) {
//! #         cx.forward().to_all_but_connection(message.via).reliable();
//! #     }
//! # }
//! use roost_sdk::harness::Room;
//! use serde_json::json;
//!
//! let mut room = Room::<Chat>::start();
//! let (ann, ben) = (room.enter("test:ann"), room.enter("test:ben"));
//! let effects = room.say(&ann, Topic::Say, json!("hello"));
//! effects.expect_one(Topic::Say).by(ann.member).reliable().json(json!("hello"));
//! assert!(effects.seen_by(&ann).is_empty());
//! assert_eq!(effects.seen_by(&ben).len(), 1);
//! ```

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a library of assertions: failing loudly is what it is for"
)]

mod check;
mod effects;
mod people;
mod room;
#[cfg(test)]
mod tests;

pub use effects::{Effects, Sent};
pub use people::Peer;
pub use room::{Room, config};
