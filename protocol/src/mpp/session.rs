//! What a client may say, in which order, and how often.

use super::close;
use super::fields::{Loose, is_color, is_id, is_length, is_plain, push_number, push_text};
use super::notes::{self, Notes};
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
/// Longest text of a chat message, in UTF-16 units.
const MAX_CHAT: usize = 512;
/// Longest name of a user, in UTF-16 units.
const MAX_NAME: usize = 40;
/// Longest name of a room, in UTF-16 units.
const MAX_ROOM: usize = 512;
/// Most bytes of `custom.data`.
const MAX_CUSTOM: usize = 16 * 1024;
/// Most users that a `custom` names.
const MAX_NAMED: usize = 32;
/// Longest ban, in ms.
const MAX_BAN: f64 = 3_600_000.0;

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
        /// For its rules: `{"set":{…}}`.
        options: String,
    },
    /// The list of rooms, or no more of it: `+ls`, `-ls`.
    Watch(bool),
    /// To leave: `bye`.
    Bye,
    /// Something for the rules of its room.
    Say(Said),
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

/// Every field that any message has.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields<'a> {
    #[serde(borrow)]
    token: Loose<'a>,
    #[serde(borrow)]
    e: Loose<'a>,
    #[serde(borrow, rename = "_id")]
    user: Loose<'a>,
    #[serde(borrow)]
    id: Loose<'a>,
    #[serde(borrow)]
    set: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Loose<'a>,
    #[serde(borrow)]
    reply_to: Loose<'a>,
    #[serde(borrow)]
    x: Loose<'a>,
    #[serde(borrow)]
    y: Loose<'a>,
    #[serde(borrow)]
    ms: Loose<'a>,
    #[serde(borrow)]
    name: Loose<'a>,
    #[serde(borrow)]
    color: Loose<'a>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    target: Option<&'a RawValue>,
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
        "kickban" | "unban" | "clearchat" | "setname" | "setcolor" => Sort::Ban,
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
        options: format!("{{\"set\":{set}}}"),
    })
}

fn settings(fields: &Fields<'_>) -> Option<Settings> {
    serde_json::from_str(fields.set?.get()).ok()
}

/// The canonical payload of a message for the rules, if its fields are in order.
fn payload(name: &str, fields: &Fields<'_>) -> Option<String> {
    let mut json = String::from("{");
    match name {
        "m" => {
            for (key, value) in [("x", &fields.x), ("y", &fields.y)] {
                push_key(&mut json, key);
                push_number(&mut json, value.numeric()?.clamp(-1000.0, 1000.0));
            }
        }
        "a" | "dm" => {
            let message = fields
                .message
                .text()
                .filter(|text| is_length(text, MAX_CHAT));
            push_field(&mut json, "message", message?);
            if name == "dm" {
                push_field(&mut json, "_id", id(&fields.user)?);
            }
            if let Some(replied) = id(&fields.reply_to) {
                push_field(&mut json, "reply_to", replied);
            }
        }
        "userset" => push_profile(&mut json, fields)?,
        "chset" => {
            push_key(&mut json, "set");
            json.push_str(&settings(fields)?.0);
        }
        "chown" => {
            if let Some(heir) = id(&fields.id) {
                push_field(&mut json, "id", heir);
            } else if fields.id != Loose::Nothing {
                return None;
            }
        }
        "kickban" => {
            push_field(&mut json, "_id", id(&fields.user)?);
            push_key(&mut json, "ms");
            push_number(&mut json, fields.ms.number()?.clamp(0.0, MAX_BAN).floor());
        }
        "unban" => push_field(&mut json, "_id", id(&fields.user)?),
        "setname" => {
            push_field(&mut json, "_id", id(&fields.user)?);
            push_field(&mut json, "name", own_name(&fields.name)?);
        }
        "setcolor" => {
            push_field(&mut json, "_id", id(&fields.user)?);
            push_field(&mut json, "color", own_color(&fields.color)?);
        }
        "custom" => push_custom(&mut json, fields)?,
        "clearchat" | "+custom" | "-custom" => {}
        _ => return None,
    }
    json.push('}');
    Some(json)
}

fn id<'a>(field: &'a Loose<'_>) -> Option<&'a str> {
    field.text().filter(|text| is_id(text))
}

fn own_name<'a>(field: &'a Loose<'_>) -> Option<&'a str> {
    let name = field.text()?;
    (is_length(name, MAX_NAME) && is_plain(name)).then_some(name)
}

fn own_color<'a>(field: &'a Loose<'_>) -> Option<&'a str> {
    field.text().filter(|text| is_color(text))
}

fn push_profile(json: &mut String, fields: &Fields<'_>) -> Option<()> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Profile<'a> {
        #[serde(borrow)]
        name: Loose<'a>,
        #[serde(borrow)]
        color: Loose<'a>,
    }
    let profile: Profile<'_> = serde_json::from_str(fields.set?.get()).ok()?;
    let (name, color) = (own_name(&profile.name), own_color(&profile.color));
    if name.is_none() && color.is_none() {
        return None;
    }
    push_key(json, "set");
    json.push('{');
    if let Some(name) = name {
        push_field(json, "name", name);
    }
    if let Some(color) = color {
        push_field(json, "color", color);
    }
    json.push('}');
    Some(())
}

fn push_custom(json: &mut String, fields: &Fields<'_>) -> Option<()> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Target<'a> {
        #[serde(borrow)]
        mode: Loose<'a>,
        #[serde(borrow)]
        id: Loose<'a>,
        #[serde(borrow)]
        ids: Vec<Loose<'a>>,
        #[serde(borrow)]
        global: Loose<'a>,
    }
    let data = fields.data.map_or("null", RawValue::get);
    if data.len() > MAX_CUSTOM {
        return None;
    }
    let target: Target<'_> = match fields.target {
        Some(target) => serde_json::from_str(target.get()).ok()?,
        None => Target::default(),
    };
    push_key(json, "data");
    json.push_str(data);
    push_key(json, "target");
    json.push('{');
    match target.mode.text() {
        None | Some("subscribed") => push_field(json, "mode", "subscribed"),
        Some("id") => {
            push_field(json, "mode", "id");
            push_field(json, "id", id(&target.id)?);
        }
        Some("ids") if target.ids.len() <= MAX_NAMED => {
            push_field(json, "mode", "ids");
            push_key(json, "ids");
            json.push('[');
            for (number, named) in target.ids.iter().filter_map(id).enumerate() {
                if number > 0 {
                    json.push(',');
                }
                push_text(json, named);
            }
            json.push(']');
        }
        Some(_) => return None,
    }
    push_key(json, "global");
    let global = target.global == Loose::Truth(true);
    json.push_str(if global { "true" } else { "false" });
    json.push('}');
    Some(())
}

fn push_key(json: &mut String, key: &str) {
    if !json.ends_with(['{', '[']) {
        json.push(',');
    }
    push_text(json, key);
    json.push(':');
}

fn push_field(json: &mut String, key: &str, text: &str) {
    push_key(json, key);
    push_text(json, text);
}

#[cfg(test)]
mod tests;
