//! Who asks, and whether he may.

use super::Shared;
use crate::admin::{Caller, Rejection};
use crate::deploy::Refusal;
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use roost_protocol::api::Scope;
use serde_json::json;

impl FromRequestParts<Shared> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> Result<Self, Refusal> {
        let given = parts.headers.get(header::AUTHORIZATION);
        let given = given.and_then(|value| value.to_str().ok());
        let token = given.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        api.keys.check(token).map_err(|rejection| match rejection {
            Rejection::Closed => Refusal::new(
                503,
                "admin_closed",
                "the administrative interface is closed: set ROOST_ADMIN_TOKEN, or [admin] secret or public_key",
            ),
            Rejection::Unauthorized => Refusal::new(
                401,
                "unauthorized",
                "a token is needed, and a good one: Authorization: Bearer …",
            ),
        })
    }
}

impl Caller {
    /// Whether he may.
    ///
    /// # Errors
    /// His token is not good for that.
    pub(super) fn may(&self, scope: Scope) -> Result<(), Refusal> {
        if self.scopes.contains(&scope) {
            return Ok(());
        }
        let text = format!("this needs a token with the scope {:?}", scope.name());
        Err(Refusal::with(
            403,
            "forbidden",
            text,
            json!({ "needs": scope.name() }),
        ))
    }
}
