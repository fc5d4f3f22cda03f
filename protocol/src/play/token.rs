//! What a token of the native door says: section 5 of `protocol/docs/play.md`.

use roost_room::{Profile, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

/// As `kind` or `room`: good for any.
pub const ANYWHERE: &str = "*";

/// Who vouches for users of the Multiplayer Piano door.
pub const MPP_ISSUER: &str = "mpp";

/// Longest `user`, in bytes.
const MAX_USER: usize = 200;
/// Most bytes of claims handed to rules.
const MAX_CLAIMS: usize = 4 * 1024;
/// Claims that the door itself understands.
const OWN: [&str; 8] = [
    "kind", "room", "user", "exp", "iss", "name", "color", "roost",
];

/// The claims of a token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    /// Where it is good.
    pub kind: String,
    /// Where it is good.
    pub room: String,
    /// The subject.
    pub user: String,
    /// Unix seconds at which it ends.
    pub exp: u64,
    /// Who vouches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// Profile, where none is kept yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Profile, `#rrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// `anon` in tokens that the host gives to those who came without one, `mpp` in those for the Multiplayer Piano door.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roost: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a good token gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who it is.
    pub user: UserId,
    /// Whether the host itself gave the token to somebody who came without one.
    pub anonymous: bool,
    /// Whether it is good for the Multiplayer Piano door.
    pub is_mpp: bool,
    /// Name wished for.
    pub name: Option<String>,
    /// Colour wished for.
    pub color: Option<u32>,
    /// JSON object for the rules.
    pub claims: String,
}

/// Why a token, however well signed, is not good here.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TokenError {
    /// For another place.
    #[error("the token is for {kind}/{room}")]
    Elsewhere {
        /// Its kind.
        kind: String,
        /// Its room.
        room: String,
    },
    /// Out of bounds.
    #[error("the claim {0:?} is out of bounds")]
    OutOfBounds(&'static str),
}

impl Claims {
    /// Those of a user at the Multiplayer Piano door, good in all its rooms.
    #[must_use]
    pub fn mpp(kind: &str, id: &str, exp: u64) -> Self {
        Self {
            kind: kind.to_owned(),
            room: ANYWHERE.to_owned(),
            user: id.to_owned(),
            exp,
            iss: None,
            name: None,
            color: None,
            roost: Some(MPP_ISSUER.to_owned()),
            rest: Map::new(),
        }
    }

    /// What they give in that room.
    ///
    /// # Errors
    /// They are for another room, or out of bounds.
    pub fn grant(&self, kind: &str, room: &str) -> Result<Grant, TokenError> {
        let good = |claim: &str, here: &str| claim == ANYWHERE || claim == here;
        if !good(&self.kind, kind) || !good(&self.room, room) {
            return Err(TokenError::Elsewhere {
                kind: self.kind.clone(),
                room: self.room.clone(),
            });
        }
        if !(1..=MAX_USER).contains(&self.user.len()) {
            return Err(TokenError::OutOfBounds("user"));
        }
        let anonymous = self.roost.as_deref() == Some("anon");
        let is_mpp = self.roost.as_deref() == Some(MPP_ISSUER);
        let issuer = match &self.iss {
            _ if anonymous => "anon".to_owned(),
            _ if is_mpp => MPP_ISSUER.to_owned(),
            Some(iss) => format!("jwt/{iss}"),
            None => "jwt".to_owned(),
        };
        let user = UserId::new(&issuer, &self.user).ok_or(TokenError::OutOfBounds("iss"))?;
        let color = self
            .color
            .as_deref()
            .map(|c| parse_color(c).ok_or(TokenError::OutOfBounds("color")));
        let name = self.name.clone();
        if name
            .as_ref()
            .is_some_and(|name| !(1..=Profile::MAX_NAME).contains(&name.len()))
        {
            return Err(TokenError::OutOfBounds("name"));
        }
        Ok(Grant {
            user,
            anonymous,
            is_mpp,
            name,
            color: color.transpose()?,
            claims: self.for_rules()?,
        })
    }

    fn for_rules(&self) -> Result<String, TokenError> {
        let rest: Map<String, Value> = self
            .rest
            .iter()
            .filter(|(key, _)| !OWN.contains(&key.as_str()))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        let claims = Value::Object(rest).to_string();
        if claims.len() <= MAX_CLAIMS {
            Ok(claims)
        } else {
            Err(TokenError::OutOfBounds("claims"))
        }
    }
}

/// `#rrggbb` as a number.
#[must_use]
pub fn parse_color(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(json: &str) -> Claims {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_token_is_good_where_it_says() {
        let here = claims(
            r#"{"kind":"chess","room":"r1","user":"alice","exp":1,"iss":"https://x.org","elo":3}"#,
        );
        let grant = here.grant("chess", "r1").unwrap();
        assert_eq!(grant.user.as_str(), "jwt/https%3A//x.org:alice");
        assert_eq!(
            (grant.user.subject(), grant.claims.as_str()),
            ("alice", r#"{"elo":3}"#)
        );
        here.grant("chess", "r2").unwrap_err();
        here.grant("chat", "r1").unwrap_err();
        claims(r#"{"kind":"*","room":"*","user":"a","exp":1}"#)
            .grant("chat", "r")
            .unwrap();
    }

    #[test]
    fn claims_out_of_bounds_are_refused() {
        for (bad, claim) in [
            (
                format!(
                    r#"{{"kind":"*","room":"*","exp":1,"user":"{}"}}"#,
                    "x".repeat(201)
                ),
                "user",
            ),
            (
                r#"{"kind":"*","room":"*","exp":1,"user":""}"#.to_owned(),
                "user",
            ),
            (
                r#"{"kind":"*","room":"*","exp":1,"user":"a","color":"red"}"#.to_owned(),
                "color",
            ),
            (
                r##"{"kind":"*","room":"*","exp":1,"user":"a","color":"#+12345"}"##.to_owned(),
                "color",
            ),
            (
                r#"{"kind":"*","room":"*","exp":1,"user":"a","name":""}"#.to_owned(),
                "name",
            ),
            (
                format!(
                    r#"{{"kind":"*","room":"*","exp":1,"user":"a","x":"{}"}}"#,
                    "x".repeat(5000)
                ),
                "claims",
            ),
        ] {
            assert_eq!(
                claims(&bad).grant("k", "r"),
                Err(TokenError::OutOfBounds(claim))
            );
        }
    }
}
