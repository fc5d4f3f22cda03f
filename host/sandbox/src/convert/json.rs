//! Whether a text of the rules is JSON that everybody after it can read.

use roost_room::{Json, nests_deeper};
use serde::de::IgnoredAny;

/// Deepest nesting: what parsers with a recursion limit of 128 still take, serde_json's own among them.
const DEPTH: usize = 127;

/// Check a text and take it over without copying.
pub(super) fn json(text: String) -> Result<Json, String> {
    serde_json::from_str::<IgnoredAny>(&text).map_err(|error| format!("not JSON: {error}"))?;
    if nests_deeper(text.as_bytes(), DEPTH) {
        return Err(format!("JSON nested deeper than {DEPTH}"));
    }
    Ok(Json::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        "[".repeat(depth) + &"]".repeat(depth)
    }

    #[test]
    fn whatever_passes_can_be_parsed() {
        for depth in 1..200 {
            let text = nested(depth);
            let parsed = serde_json::from_str::<serde_json::Value>(&text);
            assert_eq!(json(text).is_ok(), parsed.is_ok(), "depth {depth}");
        }
    }

    #[test]
    fn brackets_in_strings_do_not_nest() {
        let text = format!("[\"{}\\\"{}\"]", "[".repeat(500), "{".repeat(500));
        assert!(json(text).is_ok());
        let text = format!("[\"\\\\\",{}]", nested(127));
        assert!(json(text).is_err());
    }

    #[test]
    fn one_value_and_nothing_else() {
        for bad in [
            "",
            "{",
            "1 2",
            "{\"a\":}",
            "nul",
            "[1,]",
            "\u{feff}1",
            "\"\n\"",
        ] {
            assert!(json(bad.to_owned()).is_err(), "{bad:?}");
        }
        for good in ["null", " 1 ", "\"é\"", "{\"a\":[1,2.5e3,true]}"] {
            assert_eq!(json(good.to_owned()).unwrap().as_str(), good);
        }
    }
}
