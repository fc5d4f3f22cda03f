//! Reads the repository the way `tests/tidy.rs` judges it: its files, the outline of its Rust code, its manifests.
//!
//! No dependencies and no parser of the language: comments and strings are blanked out, and what is left is searched.

pub mod manifest;
pub mod mask;
pub mod outline;
pub mod tree;
