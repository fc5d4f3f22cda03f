//! `roost module`, as far as it needs no server: for those who write rules.

use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;
use serde::Serialize;

use crate::author::Language;
use crate::author::build::{Built, build};
use crate::author::check::{CheckOptions, check};
use crate::author::new::create;

/// Start, build and check rules of your own.
#[derive(Debug, Subcommand)]
pub enum AuthorCommand {
    /// Start a project with small rules that work, their tests, and everything they need
    New {
        /// Name of the kind and of the package: a-z, 0-9, '-' and '_', a letter first
        #[arg(value_name = "NAME")]
        name: String,
        /// What to write the rules in
        #[arg(long, value_enum)]
        lang: Language,
        /// Into this folder instead of ./NAME
        #[arg(value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Make a component of a project: DIR/NAME.wasm
    Build {
        /// The project
        #[arg(value_name = "DIR", default_value = ".")]
        dir: PathBuf,
        /// Print one JSON object instead
        #[arg(long)]
        json: bool,
    },
    /// Try a component: rooms of it, a generated crowd, garbage, faults, restarts; fails if it does
    ///
    /// The component is inspected and compiled as a server would, with the default limits. Then rooms of it are
    /// played through in this process. A fault is any call that traps, uses up its fuel or wants what is invalid. Each
    /// call is repeated by a room restored from a snapshot, which must give the same effects.
    Check {
        /// A component, or the folder of a project that has been built
        #[arg(value_name = "FILE|DIR", default_value = ".")]
        path: PathBuf,
        /// Have the same happen again; a new number each time without this
        #[arg(long, value_name = "N")]
        seed: Option<u64>,
        /// How many calls of the rules
        #[arg(long, value_name = "N", default_value_t = 5_000)]
        calls: u64,
        /// Stop after so many seconds, even with fewer calls
        #[arg(long, value_name = "S", default_value_t = 60)]
        seconds: u64,
        /// What clients say: a JSON object with an array for each topic; examples.json beside the component without this
        #[arg(long, value_name = "FILE")]
        examples: Option<PathBuf>,
        /// The operator's settings for the kind, as in [kinds.NAME] options: a JSON object
        #[arg(long, value_name = "JSON", default_value = "{}", value_parser = parse_object)]
        settings: String,
        /// Print one JSON object instead
        #[arg(long)]
        json: bool,
    },
}

fn parse_object(text: &str) -> Result<String, String> {
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(serde_json::Value::Object(object).to_string())
}

/// What a command leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// For standard output.
    pub text: String,
    /// Whether the process ends with 0.
    pub well: bool,
}

impl AuthorCommand {
    pub(crate) fn run(self) -> anyhow::Result<Told> {
        match self {
            Self::New { name, lang, dir } => {
                let folder = create(&name, lang, dir.as_deref())?;
                let text = next_steps(&name, lang, &folder);
                Ok(Told { text, well: true })
            }
            Self::Build { dir, json } => {
                let built = build(&dir)?;
                let text = if json {
                    to_json(&built)?
                } else {
                    Built::to_text(&built)
                };
                Ok(Told { text, well: true })
            }
            Self::Check {
                path,
                seed,
                calls,
                seconds,
                examples,
                settings,
                json,
            } => {
                let options = CheckOptions {
                    // Short enough to be typed.
                    seed: seed.unwrap_or_else(|| u64::from(rand::random::<u32>())),
                    calls,
                    at_most: Duration::from_secs(seconds),
                    settings,
                    examples,
                };
                let report = check(&path, &options)?;
                let text = if json {
                    to_json(&report)?
                } else {
                    report.to_text()
                };
                Ok(Told {
                    text,
                    well: report.passed,
                })
            }
        }
    }
}

fn to_json(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string(value)? + "\n")
}

fn next_steps(name: &str, language: Language, folder: &std::path::Path) -> String {
    let test = match language {
        Language::Rust => "cargo test",
        Language::Js => "npm ci && npm test",
    };
    let folder = folder.display();
    let width = test
        .len()
        .max(format!("roost serve --module {name}={name}.wasm").len());
    format!(
        "{folder} is there. Its README.md says how rules work.\n\n  \
         {0:width$}  go there\n  {test:width$}  try the rules, without a server\n  \
         {1:width$}  make {name}.wasm of them\n  {2:width$}  rehearse it\n  {3:width$}  play\n",
        format!("cd {folder}"),
        "roost module build",
        "roost module check",
        format!("roost serve --module {name}={name}.wasm"),
    )
}
