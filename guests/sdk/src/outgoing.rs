//! Deliveries and forwardings, word by word: what, to whom, on which lane.

use serde::Serialize;

use crate::types::{
    Audience, Author, ConnectionId, Delivery, Effect, Forwarding, Lane, MemberId, Payload, TopicId,
};

/// A delivery that still needs its content: [`crate::Cx::deliver`] begins it.
#[must_use = "nothing is sent before a lane is named"]
pub struct Draft<'a> {
    effects: &'a mut Vec<Effect>,
    topic: TopicId,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(effects: &'a mut Vec<Effect>, topic: TopicId) -> Self {
        Self { effects, topic }
    }

    /// With this payload.
    pub fn payload(self, payload: Payload) -> Outgoing<'a, Said> {
        let content = Said {
            topic: self.topic,
            payload,
            author: Author::Room,
        };
        Outgoing {
            effects: self.effects,
            to: Audience::Everyone,
            content,
        }
    }

    /// With this value as JSON.
    ///
    /// # Panics
    /// When the value has no JSON form, such as a map whose keys are no strings.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Outgoing<'a, Said> {
        self.payload(Payload::of(value))
    }

    /// With these bytes.
    pub fn binary(self, bytes: impl Into<Vec<u8>>) -> Outgoing<'a, Said> {
        self.payload(Payload::Binary(bytes.into()))
    }
}

/// Content that the rules wrote.
pub struct Said {
    topic: TopicId,
    payload: Payload,
    author: Author,
}

/// A message of this batch.
pub struct Forward {
    pub(crate) index: u32,
}

/// What can be sent.
trait Content {
    fn effect(self, to: Audience, lane: Lane) -> Effect;
}

impl Content for Said {
    fn effect(self, to: Audience, lane: Lane) -> Effect {
        let Self {
            topic,
            payload,
            author,
        } = self;
        Effect::Deliver(Delivery {
            to,
            topic,
            payload,
            lane,
            author,
        })
    }
}

impl Content for Forward {
    fn effect(self, to: Audience, lane: Lane) -> Effect {
        Effect::Forward(Forwarding {
            index: self.index,
            to,
            lane,
        })
    }
}

/// Content on its way: to everyone unless told otherwise, sent once a lane is named.
#[must_use = "nothing is sent before a lane is named"]
pub struct Outgoing<'a, C> {
    effects: &'a mut Vec<Effect>,
    to: Audience,
    content: C,
}

impl<'a> Outgoing<'a, Forward> {
    pub(crate) fn forward(effects: &'a mut Vec<Effect>, index: u32) -> Self {
        Self {
            effects,
            to: Audience::Everyone,
            content: Forward { index },
        }
    }
}

impl Outgoing<'_, Said> {
    /// Clients see this member as its source.
    pub fn by(mut self, member: MemberId) -> Self {
        self.content.author = Author::Member(member);
        self
    }

    /// Clients see this user as its source, whether present or not.
    pub fn by_user(mut self, user: &str) -> Self {
        self.content.author = Author::User(user.to_owned());
        self
    }
}

#[allow(private_bounds, reason = "only this crate knows kinds of content")]
impl<C: Content> Outgoing<'_, C> {
    /// To this audience.
    pub fn to(mut self, audience: Audience) -> Self {
        self.to = audience;
        self
    }

    /// To all connections in the room.
    pub fn to_everyone(self) -> Self {
        self.to(Audience::Everyone)
    }

    /// To all but this connection.
    pub fn to_all_but_connection(self, connection: ConnectionId) -> Self {
        self.to(Audience::ButConnection(connection))
    }

    /// To all but this member's connections.
    pub fn to_all_but_member(self, member: MemberId) -> Self {
        self.to(Audience::ButMember(member))
    }

    /// To all connections of this member.
    pub fn to_member(self, member: MemberId) -> Self {
        self.to_members([member])
    }

    /// To all connections of these members.
    pub fn to_members(self, members: impl IntoIterator<Item = MemberId>) -> Self {
        self.to(Audience::Members(members.into_iter().collect()))
    }

    /// To this connection.
    pub fn to_connection(self, connection: ConnectionId) -> Self {
        self.to_connections([connection])
    }

    /// To these connections.
    pub fn to_connections(self, connections: impl IntoIterator<Item = ConnectionId>) -> Self {
        self.to(Audience::Connections(connections.into_iter().collect()))
    }

    /// Send it in order and complete; a client too slow for it is closed.
    pub fn reliable(self) {
        self.on(Lane::Reliable);
    }

    /// Send it; it may be lost or overtaken.
    pub fn unreliable(self) {
        self.on(Lane::Unreliable);
    }

    /// Send it; only the newest of this key, topic and audience counts.
    pub fn latest(self, key: u32) {
        self.on(Lane::Latest(key));
    }

    /// Send it on this lane.
    pub fn on(self, lane: Lane) {
        self.effects.push(self.content.effect(self.to, lane));
    }
}
