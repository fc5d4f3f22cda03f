//! For end-to-end tests: the real binary `roost` as a child process, and clients that talk to it over sockets.

mod admin;
mod client;
mod pianist;
mod server;

pub use admin::{Admin, TOKEN, rogue, with_section};
pub use client::{Client, Ended, Heard};
pub use pianist::Pianist;
pub use server::{Server, Start, binary, component};

/// How often something is done: few times in `make test`, many in `make soak`.
#[must_use]
pub fn times(test: usize, soak: usize) -> usize {
    if std::env::var_os("ROOST_SOAK").is_some() {
        soak
    } else {
        test
    }
}
