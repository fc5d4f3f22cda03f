//! The port behind which rules run. The sandbox implements it for components, tests in plain Rust.

use crate::effect::{Ban, Effect};
use crate::event::{Event, SnapshotMeta};
use crate::ids::ProgramHash;
use crate::manifest::Manifest;
use bytes::Bytes;
use minicbor::{Decode, Encode};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Time and chance of one call. Equal inputs with an equal context give equal effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Context {
    /// Unix milliseconds. Never falls within a room.
    #[n(0)]
    pub now: u64,
    /// Milliseconds the room has really been running.
    #[n(1)]
    pub uptime: u64,
    /// 53 random bits, fresh for every call.
    #[n(2)]
    pub seed: u64,
    /// In ticking kinds: ticks so far, one in this batch included.
    #[n(3)]
    pub tick: Option<u64>,
}

/// What a room is told at its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomIdentity {
    /// The room's id.
    pub room: String,
    /// The room's own seed, 53 bits.
    pub seed: u64,
    /// JSON object: the operator's settings for the kind, at most 64 KiB.
    pub options: String,
    /// Bans of an earlier room of this id that still run.
    pub bans: Vec<Ban>,
}

/// What one call may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// Units of fuel.
    pub fuel: u64,
    /// Wall-clock time after which the watchdog stops the call. `None` while replaying: only fuel counts.
    pub deadline: Option<Duration>,
    /// Most bytes that may be lifted out of the guest.
    pub output: usize,
    /// Whether log lines are wanted; not during a replay.
    pub log: bool,
}

/// What a call of `handle` gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Handled {
    /// In order. JSON is well-formed, topics are the manifest's.
    pub effects: Vec<Effect>,
    /// Fuel used.
    pub fuel: u64,
}

/// Why a call gave nothing. The instance is dead afterwards.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Fault {
    /// Trapped: a panic, an access out of bounds, an exhausted stack.
    #[error("trapped: {0}")]
    Trap(String),
    /// The budget is used up.
    #[error("used up its {0} units of fuel")]
    OutOfFuel(u64),
    /// Stopped by the clock, which is no event's fault.
    #[error("stopped by the watchdog after {} ms", .0.as_millis())]
    Interrupted(Duration),
    /// A limit other than fuel was broken.
    #[error("over a limit: {0}")]
    Limit(String),
    /// The answer is not one that rules may give.
    #[error("invalid effect: {0}")]
    Invalid(String),
    /// A join-attempt was left without exactly one answer.
    #[error("no answer to the join-attempt of connection {0}")]
    Unanswered(crate::ids::ConnectionId),
    /// No instance could be made; the machine's fault, not the program's.
    #[error("cannot be started: {0}")]
    Start(String),
}

/// How important a line of the rules is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For authors.
    Debug,
    /// Worth a line.
    Info,
    /// Odd.
    Warn,
    /// Wrong.
    Error,
}

/// Where lines of the rules go.
pub type LogLine = Arc<dyn Fn(LogLevel, &str) + Send + Sync>;

/// A program that can rule rooms of one kind.
pub trait Program: Send + Sync {
    /// What it says it is.
    fn manifest(&self) -> &Manifest;

    /// The hash of what was uploaded.
    fn hash(&self) -> ProgramHash;

    /// Whether its calls always belong on a blocking thread, whatever they cost.
    fn blocking(&self) -> bool {
        false
    }

    /// A fresh instance, in which nothing was called yet.
    ///
    /// # Errors
    /// [`Fault::Start`] when the machine has no room for it.
    fn instantiate(&self, log: LogLine) -> Result<Box<dyn Rules>, Fault>;
}

/// One instance of a program: one room. After an `Err` of any method it must not be called again.
pub trait Rules: Send {
    /// Begin a new room. The inner error is the rules' own refusal, for the user's eyes.
    ///
    /// # Errors
    /// The call failed.
    fn init(
        &mut self,
        room: &RoomIdentity,
        limits: CallLimits,
    ) -> Result<Result<(), String>, Fault>;

    /// Take over a room from a snapshot. The inner error is the rules' own refusal.
    ///
    /// # Errors
    /// The call failed.
    fn restore(
        &mut self,
        room: &RoomIdentity,
        meta: &SnapshotMeta,
        state: &[u8],
        limits: CallLimits,
    ) -> Result<Result<(), String>, Fault>;

    /// Answer what happened with what shall be done. Topics of messages are ones of the manifest.
    ///
    /// # Errors
    /// The call failed, and none of its effects counts.
    fn handle(
        &mut self,
        context: &Context,
        events: &[Event],
        limits: CallLimits,
    ) -> Result<Handled, Fault>;

    /// Write the whole state down.
    ///
    /// # Errors
    /// The call failed.
    fn snapshot(&mut self, limits: CallLimits) -> Result<Bytes, Fault>;
}
