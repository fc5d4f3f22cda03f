//! How far a job is: a bar on a terminal, a line for each stage elsewhere.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use roost_protocol::api::{Job, Stage};

use crate::cli::connect::note;
use crate::cli::table::{count, span};

/// How often the bar moves although nothing is heard.
const TICK: Duration = Duration::from_millis(100);
const COUNTING: &str = "{spinner} {msg} [{bar:30}] {pos}/{len} rooms";
const WAITING: &str = "{spinner} {msg}";

/// How much is shown of a job before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shows {
    /// Nothing: for scripts.
    Nothing,
    /// A line for each stage.
    Lines,
    /// A bar.
    Bar,
}

impl Shows {
    /// A bar on a terminal, else lines; nothing for scripts.
    pub(crate) fn of_terminal(quiet: bool) -> Self {
        match stderr().is_terminal() {
            _ if quiet => Self::Nothing,
            true => Self::Bar,
            false => Self::Lines,
        }
    }
}

/// Shows a job as it goes on, on standard error.
pub(crate) struct Progress {
    show: Show,
    /// What has been told already, and since when.
    stage: Option<Stage>,
    since: Instant,
}

enum Show {
    Bar(ProgressBar),
    Lines,
    Nothing,
}

impl Progress {
    pub(crate) fn new(shows: Shows) -> Self {
        let show = match shows {
            Shows::Nothing => Show::Nothing,
            Shows::Lines => Show::Lines,
            Shows::Bar => {
                let bar = ProgressBar::new_spinner();
                bar.enable_steady_tick(TICK);
                Show::Bar(bar)
            }
        };
        Self {
            show,
            stage: None,
            since: Instant::now(),
        }
    }

    /// The job as it is now.
    pub(crate) fn at(&mut self, job: &Job) {
        if self.stage != Some(job.stage) {
            if let Some(before) = self.stage.replace(job.stage) {
                self.passed(before);
            }
            self.since = Instant::now();
            if matches!(self.show, Show::Lines) {
                note(&format!("  {}", doing(job.stage)));
            }
        }
        if let Show::Bar(bar) = &self.show {
            draw(bar, job);
        }
    }

    /// Takes the bar away.
    pub(crate) fn done(&self) {
        if let Show::Bar(bar) = &self.show {
            bar.finish_and_clear();
        }
    }

    /// What has been reached stays readable above the bar.
    fn passed(&self, stage: Stage) {
        if let Show::Bar(bar) = &self.show {
            let millis = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
            bar.println(format!("  {} ({})", doing(stage), span(millis)));
        }
    }
}

fn draw(bar: &ProgressBar, job: &Job) {
    let counts = job.total > 0;
    let template = if counts { COUNTING } else { WAITING };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_length(job.total as u64);
    bar.set_position(job.done as u64);
    let shadow = job.shadow.as_ref().map(|report| {
        let rooms = count(report.rooms, "room");
        format!(
            "{}, {} of {} calls alike in {rooms}",
            doing(job.stage),
            report.same,
            report.calls
        )
    });
    bar.set_message(shadow.unwrap_or_else(|| doing(job.stage).to_owned()));
}

/// A stage, and what comes after it.
pub(crate) fn doing(stage: Stage) -> &'static str {
    match stage {
        Stage::Waiting => "waiting for its turn",
        Stage::Received => "received, being inspected",
        Stage::Inspected => "inspected, being compiled",
        Stage::Compiled => "compiled, being rehearsed",
        Stage::Rehearsed => "rehearsed",
        Stage::Shadowed => "listening to live rooms",
        Stage::Rolling => "rolling, rooms change over",
        Stage::Live => "live",
        Stage::Refused => "refused",
        Stage::RolledBack => "rolled back",
    }
}

/// A stage alone.
pub(crate) fn reached(stage: Stage) -> &'static str {
    match stage {
        Stage::Waiting => "waiting",
        Stage::Received => "received",
        Stage::Inspected => "inspected",
        Stage::Compiled => "compiled",
        Stage::Rehearsed => "rehearsed",
        Stage::Shadowed => "shadowed",
        Stage::Rolling => "rolling",
        Stage::Live => "live",
        Stage::Refused => "refused",
        Stage::RolledBack => "rolled back",
    }
}
