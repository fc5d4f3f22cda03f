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

/// Whether brackets nest deeper than that, in a text that is JSON or pretends to be. Most texts have too few
/// of them to be deep, and are only counted through, many bytes at a time.
#[must_use]
pub fn nests_deeper(json: &[u8], limit: usize) -> bool {
    // `[` and `{` differ in one bit. 255 of them fit into the counter of a chunk.
    let opening = |chunk: &[u8]| {
        let count = |sum: u8, byte: &u8| sum.wrapping_add(u8::from(byte | 0x20 == b'{'));
        usize::from(chunk.iter().fold(0, count))
    };
    if json.chunks(255).map(opening).sum::<usize>() <= limit {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') => depth += 1,
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_of_strings() {
        let nested = |depth: usize| "[{".repeat(depth / 2) + &"}]".repeat(depth / 2);
        for depth in [2, 126, 128, 130, 600] {
            assert_eq!(
                nests_deeper(nested(depth).as_bytes(), 128),
                depth > 128,
                "{depth}"
            );
        }
        let flat = format!("[{}]", "[],".repeat(1000));
        assert!(!nests_deeper(flat.as_bytes(), 128));
        let text = format!("[\"{}\\\"{}\"]", "[".repeat(500), "{".repeat(500));
        assert!(!nests_deeper(text.as_bytes(), 128));
    }
}
