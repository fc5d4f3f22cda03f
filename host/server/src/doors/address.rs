//! Where a client of the native door wants to go, and what it says of itself on the way in.

use percent_encoding::percent_decode_str;
use roost_protocol::play::parse_color;
use roost_room::Profile;
use serde_json::{Map, Value};
use thiserror::Error;

/// Most bytes of `options`.
const MAX_OPTIONS: usize = 4 * 1024;

/// What is wrong with an address. For the client's eyes.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum AddressError {
    #[error("the address is not /play/KIND/ROOM")]
    Path,
    #[error("the address is not UTF-8 after decoding")]
    Encoding,
    #[error("the parameter {0:?} is out of bounds")]
    Parameter(&'static str),
}

/// A parsed address.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) kind: String,
    pub(super) room: String,
    pub(super) token: Option<String>,
    pub(super) name: Option<String>,
    pub(super) color: Option<u32>,
    pub(super) options: Option<String>,
    /// Incarnation and last number.
    pub(super) resume: Option<(u64, u64)>,
}

impl Address {
    pub(super) fn parse(path: &str, query: &str) -> Result<Self, AddressError> {
        let rest = path.strip_prefix("/play/").ok_or(AddressError::Path)?;
        let (kind, room) = rest.split_once('/').ok_or(AddressError::Path)?;
        let room = room.strip_suffix('/').unwrap_or(room);
        if kind.is_empty() || room.is_empty() || room.contains('/') {
            return Err(AddressError::Path);
        }
        let mut address = Self {
            kind: decode(kind)?,
            room: decode(room)?,
            ..Self::default()
        };
        if address.room.encode_utf16().count() > 512 {
            return Err(AddressError::Parameter("room"));
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            address.parameter(&decode(key)?, decode(&value.replace('+', " "))?)?;
        }
        Ok(address)
    }

    fn parameter(&mut self, key: &str, value: String) -> Result<(), AddressError> {
        match key {
            "token" => self.token = Some(value).filter(|token| !token.is_empty()),
            "name" if (1..=Profile::MAX_NAME).contains(&value.len()) => self.name = Some(value),
            "name" => return Err(AddressError::Parameter("name")),
            "color" => {
                self.color = Some(parse_color(&value).ok_or(AddressError::Parameter("color"))?)
            }
            "options" => {
                let object: Option<Map<String, Value>> = Some(&value)
                    .filter(|v| v.len() <= MAX_OPTIONS)
                    .and_then(|v| serde_json::from_str(v).ok());
                // Written anew: canonical, each key once.
                let object = object.ok_or(AddressError::Parameter("options"))?;
                self.options = Some(Value::Object(object).to_string());
            }
            "resume" => {
                self.resume = Some(resume_point(&value).ok_or(AddressError::Parameter("resume"))?)
            }
            // Proxies and pages add their own.
            _ => {}
        }
        Ok(())
    }
}

fn resume_point(value: &str) -> Option<(u64, u64)> {
    let (incarnation, number) = value.split_once('.')?;
    Some((
        u64::from_str_radix(incarnation, 16).ok()?,
        number.parse().ok()?,
    ))
}

fn decode(text: &str) -> Result<String, AddressError> {
    let decoded = percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| AddressError::Encoding)?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let good = Address::parse(
            "/play/relay/a%2Fb",
            "name=J%C3%BCrgen+1&color=%23ff0010&resume=1f.7&utm=x",
        )
        .unwrap();
        assert_eq!((good.kind.as_str(), good.room.as_str()), ("relay", "a/b"));
        assert_eq!(
            (good.name.as_deref(), good.color, good.resume),
            (Some("Jürgen 1"), Some(0xff_0010), Some((0x1f, 7)))
        );
        let options = Address::parse("/play/k/r", "options={\"b\":1,%20\"a\":2}")
            .unwrap()
            .options;
        assert_eq!(options.as_deref(), Some(r#"{"a":2,"b":1}"#));
    }

    #[test]
    fn wrong_addresses() {
        let long = "x".repeat(513);
        let cases = [
            ("/ws", "", AddressError::Path),
            ("/play/relay", "", AddressError::Path),
            ("/play//r", "", AddressError::Path),
            ("/play/k/a/b", "", AddressError::Path),
            ("/play/k/%ff", "", AddressError::Encoding),
            (
                &format!("/play/k/{long}"),
                "",
                AddressError::Parameter("room"),
            ),
            ("/play/k/r", "name=", AddressError::Parameter("name")),
            ("/play/k/r", "color=red", AddressError::Parameter("color")),
            (
                "/play/k/r",
                "options=[1]",
                AddressError::Parameter("options"),
            ),
            ("/play/k/r", "resume=xyz", AddressError::Parameter("resume")),
        ];
        for (path, query, expected) in cases {
            assert_eq!(
                Address::parse(path, query),
                Err(expected),
                "{path:.40} {query}"
            );
        }
    }
}
