//! Which rooms live on this node.

use crate::actor::{Actor, Host, Order, RoomHandle};
use crate::kinds::Kind;
use crate::net::limits::counted_as;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;
use tokio::sync::Notify;

/// Why there is no such room now.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RoomError {
    /// The configuration allows no more.
    #[error("there are as many rooms as this server is configured for")]
    TooMany,
    /// The configuration allows no more that somebody at this address has opened.
    #[error("too many rooms have been opened from your address")]
    TooManyOfOne,
    /// The server is going down.
    #[error("the server is going down")]
    ShuttingDown,
    /// Out of bounds.
    #[error("a room id has 1 to 512 UTF-16 units")]
    BadId,
}

type Key = (Arc<str>, Arc<str>);

/// How many rooms may live.
#[derive(Clone, Copy, Debug)]
pub struct RoomQuota {
    /// In all.
    pub most: usize,
    /// Of those that were opened from one client address (an IPv6 /64 counts as one); 0 for any number.
    pub most_per_address: usize,
}

/// A room on the list.
struct Live {
    handle: RoomHandle,
    /// From where it was opened; `None` for the house itself.
    opener: Option<IpAddr>,
}

#[derive(Default)]
struct Inner {
    rooms: HashMap<Key, Live>,
    by_opener: HashMap<IpAddr, usize>,
    closing: bool,
}

impl Inner {
    /// Whether one more may be opened from there.
    fn check(&self, quota: RoomQuota, opener: Option<IpAddr>) -> Result<(), RoomError> {
        if self.closing {
            return Err(RoomError::ShuttingDown);
        }
        if self.rooms.len() >= quota.most {
            return Err(RoomError::TooMany);
        }
        let opened = opener.and_then(|opener| self.by_opener.get(&opener));
        let full = |opened: &usize| *opened >= quota.most_per_address;
        if quota.most_per_address > 0 && opened.is_some_and(full) {
            return Err(RoomError::TooManyOfOne);
        }
        Ok(())
    }

    fn insert(&mut self, key: Key, live: Live) {
        if let Some(opener) = live.opener {
            *self.by_opener.entry(opener).or_default() += 1;
        }
        self.rooms.insert(key, live);
    }

    fn remove(&mut self, key: &Key) {
        let Some(opener) = self.rooms.remove(key).and_then(|live| live.opener) else {
            return;
        };
        if let Some(opened) = self.by_opener.get_mut(&opener) {
            *opened = opened.saturating_sub(1);
            if *opened == 0 {
                self.by_opener.remove(&opener);
            }
        }
    }
}

/// The live rooms, by kind and id.
pub struct Registry {
    host: Host,
    quota: RoomQuota,
    inner: Mutex<Inner>,
    emptier: Notify,
    storage: Mutex<Option<String>>,
}

impl Registry {
    /// None yet, and never more than so many.
    #[must_use]
    pub fn new(host: Host, quota: RoomQuota) -> Arc<Self> {
        Arc::new(Self {
            host,
            quota,
            inner: Mutex::new(Inner::default()),
            emptier: Notify::new(),
            storage: Mutex::new(None),
        })
    }

    /// The room of that name, opened for the house itself if need be.
    ///
    /// # Errors
    /// There can be no such room now.
    pub fn room(self: &Arc<Self>, kind: &Arc<Kind>, id: &str) -> Result<RoomHandle, RoomError> {
        self.find(kind, id, None)
    }

    /// The room of that name, opened for a client at that address if need be.
    ///
    /// # Errors
    /// There can be no such room now.
    pub fn room_for(
        self: &Arc<Self>,
        kind: &Arc<Kind>,
        id: &str,
        client: IpAddr,
    ) -> Result<RoomHandle, RoomError> {
        self.find(kind, id, Some(counted_as(client)))
    }

    fn find(
        self: &Arc<Self>,
        kind: &Arc<Kind>,
        id: &str,
        opener: Option<IpAddr>,
    ) -> Result<RoomHandle, RoomError> {
        if id.is_empty() || id.encode_utf16().count() > 512 {
            return Err(RoomError::BadId);
        }
        let key: Key = (kind.shared_name(), Arc::from(id));
        let mut inner = self.lock();
        if let Some(live) = inner.rooms.get(&key) {
            return Ok(live.handle.clone());
        }
        inner.check(self.quota, opener)?;
        let (name, id) = (Arc::clone(&key.0), Arc::clone(&key.1));
        let program = kind.ruling_for(&id).program;
        let handle = RoomHandle::new(name, id, program, kind.limits());
        let live = Live {
            handle: handle.clone(),
            opener,
        };
        inner.insert(key, live);
        drop(inner);
        let (kind, registry) = (Arc::clone(kind), Arc::clone(self));
        let actor = Actor::new(handle.clone(), kind, self.host.clone(), registry);
        tokio::spawn(actor.run());
        Ok(handle)
    }

    /// A room is over: its door is closed, or is about to be.
    pub(crate) fn remove(&self, handle: &RoomHandle) {
        let mut inner = self.lock();
        let key: Key = (Arc::clone(handle.kind()), Arc::clone(handle.id()));
        let listed = inner.rooms.get(&key);
        if listed.is_some_and(|live| live.handle.same(handle)) {
            inner.remove(&key);
        }
        drop(inner);
        self.emptier.notify_waiters();
    }

    /// Wait until a room that is over has left the list: what is stored of it is gone by then, and another can be opened.
    pub async fn left(&self, handle: &RoomHandle) {
        let key: Key = (Arc::clone(handle.kind()), Arc::clone(handle.id()));
        loop {
            let emptier = self.emptier.notified();
            tokio::pin!(emptier);
            emptier.as_mut().enable();
            let is_listed = |live: &Live| live.handle.same(handle);
            if !self.lock().rooms.get(&key).is_some_and(is_listed) {
                return;
            }
            emptier.await;
        }
    }

    /// The live rooms of a kind, or of all kinds, in the order of kind and id. Those of the house itself are left out.
    #[must_use]
    pub fn rooms(&self, kind: Option<&str>) -> Vec<RoomHandle> {
        let inner = self.lock();
        let wanted = inner.rooms.values().map(|live| &live.handle);
        let wanted = wanted.filter(|handle| match kind {
            Some(kind) => **handle.kind() == *kind,
            None => !handle.kind().starts_with('~'),
        });
        let mut rooms: Vec<RoomHandle> = wanted.cloned().collect();
        drop(inner);
        rooms.sort_by(|a, b| (a.kind(), a.id()).cmp(&(b.kind(), b.id())));
        rooms
    }

    /// A live room.
    #[must_use]
    pub fn get(&self, kind: &str, id: &str) -> Option<RoomHandle> {
        let key: Key = (Arc::from(kind), Arc::from(id));
        self.lock().rooms.get(&key).map(|live| live.handle.clone())
    }

    /// How many rooms live.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().rooms.len()
    }

    /// Whether none does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Put all rooms away, and open none any more. Returns when the last is gone.
    pub async fn shut_down(&self) {
        let handles: Vec<RoomHandle> = {
            let mut inner = self.lock();
            inner.closing = true;
            let rooms = inner.rooms.values();
            rooms.map(|live| live.handle.clone()).collect()
        };
        // One that is gone already leaves the list by itself.
        let _gone = handles
            .iter()
            .filter(|handle| handle.order(Order::Leave).is_err())
            .count();
        loop {
            let emptier = self.emptier.notified();
            if self.is_empty() {
                return;
            }
            emptier.await;
        }
    }

    /// A room could not store its state: the node is not ready any more.
    pub(crate) fn report_storage(&self, cause: &str) {
        let mut storage = self.storage.lock().unwrap_or_else(PoisonError::into_inner);
        storage.get_or_insert_with(|| cause.to_owned());
    }

    /// The first reason why state could not be stored.
    #[must_use]
    pub fn storage_failure(&self) -> Option<String> {
        self.storage
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What rooms need of the host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
