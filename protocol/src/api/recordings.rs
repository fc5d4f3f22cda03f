//! Recordings of rooms: by request, and of every fault.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why something was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Somebody asked.
    Request,
    /// The rules failed.
    Fault,
}

/// Record a room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// For so long at most, 1 to 3600; 60 without it.
    #[serde(default)]
    pub seconds: Option<u32>,
    /// What is said of it.
    #[serde(default)]
    pub note: String,
}

/// A recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recording {
    /// Its id.
    pub id: String,
    /// Why.
    pub reason: Reason,
    /// Of a room of this kind.
    pub kind: String,
    /// Of this room.
    pub room: String,
    /// The program that ruled it.
    pub program: String,
    /// The number of that version.
    pub version: Option<u32>,
    /// When it began.
    pub started_at: u64,
    /// When it ended; `null` while it is running.
    pub ended_at: Option<u64>,
    /// Calls in it.
    pub calls: u64,
    /// Bytes of it.
    pub bytes: usize,
    /// What was said of it.
    pub note: String,
    /// What went wrong.
    pub fault: Option<FaultInfo>,
}

/// A fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FaultInfo {
    /// In which call.
    pub call: u64,
    /// At what: `message`, `join`, `tick`…
    pub event: String,
    /// Who pays: a user, or `program`.
    pub cause: String,
    /// What happened.
    pub text: String,
}

/// Recordings, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordingList {
    /// All that are kept.
    pub recordings: Vec<Recording>,
}
