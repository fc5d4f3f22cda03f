//! What a program says it is.

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};
use std::sync::Arc;
use thiserror::Error;

/// A subject of talk, by name: 1 to 64 bytes. Rules number topics by their place in the manifest; the host
/// keeps names, so that another version of the rules can number them otherwise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(Arc<str>);

impl Topic {
    /// Longest name, in bytes.
    pub const MAX: usize = 64;

    /// A topic of that name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<C> Encode<C> for Topic {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Topic {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        d.str().map(Self::new)
    }
}

/// When rules are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// When something happens; messages at once.
    Messages,
    /// So many times a second, 1 to 120; messages are collected and come with the tick.
    Ticks(u16),
}

/// What outlives the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nothing.
    Ephemeral,
    /// A checkpoint now and then; single calls by effect `commit`.
    Snapshot,
    /// Every call, before anything reliable of it leaves.
    Journaled,
}

/// What happens to a client's message of a topic when the room has too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intake {
    /// Only the rules use the topic.
    Closed,
    /// It waits in its session, and that client is not read until there is room.
    Reliable,
    /// It is dropped and counted.
    Unreliable,
    /// It replaces the one still waiting from the same connection.
    Latest,
}

/// A topic and how the host takes it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: Topic,
    /// For doors that carry any kind.
    pub intake: Intake,
}

/// What reaches beyond the room and must be allowed by the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// Effect `set-profile`.
    SetProfile,
    /// Effects `move` and `redirect`.
    Move,
    /// Effects `publish`, `subscribe` and `unsubscribe`.
    Publish,
    /// Effect `doc-apply`.
    DocApply,
    /// Event `media-access` and media rights.
    Media,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::SetProfile,
        Self::Move,
        Self::Publish,
        Self::DocApply,
        Self::Media,
    ];

    /// Its name in WIT and in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SetProfile => "set-profile",
            Self::Move => "move",
            Self::Publish => "publish",
            Self::DocApply => "doc-apply",
            Self::Media => "media",
        }
    }
}

/// What rules ask for; the operator may give less or refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestedLimits {
    /// Most members at once.
    pub members: u32,
    /// Million units of fuel for one call; the host's default when absent.
    pub fuel: Option<u32>,
    /// KiB of memory.
    pub memory: Option<u32>,
    /// KiB of a snapshot.
    pub snapshot: Option<u32>,
}

/// What a program is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Equal to the name it is known under.
    pub kind: String,
    /// Version of the bytes that `snapshot` writes.
    pub state_version: u32,
    /// When it is called.
    pub pace: Pace,
    /// What outlives the process.
    pub durability: Durability,
    /// Milliseconds that a member without connections is kept.
    pub grace: u32,
    /// What it asks for.
    pub limits: RequestedLimits,
    /// What it wants to do beyond its room.
    pub capabilities: Vec<Capability>,
    /// At most 256, names all different.
    pub topics: Vec<TopicSpec>,
    /// The author's own name for this version, for operators to read: 1 to 64 bytes, no control characters.
    pub release: Option<String>,
}

/// How a manifest contradicts itself.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ManifestError {
    /// Not usable in addresses and file names.
    #[error("the kind {0:?} is not 1 to 64 of a-z, 0-9, '-' and '_'")]
    Kind(String),
    /// Out of range.
    #[error("{0} ticks a second are not within 1 to 120")]
    Ticks(u16),
    /// Nobody could enter.
    #[error("a room for 0 members")]
    NoMembers,
    /// A day at the most.
    #[error("a grace of {0} ms is over 24 hours")]
    Grace(u32),
    /// Too many.
    #[error("{0} topics are over 256")]
    TooManyTopics(usize),
    /// Bad name.
    #[error("the topic {0:?} is not 1 to 64 bytes")]
    TopicName(String),
    /// Names are how topics survive a swap.
    #[error("the topic {0:?} stands there twice")]
    TopicTwice(String),
    /// Not fit to be shown.
    #[error("the release {0:?} is not 1 to 64 bytes without control characters")]
    Release(String),
}

impl Manifest {
    /// Longest kind, in bytes.
    pub const MAX_KIND: usize = 64;
    /// Most topics.
    pub const MAX_TOPICS: usize = 256;
    /// Longest release, in bytes.
    pub const MAX_RELEASE: usize = 64;
    /// Longest grace, in milliseconds.
    pub const MAX_GRACE: u32 = 24 * 60 * 60 * 1000;

    /// Whether it agrees with itself and with the interface's bounds.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn check(&self) -> Result<(), ManifestError> {
        Self::check_kind(&self.kind)?;
        if let Pace::Ticks(hz) = self.pace
            && !(1..=120).contains(&hz)
        {
            return Err(ManifestError::Ticks(hz));
        }
        if self.limits.members == 0 {
            return Err(ManifestError::NoMembers);
        }
        if self.grace > Self::MAX_GRACE {
            return Err(ManifestError::Grace(self.grace));
        }
        if self.topics.len() > Self::MAX_TOPICS {
            return Err(ManifestError::TooManyTopics(self.topics.len()));
        }
        self.check_release()?;
        self.check_names()
    }

    fn check_release(&self) -> Result<(), ManifestError> {
        let unfit = |release: &&String| {
            !(1..=Self::MAX_RELEASE).contains(&release.len()) || release.contains(char::is_control)
        };
        match self.release.as_ref().filter(unfit) {
            Some(release) => Err(ManifestError::Release(release.clone())),
            None => Ok(()),
        }
    }

    fn check_names(&self) -> Result<(), ManifestError> {
        let mut seen = std::collections::BTreeSet::new();
        for topic in &self.topics {
            let name = topic.name.as_str();
            if !(1..=Topic::MAX).contains(&name.len()) {
                return Err(ManifestError::TopicName(name.to_owned()));
            }
            if !seen.insert(name) {
                return Err(ManifestError::TopicTwice(name.to_owned()));
            }
        }
        Ok(())
    }

    /// Whether a kind may be called so.
    ///
    /// # Errors
    /// [`ManifestError::Kind`] when it may not.
    pub fn check_kind(kind: &str) -> Result<(), ManifestError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if (1..=Self::MAX_KIND).contains(&kind.len()) && kind.bytes().all(plain) {
            return Ok(());
        }
        Err(ManifestError::Kind(kind.to_owned()))
    }

    /// The topic of that name.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<&TopicSpec> {
        self.topics.iter().find(|topic| topic.name.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(release: Option<&str>) -> Result<(), ManifestError> {
        let manifest = Manifest {
            kind: "kind".to_owned(),
            state_version: 1,
            pace: Pace::Messages,
            durability: Durability::Ephemeral,
            grace: 0,
            limits: RequestedLimits {
                members: 1,
                ..RequestedLimits::default()
            },
            capabilities: Vec::new(),
            topics: Vec::new(),
            release: release.map(str::to_owned),
        };
        manifest.check()
    }

    #[test]
    fn a_release_can_be_shown() {
        let longest = "é".repeat(32);
        for good in [None, Some("1"), Some("1.4.2 \"Jérôme\""), Some(&longest)] {
            assert_eq!(checked(good), Ok(()), "{good:?}");
        }
        let longer = format!("{longest}x");
        for bad in ["", &longer, "1\n2", "\u{1b}[2J", "\0"] {
            let refusal = Err(ManifestError::Release(bad.to_owned()));
            assert_eq!(checked(Some(bad)), refusal, "{bad:?}");
        }
    }
}
