//! Who came, and how he is seen.

use super::Entrance;
use super::visit::Visit;
use crate::actor::PoolError;
use crate::clock::unix_millis;
use crate::fanout::{Dialect, Outlet, Sink};
use crate::kinds::Kind;
use crate::lobby::{BANNED, SiteBan};
use crate::net::outbox::Outbox;
use crate::registry::RoomError;
use roost_room::{Identity, Input, Knock, Profile, ResumePoint, UserId};
use roost_store::StoreError;
use std::net::IpAddr;
use std::sync::Arc;
use thiserror::Error;

/// How often a room's door may be found closed while it is leaving the list.
const MOST_CLOSED: usize = 64;
/// So many of these wait for the room to leave the list by itself.
const PATIENCE: usize = 8;

/// Why a profile is not known. For the log: clients are told less.
#[derive(Debug, Error)]
pub(super) enum LookupError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The thread that reads it.
    #[error(transparent)]
    Pool(#[from] PoolError),
}

/// Why no room could be asked.
#[derive(Debug, Error)]
pub(super) enum KnockError {
    /// There is none, and there cannot be one.
    #[error(transparent)]
    Room(#[from] RoomError),
    /// Its door stays closed.
    #[error("the room is going")]
    Closed,
    /// He may be in none.
    #[error("{BANNED}")]
    Banned,
}

/// What the lobby keeps of a user, and how much of that had changed in the kind when it was read.
struct Known {
    changes: u64,
    profile: Option<Profile>,
    ban: Option<SiteBan>,
}

/// Who came, once that is known.
pub(super) struct Visitor {
    pub(super) kind: Arc<Kind>,
    pub(super) user: UserId,
    /// The way back for somebody without a token of his own.
    pub(super) token: Option<Arc<str>>,
    address: IpAddr,
    claims: String,
    /// For a user of whom the lobby keeps nothing.
    wished: Profile,
    known: Option<Known>,
}

/// How a door knows somebody.
pub(super) struct Introduction {
    /// The user.
    pub(super) user: UserId,
    /// How he wants to be seen, unless something is kept of him.
    pub(super) wished: Profile,
    /// JSON object for the rules.
    pub(super) claims: String,
    /// The way back.
    pub(super) token: Option<Arc<str>>,
}

/// One request to enter.
pub(super) struct Request<'a> {
    pub(super) room: &'a str,
    pub(super) options: &'a str,
    /// Where it is now.
    pub(super) leaving: Option<&'a Visit>,
    pub(super) resume: Option<ResumePoint>,
}

impl Visitor {
    /// Somebody who came from that address. Nothing has been looked up yet.
    pub(super) fn new(kind: &Arc<Kind>, address: IpAddr, introduction: Introduction) -> Self {
        Self {
            kind: Arc::clone(kind),
            user: introduction.user,
            token: introduction.token,
            address,
            claims: introduction.claims,
            wished: introduction.wished,
            known: None,
        }
    }

    /// The user has just been made: nobody can have changed his profile after `changes` were counted.
    pub(super) fn is_new(&mut self, changes: u64) {
        self.known = Some(Known {
            changes,
            profile: None,
            ban: None,
        });
    }

    /// How he is seen, as of the last look.
    pub(super) fn seen(&self) -> &Profile {
        self.kept().unwrap_or(&self.wished)
    }

    /// What the lobby keeps, if anything, as of the last look.
    fn kept(&self) -> Option<&Profile> {
        self.known.as_ref().and_then(|known| known.profile.as_ref())
    }

    /// His ban from all rooms, as of the last look.
    pub(super) fn ban(&self) -> Option<&SiteBan> {
        let ban = self.known.as_ref().and_then(|known| known.ban.as_ref());
        ban.filter(|ban| ban.is_running(unix_millis()))
    }

    /// See what the lobby keeps of the user, unless it is known that nothing has changed. The store is not read on
    /// the runtime's own threads.
    pub(super) async fn look_up(&mut self, entrance: &Entrance) -> Result<(), LookupError> {
        let lobby = Arc::clone(self.kind.lobby());
        // Read before the profile: what changes meanwhile is seen by the next look.
        let changes = lobby.changes();
        if self
            .known
            .as_ref()
            .is_some_and(|known| known.changes == changes)
        {
            return Ok(());
        }
        let user = self.user.clone();
        let read = move || Ok((lobby.profile(&user)?, lobby.site_ban(&user)?));
        let read: Result<_, StoreError> = entrance.readers.run(read).await?;
        let (profile, ban) = read?;
        self.known = Some(Known {
            changes,
            profile,
            ban,
        });
        Ok(())
    }

    /// Ask, without waiting for the answer. A room that has just gone is opened anew.
    pub(super) async fn knock(
        &self,
        entrance: &Entrance,
        request: &Request<'_>,
        outbox: &Outbox,
        dialect: Dialect,
    ) -> Result<Visit, KnockError> {
        if self.ban().is_some() {
            return Err(KnockError::Banned);
        }
        for closed in 0..MOST_CLOSED {
            let registry = &entrance.registry;
            let handle = registry.room_for(&self.kind, request.room, self.address)?;
            let mut visit = Visit::new(handle.clone());
            let leaving = request.leaving.map(|from| from.room.id().to_string());
            let knock = Knock {
                session: visit.session,
                who: self.identity(),
                options: request.options.to_owned(),
                at_once: leaving.is_none(),
                leaving,
                resume: request.resume,
            };
            let outlet = Outlet {
                session: visit.session,
                user: self.user.clone(),
                sink: Sink::Socket {
                    outbox: outbox.clone(),
                    dialect,
                },
                inbox: Arc::clone(&visit.inbox),
                token: self.token.clone(),
            };
            if handle.knock(knock, outlet).await.is_ok() {
                visit.asked();
                return Ok(visit);
            }
            // A room leaves the list when it closes its door: the next look finds another.
            if closed < PATIENCE {
                tokio::task::yield_now().await;
            } else {
                registry.remove(&handle);
            }
        }
        Err(KnockError::Closed)
    }

    fn identity(&self) -> Identity {
        Identity {
            user: self.user.clone(),
            profile: self.seen().clone(),
            claims: self.claims.clone(),
            verified: true,
        }
    }

    /// Tell the room how its new connection's user is seen. It may know him from before a change that it never heard
    /// of, because he was away, or on his way in. What is not on the disk yet is told by the lobby when it is.
    pub(super) async fn introduce(
        &mut self,
        entrance: &Entrance,
        visit: &Visit,
    ) -> Result<(), LookupError> {
        self.look_up(entrance).await?;
        let Some(profile) = self.kept().cloned() else {
            return Ok(());
        };
        if !self.kind.lobby().is_saving(&self.user) {
            let user = self.user.clone();
            visit.room.tell(Input::Profile { user, profile }).await;
        }
        Ok(())
    }
}
