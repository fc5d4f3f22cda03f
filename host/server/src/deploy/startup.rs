//! What modules there are when the server starts: those it kept, those that come with it, those named beside it.

use super::record::{ModuleRecord, Source};
use super::{Audit, Deployer, Jobs, Library, Module, Recordings, SettingsOf};
use crate::actor::Pool;
use crate::builtin;
use crate::clock::unix_millis;
use crate::kinds::{Kind, KindSettings, Kinds, OFFERED, Ruling, Trial};
use crate::registry::Registry;
use roost_protocol::api::Origin;
use roost_room::{Capability, Manifest, Program};
use roost_sandbox::{ComponentProgram, LoadError};
use roost_store::{ProgramBatch, Programs, Rooms, StoreError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use thiserror::Error;

/// The guest by which the server feels its own pulse.
const PROBE: &str = "ticker";
/// Rooms that are rehearsed on at a time.
const REHEARSALS: usize = 2;

/// Why the modules of this server are not complete.
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
    /// What was kept of it.
    #[error("the store of modules: {0}")]
    Store(#[from] StoreError),
}

fn offered() -> String {
    OFFERED.map(Capability::name).join(", ")
}

/// What the server starts with.
pub struct Stock {
    /// Where programs are found.
    pub library: Arc<Library>,
    /// What is kept of modules.
    pub store: Programs,
    /// What is kept of rooms.
    pub rooms: Rooms,
    /// What the operator says of a kind.
    pub settings: SettingsOf,
    /// Versions kept of a module.
    pub keep_versions: usize,
}

/// All modules, and the kinds of those that have a live version.
pub struct Loaded {
    kinds: Arc<Kinds>,
    modules: BTreeMap<String, Arc<Module>>,
}

impl Loaded {
    /// The kinds.
    #[must_use]
    pub fn kinds(&self) -> &Arc<Kinds> {
        &self.kinds
    }
}

impl Stock {
    /// Load what comes with the server, what is named beside it, and what was uploaded. Of a name that is in several of
    /// these, what is named goes first, then what was uploaded. `programs` are no components, and go before all.
    /// Blocking: compiles.
    ///
    /// # Errors
    /// The first module that cannot be loaded; one that was uploaded is left out instead, and the log says why.
    pub fn load(
        &self,
        named: &[(String, PathBuf)],
        programs: &[Arc<dyn Program>],
    ) -> Result<Loaded, ModuleError> {
        let mut records: BTreeMap<String, ModuleRecord> = BTreeMap::new();
        for (name, bytes) in self.store.names()? {
            match serde_json::from_slice(&bytes) {
                Ok(record) => drop(records.insert(name, record)),
                Err(error) => {
                    tracing::error!(name, %error, "what was kept of a module cannot be read")
                }
            }
        }
        let mut loaded = Loaded {
            kinds: Arc::default(),
            modules: BTreeMap::new(),
        };
        let is_native = |name: &str| programs.iter().any(|p| p.manifest().kind == name);
        for (name, bytes) in builtin::GUESTS {
            let is_named = named.iter().any(|(other, _)| other == name);
            if !is_named && !is_native(name) {
                let record = records.remove(*name).unwrap_or_default();
                self.take_in(&mut loaded, name, bytes, record, Origin::BuiltIn)?;
            }
        }
        for (name, path) in named {
            let record = records.remove(name).unwrap_or_default();
            let bytes = read(name, path)?;
            self.take_in(&mut loaded, name, &bytes, record, Origin::File)?;
        }
        for (name, record) in records {
            if !is_native(&name) {
                self.bring_back(&mut loaded, &name, record)?;
            }
        }
        for program in programs {
            let name = program.manifest().kind.clone();
            let settings = (self.settings)(&name);
            let kind = Kind::new(&name, Arc::clone(program), settings, self.rooms.clone());
            loaded.kinds.insert(kind);
        }
        Ok(loaded)
    }

    /// The program that `/readyz` is measured by.
    ///
    /// # Errors
    /// It cannot be loaded.
    pub fn probe(&self) -> Result<Arc<dyn Program>, ModuleError> {
        let ticker = builtin::GUESTS.iter().find(|(name, _)| *name == PROBE);
        let (name, bytes) = ticker.ok_or(ModuleError::NoProbe)?;
        Ok(self.program(name, bytes)?)
    }

    fn program(&self, name: &str, bytes: &[u8]) -> Result<Arc<ComponentProgram>, ModuleError> {
        let loaded = self.library.load(bytes, |_| ());
        loaded.map_err(|source| ModuleError::Load {
            name: name.to_owned(),
            source,
        })
    }

    /// Something that is not an upload: it becomes a version, and the live one unless an upload is.
    fn take_in(
        &self,
        loaded: &mut Loaded,
        name: &str,
        bytes: &[u8],
        record: ModuleRecord,
        origin: Origin,
    ) -> Result<(), ModuleError> {
        let mut record = record;
        let program = self.program(name, bytes)?;
        let settings = (self.settings)(name);
        check(name, program.manifest(), &settings)?;
        let was = record.clone();
        record.arrive();
        let mut batch = ProgramBatch::new();
        let inspection = program.inspection();
        let hash = inspection.sha256.to_string();
        let known = record.by_hash(&hash).map(|version| version.number);
        let number = match known {
            Some(number) => number,
            None => {
                batch.put_program(inspection.sha256.0, bytes.to_vec())?;
                let source = Source {
                    origin,
                    by: "server".to_owned(),
                    note: String::new(),
                    at: unix_millis(),
                };
                record.add(inspection, program.manifest(), source)
            }
        };
        let ruling = Ruling {
            granted: settings.granted_to(program.manifest()),
            program,
        };
        let kind = Kind::ruled(name, ruling.clone(), settings, self.rooms.clone());
        if self.goes_live(&record, number, origin, &kind, &ruling) {
            record.activated(number);
        } else if let Some(active) = self.active(name, &record) {
            kind.assign(active);
        } else {
            record.activated(number);
        }
        if record != was {
            batch.put_name(name, serde_json::to_vec(&record).unwrap_or_default())?;
            self.store.submit_and_wait(batch)?;
        }
        self.add(loaded, kind, record);
        Ok(())
    }

    /// Whether a version that is no upload is to be live: always if somebody has named its file; if it comes with the
    /// server, in place of another that did, and if the stored rooms can go on with it.
    fn goes_live(
        &self,
        record: &ModuleRecord,
        number: u32,
        origin: Origin,
        kind: &Kind,
        ruling: &Ruling,
    ) -> bool {
        let Some(active) = record.active() else {
            return true;
        };
        if active == number || origin == Origin::File {
            return true;
        }
        let uploaded = record.version(active).map(|version| version.origin) == Some(Origin::Upload);
        if uploaded {
            tracing::info!(
                module = kind.name(),
                version = number,
                "another version came with the server; the uploaded one stays live"
            );
            return false;
        }
        match super::rehearse::rehearse_stored(&self.rooms, kind, ruling) {
            Ok(()) => true,
            Err(unfit) => {
                tracing::error!(module = kind.name(), version = number, %unfit,
                    "the version that came with the server is not fit for a stored room; the one before stays live");
                false
            }
        }
    }

    /// What was uploaded under a name that nothing else has.
    fn bring_back(
        &self,
        loaded: &mut Loaded,
        name: &str,
        record: ModuleRecord,
    ) -> Result<(), ModuleError> {
        let mut record = record;
        if record.arrive() {
            let mut batch = ProgramBatch::new();
            batch.put_name(name, serde_json::to_vec(&record).unwrap_or_default())?;
            self.store.submit_and_wait(batch)?;
        }
        match self.active(name, &record) {
            Some(ruling) => {
                let settings = (self.settings)(name);
                let kind = Kind::ruled(name, ruling, settings, self.rooms.clone());
                self.add(loaded, kind, record);
            }
            None => {
                let module = Arc::new(Module::new(name, record));
                loaded.modules.insert(name.to_owned(), module);
            }
        }
        Ok(())
    }

    /// The live version, if there is one and it can be loaded.
    fn active(&self, name: &str, record: &ModuleRecord) -> Option<Ruling> {
        self.version(name, record, record.active()?)
    }

    fn version(&self, name: &str, record: &ModuleRecord, number: u32) -> Option<Ruling> {
        let hash = record.version(number)?.sha256.hash()?;
        let Some(program) = self.library.find(&hash) else {
            tracing::error!(
                module = name,
                version = number,
                "a version cannot be loaded: rooms of the kind cannot be opened"
            );
            return None;
        };
        let granted = program.manifest().capabilities.clone();
        Some(Ruling { program, granted })
    }

    fn add(&self, loaded: &mut Loaded, kind: Kind, record: ModuleRecord) {
        let name = kind.name().to_owned();
        if let Some(canary) = record.canary
            && let Some(ruling) = self.version(&name, &record, canary.version)
        {
            let share = (canary.percent * 1_000.0).round() as u32;
            kind.try_out(Some(Trial { ruling, share }));
        }
        loaded.kinds.insert(kind);
        let module = Arc::new(Module::new(&name, record));
        loaded.modules.insert(name, module);
    }

    /// Everything is there: from now on modules can be changed. Blocking: reads the store.
    ///
    /// # Errors
    /// The store could not be read.
    pub fn deployer(
        self,
        loaded: Loaded,
        registry: Arc<Registry>,
    ) -> Result<Arc<Deployer>, StoreError> {
        Ok(Arc::new(Deployer {
            kinds: loaded.kinds,
            registry,
            library: self.library,
            rooms: self.rooms,
            settings: self.settings,
            modules: Mutex::new(loaded.modules),
            jobs: Jobs::default(),
            audit: Audit::open(self.store.clone())?,
            recordings: Arc::new(Recordings::open(self.store.clone())?),
            store: self.store,
            pool: Pool::new(REHEARSALS),
            keep_versions: self.keep_versions,
        }))
    }
}

/// Whether a module is what its name says, and wants nothing that it may not have.
fn check(name: &str, manifest: &Manifest, settings: &KindSettings) -> Result<(), ModuleError> {
    let owned = || name.to_owned();
    if manifest.kind != name {
        return Err(ModuleError::OtherKind {
            name: owned(),
            kind: manifest.kind.clone(),
        });
    }
    for wanted in &manifest.capabilities {
        if !OFFERED.contains(wanted) {
            return Err(ModuleError::NotOffered {
                name: owned(),
                wanted: wanted.name(),
            });
        }
        let granted = settings.granted.as_ref();
        if granted.is_some_and(|granted| !granted.contains(wanted)) {
            return Err(ModuleError::NotGranted {
                name: owned(),
                wanted: wanted.name(),
            });
        }
    }
    Ok(())
}

fn read(name: &str, path: &Path) -> Result<Vec<u8>, ModuleError> {
    std::fs::read(path).map_err(|source| ModuleError::File {
        name: name.to_owned(),
        path: path.to_owned(),
        source,
    })
}
