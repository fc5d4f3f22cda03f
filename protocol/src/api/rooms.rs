//! Live rooms.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Live rooms, in the order of kind and id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RoomList {
    /// As many as were asked for.
    pub rooms: Vec<RoomInfo>,
    /// What to ask for `after` to see more; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A live room, and what rules it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoomInfo {
    /// Its kind: the name of the module.
    pub kind: String,
    /// Its id within the kind.
    pub id: String,
    /// The hash of the program that rules it.
    pub program: String,
    /// The number of that version of the module; `null` for a program that was never stored.
    pub version: Option<u32>,
    /// The first call that the program made in this room.
    pub since_event: u64,
    /// Members.
    pub members: u32,
}

/// All about a live room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RoomDetail {
    /// What the list says.
    #[serde(flatten)]
    pub room: RoomInfo,
    /// Who is in it.
    pub people: Vec<MemberInfo>,
    /// Calls so far.
    pub calls: u64,
    /// Units of fuel used in this life.
    pub fuel: u64,
    /// How long it has been running, in milliseconds.
    pub uptime_ms: u64,
    /// Bytes of the last snapshot.
    pub snapshot_bytes: usize,
    /// Calls since the last checkpoint.
    pub journal_calls: usize,
    /// Faults of its rules in this life.
    pub faults: u64,
    /// Effects and messages that came to nothing, because what they named had gone.
    pub dropped: u64,
    /// Repeated calls that had other effects than the first time.
    pub divergences: u64,
    /// Timers that are set.
    pub timers: usize,
    /// Why it has another version than it should; absent if it has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_back: Option<String>,
    /// The recording that is running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
    /// Whether a rollback would bring back code and state, or code alone; absent if nothing was rolled lately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<String>,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberInfo {
    /// Its slot.
    pub member: u32,
    /// The user, with its issuer.
    pub user: String,
    /// How it is seen.
    pub name: String,
    /// Connections; 0 while it is away.
    pub connections: usize,
}

/// Ask the rules something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Signal {
    /// What: 1 to 64 bytes.
    pub name: String,
    /// With what.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub body: Value,
}

/// What they answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SignalAnswer {
    /// JSON; a string of base64 if it was bytes.
    #[schema(value_type = Object)]
    pub answer: Value,
}

/// End a room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Close {}

/// Make a copy of a room, without its people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Fork {
    /// Ruled by this version; by the same one without it.
    #[serde(default)]
    pub version: Option<u32>,
}

/// Where the copy is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Forked {
    /// Its kind.
    pub kind: String,
    /// Its id: `~fork/` and a number.
    pub id: String,
}
