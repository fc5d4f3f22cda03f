//! What clients say: the author's examples, pieces of them in other places, words that the rules have used
//! themselves, and garbage.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};
use roost_room::{Payload, Topic};
use serde_json::{Map, Number, Value};

use crate::author::AuthorError;

/// Words and values that are remembered, of each sort.
const REMEMBERED: usize = 256;
/// Fields that parsers have missed.
const WANTED: usize = 16;
/// Longer strings are not worth remembering.
const WORD: usize = 64;
/// Most bytes that a door lets through.
const MOST: usize = 64 * 1024;
/// Numbers at which programs stumble.
const NUMBERS: [f64; 14] = [
    0.0,
    1.0,
    2.0,
    3.0,
    7.0,
    100.0,
    -1.0,
    0.5,
    255.0,
    65_536.0,
    2_147_483_648.0,
    -2_147_483_649.0,
    9_007_199_254_740_991.0,
    1e300,
];
const STRINGS: [&str; 8] = [
    "",
    "a",
    "hello",
    "__proto__",
    "ü\u{1F3B9}",
    "null",
    "../..",
    "\u{0}\n\"\\",
];

/// Something to say on any topic.
#[derive(Debug, Default)]
pub(super) struct Speech {
    examples: BTreeMap<String, Vec<Value>>,
    keys: BTreeSet<String>,
    /// Those that a parser has missed.
    wanted: BTreeSet<String>,
    values: Vec<Value>,
}

impl Speech {
    /// With the examples in that file: a JSON object of arrays, by topic.
    pub(super) fn new(file: Option<&Path>) -> Result<Self, AuthorError> {
        let mut speech = Self::default();
        let Some(path) = file else {
            return Ok(speech);
        };
        let text = fs::read(path).map_err(AuthorError::file(path))?;
        speech.examples = serde_json::from_slice(&text).map_err(|error| AuthorError::Form {
            path: path.to_owned(),
            reason: format!(
                "{error}; an object is needed, for each topic an array of what is said"
            ),
        })?;
        let all: Vec<Value> = speech.examples.values().flatten().cloned().collect();
        all.iter().for_each(|value| speech.learn(value));
        Ok(speech)
    }

    /// Remember the words and values of something.
    pub(super) fn learn(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (key, field) in fields {
                    self.learn_key(key);
                    self.learn(field);
                }
            }
            Value::Array(items) => items.iter().take(8).for_each(|item| self.learn(item)),
            Value::String(text) => {
                // Errors of parsers name the fields they miss so.
                for word in text.split('`').skip(1).step_by(2) {
                    self.learn_key(word);
                    if self.wanted.len() < WANTED && self.keys.contains(word) {
                        self.wanted.insert(word.to_owned());
                    }
                }
                self.learn_value(value);
            }
            Value::Number(_) => self.learn_value(value),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn learn_key(&mut self, key: &str) {
        if (1..=WORD).contains(&key.len()) && self.keys.len() < REMEMBERED {
            self.keys.insert(key.to_owned());
        }
    }

    fn learn_value(&mut self, value: &Value) {
        let short = value.as_str().is_none_or(|text| text.len() <= WORD);
        if short && self.values.len() < REMEMBERED && !self.values.contains(value) {
            self.values.push(value.clone());
        }
    }

    /// Something for that topic.
    pub(super) fn say(&self, topic: &Topic, rng: &mut StdRng) -> Payload {
        let example = self
            .examples
            .get(topic.as_str())
            .and_then(|all| all.choose(rng));
        let value = match (example, rng.random_range(0..100)) {
            (_, 0..8) => return binary(rng),
            (_, 8) => Value::String("x".repeat(rng.random_range(0..MOST - 2))),
            (_, 9) => nested(rng.random_range(2..120)),
            (Some(example), 10..50) => example.clone(),
            (Some(example), 50..75) => self.changed(example, rng),
            (_, 10..90) => self.object(rng, 2),
            _ => self.value(rng, 3),
        };
        Payload::json(value.to_string())
    }

    /// A field taken away, replaced or added.
    fn changed(&self, example: &Value, rng: &mut StdRng) -> Value {
        let Value::Object(fields) = example else {
            return self.value(rng, 2);
        };
        let mut fields = fields.clone();
        let keys: Vec<String> = fields.keys().cloned().collect();
        match keys.choose(rng) {
            Some(key) if rng.random_bool(0.2) => drop(fields.remove(key)),
            Some(key) if rng.random_bool(0.9) => {
                drop(fields.insert(key.clone(), self.value(rng, 2)))
            }
            _ => drop(fields.insert(self.key(rng), self.value(rng, 1))),
        }
        Value::Object(fields)
    }

    fn object(&self, rng: &mut StdRng, depth: u32) -> Value {
        if rng.random() && !self.wanted.is_empty() {
            let wanted = self.wanted.iter().filter_map(|key| {
                let there = rng.random_bool(0.9);
                there.then(|| (key.clone(), self.value(rng, depth)))
            });
            return Value::Object(wanted.collect::<Map<_, _>>());
        }
        let count = rng.random_range(0..4);
        let fields = (0..count).map(|_| (self.key(rng), self.value(rng, depth)));
        Value::Object(fields.collect::<Map<_, _>>())
    }

    fn key(&self, rng: &mut StdRng) -> String {
        let keys: Vec<&String> = self.keys.iter().collect();
        match keys.choose(rng) {
            Some(key) if rng.random_bool(0.9) => (*key).clone(),
            _ => string(rng),
        }
    }

    fn value(&self, rng: &mut StdRng, depth: u32) -> Value {
        match rng.random_range(0..10) {
            0 => Value::Null,
            1 => Value::Bool(rng.random()),
            2 | 3 => number(*NUMBERS.choose(rng).unwrap_or(&0.0)),
            4 => number(f64::from(rng.random_range(0..200))),
            5 => Value::String(string(rng)),
            6 if depth > 0 => {
                let count = rng.random_range(0..4);
                (0..count).map(|_| self.value(rng, depth - 1)).collect()
            }
            7 if depth > 0 => self.object(rng, depth - 1),
            _ => self.values.choose(rng).cloned().unwrap_or(Value::Null),
        }
    }
}

fn string(rng: &mut StdRng) -> String {
    let word = *STRINGS.choose(rng).unwrap_or(&"");
    let times = if rng.random_bool(0.05) { 300 } else { 1 };
    word.repeat(times)
}

/// Whole ones as such: `5`, not `5.0`.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_991.0 {
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn binary(rng: &mut StdRng) -> Payload {
    let length = if rng.random_bool(0.02) {
        MOST
    } else {
        rng.random_range(0..64)
    };
    let mut bytes = vec![0; length];
    rng.fill_bytes(&mut bytes);
    Payload::binary(bytes)
}

fn nested(depth: u32) -> Value {
    (0..depth).fold(Value::Null, |inner, _| Value::Array(vec![inner]))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn words_of_the_rules_come_back() {
        let mut speech = Speech::default();
        speech.learn(&serde_json::json!({"error": "missing field `colour` at line 1"}));
        assert!(speech.keys.contains("colour") && speech.keys.contains("error"));
        let mut rng = StdRng::seed_from_u64(1);
        let topic = Topic::new("any");
        let said: Vec<Payload> = (0..500).map(|_| speech.say(&topic, &mut rng)).collect();
        let json = |payload: &Payload| matches!(payload, Payload::Json(json) if json.as_str().contains("\"colour\":"));
        assert!(said.iter().any(json));
        assert!(
            said.iter()
                .any(|payload| matches!(payload, Payload::Binary(_)))
        );
        assert!(said.iter().all(|payload| payload.len() <= MOST));
    }

    #[test]
    fn the_same_seed_says_the_same() {
        let said = |seed| {
            let mut rng = StdRng::seed_from_u64(seed);
            let topic = Topic::new("any");
            (0..50)
                .map(|_| Speech::default().say(&topic, &mut rng))
                .collect::<Vec<_>>()
        };
        assert_eq!(said(7), said(7));
        assert_ne!(said(7), said(8));
    }
}
