//! The Multiplayer Piano protocol: JSON arrays, notes from one to all others. Nothing of it is particular to Roost, so
//! that any server that speaks it can be measured with the same load.

use anyhow::{Context, Result};
use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::dialect::{Dialect, Heard, Seat};
use crate::stamp::Stamp;
use crate::websocket::{Message, Opcode};

/// Digits of a sender's number in the name of a note.
const SENDER_DIGITS: usize = 3;
/// Length of the name of a note that is a stamp. No key of a piano has such a long one.
const NAME: usize = 8;
/// Rooms are told apart by this many numbers: a note may come this late, in ms.
const ROOMS: u32 = 10_000;

/// Notes as browsers send them.
#[derive(Debug)]
pub(crate) struct Mpp {
    /// Path of the server's WebSocket.
    pub(crate) path: String,
    /// Rooms are called this and a number.
    pub(crate) room_prefix: String,
    /// Events in each message.
    pub(crate) events: u32,
    /// Number of the run.
    pub(crate) run: u32,
    /// Unix time, in ms, that belongs to 0 on the recorder's clock, nearly.
    epoch: f64,
}

impl Mpp {
    /// # Errors
    /// The clock is before 1970.
    pub(crate) fn new(path: String, room_prefix: String, events: u32, run: u32) -> Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.context("what year is it?")?;
        Ok(Self {
            path,
            room_prefix,
            events,
            run,
            epoch: now.as_millis() as f64,
        })
    }

    /// A stamp survives any server that relays what a client may send: `t` says when the message was due, to the microsecond; the
    /// name of the first note who sent it, and his how manieth it is; its delay the room.
    fn read(&self, message: &str) -> Option<Stamp> {
        let name = notes(message).find(|name| name.len() == NAME)?;
        let (sender, seq) = name.split_at_checked(SENDER_DIGITS)?;
        let time: f64 = number(message, "\"t\":")?;
        let room: f64 = number(message, "\"d\":")?;
        Some(Stamp {
            run: self.run,
            room: room as u32,
            sender: u32::from_str_radix(sender, 36).ok()?,
            seq: u32::from_str_radix(seq, 36).ok()?,
            due: ((time - self.epoch) * 1000.0).round().max(0.0) as u64 * 1000,
        })
    }
}

/// The names of all notes in a message.
fn notes(message: &str) -> impl Iterator<Item = &str> {
    let rest = message.split("\"n\":\"").skip(1);
    rest.filter_map(|rest| rest.split('"').next())
}

/// The number behind the first such key.
fn number(message: &str, key: &str) -> Option<f64> {
    let (_, rest) = message.split_once(key)?;
    let end = rest.find([',', '}', ']'])?;
    rest.get(..end)?.trim().parse().ok()
}

/// The objects of an array, by their braces. Messages with braces in their texts may be cut wrongly; they are not notes.
fn objects(array: &str) -> impl Iterator<Item = &str> {
    let (mut depth, mut start) = (0_u32, 0);
    array.bytes().enumerate().filter_map(move |(at, byte)| {
        match byte {
            b'{' => {
                if depth == 0 {
                    start = at;
                }
                depth += 1;
            }
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return array.get(start..=at);
                }
            }
            _ => {}
        }
        None
    })
}

/// A number in base 36, with at least so many digits.
fn base_36(mut number: u32, digits: usize, out: &mut Vec<u8>) {
    let mut text = [b'0'; NAME];
    let mut used = 0;
    for place in text.iter_mut().rev() {
        if number == 0 && used >= digits {
            break;
        }
        *place = char::from_digit(number % 36, 36).map_or(b'0', |digit| digit as u8);
        number /= 36;
        used += 1;
    }
    out.extend_from_slice(text.get(NAME - used..).unwrap_or_default());
}

impl Dialect for Mpp {
    fn address(&self, _seat: Seat) -> Result<String> {
        Ok(self.path.clone())
    }

    fn hello(&self, seat: Seat) -> Option<(Opcode, Vec<u8>)> {
        let (prefix, room) = (&self.room_prefix, seat.room);
        let hello = format!(r#"[{{"m":"hi"}},{{"m":"ch","_id":"{prefix}{room}"}}]"#);
        Some((Opcode::Text, hello.into_bytes()))
    }

    fn write(&self, stamp: Stamp, out: &mut Vec<u8>) -> Opcode {
        let time = self.epoch + (stamp.due / 1000) as f64 / 1000.0;
        let room = stamp.room % ROOMS;
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = write!(text, "[{{\"m\":\"n\",\"t\":{time:.3},\"n\":[{{\"n\":\"");
        out.extend_from_slice(text.as_bytes());
        base_36(stamp.sender, SENDER_DIGITS, out);
        base_36(stamp.seq, NAME - SENDER_DIGITS, out);
        out.extend_from_slice(format!("\",\"v\":0.5,\"d\":{room}}}").as_bytes());
        for event in 1..self.events {
            let event = format!(",{{\"n\":\"a3\",\"v\":0.618,\"d\":{}}}", event % 200);
            out.extend_from_slice(event.as_bytes());
        }
        out.extend_from_slice(b"]}]");
        Opcode::Text
    }

    fn hear(&self, message: Message<'_>, each: &mut dyn FnMut(Heard)) {
        if message.opcode != Opcode::Text {
            return each(Heard::Other);
        }
        let Ok(text) = std::str::from_utf8(message.payload) else {
            return each(Heard::Error("a text frame that is not UTF-8".to_owned()));
        };
        for message in objects(text) {
            if message.contains("\"m\":\"n\"") {
                each(self.read(message).map_or(Heard::Other, Heard::Stamp));
            } else if message.contains("\"m\":\"ch\"") {
                each(Heard::Entered);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mpp(events: u32) -> Mpp {
        Mpp::new("/".to_owned(), "load-".to_owned(), events, 9).unwrap()
    }

    fn heard(mpp: &Mpp, payload: &str) -> Vec<Heard> {
        let mut all = Vec::new();
        let message = Message {
            opcode: Opcode::Text,
            payload: payload.as_bytes(),
        };
        mpp.hear(message, &mut |one| all.push(one));
        all
    }

    fn stamp(seq: u32) -> Stamp {
        Stamp {
            run: 9,
            room: 12,
            sender: 40_000,
            seq,
            due: 12_345_678_000,
        }
    }

    #[test]
    fn stamps_survive_whatever_order_a_server_writes_fields_in() {
        let mpp = mpp(3);
        for seq in [0, 1, 35, 36, 1_000_000] {
            let mut sent = Vec::new();
            mpp.write(stamp(seq), &mut sent);
            let sent: serde_json::Value = serde_json::from_slice(&sent).unwrap();
            let mut message = sent[0].clone();
            message["p"] = "3f9a0c51d27be8846a10fe92".into();
            // Alphabetical, as a map of serde_json is.
            let alphabetical = format!("[{message}]");
            let (t, n) = (&message["t"], &message["n"]);
            let other = format!("[{{\"m\":\"n\",\"p\":\"ab\",\"t\":{t},\"n\":{n}}}]");
            for text in [alphabetical, other] {
                assert_eq!(heard(&mpp, &text), [Heard::Stamp(stamp(seq))], "{text}");
            }
        }
    }

    #[test]
    fn an_array_may_hold_several() {
        let mpp = mpp(1);
        let (mut one, mut two) = (Vec::new(), Vec::new());
        mpp.write(stamp(1), &mut one);
        mpp.write(stamp(2), &mut two);
        let inner = |frame: &[u8]| String::from_utf8(frame[1..frame.len() - 1].to_vec()).unwrap();
        let text = format!("[{},{{\"m\":\"p\"}},{}]", inner(&one), inner(&two));
        assert_eq!(
            heard(&mpp, &text),
            [Heard::Stamp(stamp(1)), Heard::Stamp(stamp(2))]
        );
    }

    #[test]
    fn being_in_a_room_is_noticed() {
        let text = r#"[{"m":"ch","p":"ab","ch":{"_id":"load-0","settings":{}},"ppl":[{"id":"ab"}]},{"m":"c","c":[]}]"#;
        assert_eq!(heard(&mpp(1), text), [Heard::Entered]);
        let notes = r#"[{"m":"n","t":1,"p":"x","n":[{"n":"a3"}]}]"#;
        assert_eq!(heard(&mpp(1), notes), [Heard::Other]);
    }
}
