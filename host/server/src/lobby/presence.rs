//! Which connections of which users are where, and what they subscribed to.

use crate::actor::RoomHandle;
use crate::fanout::Outlet;
use roost_room::{ConnectionId, Subscription, Topic, UserId};
use std::collections::BTreeMap;

struct Place {
    room: RoomHandle,
    connection: ConnectionId,
    outlet: Outlet,
}

impl Place {
    fn is(&self, room: &RoomHandle, connection: ConnectionId) -> bool {
        self.connection == connection && self.room.same(room)
    }
}

#[derive(Default)]
pub(super) struct Presence {
    users: BTreeMap<UserId, Vec<Place>>,
    topics: BTreeMap<Topic, Vec<Place>>,
}

impl Presence {
    pub(super) fn attach(&mut self, room: &RoomHandle, connection: ConnectionId, outlet: Outlet) {
        let place = Place {
            room: room.clone(),
            connection,
            outlet,
        };
        self.users
            .entry(place.outlet.user.clone())
            .or_default()
            .push(place);
    }

    pub(super) fn detach(&mut self, user: &UserId, room: &RoomHandle, connection: ConnectionId) {
        if let Some(places) = self.users.get_mut(user) {
            places.retain(|place| !place.is(room, connection));
            if places.is_empty() {
                self.users.remove(user);
            }
        }
        self.topics.retain(|_, places| {
            places.retain(|place| !place.is(room, connection));
            !places.is_empty()
        });
    }

    pub(super) fn subscribe(
        &mut self,
        room: &RoomHandle,
        subscription: Subscription,
        outlet: Outlet,
    ) {
        let place = Place {
            room: room.clone(),
            connection: subscription.connection,
            outlet,
        };
        self.topics
            .entry(subscription.topic)
            .or_default()
            .push(place);
    }

    pub(super) fn unsubscribe(&mut self, room: &RoomHandle, subscription: &Subscription) {
        if let Some(places) = self.topics.get_mut(&subscription.topic) {
            places.retain(|place| !place.is(room, subscription.connection));
            if places.is_empty() {
                self.topics.remove(&subscription.topic);
            }
        }
    }

    /// The rooms a user is in, each once.
    pub(super) fn rooms_of(&self, user: &UserId) -> Vec<RoomHandle> {
        let mut rooms: Vec<RoomHandle> = Vec::new();
        for place in self.users.get(user).into_iter().flatten() {
            if !rooms.iter().any(|room| room.same(&place.room)) {
                rooms.push(place.room.clone());
            }
        }
        rooms
    }

    pub(super) fn outlets_of(&self, user: &UserId) -> Vec<Outlet> {
        self.users
            .get(user)
            .into_iter()
            .flatten()
            .map(|place| place.outlet.clone())
            .collect()
    }

    pub(super) fn subscribers(&self, topic: &Topic) -> Vec<Outlet> {
        self.topics
            .get(topic)
            .into_iter()
            .flatten()
            .map(|place| place.outlet.clone())
            .collect()
    }
}
