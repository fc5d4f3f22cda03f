//! The components: built from the guests' present sources, loaded into one sandbox.

use crate::guest::Guest;
use roost_sandbox::{ComponentProgram, LoadError, Sandbox, SandboxConfig};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;
use thiserror::Error;
use xtask::guests::{Built, Options};

/// Why there is no component.
#[derive(Debug, Error)]
pub enum Error {
    /// The guests could not be built; the text says which and why.
    #[error("{0}")]
    Build(String),
    /// What was built is not there.
    #[error("{}: {source}", path.display())]
    File {
        /// Where it should be.
        path: PathBuf,
        /// Why it is not.
        source: std::io::Error,
    },
    /// The sandbox refuses it, or cannot be set up.
    #[error(transparent)]
    Load(#[from] Arc<LoadError>),
}

/// The one build of this process; another process that builds at the same time is waited for.
static BUILT: LazyLock<Result<Vec<Built>, String>> = LazyLock::new(|| {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let workspace = workspace
        .canonicalize()
        .map_err(|error| error.to_string())?;
    let mut options = Options::of_workspace(workspace);
    options.names = Guest::ALL.map(|guest| guest.name().to_owned()).to_vec();
    xtask::guests::build(&options).map_err(|error| error.to_string())
});

static SANDBOX: LazyLock<Result<Sandbox, Arc<LoadError>>> = LazyLock::new(|| {
    let mut config = SandboxConfig::default();
    // Only fuel shall decide here, also on a machine that is busy.
    config.describe.deadline = Some(Duration::from_secs(60));
    Ok(Sandbox::new(config)?)
});

/// The sandbox of this process, as the server has one.
///
/// # Errors
/// The engine cannot be set up on this machine.
pub fn sandbox() -> Result<&'static Sandbox, Error> {
    SANDBOX
        .as_ref()
        .map_err(|error| Error::Load(Arc::clone(error)))
}

/// What is loaded already, by name.
static LOADED: Mutex<BTreeMap<&str, Arc<ComponentProgram>>> = Mutex::new(BTreeMap::new());

/// A guest's component, loaded once.
pub(crate) fn program(name: &'static str) -> Result<Arc<ComponentProgram>, Error> {
    // Nothing is half done when a load panics: the map holds what is loaded, or not.
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(program) = loaded.get(name) {
        return Ok(Arc::clone(program));
    }
    let program = load(name)?;
    loaded.insert(name, Arc::clone(&program));
    Ok(program)
}

fn load(name: &str) -> Result<Arc<ComponentProgram>, Error> {
    let built = BUILT.as_ref().map_err(|text| Error::Build(text.clone()))?;
    let built = built.iter().find(|built| built.name == name);
    let built = built.ok_or_else(|| Error::Build(format!("no guest is called {name}")))?;
    let bytes = std::fs::read(&built.path).map_err(|source| Error::File {
        path: built.path.clone(),
        source,
    })?;
    Ok(sandbox()?.load(bytes).map_err(Arc::new)?)
}
