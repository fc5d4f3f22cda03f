//! Everybody comes at once, leaves at once, and comes again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::connection::enter;
use crate::crowd::Joins;
use crate::dialect::Seat;
use crate::plan::{Plan, Stretch};
use crate::report::Report;
use crate::websocket::goodbye;

/// Pause of a connection that was refused. It is a flood, not a busy loop.
const PAUSE: Duration = Duration::from_millis(10);

/// Runs the scenario.
///
/// # Errors
/// When nobody can enter, or the server's process ends.
pub(crate) async fn run(plan: &Plan, duration: Duration) -> Result<Report> {
    let before = plan.look()?;
    let joins = Arc::new(Mutex::new(Joins::new()?));
    let mut guests = JoinSet::new();
    let end = Instant::now() + duration;
    for seat in plan.layout.seats() {
        let (hall, target) = (Arc::clone(&plan.hall), plan.target.clone());
        let joins = Arc::clone(&joins);
        guests.spawn(async move {
            while Instant::now() < end {
                come_and_go(&*hall.dialect, &target, seat, &joins).await;
            }
        });
    }
    plan.progress
        .watch("flooding", duration, &plan.hall.recorder)
        .await;
    let to = plan.look()?;
    while guests.join_next().await.is_some() {}
    plan.progress.done();
    let mut joins = joins.lock().unwrap_or_else(PoisonError::into_inner);
    joins.took = duration;
    plan.somebody(&joins)?;
    let stretch = Stretch {
        before,
        connected: to,
        from: before,
        to,
    };
    Ok(plan.report("join-flood", &joins, stretch))
}

async fn come_and_go(
    dialect: &dyn crate::dialect::Dialect,
    target: &crate::target::Target,
    seat: Seat,
    joins: &Mutex<Joins>,
) {
    let begun = Instant::now();
    let entered = enter(target, dialect, seat, false).await;
    let refused = entered.is_err();
    {
        let mut joins = joins.lock().unwrap_or_else(PoisonError::into_inner);
        match &entered {
            Ok(_) => joins.entered(begun.elapsed()),
            Err(error) => joins.failed(error),
        }
    }
    if let Ok(entered) = entered {
        entered.outgoing.send(&goodbye());
    }
    if refused {
        sleep(PAUSE).await;
    }
}
