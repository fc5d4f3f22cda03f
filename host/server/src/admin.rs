//! Who may administer: bearer tokens and what they are good for.

use crate::config::Config;
use crate::config::units::Secret;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use roost_protocol::api::Scope;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq;
use thiserror::Error;

/// Whom the tokens of this interface are for.
pub const AUDIENCE: &str = "roost-admin";
/// File in the state folder that holds the token that a server on loopback has made by itself.
pub const TOKEN_FILE: &str = "admin.token";
/// Whose the static token is, in the audit log.
const STATIC: &str = "admin";
/// A token shorter than this can be guessed.
const LONG: usize = 16;

/// Why nobody can be told from anybody.
#[derive(Debug, Error)]
pub enum AdminError {
    /// A file.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A key.
    #[error("{path} is no public key in PEM form: {source}")]
    Key {
        /// Its file.
        path: PathBuf,
        /// Why not.
        source: jsonwebtoken::errors::Error,
    },
}

/// Somebody who administers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// As the audit log names him.
    pub subject: String,
    /// What he may do.
    pub scopes: Vec<Scope>,
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Nobody is: no key is configured.
    Closed,
    /// The token is none, or not good.
    Unauthorized,
}

/// Keys by which tokens are told.
#[derive(Default)]
pub struct AdminKeys {
    /// SHA-256 of the static token: lengths are equal, and the token itself is not kept.
    token: Option<[u8; 32]>,
    keys: Vec<(DecodingKey, Vec<Algorithm>)>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    #[serde(default)]
    scopes: Vec<Scope>,
}

impl AdminKeys {
    /// What is configured; or a token made now, if only this machine can ask. That one is printed once.
    ///
    /// # Errors
    /// A file cannot be read or written, or holds no key.
    pub fn of(config: &Config) -> Result<Self, AdminError> {
        let admin = &config.admin;
        let mut keys = Self::default();
        if let Some(token) = &admin.token {
            keys.token = Some(digest(token));
        }
        if let Some(secret) = &admin.secret {
            let key = DecodingKey::from_secret(secret.expose().as_bytes());
            keys.keys.push((key, vec![Algorithm::HS256]));
        }
        if let Some(path) = &admin.public_key {
            keys.keys.push(public_key(path)?);
        }
        let local = |listen: &crate::config::listen::Listen| listen.addr.ip().is_loopback();
        let is_local = config.server.listen.iter().all(local);
        if keys.is_closed() && is_local {
            keys.token = Some(digest(&own_token(&config.server.state_dir)?));
        }
        let is_short = admin
            .token
            .as_ref()
            .is_some_and(|t| t.expose().len() < LONG);
        if is_short && !is_local {
            tracing::warn!("the token of [admin] is short enough to be guessed");
        }
        Ok(keys)
    }

    fn is_closed(&self) -> bool {
        self.token.is_none() && self.keys.is_empty()
    }

    /// Whose this token is. Takes as long for a wrong one as for a right one.
    ///
    /// # Errors
    /// It is not good, or nobody is let in.
    pub fn check(&self, token: Option<&str>) -> Result<Caller, Rejection> {
        if self.is_closed() {
            return Err(Rejection::Closed);
        }
        let token = token.ok_or(Rejection::Unauthorized)?;
        let given: [u8; 32] = Sha256::digest(token).into();
        if let Some(known) = &self.token
            && bool::from(known.ct_eq(&given))
        {
            return Ok(Caller {
                subject: STATIC.to_owned(),
                scopes: Scope::ALL.to_vec(),
            });
        }
        let mut signed = self.keys.iter().filter_map(|(key, algorithms)| {
            let mut validation = Validation::default();
            validation.algorithms.clone_from(algorithms);
            validation.set_audience(&[AUDIENCE]);
            validation.set_required_spec_claims(&["exp", "aud", "sub"]);
            jsonwebtoken::decode::<Claims>(token, key, &validation).ok()
        });
        let claims = signed.next().ok_or(Rejection::Unauthorized)?.claims;
        if claims.sub.is_empty() || claims.sub.len() > 256 {
            return Err(Rejection::Unauthorized);
        }
        Ok(Caller {
            subject: claims.sub,
            scopes: claims.scopes,
        })
    }
}

fn digest(token: &Secret) -> [u8; 32] {
    Sha256::digest(token.expose()).into()
}

fn public_key(path: &Path) -> Result<(DecodingKey, Vec<Algorithm>), AdminError> {
    let pem = std::fs::read(path).map_err(|source| AdminError::File {
        path: path.to_owned(),
        source,
    })?;
    let rsa = || {
        let algorithms = [Algorithm::RS256, Algorithm::PS256];
        DecodingKey::from_rsa_pem(&pem).map(|key| (key, algorithms.to_vec()))
    };
    let elliptic = || DecodingKey::from_ec_pem(&pem).map(|key| (key, vec![Algorithm::ES256]));
    let edwards = || DecodingKey::from_ed_pem(&pem).map(|key| (key, vec![Algorithm::EdDSA]));
    let key = edwards().or_else(|_| elliptic()).or_else(|_| rsa());
    key.map_err(|source| AdminError::Key {
        path: path.to_owned(),
        source,
    })
}

/// The token of the state folder, made and printed if there is none.
fn own_token(folder: &Path) -> Result<Secret, AdminError> {
    let path = folder.join(TOKEN_FILE);
    let failed = |source| AdminError::File {
        path: path.clone(),
        source,
    };
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim().len() >= LONG => return Ok(Secret::new(text.trim().to_owned())),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut text = String::new();
    for byte in rand::random::<[u8; 32]>() {
        let _ = write!(text, "{byte:02x}");
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    writeln!(file, "{text}").map_err(failed)?;
    // Beside the ready line, which scripts read: this is for a person.
    let _ = writeln!(
        io::stderr(),
        "roost: made an admin token, kept in {}:\n\n    {text}\n",
        path.display()
    );
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::{Value, json};
    use std::time::{SystemTime, UNIX_EPOCH};

    const SECRET: &str = "a secret of the operator";

    fn config(change: impl FnOnce(&mut Config)) -> (AdminKeys, tempfile::TempDir) {
        let state = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.server.state_dir = state.path().to_owned();
        change(&mut config);
        (AdminKeys::of(&config).unwrap(), state)
    }

    fn signed(change: impl FnOnce(&mut Value)) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let mut claims = json!({
            "aud": AUDIENCE, "sub": "ann", "exp": now + 60, "scopes": ["read", "publish"],
        });
        change(&mut claims);
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        jsonwebtoken::encode(&Header::default(), &claims, &key).unwrap()
    }

    #[test]
    fn a_server_on_loopback_makes_a_token_and_keeps_it() {
        let (keys, state) = config(|_| ());
        let kept = std::fs::read_to_string(state.path().join(TOKEN_FILE)).unwrap();
        let caller = keys.check(Some(kept.trim())).unwrap();
        assert_eq!(caller.scopes, Scope::ALL);
        assert_eq!(own_token(state.path()).unwrap().expose(), kept.trim());
        assert_eq!(keys.check(Some("x")), Err(Rejection::Unauthorized));
        assert_eq!(keys.check(None), Err(Rejection::Unauthorized));
    }

    #[test]
    fn elsewhere_it_is_closed_until_something_is_configured() {
        let open = |config: &mut Config| {
            config.server.listen = vec![crate::config::listen::Listen {
                addr: "0.0.0.0:8080".parse().unwrap(),
                tls: None,
            }];
        };
        let (keys, state) = config(open);
        assert_eq!(keys.check(Some("x")), Err(Rejection::Closed));
        assert!(!state.path().join(TOKEN_FILE).exists());
        let (keys, _) = config(|config| {
            open(config);
            config.admin.token = Some(Secret::new("sesame".to_owned()));
        });
        assert_eq!(keys.check(Some("sesame")).unwrap().subject, "admin");
        assert_eq!(keys.check(Some("sesam")), Err(Rejection::Unauthorized));
    }

    #[test]
    fn signed_tokens_say_what_they_are_good_for() {
        let (keys, _) = config(|config| {
            config.admin.secret = Some(Secret::new(SECRET.to_owned()));
        });
        let caller = keys.check(Some(&signed(|_| ()))).unwrap();
        assert_eq!(caller.subject, "ann");
        assert_eq!(caller.scopes, [Scope::Read, Scope::Publish]);
        let bad: [fn(&mut Value); 5] = [
            |claims| claims["aud"] = "play".into(),
            |claims| claims["exp"] = 1.into(),
            |claims| claims["sub"] = "".into(),
            |claims| claims["scopes"] = json!(["everything"]),
            |claims| drop(claims.as_object_mut().unwrap().remove("exp")),
        ];
        for change in bad {
            let token = signed(change);
            assert_eq!(keys.check(Some(&token)), Err(Rejection::Unauthorized));
        }
    }
}
