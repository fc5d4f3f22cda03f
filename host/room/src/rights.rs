//! Rights that rules gave or took: kept by the host, through swap and restart.

use crate::effect::{Access, DocRight, Flow, MediaRight, Right};
use crate::ids::MemberId;
use crate::limits::DOC_RIGHTS;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

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

/// Media rights last as long as the members they name. Of rights to documents, which are asked for at
/// each opening, only the latest are kept: anybody can ask for any number of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rights {
    media: BTreeMap<MediaRight, bool>,
    /// By the member whose tracks others receive.
    received: BTreeSet<(MemberId, MediaRight)>,
    docs: BTreeMap<DocRight, bool>,
    /// The order in which documents' rights were first spoken of.
    oldest: VecDeque<DocRight>,
}

impl Rights {
    /// Write down what the rules say. A grant of write gives read; denying read takes write.
    pub(crate) fn say(&mut self, right: &Right, granted: bool) {
        match right {
            Right::Media(media) => {
                self.media.insert(*media, granted);
                if let Flow::Receive(from) = media.flow {
                    self.received.insert((from, *media));
                }
            }
            Right::Doc(doc) => {
                self.say_doc(doc.clone(), granted);
                let implied = match (doc.access, granted) {
                    (Access::Write, true) => Some(Access::Read),
                    (Access::Read, false) => Some(Access::Write),
                    _ => None,
                };
                if let Some(access) = implied {
                    self.say_doc(
                        DocRight {
                            access,
                            ..doc.clone()
                        },
                        granted,
                    );
                }
            }
        }
    }

    fn say_doc(&mut self, doc: DocRight, granted: bool) {
        if self.docs.insert(doc.clone(), granted).is_none() {
            self.oldest.push_back(doc);
        }
        while self.oldest.len() > DOC_RIGHTS {
            if let Some(oldest) = self.oldest.pop_front() {
                self.docs.remove(&oldest);
            }
        }
    }

    pub(crate) fn state(&self, right: &Right) -> RightState {
        let said = match right {
            Right::Media(media) => self.media.get(media),
            Right::Doc(doc) => self.docs.get(doc),
        };
        match said {
            Some(true) => RightState::Granted,
            Some(false) => RightState::Denied,
            None => RightState::Unsaid,
        }
    }

    /// A member has left: its media rights, and those of others to receive from it, are void.
    pub(crate) fn forget(&mut self, member: MemberId) {
        let first = MediaRight::first_of(member);
        let own: Vec<MediaRight> = self
            .media
            .range(first..)
            .map(|(right, _)| *right)
            .take_while(|right| right.member == member)
            .collect();
        let from_it: Vec<MediaRight> = self
            .received
            .range((member, MediaRight::first_of(MemberId(0)))..)
            .take_while(|(from, _)| *from == member)
            .map(|&(_, right)| right)
            .collect();
        for right in own.into_iter().chain(from_it) {
            self.media.remove(&right);
            if let Flow::Receive(from) = right.flow {
                self.received.remove(&(from, right));
            }
        }
    }

    /// All that was said, documents in the order in which it was.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Right, bool)> + '_ {
        let media = self
            .media
            .iter()
            .map(|(right, &granted)| (Right::Media(*right), granted));
        let docs = self.oldest.iter().filter_map(|doc| {
            let granted = *self.docs.get(doc)?;
            Some((Right::Doc(doc.clone()), granted))
        });
        media.chain(docs)
    }
}

impl MediaRight {
    /// The least one of a member in their order.
    fn first_of(member: MemberId) -> Self {
        Self {
            member,
            track: crate::Track::Microphone,
            flow: Flow::Send,
        }
    }
}
