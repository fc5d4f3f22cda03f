//! Doors: one for each dialect. A door owns a connection from its handshake to its close; what it says
//! and hears is its dialect's, where it goes is its session's.

mod address;
mod identity;
mod mpp;
mod play;
mod visit;
mod visitor;

pub use identity::{Keys, KeysError, mpp_id};
pub use mpp::MppDoor;
pub use play::PlayDoor;

use crate::actor::Pool;
use crate::config::MppConfig;
use crate::kinds::Kinds;
use crate::net::flusher::Flusher;
use crate::net::paths::is_reserved;
use crate::net::socket::SocketConfig;
use crate::net::upgrade::{Client, Doors, Upgraded, refusal};
use crate::registry::Registry;
use axum::http::StatusCode;
use axum::response::Response;
use hyper::http::request::Parts;
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
    mpp: Arc<MppDoor>,
}

/// Which door a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Play,
    Mpp,
    /// The first frame says which.
    Undecided,
    /// A name of the host's own behind which there is no door.
    Nowhere,
}

fn way(path: &str) -> Way {
    let first = path.trim_start_matches('/').split('/').next();
    match first.unwrap_or_default() {
        "play" => Way::Play,
        "ws" => Way::Undecided,
        _ if is_reserved(path) => Way::Nowhere,
        _ => Way::Mpp,
    }
}

impl Reception {
    /// Open the doors. `pianos` is how sockets of the Multiplayer Piano door are read and written.
    #[must_use]
    pub fn new(entrance: Arc<Entrance>, mpp: MppConfig, pianos: Arc<SocketConfig>) -> Self {
        Self {
            play: PlayDoor::new(Arc::clone(&entrance)),
            mpp: Arc::new(MppDoor::new(entrance, mpp, pianos)),
        }
    }
}

impl Doors for Reception {
    fn admit(&self, request: &Parts, _client: Client) -> Result<(), Response> {
        match way(request.uri.path()) {
            Way::Play => Ok(()),
            Way::Mpp | Way::Undecided if self.mpp.is_open() => Ok(()),
            _ => Err(refusal(StatusCode::NOT_FOUND, "there is no door here")),
        }
    }

    fn open(self: Arc<Self>, upgraded: Upgraded) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        // Each in a box of its own: none pays for the largest.
        match way(upgraded.request.uri.path()) {
            Way::Mpp | Way::Undecided => {
                let decided = way(upgraded.request.uri.path()) == Way::Mpp;
                Box::pin(async move { self.mpp.open(upgraded, decided).await })
            }
            Way::Play | Way::Nowhere => Box::pin(async move { self.play.open(upgraded).await }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_doors() {
        for (path, door) in [
            ("/", Way::Mpp),
            ("/lobby", Way::Mpp),
            ("/a/b", Way::Mpp),
            ("/playful", Way::Mpp),
            ("/ws", Way::Undecided),
            ("/ws/", Way::Undecided),
            ("/play/relay/x", Way::Play),
            ("/api/v1", Way::Nowhere),
            ("/yjs/doc", Way::Nowhere),
        ] {
            assert_eq!(way(path), door, "{path}");
        }
    }
}
