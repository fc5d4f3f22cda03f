//! Who came, and how he is seen.

use super::Session;
use super::farewell::Farewell;
use crate::doors::address::Address;
use crate::doors::identity::IdentityError;
use crate::kinds::Kind;
use roost_protocol::play::close;
use roost_room::{Identity, Profile, UserId};
use std::net::IpAddr;
use std::sync::Arc;

/// What clients are told when the store cannot be read; the log says why.
const UNREADABLE: &str = "profiles cannot be read at the moment";

/// What the lobby keeps of a user, and how many profiles of the kind had changed when it was read.
struct Known {
    changes: u64,
    profile: Option<Profile>,
}

/// Who came, once that is known.
pub(super) struct Visitor {
    pub(super) kind: Arc<Kind>,
    pub(super) user: UserId,
    pub(super) options: String,
    pub(super) token: Option<Arc<str>>,
    pub(super) address: IpAddr,
    claims: String,
    /// For a user of whom the lobby keeps nothing.
    wished: Profile,
    known: Option<Known>,
}

impl Visitor {
    /// As it stands at the moment, for rules.
    pub(super) fn identity(&self) -> Identity {
        Identity {
            user: self.user.clone(),
            profile: self.profile().unwrap_or(&self.wished).clone(),
            claims: self.claims.clone(),
            verified: true,
        }
    }

    /// What the lobby keeps, if anything, as of the last look.
    pub(super) fn profile(&self) -> Option<&Profile> {
        self.known.as_ref().and_then(|known| known.profile.as_ref())
    }
}

impl Session {
    /// Who it is, and whether such rooms exist.
    pub(super) fn identify(&self, address: Address) -> Result<Visitor, Farewell> {
        let unknown = || {
            Farewell::new(
                close::NO_KIND,
                format!("there is no kind {:?} here", short(&address.kind)),
            )
        };
        let kind = Arc::clone(self.entrance.kinds.get(&address.kind).ok_or_else(unknown)?);
        let keys = &self.entrance.keys;
        let options = address.options.unwrap_or_else(|| "{}".to_owned());
        let visitor = |user, wished, claims, token, known| Visitor {
            kind: Arc::clone(&kind),
            user,
            options,
            token,
            address: self.client,
            claims,
            wished,
            known,
        };
        let Some(token) = &address.token else {
            if !self.entrance.anonymous {
                return Err(bad_token(IdentityError::Missing));
            }
            // Nobody can have changed the profile of a user who is made after this.
            let changes = kind.lobby().changes();
            let (user, token) = keys.anonymous(&address.kind);
            let user = user.ok_or_else(|| bad_token(IdentityError::Missing))?;
            let wished = wished(&user, address.name, address.color);
            let known = Known {
                changes,
                profile: None,
            };
            return Ok(visitor(user, wished, "{}".to_owned(), token, Some(known)));
        };
        let grant = keys
            .check(token, &address.kind, &address.room)
            .map_err(bad_token)?;
        let (name, color) = match grant.anonymous {
            true => (address.name, address.color),
            // Whoever gives out tokens says how their users are seen.
            false => (grant.name, grant.color),
        };
        let wished = wished(&grant.user, name, color);
        Ok(visitor(grant.user, wished, grant.claims, None, None))
    }

    /// See what the lobby keeps of a user, unless it is known that nothing has changed. The store is not read on
    /// the runtime's own threads.
    pub(super) async fn look_up(&self, visitor: &mut Visitor) -> Result<(), Farewell> {
        let lobby = Arc::clone(visitor.kind.lobby());
        // Read before the profile: what changes meanwhile is seen by the next look.
        let changes = lobby.changes();
        let known = visitor.known.as_ref();
        if known.is_some_and(|known| known.changes == changes) {
            return Ok(());
        }
        let user = visitor.user.clone();
        let read = self
            .entrance
            .readers
            .run(move || lobby.profile(&user))
            .await;
        let profile = match read {
            Ok(Ok(profile)) => profile,
            Ok(Err(error)) => return Err(unreadable(visitor, &error)),
            Err(error) => return Err(unreadable(visitor, &error)),
        };
        visitor.known = Some(Known { changes, profile });
        Ok(())
    }
}

fn unreadable(visitor: &Visitor, error: &dyn std::fmt::Display) -> Farewell {
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
