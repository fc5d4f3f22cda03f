//! The crown: who owns the room.

use roost_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Topic;
use crate::people::by_id;
use crate::room::Piano;
use crate::text::subject;
use crate::wire::NoteQuota;

/// For how many milliseconds after a drop only the last owner may take it.
const RESERVED: u64 = 15_000;
/// Where it is while somebody new has it.
const MIDDLE: Point = Point { x: 50.0, y: 50.0 };

/// A place in the room, in percent of its width and height.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

/// The crown of a room.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Crown {
    /// Who has it, or had it last: the user, with the issuer.
    pub(crate) owner: String,
    /// Who has it.
    pub(crate) holder: Option<MemberId>,
    /// Unix time at which it changed hands.
    pub(crate) time: u64,
    /// From where it fell.
    pub(crate) start: Point,
    /// Where it lies.
    pub(crate) end: Point,
}

/// Topic `chown`.
#[derive(Debug, Deserialize)]
struct Chown {
    /// Who shall have it; nobody for a drop.
    id: Option<String>,
}

impl Crown {
    fn new(owner: &str, holder: MemberId, now: u64) -> Self {
        Self {
            owner: owner.to_owned(),
            holder: Some(holder),
            time: now,
            start: MIDDLE,
            end: MIDDLE,
        }
    }

    /// Whether this user may take it, as anybody may.
    fn is_free_for(&self, user: &str, now: u64) -> bool {
        self.holder.is_none() && (self.owner == user || self.time.saturating_add(RESERVED) < now)
    }

    fn fall(&mut self, from: Point, rng: &mut Rng, now: u64) {
        self.holder = None;
        self.time = now;
        self.start = Point {
            x: from.x.clamp(0.0, 100.0),
            y: from.y.clamp(0.0, 100.0),
        };
        // Two decimals are enough for a place on the floor.
        let depth = u32::try_from(rng.below(2001)).unwrap_or(0);
        self.end = Point {
            x: self.start.x.clamp(10.0, 90.0),
            y: f64::from(7000 + depth) / 100.0,
        };
    }
}

impl Piano {
    /// Who has the crown.
    pub(crate) fn holder(&self) -> Option<MemberId> {
        self.state.crown.as_ref()?.holder
    }

    /// The first in a room gets the crown, and so does its last owner while it lies on the floor.
    pub(crate) fn crown_on_entry(&mut self, member: MemberId, user: &str, now: u64) -> bool {
        let is_due = match &self.state.crown {
            None => !self.place.is_lobby(),
            Some(crown) => crown.holder.is_none() && crown.owner == user,
        };
        if is_due {
            self.state.crown = Some(Crown::new(user, member, now));
        }
        is_due
    }

    /// Let it fall if this member has it.
    pub(crate) fn drop_crown(&mut self, cx: &mut Cx, member: MemberId, from: Point) -> bool {
        let now = cx.now();
        match &mut self.state.crown {
            Some(crown) if crown.holder == Some(member) => {
                crown.fall(from, cx.rng(), now);
                true
            }
            _ => false,
        }
    }

    /// Topic `chown`.
    pub(crate) fn change_owner(&mut self, cx: &mut Cx, message: &Message) {
        let Ok(wanted) = message.parse::<Chown>() else {
            return;
        };
        if self.place.is_lobby() {
            return;
        }
        let before = self.holder();
        let has_changed = match wanted.id {
            None => self.let_fall(cx, message.member),
            Some(id) => self.hand_over(message.member, &id, cx.now()),
        };
        if !has_changed {
            return;
        }
        self.show_all(cx);
        for member in [before, self.holder()].into_iter().flatten() {
            self.renew_quota(cx, member);
        }
        self.list(cx);
        cx.commit();
    }

    /// The holder drops it, or staff takes it off him.
    fn let_fall(&mut self, cx: &mut Cx, by: MemberId) -> bool {
        let holder = self.holder();
        let Some(holder) = holder.filter(|holder| *holder == by || self.is_staff(by)) else {
            return false;
        };
        let Some(person) = self.state.people.get(&holder) else {
            return false;
        };
        let from = person.mouse.at();
        self.drop_crown(cx, holder, from)
    }

    /// Somebody takes it or gives it, if he may.
    fn hand_over(&mut self, by: MemberId, id: &str, now: u64) -> bool {
        let people = &self.state.people;
        let Some(giver) = people.get(&by) else {
            return false;
        };
        let is_taking = giver.face.id() == id;
        let to = if is_taking {
            Some((by, giver))
        } else {
            by_id(people, id)
        };
        let Some((to, taker)) = to.filter(|(to, _)| self.holder() != Some(*to)) else {
            return false;
        };
        if taker.vanished {
            return false;
        }
        let may = giver.staff
            || self.holder() == Some(by)
            || (is_taking && self.may_take(&giver.face.user, now));
        if may {
            self.state.crown = Some(Crown::new(&taker.face.user, to, now));
        }
        may
    }

    fn may_take(&self, user: &str, now: u64) -> bool {
        let owner = self.state.settings.owner_id.as_deref();
        let crown = self.state.crown.as_ref();
        owner == Some(subject(user)) || crown.is_none_or(|crown| crown.is_free_for(user, now))
    }

    /// Having or not having the crown changes what somebody may play.
    pub(crate) fn renew_quota(&mut self, cx: &mut Cx, member: MemberId) {
        let params = self.params(member);
        let Some(person) = self.state.people.get_mut(&member) else {
            return;
        };
        if person.quota.change(params, cx.now()) {
            cx.deliver(Topic::NoteQuota)
                .json(&NoteQuota::of(params))
                .to_member(member)
                .reliable();
        }
    }
}
