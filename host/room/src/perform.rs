//! Doing what the rules want, once a call stands. Everything here has been validated.

use crate::calls::Batch;
use crate::effect::{
    Audience, Author, Delivery, Effect, Flow, Forwarding, Lane, Publication, Redirection, Refusal,
    RefusalReason, Relocation, Removal, Right, SignalReply, Subscription,
};
use crate::event::Event;
use crate::ids::ConnectionId;
use crate::limits::{RESERVATION_MS, SUBSCRIPTIONS};
use crate::manifest::Topic;
use crate::output::{Answer, Closing, Outgoing, Output, Recipients, Route, Speaker};
use crate::resume::in_order;
use crate::room::Room;
use siphasher::sip::SipHasher13;
use std::hash::{Hash, Hasher};

impl Room {
    /// Do it all, in order.
    pub(crate) fn perform(&mut self, effects: Vec<Effect>, events: &[Event]) {
        for effect in effects {
            self.perform_one(effect, events);
        }
    }

    fn perform_one(&mut self, effect: Effect, events: &[Event]) {
        match effect {
            Effect::Deliver(delivery) => self.deliver(delivery),
            Effect::Forward(forwarding) => self.forward(forwarding, events),
            Effect::Admit(connection) => self.admit(connection),
            Effect::Refuse(refusal) => self.refuse(refusal),
            Effect::Redirect(redirection) => self.redirect(redirection),
            Effect::Move(relocation) => self.relocate(relocation),
            Effect::Kick(removal) => self.kick(removal),
            Effect::SetTimer(timer) => {
                self.revoke_timer(timer.id);
                self.timers.set(
                    timer.id,
                    self.time.now().saturating_add(u64::from(timer.after)),
                );
            }
            Effect::CancelTimer(id) => {
                self.revoke_timer(id);
                self.timers.cancel(id);
            }
            Effect::SetListing(listing) => {
                self.emit(Output::Listing(listing.clone()));
                self.listing = Some(listing);
            }
            Effect::SetProfile(changed) => match self.roster.member(changed.member) {
                Some(member) => {
                    let user = member.identity.user.clone();
                    self.emit(Output::SetProfile {
                        user,
                        profile: changed.profile,
                    });
                }
                None => self.dropped = self.dropped.saturating_add(1),
            },
            Effect::Subscribe(subscription) => self.subscribe(subscription),
            Effect::Unsubscribe(subscription) => self.unsubscribe(subscription),
            Effect::Publish(publication) => self.publish(publication),
            Effect::Commit => {}
            Effect::DocApply(change) => self.emit(Output::DocChange(change)),
            Effect::Grant(right) => self.set_right(right, true),
            Effect::Deny(right) => self.set_right(right, false),
            Effect::ReplySignal(reply) => self.reply(reply),
            Effect::EndRoom(ending) => self.ending = Some(ending),
        }
    }

    /// A timer of the batch at hand that has not been given yet is not given any more.
    fn revoke_timer(&mut self, id: crate::TimerId) {
        if let Some(mending) = &mut self.mending {
            mending.timers.insert(id);
        }
    }

    fn set_right(&mut self, right: Right, granted: bool) {
        if let Right::Media(media) = &right {
            let gone = |member| self.roster.member(member).is_none();
            let other_gone = matches!(media.flow, Flow::Receive(from) if gone(from));
            if gone(media.member) || other_gone {
                self.dropped = self.dropped.saturating_add(1);
                return;
            }
        }
        self.rights.say(&right, granted);
        self.emit(Output::Right { right, granted });
    }

    fn reply(&mut self, reply: SignalReply) {
        if self.signals.close(reply.id) {
            self.emit(Output::SignalReply {
                id: reply.id,
                answer: reply.answer,
            });
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        let Delivery {
            to,
            topic,
            payload,
            lane,
            author,
        } = delivery;
        let Some(speaker) = self.speaker(&author) else {
            self.dropped = self.dropped.saturating_add(1);
            return;
        };
        self.send(&to, topic, payload, lane, speaker);
    }

    fn forward(&mut self, forwarding: Forwarding, events: &[Event]) {
        let index = usize::try_from(forwarding.index).unwrap_or(usize::MAX);
        let Some(Event::Message(message)) = events.get(index) else {
            return;
        };
        let Some(speaker) = self.speaker(&Author::Member(message.member)) else {
            self.dropped = self.dropped.saturating_add(1);
            return;
        };
        self.send(
            &forwarding.to,
            message.topic.clone(),
            message.payload.clone(),
            forwarding.lane,
            speaker,
        );
    }

    /// In whose name: `None` when that member left before this batch. Somebody kicked is there until its `leave`.
    fn speaker(&self, author: &Author) -> Option<Option<Speaker>> {
        match author {
            Author::Room => Some(None),
            Author::User(user) => Some(Some(Speaker {
                member: None,
                user: user.clone(),
            })),
            Author::Member(id) => {
                let member = self
                    .roster
                    .anyone(*id)
                    .map(|m| &m.identity)
                    .or_else(|| self.departed.get(id))?;
                Some(Some(Speaker {
                    member: Some(*id),
                    user: member.user.clone(),
                }))
            }
        }
    }

    fn send(
        &mut self,
        to: &Audience,
        topic: Topic,
        payload: crate::Payload,
        lane: Lane,
        speaker: Option<Speaker>,
    ) {
        if self.replaying {
            return;
        }
        let Some(recipients) = self.recipients(to) else {
            self.dropped = self.dropped.saturating_add(1);
            return;
        };
        let route = match lane {
            Lane::Reliable => Route::Reliable(self.ring.number()),
            Lane::Unreliable => Route::Unreliable,
            Lane::Latest(key) => Route::Latest(latest_key(key, &topic, to)),
        };
        let outgoing = Outgoing {
            to: recipients,
            topic,
            payload,
            route,
            speaker,
        };
        // Without grace nobody comes back.
        if self.manifest().grace > 0 {
            self.ring
                .keep(&outgoing, to, &self.roster, self.time.now(), &self.limits);
        }
        // Nobody may be there but members in grace, who may still come back for it.
        if outgoing.to != Recipients::These(Vec::new()) {
            self.emit(Output::Deliver(outgoing));
        }
    }

    /// Which connections. `None` when a list names nobody who is still here.
    fn recipients(&self, audience: &Audience) -> Option<Recipients> {
        Some(match audience {
            Audience::Everyone => Recipients::All,
            Audience::ButConnection(connection) => Recipients::But(*connection),
            Audience::ButMember(member) => match self.roster.connections_of(*member) {
                [] => Recipients::All,
                [one] => Recipients::But(*one),
                several => Recipients::ButThese(several.to_vec()),
            },
            Audience::Members(members) => {
                let members = in_order(members);
                let mut here = members
                    .iter()
                    .filter(|&&member| self.roster.member(member).is_some())
                    .peekable();
                here.peek()?;
                let connections = here.flat_map(|&member| self.roster.connections_of(member));
                Recipients::These(connections.copied().collect())
            }
            Audience::Connections(connections) => {
                let named = in_order(connections);
                let here = named
                    .iter()
                    .filter(|&&c| self.roster.connection(c).is_some());
                let here: Vec<ConnectionId> = here.copied().collect();
                if here.is_empty() {
                    return None;
                }
                Recipients::These(here)
            }
        })
    }

    fn admit(&mut self, connection: ConnectionId) {
        let Some(reservation) = self.roster.reservations().get(connection) else {
            // While a room is rebuilt, or because the session went away in this very batch.
            self.dropped = self.dropped.saturating_add(1);
            return;
        };
        let session = reservation.session;
        let at_once = reservation.at_once;
        let has_place = self.roster.has_place(&reservation.entrant.who.user);
        if !has_place && self.roster.places() >= self.limits.members {
            let text = "the room is full".to_owned();
            return self.refuse(Refusal {
                connection,
                reason: RefusalReason::Full,
                text,
            });
        }
        let until = self.time.now().saturating_add(RESERVATION_MS);
        self.roster.admit(connection, until);
        if at_once {
            self.entering.push_back(connection);
        } else {
            self.emit(Output::Answer {
                session,
                answer: Answer::Admitted { connection },
            });
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        if let Some(reservation) = self.roster.drop_reservation(refusal.connection) {
            let answer = Answer::Refused {
                reason: refusal.reason,
                text: refusal.text,
            };
            self.emit(Output::Answer {
                session: reservation.session,
                answer,
            });
        }
    }

    fn redirect(&mut self, redirection: Redirection) {
        if let Some(reservation) = self.roster.drop_reservation(redirection.connection) {
            let answer = Answer::Redirected {
                room: redirection.room,
                notice: redirection.notice,
            };
            self.emit(Output::Answer {
                session: reservation.session,
                answer,
            });
        }
    }

    fn relocate(&mut self, relocation: Relocation) {
        let Some(connection) = self
            .roster
            .connection_mut(relocation.connection)
            .filter(|c| !c.moving)
        else {
            self.dropped = self.dropped.saturating_add(1);
            return;
        };
        connection.moving = true;
        let Relocation {
            connection,
            room,
            on_arrival,
        } = relocation;
        self.emit(Output::Move {
            connection,
            room,
            on_arrival,
        });
    }

    fn kick(&mut self, removal: Removal) {
        if self.roster.member(removal.member).is_some() {
            self.remove(removal.member, &Closing::Kicked(removal.text));
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    fn subscribe(&mut self, subscription: Subscription) {
        let Some(connection) = self.roster.connection_mut(subscription.connection) else {
            self.dropped = self.dropped.saturating_add(1);
            return;
        };
        if connection.topics.len() >= SUBSCRIPTIONS
            && !connection.topics.contains(&subscription.topic)
        {
            self.dropped = self.dropped.saturating_add(1);
        } else if connection.topics.insert(subscription.topic.clone()) {
            self.emit(Output::Subscribe(subscription));
        }
    }

    fn unsubscribe(&mut self, subscription: Subscription) {
        let connection = self.roster.connection_mut(subscription.connection);
        if connection.is_some_and(|c| c.topics.remove(&subscription.topic)) {
            self.emit(Output::Unsubscribe(subscription));
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    fn publish(&mut self, publication: Publication) {
        match self.speaker(&publication.author) {
            Some(speaker) => self.emit(Output::Publish {
                publication,
                speaker,
            }),
            None => self.dropped = self.dropped.saturating_add(1),
        }
    }
}

/// What makes two latest deliveries replace one another: the rules' key, topic and audience.
fn latest_key(key: u32, topic: &Topic, audience: &Audience) -> u64 {
    let mut hash = SipHasher13::new();
    key.hash(&mut hash);
    topic.as_str().hash(&mut hash);
    match audience {
        Audience::Everyone => 0u8.hash(&mut hash),
        Audience::ButConnection(connection) => (1u8, connection).hash(&mut hash),
        Audience::ButMember(member) => (2u8, member).hash(&mut hash),
        Audience::Members(members) => (3u8, members).hash(&mut hash),
        Audience::Connections(connections) => (4u8, connections).hash(&mut hash),
    }
    hash.finish()
}

impl Batch {
    /// Keep what belongs to the event at that place, as a batch of its own.
    pub(crate) fn single(event: Event, before: impl IntoIterator<Item = Output>) -> Self {
        let mut batch = Self::of(event);
        batch.before = before.into_iter().map(|output| (0, output)).collect();
        batch
    }
}
