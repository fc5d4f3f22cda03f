//! `[mpp]`: the Multiplayer Piano door.

use serde::{Deserialize, Serialize};

use crate::config::units::Secret;

/// Sockets that a user may have, unless it is said otherwise.
pub const DEFAULT_SOCKETS_PER_USER: u32 = 8;

/// `[mpp]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MppConfig {
    /// The kind whose rules are behind the door.
    pub kind: String,
    /// Whether users are known by their address, and not by a token that their browser keeps.
    pub production: bool,
    /// Hashed in front of an address.
    pub salt1: Option<Secret>,
    /// Hashed behind an address.
    pub salt2: Option<Secret>,
    /// Whether browsers that wait for a challenge get one.
    pub challenge: bool,
    /// Open sockets of one user; 0 for any number.
    pub max_sockets_per_user: u32,
}

impl Default for MppConfig {
    fn default() -> Self {
        Self {
            kind: "piano".to_owned(),
            production: false,
            salt1: None,
            salt2: None,
            challenge: true,
            max_sockets_per_user: DEFAULT_SOCKETS_PER_USER,
        }
    }
}

impl MppConfig {
    /// What an address is hashed between, if it is to be hashed.
    #[must_use]
    pub fn salts(&self) -> Option<(&str, &str)> {
        self.production
            .then(|| (text(self.salt1.as_ref()), text(self.salt2.as_ref())))
    }

    /// Whether addresses could not be found out of ids by trying them all.
    #[must_use]
    pub fn is_salted(&self) -> bool {
        self.salts()
            .is_none_or(|(before, after)| !before.is_empty() && !after.is_empty())
    }
}

fn text(salt: Option<&Secret>) -> &str {
    salt.map_or("", Secret::expose)
}
