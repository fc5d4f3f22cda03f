//! What spans the rooms of a kind: the list of rooms, profiles, bans that outlive a room, who is
//! where, and what is published beyond a room.
//!
//! Nobody waits in here; whatever has to wait (the disk, a full mailbox) does so in a task of its own.

mod keeping;
mod list;
mod presence;
pub(crate) mod records;
mod site_bans;
mod watching;

pub use list::Listed;
pub(crate) use site_bans::BANNED;
pub use site_bans::SiteBan;
pub use watching::Watching;

use crate::actor::RoomHandle;
use crate::fanout::{Encoded, Outlet};
use keeping::Keeping;
use list::List;
use presence::Presence;
use roost_room::{
    ConnectionId, Listing, Outgoing, Publication, Reach, Recipients, Route, Speaker, Subscription,
    UserId,
};
use roost_store::Rooms;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use watching::Watchers;

#[derive(Default)]
struct Inner {
    list: List,
    presence: Presence,
    keeping: Keeping,
    watchers: Watchers,
    /// Bans from all rooms that are on their way to the disk, or could not get there.
    site_bans: BTreeMap<UserId, Option<SiteBan>>,
}

/// The lobby of a kind.
pub struct Lobby {
    kind: Arc<str>,
    store: Rooms,
    inner: Mutex<Inner>,
    /// Held while a ban from all rooms is stored.
    banning: tokio::sync::Mutex<()>,
    /// Rung when nothing is on its way to the disk any more.
    all_saved: Notify,
}

impl Lobby {
    /// Empty; profiles and bans are in the store.
    #[must_use]
    pub fn new(kind: &str, store: Rooms) -> Self {
        Self {
            kind: Arc::from(kind),
            store,
            inner: Mutex::new(Inner::default()),
            banning: tokio::sync::Mutex::default(),
            all_saved: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rooms that may be shown, by id.
    #[must_use]
    pub fn listed(&self) -> Vec<Listed> {
        self.lock().list.visible()
    }

    /// A room's rules have set its entry.
    pub(crate) fn list(self: &Arc<Self>, room: &Arc<str>, listing: Listing) {
        let bans = self.lock().list.set(room, listing);
        if let Some(bans) = bans {
            self.keep_bans(room, bans);
        }
        self.changed();
    }

    /// A room has another number of members.
    pub(crate) fn count(self: &Arc<Self>, room: &Arc<str>, members: u32) {
        self.lock().list.count(room, members);
        self.changed();
    }

    /// A room is over, or `resting` in the store: then what it shows stays, if it shows anything.
    pub(crate) fn room_closed(self: &Arc<Self>, room: &Arc<str>, resting: bool) {
        {
            let mut inner = self.lock();
            if resting {
                inner.list.rest(room);
            } else {
                inner.list.remove(room);
            }
        }
        self.changed();
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
