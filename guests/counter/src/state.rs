//! What a room of this kind remembers.

use std::collections::{BTreeMap, BTreeSet};

use roost_sdk::types::{Identity, MemberId};
use serde::{Deserialize, Serialize};

use crate::recent::Recent;

/// The state of a room.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Counter {
    /// The sum of all additions.
    pub(crate) total: i64,
    /// Which additions were counted.
    pub(crate) recent: Recent,
    /// Members, those in grace included.
    pub(crate) seats: BTreeMap<MemberId, Seat>,
    /// Ids of timers that still run.
    pub(crate) timers: BTreeSet<u32>,
}

/// A member's place, kept until the member is gone.
#[derive(Debug, Serialize, Deserialize)]
pub struct Seat {
    /// From 1; the lowest free one at the join.
    pub seat: u32,
    /// The user id without its issuer.
    pub user: String,
    /// The profile's name.
    pub name: String,
    /// 0xRRGGBB.
    pub color: u32,
}

impl Counter {
    /// The total.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.total
    }

    pub(crate) fn take_seat(&mut self, member: MemberId, who: Identity) {
        let taken: BTreeSet<u32> = self.seats.values().map(|seat| seat.seat).collect();
        let seat = (1..).find(|seat| !taken.contains(seat)).unwrap_or(u32::MAX);
        let user = who.subject().to_owned();
        let (name, color) = (who.profile.name, who.profile.color);
        self.seats.insert(
            member,
            Seat {
                seat,
                user,
                name,
                color,
            },
        );
    }
}
