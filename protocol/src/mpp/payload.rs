//! From the fields of a message to what the rules hear of it.

use super::fields::{Loose, is_color, is_id, is_length, is_plain, push_number, push_text};
use super::settings::Settings;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Longest text of a chat message, in UTF-16 units.
const MAX_CHAT: usize = 512;
/// Longest name of a user, in UTF-16 units.
const MAX_NAME: usize = 40;
/// Most bytes of `custom.data`.
const MAX_CUSTOM: usize = 16 * 1024;
/// Most users that a `custom` names.
const MAX_NAMED: usize = 32;
/// Longest ban from a room, in ms.
const MAX_BAN: f64 = 3_600_000.0;

/// Every field that any message has.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields<'a> {
    #[serde(borrow)]
    pub(super) token: Loose<'a>,
    #[serde(borrow)]
    pub(super) e: Loose<'a>,
    #[serde(borrow, rename = "_id")]
    pub(super) user: Loose<'a>,
    #[serde(borrow)]
    pub(super) id: Loose<'a>,
    #[serde(borrow)]
    pub(super) set: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) message: Loose<'a>,
    #[serde(borrow)]
    pub(super) reply_to: Loose<'a>,
    #[serde(borrow)]
    pub(super) x: Loose<'a>,
    #[serde(borrow)]
    pub(super) y: Loose<'a>,
    #[serde(borrow)]
    pub(super) ms: Loose<'a>,
    #[serde(borrow)]
    pub(super) name: Loose<'a>,
    #[serde(borrow)]
    pub(super) color: Loose<'a>,
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) target: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) vanish: Loose<'a>,
    #[serde(borrow)]
    pub(super) duration: Loose<'a>,
    #[serde(borrow)]
    pub(super) permanent: Loose<'a>,
    #[serde(borrow)]
    pub(super) reason: Loose<'a>,
    #[serde(borrow)]
    pub(super) note: Loose<'a>,
}

pub(super) fn settings(fields: &Fields<'_>) -> Option<Settings> {
    serde_json::from_str(fields.set?.get()).ok()
}

/// The canonical payload of a message for the rules, if its fields are in order.
pub(super) fn payload(name: &str, fields: &Fields<'_>) -> Option<String> {
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

pub(super) fn id<'a>(field: &'a Loose<'_>) -> Option<&'a str> {
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
    push_truth(json, "global", target.global == Loose::Truth(true));
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

fn push_truth(json: &mut String, key: &str, truth: bool) {
    push_key(json, key);
    json.push_str(if truth { "true" } else { "false" });
}
