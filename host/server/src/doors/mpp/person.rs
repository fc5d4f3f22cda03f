//! Who somebody is: by token, by address, or anew.

use super::farewell::{End, Farewell};
use super::seats::Seat;
use super::staff::banned_text;
use super::{LOBBY_QUOTA, Session};
use crate::doors::identity::mpp_id;
use crate::doors::visitor::{Introduction, Visitor};
use crate::lobby::BANNED;
use roost_protocol::mpp::{self, close};
use roost_protocol::play::MPP_ISSUER;
use roost_room::{Profile, UserId};
use std::sync::Arc;

/// A name for somebody who has not chosen one.
const NAMELESS: &str = "Anonymous";

/// Somebody who has said hi.
pub(super) struct Person {
    pub(super) visitor: Visitor,
    pub(super) staff: bool,
    /// Staff does not want to be seen by others.
    pub(super) vanished: bool,
    pub(super) seat: Seat,
}

impl Session {
    /// Answer a greeting. The first decides who it is.
    pub(super) async fn greet(&mut self, token: Option<String>) -> Result<(), End> {
        let mut given = None;
        if self.person.is_none() {
            let Some((introduction, staff)) = self.identify(token.as_deref()) else {
                return Err(Farewell::new(close::STOPPED, "nobody can be made of you").into());
            };
            let now = crate::clock::unix_millis();
            let seats = &self.door.seats;
            let Some(seat) = seats.take(&introduction.user, &self.outbox, now) else {
                let text = "you have too many connections";
                return Err(Farewell::new(close::TOO_MANY_SOCKETS, text).into());
            };
            given.clone_from(&introduction.token);
            self.person = Some(Person {
                visitor: Visitor::new(&self.kind, self.client, introduction),
                staff,
                vanished: false,
                seat,
            });
        }
        let Some(person) = &mut self.person else {
            return Ok(());
        };
        let known = tokio::select! {
            known = person.visitor.look_up(&self.door.entrance) => known,
            () = self.socket.drive() => return Err(End::Lost),
        };
        let banned = person.visitor.ban().map(banned_text);
        known.map_err(|error| self.unreadable(&error))?;
        if let Some(text) = banned {
            self.notify(&text);
            return Err(Farewell::new(close::BANNED, BANNED).into());
        }
        self.say_hi(given.as_deref());
        Ok(())
    }

    fn say_hi(&self, token: Option<&str>) {
        let Some(person) = &self.person else { return };
        let profile = person.visitor.seen();
        let color = format!("#{:06x}", profile.color & 0xFF_FF_FF);
        let shown = mpp::Person {
            id: person.visitor.user.subject(),
            name: &profile.name,
            color: &color,
        };
        let now = crate::clock::unix_millis();
        self.push(mpp::greeting(now, &shown, person.staff, token));
        let (allowance, max) = LOBBY_QUOTA;
        self.push(mpp::quota(allowance, max));
    }

    /// A good token says who it is; a bad one is as none.
    fn identify(&self, token: Option<&str>) -> Option<(Introduction, bool)> {
        let keys = &self.door.entrance.keys;
        let grant = token.and_then(|token| keys.check(token, &self.door.config.kind, "").ok());
        if let Some(grant) = grant.filter(|grant| grant.is_mpp) {
            let claims: serde_json::Value = serde_json::from_str(&grant.claims).unwrap_or_default();
            let staff = claims.get("staff").and_then(serde_json::Value::as_bool) == Some(true);
            let mut wished = nameless(&grant.user);
            wished.name = grant.name.unwrap_or(wished.name);
            wished.color = grant.color.unwrap_or(wished.color);
            let introduction = Introduction {
                user: grant.user,
                wished,
                claims: grant.claims,
                token: None,
            };
            return Some((introduction, staff));
        }
        let salts = self.door.config.salts();
        let id = mpp_id(salts.map(|salts| (salts, self.client)));
        let user = UserId::new(MPP_ISSUER, &id)?;
        // Whoever is known by his address needs nothing to come back as the same.
        let token = if self.door.config.production {
            None
        } else {
            keys.mpp(&self.door.config.kind, &id)
        };
        let introduction = Introduction {
            wished: nameless(&user),
            user,
            claims: "{}".to_owned(),
            token: token.map(Arc::from),
        };
        Some((introduction, false))
    }
}

/// The colour is the beginning of the id, as everybody's is at first.
fn nameless(user: &UserId) -> Profile {
    let digits = user.subject().get(..6).unwrap_or_default();
    Profile {
        name: NAMELESS.to_owned(),
        color: u32::from_str_radix(digits, 16).unwrap_or(0x77_77_77),
    }
}
