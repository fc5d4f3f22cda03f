//! How every refusal looks.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A refusal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What is wrong.
    pub error: ApiError,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApiError {
    /// For programs: stable, lower case, with underscores.
    #[schema(example = "unauthorized")]
    pub code: String,
    /// For people: what is wrong, and what helps.
    pub message: String,
    /// An object with what else is known; which fields depends on the code.
    #[schema(value_type = Object)]
    #[serde(default)]
    pub details: Value,
}

impl ErrorBody {
    /// Without details.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self::with(code, message, Value::Object(serde_json::Map::new()))
    }

    /// With details, which are an object.
    #[must_use]
    pub fn with(code: &str, message: impl Into<String>, details: Value) -> Self {
        Self {
            error: ApiError {
                code: code.to_owned(),
                message: message.into(),
                details,
            },
        }
    }
}
