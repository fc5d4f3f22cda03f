//! What clients are told, as JSON.

use roost_sdk::types::Payload;
use serde::Serialize;

use crate::crown::{Crown, Point};
use crate::people::{Face, People, Person, Tag};
use crate::quota::{HISTORY, Params};
use crate::settings::Settings;
use crate::text::{hex, subject};

/// How long a notice is shown, in milliseconds.
const NOTICE_DURATION: u32 = 7000;

/// A participant: topic `p`, and part of `ch`.
#[derive(Debug, Serialize)]
pub(crate) struct Participant<'a> {
    #[serde(flatten)]
    author: Author<'a>,
    x: f64,
    y: f64,
    /// Always there: clients remember the last they were told.
    afk: bool,
    /// Told to staff only.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    vanished: bool,
}

/// A participant without a position: part of `a` and `dm`.
#[derive(Debug, Serialize)]
pub(crate) struct Author<'a> {
    _id: &'a str,
    id: &'a str,
    name: &'a str,
    color: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a Tag>,
}

impl<'a> Author<'a> {
    pub(crate) fn of(face: &'a Face) -> Self {
        Self {
            _id: face.id(),
            id: face.id(),
            name: &face.name,
            color: hex(face.color),
            tag: face.tag.as_ref(),
        }
    }
}

impl<'a> Participant<'a> {
    pub(crate) fn of(person: &'a Person) -> Self {
        let Point { x, y } = person.mouse.at();
        Self {
            author: Author::of(&person.face),
            x,
            y,
            afk: person.afk,
            vanished: person.vanished,
        }
    }
}

/// Topic `ch`.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a> {
    pub(crate) ch: Channel<'a>,
    pub(crate) ppl: Vec<Participant<'a>>,
    /// Which of them the receiver is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p: Option<&'a str>,
}

/// The room, as part of `ch`.
#[derive(Debug, Serialize)]
pub(crate) struct Channel<'a> {
    pub(crate) _id: &'a str,
    pub(crate) id: &'a str,
    pub(crate) count: usize,
    #[serde(flatten)]
    pub(crate) entry: Entry<'a>,
}

/// What the list says of the room.
#[derive(Debug, Serialize)]
pub(crate) struct Entry<'a> {
    settings: ShownSettings<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crown: Option<ShownCrown<'a>>,
}

impl<'a> Entry<'a> {
    pub(crate) fn of(settings: &'a Settings, crown: Option<&'a Crown>) -> Self {
        Self {
            settings: ShownSettings::of(settings),
            crown: crown.map(ShownCrown::of),
        }
    }
}

#[derive(Debug, Serialize)]
struct ShownSettings<'a> {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    lobby: bool,
    visible: bool,
    chat: bool,
    crownsolo: bool,
    #[serde(rename = "no cussing", skip_serializing_if = "Option::is_none")]
    no_cussing: Option<bool>,
    #[serde(rename = "lyrical notes", skip_serializing_if = "Option::is_none")]
    lyrical_notes: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    noindex: Option<bool>,
    #[serde(rename = "allowBots", skip_serializing_if = "Option::is_none")]
    allow_bots: Option<bool>,
    color: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    color2: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    #[serde(rename = "minOnlineTime", skip_serializing_if = "Option::is_none")]
    min_online_time: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_id: Option<&'a str>,
}

impl<'a> ShownSettings<'a> {
    fn of(settings: &'a Settings) -> Self {
        Self {
            lobby: settings.is_lobby,
            visible: settings.visible,
            chat: settings.chat,
            crownsolo: settings.crownsolo,
            no_cussing: settings.no_cussing,
            lyrical_notes: settings.lyrical_notes,
            noindex: settings.noindex,
            allow_bots: settings.allow_bots,
            color: hex(settings.color),
            color2: settings.color2.map(hex),
            limit: settings.limit,
            min_online_time: settings.min_online_time,
            owner_id: settings.owner_id.as_deref(),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownCrown<'a> {
    user_id: &'a str,
    /// Not there while it lies on the floor.
    #[serde(skip_serializing_if = "Option::is_none")]
    participant_id: Option<&'a str>,
    time: u64,
    start_pos: Point,
    end_pos: Point,
}

impl<'a> ShownCrown<'a> {
    fn of(crown: &'a Crown) -> Self {
        let user_id = subject(&crown.owner);
        Self {
            user_id,
            participant_id: crown.holder.map(|_| user_id),
            time: crown.time,
            start_pos: crown.start,
            end_pos: crown.end,
        }
    }
}

/// Topic `a`, and part of `c` with `m`.
#[derive(Debug, Serialize)]
pub(crate) struct Said<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) m: Option<&'static str>,
    pub(crate) a: &'a str,
    #[serde(flatten)]
    pub(crate) people: Speakers<'a>,
    pub(crate) t: u64,
    pub(crate) id: String,
    /// The line that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) r: Option<&'a str>,
}

/// Whose line it is: of `a` or of `dm`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Speakers<'a> {
    /// Somebody speaks to all.
    One {
        /// Who.
        p: Author<'a>,
    },
    /// Somebody speaks to one other.
    Two {
        /// Who.
        sender: Author<'a>,
        /// To whom.
        recipient: Author<'a>,
    },
}

/// Topic `c`.
#[derive(Debug, Serialize)]
pub(crate) struct History<'a> {
    pub(crate) c: Vec<Said<'a>>,
}

/// Topic `bye`.
#[derive(Debug, Serialize)]
pub(crate) struct Bye<'a> {
    pub(crate) p: &'a str,
}

/// Topic `nq`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NoteQuota {
    allowance: u32,
    max: u32,
    max_hist_len: usize,
}

impl NoteQuota {
    pub(crate) fn of(params: Params) -> Self {
        Self {
            allowance: params.allowance,
            max: params.max,
            max_hist_len: HISTORY,
        }
    }
}

/// Topic `notification`.
#[derive(Debug, Serialize)]
pub(crate) struct Notification<'a> {
    id: &'static str,
    title: &'static str,
    text: &'a str,
    class: &'static str,
    target: &'static str,
    duration: u32,
}

impl<'a> Notification<'a> {
    /// A short one. One of the same id takes its place.
    pub(crate) fn short(id: &'static str, title: &'static str, text: &'a str) -> Self {
        Self {
            id,
            title,
            text,
            class: "short",
            target: "#room",
            duration: NOTICE_DURATION,
        }
    }

    pub(crate) fn payload(&self) -> Payload {
        Payload::of(self)
    }
}

/// Everybody whom staff or others see, in the order of coming.
pub(crate) fn everybody(people: &People, to_staff: bool) -> Vec<Participant<'_>> {
    let seen = people.values().filter(|one| to_staff || !one.vanished);
    seen.map(Participant::of).collect()
}
