//! The store from outside: round trips, damage, crashes, group commit, full disks, size.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

mod commit;
mod crash;
mod damage;
mod fixture;
mod full_disk;
mod model;
mod programs;
mod rooms;
mod size;
