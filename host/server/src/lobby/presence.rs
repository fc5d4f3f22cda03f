//! Which connections of which users are where, and what they subscribed to.

use crate::actor::RoomHandle;
use crate::fanout::Outlet;
use roost_room::{ConnectionId, Subscription, Topic, UserId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A connection of one life of a room. Each has an id of its own in memory, and whoever is in here holds it there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct PlaceId {
    room: usize,
    connection: ConnectionId,
}

impl PlaceId {
    fn of(room: &RoomHandle, connection: ConnectionId) -> Self {
        let room = Arc::as_ptr(room.id()).cast::<u8>().addr();
        Self { room, connection }
    }
}

struct Place {
    room: RoomHandle,
    outlet: Outlet,
}

/// A connection that subscribed to something.
struct Subscriber {
    /// Holds the room's id in memory.
    _room: RoomHandle,
    topics: Vec<Topic>,
}

/// Found by user and by topic; and by connection, so that nobody is searched for when one goes.
#[derive(Default)]
pub(super) struct Presence {
    users: BTreeMap<UserId, BTreeMap<PlaceId, Place>>,
    topics: BTreeMap<Topic, BTreeMap<PlaceId, Outlet>>,
    subscribers: BTreeMap<PlaceId, Subscriber>,
}

impl Presence {
    pub(super) fn attach(&mut self, room: &RoomHandle, connection: ConnectionId, outlet: Outlet) {
        let places = self.users.entry(outlet.user.clone()).or_default();
        let place = Place {
            room: room.clone(),
            outlet,
        };
        places.insert(PlaceId::of(room, connection), place);
    }

    pub(super) fn detach(&mut self, user: &UserId, room: &RoomHandle, connection: ConnectionId) {
        let place = PlaceId::of(room, connection);
        if let Some(places) = self.users.get_mut(user) {
            places.remove(&place);
            if places.is_empty() {
                self.users.remove(user);
            }
        }
        if let Some(subscriber) = self.subscribers.remove(&place) {
            for topic in &subscriber.topics {
                self.end(topic, place);
            }
        }
    }

    fn end(&mut self, topic: &Topic, place: PlaceId) {
        if let Some(outlets) = self.topics.get_mut(topic) {
            outlets.remove(&place);
            if outlets.is_empty() {
                self.topics.remove(topic);
            }
        }
    }

    pub(super) fn subscribe(
        &mut self,
        room: &RoomHandle,
        subscription: Subscription,
        outlet: Outlet,
    ) {
        let Subscription { connection, topic } = subscription;
        let place = PlaceId::of(room, connection);
        let outlets = self.topics.entry(topic.clone()).or_default();
        if outlets.insert(place, outlet).is_some() {
            return;
        }
        let subscriber = self.subscribers.entry(place).or_insert_with(|| Subscriber {
            _room: room.clone(),
            topics: Vec::new(),
        });
        subscriber.topics.push(topic);
    }

    pub(super) fn unsubscribe(&mut self, room: &RoomHandle, subscription: &Subscription) {
        let place = PlaceId::of(room, subscription.connection);
        self.end(&subscription.topic, place);
        if let Some(subscriber) = self.subscribers.get_mut(&place) {
            subscriber
                .topics
                .retain(|topic| *topic != subscription.topic);
            if subscriber.topics.is_empty() {
                self.subscribers.remove(&place);
            }
        }
    }

    /// The rooms a user is in, each once.
    pub(super) fn rooms_of(&self, user: &UserId) -> Vec<RoomHandle> {
        let mut rooms: Vec<RoomHandle> = Vec::new();
        for place in self.users.get(user).into_iter().flat_map(BTreeMap::values) {
            // Places are in the order of their rooms.
            if !rooms.last().is_some_and(|room| room.same(&place.room)) {
                rooms.push(place.room.clone());
            }
        }
        rooms
    }

    pub(super) fn outlets_of(&self, user: &UserId) -> Vec<Outlet> {
        let places = self.users.get(user).into_iter().flat_map(BTreeMap::values);
        places.map(|place| place.outlet.clone()).collect()
    }

    pub(super) fn user_called(&self, subject: &str) -> Option<UserId> {
        let mut users = self.users.keys();
        users.find(|user| user.subject() == subject).cloned()
    }

    pub(super) fn subscribers(&self, topic: &Topic) -> Vec<Outlet> {
        let outlets = self.topics.get(topic).into_iter();
        outlets.flat_map(BTreeMap::values).cloned().collect()
    }
}
