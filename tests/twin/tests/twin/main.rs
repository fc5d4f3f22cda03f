//! The same script against the native build of a guest and against its component: identical
//! effects, snapshots, outputs and checkpoints.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly; what they share, too"
)]

mod calls;
mod chance;
mod kernel;
mod native;
mod port;
mod rooms;
mod words;

use roost_twin::{Guest, Twin};
use std::sync::LazyLock;

/// Each guest in both forms; components are built and loaded once.
static TWINS: LazyLock<Vec<(Guest, Twin)>> = LazyLock::new(|| {
    let twins = Guest::ALL.into_iter();
    twins.map(|guest| (guest, guest.twin().unwrap())).collect()
});

fn twin(guest: Guest) -> Twin {
    let found = TWINS.iter().find(|(other, _)| *other == guest);
    found.unwrap().1.clone()
}
