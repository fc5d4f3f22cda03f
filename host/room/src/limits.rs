//! The bounds of a room of any kind, with the defaults of the host.

use crate::manifest::Manifest;
use crate::rules::{CallLimits, Fault};
use std::time::Duration;

/// Fuel that takes about a millisecond: the lower end of what was measured, so deadlines err on the long side.
const FUEL_PER_MS: u64 = 10_000_000;
/// The watchdog waits for so many times the nominal time of a budget.
const DEADLINE_FACTOR: u64 = 20;
/// `init`, `snapshot` and `restore` get so many times the budget of a call.
const LIFECYCLE_FACTOR: u64 = 10;
/// A replay gets so many times the budget of the original call.
const REPLAY_FACTOR: u64 = 4;
/// How long a call that the watchdog stopped may take when it is repeated.
const SECOND_DEADLINE: Duration = Duration::from_secs(2);
/// On top of the snapshot's own cap.
const SNAPSHOT_SLACK: usize = 64 * 1024;
/// Bytes that `init` and `restore` may hand out: no more than a reason.
const ANSWER_BYTES: usize = 64 * 1024;

/// Events in a batch.
pub(crate) const BATCH_EVENTS: usize = 64;
/// Bytes in a batch.
pub(crate) const BATCH_BYTES: usize = 256 * 1024;
/// Effects of a call.
pub(crate) const EFFECTS: usize = 8192;
/// Bytes of all effects of a call.
pub(crate) const EFFECT_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of one delivery.
pub(crate) const DELIVERY_BYTES: usize = 1024 * 1024;
/// Bytes of a publication, a signal's answer, an outcome, or all packets of a move.
pub(crate) const SMALL_BYTES: usize = 64 * 1024;
/// Bytes of a listing's data and of a join-attempt's options.
pub(crate) const LISTING_BYTES: usize = 4 * 1024;
/// Bytes of a text for the user's eyes.
pub(crate) const TEXT_BYTES: usize = 1024;
/// Timers of a room.
pub(crate) const TIMERS: usize = 256;
/// Packets told on arrival.
pub(crate) const ON_ARRIVAL: usize = 8;
/// Bans in a listing.
pub(crate) const BANS: usize = 1024;
/// Users named by a publication.
pub(crate) const PUBLISH_USERS: usize = 64;
/// Edits in one change of a document.
pub(crate) const DOC_OPS: usize = 1024;
/// Bytes of a document's name.
pub(crate) const DOC_NAME: usize = 128;
/// Rights to documents that a room remembers; the oldest are forgotten first, and asked for again.
pub(crate) const DOC_RIGHTS: usize = 4096;
/// UTF-16 units of a room id.
pub(crate) const ROOM_ID_UNITS: usize = 512;
/// Topics a connection may subscribe to.
pub(crate) const SUBSCRIPTIONS: usize = 16;
/// Questions of one sort that may wait at once.
pub(crate) const QUESTIONS: usize = 64;
/// Milliseconds an admitted connection's place is kept until it confirms.
pub(crate) const RESERVATION_MS: u64 = 5_000;
/// Milliseconds a signal may stay unanswered.
pub(crate) const SIGNAL_MS: u64 = 5_000;

/// The bounds of one room; those of the kind, within those of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most fuel for one call.
    pub fuel_max: u64,
    /// Most fuel for one call of a kind that declares itself heavy, by asking for more than `fuel_max`.
    pub fuel_heavy: u64,
    /// Fuel for any call.
    pub fuel_base: u64,
    /// Fuel for each event on top.
    pub fuel_per_event: u64,
    /// Most members at once.
    pub members: u32,
    /// Most connections of one member.
    pub connections: u32,
    /// Largest snapshot, in bytes.
    pub snapshot: usize,
    /// Most bytes lifted out of a `handle` call.
    pub output: usize,
    /// Messages a connection may have in flight.
    pub flight_messages: u32,
    /// Bytes a connection may have in flight.
    pub flight_bytes: u32,
    /// Messages waiting in the room.
    pub mailbox_messages: usize,
    /// Bytes of messages waiting in the room.
    pub mailbox_bytes: usize,
    /// A checkpoint is due so long after the first change since the last.
    pub checkpoint_every: Duration,
    /// … or after so many events.
    pub checkpoint_events: u32,
    /// … or after so many bytes of events.
    pub checkpoint_bytes: usize,
    /// How long members are kept at least after a restart of the server.
    pub restart_grace: Duration,
    /// How long a room stays loaded with nobody in it. After that an ephemeral one ends, others rest in the store.
    pub keep_empty: Duration,
    /// Reliable deliveries kept for those who come back: entries, bytes, age.
    pub resume_entries: usize,
    /// See `resume_entries`.
    pub resume_bytes: usize,
    /// See `resume_entries`.
    pub resume_age: Duration,
    /// Bytes that may wait for the disk before the room takes no more input.
    pub commit_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel_max: 50_000_000,
            fuel_heavy: 500_000_000,
            fuel_base: 5_000_000,
            fuel_per_event: 2_000_000,
            members: 1_000,
            connections: 16,
            snapshot: 1024 * 1024,
            output: 4 * 1024 * 1024,
            flight_messages: 32,
            flight_bytes: 64 * 1024,
            mailbox_messages: 1_024,
            mailbox_bytes: 1024 * 1024,
            checkpoint_every: Duration::from_secs(1),
            checkpoint_events: 1_000,
            checkpoint_bytes: 1024 * 1024,
            restart_grace: Duration::from_secs(60),
            keep_empty: Duration::from_secs(60),
            resume_entries: 256,
            resume_bytes: 256 * 1024,
            resume_age: Duration::from_secs(120),
            commit_bytes: 4 * 1024 * 1024,
        }
    }
}

impl Limits {
    /// These bounds, as far as a program asks for less or, within the host's maximum, for more.
    #[must_use]
    pub fn for_program(&self, manifest: &Manifest) -> Self {
        let mut limits = self.clone();
        limits.members = limits.members.min(manifest.limits.members);
        if let Some(million) = manifest.limits.fuel {
            let fuel = u64::from(million)
                .saturating_mul(1_000_000)
                .min(self.fuel_heavy);
            if fuel > limits.fuel_max {
                // A heavy kind has its whole budget for every call.
                (limits.fuel_max, limits.fuel_base, limits.fuel_per_event) = (fuel, fuel, 0);
            } else {
                limits.fuel_max = fuel;
            }
        }
        if let Some(kib) = manifest.limits.snapshot {
            limits.snapshot = limits.snapshot.min(
                usize::try_from(kib)
                    .unwrap_or(usize::MAX)
                    .saturating_mul(1024),
            );
        }
        limits
    }

    /// What a call of `handle` with so many events may cost.
    #[must_use]
    pub fn call(&self, events: usize) -> CallLimits {
        let per_event = self.fuel_per_event.saturating_mul(events as u64);
        let fuel = self.fuel_max.min(self.fuel_base.saturating_add(per_event));
        CallLimits {
            fuel,
            deadline: Some(deadline(fuel)),
            output: self.output,
            log: true,
        }
    }

    /// What `init` and `restore` may cost.
    #[must_use]
    pub fn lifecycle(&self) -> CallLimits {
        let fuel = self.fuel_max.saturating_mul(LIFECYCLE_FACTOR);
        CallLimits {
            fuel,
            deadline: Some(deadline(fuel)),
            output: ANSWER_BYTES,
            log: true,
        }
    }

    /// What `snapshot` may cost: as much, but the state comes out of it.
    #[must_use]
    pub fn writing_down(&self) -> CallLimits {
        CallLimits {
            output: self.snapshot.saturating_add(SNAPSHOT_SLACK),
            ..self.lifecycle()
        }
    }

    /// Whether a snapshot is not too large.
    pub(crate) fn check_snapshot(&self, bytes: usize) -> Result<(), Fault> {
        if bytes <= self.snapshot {
            return Ok(());
        }
        let most = self.snapshot;
        Err(Fault::Limit(format!(
            "a snapshot of {bytes} bytes, at most {most}"
        )))
    }

    /// What the repetition of an accepted call may cost: no clock, more fuel, no log.
    #[must_use]
    pub fn replay(&self, events: usize) -> CallLimits {
        let call = self.call(events);
        CallLimits {
            fuel: call.fuel.saturating_mul(REPLAY_FACTOR),
            deadline: None,
            log: false,
            ..call
        }
    }

    /// What a call may cost that the watchdog stopped once.
    #[must_use]
    pub fn second_try(&self, events: usize) -> CallLimits {
        CallLimits {
            deadline: Some(SECOND_DEADLINE),
            ..self.call(events)
        }
    }
}

fn deadline(fuel: u64) -> Duration {
    let nominal_us = fuel.saturating_mul(1000) / FUEL_PER_MS;
    Duration::from_micros(nominal_us.saturating_mul(DEADLINE_FACTOR))
}
