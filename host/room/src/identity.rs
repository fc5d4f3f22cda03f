//! Who somebody is: user id, profile, claims.

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};
use std::fmt;
use std::sync::Arc;

/// Issuer, colon, subject: `jwt/example.org:alice`, `anon:5f3a…`. The first colon splits; `:` and `%` of an
/// issuer are percent-encoded. At most 256 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Arc<str>);

impl UserId {
    /// Longest user id, in bytes.
    pub const MAX: usize = 256;

    /// Put an id together, percent-encoding `:` and `%` in the issuer. `None` when the subject is
    /// empty or the whole is too long.
    #[must_use]
    pub fn new(issuer: &str, subject: &str) -> Option<Self> {
        let id = format!(
            "{}:{subject}",
            issuer.replace('%', "%25").replace(':', "%3A")
        );
        (!subject.is_empty() && id.len() <= Self::MAX).then(|| Self(id.into()))
    }

    /// Take an id that is already whole. `None` without a colon, with an empty subject, or when too long.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        let (_, subject) = id.split_once(':')?;
        (!subject.is_empty() && id.len() <= Self::MAX).then(|| Self(id.into()))
    }

    /// The whole id, as rules see it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part that clients see.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.0
            .split_once(':')
            .map_or(&*self.0, |(_, subject)| subject)
    }
}

impl<C> Encode<C> for UserId {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for UserId {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        d.str().map(|id| Self(id.into()))
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// How a user is seen in every room of the kind; kept by its lobby.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Profile {
    /// 1 to 256 bytes.
    #[n(0)]
    pub name: String,
    /// 0xRRGGBB.
    #[n(1)]
    pub color: u32,
}

impl Profile {
    /// Longest name, in bytes.
    pub const MAX_NAME: usize = 256;

    /// Whether name and colour are within their bounds.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        (1..=Self::MAX_NAME).contains(&self.name.len()) && self.color <= 0x00ff_ffff
    }
}

/// Who is asking or joining.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Identity {
    /// Issuer and subject.
    #[n(0)]
    pub user: UserId,
    /// As the lobby has it.
    #[n(1)]
    pub profile: Profile,
    /// JSON object: the claims of the token, `{}` without one. At most 4 KiB.
    #[n(2)]
    pub claims: String,
    /// False when the user id was only claimed by the client, not proved to the host.
    #[n(3)]
    pub verified: bool,
}
