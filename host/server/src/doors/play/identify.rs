//! Who came through this door.

use super::Session;
use super::farewell::Farewell;
use crate::doors::address::Address;
use crate::doors::identity::IdentityError;
use crate::doors::visitor::{Introduction, LookupError, Visitor};
use roost_protocol::play::close;
use roost_room::{Profile, UserId};

/// What clients are told when the store cannot be read; the log says why.
const UNREADABLE: &str = "profiles cannot be read at the moment";

impl Session {
    /// Who it is, and whether such rooms exist.
    pub(super) fn identify(&self, address: &Address) -> Result<Visitor, Farewell> {
        let unknown = || {
            Farewell::new(
                close::NO_KIND,
                format!("there is no kind {:?} here", short(&address.kind)),
            )
        };
        let kind = self.entrance.kinds.get(&address.kind).ok_or_else(unknown)?;
        let keys = &self.entrance.keys;
        let Some(token) = &address.token else {
            if !self.entrance.anonymous {
                return Err(bad_token(IdentityError::Missing));
            }
            let changes = kind.lobby().changes();
            let (user, token) = keys.anonymous(&address.kind);
            let user = user.ok_or_else(|| bad_token(IdentityError::Missing))?;
            let wished = wished(&user, address.name.clone(), address.color);
            let introduction = Introduction {
                user,
                wished,
                claims: "{}".to_owned(),
                token,
            };
            let mut visitor = Visitor::new(&kind, self.client, introduction);
            visitor.is_new(changes);
            return Ok(visitor);
        };
        let grant = keys
            .check(token, &address.kind, &address.room)
            .map_err(bad_token)?;
        let (name, color) = if grant.anonymous {
            (address.name.clone(), address.color)
        } else {
            // Whoever gives out tokens says how their users are seen.
            (grant.name, grant.color)
        };
        let introduction = Introduction {
            wished: wished(&grant.user, name, color),
            user: grant.user,
            claims: grant.claims,
            token: None,
        };
        Ok(Visitor::new(&kind, self.client, introduction))
    }
}

pub(super) fn unreadable(visitor: &Visitor, error: &LookupError) -> Farewell {
    tracing::error!(kind = visitor.kind.name(), user = %visitor.user, %error, "a profile could not be read");
    Farewell::new(close::STOPPED, UNREADABLE)
}

fn wished(user: &UserId, name: Option<String>, color: Option<u32>) -> Profile {
    Profile {
        name: name.unwrap_or_else(|| user.subject().to_owned()),
        color: color.unwrap_or(0x77_77_77),
    }
}

fn bad_token(error: IdentityError) -> Farewell {
    Farewell::new(close::BAD_TOKEN, error.to_string())
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}
