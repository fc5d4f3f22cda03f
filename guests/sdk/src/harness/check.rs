//! What the host checks of an effect list; a failure names the reason.

use std::collections::BTreeSet;

use serde::de::IgnoredAny;

use super::effects::message;
use crate::types::{
    Audience, Author, Capability, ConnectionId, DocChange, DocEdit, Durability, Effect, Ending,
    Event, Flow, Listing, Manifest, MemberId, Pace, Payload, Profile, Publication, Reach,
    Redirection, Relocation, Right,
};

/// Most effects of a call.
const MAX_EFFECTS: usize = 8192;
/// Most bytes of all effects of a call.
const MAX_BYTES: usize = 4 << 20;
/// Most bytes of a delivery.
const MAX_DELIVERY: usize = 1 << 20;
/// Most bytes of a publication, a signal's answer, an outcome, or all packets of a move.
const MAX_ABROAD: usize = 64 << 10;
/// Most bytes of a text for the user's eyes.
const MAX_TEXT: usize = 1 << 10;
/// Most bytes of a listing's data.
const MAX_LISTING: usize = 4 << 10;
/// Most ops of one change.
const MAX_OPS: usize = 1024;
/// Most bytes of a document's name.
const MAX_DOC: usize = 128;
/// Most UTF-16 units of a room's id.
const MAX_ROOM: usize = 512;
/// Most bytes of a user id, and of a profile's name.
const MAX_NAME: usize = 256;
/// Most users named by a publication.
const MAX_USERS: usize = 64;
/// Deepest nesting of JSON.
const MAX_DEPTH: usize = 127;
/// Numbers of JavaScript end here.
const NUMBER_END: u64 = 1 << 53;

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
        let bytes: usize = effects.iter().map(|effect| self.weight(effect)).sum();
        require(bytes <= MAX_BYTES, || {
            format!("{bytes} bytes in all effects, at most {MAX_BYTES}")
        })?;
        self.attempts(effects)
    }

    /// What an effect counts towards the bytes of the call. A forwarded message counts each time.
    fn weight(&self, effect: &Effect) -> usize {
        match effect {
            Effect::Deliver(delivery) => names(&delivery.to) + delivery.payload.size(),
            Effect::Forward(forwarding) => {
                let sent = message(self.events, forwarding.index);
                names(&forwarding.to) + sent.map_or(0, |message| message.payload.size())
            }
            Effect::Refuse(refusal) => refusal.text.len(),
            Effect::Redirect(redirection) => redirection.notice.len(),
            Effect::Move(relocation) => on_arrival(relocation),
            Effect::Kick(removal) => removal.text.len(),
            Effect::SetListing(entry) => {
                let bans: usize = entry.bans.iter().map(|ban| ban.user.len()).sum();
                entry.data.len() + bans
            }
            Effect::SetProfile(changed) => changed.profile.name.len(),
            Effect::Publish(publication) => publication.payload.size(),
            Effect::DocApply(change) => {
                let edit = |edit: &DocEdit| match edit {
                    DocEdit::Set(json) | DocEdit::Insert(json) => json.len(),
                    DocEdit::Delete | DocEdit::Increment(_) => 0,
                };
                let ops = change.ops.iter();
                ops.map(|op| op.path.len() + edit(&op.edit)).sum()
            }
            Effect::ReplySignal(reply) => match &reply.answer {
                Ok(answer) => answer.size(),
                Err(text) => text.len(),
            },
            Effect::EndRoom(ending) => ending.text.len(),
            _ => 0,
        }
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
            Effect::Redirect(redirection) => self.redirection(redirection),
            Effect::Move(relocation) => self.relocation(relocation),
            Effect::Kick(removal) => {
                text(&removal.text)?;
                self.member(removal.member)
            }
            Effect::SetListing(entry) => listing(entry),
            Effect::SetProfile(changed) => {
                self.member(changed.member)?;
                profile(&changed.profile)?;
                self.needs(Capability::SetProfile)
            }
            Effect::Subscribe(subscription) | Effect::Unsubscribe(subscription) => {
                self.connection(subscription.connection)?;
                self.topic(subscription.topic)?;
                self.needs(Capability::Publish)
            }
            Effect::Publish(publication) => self.publication(publication),
            Effect::Commit => self.commit(),
            Effect::DocApply(change) => self.doc_change(change),
            Effect::Grant(right) | Effect::Deny(right) => self.right(right),
            Effect::ReplySignal(reply) => match &reply.answer {
                Ok(answer) => payload(answer, MAX_ABROAD),
                Err(reason) => text(reason),
            },
            Effect::EndRoom(last_words) => {
                ending(last_words)?;
                require(is_last, || "is not the last effect".to_owned())
            }
        }
    }

    fn redirection(&self, redirection: &Redirection) -> Result<(), String> {
        room_id(&redirection.room)?;
        text(&redirection.notice)?;
        self.needs(Capability::Move)
    }

    fn publication(&self, publication: &Publication) -> Result<(), String> {
        if let Reach::Users(users) = &publication.to {
            require(users.len() <= MAX_USERS, || {
                format!("{} users", users.len())
            })?;
            users.iter().try_for_each(|id| user(id))?;
        }
        self.author(&publication.author)?;
        self.content(publication.topic, &publication.payload, MAX_ABROAD)?;
        self.needs(Capability::Publish)
    }

    fn doc_change(&self, change: &DocChange) -> Result<(), String> {
        doc_name(&change.doc)?;
        require((1..=MAX_OPS).contains(&change.ops.len()), || {
            "number of ops".to_owned()
        })?;
        for op in &change.ops {
            require(op.path.starts_with('/'), || {
                format!("{:?} is no JSON Pointer below the root", op.path)
            })?;
            match &op.edit {
                DocEdit::Set(value) | DocEdit::Insert(value) => json(value)?,
                DocEdit::Increment(by) => require(by.is_finite(), || {
                    "an increment that is not finite".to_owned()
                })?,
                DocEdit::Delete => {}
            }
        }
        self.commit()?;
        self.needs(Capability::DocApply)
    }

    fn commit(&self) -> Result<(), String> {
        let is_kept = self.manifest.durability != Durability::Ephemeral;
        require(is_kept, || "the kind is ephemeral".to_owned())
    }

    fn relocation(&self, relocation: &Relocation) -> Result<(), String> {
        self.connection(relocation.connection)?;
        room_id(&relocation.room)?;
        let packets = &relocation.on_arrival;
        require(packets.len() <= 8, || "more than 8 packets".to_owned())?;
        for packet in packets {
            self.content(packet.topic, &packet.payload, MAX_ABROAD)?;
        }
        require(on_arrival(relocation) <= MAX_ABROAD, || {
            format!("more than {MAX_ABROAD} bytes on arrival")
        })?;
        self.needs(Capability::Move)
    }

    /// Each attempt has exactly one answer, and each answer an attempt. The end of the room answers all.
    fn attempts(&self, effects: &[Effect]) -> Result<(), String> {
        let mut open: BTreeSet<ConnectionId> = self.events.iter().filter_map(attempt).collect();
        for connection in effects.iter().filter_map(answered) {
            require(open.remove(&connection), || {
                format!("connection {connection} has no open join-attempt in this call")
            })?;
        }
        let ends = matches!(effects.last(), Some(Effect::EndRoom(_)));
        require(ends || open.is_empty(), || {
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
            Author::Room => Ok(()),
            Author::User(id) => user(id),
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
            Right::Doc(right) => {
                user(&right.user)?;
                doc_name(&right.doc)
            }
            Right::Media(media) => {
                self.member(media.member)?;
                if let Flow::Receive(from) = &media.flow {
                    self.member(*from)?;
                }
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
    for ban in &entry.bans {
        user(&ban.user)?;
        require(ban.until < NUMBER_END, || {
            "a time of 2^53 or more".to_owned()
        })?;
    }
    json(&entry.data)
}

fn ending(ending: &Ending) -> Result<(), String> {
    text(&ending.text)?;
    require(ending.outcome.len() <= MAX_ABROAD, || {
        format!("an outcome of more than {MAX_ABROAD} bytes")
    })?;
    json(&ending.outcome)
}

fn profile(profile: &Profile) -> Result<(), String> {
    let fits = (1..=MAX_NAME).contains(&profile.name.len()) && profile.color <= 0x00ff_ffff;
    require(fits, || "a profile out of bounds".to_owned())
}

fn user(id: &str) -> Result<(), String> {
    let subject = id.split_once(':').map_or("", |(_, subject)| subject);
    require(!subject.is_empty() && id.len() <= MAX_NAME, || {
        format!("{id:?} is not issuer, colon, subject")
    })
}

fn room_id(id: &str) -> Result<(), String> {
    require((1..=MAX_ROOM).contains(&id.encode_utf16().count()), || {
        format!("a room's id has not 1 to {MAX_ROOM} UTF-16 units")
    })
}

fn doc_name(name: &str) -> Result<(), String> {
    require((1..=MAX_DOC).contains(&name.len()), || {
        format!("a document's name has not 1 to {MAX_DOC} bytes")
    })
}

/// Bytes of the numbers in an audience.
fn names(audience: &Audience) -> usize {
    match audience {
        Audience::Members(list) | Audience::Connections(list) => list.len() * 4,
        _ => 0,
    }
}

fn on_arrival(relocation: &Relocation) -> usize {
    let packets = relocation.on_arrival.iter();
    packets.map(|packet| packet.payload.size()).sum()
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
        .map_err(|error| format!("broken JSON ({error})"))?;
    require(depth(text) <= MAX_DEPTH, || {
        format!("JSON nested deeper than {MAX_DEPTH}")
    })
}

/// How deep brackets nest, those in strings aside.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn text(text: &str) -> Result<(), String> {
    require(text.len() <= MAX_TEXT, || {
        "a text of more than 1 KiB".to_owned()
    })
}

fn require(holds: bool, reason: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(reason()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_form_and_a_length() {
        for bad in ["", "ann", "anon:", &format!("anon:{}", "x".repeat(252))] {
            assert!(user(bad).is_err(), "{bad:?}");
        }
        assert!(user(&format!("anon:{}", "x".repeat(251))).is_ok());
        assert!(user("bot/rusher:3").is_ok());
        assert!(room_id("").is_err() && room_id(&"é".repeat(513)).is_err());
        assert!(room_id(&"é".repeat(512)).is_ok());
        assert!(doc_name("").is_err() && doc_name(&"d".repeat(129)).is_err());
        assert!(doc_name(&"d".repeat(128)).is_ok());
    }

    #[test]
    fn json_is_as_deep_as_parsers_take_it() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(json(&nested(127)).is_ok());
        assert!(json(&nested(128)).is_err());
        assert!(json(&format!("[\"{}\\\"{}\"]", "[".repeat(500), "{".repeat(500))).is_ok());
    }
}
