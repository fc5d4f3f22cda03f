//! Why an author does not get what was asked for.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use roost_sandbox::LoadError;
use thiserror::Error;

/// Why a project was not made, built or checked.
#[derive(Debug, Error)]
pub enum AuthorError {
    /// The name of a kind and of packages.
    #[error("{name:?} is no name for a kind: {reason}")]
    Name {
        /// The name given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is something already.
    #[error("{} is there already and not empty", .0.display())]
    NotEmpty(PathBuf),
    /// A file or folder.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Neither a crate nor an npm package.
    #[error(
        "{} has neither a Cargo.toml nor a package.json: no project of rules (`roost module new` makes one)", .0.display()
    )]
    NoProject(PathBuf),
    /// A folder was to be checked, and its component is missing.
    #[error("{} is not there: build it first, `roost module build {}`", component.display(), folder.display())]
    NotBuilt {
        /// The component that should be there.
        component: PathBuf,
        /// The project.
        folder: PathBuf,
    },
    /// A file of the project that is not understood.
    #[error("{}: {reason}", path.display())]
    Form {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A program could not be started.
    #[error("cannot run {program}: {source}; {hint}")]
    Run {
        /// Which one.
        program: String,
        /// Why not.
        source: io::Error,
        /// Where to get it.
        hint: &'static str,
    },
    /// A program failed; the last of what it said is in the text.
    #[error("{program} failed ({status}):\n{said}")]
    Failed {
        /// Which one, with arguments.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        said: String,
    },
    /// The crate does not become a component.
    #[error(transparent)]
    Guest(#[from] xtask::guests::Error),
    /// What was built would be refused by a server.
    #[error("what was built is refused: {0}")]
    Refused(LoadError),
    /// The sandbox itself.
    #[error(transparent)]
    Sandbox(LoadError),
}

impl AuthorError {
    /// For a file or folder.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}
