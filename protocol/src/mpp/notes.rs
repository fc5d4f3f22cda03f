//! Batches of notes: read without a tree, kept to what a piano plays.

use super::fields::{Loose, push_number};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Events may be this far, in ms, behind the time of their batch.
const MAX_DELAY: f64 = 10_000.0;
/// Longest name of a note, in bytes.
const MAX_NAME: usize = 8;

/// Writes the canonical form of a batch: `{"t":…,"n":[…]}`, with one opening brace for the batch and one for each
/// event and no other, so that they can be counted. `None`: nothing in it is to be played.
pub(super) fn canonical(time: &Loose<'_>, notes: &Notes<'_>) -> Option<String> {
    let time = time.number()?;
    let mut json = String::with_capacity(32 + notes.0.len() * 32);
    json.push_str("{\"t\":");
    push_number(&mut json, time);
    json.push_str(",\"n\":[");
    let start = json.len();
    for note in &notes.0 {
        if json.len() > start {
            json.push(',');
        }
        note.write(&mut json);
    }
    (json.len() > start).then(|| {
        json.push_str("]}");
        json
    })
}

/// The events of a batch that are well-formed.
#[derive(Debug, Default)]
pub(super) struct Notes<'a>(Vec<Note<'a>>);

/// A key pressed or released.
#[derive(Debug, Default)]
struct Note<'a> {
    name: Cow<'a, str>,
    delay: Option<f64>,
    velocity: Option<f64>,
    release: bool,
}

impl Note<'_> {
    fn write(&self, json: &mut String) {
        json.push_str("{\"n\":\"");
        json.push_str(&self.name);
        json.push('"');
        if let Some(delay) = self.delay {
            json.push_str(",\"d\":");
            push_number(json, delay);
        }
        if self.release {
            json.push_str(",\"s\":1");
        } else if let Some(velocity) = self.velocity {
            json.push_str(",\"v\":");
            push_number(json, velocity);
        }
        json.push('}');
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Field {
    N,
    D,
    V,
    S,
    #[serde(other)]
    Other,
}

/// One entry of the list; anything but a well-formed event is nothing.
struct Entry<'a>(Option<Note<'a>>);

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut note = Note::default();
        let mut named = false;
        let mut good = true;
        while let Some(field) = map.next_key::<Field>()? {
            match field {
                Field::N => {
                    if let Loose::Text(name) = map.next_value()? {
                        named = is_note(&name);
                        note.name = name;
                    }
                }
                Field::D => match map.next_value::<Loose<'_>>()? {
                    Loose::Nothing => {}
                    delay => {
                        note.delay = delay.number().filter(|d| (0.0..=MAX_DELAY).contains(d));
                        good &= note.delay.is_some();
                    }
                },
                Field::V => {
                    let velocity = map.next_value::<Loose<'_>>()?.numeric();
                    note.velocity = velocity.map(|velocity| velocity.clamp(0.0, 1.0));
                }
                Field::S => {
                    let release = map.next_value::<Loose<'_>>()?;
                    note.release = !matches!(
                        release,
                        Loose::Nothing | Loose::Truth(false) | Loose::Number(0.0)
                    );
                }
                Field::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Entry((named && good).then_some(note)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Entry(None))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Entry(None))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Entry(None))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Entry(None))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Entry(None))
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Entry(None))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Entry(None))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Entry<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryVisitor)
    }
}

struct NotesVisitor;

impl<'de> Visitor<'de> for NotesVisitor {
    type Value = Notes<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut notes = Vec::new();
        while let Some(Entry(note)) = seq.next_element()? {
            notes.extend(note);
        }
        Ok(Notes(notes))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Notes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(NotesVisitor)
    }
}

fn is_note(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(time: &str, notes: &str) -> Option<String> {
        let time = serde_json::from_str(time).unwrap();
        let notes: Notes<'_> = serde_json::from_str(notes).ok()?;
        canonical(&time, &notes)
    }

    #[test]
    fn good_events_stay_as_they_are() {
        let notes =
            r#"[{"n":"e3","v":0.62},{"n":"gs3","v":0.58,"d":41},{"n":"e3","s":1,"d":187.5}]"#;
        assert_eq!(
            read("1767225601200.4", notes).unwrap(),
            r#"{"t":1767225601200.4,"n":[{"n":"e3","v":0.62},{"n":"gs3","d":41,"v":0.58},{"n":"e3","d":187.5,"s":1}]}"#
        );
    }

    #[test]
    fn bad_events_are_left_out() {
        for (event, kept) in [
            ("null", None),
            ("[]", None),
            ("7", None),
            ("-7", None),
            ("0.5", None),
            ("\"c3\"", None),
            ("true", None),
            ("{}", None),
            (r#"{"n":5}"#, None),
            (r#"{"n":"C3"}"#, None),
            (r#"{"n":"a{3"}"#, None),
            (r#"{"n":"muchtoolong"}"#, None),
            (r#"{"n":"c3","d":-1}"#, None),
            (r#"{"n":"c3","d":10001}"#, None),
            (r#"{"n":"c3","d":"5"}"#, None),
            (r#"{"n":"c3","d":null}"#, Some(r#"{"n":"c3"}"#)),
            (r#"{"n":"c3","v":"0.5"}"#, Some(r#"{"n":"c3","v":0.5}"#)),
            (r#"{"n":"c3","v":9}"#, Some(r#"{"n":"c3","v":1}"#)),
            (r#"{"n":"c3","v":"NaN"}"#, Some(r#"{"n":"c3"}"#)),
            (r#"{"n":"c3","s":1,"v":1}"#, Some(r#"{"n":"c3","s":1}"#)),
            (r#"{"n":"c3","x":{"y":[1]}}"#, Some(r#"{"n":"c3"}"#)),
        ] {
            let kept = kept.map(|event| format!("{{\"t\":1,\"n\":[{event}]}}"));
            assert_eq!(read("1", &format!("[{event}]")), kept, "{event}");
        }
    }

    #[test]
    fn a_batch_needs_a_time_and_something_to_play() {
        let notes = r#"[{"n":"c3"}]"#;
        for time in ["null", "\"1\"", "1e300", "{}"] {
            assert_eq!(read(time, notes), None, "{time}");
        }
        assert_eq!(read("1", "[]"), None);
        assert_eq!(read("1", "{}"), None);
    }

    #[test]
    fn braces_count_the_events() {
        let json = read("1", r#"[{"n":"c3"},{"n":"d3"},null,{"n":"e3"}]"#).unwrap();
        assert_eq!(json.bytes().filter(|byte| *byte == b'{').count() - 1, 3);
    }
}
