//! Who somebody is: tokens checked and made, and names for those who have none.

use crate::clock::unix_millis;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rand::Rng;
use roost_protocol::play::{ANYWHERE, Claims, Grant, TokenError};
use roost_room::UserId;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use thiserror::Error;

/// How long somebody without a token of his own can come back as the same user.
const RETURN_SECONDS: u64 = 24 * 60 * 60;
/// How long the user of a browser that plays the piano can come back as the same.
const MPP_SECONDS: u64 = 365 * 24 * 60 * 60;
/// Bytes of a user's id at the piano.
const MPP_BYTES: usize = 12;
/// Bytes of a key made by the server itself.
const KEY_BYTES: usize = 32;
/// Its file in the state directory.
const KEY_FILE: &str = "play.key";

/// Why a token is not taken. For the client's eyes.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// Not signed with our key, expired, or no token at all.
    #[error("the token is not good: {0}")]
    Token(#[from] jsonwebtoken::errors::Error),
    /// Signed, but not for here.
    #[error(transparent)]
    Claims(#[from] TokenError),
    /// The configuration wants one.
    #[error("a token is needed here")]
    Missing,
}

/// The key of the native door cannot be had.
#[derive(Debug, Error)]
pub enum KeysError {
    /// The file in the state directory.
    #[error("the key {path} cannot be read or made: {source}")]
    File {
        /// Where it is.
        path: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// The key with which tokens of the native door are signed.
#[derive(Clone)]
pub struct Keys {
    encoding: Arc<EncodingKey>,
    decoding: Arc<DecodingKey>,
}

impl Keys {
    /// A key of the operator's choice.
    #[must_use]
    pub fn from_secret(secret: &[u8]) -> Self {
        Self {
            encoding: Arc::new(EncodingKey::from_secret(secret)),
            decoding: Arc::new(DecodingKey::from_secret(secret)),
        }
    }

    /// The key kept in a state directory; made there at the first start, readable by its owner alone.
    ///
    /// # Errors
    /// The file can be neither read nor made.
    pub fn in_state(state: &Path) -> Result<Self, KeysError> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt;
        let path = state.join(KEY_FILE);
        let failed = |source| KeysError::File {
            path: path.clone(),
            source,
        };
        match std::fs::read(&path) {
            Ok(key) if key.len() >= KEY_BYTES => return Ok(Self::from_secret(&key)),
            Ok(_) => return Err(failed(std::io::Error::other("it is too short"))),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(error));
            }
            Err(_) => {}
        }
        std::fs::create_dir_all(state).map_err(failed)?;
        let mut key = [0u8; KEY_BYTES];
        rand::rng().fill_bytes(&mut key);
        let made = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        made.and_then(|mut file| file.write_all(&key).and_then(|()| file.sync_all()))
            .map_err(failed)?;
        Ok(Self::from_secret(&key))
    }

    /// Sign claims.
    ///
    /// # Errors
    /// They cannot be written as JSON.
    pub fn sign(&self, claims: &Claims) -> Result<String, jsonwebtoken::errors::Error> {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.encoding)
    }

    /// Check a token for a room.
    ///
    /// # Errors
    /// It is not good, or not good there.
    pub fn check(&self, token: &str, kind: &str, room: &str) -> Result<Grant, IdentityError> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        validation.validate_aud = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation)?.claims;
        Ok(claims.grant(kind, room)?)
    }

    /// The token by which a user of the Multiplayer Piano door comes back as the same.
    #[must_use]
    pub fn mpp(&self, kind: &str, id: &str) -> Option<String> {
        self.sign(&Claims::mpp(kind, id, unix_millis() / 1000 + MPP_SECONDS))
            .ok()
    }

    /// A new user without a name, and the token by which he comes back as the same.
    #[must_use]
    pub fn anonymous(&self, kind: &str) -> (Option<UserId>, Option<Arc<str>>) {
        let mut subject = String::with_capacity(16);
        let random: u64 = rand::random();
        // Writing into a String cannot fail.
        let _ = write!(subject, "{random:016x}");
        let claims = Claims {
            kind: kind.to_owned(),
            room: ANYWHERE.to_owned(),
            user: subject.clone(),
            exp: unix_millis() / 1000 + RETURN_SECONDS,
            iss: None,
            name: None,
            color: None,
            roost: Some("anon".to_owned()),
            rest: serde_json::Map::new(),
        };
        (
            UserId::new("anon", &subject),
            self.sign(&claims).ok().map(Arc::from),
        )
    }
}

/// An id for somebody at the piano: from his address between two salts, or random.
#[must_use]
pub fn mpp_id(address: Option<((&str, &str), IpAddr)>) -> String {
    let mut id = [0; MPP_BYTES];
    match address {
        Some(((before, after), address)) => {
            let hash = Sha256::digest(format!("{before}{}{after}", address.to_canonical()));
            id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        }
        None => rand::rng().fill_bytes(&mut id),
    }
    let mut hex = String::with_capacity(2 * MPP_BYTES);
    for byte in id {
        // Writing into a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(exp: u64) -> Claims {
        serde_json::from_value(serde_json::json!({"kind":"chess","room":"*","user":"a","exp":exp}))
            .unwrap()
    }

    #[test]
    fn tokens_are_good_for_their_key_time_and_place() {
        let (ours, other) = (Keys::from_secret(b"ours"), Keys::from_secret(b"other"));
        let soon = unix_millis() / 1000 + 60;
        let token = ours.sign(&claims(soon)).unwrap();
        assert_eq!(
            ours.check(&token, "chess", "r").unwrap().user.as_str(),
            "jwt:a"
        );
        ours.check(&token, "chat", "r").unwrap_err();
        other.check(&token, "chess", "r").unwrap_err();
        ours.check("nonsense", "chess", "r").unwrap_err();
        ours.check(&ours.sign(&claims(1)).unwrap(), "chess", "r")
            .unwrap_err();
        let none = jsonwebtoken::encode(
            &Header::new(Algorithm::HS512),
            &claims(soon),
            &ours.encoding,
        )
        .unwrap();
        ours.check(&none, "chess", "r").unwrap_err();
    }

    #[test]
    fn somebody_without_a_token_can_come_back() {
        let keys = Keys::from_secret(b"ours");
        let (user, token) = keys.anonymous("relay");
        assert_eq!(
            keys.check(&token.unwrap(), "relay", "r").unwrap().user,
            user.unwrap()
        );
    }

    #[test]
    fn an_address_between_salts_is_always_the_same_user() {
        let address: IpAddr = "127.0.0.1".parse().unwrap();
        let mapped: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
        for address in [address, mapped] {
            assert_eq!(
                mpp_id(Some((("a", "b"), address))),
                "67dc44a40903b00542c99500"
            );
        }
        assert_ne!(mpp_id(None), mpp_id(None));
        assert_eq!(mpp_id(None).len(), 24);
    }

    #[test]
    fn somebody_at_the_piano_can_come_back() {
        let keys = Keys::from_secret(b"ours");
        let token = keys.mpp("piano", "67dc44a40903b00542c99500").unwrap();
        let grant = keys.check(&token, "piano", "").unwrap();
        assert!(grant.is_mpp);
        assert_eq!(grant.user.as_str(), "mpp:67dc44a40903b00542c99500");
    }

    #[test]
    fn a_state_directory_keeps_its_key() {
        let state = tempfile::tempdir().unwrap();
        let first = Keys::in_state(state.path()).unwrap();
        let (_, token) = first.anonymous("relay");
        Keys::in_state(state.path())
            .unwrap()
            .check(&token.unwrap(), "relay", "r")
            .unwrap();
    }
}
