//! Uploaded WebAssembly components in, rules of rooms out: implements [`roost_room::Program`] and
//! [`roost_room::Rules`] on wasmtime, which no other crate names.
//!
//! An upload is *inspected* before anything is compiled ([`inspect`]), compiled on one thread of
//! low priority or taken from the cache, and asked for its manifest ([`Sandbox::load`]). What comes
//! out, a [`ComponentProgram`], makes one instance per room.
//!
//! ```no_run
//! # fn main() -> Result<(), roost_sandbox::LoadError> {
//! use roost_room::Program;
//! let sandbox = roost_sandbox::Sandbox::new(roost_sandbox::SandboxConfig::default())?;
//! let program = sandbox.load(std::fs::read("piano.wasm")?)?;
//! println!("{} rules {} rooms", program.hash(), program.manifest().kind);
//! # Ok(())
//! # }
//! ```

mod cache;
mod compile;
mod config;
mod convert;
mod counters;
mod engine;
mod error;
mod fault;
mod host;
mod inspect;
mod instance;
mod interface;
mod log;
mod maps;
mod program;
mod quota;
mod sandbox;
mod wasi;

pub use config::SandboxConfig;
pub use counters::Counts;
pub use error::LoadError;
pub use inspect::{Form, Inspection, World, form, inspect};
pub use interface::INTERFACES;
pub use program::ComponentProgram;
pub use sandbox::{Progress, Sandbox};
