//! Snapshots of state version 1, from before people could vanish or be away.

use std::collections::{BTreeMap, BTreeSet};

use roost_sdk::types::{ConnectionId, MemberId};
use serde::Deserialize;

use crate::bans::Bans;
use crate::chat::{Lines, Pace};
use crate::crown::Crown;
use crate::custom::Budget;
use crate::mouse::Mouse;
use crate::people::{Asked, Face, Person};
use crate::quota::Quota;
use crate::room::{Expected, State};
use crate::settings::Settings;

/// Its number.
pub(crate) const VERSION: u32 = 1;

/// What such a snapshot holds.
#[derive(Debug, Deserialize)]
pub(crate) struct OldState {
    opened: bool,
    ended: bool,
    people: BTreeMap<MemberId, OldPerson>,
    expected: Expected,
    settings: Settings,
    crown: Option<Crown>,
    bans: Bans,
    lines: Lines,
    mouse_timer: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct OldPerson {
    face: Face,
    staff: bool,
    connections: BTreeSet<ConnectionId>,
    subscribed: BTreeSet<ConnectionId>,
    mouse: Mouse,
    quota: Quota,
    pace: Pace,
    custom: Budget,
    asked: Option<Asked>,
}

impl From<OldPerson> for Person {
    fn from(old: OldPerson) -> Self {
        Self {
            face: old.face,
            staff: old.staff,
            connections: old.connections,
            subscribed: old.subscribed,
            mouse: old.mouse,
            quota: old.quota,
            pace: old.pace,
            custom: old.custom,
            asked: old.asked,
            vanished: false,
            heard: 0,
            afk: false,
        }
    }
}

impl From<OldState> for State {
    fn from(old: OldState) -> Self {
        let people = old.people.into_iter();
        Self {
            opened: old.opened,
            ended: old.ended,
            people: people
                .map(|(member, person)| (member, person.into()))
                .collect(),
            expected: old.expected,
            settings: old.settings,
            crown: old.crown,
            bans: old.bans,
            lines: old.lines,
            mouse_timer: old.mouse_timer,
            afk_timer: false,
        }
    }
}
