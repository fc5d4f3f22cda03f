//! Rules twice: compiled natively behind the port that the sandbox implements for components, and
//! as the component built from the same source. Whatever either does, the other must do.
//!
//! Guests and host share text, never Rust types; this crate, for tests and benchmarks only, is the
//! one place that names both and converts between them. [`NativeProgram`] puts any rules of the SDK
//! behind [`roost_room::Program`], [`Guest::twin`] gives both forms of one of our own guests.
//!
//! ```
//! use roost_room::Program;
//! use roost_twin::{NativeProgram, UNHASHED};
//!
//! let program = NativeProgram::of::<roost_echo::Echo>(UNHASHED);
//! assert_eq!(program.manifest().kind, "echo");
//! ```

mod component;
mod convert;
mod guest;
mod program;
mod rules;

pub use component::{Error, sandbox};
pub use guest::{Guest, Twin};
pub use program::{NativeProgram, UNHASHED};
