//! Bringing profiles and bans to the disk: one task for each user and room at a time, which always writes the newest.

use super::{Lobby, records};
use roost_room::{Ban, Input, Profile, UserId};
use roost_store::{Batch, RoomKey, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long it is waited before the store is given something that it was too busy for.
const STORE_BUSY: Duration = Duration::from_millis(5);

/// Something on its way to the disk.
struct Newest<T> {
    value: T,
    /// It is there; those whom it concerns are being told.
    saved: bool,
}

/// What is on its way to the disk.
#[derive(Default)]
pub(super) struct Keeping {
    profiles: BTreeMap<UserId, Newest<Profile>>,
    bans: BTreeMap<Arc<str>, Newest<Vec<Ban>>>,
    /// Profiles and bans from all rooms set since the start.
    changes: u64,
}

impl Keeping {
    /// What was read of a user before may be wrong now.
    pub(super) fn changed(&mut self) {
        self.changes += 1;
    }
}

/// Take a value in. Tells whether nobody is saving it yet.
fn put<K: Ord, T>(newest: &mut BTreeMap<K, Newest<T>>, key: K, value: T) -> bool {
    let saved = false;
    newest.insert(key, Newest { value, saved }).is_none()
}

/// What has to be saved; `None` when all is, and then it is not remembered any more.
fn unsaved<K: Ord, T: Clone>(newest: &mut BTreeMap<K, Newest<T>>, key: &K) -> Option<T> {
    let value = newest.get(key).filter(|newest| !newest.saved);
    let value = value.map(|newest| newest.value.clone());
    if value.is_none() {
        newest.remove(key);
    }
    value
}

/// A value has been dealt with; a newer one may have come meanwhile.
fn done<K: Ord, T: PartialEq>(newest: &mut BTreeMap<K, Newest<T>>, key: &K, value: &T) {
    if let Some(newest) = newest.get_mut(key) {
        newest.saved |= newest.value == *value;
    }
}

impl Lobby {
    /// Goes up with every profile and every ban from all rooms that is set.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.lock().keeping.changes
    }

    /// The profile of a user, if one was ever set. Blocking: may read the disk.
    ///
    /// # Errors
    /// The store could not be read.
    pub fn profile(&self, user: &UserId) -> Result<Option<Profile>, StoreError> {
        if let Some(newest) = self.lock().keeping.profiles.get(user) {
            return Ok(Some(newest.value.clone()));
        }
        let bytes = self.store.profile(&self.kind, user.as_str())?;
        Ok(bytes.and_then(|bytes| records::read_profile(&bytes)))
    }

    /// The bans of a room, those that are not on the disk yet included. Blocking: may read the disk.
    ///
    /// # Errors
    /// The store could not be read.
    pub fn bans(&self, room: &str) -> Result<Vec<Ban>, StoreError> {
        if let Some(newest) = self.lock().keeping.bans.get(room) {
            return Ok(newest.value.clone());
        }
        let bytes = self.store.bans(&RoomKey::new(&self.kind, room)?)?;
        Ok(bytes.map_or_else(Vec::new, |bytes| records::read_bans(&bytes)))
    }

    /// Whether a user's profile is not on the disk yet. His rooms are told when it is.
    #[must_use]
    pub fn is_saving(&self, user: &UserId) -> bool {
        let inner = self.lock();
        let newest = inner.keeping.profiles.get(user);
        newest.is_some_and(|newest| !newest.saved)
    }

    /// Rules have changed a profile: make it durable, then tell every room the user is in.
    pub(crate) fn set_profile(self: &Arc<Self>, user: UserId, profile: Profile) {
        let mut inner = self.lock();
        inner.keeping.changed();
        let first = put(&mut inner.keeping.profiles, user.clone(), profile);
        drop(inner);
        if first {
            let lobby = Arc::clone(self);
            tokio::spawn(async move { lobby.save_profile(user).await });
        }
    }

    async fn save_profile(&self, user: UserId) {
        while let Some(profile) = self.unsaved_profile(&user) {
            let bytes = records::write_profile(&profile);
            let put = |batch: &mut Batch| {
                batch
                    .put_profile(&self.kind, user.as_str(), bytes.clone())
                    .map(|_| ())
            };
            let result = self.save(put).await;
            let rooms = {
                let mut inner = self.lock();
                done(&mut inner.keeping.profiles, &user, &profile);
                inner.presence.rooms_of(&user)
            };
            if let Err(error) = result {
                tracing::error!(kind = %self.kind, %user, %error, "a profile could not be kept");
                continue;
            }
            for room in rooms {
                let (user, profile) = (user.clone(), profile.clone());
                room.tell(Input::Profile { user, profile }).await;
            }
        }
    }

    fn unsaved_profile(&self, user: &UserId) -> Option<Profile> {
        let mut inner = self.lock();
        let profile = unsaved(&mut inner.keeping.profiles, user);
        drop(inner);
        self.ring_if_all_saved();
        profile
    }

    /// Bans outlive rooms: they are given to the next of that id.
    pub(super) fn keep_bans(self: &Arc<Self>, room: &Arc<str>, bans: Vec<Ban>) {
        let first = put(&mut self.lock().keeping.bans, Arc::clone(room), bans);
        if first {
            let (lobby, room) = (Arc::clone(self), Arc::clone(room));
            tokio::spawn(async move { lobby.save_bans(&room).await });
        }
    }

    async fn save_bans(&self, room: &Arc<str>) {
        while let Some(bans) = self.unsaved_bans(room) {
            let put = |batch: &mut Batch| {
                let key = RoomKey::new(&self.kind, room)?;
                if bans.is_empty() {
                    batch.delete_bans(&key);
                } else {
                    batch.put_bans(&key, records::write_bans(&bans));
                }
                Ok(())
            };
            if let Err(error) = self.save(put).await {
                tracing::error!(kind = %self.kind, %room, %error, "bans could not be kept");
            }
            done(&mut self.lock().keeping.bans, room, &bans);
        }
    }

    fn unsaved_bans(&self, room: &Arc<str>) -> Option<Vec<Ban>> {
        let mut inner = self.lock();
        let bans = unsaved(&mut inner.keeping.bans, room);
        drop(inner);
        self.ring_if_all_saved();
        bans
    }

    /// Hand the store a batch, again and again while it is too busy, and wait until it is durable.
    pub(super) async fn save(
        &self,
        put: impl Fn(&mut Batch) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        loop {
            let mut batch = Batch::new();
            put(&mut batch)?;
            let (told, saved) = tokio::sync::oneshot::channel();
            let tell = move |result| {
                // Nobody listens any more when the server goes down.
                let _ = told.send(result);
            };
            match self.store.submit(batch, Box::new(tell)) {
                Ok(()) => return saved.await.unwrap_or(Err(StoreError::Closed)),
                Err(StoreError::Overloaded) => tokio::time::sleep(STORE_BUSY).await,
                Err(error) => return Err(error),
            }
        }
    }

    fn is_all_saved(&self) -> bool {
        let inner = self.lock();
        inner.keeping.profiles.is_empty() && inner.keeping.bans.is_empty()
    }

    fn ring_if_all_saved(&self) {
        if self.is_all_saved() {
            self.all_saved.notify_waiters();
        }
    }

    /// Wait until nothing is on its way to the disk.
    pub async fn saved(&self) {
        loop {
            let all_saved = self.all_saved.notified();
            tokio::pin!(all_saved);
            all_saved.as_mut().enable();
            if self.is_all_saved() {
                return;
            }
            all_saved.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use roost_store::{Options, QueueLimits, Store};

    fn profile(n: u32) -> Profile {
        Profile {
            name: format!("name {n}"),
            color: n,
        }
    }

    fn open(folder: &tempfile::TempDir, batches: usize) -> (Store, Arc<Lobby>) {
        let options = Options {
            rooms: QueueLimits {
                batches,
                ..Options::ROOMS
            },
            ..Options::default()
        };
        let store = Store::open(folder.path(), options).unwrap();
        let lobby = Arc::new(Lobby::new("k", store.rooms().clone()));
        (store, lobby)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn the_newest_profile_and_the_newest_bans_are_kept_however_busy_the_store_is() {
        let folder = tempfile::tempdir().unwrap();
        // One batch at a time: whatever comes meanwhile is refused.
        let (_store, lobby) = open(&folder, 1);
        let users: Vec<UserId> = (0..20)
            .filter_map(|n| UserId::new("jwt", &format!("user {n}")))
            .collect();
        let room: Arc<str> = Arc::from("r");
        for n in 0..50 {
            for user in &users {
                lobby.set_profile(user.clone(), profile(n));
                assert_eq!(lobby.profile(user).unwrap(), Some(profile(n)));
            }
            let user = users[0].clone();
            let bans = vec![Ban {
                user,
                until: u64::from(n),
            }];
            lobby.keep_bans(&room, bans.clone());
            assert_eq!(lobby.bans("r").unwrap(), bans);
            tokio::task::yield_now().await;
        }
        lobby.saved().await;
        assert!(lobby.is_all_saved());
        for user in &users {
            assert_eq!(lobby.profile(user).unwrap(), Some(profile(49)), "{user}");
            assert!(!lobby.is_saving(user));
        }
        assert_eq!(lobby.bans("r").unwrap()[0].until, 49);
        assert_eq!(lobby.changes(), 50 * 20);
    }
}
