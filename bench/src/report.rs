//! The result of a run, as it is printed with `--json`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::crowd::Joins;
use crate::listener::{End, Tally};
use crate::process::Usage;
use crate::recorder::Quantiles;

/// Everything a run has found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// `traffic`, `idle` or `join-flood`.
    pub(crate) scenario: &'static str,
    /// Host and port.
    pub(crate) target: String,
    /// Number of rooms.
    pub(crate) rooms: u32,
    /// Connections in each.
    pub(crate) peers: u32,
    /// How the connections came in.
    pub(crate) joins: JoinReport,
    /// What was sent and what arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) traffic: Option<Traffic>,
    /// The server's process, when its id was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<Server>,
    /// The generator's own share of the CPU while it measured, 100 for one core.
    pub(crate) generator_cpu_percent: f64,
    /// How connections ended before we ended them, and how many.
    pub(crate) ended_early: BTreeMap<String, u64>,
    /// What became of those that did not read.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) slow_readers: BTreeMap<String, u64>,
    /// What makes these numbers doubtful.
    pub(crate) warnings: Vec<String>,
}

/// Entering rooms.
#[derive(Debug, Serialize)]
pub(crate) struct JoinReport {
    /// How many did.
    pub(crate) entered: u64,
    /// Why others did not.
    pub(crate) failed: BTreeMap<String, u64>,
    /// Entered connections per second.
    pub(crate) per_second: f64,
    /// From the first packet to the welcome.
    pub(crate) latency: Quantiles,
}

impl From<&Joins> for JoinReport {
    fn from(joins: &Joins) -> Self {
        Self {
            entered: joins.entered,
            failed: joins.failed.clone(),
            per_second: joins.entered as f64 / joins.took.as_secs_f64().max(1e-3),
            latency: Quantiles::from(&joins.latency),
        }
    }
}

/// Messages and deliveries.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Traffic {
    /// Messages that left the generator.
    pub(crate) sent: u64,
    /// Messages that were due and could not be sent.
    pub(crate) unsent: u64,
    /// Deliveries that should have come of them.
    pub(crate) expected: u64,
    /// Deliveries that came.
    pub(crate) received: u64,
    /// Expected and not received.
    pub(crate) lost: u64,
    /// Received, but nobody should have: an own message come back, where only the others are meant.
    pub(crate) unexpected: u64,
    /// Received once more.
    pub(crate) doubled: u64,
    /// Received after a later message of the same sender.
    pub(crate) reordered: u64,
    /// Received in the wrong room.
    pub(crate) strayed: u64,
    /// Complaints of the server.
    pub(crate) errors: u64,
    /// One of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_error: Option<String>,
    /// Deliveries per second within the measured time.
    pub(crate) deliveries_per_second: f64,
    /// From when a message was due to when it was read, measured time only.
    pub(crate) latency: Option<Quantiles>,
    /// From when a message was due to when the generator had sent it: its own share of the latency.
    pub(crate) generator_lateness: Option<Quantiles>,
}

/// The server's process before, during and after.
#[derive(Debug, Serialize)]
pub(crate) struct Server {
    /// Before the first connection.
    pub(crate) before: Usage,
    /// When all had entered.
    pub(crate) connected: Usage,
    /// When the measured time was over, with the connections still there.
    pub(crate) end: Usage,
    /// Growth of resident memory for each connection while they entered, in bytes.
    pub(crate) resident_per_connection: f64,
    /// The same for memory that no file backs.
    pub(crate) anonymous_per_connection: f64,
    /// CPU while it was measured, 100 for one core.
    pub(crate) cpu_percent: f64,
    /// CPU for each delivery, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_us_per_delivery: Option<f64>,
    /// CPU for each connection that entered, in microseconds.
    pub(crate) cpu_us_per_join: f64,
}

impl Report {
    /// Whether anything went wrong that a correct server does not do: `--strict` makes it the exit status.
    pub(crate) fn is_clean(&self) -> bool {
        let traffic = self.traffic.as_ref().is_none_or(|traffic| {
            let wrong = [
                traffic.unsent,
                traffic.lost,
                traffic.unexpected,
                traffic.doubled,
                traffic.reordered,
                traffic.strayed,
                traffic.errors,
            ];
            wrong.iter().all(|count| *count == 0)
        });
        traffic && self.joins.failed.is_empty() && self.ended_early.is_empty()
    }
}

/// A key to count ends by.
pub(crate) fn name_of(end: &End) -> String {
    match end {
        End::Left => "still connected".to_owned(),
        End::Closed(code, reason) if reason.is_empty() => format!("closed {code}"),
        End::Closed(code, reason) => format!("closed {code} {reason}"),
        End::Broke(why) => format!("broke: {why}"),
    }
}

/// Counts how the connections ended of which `which` says yes.
pub(crate) fn count_ends(
    tallies: &[Tally],
    which: impl Fn(&Tally) -> bool,
) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for tally in tallies.iter().filter(|tally| which(tally)) {
        *counts.entry(name_of(&tally.end)).or_default() += 1;
    }
    counts
}
