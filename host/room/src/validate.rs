//! Whether what the rules want is something rules may want. All of it, or nothing.

use crate::effect::{
    Audience, Author, Delivery, DocChange, DocEdit, Effect, Flow, Forwarding, Listing, MediaRight,
    Publication, Reach, Relocation, Right,
};
use crate::event::{Event, MemberProfile};
use crate::ids::{ConnectionId, MemberId, TimerId};
use crate::limits::{
    BANS, DELIVERY_BYTES, DOC_NAME, DOC_OPS, EFFECT_BYTES, EFFECTS, LISTING_BYTES, ON_ARRIVAL,
    PUBLISH_USERS, ROOM_ID_UNITS, SMALL_BYTES, TEXT_BYTES, TIMERS,
};
use crate::manifest::{Capability, Durability};
use crate::payload::Payload;
use crate::room::Room;
use crate::rules::Fault;
use std::collections::{BTreeMap, BTreeSet};

type Check = Result<(), Fault>;

fn invalid(what: impl Into<String>) -> Fault {
    Fault::Invalid(what.into())
}

fn at_most(what: &str, size: usize, limit: usize) -> Check {
    if size <= limit {
        Ok(())
    } else {
        Err(Fault::Limit(format!("{what} of {size}, at most {limit}")))
    }
}

/// What is known of a call while its effects are looked at.
struct Review<'a> {
    room: &'a Room,
    events: &'a [Event],
    open: BTreeSet<ConnectionId>,
    /// Timers set or cancelled by this call.
    timers: BTreeMap<TimerId, bool>,
    timer_count: usize,
    bytes: usize,
}

impl Room {
    /// Look at all effects of a call, changing nothing.
    ///
    /// # Errors
    /// The first thing that rules may not want, or a join-attempt without exactly one answer.
    pub(crate) fn validate(&self, events: &[Event], effects: &[Effect]) -> Check {
        at_most("effects in a call", effects.len(), EFFECTS)?;
        let open = events.iter().filter_map(|event| match event {
            Event::JoinAttempt(entrant) => Some(entrant.connection),
            _ => None,
        });
        let mut review = Review {
            room: self,
            events,
            open: open.collect(),
            timers: BTreeMap::new(),
            timer_count: self.timers.len(),
            bytes: 0,
        };
        for (place, effect) in effects.iter().enumerate() {
            if matches!(effect, Effect::EndRoom(_)) && place + 1 != effects.len() {
                return Err(invalid("end-room is not the last effect"));
            }
            review.effect(effect)?;
        }
        at_most("bytes in the effects of a call", review.bytes, EFFECT_BYTES)?;
        let ends = matches!(effects.last(), Some(Effect::EndRoom(_)));
        match review.open.first() {
            Some(&connection) if !ends => Err(Fault::Unanswered(connection)),
            _ => Ok(()),
        }
    }
}

impl Review<'_> {
    fn effect(&mut self, effect: &Effect) -> Check {
        match effect {
            Effect::Deliver(delivery) => self.delivery(delivery),
            Effect::Forward(forwarding) => self.forwarding(forwarding),
            Effect::Admit(connection) => self.answer(*connection),
            Effect::Refuse(refusal) => {
                self.text(&refusal.text)?;
                self.answer(refusal.connection)
            }
            Effect::Redirect(redirection) => {
                self.needs(Capability::Move)?;
                room_id(&redirection.room)?;
                self.text(&redirection.notice)?;
                self.answer(redirection.connection)
            }
            Effect::Move(relocation) => self.relocation(relocation),
            Effect::Kick(removal) => {
                self.text(&removal.text)?;
                self.member(removal.member)
            }
            Effect::SetTimer(timer) => self.set_timer(timer.id, true),
            Effect::CancelTimer(id) => self.set_timer(*id, false),
            Effect::SetListing(listing) => self.listing(listing),
            Effect::SetProfile(changed) => self.profile(changed),
            Effect::Subscribe(subscription) | Effect::Unsubscribe(subscription) => {
                self.needs(Capability::Publish)?;
                self.connection(subscription.connection)
            }
            Effect::Publish(publication) => self.publication(publication),
            Effect::Commit => self.commit(),
            Effect::DocApply(change) => self.doc_change(change),
            Effect::Grant(right) | Effect::Deny(right) => self.right(right),
            Effect::ReplySignal(reply) => match &reply.answer {
                Ok(payload) => {
                    self.payload("bytes in the answer to a signal", payload, SMALL_BYTES)
                }
                Err(text) => self.text(text),
            },
            Effect::EndRoom(ending) => {
                self.text(&ending.text)?;
                at_most(
                    "bytes in an outcome",
                    ending.outcome.bytes().len(),
                    SMALL_BYTES,
                )
            }
        }
    }

    fn delivery(&mut self, delivery: &Delivery) -> Check {
        self.audience(&delivery.to)?;
        self.author(&delivery.author)?;
        self.payload("bytes in a delivery", &delivery.payload, DELIVERY_BYTES)
    }

    fn forwarding(&mut self, forwarding: &Forwarding) -> Check {
        let index = usize::try_from(forwarding.index).unwrap_or(usize::MAX);
        match self.events.get(index) {
            Some(Event::Message(message)) => {
                // Nothing is copied here, but each is framed anew for those who get it.
                self.weigh(message.payload.len());
                self.audience(&forwarding.to)
            }
            _ => Err(invalid(format!(
                "forward of event {index}, which is no message of this batch"
            ))),
        }
    }

    fn profile(&mut self, changed: &MemberProfile) -> Check {
        self.needs(Capability::SetProfile)?;
        self.member(changed.member)?;
        self.weigh(changed.profile.name.len());
        if changed.profile.is_valid() {
            Ok(())
        } else {
            Err(invalid("a profile out of bounds"))
        }
    }

    fn set_timer(&mut self, id: TimerId, wanted: bool) -> Check {
        let had = self
            .timers
            .insert(id, wanted)
            .unwrap_or_else(|| self.room.timers.contains(id));
        match (had, wanted) {
            (false, true) => self.timer_count = self.timer_count.saturating_add(1),
            (true, false) => self.timer_count = self.timer_count.saturating_sub(1),
            _ => {}
        }
        at_most("timers", self.timer_count, TIMERS)
    }

    fn answer(&mut self, connection: ConnectionId) -> Check {
        if self.open.remove(&connection) {
            Ok(())
        } else {
            Err(invalid(format!(
                "connection {connection} has no open join-attempt in this batch"
            )))
        }
    }

    fn needs(&self, capability: Capability) -> Check {
        let wanted = self.room.manifest().capabilities.contains(&capability);
        if wanted && self.room.config.granted.contains(&capability) {
            Ok(())
        } else {
            Err(invalid(format!(
                "the capability {:?} was not wanted",
                capability.name()
            )))
        }
    }

    fn commit(&self) -> Check {
        if self.room.durability() == Durability::Ephemeral {
            return Err(invalid("a commit in an ephemeral kind"));
        }
        Ok(())
    }

    fn member(&self, member: MemberId) -> Check {
        if self.room.roster.knows_member(member) {
            Ok(())
        } else {
            Err(invalid(format!("there never was a member {member}")))
        }
    }

    fn connection(&self, connection: ConnectionId) -> Check {
        if self.room.roster.knows_connection(connection) {
            Ok(())
        } else {
            Err(invalid(format!(
                "there never was a connection {connection}"
            )))
        }
    }

    fn audience(&mut self, audience: &Audience) -> Check {
        /// What a number takes in a list.
        const NUMBER: usize = 4;
        match audience {
            Audience::Everyone => Ok(()),
            Audience::ButConnection(connection) => self.connection(*connection),
            Audience::ButMember(member) => self.member(*member),
            Audience::Members(members) => {
                self.weigh(members.len().saturating_mul(NUMBER));
                members.iter().try_for_each(|&member| self.member(member))
            }
            Audience::Connections(connections) => {
                self.weigh(connections.len().saturating_mul(NUMBER));
                connections.iter().try_for_each(|&c| self.connection(c))
            }
        }
    }

    fn author(&self, author: &Author) -> Check {
        match author {
            Author::Member(member) => self.member(*member),
            Author::Room | Author::User(_) => Ok(()),
        }
    }

    fn weigh(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn payload(&mut self, what: &str, payload: &Payload, limit: usize) -> Check {
        self.weigh(payload.len());
        at_most(what, payload.len(), limit)
    }

    fn text(&mut self, text: &str) -> Check {
        self.weigh(text.len());
        at_most("bytes in a text", text.len(), TEXT_BYTES)
    }

    fn relocation(&mut self, relocation: &Relocation) -> Check {
        self.needs(Capability::Move)?;
        self.connection(relocation.connection)?;
        room_id(&relocation.room)?;
        at_most(
            "packets on arrival",
            relocation.on_arrival.len(),
            ON_ARRIVAL,
        )?;
        let bytes: usize = relocation
            .on_arrival
            .iter()
            .map(|packet| packet.payload.len())
            .sum();
        self.weigh(bytes);
        at_most("bytes on arrival", bytes, SMALL_BYTES)
    }

    fn listing(&mut self, listing: &Listing) -> Check {
        let bytes = listing.data.bytes().len();
        self.weigh(bytes);
        at_most("bytes in a listing", bytes, LISTING_BYTES)?;
        self.weigh(listing.bans.iter().map(|ban| ban.user.as_str().len()).sum());
        at_most("bans in a listing", listing.bans.len(), BANS)
    }

    fn publication(&mut self, publication: &Publication) -> Check {
        self.needs(Capability::Publish)?;
        self.author(&publication.author)?;
        if let Reach::Users(users) = &publication.to {
            at_most("users of a publication", users.len(), PUBLISH_USERS)?;
        }
        self.payload("bytes in a publication", &publication.payload, SMALL_BYTES)
    }

    fn doc_change(&mut self, change: &DocChange) -> Check {
        self.needs(Capability::DocApply)?;
        self.commit()?;
        doc_name(&change.doc)?;
        at_most("edits of a document", change.ops.len(), DOC_OPS)?;
        if change.ops.is_empty() {
            return Err(invalid("a doc-apply without edits"));
        }
        for op in &change.ops {
            if !op.path.starts_with('/') {
                return Err(invalid(format!(
                    "{:?} is no JSON Pointer below the root",
                    op.path
                )));
            }
            self.weigh(op.path.len());
            match &op.edit {
                DocEdit::Set(json) | DocEdit::Insert(json) => self.weigh(json.bytes().len()),
                DocEdit::Increment(by) if !by.is_finite() => {
                    return Err(invalid("an increment that is not finite"));
                }
                DocEdit::Increment(_) | DocEdit::Delete => {}
            }
        }
        Ok(())
    }

    fn right(&self, right: &Right) -> Check {
        match right {
            Right::Doc(doc) => doc_name(&doc.doc),
            Right::Media(MediaRight { member, flow, .. }) => {
                self.needs(Capability::Media)?;
                self.member(*member)?;
                match flow {
                    Flow::Send => Ok(()),
                    Flow::Receive(from) => self.member(*from),
                }
            }
        }
    }
}

fn doc_name(name: &str) -> Check {
    if name.is_empty() {
        return Err(invalid("a document without a name"));
    }
    at_most("bytes in a document's name", name.len(), DOC_NAME)
}

fn room_id(id: &str) -> Check {
    if id.is_empty() {
        return Err(invalid("a room without an id"));
    }
    at_most(
        "UTF-16 units in a room id",
        id.encode_utf16().count(),
        ROOM_ID_UNITS,
    )
}
