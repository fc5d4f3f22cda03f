//! What takes longer than an answer may.

use super::{ApiError, Published, ShadowReport};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Takes an upload in.
    Upload,
    /// Makes a version live.
    Activate,
    /// Goes back to the version before.
    Rollback,
    /// Gives a version to some of the rooms.
    Canary,
    /// Has a version hear what others do.
    Shadow,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// At it.
    Running,
    /// It is done.
    Done,
    /// It came to nothing; nothing has changed.
    Failed,
}

/// Where a version is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Waits for its turn.
    Waiting,
    /// Its bytes are here.
    Received,
    /// It was read and needs nothing that is not here.
    Inspected,
    /// There is machine code for it.
    Compiled,
    /// It was tried on the rooms there are.
    Rehearsed,
    /// It hears what live rooms hear.
    Shadowed,
    /// Rooms change over.
    Rolling,
    /// All rooms have changed over.
    Live,
    /// It was not let in.
    Refused,
    /// It was live, and was taken back.
    RolledBack,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// What it does.
    pub kind: JobKind,
    /// For which module.
    pub module: String,
    /// For which of its versions, once that is known.
    pub version: Option<u32>,
    /// How far it is.
    pub state: JobState,
    /// Where the version is on its way.
    pub stage: Stage,
    /// Rooms of this stage that are done.
    pub done: usize,
    /// Rooms of this stage.
    pub total: usize,
    /// When it began.
    pub started_at: u64,
    /// When it ended.
    pub ended_at: Option<u64>,
    /// Why it came to nothing.
    pub error: Option<ApiError>,
    /// What it led to.
    pub result: Option<Published>,
    /// How a shadow compared, also while it is at it.
    pub shadow: Option<ShadowReport>,
}

/// The last jobs, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobList {
    /// At most a hundred.
    pub jobs: Vec<Job>,
}
