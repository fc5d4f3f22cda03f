//! Who is in the room.

use std::collections::{BTreeMap, BTreeSet};

use roost_sdk::types::{ConnectionId, Identity, MemberId, Profile};
use serde::{Deserialize, Serialize};

use crate::chat::Pace;
use crate::custom::Budget;
use crate::mouse::Mouse;
use crate::quota::Quota;
use crate::text::{shown_name, subject};

/// Everybody, by member.
pub(crate) type People = BTreeMap<MemberId, Person>;

/// Longest text of a tag, in bytes.
const MAX_TAG: usize = 32;
/// For how many milliseconds a wish for another profile counts as on its way.
const ASKED: u64 = 2000;

/// A profile that was asked for: name, colour, and when.
pub(crate) type Asked = (String, u32, u64);

/// A label beside a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tag {
    pub(crate) text: String,
    /// `#` and three or six hexadecimal digits.
    pub(crate) color: String,
}

/// What the rules want to know of a token.
#[derive(Debug, Default)]
struct Claims {
    staff: bool,
    tag: Option<Tag>,
}

/// How somebody is seen: what is kept with a line of chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Face {
    /// With the issuer.
    pub(crate) user: String,
    pub(crate) name: String,
    /// 0xRRGGBB.
    pub(crate) color: u32,
    pub(crate) tag: Option<Tag>,
}

/// A participant: a member of the room, with all of its connections.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) face: Face,
    pub(crate) staff: bool,
    pub(crate) connections: BTreeSet<ConnectionId>,
    /// Those that want what is said to subscribers of `custom`.
    pub(crate) subscribed: BTreeSet<ConnectionId>,
    pub(crate) mouse: Mouse,
    pub(crate) quota: Quota,
    pub(crate) pace: Pace,
    pub(crate) custom: Budget,
    pub(crate) asked: Option<Asked>,
    /// Seen by staff only; staff only may be that.
    pub(crate) vanished: bool,
    /// Unix time of the last message; 0 if it is not known.
    pub(crate) heard: u64,
    /// Nothing came for a while, and that was told.
    pub(crate) afk: bool,
}

impl Claims {
    fn of(who: &Identity) -> Self {
        let claims: serde_json::Value = who.parse_claims().unwrap_or_default();
        let tag = claims.get("tag").and_then(Tag::of);
        let staff = claims.get("staff").and_then(serde_json::Value::as_bool);
        Self {
            staff: staff.unwrap_or(false),
            tag,
        }
    }
}

impl Tag {
    /// Of a claim; nothing when it could not be shown.
    fn of(claim: &serde_json::Value) -> Option<Self> {
        let text = claim.get("text")?.as_str()?;
        let color = claim.get("color")?.as_str()?;
        let digits = color.strip_prefix('#')?;
        let is_color =
            matches!(digits.len(), 3 | 6) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        (is_color && (1..=MAX_TAG).contains(&text.len())).then(|| Self {
            text: text.to_owned(),
            color: color.to_owned(),
        })
    }
}

impl Face {
    /// What clients see as the user's id.
    pub(crate) fn id(&self) -> &str {
        subject(&self.user)
    }
}

impl Person {
    /// Somebody who comes in.
    pub(crate) fn new(who: Identity, quota: Quota, now: u64) -> Self {
        let Claims { staff, tag } = Claims::of(&who);
        Self {
            face: Face {
                user: who.user,
                name: shown_name(&who.profile.name),
                color: who.profile.color,
                tag,
            },
            staff,
            connections: BTreeSet::new(),
            subscribed: BTreeSet::new(),
            mouse: Mouse::default(),
            quota,
            pace: Pace::default(),
            custom: Budget::default(),
            asked: None,
            vanished: false,
            heard: now,
            afk: false,
        }
    }

    /// A connection is gone.
    pub(crate) fn lose(&mut self, connection: ConnectionId) {
        self.connections.remove(&connection);
        self.subscribed.remove(&connection);
    }

    /// The profile with another name or colour, seen from what was asked for last; nothing when
    /// that changes nothing.
    pub(crate) fn ask(
        &mut self,
        name: Option<String>,
        color: Option<u32>,
        now: u64,
    ) -> Option<Profile> {
        let asked = self.asked.take().filter(|(.., at)| now < at + ASKED);
        let (old_name, old_color) = match &asked {
            Some((name, color, _)) => (name.clone(), *color),
            None => (self.face.name.clone(), self.face.color),
        };
        let name = name.unwrap_or_else(|| old_name.clone());
        let color = color.unwrap_or(old_color);
        if (&name, color) == (&old_name, old_color) {
            self.asked = asked;
            return None;
        }
        self.asked = Some((name.clone(), color, now));
        Some(Profile { name, color })
    }

    /// The profile is another one now.
    pub(crate) fn change(&mut self, profile: &Profile) {
        self.face.name = shown_name(&profile.name);
        self.face.color = profile.color;
        let has_come = self
            .asked
            .as_ref()
            .is_some_and(|(name, color, _)| (name, *color) == (&profile.name, profile.color));
        if has_come {
            self.asked = None;
        }
    }
}

/// Whether somebody's token says that they are staff.
pub(crate) fn is_staff(who: &Identity) -> bool {
    Claims::of(who).staff
}

/// The participant whose id clients see as this one.
pub(crate) fn by_id<'a>(people: &'a People, id: &str) -> Option<(MemberId, &'a Person)> {
    let mut all = people.iter();
    all.find(|(_, person)| person.face.id() == id)
        .map(|(member, person)| (*member, person))
}
