//! Which rooms live on this node.

use crate::actor::{Actor, Host, Order, RoomHandle};
use crate::kinds::Kind;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;
use tokio::sync::Notify;

/// Why there is no such room now.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RoomError {
    /// The configuration allows no more.
    #[error("there are {0} rooms already, as many as this server is configured for")]
    TooMany(usize),
    /// The server is going down.
    #[error("the server is going down")]
    ShuttingDown,
    /// Out of bounds.
    #[error("a room id has 1 to 512 UTF-16 units")]
    BadId,
}

type Key = (Arc<str>, Arc<str>);

#[derive(Default)]
struct Inner {
    rooms: HashMap<Key, RoomHandle>,
    closing: bool,
}

/// The live rooms, by kind and id.
pub struct Registry {
    host: Host,
    most: usize,
    inner: Mutex<Inner>,
    emptier: Notify,
    storage: Mutex<Option<String>>,
}

impl Registry {
    /// None yet, and never more than so many.
    #[must_use]
    pub fn new(host: Host, most: usize) -> Arc<Self> {
        Arc::new(Self {
            host,
            most,
            inner: Mutex::new(Inner::default()),
            emptier: Notify::new(),
            storage: Mutex::new(None),
        })
    }

    /// The room of that name, opened if need be.
    ///
    /// # Errors
    /// There can be no such room now.
    pub fn room(self: &Arc<Self>, kind: &Arc<Kind>, id: &str) -> Result<RoomHandle, RoomError> {
        if id.is_empty() || id.encode_utf16().count() > 512 {
            return Err(RoomError::BadId);
        }
        let key: Key = (kind.shared_name(), Arc::from(id));
        let mut inner = self.lock();
        if let Some(handle) = inner.rooms.get(&key) {
            return Ok(handle.clone());
        }
        if inner.closing {
            return Err(RoomError::ShuttingDown);
        }
        if inner.rooms.len() >= self.most {
            return Err(RoomError::TooMany(self.most));
        }
        let limits = kind.limits();
        let handle = RoomHandle::new(
            Arc::clone(&key.0),
            Arc::clone(&key.1),
            kind.program(),
            limits,
        );
        inner.rooms.insert(key, handle.clone());
        drop(inner);
        let actor = Actor::new(
            handle.clone(),
            Arc::clone(kind),
            self.host.clone(),
            Arc::clone(self),
        );
        tokio::spawn(actor.run());
        Ok(handle)
    }

    /// A room is over.
    pub(crate) fn remove(&self, handle: &RoomHandle) {
        let mut inner = self.lock();
        let key: Key = (Arc::clone(handle.kind()), Arc::clone(handle.id()));
        if inner.rooms.get(&key).is_some_and(|live| live.same(handle)) {
            inner.rooms.remove(&key);
        }
        drop(inner);
        self.emptier.notify_waiters();
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
            inner.rooms.values().cloned().collect()
        };
        handles.iter().for_each(|handle| handle.order(Order::Leave));
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
