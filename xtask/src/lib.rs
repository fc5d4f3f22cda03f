//! Chores of this workspace, as a library so that build scripts can do them, too.

pub mod guests;
