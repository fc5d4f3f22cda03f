//! What spans the rooms of a kind: the list of rooms, profiles, bans that outlive a room, who is
//! where, and what is published beyond a room.
//!
//! Nobody waits in here; whatever has to wait (the disk, a full mailbox) does so in a task of its own.

mod presence;
pub(crate) mod records;

use crate::actor::RoomHandle;
use crate::fanout::{Encoded, Outlet};
use presence::Presence;
use roost_room::{
    Ban, ConnectionId, Input, Listing, Outgoing, Profile, Publication, Reach, Recipients, Route,
    Speaker, Subscription, UserId,
};
use roost_store::{Batch, RoomKey, Rooms, StoreError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A room in the list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The room's id.
    pub id: Arc<str>,
    /// Members at the moment.
    pub members: u32,
    /// What its rules show.
    pub listing: Listing,
}

#[derive(Default)]
struct Entry {
    members: u32,
    listing: Option<Listing>,
}

#[derive(Default)]
struct Inner {
    rooms: BTreeMap<Arc<str>, Entry>,
    presence: Presence,
    /// Profiles on their way to the disk: the newest of each user, and how many are under way.
    saving: BTreeMap<UserId, (Profile, u32)>,
}

/// The lobby of a kind.
pub struct Lobby {
    kind: Arc<str>,
    store: Rooms,
    inner: Mutex<Inner>,
}

impl Lobby {
    /// Empty; profiles and bans are in the store.
    #[must_use]
    pub fn new(kind: &str, store: Rooms) -> Self {
        Self {
            kind: Arc::from(kind),
            store,
            inner: Mutex::new(Inner::default()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rooms that may be shown, by id.
    #[must_use]
    pub fn listed(&self) -> Vec<Listed> {
        let inner = self.lock();
        let shown = inner.rooms.iter().filter_map(|(id, entry)| {
            let listing = entry.listing.clone().filter(|listing| listing.visible)?;
            Some(Listed {
                id: Arc::clone(id),
                members: entry.members,
                listing,
            })
        });
        shown.collect()
    }

    /// A room's rules have set its entry.
    pub(crate) fn list(&self, room: &Arc<str>, listing: Listing) {
        let mut inner = self.lock();
        let entry = inner.rooms.entry(Arc::clone(room)).or_default();
        let bans_changed = entry.listing.as_ref().map_or(&[][..], |old| &old.bans) != listing.bans;
        let bans = bans_changed.then(|| listing.bans.clone());
        entry.listing = Some(listing);
        drop(inner);
        if let Some(bans) = bans {
            self.keep_bans(room, &bans);
        }
    }

    /// A room has another number of members.
    pub(crate) fn count(&self, room: &Arc<str>, members: u32) {
        self.lock()
            .rooms
            .entry(Arc::clone(room))
            .or_default()
            .members = members;
    }

    /// A room is over, or `resting` in the store: then its entry stays.
    pub(crate) fn room_closed(&self, room: &Arc<str>, resting: bool) {
        let mut inner = self.lock();
        if resting {
            if let Some(entry) = inner.rooms.get_mut(room) {
                entry.members = 0;
            }
        } else {
            inner.rooms.remove(room);
        }
    }

    /// Bans outlive rooms: they are given to the next of that id.
    fn keep_bans(&self, room: &Arc<str>, bans: &[Ban]) {
        let bytes = records::write_bans(bans);
        let kept = RoomKey::new(&self.kind, room).and_then(|key| {
            let mut batch = Batch::new();
            if bans.is_empty() {
                batch.delete_bans(&key);
            } else {
                batch.put_bans(&key, bytes);
            }
            self.store.submit(batch, Box::new(|_| ()))
        });
        if let Err(error) = kept {
            tracing::error!(kind = %self.kind, %room, %error, "bans could not be kept");
        }
    }

    /// The profile of a user, if one was ever set. Blocking: may read the disk.
    ///
    /// # Errors
    /// The store could not be read.
    pub fn profile(&self, user: &UserId) -> Result<Option<Profile>, StoreError> {
        if let Some((profile, _)) = self.lock().saving.get(user) {
            return Ok(Some(profile.clone()));
        }
        let bytes = self.store.profile(&self.kind, user.as_str())?;
        Ok(bytes.and_then(|bytes| records::read_profile(&bytes)))
    }

    /// Rules have changed a profile: make it durable, then tell every room the user is in.
    pub(crate) fn set_profile(self: &Arc<Self>, user: UserId, profile: Profile) {
        let mut inner = self.lock();
        let saving = inner
            .saving
            .entry(user.clone())
            .or_insert_with(|| (profile.clone(), 0));
        *saving = (profile.clone(), saving.1 + 1);
        drop(inner);
        let lobby = Arc::clone(self);
        tokio::spawn(async move { lobby.save_profile(user, profile).await });
    }

    async fn save_profile(&self, user: UserId, profile: Profile) {
        let (done, saved) = tokio::sync::oneshot::channel();
        let mut batch = Batch::new();
        let put = batch
            .put_profile(&self.kind, user.as_str(), records::write_profile(&profile))
            .map(|_| ());
        let submitted = put.and_then(|()| {
            let told = move |result| {
                // Nobody listens any more when the server goes down.
                let _ = done.send(result);
            };
            self.store.submit(batch, Box::new(told))
        });
        let result = match submitted {
            Ok(()) => saved.await.unwrap_or(Err(StoreError::Closed)),
            Err(error) => Err(error),
        };
        let rooms = {
            let mut inner = self.lock();
            let newest = inner
                .saving
                .get(&user)
                .is_some_and(|(newest, _)| *newest == profile);
            if let Some((_, under_way)) = inner.saving.get_mut(&user) {
                *under_way -= 1;
                if *under_way == 0 {
                    inner.saving.remove(&user);
                }
            }
            if newest {
                inner.presence.rooms_of(&user)
            } else {
                Vec::new()
            }
        };
        match result {
            Ok(()) => {
                for room in rooms {
                    room.tell(Input::Profile {
                        user: user.clone(),
                        profile: profile.clone(),
                    })
                    .await;
                }
            }
            Err(error) => {
                tracing::error!(kind = %self.kind, %user, %error, "a profile could not be kept")
            }
        }
    }

    /// A connection has entered a room.
    pub(crate) fn attach(&self, room: &RoomHandle, connection: ConnectionId, outlet: Outlet) {
        self.lock().presence.attach(room, connection, outlet);
    }

    /// A connection has left a room; its subscriptions end.
    pub(crate) fn detach(&self, user: &UserId, room: &RoomHandle, connection: ConnectionId) {
        self.lock().presence.detach(user, room, connection);
    }

    pub(crate) fn subscribe(&self, room: &RoomHandle, subscription: Subscription, outlet: Outlet) {
        self.lock().presence.subscribe(room, subscription, outlet);
    }

    pub(crate) fn unsubscribe(&self, room: &RoomHandle, subscription: &Subscription) {
        self.lock().presence.unsubscribe(room, subscription);
    }

    /// Send something beyond a room, but never to its author's own connections.
    pub(crate) fn publish(&self, publication: Publication, speaker: Option<Speaker>) {
        let author = speaker.as_ref().map(|speaker| speaker.user.clone());
        let outlets = {
            let inner = self.lock();
            match &publication.to {
                Reach::Subscribers => inner.presence.subscribers(&publication.topic),
                Reach::Users(users) => users
                    .iter()
                    .flat_map(|user| inner.presence.outlets_of(user))
                    .collect(),
            }
        };
        // Slots are numbered by room: beyond it only the user means anything.
        let speaker = speaker.map(|speaker| Speaker {
            member: None,
            ..speaker
        });
        let outgoing = Outgoing {
            to: Recipients::All,
            topic: publication.topic,
            payload: publication.payload,
            route: Route::Unreliable,
            speaker,
        };
        let mut encoded = Encoded::unnumbered(&outgoing);
        let others = outlets
            .iter()
            .filter(|outlet| Some(&outlet.user) != author.as_ref());
        others.for_each(|outlet| encoded.send(outlet));
    }
}
