//! A room of the host's own that must tick and fan out: what `/readyz` is measured by.

use crate::actor::Gone;
use crate::clock::unix_millis;
use crate::fanout::{Outlet, Sink};
use crate::kinds::{Kind, KindSettings};
use crate::registry::{Registry, RoomError};
use crate::session::SessionInbox;
use roost_room::{Identity, Knock, Profile, Program, SessionId, UserId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use thiserror::Error;

/// The name of its kind: no module can have it.
const KIND: &str = "~probe";
/// A tick later than this is none.
const PATIENCE_MS: u64 = 2_000;

/// Why there is no probe.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// Its room.
    #[error("the probe's room: {0}")]
    Room(#[from] RoomError),
    /// Its room went away at once.
    #[error("the probe's room: {0}")]
    Gone(#[from] Gone),
    /// Its name.
    #[error("the probe has no name")]
    Name,
}

/// When something was last delivered.
#[derive(Debug, Default)]
pub struct Heartbeat {
    last: AtomicU64,
}

impl Heartbeat {
    /// Something was delivered now.
    pub(crate) fn beat(&self) {
        self.last.store(unix_millis(), Ordering::Relaxed);
    }

    /// Whether something was delivered lately.
    ///
    /// # Errors
    /// How long ago the last delivery was, in words.
    pub fn check(&self) -> Result<(), String> {
        match self.last.load(Ordering::Relaxed) {
            0 => Err("the probe's room has not ticked yet".to_owned()),
            last => {
                let ago = unix_millis().saturating_sub(last);
                if ago <= PATIENCE_MS {
                    Ok(())
                } else {
                    Err(format!("the probe's room last ticked {ago} ms ago"))
                }
            }
        }
    }
}

/// Open the probe's room and listen to it.
///
/// # Errors
/// It cannot be entered.
pub async fn start(
    registry: &Arc<Registry>,
    program: Arc<dyn Program>,
) -> Result<Arc<Heartbeat>, ProbeError> {
    let store = registry.host().store.clone();
    let kind = Arc::new(Kind::new(KIND, program, KindSettings::default(), store));
    let room = registry.room(&kind, "ready")?;
    let heart = Arc::new(Heartbeat::default());
    let user = UserId::new("roost", "probe").ok_or(ProbeError::Name)?;
    let profile = Profile {
        name: "probe".to_owned(),
        color: 0,
    };
    let who = Identity {
        user: user.clone(),
        profile,
        claims: "{}".to_owned(),
        verified: true,
    };
    // Sessions of clients count from 1.
    let session = SessionId(0);
    let outlet = Outlet {
        session,
        user,
        sink: Sink::Heartbeat(Arc::clone(&heart)),
        inbox: Arc::new(SessionInbox::default()),
        token: None,
    };
    let knock = Knock {
        session,
        who,
        options: "{}".to_owned(),
        leaving: None,
        resume: None,
        at_once: true,
    };
    room.knock(knock, outlet).await?;
    Ok(heart)
}
