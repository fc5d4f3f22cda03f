//! What is asked for: a path below `/api/v1`, and a query.

use std::fmt::{self, Write as _};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Under this the interface lives.
const ROOT: &str = "/api/v1";
/// What stands for itself in a segment of a path and in a query.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A path below `/api/v1` and a query, encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    path: String,
    query: String,
}

impl Address {
    /// From the segments of a path, as they are: `["rooms", "piano", "a/b"]`.
    #[must_use]
    pub fn of(segments: &[&str]) -> Self {
        let mut path = ROOT.to_owned();
        for segment in segments {
            path.push('/');
            path.extend(utf8_percent_encode(segment, ESCAPED));
        }
        Self {
            path,
            query: String::new(),
        }
    }

    /// With a further parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        let value = value.to_string();
        self.query
            .push(if self.query.is_empty() { '?' } else { '&' });
        // Writing to a String does not fail.
        let _ = write!(
            self.query,
            "{name}={}",
            utf8_percent_encode(&value, ESCAPED)
        );
        self
    }

    /// With a further parameter, if there is a value for it.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.path, self.query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_and_values_are_encoded() {
        let address = Address::of(&["rooms", "piano", "my room/ä"])
            .with("note", "a&b=c")
            .with_some("after", None::<&str>)
            .with_some("limit", Some(7));
        assert_eq!(
            address.to_string(),
            "/api/v1/rooms/piano/my%20room%2F%C3%A4?note=a%26b%3Dc&limit=7"
        );
    }
}
