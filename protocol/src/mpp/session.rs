//! What a client may say, in which order, and how often.

use super::close;
use super::fields::{Loose, is_length, is_plain};
use super::notes::{self, Notes};
use super::payload::{Fields, id, payload, settings};
use super::rates::{Rates, Sort};
use super::settings::Settings;
use crate::play::{MAX_DEPTH, Said};
use roost_room::{Intake, Json, Manifest, Payload, nests_deeper};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use thiserror::Error;

/// So many frames that are not JSON end the connection.
const PATIENCE: u8 = 20;
/// Longest name of a room, in UTF-16 units.
const MAX_ROOM: usize = 512;
/// Longest ban from the site that ends, in ms: a hundred years.
const MAX_SITE_BAN: f64 = 3_155_760_000_000.0;
/// Longest reason or note of a ban, in UTF-16 units.
const MAX_REASON: usize = 512;

/// What a client wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Intent {
    /// To be greeted: `hi`.
    Greet {
        /// Who it says it is.
        token: Option<String>,
    },
    /// To know the time: `t`.
    Time {
        /// What it wants to see again.
        echo: Option<f64>,
    },
    /// To be in a room: `ch`.
    Enter {
        /// Which.
        room: String,
        /// JSON object: the settings that are asked for.
        set: String,
    },
    /// The list of rooms, or no more of it: `+ls`, `-ls`.
    Watch(bool),
    /// To leave: `bye`.
    Bye,
    /// Not to be seen by others, or to be seen again: `v`. For staff.
    Vanish {
        /// Not to be seen.
        vanish: bool,
        /// The same for the rules of its room, if they have a topic for it.
        said: Option<Said>,
    },
    /// To keep somebody from the whole site, or to let him in again: `siteban`. For staff.
    SiteBan(SiteBan),
    /// Something for the rules of its room.
    Say(Said),
}

/// What staff wants of somebody who shall not come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteBan {
    /// Of whom clients see this id.
    pub id: String,
    /// For how many ms; 0 lifts it, none is for ever.
    pub ms: Option<u64>,
    /// What he is told; may be empty.
    pub reason: String,
    /// What only the operator sees; may be empty.
    pub note: String,
}

/// Why a connection is closed. The text is for its client.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Violation {
    /// Not what this door speaks, again and again.
    #[error("frames are JSON arrays")]
    Garbage,
    /// Too many bytes.
    #[error("too many bytes")]
    Bytes,
    /// Too many messages.
    #[error("too many messages")]
    Messages,
}

impl Violation {
    /// Its close code.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Garbage => close::POLICY,
            Self::Bytes => close::TOO_MANY_BYTES,
            Self::Messages => close::TOO_MANY_MESSAGES,
        }
    }
}

/// The state of one connection's talk.
#[derive(Debug, Default)]
pub struct MppSession {
    greeted: bool,
    garbage: u8,
    rates: Rates,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    m: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow, default)]
    t: Loose<'a>,
    #[serde(borrow)]
    n: Notes<'a>,
}

impl MppSession {
    /// Reads a text frame that came at `now`, in ms of a steady clock. `manifest` is that of the rules that would
    /// hear it: what they have no topic for, or only speak on themselves, is ignored.
    ///
    /// # Errors
    /// The connection has to be closed.
    pub fn frame(
        &mut self,
        frame: &str,
        manifest: &Manifest,
        now: u64,
    ) -> Result<Vec<Intent>, Violation> {
        if !self.rates.bytes(frame.len(), now) {
            return Err(Violation::Bytes);
        }
        if nests_deeper(frame.as_bytes(), MAX_DEPTH) {
            return self.garbage();
        }
        let messages: Vec<&RawValue> = match serde_json::from_str(frame) {
            Ok(messages) => messages,
            Err(error) if error.is_data() => return Ok(Vec::new()),
            Err(_) => return self.garbage(),
        };
        let mut intents = Vec::new();
        for message in messages {
            if !self.rates.message(now) {
                return Err(Violation::Messages);
            }
            let message = message.get();
            if let Ok(head) = serde_json::from_str::<Head<'_>>(message) {
                intents.extend(self.message(&head.m, message, manifest, now));
            }
        }
        Ok(intents)
    }

    fn garbage(&mut self) -> Result<Vec<Intent>, Violation> {
        self.garbage += 1;
        if self.garbage >= PATIENCE {
            Err(Violation::Garbage)
        } else {
            Ok(Vec::new())
        }
    }

    fn message(
        &mut self,
        name: &str,
        message: &str,
        manifest: &Manifest,
        now: u64,
    ) -> Option<Intent> {
        let sort = sort(name)?;
        let known = self.greeted || name == "hi";
        if !known || !self.rates.allow(sort, now) {
            return None;
        }
        if name == "n" {
            let batch: Batch<'_> = serde_json::from_str(message).ok()?;
            return say(name, notes::canonical(&batch.t, &batch.n)?, manifest);
        }
        let fields: Fields<'_> = serde_json::from_str(message).ok()?;
        match name {
            "hi" => {
                self.greeted = true;
                let token = fields.token.text().map(str::to_owned);
                Some(Intent::Greet { token })
            }
            "t" => Some(Intent::Time {
                echo: fields.e.number(),
            }),
            "ch" => enter(&fields),
            "+ls" => Some(Intent::Watch(true)),
            "-ls" => Some(Intent::Watch(false)),
            "bye" => Some(Intent::Bye),
            "v" => vanish(&fields, manifest),
            "siteban" => site_ban(&fields).map(Intent::SiteBan),
            _ => say(name, payload(name, &fields)?, manifest),
        }
    }
}

/// What a message is counted with. `None`: not a message of this protocol, or one that nobody needs.
fn sort(name: &str) -> Option<Sort> {
    Some(match name {
        "n" => Sort::Notes,
        "m" => Sort::Mouse,
        "ch" => Sort::Enter,
        "chset" => Sort::Settings,
        "userset" => Sort::Profile,
        "chown" => Sort::Crown,
        "kickban" | "unban" | "clearchat" | "setname" | "setcolor" | "siteban" | "v" => Sort::Ban,
        "+ls" | "-ls" => Sort::List,
        "t" => Sort::Time,
        "hi" | "bye" => Sort::Greeting,
        "a" | "dm" => Sort::Talk,
        "custom" | "+custom" | "-custom" => Sort::Custom,
        _ => return None,
    })
}

fn say(topic: &str, json: String, manifest: &Manifest) -> Option<Intent> {
    let spec = manifest.topic(topic)?;
    if spec.intake == Intake::Closed {
        return None;
    }
    // This door knows its messages: notes may be lost, of a pointer only the newest place counts.
    let intake = match topic {
        "n" => Intake::Unreliable,
        "m" => Intake::Latest,
        _ => Intake::Reliable,
    };
    Some(Intent::Say(Said {
        topic: spec.name.clone(),
        payload: Payload::Json(Json::new(json)),
        intake,
    }))
}

fn enter(fields: &Fields<'_>) -> Option<Intent> {
    let room = fields.user.text()?;
    if !is_length(room, MAX_ROOM) || !is_plain(room) {
        return None;
    }
    let Settings(set) = settings(fields).unwrap_or_default();
    Some(Intent::Enter {
        room: room.to_owned(),
        set,
    })
}

fn vanish(fields: &Fields<'_>, manifest: &Manifest) -> Option<Intent> {
    let Loose::Truth(vanish) = fields.vanish else {
        return None;
    };
    let said = match say("v", format!("{{\"vanish\":{vanish}}}"), manifest) {
        Some(Intent::Say(said)) => Some(said),
        _ => None,
    };
    Some(Intent::Vanish { vanish, said })
}

fn site_ban(fields: &Fields<'_>) -> Option<SiteBan> {
    let ms = match (&fields.permanent, fields.duration.number()) {
        (Loose::Truth(true), _) => None,
        (_, Some(ms)) => Some(ms.clamp(0.0, MAX_SITE_BAN) as u64),
        _ => return None,
    };
    let text = |field: &Loose<'_>| {
        let text = field.text().filter(|text| is_length(text, MAX_REASON));
        text.filter(|text| is_plain(text)).unwrap_or("").to_owned()
    };
    Some(SiteBan {
        id: id(&fields.id)?.to_owned(),
        ms,
        reason: text(&fields.reason),
        note: text(&fields.note),
    })
}

#[cfg(test)]
mod tests;
