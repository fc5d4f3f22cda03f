//! The server: sockets, room actors, deployment, configuration and telemetry; the binary is `roost`.
pub mod net;
pub mod telemetry;
pub mod actor;
pub mod clock;
pub mod doors;
pub mod fanout;
pub mod kinds;
pub mod lobby;
pub mod registry;
pub mod session;
pub mod builtin;
pub mod modules;
pub mod probe;
pub mod services;
