//! The settings as text, with their origins.

use serde_json::{Map, Value, json};

use crate::config::check::Loaded;

impl Loaded {
    /// One line `section.key = value` per setting; secrets are masked. With `origins`, each says where it comes from.
    #[must_use]
    pub fn to_text(&self, origins: bool) -> String {
        let mut text = String::new();
        for (key, value) in self.settings() {
            let line = format!("{key} = {value}");
            let origin = if origins {
                format!("{:<24}# {}", "", self.origin(&key))
            } else {
                String::new()
            };
            let pad = 48_usize.saturating_sub(line.len());
            text.push_str(&line);
            if origins {
                text.push_str(&" ".repeat(pad.max(2)));
                text.push_str(origin.trim_start());
            }
            text.push('\n');
        }
        text
    }

    /// The settings as one JSON object; with `origins`, each is `{"value", "origin"}` under its dotted key.
    #[must_use]
    pub fn to_json(&self, origins: bool) -> Value {
        if !origins {
            return serde_json::to_value(&self.config).unwrap_or_default();
        }
        let entry = |(key, value): (String, Value)| {
            let origin = self.origin(&key);
            (key, json!({ "value": value, "origin": origin }))
        };
        Value::Object(
            self.settings()
                .into_iter()
                .map(entry)
                .collect::<Map<_, _>>(),
        )
    }

    fn settings(&self) -> Vec<(String, Value)> {
        let mut settings = Vec::new();
        let tree = serde_json::to_value(&self.config).unwrap_or_default();
        for (section, keys) in tree.as_object().into_iter().flatten() {
            for (key, value) in keys.as_object().into_iter().flatten() {
                let name = format!("{section}.{key}");
                match (section.as_str(), value) {
                    ("kinds", Value::Object(of_kind)) => {
                        settings.extend(
                            of_kind
                                .iter()
                                .map(|(key, value)| (format!("{name}.{key}"), value.clone())),
                        );
                    }
                    _ => settings.push((name, value.clone())),
                }
            }
        }
        settings
    }
}
