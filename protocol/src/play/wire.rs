//! What frames look like: section 2 and 3 of `protocol/docs/play.md`.

use roost_room::{Intake, Manifest, Outgoing, Payload, RefusalReason, Route};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A text frame from a client.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientFrame<'a> {
    #[serde(borrow)]
    pub(super) topic: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
}

/// What a client is told when it has entered.
#[derive(Debug)]
pub struct Welcome<'a> {
    /// The kind of the room.
    pub kind: &'a str,
    /// Its id.
    pub room: &'a str,
    /// The subject of the user.
    pub user: &'a str,
    /// The member's slot.
    pub member: u32,
    /// The connection's number.
    pub connection: u32,
    /// SHA-256 of the rules, in hex.
    pub program: String,
    /// What the rules say they are.
    pub manifest: &'a Manifest,
    /// What to hand back, with a dot and the last `seq`, to resume.
    pub resume: String,
    /// Whether what was missed follows.
    pub resumed: bool,
    /// For somebody without a token of their own: the way back.
    pub token: Option<&'a str>,
}

#[derive(Serialize)]
struct TopicCard<'a> {
    name: &'a str,
    intake: &'static str,
}

#[derive(Serialize)]
struct WelcomeFrame<'a> {
    roost: &'static str,
    kind: &'a str,
    room: &'a str,
    user: &'a str,
    member: u32,
    connection: u32,
    program: &'a str,
    topics: Vec<TopicCard<'a>>,
    resume: &'a str,
    resumed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

#[derive(Serialize)]
struct HostFrame<'a> {
    roost: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

const NOTHING: HostFrame<'static> = HostFrame {
    roost: "error",
    code: None,
    message: None,
    reason: None,
    room: None,
    text: None,
};

/// A room in the list of a kind.
#[derive(Debug, Serialize)]
pub struct RoomCard<'a> {
    /// The room's id.
    pub id: &'a str,
    /// Members at the moment.
    pub members: u32,
    /// What its rules show of it: JSON, checked when they said it.
    #[serde(serialize_with = "as_raw")]
    pub data: &'a str,
}

fn as_raw<S: serde::Serializer>(json: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let raw: &RawValue = serde_json::from_str(json).map_err(serde::ser::Error::custom)?;
    raw.serialize(serializer)
}

/// The list of a kind: `{"rooms":[…]}`.
#[must_use]
pub fn room_list(rooms: &[RoomCard<'_>]) -> Vec<u8> {
    #[derive(Serialize)]
    struct List<'a> {
        rooms: &'a [RoomCard<'a>],
    }
    to_json(&List { rooms })
}

/// Whether a frame is text or binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Text,
    Binary,
}

/// A delivery as the payload of one frame, and whether that frame is a binary one.
#[must_use]
pub fn delivery(outgoing: &Outgoing) -> (Vec<u8>, bool) {
    let (bytes, shape) = match &outgoing.payload {
        Payload::Json(json) => (text_delivery(outgoing, json.bytes()), Shape::Text),
        Payload::Binary(bytes) => (binary_delivery(outgoing, bytes), Shape::Binary),
    };
    (bytes, shape == Shape::Binary)
}

/// Spliced by hand: the payload is JSON already, and this is done for every message of every room.
fn text_delivery(outgoing: &Outgoing, data: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(data.len() + 96);
    frame.extend_from_slice(b"{\"topic\":");
    push_string(&mut frame, outgoing.topic.as_str());
    if let Some(speaker) = &outgoing.speaker {
        frame.extend_from_slice(b",\"from\":");
        push_string(&mut frame, speaker.user.subject());
        if let Some(member) = speaker.member {
            frame.extend_from_slice(b",\"member\":");
            push_number(&mut frame, u64::from(member.0));
        }
    }
    if let Route::Reliable(number) = outgoing.route {
        frame.extend_from_slice(b",\"seq\":");
        push_number(&mut frame, number.0);
    }
    frame.extend_from_slice(b",\"data\":");
    frame.extend_from_slice(data);
    frame.push(b'}');
    frame
}

/// In place of the number of a binary delivery that has none: numbers begin with 1.
const NO_NUMBER: u64 = 0;

fn binary_delivery(outgoing: &Outgoing, data: &[u8]) -> Vec<u8> {
    let topic = outgoing.topic.as_str().as_bytes();
    let from = outgoing
        .speaker
        .as_ref()
        .map_or("", |speaker| speaker.user.subject())
        .as_bytes();
    let number = match outgoing.route {
        Route::Reliable(number) => number.0,
        Route::Unreliable | Route::Latest(_) => NO_NUMBER,
    };
    let mut frame = Vec::with_capacity(11 + topic.len() + from.len() + data.len());
    // A topic has at most 64 bytes and a user id at most 256: both lengths fit.
    frame.push(u8::try_from(topic.len()).unwrap_or(u8::MAX));
    frame.extend_from_slice(topic);
    frame.extend_from_slice(&number.to_be_bytes());
    frame.extend_from_slice(&u16::try_from(from.len()).unwrap_or(u16::MAX).to_le_bytes());
    frame.extend_from_slice(from);
    frame.extend_from_slice(data);
    frame
}

fn push_string(frame: &mut Vec<u8>, text: &str) {
    let plain = |b: u8| b >= 0x20 && b != b'"' && b != b'\\';
    if text.bytes().all(plain) {
        frame.push(b'"');
        frame.extend_from_slice(text.as_bytes());
        frame.push(b'"');
    } else {
        frame.extend_from_slice(&to_json(&text));
    }
}

fn push_number(frame: &mut Vec<u8>, number: u64) {
    use std::io::Write;
    // Writing into a Vec cannot fail.
    let _ = write!(frame, "{number}");
}

/// These values have only strings as keys, and nothing in them refuses to be written.
fn to_json<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// `welcome`.
#[must_use]
pub fn welcome(welcome: &Welcome<'_>) -> Vec<u8> {
    let topics = welcome.manifest.topics.iter();
    to_json(&WelcomeFrame {
        roost: "welcome",
        kind: welcome.kind,
        room: welcome.room,
        user: welcome.user,
        member: welcome.member,
        connection: welcome.connection,
        program: &welcome.program,
        topics: topics
            .map(|topic| TopicCard {
                name: topic.name.as_str(),
                intake: intake(topic.intake),
            })
            .collect(),
        resume: &welcome.resume,
        resumed: welcome.resumed,
        token: welcome.token,
    })
}

fn intake(intake: Intake) -> &'static str {
    match intake {
        Intake::Closed => "closed",
        Intake::Reliable => "reliable",
        Intake::Unreliable => "unreliable",
        Intake::Latest => "latest",
    }
}

/// `refused`.
#[must_use]
pub fn refused(reason: RefusalReason, text: &str) -> Vec<u8> {
    let reason = match reason {
        RefusalReason::Full => "full",
        RefusalReason::Banned => "banned",
        RefusalReason::Forbidden => "forbidden",
    };
    to_json(&HostFrame {
        roost: "refused",
        reason: Some(reason),
        text: Some(text),
        ..NOTHING
    })
}

/// `moving`.
#[must_use]
pub fn moving(room: &str, text: &str) -> Vec<u8> {
    to_json(&HostFrame {
        roost: "moving",
        room: Some(room),
        text: Some(text),
        ..NOTHING
    })
}

/// `error`.
#[must_use]
pub fn error(code: &'static str, message: &str) -> Vec<u8> {
    to_json(&HostFrame {
        code: Some(code),
        message: Some(message),
        ..NOTHING
    })
}

/// `error` with the code `fault`.
#[must_use]
pub fn fault() -> Vec<u8> {
    error(
        "fault",
        "your message made the rules fail and had no effect",
    )
}

/// `ended`.
#[must_use]
pub fn ended(text: &str) -> Vec<u8> {
    to_json(&HostFrame {
        roost: "ended",
        text: Some(text),
        ..NOTHING
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use roost_room::{DeliveryNumber, MemberId, Recipients, Speaker, Topic, UserId};

    fn outgoing(payload: Payload, user: &str) -> Outgoing {
        let speaker = Speaker {
            member: Some(MemberId(3)),
            user: UserId::new("jwt", user).unwrap(),
        };
        Outgoing {
            to: Recipients::All,
            topic: Topic::new("say"),
            payload,
            route: Route::Reliable(DeliveryNumber(17)),
            speaker: Some(speaker),
        }
    }

    #[test]
    fn a_text_delivery_splices_its_payload() {
        let (frame, binary) = delivery(&outgoing(Payload::json("[1, 2]"), "al\"ice"));
        let expected = r#"{"topic":"say","from":"al\"ice","member":3,"seq":17,"data":[1, 2]}"#;
        assert_eq!(
            (String::from_utf8(frame).unwrap().as_str(), binary),
            (expected, false)
        );
    }

    #[test]
    fn a_delivery_of_the_room_itself_names_nobody() {
        let mut outgoing = outgoing(Payload::json("null"), "x");
        (outgoing.speaker, outgoing.route) = (None, Route::Unreliable);
        assert_eq!(delivery(&outgoing).0, br#"{"topic":"say","data":null}"#);
    }

    #[test]
    fn a_binary_delivery_is_prefixed_with_topic_number_and_author() {
        let mut outgoing = outgoing(Payload::binary(vec![9, 8]), "bob");
        let (frame, binary) = delivery(&outgoing);
        assert_eq!(
            (frame.as_slice(), binary),
            (&b"\x03say\0\0\0\0\0\0\0\x11\x03\0bob\x09\x08"[..], true)
        );
        (outgoing.speaker, outgoing.route) = (None, Route::Latest(7));
        let unnumbered = &b"\x03say\0\0\0\0\0\0\0\0\0\0\x09\x08"[..];
        assert_eq!(delivery(&outgoing).0, unnumbered);
    }
}
