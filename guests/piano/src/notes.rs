//! Notes. They come often, so a batch is looked through once, without building anything, and sent on
//! as it is. It is looked through strictly, since other doors may not know what a piano plays.

use roost_sdk::prelude::*;

use crate::Topic;
use crate::room::Piano;
use crate::wire::Notification;

/// How far ahead notes may lie, in milliseconds: no client plays what is later.
const MAX_AHEAD: f64 = 10_000.0;
/// Longest name of a note, in bytes.
const MAX_NAME: usize = 8;

impl Piano {
    /// Topic `n`.
    pub(crate) fn play(&mut self, cx: &mut Cx, message: &Message) {
        let Payload::Json(text) = &message.payload else {
            return;
        };
        let now = cx.now();
        let Some(batch) = Batch::read(text) else {
            return;
        };
        let is_playable = batch.time - now as f64 <= MAX_AHEAD;
        let is_allowed = !self.state.settings.crownsolo || self.holder() == Some(message.member);
        let Some(person) = self.state.people.get_mut(&message.member) else {
            return;
        };
        if !(is_playable && is_allowed) {
            return;
        }
        if person.quota.spend(batch.notes, now) {
            if person.vanished {
                self.forward_to_staff(cx, message.via, Lane::Unreliable);
                return;
            }
            cx.forward().to_all_but_connection(message.via).unreliable();
        } else if person.quota.tell(now) {
            let text = "That is more than your note quota allows: some notes were not played.";
            let notice = Notification::short("note-quota", "Notice", text);
            cx.deliver(Topic::Notification)
                .json(&notice)
                .to_connection(message.via)
                .reliable();
        }
    }
}

/// What the rules want to know of a batch of notes.
#[derive(Debug, PartialEq)]
struct Batch {
    /// Unix time in milliseconds, by the sender's clock.
    time: f64,
    /// How many, one at least.
    notes: u64,
}

impl Batch {
    /// Nothing unless it has exactly the fields it may have and no spaces, in any order.
    fn read(text: &str) -> Option<Self> {
        let mut scan = Scan(text.as_bytes());
        let (mut time, mut notes) = (None, None);
        scan.expect(b'{')?;
        loop {
            match scan.key()? {
                b't' if time.is_none() => time = Some(scan.number()?),
                b'n' if notes.is_none() => notes = Some(scan.notes()?),
                _ => return None,
            }
            if scan.is_last(b'}')? {
                break;
            }
        }
        let time: f64 = std::str::from_utf8(time?).ok()?.parse().ok()?;
        let is_whole = scan.0.is_empty() && time.is_finite();
        notes.filter(|_| is_whole).map(|notes| Self { time, notes })
    }
}

/// What is left of a text that is JSON.
struct Scan<'a>(&'a [u8]);

impl<'a> Scan<'a> {
    fn expect(&mut self, byte: u8) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        (*first == byte).then_some(())
    }

    /// After an element: whether the list ends with this byte, or goes on behind a comma.
    fn is_last(&mut self, end: u8) -> Option<bool> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        (*first == end || *first == b',').then_some(*first == end)
    }

    /// A key of one letter.
    fn key(&mut self) -> Option<u8> {
        let [b'"', key, b'"', b':', rest @ ..] = self.0 else {
            return None;
        };
        self.0 = rest;
        Some(*key)
    }

    fn take_while(&mut self, is_part: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|byte| !is_part(*byte));
        let (part, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest;
        part
    }

    fn number(&mut self) -> Option<&'a [u8]> {
        let is_part = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
        Some(self.take_while(is_part)).filter(|number| !number.is_empty())
    }

    /// How many notes the list has.
    fn notes(&mut self) -> Option<u64> {
        self.expect(b'[')?;
        let mut notes = 0;
        loop {
            self.note()?;
            notes += 1;
            if self.is_last(b']')? {
                return Some(notes);
            }
        }
    }

    fn note(&mut self) -> Option<()> {
        const NAME: u8 = 1;
        let mut seen = 0_u8;
        self.expect(b'{')?;
        loop {
            let field = match self.key()? {
                b'n' => NAME,
                b'd' => 2,
                b'v' => 4,
                b's' => 8,
                _ => return None,
            };
            if seen & field != 0 {
                return None;
            }
            seen |= field;
            if field == NAME {
                self.name()?;
            } else {
                self.number()?;
            }
            if self.is_last(b'}')? {
                return (seen & NAME != 0).then_some(());
            }
        }
    }

    fn name(&mut self) -> Option<()> {
        self.expect(b'"')?;
        let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let name = self.take_while(is_part);
        self.expect(b'"')?;
        (1..=MAX_NAME).contains(&name.len()).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::Batch;

    #[test]
    fn batches_are_read_in_any_order() {
        let cases = [
            (
                r#"{"t":5,"n":[{"n":"a1","v":0.5},{"n":"a1","s":1}]}"#,
                5.0,
                2,
            ),
            (
                r#"{"n":[{"n":"t"}],"t":1767225601200.25}"#,
                1_767_225_601_200.25,
                1,
            ),
            (r#"{"t":-1e3,"n":[{"d":4,"n":"as-1","v":1}]}"#, -1000.0, 1),
        ];
        for (text, time, notes) in cases {
            assert_eq!(Batch::read(text), Some(Batch { time, notes }), "{text}");
        }
    }

    #[test]
    fn what_a_piano_does_not_play_is_not_read() {
        for text in [
            "",
            "{}",
            "[]",
            r#""t":"#,
            r#"{"t":5}"#,
            r#"{"n":[{"n":"a1"}]}"#,
            r#"{"t":5,"n":[]}"#,
            r#"{"t":5,"n":[null]}"#,
            r#"{"t":5,"n":{"n":"a1"}}"#,
            r#"{"t":5,"n":[{}]}"#,
            r#"{"t":5,"n":[{"v":1}]}"#,
            r#"{"t":5,"n":[{"n":""}]}"#,
            r#"{"t":5,"n":[{"n":"a1a1a1a1a"}]}"#,
            r#"{"t":5,"n":[{"n":"A1"}]}"#,
            r#"{"t":5,"n":[{"n":"a","n":"b"}]}"#,
            r#"{"t":5,"n":[{"n":"a","x":1}]}"#,
            r#"{"t":5,"n":[{"n":"a","v":"1"}]}"#,
            r#"{"t":5,"n":[{"n":"a"}],"p":"somebody"}"#,
            r#"{"t":5,"n":[{"n":"a"}],"m":"a"}"#,
            r#"{"t":5,"t":6,"n":[{"n":"a"}]}"#,
            r#"{"t":5,"n":[{"n":"a"}],"n":[{"n":"a"}]}"#,
            r#"{"t":1e999,"n":[{"n":"a"}]}"#,
            r#"{"t":null,"n":[{"n":"a"}]}"#,
            r#"{"t":5,"n":[{"n":"a"}]}x"#,
            r#"{"t":5,"n":[{"n":"a"}],}"#,
            r#"{"t":5,"n":[{"n":"a"},]}"#,
        ] {
            assert_eq!(Batch::read(text), None, "{text}");
        }
    }
}
