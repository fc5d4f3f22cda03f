//! Members, connections and what they say.

use std::collections::BTreeMap;

use serde_json::Value;

use super::effects::Effects;
use super::room::Room;
use crate::types::{
    Attachment, ConnectionId, Departure, Detachment, Effect, Entrant, Event, Identity, Joined,
    MemberId, MemberProfile, Message, Parting, Payload, Profile,
};
use crate::{Rules, Topics};

/// A connection and its member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The member's number.
    pub member: MemberId,
    /// The connection's number.
    pub connection: ConnectionId,
    /// The user id.
    pub user: String,
}

/// Who is in the room, and which numbers were given.
#[derive(Debug, Default)]
pub(super) struct People {
    attached: BTreeMap<ConnectionId, MemberId>,
    members: MemberId,
    connections: ConnectionId,
}

impl People {
    pub(super) fn members_given(&self) -> MemberId {
        self.members
    }

    pub(super) fn connections_given(&self) -> ConnectionId {
        self.connections
    }

    fn next_connection(&mut self) -> ConnectionId {
        self.connections += 1;
        self.connections
    }

    fn next_member(&mut self) -> MemberId {
        self.members += 1;
        self.members
    }

    /// Detach every connection, as after a restart of the server.
    pub(super) fn lose_all(&mut self) -> Vec<Event> {
        let attached = std::mem::take(&mut self.attached);
        let event = |(connection, member)| {
            Event::Detach(Detachment {
                member,
                connection,
                reason: Parting::ServerRestart,
            })
        };
        attached.into_iter().map(event).collect()
    }
}

/// Coming and going.
impl<R: Rules> Room<R> {
    /// Somebody at the door: a user id, a name made of it, no claims, no options, proved.
    pub fn entrant(&mut self, user: &str) -> Entrant {
        let connection = self.people.next_connection();
        let name = crate::payload::subject(user).to_owned();
        Entrant {
            connection,
            who: Identity {
                user: user.to_owned(),
                profile: Profile {
                    name,
                    color: 0x80_80_80,
                },
                claims: "{}".to_owned(),
                verified: true,
            },
            options: "{}".to_owned(),
            leaving: None,
        }
    }

    /// Ask for entry, and go in if admitted. [`Room::last`] has the effects of `join` and
    /// `attach`.
    ///
    /// # Errors
    /// The effects of the call that did not admit.
    pub fn try_enter(&mut self, entrant: Entrant) -> Result<Peer, Effects> {
        let connection = entrant.connection;
        let answer = self.call(vec![Event::JoinAttempt(entrant.clone())]);
        if !answer.all().contains(&Effect::Admit(connection)) {
            return Err(answer);
        }
        let member = self.people.next_member();
        let user = entrant.who.user.clone();
        self.people.attached.insert(connection, member);
        self.call(vec![
            Event::Join(Joined { member, entrant }),
            Event::Attach(Attachment {
                member,
                connection,
                resumed: false,
            }),
        ]);
        Ok(Peer {
            member,
            connection,
            user,
        })
    }

    /// A user enters. [`Room::last`] has the effects of `join` and `attach`.
    ///
    /// # Panics
    /// When the user is not admitted.
    #[track_caller]
    pub fn enter(&mut self, user: &str) -> Peer {
        let entrant = self.entrant(user);
        match self.try_enter(entrant) {
            Ok(peer) => peer,
            Err(answer) => panic!("{user} was not admitted: {answer:#?}"),
        }
    }

    /// A further connection of a member, or its return within grace. [`Room::last`] has the
    /// effects.
    pub fn attach(&mut self, peer: &Peer, resumed: bool) -> Peer {
        let connection = self.people.next_connection();
        let member = peer.member;
        self.people.attached.insert(connection, member);
        self.call(vec![Event::Attach(Attachment {
            member,
            connection,
            resumed,
        })]);
        Peer {
            connection,
            ..peer.clone()
        }
    }

    /// A connection is gone; its member stays.
    pub fn detach(&mut self, peer: &Peer, reason: Parting) -> Effects {
        self.people.attached.remove(&peer.connection);
        let Peer {
            member, connection, ..
        } = *peer;
        self.call(vec![Event::Detach(Detachment {
            member,
            connection,
            reason,
        })])
    }

    /// A member is gone, after all of its connections, in one call.
    pub fn leave(&mut self, peer: &Peer, reason: Parting) -> Effects {
        let member = peer.member;
        let attached = &mut self.people.attached;
        let lost: Vec<_> = attached
            .extract_if(.., |_, owner| *owner == member)
            .collect();
        let mut events: Vec<Event> = lost
            .into_iter()
            .map(|(connection, member)| {
                Event::Detach(Detachment {
                    member,
                    connection,
                    reason,
                })
            })
            .collect();
        events.push(Event::Leave(Departure { member, reason }));
        self.call(events)
    }

    /// The lobby holds another profile for a member.
    pub fn profile_changed(&mut self, peer: &Peer, profile: Profile) -> Effects {
        self.call(vec![Event::ProfileChanged(MemberProfile {
            member: peer.member,
            profile,
        })])
    }
}

/// Talking.
impl<R: Rules> Room<R> {
    /// The event of a member saying something, for a batch of one's own.
    #[must_use]
    pub fn message(peer: &Peer, topic: R::Topic, payload: Payload) -> Event {
        let Peer {
            member,
            connection: via,
            ..
        } = *peer;
        Event::Message(Message {
            member,
            via,
            topic: topic.id(),
            payload,
        })
    }

    /// A member says JSON.
    #[track_caller]
    pub fn say(&mut self, peer: &Peer, topic: R::Topic, value: Value) -> Effects {
        self.call(vec![Self::message(peer, topic, Payload::of(&value))])
    }

    /// A member says bytes.
    #[track_caller]
    pub fn say_binary(&mut self, peer: &Peer, topic: R::Topic, bytes: &[u8]) -> Effects {
        self.call(vec![Self::message(
            peer,
            topic,
            Payload::Binary(bytes.to_owned()),
        )])
    }
}
