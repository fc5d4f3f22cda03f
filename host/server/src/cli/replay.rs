//! `roost replay`: repeating what was recorded, without a server.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use roost_room::{Bundle, Divergence, LogLevel, LogLine, Program, Replayed};
use roost_sandbox::{Sandbox, SandboxConfig};
use serde_json::{Value, json};

use crate::deploy::describe;

/// Repeat a recording, or what led to a fault, and compare: the same rules give the same effects, byte for byte
///
/// Exits with 1 if something differs. Results are only promised to be the same on one family of processors.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// A bundle, from `roost recording download` or the console
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Repeat it with these rules instead of those in the bundle
    #[arg(long, value_name = "WASM")]
    module: Option<PathBuf>,
    /// Show so many differences
    #[arg(long, value_name = "N", default_value_t = 1)]
    differences: usize,
    /// Show what the rules log
    #[arg(long)]
    log: bool,
    /// One JSON object, for scripts
    #[arg(long)]
    json: bool,
}

/// What was found, and whether all was as it had been.
pub struct Found {
    /// For standard output.
    pub text: String,
    /// Nothing differs.
    pub same: bool,
}

impl ReplayArgs {
    /// Repeats it.
    pub fn run(self) -> anyhow::Result<Found> {
        let path = self.file.display();
        let bytes = std::fs::read(&self.file).with_context(|| format!("cannot read {path}"))?;
        let bundle = Bundle::from_bytes(&bytes).with_context(|| format!("{path} is no bundle"))?;
        let program = self.program(&bundle)?;
        let log: LogLine = if self.log {
            Arc::new(|level, line| {
                let level = match level {
                    LogLevel::Debug => "debug",
                    LogLevel::Info => "info",
                    LogLevel::Warn => "warn",
                    LogLevel::Error => "error",
                };
                tracing::info!(target: "rules", level, "{line}");
            })
        } else {
            Arc::new(|_, _| ())
        };
        let replayed = bundle
            .replay(program.as_ref(), &log, self.differences)
            .context("the rules cannot begin where the recording begins")?;
        let same = replayed.same == replayed.calls;
        let text = if self.json {
            to_json(&bundle, program.as_ref(), &replayed)
        } else {
            tell(&bundle, program.as_ref(), &replayed)
        };
        Ok(Found { text, same })
    }

    fn program(&self, bundle: &Bundle) -> anyhow::Result<Arc<dyn Program>> {
        let bytes = match (&self.module, &bundle.code) {
            (Some(path), _) => {
                std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?
            }
            (None, Some(code)) => code.bytes.to_vec(),
            (None, None) => {
                bail!("the rules are not in the bundle: name them with --module rules.wasm")
            }
        };
        let sandbox = Sandbox::new(SandboxConfig::default())?;
        Ok(sandbox.load(bytes).context("the rules cannot be loaded")?)
    }
}

fn tell(bundle: &Bundle, program: &dyn Program, replayed: &Replayed) -> String {
    let mut text = String::new();
    let hash = program.hash().to_string();
    let recorded = bundle.program == program.hash();
    let whose = if recorded {
        "as recorded"
    } else {
        "other rules than recorded"
    };
    let start = if bundle.state.is_some() {
        "a snapshot"
    } else {
        "the beginning"
    };
    let lines = [
        ("room", format!("{} of kind {}", bundle.room, bundle.kind)),
        (
            "rules",
            format!("{} ({whose})", hash.get(..12).unwrap_or(&hash)),
        ),
        ("from", format!("{start}, {} calls", bundle.calls.len())),
        (
            "machine",
            format!(
                "recorded on {}, repeated on {}",
                bundle.machine,
                std::env::consts::ARCH
            ),
        ),
    ];
    for (what, is) in lines {
        let _ = writeln!(text, "{what:<9}{is}");
    }
    if let Some(fault) = &bundle.fault {
        let _ = writeln!(
            text,
            "{:<9}call {} ({}), charged to {}: {}",
            "fault", fault.sequence, fault.event, fault.cause, fault.text
        );
        let again = match &replayed.fault {
            Some(fault) => format!("happens again: {fault}"),
            None => "does not happen with these rules".to_owned(),
        };
        let _ = writeln!(text, "{:<9}{again}", "");
    }
    let verdict = if replayed.same == replayed.calls {
        format!(
            "all {} calls repeated, the same byte for byte",
            replayed.calls
        )
    } else {
        format!("{} of {} calls the same", replayed.same, replayed.calls)
    };
    let _ = writeln!(text, "{:<9}{verdict}", "result");
    for divergence in &replayed.divergences {
        tell_difference(&mut text, divergence);
    }
    text
}

fn tell_difference(text: &mut String, divergence: &Divergence) {
    let _ = writeln!(
        text,
        "\ncall {} at {}, effect {}",
        divergence.record.sequence,
        divergence.record.context.now,
        divergence.place + 1
    );
    for event in &divergence.record.events {
        let _ = writeln!(text, "    event     {}", describe(event));
    }
    let say = |effect: &Option<roost_room::Effect>, none: &str| match effect {
        Some(effect) => format!("{effect:?}"),
        None => none.to_owned(),
    };
    if let Some(fault) = &divergence.fault {
        let _ = writeln!(text, "    now       fails: {fault}");
        return;
    }
    let _ = writeln!(
        text,
        "    recorded  {}",
        say(
            &divergence.recorded,
            "nothing more (or kept only as a hash)"
        )
    );
    let _ = writeln!(
        text,
        "    now       {}",
        say(&divergence.repeated, "nothing more")
    );
}

fn to_json(bundle: &Bundle, program: &dyn Program, replayed: &Replayed) -> String {
    let differences: Vec<Value> = replayed
        .divergences
        .iter()
        .map(|divergence| {
            let events: Vec<String> = divergence.record.events.iter().map(describe).collect();
            json!({
                "call": divergence.record.sequence,
                "effect": divergence.place,
                "events": events,
                "recorded": divergence.recorded.as_ref().map(|effect| format!("{effect:?}")),
                "now": divergence.repeated.as_ref().map(|effect| format!("{effect:?}")),
                "fault": divergence.fault.as_ref().map(ToString::to_string),
            })
        })
        .collect();
    let value = json!({
        "kind": bundle.kind,
        "room": bundle.room,
        "recorded_program": bundle.program.to_string(),
        "program": program.hash().to_string(),
        "calls": replayed.calls,
        "same": replayed.same,
        "fault_again": replayed.fault.as_ref().map(ToString::to_string),
        "differences": differences,
    });
    format!("{value}\n")
}
