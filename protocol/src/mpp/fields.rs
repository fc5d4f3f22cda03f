//! What single fields may hold.

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Largest whole number of JavaScript; what is beyond it is no time, place or duration.
pub(super) const MAX_NUMBER: f64 = 9_007_199_254_740_992.0;

/// A field that may hold anything, of which only numbers, strings and booleans are of use.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Loose<'a> {
    /// Absent, null, a list or an object.
    #[default]
    Nothing,
    Number(f64),
    Text(Cow<'a, str>),
    Truth(bool),
}

impl Loose<'_> {
    /// A finite number that JavaScript can count with.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) if number.abs() <= MAX_NUMBER => Some(*number),
            _ => None,
        }
    }

    /// The same; browsers also send numbers as strings.
    pub(super) fn numeric(&self) -> Option<f64> {
        match self {
            Self::Text(text) => {
                let number: f64 = text.trim().parse().ok()?;
                (number.abs() <= MAX_NUMBER).then_some(number)
            }
            other => other.number(),
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Loose::Truth(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        // What a float cannot hold is beyond the bound above anyway.
        Ok(Loose::Number(value as f64))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Loose::Number(value as f64))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Loose::Number(value))
    }

    fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Loose::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Loose::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Loose::Nothing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose::Nothing)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose::Nothing)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

/// Whether a text has 1 to `most` UTF-16 units.
pub(super) fn is_length(text: &str, most: usize) -> bool {
    !text.is_empty() && text.encode_utf16().take(most + 1).count() <= most
}

/// Names and rooms: not blank, and without what breaks lines or turns their direction.
pub(super) fn is_plain(text: &str) -> bool {
    const FORBIDDEN: &[char] = &[
        '\n', '\r', '\u{b}', '\0', '\t', '\u{202e}', '\u{2066}', '\u{2067}', '\u{202b}', '\u{200f}',
    ];
    !text.trim().is_empty() && !text.contains(FORBIDDEN)
}

/// A user's id on the wire.
pub(super) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `#` and six hexadecimal digits.
pub(super) fn is_color(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Writes a number as short as JSON allows: whole ones without a point.
pub(super) fn push_number(json: &mut String, number: f64) {
    use std::fmt::Write;
    // Writing into a String cannot fail.
    let _ = if number.fract() == 0.0 && number.abs() <= MAX_NUMBER {
        write!(json, "{}", number as i64)
    } else {
        write!(json, "{number}")
    };
}

/// Writes a string with its quotation marks.
pub(super) fn push_text(json: &mut String, text: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        json.push('"');
        json.push_str(text);
        json.push('"');
    } else {
        // A string has nothing that could not be written.
        json.push_str(&serde_json::to_string(text).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_is_read_and_little_is_taken() {
        let read = |json| serde_json::from_str::<Loose<'_>>(json).unwrap();
        for (json, number, numeric) in [
            ("1.5", Some(1.5), Some(1.5)),
            ("-3", Some(-3.0), Some(-3.0)),
            ("\"12.40\"", None, Some(12.4)),
            ("\"NaN\"", None, None),
            ("\"inf\"", None, None),
            ("1e300", None, None),
            ("null", None, None),
            ("[1,[2]]", None, None),
            ("{\"a\":{}}", None, None),
            ("true", None, None),
        ] {
            assert_eq!(read(json).number(), number, "{json}");
            assert_eq!(read(json).numeric(), numeric, "{json}");
        }
        assert_eq!(read("\"\\u00e4\"").text(), Some("ä"));
    }

    #[test]
    fn lengths_count_utf_16_units() {
        assert!(is_length("🎹🎹", 4) && !is_length("🎹🎹", 3));
        assert!(!is_length("", 4));
        assert!(is_length("名前名前", 4));
    }

    #[test]
    fn names_are_plain() {
        assert!(is_plain("Ada L."));
        for bad in ["", "  ", "a\nb", "a\u{202e}b", "\t", "x\0"] {
            assert!(!is_plain(bad), "{bad:?}");
        }
    }

    #[test]
    fn numbers_are_short() {
        let written = |number| {
            let mut json = String::new();
            push_number(&mut json, number);
            json
        };
        assert_eq!(written(1_767_225_601_200.4), "1767225601200.4");
        assert_eq!(written(41.0), "41");
        assert_eq!(written(-0.5), "-0.5");
    }
}
