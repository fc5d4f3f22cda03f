//! Whether a text of the rules is JSON that everybody after it can read.

use roost_room::Json;
use serde::de::IgnoredAny;

/// Deepest nesting: what parsers with a recursion limit of 128 still take, serde_json's own among them.
const DEPTH: usize = 127;

/// Check a text and take it over without copying.
pub(super) fn json(text: String) -> Result<Json, String> {
    serde_json::from_str::<IgnoredAny>(&text).map_err(|error| format!("not JSON: {error}"))?;
    if nests_too_deep(text.as_bytes()) {
        return Err(format!("JSON nested deeper than {DEPTH}"));
    }
    Ok(Json::new(text))
}

/// For well-formed JSON. Most texts have too few brackets to be deep, and are read only once.
fn nests_too_deep(text: &[u8]) -> bool {
    let opening = |byte: &u8| matches!(byte, b'[' | b'{');
    if text.iter().filter(|byte| opening(byte)).count() <= DEPTH {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') => depth += 1,
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH {
            return true;
        }
    }
    false
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
