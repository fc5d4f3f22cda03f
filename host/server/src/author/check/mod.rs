//! `roost module check`: is it what a server takes, and does it bear what people do to it?
//!
//! The program is inspected and compiled as a server would, and then rehearsed: rooms of it in the real kernel, a
//! generated crowd around them, faults and differences written down. Everything follows from a seed.

mod crowd;
mod notes;
mod rehearsal;
mod report;
mod speech;
mod stage;
mod text;
mod witness;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use roost_room::Program;
use roost_sandbox::{LoadError, Sandbox, SandboxConfig};

use super::AuthorError;
use super::progress::Progress;
use super::project::{Project, examples_beside};
use rehearsal::Rehearsal;
pub use report::{Fault, Finding, Fuel, Refusal, Report, TopicCount, Use};
use speech::Speech;
pub(crate) use text::{bytes, imported};

/// How a program is checked.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// Everything that happens follows from it.
    pub seed: u64,
    /// Calls of the rules, repairs and repetitions not counted.
    pub calls: u64,
    /// The rehearsal ends after that time in any case.
    pub at_most: Duration,
    /// JSON object: the operator's settings for the kind.
    pub settings: String,
    /// What clients say, by topic; `None` for `examples.json` beside the component.
    pub examples: Option<PathBuf>,
}

/// Check a component, or that of the project in a folder.
///
/// # Errors
/// There is nothing to check, or the machine has no use for the sandbox. What is wrong with the program itself
/// is in the report.
pub fn check(path: &Path, options: &CheckOptions) -> Result<Report, AuthorError> {
    let component = component(path)?;
    let uploaded = fs::read(&component).map_err(AuthorError::file(&component))?;
    let examples = options
        .examples
        .clone()
        .or_else(|| examples_beside(&component));
    let speech = Speech::new(examples.as_deref())?;
    let progress = Progress::start("compiling");
    let config = SandboxConfig::default();
    let sandbox = Sandbox::new(config).map_err(AuthorError::Sandbox)?;
    let begun = Instant::now();
    let mut report = Report::new(component, uploaded.len(), options.seed);
    let program = match sandbox.load(uploaded) {
        Ok(program) => program,
        Err(error) if is_ours(&error) => return Err(AuthorError::Sandbox(error)),
        Err(error) => {
            report.refuse(&error);
            return Ok(report);
        }
    };
    report.describe(&program, begun.elapsed());
    let rehearsal = Rehearsal::new(Arc::clone(&program) as Arc<dyn Program>, speech, options);
    rehearsal.run(&mut report, &progress);
    report.finish(sandbox.counts().memory_peak, program.memory());
    Ok(report)
}

/// Whether the machine is to blame, not the program.
fn is_ours(error: &LoadError) -> bool {
    matches!(
        error,
        LoadError::Busy(_) | LoadError::Stopped | LoadError::Engine(_) | LoadError::Io(_)
    )
}

/// A file is a component; a folder is a project that has been built.
fn component(path: &Path) -> Result<PathBuf, AuthorError> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let project = Project::at(path)?;
    let component = project.component()?;
    if component.is_file() {
        return Ok(component);
    }
    Err(AuthorError::NotBuilt {
        component,
        folder: path.to_owned(),
    })
}
