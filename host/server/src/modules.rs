//! Loading modules: those that come with the server, and those named on its command line.

use crate::builtin;
use crate::kinds::{Kind, KindSettings, Kinds, OFFERED};
use roost_room::{Capability, Program};
use roost_sandbox::{LoadError, Sandbox};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// Why the kinds of this server are not complete.
#[derive(Debug, Error)]
pub enum ModuleError {
    /// The file.
    #[error("module {name}: {path} cannot be read: {source}")]
    File {
        /// Its name.
        name: String,
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The component.
    #[error("module {name}: {source}")]
    Load {
        /// Its name.
        name: String,
        /// Why not.
        source: LoadError,
    },
    /// The server was built without it.
    #[error("the guest {PROBE:?} did not come with this server")]
    NoProbe,
    /// A module is known by its kind.
    #[error("module {name} says that it rules rooms of kind {kind:?}: use that name")]
    OtherKind {
        /// The name given.
        name: String,
        /// What its manifest says.
        kind: String,
    },
    /// The manifest wants what nobody here can do.
    #[error("module {name} wants {wanted:?}; this host offers {}", offered())]
    NotOffered {
        /// Its name.
        name: String,
        /// What it wants.
        wanted: &'static str,
    },
    /// The manifest wants what the configuration does not grant.
    #[error("module {name} wants {wanted:?}, which [kinds.{name}] does not grant")]
    NotGranted {
        /// Its name.
        name: String,
        /// What it wants.
        wanted: &'static str,
    },
}

/// The guest by which the server feels its own pulse.
const PROBE: &str = "ticker";

fn offered() -> String {
    OFFERED.map(Capability::name).join(", ")
}

/// What is to be loaded, and how.
pub struct Modules<'a> {
    /// Where components are made runnable.
    pub sandbox: &'a Sandbox,
    /// Where the lobbies keep what lasts.
    pub store: roost_store::Rooms,
    /// What the operator says of a kind.
    pub settings: &'a dyn Fn(&str) -> KindSettings,
    /// Programs that are no components; they go before any module of their kind.
    pub programs: &'a [Arc<dyn Program>],
}

impl Modules<'_> {
    /// Load what comes with the server, and what is named beside it: a name that is there twice is the latter's.
    ///
    /// # Errors
    /// The first module that cannot be loaded.
    pub fn load(&self, named: &[(String, PathBuf)]) -> Result<Kinds, ModuleError> {
        let mut kinds = Kinds::default();
        for (name, bytes) in builtin::GUESTS {
            if !named.iter().any(|(other, _)| other == name) {
                kinds.insert(self.kind(name, bytes)?);
            }
        }
        for (name, path) in named {
            kinds.insert(self.kind(name, &read(name, path)?)?);
        }
        for program in self.programs {
            kinds.insert(self.kind_of(&program.manifest().kind, Arc::clone(program))?);
        }
        Ok(kinds)
    }

    /// The program that `/readyz` is measured by.
    ///
    /// # Errors
    /// It cannot be loaded.
    pub fn probe(&self) -> Result<Arc<dyn Program>, ModuleError> {
        let ticker = builtin::GUESTS.iter().find(|(name, _)| *name == PROBE);
        let (name, bytes) = ticker.ok_or(ModuleError::NoProbe)?;
        self.program(name, bytes)
    }

    fn kind(&self, name: &str, bytes: &[u8]) -> Result<Kind, ModuleError> {
        self.kind_of(name, self.program(name, bytes)?)
    }

    fn kind_of(&self, name: &str, program: Arc<dyn Program>) -> Result<Kind, ModuleError> {
        let settings = (self.settings)(name);
        let manifest = program.manifest();
        let name = || name.to_owned();
        if manifest.kind != name() {
            return Err(ModuleError::OtherKind {
                name: name(),
                kind: manifest.kind.clone(),
            });
        }
        for wanted in &manifest.capabilities {
            if !OFFERED.contains(wanted) {
                return Err(ModuleError::NotOffered {
                    name: name(),
                    wanted: wanted.name(),
                });
            }
            if settings
                .granted
                .as_ref()
                .is_some_and(|granted| !granted.contains(wanted))
            {
                return Err(ModuleError::NotGranted {
                    name: name(),
                    wanted: wanted.name(),
                });
            }
        }
        Ok(Kind::new(
            &manifest.kind.clone(),
            program,
            settings,
            self.store.clone(),
        ))
    }

    fn program(&self, name: &str, bytes: &[u8]) -> Result<Arc<dyn Program>, ModuleError> {
        let loaded = self.sandbox.load(bytes.to_vec());
        let program = loaded.map_err(|source| ModuleError::Load {
            name: name.to_owned(),
            source,
        })?;
        tracing::info!(
            module = name,
            program = %program.hash(),
            bytes = bytes.len(),
            interface = program.inspection().interface,
            release = program.manifest().release.as_deref(),
            "loaded",
        );
        Ok(program)
    }
}

fn read(name: &str, path: &Path) -> Result<Vec<u8>, ModuleError> {
    let failed = |source| ModuleError::File {
        name: name.to_owned(),
        path: path.to_owned(),
        source,
    };
    std::fs::read(path).map_err(failed)
}
