//! A room: coming in, being shown around, leaving.

use std::collections::BTreeMap;

use roost_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Topic;
use crate::bans::Bans;
use crate::chat::Lines;
use crate::crown::Crown;
use crate::door::Arrival;
use crate::first_version::{self, OldState};
use crate::options::Options;
use crate::people::{People, Person, is_staff};
use crate::place::{Place, is_lasting};
use crate::quota::{Params, Quota};
use crate::settings::Settings;
use crate::wire::{Bye, Channel, Entry, NoteQuota, Participant, Shown, everybody};

/// The timer after which an empty room ends, though somebody was expected.
pub(crate) const END_TIMER: u32 = 2;
/// How long the host keeps a place for somebody who was admitted, in milliseconds.
pub(crate) const PLACE_KEPT: u32 = 5000;

/// Who was admitted and has not come yet: user and until when.
pub(crate) type Expected = BTreeMap<ConnectionId, (String, u64)>;

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
    pub(crate) expected: Expected,
    pub(crate) settings: Settings,
    pub(crate) crown: Option<Crown>,
    pub(crate) bans: Bans,
    pub(crate) lines: Lines,
    /// When the timer for late positions runs out.
    pub(crate) mouse_timer: Option<u64>,
    /// The timer that looks for those who are away runs.
    pub(crate) afk_timer: bool,
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
            expected: Expected::new(),
            settings,
            crown: None,
            bans: Bans::of(&config.bans),
            lines: Lines::default(),
            mouse_timer: None,
            afk_timer: false,
        };
        Self::resumed(config, state)
    }

    /// From a snapshot of any version so far.
    pub(crate) fn restored(config: &RoomConfig, bytes: &[u8]) -> Result<Self, String> {
        let (version, body) = snapshot::open(bytes)?;
        let state = match version {
            Self::STATE_VERSION => body.read()?,
            first_version::VERSION => body.read::<OldState>()?.into(),
            other => return Err(format!("the state has the unknown version {other}")),
        };
        Self::resumed(config, state)
    }

    fn resumed(config: &RoomConfig, state: State) -> Result<Self, String> {
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
        let now = cx.now();
        let vanishes = is_staff(&entrant.who) && Arrival::of(&entrant).vanish;
        let is_crowned = !vanishes && self.crown_on_entry(member, &entrant.who.user, now);
        let quota = Quota::full(self.params(member), now);
        let mut person = Person::new(entrant.who, quota, now);
        person.vanished = vanishes;
        let participant = Payload::of(&Participant::of(&person));
        self.tell(cx, Topic::Participant, participant, |_, other| {
            person.is_seen_by(other)
        });
        self.state.people.insert(member, person);
        if is_crowned {
            self.show_others(cx, member);
        }
        if is_first || is_crowned {
            self.list(cx);
        }
        self.watch(cx);
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
        self.watch(cx);
    }

    pub(crate) fn depart(&mut self, cx: &mut Cx, member: MemberId) {
        let Some(person) = self.state.people.remove(&member) else {
            return;
        };
        let bye = Payload::of(&Bye {
            p: person.face.id(),
        });
        self.tell(cx, Topic::Bye, bye, |_, other| person.is_seen_by(other));
        if self.drop_crown(cx, member, person.mouse.at()) {
            self.show_others(cx, member);
            self.list(cx);
        }
        if self.state.people.is_empty() {
            self.stop_watching(cx);
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
        let person = self.state.people.get(&member);
        let id = person.map(|person| person.face.id());
        cx.deliver(Topic::Channel)
            .payload(self.shown(id, self.is_staff(member)))
            .to_connection(connection)
            .reliable();
    }

    /// To everyone.
    pub(crate) fn show_all(&self, cx: &mut Cx) {
        if self.hides_anybody() {
            self.show_apart(cx, None);
            return;
        }
        cx.deliver(Topic::Channel)
            .payload(self.shown(None, false))
            .to_everyone()
            .reliable();
    }

    /// To all members known so far but one, see [`Piano::tell`].
    fn show_others(&self, cx: &mut Cx, member: MemberId) {
        if self.hides_anybody() {
            self.show_apart(cx, Some(member));
        } else {
            let payload = self.shown(None, false);
            self.tell(cx, Topic::Channel, payload, |other, _| other != member);
        }
    }

    /// As staff or as others see it.
    pub(crate) fn shown(&self, p: Option<&str>, to_staff: bool) -> Payload {
        let State {
            people,
            settings,
            crown,
            ..
        } = &self.state;
        let ppl = everybody(people, to_staff);
        let ch = Channel {
            _id: &self.id,
            id: &self.id,
            count: ppl.len(),
            entry: Entry::of(settings, crown.as_ref()),
        };
        Payload::of(&Shown { ch, ppl, p })
    }

    /// To those of the members known so far. Audiences are made out when the call is over: others
    /// may have come in by then, and the first that they get has to be the room. Messages are last
    /// in a call, so what answers them may go to everyone.
    pub(crate) fn tell(
        &self,
        cx: &mut Cx,
        topic: Topic,
        payload: Payload,
        is_told: impl Fn(MemberId, &Person) -> bool,
    ) {
        let people = self.state.people.iter();
        let told = people.filter(|(member, person)| is_told(**member, person));
        let told: Vec<MemberId> = told.map(|(member, _)| *member).collect();
        if !told.is_empty() {
            cx.deliver(topic)
                .payload(payload)
                .to_members(told)
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
