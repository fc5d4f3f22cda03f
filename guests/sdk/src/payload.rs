//! Payloads and the JSON in them.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fault;
use crate::types::{Entrant, Identity, Message, Packet, Payload, RoomConfig, Signal};
use crate::{Topics, types::AgentConfig};

/// The value as JSON text. Ends the call if it has none (a map with keys that are no strings).
pub(crate) fn to_json<T: Serialize + ?Sized>(value: &T) -> String {
    match serde_json::to_string(value) {
        Ok(text) => text,
        Err(error) => fault(&format!("a value has no JSON form: {error}")),
    }
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

impl Payload {
    /// The value as JSON.
    ///
    /// # Panics
    /// When the value has no JSON form, such as a map whose keys are no strings.
    #[must_use]
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        Self::Json(to_json(value))
    }

    /// Read JSON.
    ///
    /// # Errors
    /// What the text has that `T` has not, or that the payload is binary.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, String> {
        match self {
            Self::Json(text) => from_json(text),
            Self::Binary(_) => Err("binary payload where JSON is expected".to_owned()),
        }
    }

    /// Length in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Json(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

impl Message {
    /// Read the payload as JSON.
    ///
    /// # Errors
    /// As [`Payload::parse`].
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, String> {
        self.payload.parse()
    }
}

impl Packet {
    /// A packet for [`crate::Cx::move_to`], or what a bot says.
    #[must_use]
    pub fn new(topic: impl Topics, payload: Payload) -> Self {
        Self {
            topic: topic.id(),
            payload,
        }
    }
}

impl RoomConfig {
    /// Read the operator's settings for the kind.
    ///
    /// # Errors
    /// What the settings have that `T` has not.
    pub fn parse_options<T: DeserializeOwned>(&self) -> Result<T, String> {
        from_json(&self.options)
    }
}

impl AgentConfig {
    /// Read the settings of this bot.
    ///
    /// # Errors
    /// What the settings have that `T` has not.
    pub fn parse_options<T: DeserializeOwned>(&self) -> Result<T, String> {
        from_json(&self.options)
    }
}

impl Entrant {
    /// Read what the client asked for.
    ///
    /// # Errors
    /// What the options have that `T` has not.
    pub fn parse_options<T: DeserializeOwned>(&self) -> Result<T, String> {
        from_json(&self.options)
    }
}

impl Identity {
    /// Read the claims of the token.
    ///
    /// # Errors
    /// What the claims have that `T` has not.
    pub fn parse_claims<T: DeserializeOwned>(&self) -> Result<T, String> {
        from_json(&self.claims)
    }

    /// The user id without its issuer: what clients see.
    #[must_use]
    pub fn subject(&self) -> &str {
        subject(&self.user)
    }
}

/// The user id without its issuer: what clients see.
pub(crate) fn subject(user: &str) -> &str {
    user.split_once(':')
        .map_or(user, |(_issuer, subject)| subject)
}

impl Signal {
    /// Read the body as JSON.
    ///
    /// # Errors
    /// As [`Payload::parse`].
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, String> {
        self.body.parse()
    }
}
