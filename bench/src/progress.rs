//! A bar on stderr while a run lasts. Nothing when stderr is not a terminal.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::recorder::Recorder;

/// How often a running phase is drawn anew.
const REDRAW: Duration = Duration::from_millis(200);

/// The bar.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar, or nothing where nobody would see it.
    pub(crate) fn new() -> Self {
        let target = if stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{prefix:>12} [{bar:40}] {pos}/{len} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar }
    }

    /// Begins a phase of so many steps.
    pub(crate) fn counting(&self, phase: &'static str, steps: u64) {
        self.bar.reset();
        self.bar.set_prefix(phase);
        self.bar.set_message("");
        self.bar.set_length(steps);
    }

    /// One step.
    pub(crate) fn one_more(&self) {
        self.bar.inc(1);
    }

    /// Shows a phase of this length, in seconds, and how many messages arrive meanwhile; returns when it is over.
    pub(crate) async fn watch(&self, phase: &'static str, length: Duration, recorder: &Recorder) {
        self.counting(phase, length.as_secs().max(1));
        let begun = tokio::time::Instant::now();
        let mut before = (begun, recorder.arrived());
        while begun.elapsed() < length {
            tokio::time::sleep_until((before.0 + REDRAW).min(begun + length)).await;
            let now = (tokio::time::Instant::now(), recorder.arrived());
            let seconds = (now.0 - before.0).as_secs_f64().max(1e-3);
            let rate = (now.1 - before.1) as f64 / seconds;
            self.bar.set_position(begun.elapsed().as_secs());
            self.bar.set_message(format!("s  {rate:.0} deliveries/s"));
            before = now;
        }
    }

    /// Takes the bar away.
    pub(crate) fn done(&self) {
        self.bar.finish_and_clear();
    }
}
