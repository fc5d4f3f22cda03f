//! Logging and metrics: their set-up, and the names of all metrics in one place.
//!
//! Labels are per kind, never per room or user: the number of series stays bounded.

use std::io::IsTerminal;
use std::sync::{LazyLock, Mutex, PoisonError};

use metrics::{
    Counter, Gauge, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not one of `tracing_subscriber::EnvFilter`.
    #[error("log level: {0}")]
    Filter(#[from] ParseError),
    /// Something else has set up logging in this process already.
    #[error("logging: {0}")]
    Subscriber(String),
    /// Something else has set up metrics in this process already.
    #[error("metrics: {0}")]
    Recorder(#[from] BuildError),
}

/// Starts logging to stderr. `level` is a level (`info`) or a filter (`info,roost_server::net=debug`).
pub fn start_logging(level: &str, format: LogFormat) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(level)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    started.map_err(|error| TelemetryError::Subscriber(error.to_string()))
}

/// Starts collecting metrics, before any of them is touched; the handle renders them for Prometheus.
/// There is one set per process: asking again gives the same.
pub fn start_metrics() -> Result<PrometheusHandle, TelemetryError> {
    static STARTED: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = started.as_ref() {
        return Ok(handle.clone());
    }
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .install_recorder()?;
    describe();
    *started = Some(handle.clone());
    Ok(handle)
}

/// Bounds of every histogram of times, in seconds.
const SECONDS: &[f64] = &[
    0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0,
];

/// What a metric measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

/// A metric's name, shape, unit and meaning.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// The name, as Prometheus shows it.
    pub name: &'static str,
    /// What it measures.
    pub shape: Shape,
    /// The unit.
    pub unit: Unit,
    /// What it means, and its labels.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($(#[$doc:meta])* $constant:ident = $name:literal, $shape:ident, $unit:ident, $help:literal;)*) => {
        $(#[doc = $help] pub const $constant: &str = $name;)*
        /// Every metric there is.
        pub const METRICS: &[Metric] = &[
            $(Metric { name: $name, shape: Shape::$shape, unit: Unit::$unit, help: $help },)*
        ];
    };
}

metrics! {
    SOCKETS = "roost_sockets", Gauge, Count, "Open sockets, HTTP and WebSocket.";
    UPGRADES = "roost_upgrades_total", Counter, Count, "WebSocket handshakes that succeeded.";
    REFUSED = "roost_refused_sockets_total", Counter, Count, "Sockets refused because a limit was reached.";
    FRAMES_IN = "roost_frames_in_total", Counter, Count, "WebSocket messages received.";
    FRAMES_OUT = "roost_frames_out_total", Counter, Count, "WebSocket messages written.";
    BYTES_OUT = "roost_bytes_out_total", Counter, Bytes, "Bytes written to WebSockets.";
    FRAMES_DROPPED = "roost_frames_dropped_total", Counter, Count, "Unreliable and latest messages dropped because an outbox was full.";
    SLOW_CLOSED = "roost_slow_closed_total", Counter, Count, "Connections closed because they read too slowly.";
    PROTOCOL_ERRORS = "roost_protocol_errors_total", Counter, Count, "Connections closed because of broken WebSocket framing, text or sizes.";
    ROOMS = "roost_rooms", Gauge, Count, "Live rooms. Label: kind.";
    MEMBERS = "roost_members", Gauge, Count, "Members in live rooms. Label: kind.";
    EVENTS = "roost_events_total", Counter, Count, "Events handled by rules. Label: kind.";
    FUEL = "roost_fuel_total", Counter, Count, "Fuel used by rules. Label: kind.";
    FAULTS = "roost_faults_total", Counter, Count, "Calls of rules that failed. Labels: kind, cause.";
    DELIVERIES = "roost_deliveries_total", Counter, Count, "Frames handed to outboxes. Label: kind.";
    BAD_FRAMES = "roost_bad_frames_total", Counter, Count, "Frames that a door did not take. Label: code.";
    CALL_SECONDS = "roost_call_seconds", Histogram, Seconds, "How long calls of rules took. Label: kind.";
    INCIDENTS_LOST = "roost_incidents_lost_total", Counter, Count, "Faults that nobody had time for: they do not count for an automatic rollback, and leave no bundle.";
    ADMIN_REQUESTS = "roost_admin_requests_total", Counter, Count, "Requests of the administrative interface. Label: status.";
    COMMIT_SECONDS = "roost_commit_seconds", Histogram, Seconds, "How long it took until something was durable.";
}

fn describe() {
    for metric in METRICS {
        match metric.shape {
            Shape::Counter => describe_counter!(metric.name, metric.unit, metric.help),
            Shape::Gauge => describe_gauge!(metric.name, metric.unit, metric.help),
            Shape::Histogram => describe_histogram!(metric.name, metric.unit, metric.help),
        }
    }
}

/// Handles for the metrics of sockets: looked up once, not per frame.
pub(crate) struct NetMetrics {
    pub(crate) sockets: Gauge,
    pub(crate) upgrades: Counter,
    pub(crate) refused: Counter,
    pub(crate) frames_in: Counter,
    pub(crate) frames_out: Counter,
    pub(crate) bytes_out: Counter,
    pub(crate) frames_dropped: Counter,
    pub(crate) slow_closed: Counter,
    pub(crate) protocol_errors: Counter,
}

/// The metrics of sockets.
pub(crate) fn net() -> &'static NetMetrics {
    static NET: LazyLock<NetMetrics> = LazyLock::new(|| NetMetrics {
        sockets: gauge!(SOCKETS),
        upgrades: counter!(UPGRADES),
        refused: counter!(REFUSED),
        frames_in: counter!(FRAMES_IN),
        frames_out: counter!(FRAMES_OUT),
        bytes_out: counter!(BYTES_OUT),
        frames_dropped: counter!(FRAMES_DROPPED),
        slow_closed: counter!(SLOW_CLOSED),
        protocol_errors: counter!(PROTOCOL_ERRORS),
    });
    &NET
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn metric_names_follow_the_conventions() {
        let names: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
        for metric in METRICS {
            assert!(metric.name.starts_with("roost_"), "{}", metric.name);
            assert_eq!(
                metric.name.ends_with("_total"),
                metric.shape == Shape::Counter,
                "{}",
                metric.name
            );
            assert!(!metric.help.contains("room id"), "{}", metric.name);
        }
    }

    #[test]
    fn a_wrong_filter_is_told() {
        assert!(matches!(
            start_logging("roost=loud", LogFormat::Text),
            Err(TelemetryError::Filter(_))
        ));
    }
}
