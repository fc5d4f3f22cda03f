//! The real server, from outside.

mod crash;
mod disk;
mod hostile;
mod play;
mod rogue;
mod serve;
