//! Why a request came to nothing.

use std::error::Error as _;
use std::fmt;

use roost_protocol::api::{ApiError, ErrorBody};

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address of the server is none.
    #[error("{address:?} is not the address of a server: {reason}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody answered.
    #[error("no server answers at {server}: {reason}")]
    Unreachable {
        /// The address of the server.
        server: String,
        /// What the system says.
        reason: String,
    },
    /// The connection ended, or stood still, before the answer was there.
    #[error("the connection to {server} broke: {reason}")]
    Broken {
        /// The address of the server.
        server: String,
        /// What the system says.
        reason: String,
    },
    /// The server said no.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// Something else than the interface promises.
    #[error("{server} does not answer as Roost does: {reason}")]
    Foreign {
        /// The address of the server.
        server: String,
        /// What came instead.
        reason: String,
    },
}

/// The server said no, and changed nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}: {}", error.code, error.message)]
pub struct Refusal {
    /// Code, message and details.
    pub error: ApiError,
}

impl ClientError {
    /// From an error of the HTTP library, while talking to `server`.
    pub(crate) fn of(server: &str, error: &reqwest::Error) -> Self {
        let (server, reason) = (server.to_owned(), root_cause(error));
        if error.is_connect() {
            return Self::Unreachable { server, reason };
        }
        if error.is_timeout() {
            let reason = "it took too long to answer".to_owned();
            return Self::Broken { server, reason };
        }
        Self::Broken { server, reason }
    }

    /// From an answer whose status is not one of success.
    pub(crate) fn of_answer(server: &str, status: reqwest::StatusCode, body: &[u8]) -> Self {
        match serde_json::from_slice::<ErrorBody>(body) {
            Ok(body) => Self::refused(body.error),
            Err(_) => Self::foreign(server, format!("its answer was {status}, without a reason")),
        }
    }

    /// Because of what a server, or a job of it, gives as the reason.
    pub(crate) fn refused(error: ApiError) -> Self {
        Self::Refused(Box::new(Refusal { error }))
    }

    pub(crate) fn foreign(server: &str, reason: impl fmt::Display) -> Self {
        Self::Foreign {
            server: server.to_owned(),
            reason: reason.to_string(),
        }
    }

    /// Whether trying again later could help.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Broken { .. })
    }
}

/// What the innermost error says: the outer ones only say that there was one.
fn root_cause(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    // "Connection refused (os error 111)"
    let plain = text.split(" (os error").next().unwrap_or(&text);
    plain.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_read_and_other_answers_are_foreign() {
        let body = br#"{"error":{"code":"busy","message":"wait"}}"#;
        let status = reqwest::StatusCode::TOO_MANY_REQUESTS;
        let ClientError::Refused(refusal) = ClientError::of_answer("http://a", status, body) else {
            panic!("not a refusal");
        };
        assert_eq!(refusal.error.code, "busy");
        let error = ClientError::of_answer("http://a", status, b"<html>");
        assert_eq!(
            error.to_string(),
            "http://a does not answer as Roost does: its answer was 429 Too Many Requests, without a reason"
        );
    }
}
