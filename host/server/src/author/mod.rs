//! For authors of rules, without a server: a new project, the component made of it, its rehearsal.

pub mod build;
pub mod check;
mod error;
pub mod new;
mod progress;
mod project;

pub use error::AuthorError;
pub use project::Language;
