//! The content of messages and deliveries: shared bytes, never copied between receivers.

use crate::codec;
use bytes::Bytes;
use minicbor::{Decode, Encode};

/// JSON text: UTF-8 by construction; that it is one well-formed value is vouched for by whoever makes it.
#[derive(Clone, Default, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Json(#[cbor(n(0), with = "codec::shared")] Bytes);

impl Json {
    /// Take checked text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Bytes::from(text))
    }

    /// Take shared bytes. `None` when they are not UTF-8.
    #[must_use]
    pub fn from_bytes(bytes: Bytes) -> Option<Self> {
        std::str::from_utf8(&bytes).is_ok().then_some(Self(bytes))
    }

    /// The text. Empty only for a value decoded from a damaged record.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The bytes of the text, shared.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }
}

impl std::fmt::Debug for Json {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The content of a message or delivery.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub enum Payload {
    /// One JSON value.
    #[n(0)]
    Json(#[n(0)] Json),
    /// Bytes that only rules and client understand.
    #[n(1)]
    Binary(#[cbor(n(0), with = "codec::shared")] Bytes),
}

impl Payload {
    /// JSON text that the caller knows to be well-formed.
    #[must_use]
    pub fn json(text: impl Into<String>) -> Self {
        Self::Json(Json::new(text.into()))
    }

    /// Shared bytes.
    #[must_use]
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self::Binary(bytes.into())
    }

    /// Its content as bytes, whichever it is.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        match self {
            Self::Json(json) => json.bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// Size in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
