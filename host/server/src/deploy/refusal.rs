//! Why something was not done, as the REST interface says it.

use roost_protocol::api::ErrorBody;
use roost_sandbox::LoadError;
use roost_store::StoreError;
use serde_json::{Value, json};

/// A refusal: a status of HTTP and its body.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// What is said.
    pub body: ErrorBody,
}

impl Refusal {
    /// Without details.
    #[must_use]
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            body: ErrorBody::new(code, message),
        }
    }

    /// With details, an object.
    #[must_use]
    pub fn with(status: u16, code: &str, message: impl Into<String>, details: Value) -> Self {
        Self {
            status,
            body: ErrorBody::with(code, message, details),
        }
    }

    /// There is no such module.
    #[must_use]
    pub fn no_module(name: &str) -> Self {
        let text = format!("there is no module {name:?}; GET /api/v1/modules lists them");
        Self::new(404, "no_such_module", text)
    }

    /// There is no such version.
    #[must_use]
    pub fn no_version(name: &str, version: u32) -> Self {
        let text = format!("module {name:?} has no version {version}");
        Self::new(404, "no_such_version", text)
    }

    /// There is no such live room.
    #[must_use]
    pub fn no_room(kind: &str, id: &str) -> Self {
        let text = format!("no room {id:?} of kind {kind:?} is alive; an empty one may be at rest");
        Self::new(404, "no_such_room", text)
    }

    /// The work broke off.
    #[must_use]
    pub fn broken(what: &dyn std::fmt::Display) -> Self {
        Self::new(
            503,
            "stopping",
            format!("this could not be finished: {what}"),
        )
    }

    /// Its code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.body.error.code
    }
}

impl From<LoadError> for Refusal {
    fn from(error: LoadError) -> Self {
        let status = match error {
            LoadError::TooLarge { .. } => 413,
            LoadError::Busy(_) => 429,
            LoadError::Stopped | LoadError::Engine(_) | LoadError::Io(_) => 503,
            _ => 422,
        };
        let details = match &error {
            LoadError::Version { needed, .. } => json!({ "needs": needed }),
            LoadError::Import { import, .. } => json!({ "import": import }),
            LoadError::TooLarge { size, max } => json!({ "size": size, "max": max }),
            LoadError::Memory { asked, max } => json!({ "asked_kib": asked, "max_kib": max }),
            _ => json!({}),
        };
        Self::with(status, error.code(), format!("the upload {error}"), details)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Overloaded => Self::new(429, "busy", "the store is busy; try again later"),
            error => Self::new(503, "storage", format!("the store: {error}")),
        }
    }
}
