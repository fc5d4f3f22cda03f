//! What a call asked for, and assertions on it.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Peer;
use crate::Topics;
use crate::types::{Audience, Author, Effect, Event, Lane, Message, Payload};

/// The effects of one call or, after [`super::Room::advance`], of several.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    all: Vec<Effect>,
    sent: Vec<Sent>,
}

/// A delivery, or a forwarded message with the payload it stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// Who receives it.
    pub to: Audience,
    /// The topic's place in the manifest.
    pub topic: u16,
    /// The content.
    pub payload: Payload,
    /// How it travels.
    pub lane: Lane,
    /// Whom clients see as its source.
    pub author: Author,
}

impl Effects {
    /// Indexes of forwardings were checked before.
    pub(super) fn of(events: &[Event], all: Vec<Effect>) -> Self {
        let sent = all
            .iter()
            .filter_map(|effect| sent(events, effect))
            .collect();
        Self { all, sent }
    }

    pub(super) fn append(&mut self, other: Self) {
        self.all.extend(other.all);
        self.sent.extend(other.sent);
    }

    /// All effects, in order.
    #[must_use]
    pub fn all(&self) -> &[Effect] {
        &self.all
    }

    /// All that was delivered or forwarded, in order.
    #[must_use]
    pub fn sent(&self) -> &[Sent] {
        &self.sent
    }

    /// All that was delivered or forwarded on a topic.
    #[must_use]
    pub fn on(&self, topic: impl Topics) -> Vec<&Sent> {
        self.sent
            .iter()
            .filter(|sent| sent.topic == topic.id())
            .collect()
    }

    /// All that this connection would receive.
    #[must_use]
    pub fn seen_by(&self, peer: &Peer) -> Vec<&Sent> {
        self.sent.iter().filter(|sent| sent.reaches(peer)).collect()
    }

    /// The one delivery on this topic.
    ///
    /// # Panics
    /// When there are none or several.
    #[track_caller]
    pub fn expect_one(&self, topic: impl Topics) -> &Sent {
        match self.on(topic).as_slice() {
            [one] => one,
            others => panic!(
                "{} deliveries on {:?} where one is expected, in {:#?}",
                others.len(),
                topic.name(),
                self.all
            ),
        }
    }

    /// Nothing on this topic.
    ///
    /// # Panics
    /// When there is something.
    #[track_caller]
    pub fn expect_none(&self, topic: impl Topics) {
        assert!(
            self.on(topic).is_empty(),
            "deliveries on {:?}: {:#?}",
            topic.name(),
            self.all
        );
    }

    /// No effect at all.
    ///
    /// # Panics
    /// When there is one.
    #[track_caller]
    pub fn expect_nothing(&self) {
        assert!(
            self.all.is_empty(),
            "effects where none are expected: {:#?}",
            self.all
        );
    }

    /// This effect among the others.
    ///
    /// # Panics
    /// When it is missing.
    #[track_caller]
    pub fn expect(&self, effect: &Effect) {
        assert!(
            self.all.contains(effect),
            "{effect:#?} is missing in {:#?}",
            self.all
        );
    }
}

fn sent(events: &[Event], effect: &Effect) -> Option<Sent> {
    match effect {
        Effect::Deliver(delivery) => Some(Sent {
            to: delivery.to.clone(),
            topic: delivery.topic,
            payload: delivery.payload.clone(),
            lane: delivery.lane,
            author: delivery.author.clone(),
        }),
        Effect::Forward(forwarding) => {
            let message = message(events, forwarding.index)?;
            Some(Sent {
                to: forwarding.to.clone(),
                topic: message.topic,
                payload: message.payload.clone(),
                lane: forwarding.lane,
                author: Author::Member(message.member),
            })
        }
        _ => None,
    }
}

/// The message at this place of the batch.
pub(super) fn message(events: &[Event], index: u32) -> Option<&Message> {
    match events.get(usize::try_from(index).ok()?)? {
        Event::Message(message) => Some(message),
        _ => None,
    }
}

impl Sent {
    /// Whether this connection would receive it.
    #[must_use]
    pub fn reaches(&self, peer: &Peer) -> bool {
        match &self.to {
            Audience::Everyone => true,
            Audience::ButConnection(connection) => *connection != peer.connection,
            Audience::ButMember(member) => *member != peer.member,
            Audience::Members(members) => members.contains(&peer.member),
            Audience::Connections(connections) => connections.contains(&peer.connection),
        }
    }

    /// The content as JSON.
    ///
    /// # Panics
    /// When it is no JSON of that shape.
    #[track_caller]
    #[must_use]
    pub fn parse<T: DeserializeOwned>(&self) -> T {
        match self.payload.parse() {
            Ok(value) => value,
            Err(error) => panic!("{error} in {:?}", self.payload),
        }
    }

    /// It is this JSON.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn json(&self, expected: Value) -> &Self {
        assert_eq!(self.parse::<Value>(), expected);
        self
    }

    /// It is these bytes.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn binary(&self, expected: &[u8]) -> &Self {
        assert_eq!(self.payload, Payload::Binary(expected.to_owned()));
        self
    }

    /// It goes to this audience.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn to(&self, expected: &Audience) -> &Self {
        assert_eq!(&self.to, expected, "audience");
        self
    }

    /// It goes to everyone.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn to_everyone(&self) -> &Self {
        self.to(&Audience::Everyone)
    }

    /// It goes to this connection alone.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn to_connection(&self, connection: u32) -> &Self {
        self.to(&Audience::Connections(vec![connection]))
    }

    /// Clients see this member as its source.
    ///
    /// # Panics
    /// When they do not.
    #[track_caller]
    pub fn by(&self, member: u32) -> &Self {
        assert_eq!(self.author, Author::Member(member), "author");
        self
    }

    /// It is reliable.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn reliable(&self) -> &Self {
        self.lane(Lane::Reliable)
    }

    /// It is unreliable.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn unreliable(&self) -> &Self {
        self.lane(Lane::Unreliable)
    }

    /// Only the latest of this key counts.
    ///
    /// # Panics
    /// When it travels otherwise.
    #[track_caller]
    pub fn latest(&self, key: u32) -> &Self {
        self.lane(Lane::Latest(key))
    }

    #[track_caller]
    fn lane(&self, expected: Lane) -> &Self {
        assert_eq!(self.lane, expected, "lane");
        self
    }
}
