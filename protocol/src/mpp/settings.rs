//! Settings of a room, as a client may send them: every key of its form, or not there.

use super::fields::{Loose, is_color, push_number, push_text};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;

const TRUTHS: &[&str] = &[
    "visible",
    "chat",
    "crownsolo",
    "no cussing",
    "lyrical notes",
    "noindex",
    "allowBots",
];
const COLORS: &[&str] = &["color", "color2"];
const NUMBERS: &[(&str, f64)] = &[("limit", 99.0), ("minOnlineTime", 86_400_000.0)];

/// A JSON object of the keys that are well-formed.
#[derive(Debug)]
pub(super) struct Settings(pub(super) String);

impl Default for Settings {
    fn default() -> Self {
        Self("{}".to_owned())
    }
}

struct SettingsVisitor;

impl<'de> Visitor<'de> for SettingsVisitor {
    type Value = Settings;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of settings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut json = String::from("{");
        let mut seen: Vec<&'static str> = Vec::new();
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            let known = TRUTHS.iter().chain(COLORS).copied();
            let known = known.chain(NUMBERS.iter().map(|(name, _)| *name));
            let Some(name) = known.into_iter().find(|name| *name == key) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value: Loose<'_> = map.next_value()?;
            if seen.contains(&name) {
                continue;
            }
            let before = json.len();
            if before > 1 {
                json.push(',');
            }
            push_text(&mut json, name);
            json.push(':');
            if push_value(&mut json, name, &value) {
                seen.push(name);
            } else {
                json.truncate(before);
            }
        }
        json.push('}');
        Ok(Settings(json))
    }
}

fn push_value(json: &mut String, name: &str, value: &Loose<'_>) -> bool {
    if let Some((_, most)) = NUMBERS.iter().find(|(number, _)| *number == name) {
        let number = value
            .numeric()
            .filter(|number| (0.0..=*most).contains(number) && number.fract() == 0.0);
        number.map(|number| push_number(json, number)).is_some()
    } else if COLORS.contains(&name) {
        let color = value.text().filter(|text| is_color(text));
        color.map(|color| push_text(json, color)).is_some()
    } else {
        let Loose::Truth(truth) = value else {
            return false;
        };
        json.push_str(if *truth { "true" } else { "false" });
        true
    }
}

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SettingsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_well_formed_stays() {
        for (sent, kept) in [
            ("{}", "{}"),
            (
                r#"{"visible":false,"chat":true}"#,
                r#"{"visible":false,"chat":true}"#,
            ),
            (r#"{"visible":"no","crownsolo":1}"#, "{}"),
            (
                r##"{"color":"#3b5054","color2":"#00101"}"##,
                r##"{"color":"#3b5054"}"##,
            ),
            (r#"{"limit":"20"}"#, r#"{"limit":20}"#),
            (r#"{"limit":100,"minOnlineTime":-1}"#, "{}"),
            (r#"{"limit":2.5}"#, "{}"),
            (
                r#"{"no cussing":true,"lobby":true,"owner_id":"x"}"#,
                r#"{"no cussing":true}"#,
            ),
            (r#"{"chat":true,"chat":false}"#, r#"{"chat":true}"#),
            (r#"{"unknown":{"deep":[1]}}"#, "{}"),
        ] {
            let settings: Settings = serde_json::from_str(sent).unwrap();
            assert_eq!(settings.0, kept, "{sent}");
        }
    }
}
