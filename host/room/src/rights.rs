//! Rights that rules gave or took: kept by the host, through swap and restart.

use crate::effect::{Access, DocRight, Flow, Right};
use crate::ids::MemberId;
use std::collections::BTreeMap;

/// What the rules have said of a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RightState {
    /// Given.
    Granted,
    /// Taken, or never to be given.
    Denied,
    /// Nothing yet: the rules are to be asked.
    Unsaid,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rights {
    said: BTreeMap<Right, bool>,
}

impl Rights {
    /// Write down what the rules say. A grant of write gives read; denying read takes write.
    pub(crate) fn say(&mut self, right: &Right, granted: bool) {
        self.said.insert(right.clone(), granted);
        if let Right::Doc(doc) = right {
            let implied = match (doc.access, granted) {
                (Access::Write, true) => Some(Access::Read),
                (Access::Read, false) => Some(Access::Write),
                _ => None,
            };
            if let Some(access) = implied {
                self.said.insert(
                    Right::Doc(DocRight {
                        access,
                        ..doc.clone()
                    }),
                    granted,
                );
            }
        }
    }

    pub(crate) fn state(&self, right: &Right) -> RightState {
        match self.said.get(right) {
            Some(true) => RightState::Granted,
            Some(false) => RightState::Denied,
            None => RightState::Unsaid,
        }
    }

    /// A member has left: its media rights, and those of others to receive from it, are void.
    pub(crate) fn forget(&mut self, member: MemberId) {
        self.said.retain(|right, _| match right {
            Right::Media(media) => media.member != member && media.flow != Flow::Receive(member),
            Right::Doc(_) => true,
        });
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Right, bool)> {
        self.said.iter().map(|(right, &granted)| (right, granted))
    }
}
