//! Senders send, everybody else listens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use tokio::time::{Instant, sleep};

use crate::crowd::{Crowd, Layout};
use crate::listener::{End, Tally};
use crate::pacer::{Paced, Pacer};
use crate::plan::{Plan, Stretch};
use crate::recorder::Quantiles;
use crate::report::{Report, Traffic, count_ends};
use crate::schedule::Schedule;

/// From starting the pacer to its first message.
const RUN_UP: Duration = Duration::from_millis(50);

/// How often the end looks whether everything has arrived.
const GLANCE: Duration = Duration::from_millis(20);

/// When everything has arrived: how long nothing more may come, since some of it may come twice or to the wrong place.
const QUIET: Duration = Duration::from_millis(150);

/// The generator's own lateness, in milliseconds, from which its latencies are not the server's.
const LATE_MS: f64 = 2.0;

/// Who gets a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Audience {
    /// Everybody in the room but the connection it came from.
    Others,
    /// Everybody in the room.
    Everyone,
    /// Only the connection it came from.
    Sender,
}

impl Audience {
    fn includes(self, peer: u32, sender: u32) -> bool {
        match self {
            Self::Others => peer != sender,
            Self::Everyone => true,
            Self::Sender => peer == sender,
        }
    }

    fn size(self, readers: u64) -> u64 {
        match self {
            Self::Others => readers.saturating_sub(1),
            Self::Everyone => readers,
            Self::Sender => 1,
        }
    }
}

/// What is sent for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Messages per second, all rooms together.
    pub(crate) rate: f64,
    /// Sent, counted, not measured.
    pub(crate) warmup: Duration,
    /// Sent, counted and measured.
    pub(crate) duration: Duration,
    /// How long nothing may arrive, at the end, until what is missing is lost.
    pub(crate) drain: Duration,
    /// Who should get it.
    pub(crate) audience: Audience,
}

/// Runs the scenario.
///
/// # Errors
/// When nobody can enter, or the server's process ends.
pub(crate) async fn run(plan: &Plan, load: Load) -> Result<Report> {
    let before = plan.look()?;
    let crowd = plan.gather().await?;
    let connected = plan.look()?;
    let stop = Arc::new(AtomicBool::new(false));
    let pacer = pacer(plan, load, &crowd, Arc::clone(&stop));
    let sending = tokio::task::spawn_blocking(|| pacer.run());
    let recorder = &plan.hall.recorder;
    plan.progress
        .watch("warming up", RUN_UP + load.warmup, recorder)
        .await;
    let from = plan.look()?;
    plan.progress
        .watch("measuring", load.duration, recorder)
        .await;
    let to = plan.look()?;
    let paced = settle(plan, load, sending, &stop).await?;
    let stretch = Stretch {
        before,
        connected,
        from,
        to,
    };
    let mut report = plan.report("traffic", &crowd.joins, stretch);
    // Before everybody leaves: what slow readers only read then is no latency of the others.
    let latencies = plan.hall.recorder.latencies()?;
    let tallies = crowd.disperse().await;
    plan.progress.done();
    report.traffic = Some(traffic(plan, load, &paced, &tallies, &latencies));
    finish(&mut report, plan, &tallies);
    Ok(report)
}

fn pacer(plan: &Plan, load: Load, crowd: &Crowd, stop: Arc<AtomicBool>) -> Pacer {
    let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let recorder = &plan.hall.recorder;
    let start = recorder.now() + nanoseconds(RUN_UP);
    let measured = start + nanoseconds(load.warmup);
    recorder.measure(measured..measured + nanoseconds(load.duration));
    Pacer {
        hall: Arc::clone(&plan.hall),
        schedule: Schedule {
            rooms: plan.layout.rooms,
            senders: plan.layout.senders,
            rate: load.rate,
            length: load.warmup + load.duration,
        },
        start,
        outgoing: crowd.senders.clone(),
        stop,
    }
}

/// Waits for the pacer, which may have fallen behind, and then for the last deliveries.
async fn settle(
    plan: &Plan,
    load: Load,
    mut sending: tokio::task::JoinHandle<Result<Paced>>,
    stop: &AtomicBool,
) -> Result<Paced> {
    let paced = match tokio::time::timeout(load.drain, &mut sending).await {
        Ok(paced) => paced,
        Err(_) => {
            stop.store(true, Ordering::Relaxed);
            sending.await
        }
    };
    let paced = paced.context("the pacer has died")??;
    let recorder = &plan.hall.recorder;
    let complete = deliveries_at_most(plan.layout, load.audience, &paced);
    let mut last = (Instant::now(), recorder.arrived());
    let quiet = |arrived| {
        if arrived < complete {
            load.drain
        } else {
            QUIET.min(load.drain)
        }
    };
    while last.0.elapsed() < quiet(last.1) {
        sleep(GLANCE).await;
        let arrived = recorder.arrived();
        if arrived != last.1 {
            last = (Instant::now(), arrived);
        }
    }
    Ok(paced)
}

/// Deliveries when nobody is missing: with so many there is little left to wait for.
fn deliveries_at_most(layout: Layout, audience: Audience, paced: &Paced) -> u64 {
    let sent: u64 = paced.sent.iter().sum();
    if layout.slow > 0 {
        return u64::MAX;
    }
    sent * audience.size(u64::from(layout.peers))
}

fn traffic(
    plan: &Plan,
    load: Load,
    paced: &Paced,
    tallies: &[Tally],
    latencies: &Histogram<u64>,
) -> Traffic {
    let readers = tallies
        .iter()
        .filter(|tally| !plan.layout.is_slow(tally.seat));
    let seconds = load.duration.as_secs_f64().max(1e-3);
    Traffic {
        deliveries_per_second: latencies.len() as f64 / seconds,
        latency: Some(Quantiles::from(latencies)),
        generator_lateness: Some(Quantiles::from(&paced.lateness)),
        ..count(readers, paced, load.audience, plan.layout.senders)
    }
}

fn finish(report: &mut Report, plan: &Plan, tallies: &[Tally]) {
    let slow = |tally: &Tally| plan.layout.is_slow(tally.seat);
    report.ended_early = count_ends(tallies, |tally| !slow(tally) && tally.end != End::Left);
    report.slow_readers = count_ends(tallies, slow);
    let lateness = report
        .traffic
        .as_ref()
        .and_then(|traffic| traffic.generator_lateness);
    if let Some(lateness) = lateness.filter(|lateness| lateness.p99_ms > LATE_MS) {
        report.warnings.push(format!(
            "the generator itself was late (p99 {:.1} ms): this machine is too busy for this rate",
            lateness.p99_ms
        ));
    }
}

fn count<'a>(
    readers: impl Iterator<Item = &'a Tally>,
    paced: &Paced,
    audience: Audience,
    senders: u32,
) -> Traffic {
    let mut traffic = Traffic {
        sent: paced.sent.iter().sum(),
        unsent: paced.unsent,
        ..Traffic::default()
    };
    for tally in readers {
        let first = (tally.seat.room * senders) as usize;
        let sent = paced.sent.get(first..).unwrap_or_default();
        for (sender, (sent, unique)) in (0..senders).zip(sent.iter().zip(&tally.unique)) {
            if audience.includes(tally.seat.peer, sender) {
                traffic.expected += sent;
                traffic.received += unique;
            } else {
                traffic.unexpected += unique;
            }
        }
        traffic.doubled += tally.doubled;
        traffic.reordered += tally.late;
        traffic.strayed += tally.strayed;
        traffic.errors += tally.errors;
        if let Some(error) = &tally.last_error {
            traffic.last_error = Some(error.clone());
        }
    }
    traffic.lost = traffic.expected.saturating_sub(traffic.received);
    traffic
}
