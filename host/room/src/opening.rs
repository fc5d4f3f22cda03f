//! What a room begins with, and why it may not.

use crate::clock::Clock;
use crate::effect::Ban;
use crate::limits::Limits;
use crate::manifest::{Capability, Manifest};
use crate::rules::{Fault, LogLine};
use thiserror::Error;

/// What the operator's configuration says of a room.
#[derive(Clone)]
pub struct RoomConfig {
    /// The room's id within its kind.
    pub id: String,
    /// JSON object: settings for the rules, at most 64 KiB.
    pub options: String,
    /// The host's bounds for the kind; the program's own wishes are taken into account by the room.
    pub limits: Limits,
    /// Capabilities that the operator grants.
    pub granted: Vec<Capability>,
    /// Where the rules' lines go.
    pub log: LogLine,
}

/// When and with what chance a room begins.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The host's clocks.
    pub clock: Clock,
    /// The room's own seed, kept for ever; cut to 53 bits.
    pub seed: u64,
    /// Tells this life of the room from earlier ones, for those who resume.
    pub incarnation: u64,
    /// Bans of an earlier room of this id that still run.
    pub bans: Vec<Ban>,
}

/// Why a room does not begin, or cannot go on.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StopReason {
    /// The rules themselves said no.
    #[error("{0}")]
    Refused(String),
    /// The rules failed where no event is to blame.
    #[error("the rules failed: {0}")]
    Rules(Fault),
    /// They failed too often.
    #[error("the rules failed too often, last: {0}")]
    TooManyFaults(Fault),
    /// What was accepted could not be repeated after a fault.
    #[error("the room could not be rebuilt: {0}")]
    Rebuild(String),
    /// What was to be durable could not be stored.
    #[error("the room's state could not be stored: {0}")]
    Storage(String),
    /// The program wants what the operator does not grant.
    #[error("the rules want {0:?}, which is not granted to this kind")]
    NotGranted(&'static str),
}

/// Whether the operator grants all that a program wants.
pub(crate) fn check_granted(config: &RoomConfig, manifest: &Manifest) -> Result<(), StopReason> {
    let missing = manifest
        .capabilities
        .iter()
        .find(|wanted| !config.granted.contains(wanted));
    missing.map_or(Ok(()), |wanted| Err(StopReason::NotGranted(wanted.name())))
}
