//! Rights, documents and lists in few words.

use serde::Serialize;

use crate::payload::to_json;
use crate::types::{
    Access, Ban, DocEdit, DocOp, DocQuestion, DocRight, Flow, Listing, MediaRight, MemberId, Right,
    Track,
};

impl Right {
    /// The user may open the document that way.
    #[must_use]
    pub fn doc(user: &str, doc: &str, access: Access) -> Self {
        Self::Doc(DocRight {
            user: user.to_owned(),
            doc: doc.to_owned(),
            access,
        })
    }

    /// The member may send the track.
    #[must_use]
    pub fn send(member: MemberId, track: Track) -> Self {
        Self::Media(MediaRight {
            member,
            track,
            flow: Flow::Send,
        })
    }

    /// The member may receive that track of the other member.
    #[must_use]
    pub fn receive(member: MemberId, track: Track, of: MemberId) -> Self {
        Self::Media(MediaRight {
            member,
            track,
            flow: Flow::Receive(of),
        })
    }
}

impl From<MediaRight> for Right {
    fn from(right: MediaRight) -> Self {
        Self::Media(right)
    }
}

impl From<DocRight> for Right {
    fn from(right: DocRight) -> Self {
        Self::Doc(right)
    }
}

impl DocQuestion {
    /// The answer's right, with this access: no more than the question's is ever given.
    #[must_use]
    pub fn right(&self, access: Access) -> Right {
        Right::doc(&self.who.user, &self.doc, access)
    }
}

impl DocOp {
    /// Put the value under the key, or in place of the element.
    #[must_use]
    pub fn set<T: Serialize + ?Sized>(path: &str, value: &T) -> Self {
        Self {
            path: path.to_owned(),
            edit: DocEdit::Set(to_json(value)),
        }
    }

    /// Put a new element before that index.
    #[must_use]
    pub fn insert<T: Serialize + ?Sized>(path: &str, value: &T) -> Self {
        Self {
            path: path.to_owned(),
            edit: DocEdit::Insert(to_json(value)),
        }
    }

    /// Remove the key or the element.
    #[must_use]
    pub fn delete(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            edit: DocEdit::Delete,
        }
    }

    /// Add to the number there; finite.
    #[must_use]
    pub fn increment(path: &str, by: f64) -> Self {
        Self {
            path: path.to_owned(),
            edit: DocEdit::Increment(by),
        }
    }
}

impl Listing {
    /// A visible entry without bans.
    #[must_use]
    pub fn of<T: Serialize + ?Sized>(data: &T) -> Self {
        Self {
            data: to_json(data),
            visible: true,
            bans: Vec::new(),
        }
    }

    /// Keep it from those who ask for the list.
    #[must_use]
    pub fn hidden(mut self) -> Self {
        self.visible = false;
        self
    }

    /// With these bans.
    #[must_use]
    pub fn bans(mut self, bans: Vec<Ban>) -> Self {
        self.bans = bans;
        self
    }
}
