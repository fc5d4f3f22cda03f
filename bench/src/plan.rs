//! What all scenarios share: who connects where, and looking at the processes meanwhile.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::crowd::{Crowd, Joins, Layout};
use crate::listener::Hall;
use crate::process::Usage;
use crate::progress::Progress;
use crate::report::{JoinReport, Report, Server};
use crate::target::Target;

/// A run that has not begun.
pub(crate) struct Plan {
    /// Wire, clock, counts.
    pub(crate) hall: Arc<Hall>,
    /// The server.
    pub(crate) target: Target,
    /// Who sits where.
    pub(crate) layout: Layout,
    /// How many connections are being opened at a time.
    pub(crate) at_once: usize,
    /// The server's process.
    pub(crate) pid: Option<u32>,
    /// The bar.
    pub(crate) progress: Progress,
}

/// Both processes at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    at: Instant,
    own: Usage,
    server: Option<Usage>,
    arrived: u64,
}

/// From one moment to another, and what there was before the first connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    /// Before the first connection.
    pub(crate) before: Moment,
    /// When all had entered.
    pub(crate) connected: Moment,
    /// Begin of what is measured.
    pub(crate) from: Moment,
    /// Its end.
    pub(crate) to: Moment,
}

impl Plan {
    /// Looks at the server and at ourselves.
    ///
    /// # Errors
    /// When the server's process is gone.
    pub(crate) fn look(&self) -> Result<Moment> {
        let server = self.pid.map(Usage::of).transpose();
        Ok(Moment {
            at: Instant::now(),
            own: Usage::of(std::process::id())?,
            server: server.context("looking at the server's process (--pid)")?,
            arrived: self.hall.recorder.arrived(),
        })
    }

    /// Opens all connections.
    ///
    /// # Errors
    /// When not a single one enters: then there is nothing to measure.
    pub(crate) async fn gather(&self) -> Result<Crowd> {
        let (hall, target, layout) = (&self.hall, &self.target, self.layout);
        let crowd = Crowd::gather(hall, target, layout, self.at_once, &self.progress).await?;
        self.somebody(&crowd.joins)?;
        Ok(crowd)
    }

    /// # Errors
    /// When nobody has entered, with the reason most of them were given.
    pub(crate) fn somebody(&self, joins: &Joins) -> Result<()> {
        let reasons = joins.failed.iter().max_by_key(|(_, count)| **count);
        if let (0, Some((why, _))) = (joins.entered, reasons) {
            self.progress.done();
            anyhow::bail!("no connection to {} has entered: {why}", self.target.host);
        }
        Ok(())
    }

    /// A report of what is known to every scenario.
    pub(crate) fn report(&self, scenario: &'static str, joins: &Joins, stretch: Stretch) -> Report {
        let Stretch { from, to, .. } = stretch;
        let seconds = (to.at - from.at).as_secs_f64().max(1e-3);
        Report {
            scenario,
            target: self.target.host.clone(),
            rooms: self.layout.rooms,
            peers: self.layout.peers,
            joins: JoinReport::from(joins),
            traffic: None,
            server: server(joins, stretch),
            generator_cpu_percent: (to.own.cpu_s - from.own.cpu_s) / seconds * 100.0,
            ended_early: Default::default(),
            slow_readers: Default::default(),
            warnings: self.warnings(),
        }
    }

    fn warnings(&self) -> Vec<String> {
        let unknown = self
            .pid
            .is_none()
            .then(|| "without --pid nothing is known of the server's CPU and memory".to_owned());
        unknown.into_iter().collect()
    }
}

fn server(joins: &Joins, stretch: Stretch) -> Option<Server> {
    let before = stretch.before.server?;
    let connected = stretch.connected.server?;
    let from = stretch.from.server?;
    let to = stretch.to.server?;
    let seconds = (stretch.to.at - stretch.from.at).as_secs_f64().max(1e-3);
    let cpu = to.cpu_s - from.cpu_s;
    let deliveries = stretch.to.arrived - stretch.from.arrived;
    let each =
        |before: u64, after: u64| (after as f64 - before as f64) / joins.entered.max(1) as f64;
    Some(Server {
        before,
        connected,
        end: to,
        resident_per_connection: each(before.resident, connected.resident),
        anonymous_per_connection: each(before.anonymous, connected.anonymous),
        cpu_percent: cpu / seconds * 100.0,
        cpu_us_per_delivery: (deliveries > 0).then(|| cpu * 1e6 / deliveries as f64),
        cpu_us_per_join: (connected.cpu_s - before.cpu_s) * 1e6 / joins.entered.max(1) as f64,
    })
}
