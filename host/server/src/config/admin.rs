//! `[admin]`: who may administer.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::check::MIN_SECRET;
use crate::config::units::Secret;

/// `[admin]`: the administrative interface, closed as long as none of these is set (but for a server on loopback alone).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminConfig {
    /// Who shows this may do everything.
    pub token: Option<Secret>,
    /// Key of signed tokens (HS256).
    pub secret: Option<Secret>,
    /// PEM file with the public half of a key whose private half signs tokens.
    pub public_key: Option<PathBuf>,
}

impl AdminConfig {
    /// What is wrong: keys and reasons.
    pub(crate) fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        for (key, secret) in [("admin.token", &self.token), ("admin.secret", &self.secret)] {
            let short = |secret: &Secret| secret.expose().len() < MIN_SECRET;
            if secret.as_ref().is_some_and(short) {
                problems.push((key, format!("at least {MIN_SECRET} bytes are needed")));
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
