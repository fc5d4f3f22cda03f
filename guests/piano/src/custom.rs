//! What programs say to each other, in this room or in all.

use std::collections::BTreeSet;

use roost_sdk::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Topic;
use crate::people::Person;
use crate::room::Piano;

/// Within so many milliseconds …
const PERIOD: u64 = 10_000;
/// … a user may say so many bytes.
const MAX_BYTES: usize = 16_384;
/// Most ids that a message names.
const MAX_IDS: usize = 32;
/// Longest user id, in bytes.
const MAX_USER: usize = 256;

/// How much somebody has said.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Budget {
    /// Unix time at which the period began.
    since: u64,
    spent: usize,
}

/// Topic `custom`.
#[derive(Debug, Deserialize)]
struct Custom<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    target: Target,
}

/// Whom it is for.
#[derive(Debug, Deserialize)]
struct Target {
    mode: Mode,
    id: Option<String>,
    #[serde(default)]
    ids: Vec<String>,
    #[serde(default)]
    global: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Subscribed,
    Id,
    Ids,
}

impl Budget {
    fn spend(&mut self, bytes: usize, now: u64) -> bool {
        if now >= self.since.saturating_add(PERIOD) {
            *self = Self {
                since: now,
                spent: 0,
            };
        }
        let spent = self.spent.saturating_add(bytes);
        let may = spent <= MAX_BYTES;
        if may {
            self.spent = spent;
        }
        may
    }
}

impl Target {
    /// The ids it names; nothing for subscribers.
    fn ids(self) -> Option<BTreeSet<String>> {
        match self.mode {
            Mode::Subscribed => None,
            Mode::Id => Some(self.id.into_iter().collect()),
            Mode::Ids => Some(self.ids.into_iter().take(MAX_IDS).collect()),
        }
    }
}

impl Piano {
    /// Topic `custom`.
    pub(crate) fn custom(&mut self, cx: &mut Cx, message: &Message) {
        let Payload::Json(text) = &message.payload else {
            return;
        };
        let Ok(Custom { data, target }) = serde_json::from_str(text) else {
            return;
        };
        let data = data.map_or("null", RawValue::get);
        let Some(person) = self.state.people.get_mut(&message.member) else {
            return;
        };
        if !person.custom.spend(data.len(), cx.now()) {
            return;
        }
        let payload = Payload::Json(format!("{{\"data\":{data}}}"));
        let is_global = target.global;
        match (target.ids(), is_global) {
            (None, false) => self.tell_subscribers(cx, message.member, payload),
            (Some(ids), false) => self.tell_ids(cx, message.member, &ids, payload),
            (ids, true) => self.publish(cx, message.member, ids, payload),
        }
    }

    /// All but this member, and of those only staff if he has vanished.
    fn others_who_see(&self, by: MemberId) -> impl Iterator<Item = (MemberId, &Person)> {
        let is_hidden = self.is_vanished(by);
        let people = self.state.people.iter();
        people
            .map(|(member, person)| (*member, person))
            .filter(move |(member, other)| *member != by && (!is_hidden || other.staff))
    }

    fn tell_subscribers(&self, cx: &mut Cx, by: MemberId, payload: Payload) {
        let others = self.others_who_see(by);
        let connections: Vec<ConnectionId> = others
            .flat_map(|(_, person)| person.subscribed.iter().copied())
            .collect();
        if !connections.is_empty() {
            cx.deliver(Topic::Custom)
                .payload(payload)
                .by(by)
                .to_connections(connections)
                .reliable();
        }
    }

    fn tell_ids(&self, cx: &mut Cx, by: MemberId, ids: &BTreeSet<String>, payload: Payload) {
        let others = self.others_who_see(by);
        let members: Vec<MemberId> = others
            .filter(|(_, person)| ids.contains(person.face.id()))
            .map(|(member, _)| member)
            .collect();
        if !members.is_empty() {
            cx.deliver(Topic::Custom)
                .payload(payload)
                .by(by)
                .to_members(members)
                .reliable();
        }
    }

    /// To all rooms. Clients name users without their issuer: it is taken to be the sender's own.
    fn publish(&self, cx: &mut Cx, by: MemberId, ids: Option<BTreeSet<String>>, payload: Payload) {
        let person = self.state.people.get(&by);
        let issuer = person.and_then(|person| person.face.user.split_once(':'));
        let issuer = issuer.map_or("", |(issuer, _)| issuer);
        let to = match ids {
            None => Reach::Subscribers,
            Some(ids) => {
                let named = ids.into_iter().filter(|id| !id.is_empty());
                let users = named.map(|id| format!("{issuer}:{id}"));
                Reach::Users(users.filter(|user| user.len() <= MAX_USER).collect())
            }
        };
        let is_empty = matches!(&to, Reach::Users(users) if users.is_empty());
        if !is_empty {
            cx.publish(Topic::Custom, payload, to, Author::Member(by));
        }
    }

    /// Topics `+custom` and `-custom`.
    pub(crate) fn subscribe(&mut self, cx: &mut Cx, message: &Message, wanted: bool) {
        let Some(person) = self.state.people.get_mut(&message.member) else {
            return;
        };
        if wanted && person.subscribed.insert(message.via) {
            cx.subscribe(message.via, Topic::Custom);
        } else if !wanted && person.subscribed.remove(&message.via) {
            cx.unsubscribe(message.via, Topic::Custom);
        }
    }
}
