//! Sockets: listening, the HTTP upgrade, and WebSocket connections with bounded, shared writing.

mod answer;
pub mod flusher;
pub mod frame;
pub mod limits;
pub mod listener;
pub mod outbox;
pub mod paths;
pub mod proxy;
mod queue;
mod reader;
pub mod socket;
pub mod stream;
pub mod tls;
pub mod upgrade;
mod writer;
