//! What is sent: objects, of which the writer makes arrays.

use roost_room::{Outgoing, Payload};
use serde::Serialize;

use super::fields::{push_number, push_text};

/// Somebody, where no place in a room is meant.
#[derive(Clone, Debug, Serialize)]
pub struct Person<'a> {
    /// 24 hexadecimal digits.
    #[serde(rename = "_id")]
    pub id: &'a str,
    /// As others see it.
    pub name: &'a str,
    /// `#rrggbb`.
    pub color: &'a str,
}

/// What staff may do, by the names that browsers know buttons for.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Permissions {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    clear_chat: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    chset_anywhere: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    chown_anywhere: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    userset_others: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    vanish: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    site_ban: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    site_ban_any_reason: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    site_ban_any_duration: bool,
}

/// `b`: something to answer for browsers that wait for it. What they answer is not judged.
#[must_use]
pub fn challenge() -> Vec<u8> {
    br#"{"m":"b","code":"~return 0"}"#.to_vec()
}

/// `hi`. `now` is Unix time in ms; `token` is there if the client has to remember another one.
#[must_use]
pub fn greeting(now: u64, person: &Person<'_>, staff: bool, token: Option<&str>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Hi<'a> {
        m: &'static str,
        t: u64,
        u: &'a Person<'a>,
        permissions: Permissions,
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<&'a str>,
        motd: &'static str,
        v: &'static str,
    }
    to_json(&Hi {
        m: "hi",
        t: now,
        u: person,
        permissions: Permissions {
            clear_chat: staff,
            chset_anywhere: staff,
            chown_anywhere: staff,
            userset_others: staff,
            vanish: staff,
            site_ban: staff,
            site_ban_any_reason: staff,
            site_ban_any_duration: staff,
        },
        token,
        motd: "Welcome",
        v: concat!("roost ", env!("CARGO_PKG_VERSION")),
    })
}

/// What the door tells the rules of somebody who wants to come in: the settings he asks for (a JSON object), since when he
/// has been online (Unix ms), and whether he does not want to be seen.
#[must_use]
pub fn entry_options(set: &str, since: u64, vanished: bool) -> String {
    let vanish = if vanished { r#","vanish":true"# } else { "" };
    format!(r#"{{"set":{set},"since":{since}{vanish}}}"#)
}

/// `nq`: what may be played from now on.
#[must_use]
pub fn quota(allowance: u32, max: u32) -> Vec<u8> {
    format!(r#"{{"m":"nq","allowance":{allowance},"max":{max},"maxHistLen":3}}"#).into_bytes()
}

/// `t`, with what the client wants to see again.
#[must_use]
pub fn time(now: u64, echo: Option<f64>) -> Vec<u8> {
    let mut json = format!(r#"{{"m":"t","t":{now}"#);
    if let Some(echo) = echo {
        json.push_str(",\"e\":");
        push_number(&mut json, echo);
    }
    json.push('}');
    json.into_bytes()
}

/// `notification`, in the small form above the piano.
#[derive(Debug, Serialize)]
pub struct Notification<'a> {
    /// Its headline.
    pub title: &'a str,
    /// What it says.
    pub text: &'a str,
}

/// `notification`.
#[must_use]
pub fn notification(notification: &Notification<'_>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Note<'a> {
        m: &'static str,
        class: &'static str,
        target: &'static str,
        duration: u32,
        #[serde(flatten)]
        notification: &'a Notification<'a>,
    }
    to_json(&Note {
        m: "notification",
        class: "short",
        target: "#room",
        duration: 7000,
        notification,
    })
}

/// A delivery of the rules: `m` is its topic, and where clients look for an author it is there. `None`: it is not a JSON
/// object, which this protocol cannot say.
#[must_use]
pub fn delivery(outgoing: &Outgoing) -> Option<Vec<u8>> {
    let Payload::Json(payload) = &outgoing.payload else {
        return None;
    };
    let rest = payload.as_str().trim_ascii_start().strip_prefix('{')?;
    let mut json = String::with_capacity(rest.len() + 64);
    json.push_str("{\"m\":");
    push_text(&mut json, outgoing.topic.as_str());
    if let (Some(key), Some(speaker)) = (author_key(outgoing.topic.as_str()), &outgoing.speaker) {
        json.push_str(key);
        push_text(&mut json, speaker.user.subject());
    }
    push_rest(&mut json, rest);
    Some(json.into_bytes())
}

/// Whether what is said on a topic should not wait for the flush window: what somebody waits for to see.
#[must_use]
pub fn is_urgent(topic: &str) -> bool {
    matches!(topic, "a" | "dm" | "ch" | "c" | "nq" | "notification")
}

fn author_key(topic: &str) -> Option<&'static str> {
    match topic {
        "n" | "custom" => Some(",\"p\":"),
        "m" => Some(",\"id\":"),
        _ => None,
    }
}

/// The rest of an object behind its brace, after other fields.
fn push_rest(json: &mut String, rest: &str) {
    if !rest.trim_ascii_start().starts_with('}') {
        json.push(',');
    }
    json.push_str(rest);
}

/// An entry of the list of rooms.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The room's name.
    pub room: &'a str,
    /// Participants.
    pub count: u32,
    /// What its rules say: a JSON object.
    pub data: &'a str,
}

/// One entry as everybody sees it who is not banned there.
#[must_use]
pub fn entry(entry: &Entry<'_>) -> String {
    write_entry(entry, false)
}

/// One entry as somebody sees it who is banned there.
#[must_use]
pub fn banned_entry(entry: &Entry<'_>) -> String {
    write_entry(entry, true)
}

fn write_entry(entry: &Entry<'_>, banned: bool) -> String {
    let mut json = String::with_capacity(entry.data.len() + 2 * entry.room.len() + 40);
    json.push_str("{\"_id\":");
    push_text(&mut json, entry.room);
    json.push_str(",\"id\":");
    push_text(&mut json, entry.room);
    json.push_str(",\"count\":");
    push_number(&mut json, f64::from(entry.count));
    if banned {
        json.push_str(",\"banned\":true");
    }
    let data = entry.data.trim_ascii_start().strip_prefix('{');
    push_rest(&mut json, data.unwrap_or("}"));
    json
}

/// `ls` of entries that are written already: all there are, or what has changed.
#[must_use]
pub fn list<'a>(complete: bool, entries: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut json = format!(r#"{{"m":"ls","c":{complete},"u":["#);
    for (number, entry) in entries.into_iter().enumerate() {
        if number > 0 {
            json.push(',');
        }
        json.push_str(entry);
    }
    json.push_str("]}");
    json.into_bytes()
}

/// Nothing in these values refuses to be written.
fn to_json<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use roost_room::{Json, MemberId, Recipients, Route, Speaker, Topic, UserId};

    fn outgoing(topic: &str, payload: &str, speaker: Option<&str>) -> Outgoing {
        Outgoing {
            to: Recipients::All,
            topic: Topic::new(topic),
            payload: Payload::Json(Json::new(payload.to_owned())),
            route: Route::Unreliable,
            speaker: speaker.map(|user| Speaker {
                user: UserId::parse(user).unwrap(),
                member: Some(MemberId(1)),
            }),
        }
    }

    #[test]
    fn deliveries_are_messages() {
        for (topic, payload, speaker, message) in [
            (
                "n",
                r#"{"t":1,"n":[]}"#,
                Some("mpp:ab"),
                r#"{"m":"n","p":"ab","t":1,"n":[]}"#,
            ),
            (
                "m",
                r#"{"x":1,"y":2}"#,
                Some("mpp:ab"),
                r#"{"m":"m","id":"ab","x":1,"y":2}"#,
            ),
            (
                "bye",
                r#"{"p":"ab"}"#,
                Some("mpp:ab"),
                r#"{"m":"bye","p":"ab"}"#,
            ),
            ("custom", "{}", Some("mpp:ab"), r#"{"m":"custom","p":"ab"}"#),
            ("x", "{ }", None, r#"{"m":"x" }"#),
        ] {
            let bytes = delivery(&outgoing(topic, payload, speaker)).unwrap();
            assert_eq!(String::from_utf8(bytes).unwrap(), message);
        }
        assert_eq!(delivery(&outgoing("x", "[1]", None)), None);
    }

    #[test]
    fn lists_are_made_of_entries() {
        let lobby = Entry {
            room: "lob\"by",
            count: 2,
            data: r#"{"settings":{}}"#,
        };
        let list = list(true, [entry(&lobby).as_str(), &banned_entry(&lobby)]);
        let list: serde_json::Value = serde_json::from_slice(&list).unwrap();
        let entry = serde_json::json!({"_id":"lob\"by","id":"lob\"by","count":2,"settings":{}});
        let mut banned = entry.clone();
        banned["banned"] = true.into();
        assert_eq!(
            list,
            serde_json::json!({"m":"ls","c":true,"u":[entry, banned]})
        );
    }

    #[test]
    fn what_the_door_says_is_json() {
        let person = Person {
            id: "ab",
            name: "\"",
            color: "#ffffff",
        };
        for bytes in [
            challenge(),
            greeting(5, &person, true, Some("t")),
            greeting(5, &person, false, None),
            quota(200, 600),
            time(5, Some(1.5)),
            notification(&Notification {
                title: "Notice",
                text: "\n",
            }),
        ] {
            let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            assert!(value["m"].is_string(), "{value}");
        }
        assert_eq!(time(5, None), br#"{"m":"t","t":5}"#);
    }
}
