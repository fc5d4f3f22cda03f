//! The native door, `/play/{kind}/{room}`: JSON or binary frames, topic and payload.

use anyhow::Result;
use serde::Deserialize;

use crate::dialect::{Dialect, Heard, Seat};
use crate::stamp::{STAMP_BYTES, Stamp, TEXT_START};
use crate::token;
use crate::websocket::{Message, Opcode};

/// What frames the generator sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Frames {
    /// Topic and bytes.
    Binary,
    /// `{"topic":…,"data":"…"}`.
    Text,
}

/// A kind, a topic, and how to speak on it.
#[derive(Debug)]
pub(crate) struct Play {
    /// The kind of all rooms.
    pub(crate) kind: String,
    /// What every message is sent on.
    pub(crate) topic: String,
    /// Rooms are called this and a number.
    pub(crate) room_prefix: String,
    /// Signs a token for every connection; without it they are nobody.
    pub(crate) secret: Option<String>,
    /// Form of the messages.
    pub(crate) frames: Frames,
    /// Bytes of a message's payload, as the room sees it.
    pub(crate) payload: usize,
}

/// What the host itself says.
#[derive(Deserialize)]
struct HostFrame {
    roost: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    text: String,
}

impl Dialect for Play {
    fn address(&self, seat: Seat) -> Result<String> {
        let (kind, prefix, room) = (&self.kind, &self.room_prefix, seat.room);
        let mut address = format!("/play/{kind}/{prefix}{room}");
        if let Some(secret) = &self.secret {
            let user = format!("load-{}", seat.index);
            address.push_str("?token=");
            address.push_str(&token::mint(secret, kind, user)?);
        }
        Ok(address)
    }

    fn hello(&self, _seat: Seat) -> Option<(Opcode, Vec<u8>)> {
        None
    }

    fn write(&self, stamp: Stamp, out: &mut Vec<u8>) -> Opcode {
        match self.frames {
            Frames::Binary => {
                out.push(u8::try_from(self.topic.len()).unwrap_or(0));
                out.extend_from_slice(self.topic.as_bytes());
                let start = out.len();
                stamp.write(out);
                out.resize(start + self.payload.max(STAMP_BYTES), 0);
                Opcode::Binary
            }
            Frames::Text => {
                out.extend_from_slice(b"{\"topic\":\"");
                out.extend_from_slice(self.topic.as_bytes());
                out.extend_from_slice(b"\",\"data\":\"");
                let start = out.len();
                stamp.write_text(out);
                let string = self.payload.saturating_sub(2);
                out.resize(start + string.max(STAMP_BYTES * 2), b'x');
                out.extend_from_slice(b"\"}");
                Opcode::Text
            }
        }
    }

    fn hear(&self, message: Message<'_>, each: &mut dyn FnMut(Heard)) {
        each(match message.opcode {
            Opcode::Binary => binary_payload(message.payload)
                .and_then(Stamp::read)
                .map_or(Heard::Other, Heard::Stamp),
            Opcode::Text => hear_text(message.payload),
            Opcode::Close | Opcode::Ping | Opcode::Pong => Heard::Other,
        });
    }
}

/// What stands behind topic, number and author of a binary delivery.
fn binary_payload(frame: &[u8]) -> Option<&[u8]> {
    let (topic, rest) = frame.split_first()?;
    let (_, rest) = rest.split_at_checked(usize::from(*topic))?;
    let (_number, rest) = rest.split_first_chunk::<8>()?;
    let (author, rest) = rest.split_first_chunk()?;
    let (_, payload) = rest.split_at_checked(usize::from(u16::from_le_bytes(*author)))?;
    Some(payload)
}

/// Looks for a stamp before it parses anything: almost every frame is a delivery.
fn hear_text(frame: &[u8]) -> Heard {
    let Ok(text) = std::str::from_utf8(frame) else {
        return Heard::Error("a text frame that is not UTF-8".to_owned());
    };
    let stamp = text
        .find(TEXT_START)
        .and_then(|position| Stamp::read_text(frame.get(position..)?));
    if let Some(stamp) = stamp {
        return Heard::Stamp(stamp);
    }
    match serde_json::from_str::<HostFrame>(text) {
        Ok(host) => match host.roost.as_str() {
            "welcome" => Heard::Entered,
            "refused" => Heard::Refused(format!("refused ({}): {}", host.reason, host.text)),
            "error" => Heard::Error(format!("{}: {}", host.code, host.message)),
            _ => Heard::Other,
        },
        Err(_) => Heard::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Frames, Heard, Play};
    use crate::dialect::Seat;
    use crate::stamp::Stamp;
    use crate::websocket::{Message, Opcode};

    const STAMP: Stamp = Stamp {
        run: 1,
        room: 2,
        sender: 3,
        seq: 4,
        due: 5,
    };

    fn play(frames: Frames, payload: usize) -> Play {
        Play {
            kind: "relay".to_owned(),
            topic: "note".to_owned(),
            room_prefix: "load-".to_owned(),
            secret: Some("secret".to_owned()),
            frames,
            payload,
        }
    }

    fn hear(opcode: Opcode, payload: &[u8]) -> Heard {
        let mut heard = Vec::new();
        play(Frames::Binary, 0).hear(Message { opcode, payload }, &mut |one| heard.push(one));
        assert_eq!(heard.len(), 1);
        heard.remove(0)
    }

    #[test]
    fn payloads_have_the_size_that_was_asked_for() {
        let mut frame = Vec::new();
        play(Frames::Binary, 100).write(STAMP, &mut frame);
        assert_eq!(frame.len(), 1 + 4 + 100);
        frame.clear();
        play(Frames::Text, 100).write(STAMP, &mut frame);
        let json: serde_json::Value = serde_json::from_slice(&frame).unwrap();
        assert_eq!(json["data"].to_string().len(), 100);
        frame.clear();
        play(Frames::Binary, 0).write(STAMP, &mut frame);
        assert_eq!(frame.len(), 1 + 4 + 28);
    }

    #[test]
    fn deliveries_of_both_forms_give_the_stamp_back() {
        let mut delivery = vec![4];
        delivery.extend_from_slice(b"note\0\0\0\0\0\0\0\x09\x05\x00alice");
        STAMP.write(&mut delivery);
        assert_eq!(hear(Opcode::Binary, &delivery), Heard::Stamp(STAMP));

        let mut text = br#"{"topic":"note","from":"alice","member":1,"seq":9,"data":""#.to_vec();
        STAMP.write_text(&mut text);
        text.extend_from_slice(b"xxxx\"}");
        assert_eq!(hear(Opcode::Text, &text), Heard::Stamp(STAMP));
    }

    #[test]
    fn the_host_is_understood() {
        let welcome = br#"{"roost":"welcome","kind":"relay","topics":[],"resumed":false}"#;
        assert_eq!(hear(Opcode::Text, welcome), Heard::Entered);
        let refused = br#"{"roost":"refused","reason":"full","text":"no room"}"#;
        assert_eq!(
            hear(Opcode::Text, refused),
            Heard::Refused("refused (full): no room".to_owned())
        );
        let error = br#"{"roost":"error","code":"bad_frame","message":"what?"}"#;
        assert_eq!(
            hear(Opcode::Text, error),
            Heard::Error("bad_frame: what?".to_owned())
        );
        assert_eq!(
            hear(Opcode::Text, br#"{"topic":"x","data":1}"#),
            Heard::Other
        );
        assert_eq!(hear(Opcode::Binary, b"\x09abc"), Heard::Other);
    }

    #[test]
    fn a_secret_becomes_a_token() {
        let seat = Seat {
            room: 7,
            peer: 0,
            index: 0,
        };
        let address = play(Frames::Binary, 0).address(seat).unwrap();
        let token = address.strip_prefix("/play/relay/load-7?token=").unwrap();
        assert_eq!(token.split('.').count(), 3);
    }
}
