//! Who may be in no room of the kind at all, by the word of staff.

use super::{Lobby, records};
use crate::fanout::{Dialect, Sink};
use roost_protocol::play::close;
use roost_room::UserId;
use roost_store::{Batch, StoreError};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// What is told to whoever is sent away.
pub(crate) const BANNED: &str = "you are banned from this site";

/// A ban from all rooms of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteBan {
    /// Unix ms at which it ends; `None`: never.
    pub until: Option<u64>,
    /// What the banned is told; may be empty.
    pub reason: String,
    /// For the operator alone; may be empty.
    pub note: String,
    /// Who said so.
    pub by: UserId,
    /// Unix ms at which it was said.
    pub at: u64,
}

impl SiteBan {
    /// Whether it has not run out.
    #[must_use]
    pub fn is_running(&self, now: u64) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

impl Lobby {
    /// Keep a user from all rooms, or with `None` let him in again. Holds at once, and still does if it could not be
    /// stored; what is returned ends when it is durable. Whoever waits for that may go away meanwhile.
    pub(crate) fn ban_from_site(
        self: &Arc<Self>,
        user: UserId,
        ban: Option<SiteBan>,
    ) -> JoinHandle<Result<(), StoreError>> {
        let is_banned = ban.is_some();
        {
            let mut inner = self.lock();
            inner.keeping.changed();
            inner.site_bans.insert(user.clone(), ban);
        }
        if is_banned {
            self.send_away(&user);
        }
        let lobby = Arc::clone(self);
        tokio::spawn(async move { lobby.keep_site_ban(&user).await })
    }

    /// One after the other, each with the newest: the last word about a user is also the last in the store.
    async fn keep_site_ban(&self, user: &UserId) -> Result<(), StoreError> {
        let _turn = self.banning.lock().await;
        let newest = self.lock().site_bans.get(user).cloned();
        let Some(ban) = newest else {
            return Ok(());
        };
        let bytes = ban.as_ref().map(records::write_site_ban);
        let put = |batch: &mut Batch| {
            match bytes.clone() {
                Some(bytes) => batch.put_site_ban(&self.kind, user.as_str(), bytes)?,
                None => batch.delete_site_ban(&self.kind, user.as_str())?,
            };
            Ok(())
        };
        self.save(put).await?;
        let mut inner = self.lock();
        if inner.site_bans.get(user) == Some(&ban) {
            inner.site_bans.remove(user);
        }
        Ok(())
    }

    /// Close what the user has open at the native door. The other door knows its own connections.
    fn send_away(&self, user: &UserId) {
        let outlets = self.lock().presence.outlets_of(user);
        for outlet in outlets {
            if let Sink::Socket {
                outbox,
                dialect: Dialect::Play,
            } = &outlet.sink
            {
                outbox.close(close::REFUSED, BANNED);
            }
        }
    }

    /// The ban of a user, run out or not. Blocking: may read the disk.
    ///
    /// # Errors
    /// The store could not be read.
    pub fn site_ban(&self, user: &UserId) -> Result<Option<SiteBan>, StoreError> {
        if let Some(ban) = self.lock().site_bans.get(user) {
            return Ok(ban.clone());
        }
        let bytes = self.store.site_ban(&self.kind, user.as_str())?;
        Ok(bytes.and_then(|bytes| records::read_site_ban(&bytes)))
    }

    /// A user who is in some room and has this id on the wire.
    #[must_use]
    pub fn user_called(&self, subject: &str) -> Option<UserId> {
        self.lock().presence.user_called(subject)
    }
}
