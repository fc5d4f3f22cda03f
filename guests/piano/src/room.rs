//! A room: coming in, being shown around, leaving.

use std::collections::{BTreeMap, BTreeSet};

use roost_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Topic;
use crate::bans::{Bans, minutes};
use crate::chat::Lines;
use crate::crown::Crown;
use crate::options::Options;
use crate::people::{People, Person, is_staff};
use crate::place::{AWKWARD, Place, is_lasting};
use crate::quota::{Params, Quota};
use crate::settings::Settings;
use crate::text::quoted;
use crate::wire::{Bye, Channel, Entry, NoteQuota, Participant, Shown, everybody, id_of};

/// The timer after which an empty room ends, though somebody was expected.
pub(crate) const END_TIMER: u32 = 2;
/// How long the host keeps a place for somebody who was admitted, in milliseconds.
const PLACE_KEPT: u32 = 5000;

/// A room of kind `piano`.
#[derive(Debug)]
pub struct Piano {
    /// The room's id.
    pub(crate) id: String,
    pub(crate) place: Place,
    pub(crate) options: Options,
    pub(crate) state: State,
}

/// What a snapshot holds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct State {
    /// Somebody has come in since the room began.
    pub(crate) opened: bool,
    /// It is over: what else comes in the same call is in vain.
    pub(crate) ended: bool,
    pub(crate) people: People,
    /// Who was admitted and has not come yet: user and until when.
    expected: BTreeMap<ConnectionId, (String, u64)>,
    pub(crate) settings: Settings,
    pub(crate) crown: Option<Crown>,
    pub(crate) bans: Bans,
    pub(crate) lines: Lines,
    /// When the timer for late positions runs out.
    pub(crate) mouse_timer: Option<u64>,
}

/// Beginning.
impl Piano {
    pub(crate) fn new(config: &RoomConfig) -> Result<Self, String> {
        let options = Options::of(config)?;
        let place = Place::of(&config.room);
        let owner = options.owners.get(&config.room);
        let settings = Settings::of(place, options.lobby_capacity, owner);
        let state = State {
            opened: false,
            ended: false,
            people: People::new(),
            expected: BTreeMap::new(),
            settings,
            crown: None,
            bans: Bans::of(&config.bans),
            lines: Lines::default(),
            mouse_timer: None,
        };
        Self::resumed(config, state)
    }

    pub(crate) fn resumed(config: &RoomConfig, state: State) -> Result<Self, String> {
        Ok(Self {
            id: config.room.clone(),
            place: Place::of(&config.room),
            options: Options::of(config)?,
            state,
        })
    }

    /// As if nobody had ever been here, but for the bans.
    fn begin_again(&mut self) {
        let owner = self.options.owners.get(&self.id);
        self.state.settings = Settings::of(self.place, self.options.lobby_capacity, owner);
        self.state.crown = None;
        self.state.lines = Lines::default();
        self.state.opened = false;
    }
}

/// At the door.
impl Piano {
    /// Admit, refuse or redirect.
    pub(crate) fn answer(&mut self, cx: &mut Cx, entrant: &Entrant) {
        let now = cx.now();
        self.state.expected.retain(|_, (_, until)| *until > now);
        let connection = entrant.connection;
        if let Some(ms) = self.banned_for(&entrant.who.user, now) {
            let text = format!(
                "You may enter {} again in {}.",
                quoted(&self.id),
                minutes(ms)
            );
            // Who is there already stays there.
            if entrant.leaving.as_deref() == Some(AWKWARD) {
                cx.refuse(connection, RefusalReason::Banned, &text);
            } else {
                cx.redirect(connection, AWKWARD, &text);
            }
        } else if self.is_full_for(&entrant.who) {
            self.turn_away(cx, entrant);
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
        for person in self.state.people.values() {
            coming.remove(person.face.user.as_str());
        }
        self.state.people.len() + coming.len() >= usize::try_from(capacity).unwrap_or(usize::MAX)
    }

    /// Whether an owner's limit is none for this user.
    fn passes(&self, who: &Identity) -> bool {
        let owns = |crown: &Crown| crown.owner == who.user;
        self.state.crown.as_ref().is_some_and(owns) || is_staff(who)
    }

    fn turn_away(&self, cx: &mut Cx, entrant: &Entrant) {
        let connection = entrant.connection;
        let text = format!("There is no free place in {}.", quoted(&self.id));
        match self.place.next() {
            Some(next) => cx.redirect(connection, &next, ""),
            None if entrant.leaving.is_some() || self.place.is_lobby() => {
                cx.refuse(connection, RefusalReason::Full, &text);
            }
            None => cx.redirect(connection, AWKWARD, &text),
        }
    }
}

/// Coming and going.
impl Piano {
    pub(crate) fn enter(&mut self, cx: &mut Cx, joined: Joined) {
        let Joined { member, entrant } = joined;
        if self.state.ended {
            return;
        }
        self.state.expected.remove(&entrant.connection);
        let is_first = !self.state.opened;
        if is_first {
            self.open(&entrant);
        }
        let is_crowned = self.crown_on_entry(member, &entrant.who.user, cx.now());
        let quota = Quota::full(self.params(member), cx.now());
        self.state
            .people
            .insert(member, Person::new(entrant.who, quota));
        if let Some(person) = self.state.people.get(&member) {
            let participant = Payload::of(&Participant::of(person));
            self.tell_but(cx, member, Topic::Participant, participant);
        }
        if is_crowned {
            self.tell_but(cx, member, Topic::Channel, self.shown(None));
        }
        if is_first || is_crowned {
            self.list(cx);
        }
    }

    /// Somebody is the first.
    fn open(&mut self, entrant: &Entrant) {
        self.state.opened = true;
        if !self.place.is_lobby() {
            self.state.settings.begin(entrant);
        }
    }

    pub(crate) fn begin_connection(&mut self, cx: &mut Cx, attachment: Attachment) {
        let Attachment {
            member, connection, ..
        } = attachment;
        self.state.expected.remove(&connection);
        let Some(person) = self.state.people.get_mut(&member) else {
            return;
        };
        person.connections.insert(connection);
        let quota = NoteQuota::of(person.quota.params());
        if !attachment.resumed {
            self.show(cx, member, connection);
            self.show_history(cx, member, connection);
            cx.deliver(Topic::NoteQuota)
                .json(&quota)
                .to_connection(connection)
                .reliable();
        }
        self.move_if_banned(cx, member, connection);
    }

    pub(crate) fn depart(&mut self, cx: &mut Cx, member: MemberId) {
        let Some(person) = self.state.people.remove(&member) else {
            return;
        };
        let bye = Payload::of(&Bye {
            p: person.face.id(),
        });
        self.tell_but(cx, member, Topic::Bye, bye);
        if self.drop_crown(cx, member, person.mouse.at()) {
            self.tell_but(cx, member, Topic::Channel, self.shown(None));
            self.list(cx);
        }
        if self.state.people.is_empty() && !is_lasting(&self.id) {
            self.begin_again();
            self.end_if_empty(cx);
            if !self.state.ended {
                self.list(cx);
            }
        }
    }

    /// End the room, unless somebody is in it or on the way.
    pub(crate) fn end_if_empty(&mut self, cx: &mut Cx) {
        let now = cx.now();
        self.state.expected.retain(|_, (_, until)| *until > now);
        if !self.state.people.is_empty() || is_lasting(&self.id) || self.state.ended {
            return;
        }
        if self.state.expected.is_empty() {
            self.state.ended = true;
            cx.end_room("", &());
        } else {
            cx.set_timer(END_TIMER, PLACE_KEPT);
        }
    }
}

/// Showing the room.
impl Piano {
    /// To one connection, which learns who it is.
    pub(crate) fn show(&self, cx: &mut Cx, member: MemberId, connection: ConnectionId) {
        cx.deliver(Topic::Channel)
            .payload(self.shown(id_of(&self.state.people, member)))
            .to_connection(connection)
            .reliable();
    }

    /// To everyone.
    pub(crate) fn show_all(&self, cx: &mut Cx) {
        cx.deliver(Topic::Channel)
            .payload(self.shown(None))
            .to_everyone()
            .reliable();
    }

    fn shown(&self, p: Option<&str>) -> Payload {
        let State {
            people,
            settings,
            crown,
            ..
        } = &self.state;
        let ch = Channel {
            _id: &self.id,
            id: &self.id,
            count: people.len(),
            entry: Entry::of(settings, crown.as_ref()),
        };
        let ppl = everybody(people);
        Payload::of(&Shown { ch, ppl, p })
    }

    /// To all members known so far but one. Audiences are made out when the call is over: others
    /// may have come in by then, and the first that they get has to be the room. Messages are last
    /// in a call, so what answers them may go to everyone.
    fn tell_but(&self, cx: &mut Cx, member: MemberId, topic: Topic, payload: Payload) {
        let others = self.state.people.keys().copied();
        let others: Vec<MemberId> = others.filter(|other| *other != member).collect();
        if !others.is_empty() {
            cx.deliver(topic)
                .payload(payload)
                .to_members(others)
                .reliable();
        }
    }

    /// Renew the entry in the list.
    pub(crate) fn list(&mut self, cx: &mut Cx) {
        let bans = self.state.bans.listed(cx.now());
        let State {
            settings, crown, ..
        } = &self.state;
        let mut listing = Listing::of(&Entry::of(settings, crown.as_ref())).bans(bans);
        listing.visible = settings.visible;
        cx.set_listing(listing);
    }
}

/// Who may do what.
impl Piano {
    /// The note quota that applies to a member.
    pub(crate) fn params(&self, member: MemberId) -> Params {
        let quota = &self.options.quota;
        if self.place.is_lobby() {
            quota.lobby
        } else if self.holder() == Some(member) {
            quota.crown
        } else {
            quota.normal
        }
    }

    /// Whether the member may change settings and put others out.
    pub(crate) fn may_govern(&self, member: MemberId) -> bool {
        let has_crown = self.holder() == Some(member);
        !self.place.is_lobby() && (has_crown || self.is_staff(member))
    }

    /// Whether the member is staff.
    pub(crate) fn is_staff(&self, member: MemberId) -> bool {
        let person = self.state.people.get(&member);
        person.is_some_and(|person| person.staff)
    }
}
