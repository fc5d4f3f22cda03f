//! Wire dialects, one sans-IO module each: bytes in, intents out; deliveries in, bytes out.
//!
//! A dialect owns framing, field names and syntax; what anything means is decided by the rules of
//! a room. Nothing here knows sockets, tasks or clocks.

pub mod api;
pub mod mpp;
pub mod play;
