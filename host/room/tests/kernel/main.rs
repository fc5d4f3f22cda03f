//! The kernel from outside: scripts of inputs, transcripts of what the rules hear and the host is told.
//!
//! Cases are in `cases/*.txt`: `## name`, then lines `$ input` with what follows from each. Run with
//! `BLESS=1` to write the transcripts anew, and read the difference.

// The lint configuration lets `#[test]` functions fail loudly; here what they call may, too.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod batches;
mod cases;
mod effects;
mod exchanges;
mod mailbox;
mod records;
mod restart;
mod rules;
mod scripts;
mod stage;
mod validation;
mod words;
