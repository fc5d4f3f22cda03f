//! Modules and their versions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a version came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Over this interface.
    Upload,
    /// With the server.
    BuiltIn,
    /// From a file that the configuration or the command line names.
    File,
}

/// All modules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModuleList {
    /// By name.
    pub modules: Vec<Module>,
}

/// A name, what rules its rooms, and what could.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Module {
    /// The kind of room it rules.
    pub name: String,
    /// The version that is live. `null`: none yet.
    pub active: Option<u32>,
    /// What a rollback leads to.
    pub previous: Option<u32>,
    /// A version that some of the rooms have.
    pub canary: Option<CanaryStatus>,
    /// The version that rooms are being moved to at the moment.
    pub rolling: Option<u32>,
    /// Rooms that live.
    pub rooms: usize,
    /// Live rooms that kept another version than they should have, since that one refused their state.
    pub held_back: usize,
    /// Oldest first.
    pub versions: Vec<Version>,
}

/// A version that some of the rooms have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CanaryStatus {
    /// Which.
    pub version: u32,
    /// So many of a hundred rooms.
    pub percent: f64,
}

/// One upload under a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Version {
    /// From 1, never used again.
    pub version: u32,
    /// Of the bytes.
    pub sha256: String,
    /// Bytes.
    pub size: usize,
    /// Where it came from.
    pub origin: Origin,
    /// When.
    pub uploaded_at: u64,
    /// By whom: the subject of the token.
    pub by: String,
    /// What was said of it.
    pub note: String,
    /// Whether it is live.
    pub active: bool,
    /// Live rooms that it rules.
    pub rooms: usize,
    /// The version of `roost:room` that it was built for.
    pub interface: String,
    /// What it imports.
    pub imports: Vec<String>,
    /// What it says of itself.
    pub manifest: ManifestInfo,
}

/// What a program says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ManifestInfo {
    /// What its author calls this version.
    #[serde(default)]
    pub release: Option<String>,
    /// Version of the state that it writes.
    pub state_version: u32,
    /// `messages`, or `60 Hz`.
    pub pace: String,
    /// `ephemeral`, `snapshot` or `journaled`.
    pub durability: String,
    /// How long a member without connections is kept, in milliseconds.
    pub grace: u64,
    /// Most members of a room.
    pub members: u32,
    /// What it wants beyond a room.
    pub capabilities: Vec<String>,
    /// What it talks about.
    pub topics: Vec<TopicInfo>,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TopicInfo {
    /// Its name.
    pub name: String,
    /// `closed`, `reliable`, `unreliable` or `latest`.
    pub intake: String,
}

/// The answer to an upload, to an activation and to a rollback.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Published {
    /// The module.
    pub name: String,
    /// The version that this is about.
    pub version: u32,
    /// Of its bytes.
    pub sha256: String,
    /// The number of the version that is live now.
    pub active: Option<u32>,
    /// Rooms that have changed over.
    #[serde(default)]
    pub rolled: usize,
    /// Rooms that kept what they had, since the version refused their state.
    #[serde(default)]
    pub held_back: usize,
    /// The longest that one of them stood still for it, in microseconds.
    #[serde(default)]
    pub longest_pause_us: u64,
    /// The job that does the rest, when the answer did not wait for it: its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// What this version wants and the active one does not.
    #[serde(default)]
    pub new_capabilities: Vec<String>,
}

/// Make a version live.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Activate {
    /// Which.
    pub version: u32,
    /// Capabilities that it may have and the active one has not.
    #[serde(default)]
    pub allow: Vec<String>,
    /// What else than faults brings the old version back.
    #[serde(default)]
    pub watch: Watch,
}

/// Conditions under which a fresh version goes by itself, besides faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// The mean time of a call in microseconds, over ten seconds with at least a hundred calls.
    #[serde(default)]
    pub call_us: Option<f64>,
}

/// Give a version to some of the rooms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// Which. `null` ends the canary: its rooms go back to the active version.
    pub version: Option<u32>,
    /// To so many of a hundred rooms, chosen by their ids; fractions are possible.
    #[serde(default)]
    pub percent: f64,
    /// Capabilities that it may have and the active one has not.
    #[serde(default)]
    pub allow: Vec<String>,
}

/// Have a version hear what live rooms hear, without a word from it getting out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Shadow {
    /// Which.
    pub version: u32,
    /// In this room alone; in up to 16 rooms without it.
    #[serde(default)]
    pub room: Option<String>,
    /// For so long, 1 to 3600.
    #[serde(default = "Shadow::default_seconds")]
    pub seconds: u32,
}

impl Shadow {
    fn default_seconds() -> u32 {
        30
    }
}

/// How a shadow compared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShadowReport {
    /// Rooms that were shadowed.
    pub rooms: usize,
    /// Calls that were made of both.
    pub calls: u64,
    /// Calls with the same effects.
    pub same: u64,
    /// The first that had others, at most 20.
    pub differences: Vec<Difference>,
}

/// Two answers to the same events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// In which room.
    pub room: String,
    /// In which of its calls.
    pub call: u64,
    /// What happened, in short.
    pub events: Vec<String>,
    /// What the running version wanted, where the two part.
    pub active: String,
    /// What the other wanted there.
    pub other: String,
}

/// How one version differs from another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Comparison {
    /// The one.
    pub from: u32,
    /// The other.
    pub to: u32,
    /// Whether they are the same bytes.
    pub identical: bool,
    /// Capabilities that only the other has.
    pub capabilities_added: Vec<String>,
    /// Capabilities that only the one has.
    pub capabilities_removed: Vec<String>,
    /// Topics that only the other has.
    pub topics_added: Vec<String>,
    /// Topics that only the one has.
    pub topics_removed: Vec<String>,
    /// Imports that only the other has.
    pub imports_added: Vec<String>,
    /// Whatever else has another value.
    pub changes: Vec<StateChange>,
}

/// Something that has another value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateChange {
    /// What.
    pub what: String,
    /// Its value in the one.
    pub from: String,
    /// Its value in the other.
    pub to: String,
}
