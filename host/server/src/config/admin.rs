//! `[admin]`: who may administer.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::check::MIN_SECRET;
use crate::config::units::Secret;

/// Versions kept of a module, unless it is said otherwise.
pub const DEFAULT_KEEP_VERSIONS: usize = 20;

/// `[admin]`: the administrative interface, closed as long as none of these is set (but for a server on loopback alone).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminConfig {
    /// Who shows this may do everything.
    pub token: Option<Secret>,
    /// Key of signed tokens (HS256).
    pub secret: Option<Secret>,
    /// PEM file with the public half of a key whose private half signs tokens.
    pub public_key: Option<PathBuf>,
    /// Versions kept of a module; what is in use is kept in any case.
    pub keep_versions: usize,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            token: None,
            secret: None,
            public_key: None,
            keep_versions: DEFAULT_KEEP_VERSIONS,
        }
    }
}

impl AdminConfig {
    /// What is wrong: keys and reasons.
    pub(crate) fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        // A short token is the operator's risk; a short key can be found from any token that it has signed.
        let least = [
            ("admin.token", &self.token, 1),
            ("admin.secret", &self.secret, MIN_SECRET),
        ];
        for (key, secret, least) in least {
            let short = |secret: &Secret| secret.expose().len() < least;
            if secret.as_ref().is_some_and(short) {
                problems.push((key, format!("at least {least} bytes are needed")));
            }
        }
        if let Some(file) = self.public_key.as_ref().filter(|file| !file.is_file()) {
            problems.push((
                "admin.public_key",
                format!("there is no file {}", file.display()),
            ));
        }
        problems
    }
}
