//! Who may not come in for a while.

use std::collections::BTreeMap;

use roost_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Topic;
use crate::people::{Person, by_id};
use crate::place::AWKWARD;
use crate::room::Piano;
use crate::text::{quoted, subject};
use crate::wire::Notification;

/// Most bans of a room: what the list takes.
const MAX_BANS: usize = 1024;
/// Longest user id, in bytes.
const MAX_USER: usize = 256;
/// Who is named in place of somebody vanished.
const STAFF: &str = "Staff";
/// Longest ban, in milliseconds.
const MAX_MS: f64 = 3_600_000.0;

/// User, with the issuer, to the Unix time at which the ban ends.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Bans(BTreeMap<String, u64>);

/// Topic `kickban`.
#[derive(Debug, Deserialize)]
struct Kickban {
    _id: String,
    /// 0 for a kick.
    ms: f64,
}

/// Topic `unban`.
#[derive(Debug, Deserialize)]
struct Unban {
    _id: String,
}

impl Bans {
    /// Those of an earlier room of the same id.
    pub(crate) fn of(bans: &[Ban]) -> Self {
        let pairs = bans.iter().map(|ban| (ban.user.clone(), ban.until));
        Self(pairs.collect())
    }

    /// Until when the user may not come in.
    pub(crate) fn until(&self, user: &str, now: u64) -> Option<u64> {
        self.0.get(user).copied().filter(|until| *until > now)
    }

    /// Record one in place of an older one. When there are too many, the one that ends first goes.
    fn put(&mut self, user: &str, until: u64, now: u64) {
        self.0.retain(|_, until| *until > now);
        self.0.remove(user);
        if until <= now {
            return;
        }
        if self.0.len() >= MAX_BANS {
            let first = self.0.iter().min_by_key(|(_, until)| **until);
            if let Some(first) = first.map(|(user, _)| user.clone()) {
                self.0.remove(&first);
            }
        }
        self.0.insert(user.to_owned(), until);
    }

    /// Lift those of whom clients see this id. Tells whether there were any.
    fn lift(&mut self, id: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|user, _| subject(user) != id);
        self.0.len() != before
    }

    /// For the list, without those that have run out.
    pub(crate) fn listed(&mut self, now: u64) -> Vec<Ban> {
        self.0.retain(|_, until| *until > now);
        let ban = |(user, until): (&String, &u64)| Ban {
            user: user.clone(),
            until: *until,
        };
        self.0.iter().map(ban).take(MAX_BANS).collect()
    }
}

impl Piano {
    /// Topic `kickban`.
    pub(crate) fn kickban(&mut self, cx: &mut Cx, message: &Message) {
        let Ok(Kickban { _id: id, ms }) = message.parse() else {
            return;
        };
        if !self.may_govern(message.member) {
            return;
        }
        let Some(user) = self.target(message.member, &id) else {
            return;
        };
        let now = cx.now();
        // Beyond the bounds it is cut, fractions are too; not-a-number becomes 0.
        let ms = ms.clamp(0.0, MAX_MS) as u64;
        self.state.bans.put(&user, now.saturating_add(ms), now);
        self.list(cx);
        let target = by_id(&self.state.people, &id).map(|(member, _)| member);
        if let Some(target) = target {
            self.put_out(cx, target, ms, target == message.member);
        }
        self.tell_of_ban(cx, message.member, target, &id, ms);
        cx.commit();
    }

    /// Topic `unban`.
    pub(crate) fn unban(&mut self, cx: &mut Cx, message: &Message) {
        let Ok(Unban { _id: id }) = message.parse() else {
            return;
        };
        if self.may_govern(message.member) && self.state.bans.lift(&id) {
            self.list(cx);
            cx.commit();
        }
    }

    /// The user whose id clients see as this one; of somebody who is not here the issuer is taken
    /// to be that of whoever asks.
    fn target(&self, by: MemberId, id: &str) -> Option<String> {
        if let Some((_, person)) = by_id(&self.state.people, id) {
            return Some(person.face.user.clone());
        }
        let banner = self.state.people.get(&by)?;
        let (issuer, _) = banner.face.user.split_once(':')?;
        let user = format!("{issuer}:{id}");
        let is_id = !id.is_empty() && user.len() <= MAX_USER && !id.contains(char::is_control);
        is_id.then_some(user)
    }

    /// Move all connections of somebody away.
    fn put_out(&self, cx: &mut Cx, target: MemberId, ms: u64, by_himself: bool) {
        let Some(person) = self.state.people.get(&target) else {
            return;
        };
        let mut packets = vec![self.farewell(ms)];
        if by_himself {
            packets.push(certificate(person));
        }
        for connection in &person.connections {
            cx.move_to(*connection, AWKWARD, packets.clone());
        }
    }

    /// Somebody was banned between being admitted and coming in, or comes with one more tab.
    pub(crate) fn move_if_banned(&self, cx: &mut Cx, member: MemberId, connection: ConnectionId) {
        let now = cx.now();
        let person = self.state.people.get(&member);
        let until = person.and_then(|person| self.state.bans.until(&person.face.user, now));
        if let Some(until) = until.filter(|_| !self.place.is_lobby()) {
            let packets = vec![self.farewell(until.saturating_sub(now))];
            cx.move_to(connection, AWKWARD, packets);
        }
    }

    fn farewell(&self, ms: u64) -> Packet {
        let place = quoted(&self.id);
        let text = match ms {
            0 => format!("You were put out of {place}. You may go back."),
            _ => format!("You were put out of {place} for {}.", minutes(ms)),
        };
        let notice = Notification::short("kickban", "Notice", &text);
        Packet::new(Topic::Notification, notice.payload())
    }

    fn tell_of_ban(&self, cx: &mut Cx, by: MemberId, target: Option<MemberId>, id: &str, ms: u64) {
        let person = |member| self.state.people.get(&member);
        let name = |person: &Person| quoted(&person.face.name);
        // The notice goes to all: it names nobody whom not all see.
        let seen = target.and_then(person).filter(|one| !one.vanished);
        let whom = seen.map_or_else(|| quoted(id), name);
        let who = match person(by) {
            Some(banner) if banner.vanished => STAFF.to_owned(),
            banner => banner.map(name).unwrap_or_default(),
        };
        let text = match ms {
            0 => format!("{who} put {whom} out of the room."),
            _ => format!("{who} banned {whom} for {}.", minutes(ms)),
        };
        let notice = Notification::short("ban-notice", "Notice", &text).payload();
        let to = target.map_or(Audience::Everyone, Audience::ButMember);
        cx.deliver(Topic::Notification)
            .payload(notice)
            .to(to)
            .reliable();
    }
}

/// A small honour for those who ban themselves.
fn certificate(person: &Person) -> Packet {
    let name = quoted(&person.face.name);
    let text = format!("This certifies that {name} has shown no mercy, not even to {name}.");
    let notice = Notification::short("certificate", "Certificate of Justice", &text);
    Packet::new(Topic::Notification, notice.payload())
}

/// Whole minutes, rounded up, in words.
pub(crate) fn minutes(ms: u64) -> String {
    match ms.div_ceil(60_000) {
        1 => "1 minute".to_owned(),
        many => format!("{many} minutes"),
    }
}
