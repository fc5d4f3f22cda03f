//! What rules and clients talk about, as an enum.

use crate::types::{Intake, TopicEntry, TopicId};

/// The topics of a kind. Written by [`crate::topics!`].
pub trait Topics: Copy + 'static {
    /// All of them, in the order of their numbers; at most 256.
    const ALL: &'static [Self];

    /// The name that clients use, 1 to 64 bytes.
    fn name(self) -> &'static str;

    /// What happens to a client's message when the room has too many.
    fn intake(self) -> Intake;

    /// The place in the manifest.
    fn id(self) -> TopicId;

    /// The topic at that place.
    #[must_use]
    fn from_id(id: TopicId) -> Option<Self> {
        Self::ALL.get(usize::from(id)).copied()
    }

    /// The manifest's list.
    #[must_use]
    fn entries() -> Vec<TopicEntry> {
        let entry = |topic: &Self| TopicEntry {
            name: topic.name().to_owned(),
            intake: topic.intake(),
        };
        Self::ALL.iter().map(entry).collect()
    }
}

/// For kinds in which nobody says anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTopics {}

impl Topics for NoTopics {
    const ALL: &'static [Self] = &[];

    fn name(self) -> &'static str {
        match self {}
    }

    fn intake(self) -> Intake {
        match self {}
    }

    fn id(self) -> TopicId {
        match self {}
    }
}

/// Write the enum of a kind's topics: each variant with the name that clients use and the
/// [`Intake`](crate::types::Intake) that is `Closed`, `Reliable`, `Unreliable` or `Latest`.
///
/// ```
/// roost_sdk::topics! {
///     /// What is talked about.
///     pub enum Topic {
///         /// A line of chat.
///         Say("say", Reliable),
///         /// Only the rules speak of this.
///         Score("score", Closed),
///     }
/// }
/// use roost_sdk::Topics;
/// assert_eq!(Topic::Score.id(), 1);
/// ```
#[macro_export]
macro_rules! topics {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $( $(#[$case_meta:meta])* $case:ident($text:literal, $intake:ident) ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        $vis enum $name {
            $( $(#[$case_meta])* $case ),+
        }

        impl $crate::Topics for $name {
            const ALL: &'static [Self] = &[$(Self::$case),+];

            fn name(self) -> &'static str {
                match self { $(Self::$case => $text),+ }
            }

            fn intake(self) -> $crate::types::Intake {
                match self { $(Self::$case => $crate::types::Intake::$intake),+ }
            }

            fn id(self) -> u16 {
                self as u16
            }
        }
    };
}
