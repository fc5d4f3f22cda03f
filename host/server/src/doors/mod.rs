//! Doors: one for each dialect. A door owns a connection from its handshake to its close; what it says
//! and hears is its dialect's, where it goes is its session's.

mod address;
mod identity;
mod play;
mod visit;
mod visitor;

pub use identity::{Keys, KeysError};
pub use play::PlayDoor;

use crate::actor::Pool;
use crate::kinds::Kinds;
use crate::net::flusher::Flusher;
use crate::net::socket::SocketConfig;
use crate::net::upgrade::{Doors, Upgraded};
use crate::registry::Registry;
use std::pin::Pin;
use std::sync::Arc;

/// What doors need of the host.
pub struct Entrance {
    /// The kinds there are.
    pub kinds: Arc<Kinds>,
    /// Their rooms.
    pub registry: Arc<Registry>,
    /// Who may come as whom.
    pub keys: Keys,
    /// Whether somebody without a token may enter.
    pub anonymous: bool,
    /// For reading profiles.
    pub readers: Pool,
    /// How sockets are read and written.
    pub sockets: Arc<SocketConfig>,
    /// Who writes to most of them.
    pub flusher: Flusher,
}

/// All doors of the server, told apart by path.
pub struct Reception {
    play: PlayDoor,
}

impl Reception {
    /// Open the doors.
    #[must_use]
    pub fn new(entrance: Arc<Entrance>) -> Self {
        Self {
            play: PlayDoor::new(entrance),
        }
    }
}

impl Doors for Reception {
    fn open(self: Arc<Self>, upgraded: Upgraded) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { self.play.open(upgraded).await })
    }
}
