//! What the host checks of an effect list; a failure names the reason.

use std::collections::BTreeSet;

use serde::de::IgnoredAny;

use super::effects::message;
use crate::types::{
    Audience, Author, Capability, ConnectionId, Durability, Effect, Event, Listing, Manifest,
    MemberId, Pace, Payload, Relocation, Right,
};

/// Most effects of a call.
const MAX_EFFECTS: usize = 8192;
/// Most bytes of a delivery.
const MAX_DELIVERY: usize = 1 << 20;
/// Most bytes of a publication or a signal's answer.
const MAX_ABROAD: usize = 64 << 10;
/// Most bytes of a text for the user's eyes.
const MAX_TEXT: usize = 1 << 10;
/// Most bytes of a listing's data.
const MAX_LISTING: usize = 4 << 10;
/// Most ops of one change.
const MAX_OPS: usize = 1024;

/// What is known of the room while a call's effects are checked.
pub(super) struct Checker<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) events: &'a [Event],
    /// The highest numbers given so far.
    pub(super) members: MemberId,
    pub(super) connections: ConnectionId,
}

/// Why the host would refuse the manifest.
pub(super) fn manifest(manifest: &Manifest) -> Result<(), String> {
    let names: BTreeSet<&str> = manifest
        .topics
        .iter()
        .map(|topic| topic.name.as_str())
        .collect();
    let rate = match manifest.pace {
        Pace::Messages => 1,
        Pace::Ticks(rate) => rate,
    };
    require(!manifest.kind.is_empty(), || {
        "the kind has no name".to_owned()
    })?;
    require(names.len() == manifest.topics.len(), || {
        "two topics have one name".to_owned()
    })?;
    require(names.len() <= 256, || "more than 256 topics".to_owned())?;
    require(
        names.iter().all(|name| (1..=64).contains(&name.len())),
        || "a topic's name has not 1 to 64 bytes".to_owned(),
    )?;
    require((1..=120).contains(&rate), || {
        format!("{rate} ticks a second")
    })
}

impl Checker<'_> {
    /// Why the host would void the call.
    pub(super) fn check(&self, effects: &[Effect]) -> Result<(), String> {
        require(effects.len() <= MAX_EFFECTS, || {
            format!("{} effects", effects.len())
        })?;
        for (index, effect) in effects.iter().enumerate() {
            let is_last = index + 1 == effects.len();
            self.one(effect, is_last)
                .map_err(|reason| format!("{reason}: {effect:?}"))?;
        }
        self.attempts(effects)
    }

    fn one(&self, effect: &Effect, is_last: bool) -> Result<(), String> {
        match effect {
            Effect::Deliver(delivery) => {
                self.audience(&delivery.to)?;
                self.author(&delivery.author)?;
                self.content(delivery.topic, &delivery.payload, MAX_DELIVERY)
            }
            Effect::Forward(forwarding) => {
                self.audience(&forwarding.to)?;
                require(message(self.events, forwarding.index).is_some(), || {
                    "the event at that place is no message".to_owned()
                })
            }
            Effect::Admit(_) | Effect::SetTimer(_) | Effect::CancelTimer(_) => Ok(()),
            Effect::Refuse(refusal) => text(&refusal.text),
            Effect::Redirect(redirection) => {
                text(&redirection.notice)?;
                self.needs(Capability::Move)
            }
            Effect::Move(relocation) => self.relocation(relocation),
            Effect::Kick(removal) => {
                text(&removal.text)?;
                self.member(removal.member)
            }
            Effect::SetListing(entry) => listing(entry),
            Effect::SetProfile(changed) => {
                self.member(changed.member)?;
                self.needs(Capability::SetProfile)
            }
            Effect::Subscribe(subscription) | Effect::Unsubscribe(subscription) => {
                self.connection(subscription.connection)?;
                self.topic(subscription.topic)?;
                self.needs(Capability::Publish)
            }
            Effect::Publish(publication) => {
                self.author(&publication.author)?;
                self.content(publication.topic, &publication.payload, MAX_ABROAD)?;
                self.needs(Capability::Publish)
            }
            Effect::Commit => self.commit(),
            Effect::DocApply(change) => {
                require((1..=MAX_OPS).contains(&change.ops.len()), || {
                    "number of ops".to_owned()
                })?;
                self.needs(Capability::DocApply)
            }
            Effect::Grant(right) | Effect::Deny(right) => self.right(right),
            Effect::ReplySignal(reply) => match &reply.answer {
                Ok(answer) => payload(answer, MAX_ABROAD),
                Err(_) => Ok(()),
            },
            Effect::EndRoom(ending) => {
                text(&ending.text)?;
                json(&ending.outcome)?;
                require(is_last, || "is not the last effect".to_owned())
            }
        }
    }

    fn commit(&self) -> Result<(), String> {
        let is_kept = self.manifest.durability != Durability::Ephemeral;
        require(is_kept, || "the kind is ephemeral".to_owned())
    }

    fn relocation(&self, relocation: &Relocation) -> Result<(), String> {
        self.connection(relocation.connection)?;
        let packets = &relocation.on_arrival;
        require(packets.len() <= 8, || "more than 8 packets".to_owned())?;
        for packet in packets {
            self.content(packet.topic, &packet.payload, MAX_ABROAD)?;
        }
        self.needs(Capability::Move)
    }

    /// Each attempt has exactly one answer, and each answer an attempt.
    fn attempts(&self, effects: &[Effect]) -> Result<(), String> {
        let mut open: BTreeSet<ConnectionId> = self.events.iter().filter_map(attempt).collect();
        for connection in effects.iter().filter_map(answered) {
            require(open.remove(&connection), || {
                format!("connection {connection} has no open join-attempt in this call")
            })?;
        }
        require(open.is_empty(), || {
            format!("join-attempts without an answer: {open:?}")
        })
    }

    fn audience(&self, audience: &Audience) -> Result<(), String> {
        match audience {
            Audience::Everyone => Ok(()),
            Audience::ButConnection(connection) => self.connection(*connection),
            Audience::ButMember(member) => self.member(*member),
            Audience::Members(all) => all.iter().try_for_each(|member| self.member(*member)),
            Audience::Connections(all) => all.iter().try_for_each(|one| self.connection(*one)),
        }
    }

    fn author(&self, author: &Author) -> Result<(), String> {
        match author {
            Author::Room | Author::User(_) => Ok(()),
            Author::Member(member) => self.member(*member),
        }
    }

    fn member(&self, member: MemberId) -> Result<(), String> {
        let given = (1..=self.members).contains(&member);
        require(given, || format!("member {member} has never been"))
    }

    fn connection(&self, connection: ConnectionId) -> Result<(), String> {
        let given = (1..=self.connections).contains(&connection);
        require(given, || format!("connection {connection} has never been"))
    }

    fn topic(&self, topic: u16) -> Result<(), String> {
        let known = usize::from(topic) < self.manifest.topics.len();
        require(known, || format!("topic {topic} is not in the manifest"))
    }

    fn content(&self, topic: u16, content: &Payload, most: usize) -> Result<(), String> {
        self.topic(topic)?;
        payload(content, most)
    }

    fn needs(&self, capability: Capability) -> Result<(), String> {
        let wanted = self.manifest.capabilities.contains(&capability);
        require(wanted, || {
            format!("the manifest does not ask for {capability:?}")
        })
    }

    fn right(&self, right: &Right) -> Result<(), String> {
        match right {
            Right::Doc(_) => Ok(()),
            Right::Media(media) => {
                self.member(media.member)?;
                self.needs(Capability::Media)
            }
        }
    }
}

fn attempt(event: &Event) -> Option<ConnectionId> {
    match event {
        Event::JoinAttempt(entrant) => Some(entrant.connection),
        _ => None,
    }
}

fn answered(effect: &Effect) -> Option<ConnectionId> {
    match effect {
        Effect::Admit(connection) => Some(*connection),
        Effect::Refuse(refusal) => Some(refusal.connection),
        Effect::Redirect(redirection) => Some(redirection.connection),
        _ => None,
    }
}

fn listing(entry: &Listing) -> Result<(), String> {
    require(entry.data.len() <= MAX_LISTING, || {
        "the data has more than 4 KiB".to_owned()
    })?;
    require(entry.bans.len() <= 1024, || {
        "more than 1024 bans".to_owned()
    })?;
    json(&entry.data)
}

fn payload(payload: &Payload, most: usize) -> Result<(), String> {
    require(payload.size() <= most, || format!("more than {most} bytes"))?;
    match payload {
        Payload::Json(text) => json(text),
        Payload::Binary(_) => Ok(()),
    }
}

fn json(text: &str) -> Result<(), String> {
    let checked: Result<IgnoredAny, _> = serde_json::from_str(text);
    checked
        .map(drop)
        .map_err(|error| format!("broken JSON ({error})"))
}

fn text(text: &str) -> Result<(), String> {
    require(text.len() <= MAX_TEXT, || {
        "a text of more than 1 KiB".to_owned()
    })
}

fn require(holds: bool, reason: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(reason()) }
}
