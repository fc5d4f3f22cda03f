//! `roost module build`: from a project to a component that a server takes.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use roost_sandbox::{Inspection, SandboxConfig, inspect};
use serde::Serialize;
use xtask::guests::Recipe;

use super::progress::Progress;
use super::project::Project;
use super::{AuthorError, Language};

const NPM: &str = "rules in JavaScript need Node.js with npm: https://nodejs.org";
const CARGO: &str = "rules in Rust need cargo: https://rustup.rs";

/// A component that lies ready.
#[derive(Clone, Debug, Serialize)]
pub struct Built {
    /// Where.
    pub path: PathBuf,
    /// What it was written in.
    pub language: Language,
    /// Its bytes.
    pub size: usize,
    /// Its SHA-256, 64 lower-case hex digits: the name by which servers know it.
    pub sha256: String,
    /// What it imports, by versioned name.
    pub imports: Vec<String>,
    /// How long it took, in milliseconds.
    pub millis: u64,
}

/// Build the project in that folder.
///
/// # Errors
/// It is no project, a tool is missing or fails, or a server would refuse the result.
pub fn build(folder: &std::path::Path) -> Result<Built, AuthorError> {
    let begun = Instant::now();
    let project = Project::at(folder)?;
    let progress = Progress::start("building");
    let path = project.component()?;
    let bytes = match project.language {
        Language::Rust => rust(&project, &progress)?,
        Language::Js => js(&project, &progress, &path)?,
    };
    progress.say("inspecting");
    let inspection = inspected(&bytes)?;
    if project.language == Language::Rust {
        fs::write(&path, &bytes).map_err(AuthorError::file(&path))?;
    }
    Ok(Built {
        path,
        language: project.language,
        size: inspection.size,
        sha256: inspection.sha256.to_string(),
        imports: inspection.imports,
        millis: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

fn inspected(bytes: &[u8]) -> Result<Inspection, AuthorError> {
    inspect(bytes, SandboxConfig::default().max_upload).map_err(AuthorError::Refused)
}

fn rust(project: &Project, progress: &Progress) -> Result<Vec<u8>, AuthorError> {
    let mut recipe = Recipe::of(&project.folder)?;
    progress.run(&mut recipe.command, CARGO)?;
    progress.say("making a component of it");
    Ok(recipe.component()?)
}

/// npm's script `build` leaves the component; what it does is the author's to change.
fn js(project: &Project, progress: &Progress, path: &PathBuf) -> Result<Vec<u8>, AuthorError> {
    let npm = |args: &[&str]| {
        let mut command = Command::new("npm");
        command.current_dir(&project.folder).args(args);
        progress.run(&mut command, NPM)
    };
    if !project.folder.join("node_modules").is_dir() {
        let locked = project.folder.join("package-lock.json").is_file();
        let install = if locked { "ci" } else { "install" };
        npm(&[install, "--prefer-offline", "--no-audit", "--no-fund"])?;
    }
    npm(&["run", "build"])?;
    fs::read(path).map_err(AuthorError::file(path))
}

impl Built {
    /// The lines for a person.
    #[must_use]
    pub fn to_text(&self) -> String {
        let (size, seconds) = (
            super::check::bytes(self.size as u64),
            self.millis as f64 / 1000.0,
        );
        let (path, sha256) = (self.path.display(), &self.sha256);
        let imports = super::check::imported(&self.imports);
        format!(
            "{path}\n  size     {size}\n  sha256   {sha256}\n  imports  {imports}\n  took     {seconds:.1} s\n"
        )
    }
}
