//! The real server, from outside.
// Tests may fail loudly, their set-up functions too.
#![allow(clippy::indexing_slicing, clippy::panic)]

mod author;
mod autobahn;
mod churn;
mod clients;
mod command_line;
mod crash;
mod disk;
mod hostile;
mod latency;
mod modules;
mod moves;
mod piano;
mod piano_rooms;
mod piano_staff;
mod play;
mod rogue;
mod serve;
mod storm;
