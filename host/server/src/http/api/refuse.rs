//! Refusals as answers, and bodies and queries whose refusals look like all others.

use crate::deploy::Refusal;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Json, Response};
use serde::de::DeserializeOwned;

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.body)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(
                axum::http::header::WWW_AUTHENTICATE,
                axum::http::HeaderValue::from_static("Bearer"),
            );
        }
        response
    }
}

fn invalid(text: String) -> Refusal {
    Refusal::new(400, "invalid_request", text)
}

/// A body of JSON, whatever its content type; `{}` if there is none.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let bytes = axum::body::Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|error| {
            let status = error.status().as_u16();
            let code = if status == 413 {
                "too_large"
            } else {
                "invalid_request"
            };
            Refusal::new(status, code, error.body_text())
        })?;
        let bytes = if bytes.trim_ascii().is_empty() {
            &b"{}"[..]
        } else {
            &bytes
        };
        let value = axum::Json::<T>::from_bytes(bytes);
        let value = value.map_err(|error: JsonRejection| invalid(error.body_text()))?;
        Ok(Self(value.0))
    }
}

/// A query.
pub(super) struct Query<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        let query = query.map_err(|error: QueryRejection| invalid(error.body_text()))?;
        Ok(Self(query.0))
    }
}

/// What stands in the path.
pub(super) struct Path<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        let path = path.map_err(|error: PathRejection| invalid(error.body_text()))?;
        Ok(Self(path.0))
    }
}
