//! What a room tells whoever watches it, in lines.

use std::fmt::Write as _;

use serde_json::Value;

use crate::cli::refusal::words;
use crate::cli::table::{clock, grouped, plain};
use crate::client::Event;

/// A line of what happens in a room.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    /// Whether it is about a call that went as it should: there can be many.
    pub(crate) is_routine: bool,
}

/// An event in words.
pub(crate) fn line(event: &Event) -> Line {
    // What is no JSON is shown as it is.
    let data = serde_json::from_str(&event.data).unwrap_or(Value::String(event.data.clone()));
    match event.name.as_str() {
        "call" => call(&data),
        "log" => loud(log(&data)),
        "missed" => loud(missed(&data)),
        other => loud(format!("{other}: {}", words(&data))),
    }
}

fn loud(text: String) -> Line {
    Line {
        text: plain(&text).into_owned(),
        is_routine: false,
    }
}

/// `12:03:04.567  #81  message 3 → deliver say`.
fn call(data: &Value) -> Line {
    let mut text = data
        .get("now")
        .and_then(Value::as_u64)
        .map_or_else(String::new, |now| clock(now) + "  ");
    if let Some(call) = data.get("call").and_then(Value::as_u64) {
        let _ = write!(text, "#{}  ", grouped(call));
    }
    text.push_str(&items(data.get("events")));
    text.push_str(" → ");
    text.push_str(&items(data.get("effects")));
    let outcome = data.get("outcome").map(words).unwrap_or_default();
    let is_routine = outcome.is_empty() || outcome == "ok";
    if !is_routine {
        let _ = write!(text, "  !! {outcome}");
    }
    Line {
        text: plain(&text).into_owned(),
        is_routine,
    }
}

/// Events or effects: a list of texts or objects, or how many there are.
fn items(items: Option<&Value>) -> String {
    match items {
        None | Some(Value::Null) => "nothing".to_owned(),
        Some(Value::Array(items)) if items.is_empty() => "nothing".to_owned(),
        Some(Value::Array(items)) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        Some(other) => words(other),
    }
}

/// `warn   what it says`.
fn log(data: &Value) -> String {
    let level = data.get("level").map(words).unwrap_or_default();
    let said = data.get("line").map_or_else(|| words(data), words);
    format!("{level:5}  {said}")
}

fn missed(data: &Value) -> String {
    let number = data.as_u64().or_else(|| data.get("missed")?.as_u64());
    match number {
        Some(number) => format!("… {} left out: this reader is too slow", grouped(number)),
        None => "… some left out: this reader is too slow".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, data: &str) -> (String, bool) {
        let line = line(&Event {
            name: name.to_owned(),
            data: data.to_owned(),
        });
        (line.text, line.is_routine)
    }

    #[test]
    fn calls_are_told_in_a_line() {
        let (text, routine) = told(
            "call",
            r#"{"call":1081,"now":3723004,"events":["join 3","message 3"],"effects":["deliver say"],"outcome":"ok"}"#,
        );
        assert_eq!(
            text,
            "01:02:03.004  #1,081  join 3, message 3 → deliver say"
        );
        assert!(routine);
        let (text, routine) = told(
            "call",
            r#"{"call":7,"events":[{"tick":9}],"effects":[],"outcome":"fuel exhausted"}"#,
        );
        assert_eq!(text, "#7  {\"tick\":9} → nothing  !! fuel exhausted");
        assert!(!routine);
    }

    #[test]
    fn logs_and_gaps_are_told() {
        assert_eq!(
            told("log", r#"{"level":"warn","line":"a\u001b[2Jb"}"#).0,
            "warn   a\u{fffd}[2Jb"
        );
        assert_eq!(
            told("missed", "1200").0,
            "… 1,200 left out: this reader is too slow"
        );
        assert_eq!(
            told("missed", r#"{"missed":3}"#).0,
            "… 3 left out: this reader is too slow"
        );
    }

    #[test]
    fn what_is_not_known_yet_is_told_as_well() {
        assert_eq!(
            told("closed", r#"{"reason":"idle"}"#).0,
            r#"closed: {"reason":"idle"}"#
        );
        assert_eq!(told("log", "no json").0, "       no json");
    }
}
