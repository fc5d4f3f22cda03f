//! The server: sockets, room actors, deployment, configuration and telemetry; the binary is `roost`.
pub mod net;
pub mod telemetry;
