//! Those who want to hear of the list as it changes.

use super::Lobby;
use super::list::Change;
use crate::clock::unix_millis;
use crate::net::outbox::{Frame, Outbox};
use roost_protocol::mpp;
use roost_room::{Ban, UserId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Changes are collected for so long.
const COLLECT: Duration = Duration::from_millis(250);

struct Watcher {
    user: UserId,
    outbox: Outbox,
}

/// Who wants to hear of changes.
#[derive(Default)]
pub(super) struct Watchers {
    next: u64,
    all: BTreeMap<u64, Watcher>,
    /// Somebody will tell them.
    telling: bool,
}

/// Somebody who hears of changes until this is dropped.
pub struct Watching {
    lobby: Arc<Lobby>,
    number: u64,
}

/// What has changed, written for everybody, and who has to be told something else.
struct News {
    entry: String,
    /// For those who are banned there.
    banned: Option<(String, Vec<UserId>)>,
}

impl News {
    fn of(change: &Change, now: u64) -> Self {
        let entry = mpp::Entry {
            room: &change.id,
            count: change.members,
            data: change.listing.data.as_str(),
        };
        let running = |ban: &&Ban| ban.until > now;
        let bans = change.listing.bans.iter().filter(running);
        let users: Vec<UserId> = bans.map(|ban| ban.user.clone()).collect();
        Self {
            entry: mpp::entry(&entry),
            banned: (!users.is_empty()).then(|| (mpp::banned_entry(&entry), users)),
        }
    }

    fn for_user(&self, user: &UserId) -> &str {
        match &self.banned {
            Some((entry, users)) if users.contains(user) => entry,
            _ => &self.entry,
        }
    }
}

impl Lobby {
    /// Tell somebody at the piano all of the list now, and then what changes.
    pub fn watch(self: &Arc<Self>, user: &UserId, outbox: &Outbox) -> Watching {
        let mut inner = self.lock();
        let all = inner.list.tell_all();
        let watchers = &mut inner.watchers;
        watchers.next += 1;
        let number = watchers.next;
        let watcher = Watcher {
            user: user.clone(),
            outbox: outbox.clone(),
        };
        watchers.all.insert(number, watcher);
        drop(inner);
        let now = unix_millis();
        let news: Vec<News> = all.iter().map(|change| News::of(change, now)).collect();
        let list = mpp::list(true, news.iter().map(|news| news.for_user(user)));
        outbox.push(Frame::urgent(list.into()));
        Watching {
            lobby: Arc::clone(self),
            number,
        }
    }

    /// The list has changed: those who watch are told soon.
    pub(super) fn changed(self: &Arc<Self>) {
        let mut inner = self.lock();
        if inner.watchers.all.is_empty() || inner.watchers.telling {
            return;
        }
        inner.watchers.telling = true;
        drop(inner);
        let lobby = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(COLLECT).await;
            lobby.tell_watchers();
        });
    }

    fn tell_watchers(&self) {
        let mut inner = self.lock();
        inner.watchers.telling = false;
        let changes = inner.list.tell_changes();
        let now = unix_millis();
        let news: Vec<News> = changes.iter().map(|change| News::of(change, now)).collect();
        if news.is_empty() {
            return;
        }
        let everybody = mpp::list(false, news.iter().map(|news| news.entry.as_str()));
        let everybody = bytes::Bytes::from(everybody);
        let banned = |user: &UserId| {
            let lists = news.iter().filter_map(|news| news.banned.as_ref());
            lists.into_iter().any(|(_, users)| users.contains(user))
        };
        for watcher in inner.watchers.all.values() {
            let list = if banned(&watcher.user) {
                mpp::list(false, news.iter().map(|news| news.for_user(&watcher.user))).into()
            } else {
                everybody.clone()
            };
            watcher.outbox.push(Frame::reliable(list));
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut inner = self.lobby.lock();
        inner.watchers.all.remove(&self.number);
        if inner.watchers.all.is_empty() {
            inner.list.unwatched();
        }
    }
}
