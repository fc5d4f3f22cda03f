//! Connections that are only there.

use std::time::Duration;

use anyhow::Result;

use crate::listener::End;
use crate::plan::{Plan, Stretch};
use crate::report::{Report, count_ends};

/// Opens all connections and holds them.
///
/// # Errors
/// When nobody can enter, or the server's process ends.
pub(crate) async fn run(plan: &Plan, duration: Duration) -> Result<Report> {
    let before = plan.look()?;
    let crowd = plan.gather().await?;
    let connected = plan.look()?;
    let recorder = &plan.hall.recorder;
    plan.progress.watch("holding", duration, recorder).await;
    let to = plan.look()?;
    let stretch = Stretch {
        before,
        connected,
        from: connected,
        to,
    };
    let mut report = plan.report("idle", &crowd.joins, stretch);
    let tallies = crowd.disperse().await;
    plan.progress.done();
    report.ended_early = count_ends(&tallies, |tally| tally.end != End::Left);
    Ok(report)
}
