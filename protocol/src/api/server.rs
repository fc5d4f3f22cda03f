//! The server itself, and what was done to it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// What a token lets its bearer do.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// See modules, rooms, jobs, the audit log.
    Read,
    /// Upload and delete versions.
    Publish,
    /// Decide what runs.
    Activate,
    /// Reach into rooms: signals, closing, snapshots, recordings, forks.
    Operate,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Publish, Self::Activate, Self::Operate];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Publish => "publish",
            Self::Activate => "activate",
            Self::Operate => "operate",
        }
    }
}

/// The server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServerInfo {
    /// Its version.
    pub version: String,
    /// Versions of `roost:room` that it offers.
    pub interfaces: Vec<String>,
    /// Live rooms.
    pub rooms: usize,
    /// Open sockets.
    pub sockets: usize,
    /// How long it has been running, in milliseconds.
    pub uptime_ms: u64,
    /// Largest upload, in bytes.
    pub max_upload: usize,
    /// Who asks.
    pub you: Whoami,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Whoami {
    /// The subject of the token; `admin` for the static one.
    pub subject: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
}

/// Something that was done, or tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its number, from 1, without gaps.
    pub seq: u64,
    /// When.
    pub at: u64,
    /// By whom: the subject of a token, or `server`.
    pub by: String,
    /// What: `module.upload`, `module.activate`, `module.rollback`, `room.close`…
    pub action: String,
    /// To what: `piano@3`, `piano/lobby`.
    pub target: String,
    /// `ok`, or the code of the refusal.
    pub outcome: String,
    /// What else is known.
    #[schema(value_type = Object)]
    pub details: Value,
}

/// Entries of the audit log, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditList {
    /// As many as were asked for.
    pub entries: Vec<AuditEntry>,
    /// What to ask for `before` to see older ones; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}
