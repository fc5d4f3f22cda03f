//! Tokens for the native door.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde::Serialize;

/// How long a token is good, in seconds.
const LIFETIME: u64 = 24 * 3600;

#[derive(Serialize)]
struct Claims<'a> {
    kind: &'a str,
    room: &'a str,
    user: String,
    exp: u64,
}

/// An HS256 token for one user, good in every room of a kind for a day.
///
/// # Errors
/// When the clock stands before 1970 or the key cannot be used.
pub(crate) fn mint(secret: &str, kind: &str, user: String) -> Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let claims = Claims {
        kind,
        room: "*",
        user,
        exp: now + LIFETIME,
    };
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::default(), &claims, &key).context("cannot sign a token")
}
