//! At the door: who may come in, and where the others go.

use std::collections::BTreeSet;

use roost_sdk::prelude::*;
use serde_json::Value;

use crate::bans::minutes;
use crate::crown::Crown;
use crate::people::is_staff;
use crate::place::{AWKWARD, Place};
use crate::room::{PLACE_KEPT, Piano};
use crate::text::quoted;

/// What an entrant's options say of him, beside the settings of a room that he begins.
#[derive(Debug, Default)]
pub(crate) struct Arrival {
    /// He wants to be seen by staff only.
    pub(crate) vanish: bool,
    /// Unix time at which he came online, if that is known.
    since: Option<u64>,
}

impl Arrival {
    /// What is not well-formed counts as missing.
    pub(crate) fn of(entrant: &Entrant) -> Self {
        let options: Value = entrant.parse_options().unwrap_or_default();
        Self {
            vanish: options.get("vanish").and_then(Value::as_bool) == Some(true),
            since: options.get("since").and_then(Value::as_u64),
        }
    }
}

impl Piano {
    /// Admit, refuse or redirect.
    pub(crate) fn answer(&mut self, cx: &mut Cx, entrant: &Entrant) {
        let now = cx.now();
        self.state.expected.retain(|_, (_, until)| *until > now);
        let connection = entrant.connection;
        let place = || quoted(&self.id);
        if let Some(ms) = self.banned_for(&entrant.who.user, now) {
            let text = format!("You may enter {} again in {}.", place(), minutes(ms));
            // Who is there already stays there.
            if entrant.leaving.as_deref() == Some(AWKWARD) {
                cx.refuse(connection, RefusalReason::Banned, &text);
            } else {
                cx.redirect(connection, AWKWARD, &text);
            }
        } else if let Some(ms) = self.too_new_for(entrant, now) {
            let (time, place) = (minutes(ms), place());
            let text = format!("You have to be online for {time} before you may enter {place}.");
            self.turn_away(cx, entrant, &text);
        } else if self.is_full_for(&entrant.who) {
            let text = format!("There is no free place in {}.", place());
            self.turn_away(cx, entrant, &text);
        } else {
            let until = now + u64::from(PLACE_KEPT);
            let user = entrant.who.user.clone();
            self.state.expected.insert(connection, (user, until));
            cx.admit(connection);
        }
    }

    /// For how many milliseconds the user may not come in.
    fn banned_for(&self, user: &str, now: u64) -> Option<u64> {
        if self.place.is_lobby() {
            return None;
        }
        let until = self.state.bans.until(user, now)?;
        Some(until.saturating_sub(now))
    }

    /// How many milliseconds one has to be online, if this entrant has not been for so long.
    fn too_new_for(&self, entrant: &Entrant, now: u64) -> Option<u64> {
        let least = self.state.settings.min_online_time.map(u64::from)?;
        let is_here = || {
            let mut people = self.state.people.values();
            people.any(|person| person.face.user == entrant.who.user)
        };
        if self.place.is_lobby() || self.passes(&entrant.who) || is_here() {
            return None;
        }
        let since = Arrival::of(entrant).since.unwrap_or(now);
        (now.saturating_sub(since) < least).then_some(least)
    }

    /// Whether there is no place. Those who vanished take none.
    fn is_full_for(&self, who: &Identity) -> bool {
        let capacity = match (self.place, self.state.settings.limit) {
            (Place::Lobby { .. }, _) => self.options.lobby_capacity,
            (Place::Ordinary, Some(limit)) if !self.passes(who) => limit,
            _ => return false,
        };
        let expected = self.state.expected.values();
        let mut coming: BTreeSet<&str> = expected.map(|(user, _)| user.as_str()).collect();
        if coming.contains(who.user.as_str()) {
            return false;
        }
        let mut taken = 0;
        for person in self.state.people.values() {
            coming.remove(person.face.user.as_str());
            taken += usize::from(!person.vanished);
        }
        taken + coming.len() >= usize::try_from(capacity).unwrap_or(usize::MAX)
    }

    /// Whether what an owner asks of entrants is nothing to this user.
    fn passes(&self, who: &Identity) -> bool {
        let owns = |crown: &Crown| crown.owner == who.user;
        self.state.crown.as_ref().is_some_and(owns) || is_staff(who)
    }

    fn turn_away(&self, cx: &mut Cx, entrant: &Entrant, text: &str) {
        let connection = entrant.connection;
        match self.place.next() {
            Some(next) => cx.redirect(connection, &next, ""),
            None if entrant.leaving.is_some() || self.place.is_lobby() => {
                cx.refuse(connection, RefusalReason::Full, text);
            }
            None => cx.redirect(connection, AWKWARD, text),
        }
    }
}
