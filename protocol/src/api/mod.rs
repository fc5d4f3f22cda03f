//! Bodies of the administrative REST interface, `/api/v1`. See `protocol/docs/api.md`.
//!
//! Times are Unix milliseconds, sizes are bytes, hashes are 64 lower-case hexadecimal digits.

mod error;
mod jobs;
mod modules;
mod recordings;
mod rooms;
mod server;

pub use error::{ApiError, ErrorBody};
pub use jobs::{Job, JobKind, JobList, JobState, Stage};
pub use modules::{
    Activate, Canary, CanaryStatus, Comparison, Difference, ManifestInfo, Module, ModuleList,
    Origin, Published, Shadow, ShadowReport, StateChange, TopicInfo, Version, Watch,
};
pub use recordings::{FaultInfo, Reason, Record, Recording, RecordingList};
pub use rooms::{
    Close, Fork, Forked, MemberInfo, RoomDetail, RoomInfo, RoomList, Signal, SignalAnswer,
};
pub use server::{AuditEntry, AuditList, Scope, ServerInfo, Whoami};
