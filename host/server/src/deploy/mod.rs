//! The life of rule modules: uploads, versions, which of them runs where, and the way there and back.
//!
//! A version goes *received → inspected → compiled → rehearsed → rolling → live*. Each step can refuse it, and what
//! refuses it leaves everything as it was. One thing is done to a module at a time.

mod activate;
mod audit;
mod canary;
mod incident;
mod jobs;
mod library;
mod listing;
mod probation;
mod publish;
mod record;
mod recordings;
mod refusal;
mod rehearse;
mod retain;
mod roll;
mod saving;
mod shadow;
mod startup;

pub use audit::Audit;
pub use incident::{Incident, is_fork};
pub use jobs::{JobHandle, Jobs};
pub use library::Library;
pub use listing::{describe, room_info};
pub use publish::Upload;
pub use recordings::Recordings;
pub use refusal::Refusal;
pub use startup::{Loaded, ModuleError, Stock};

use crate::actor::Pool;
use crate::kinds::{KindSettings, Kinds, Ruling};
use crate::registry::Registry;
use probation::Probation;
use record::{ModuleRecord, VersionRecord};
use roost_protocol::api::{JobKind, Published};
use roost_room::Capability;
use roost_store::{ProgramBatch, Programs, Rooms};
use saving::save;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// What the operator says of a kind, by its name.
pub type SettingsOf = Arc<dyn Fn(&str) -> KindSettings + Send + Sync>;

/// A name under which versions are uploaded.
pub(crate) struct Module {
    name: String,
    record: Mutex<ModuleRecord>,
    /// Held while something is done to it.
    turn: tokio::sync::Mutex<()>,
    probation: Mutex<Option<Probation>>,
}

/// All modules, and what is done to them.
pub struct Deployer {
    kinds: Arc<Kinds>,
    registry: Arc<Registry>,
    library: Arc<Library>,
    store: Programs,
    rooms: Rooms,
    settings: SettingsOf,
    modules: Mutex<BTreeMap<String, Arc<Module>>>,
    /// The last jobs.
    pub jobs: Jobs,
    /// What was done.
    pub audit: Audit,
    /// What was recorded.
    pub recordings: Arc<Recordings>,
    pool: Pool,
    /// Versions kept of a module, those in use aside.
    keep_versions: usize,
}

/// Something done to a module: how it goes on, and what comes of it.
pub struct Doing {
    /// How it goes on.
    pub job: Arc<JobHandle>,
    /// What comes of it; gone if the server is torn down.
    pub result: oneshot::Receiver<Result<Published, Refusal>>,
}

impl Module {
    fn new(name: &str, record: ModuleRecord) -> Self {
        Self {
            name: name.to_owned(),
            record: Mutex::new(record),
            turn: tokio::sync::Mutex::default(),
            probation: Mutex::default(),
        }
    }

    fn record(&self) -> MutexGuard<'_, ModuleRecord> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn probation(&self) -> MutexGuard<'_, Option<Probation>> {
        self.probation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deployer {
    fn modules(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Module>>> {
        self.modules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn module(&self, name: &str) -> Result<Arc<Module>, Refusal> {
        let module = self.modules().get(name).cloned();
        module.ok_or_else(|| Refusal::no_module(name))
    }

    /// Do something to a module in a task of its own: it is finished even if whoever asked goes away.
    fn begin<F>(
        self: &Arc<Self>,
        kind: JobKind,
        module: &str,
        version: Option<u32>,
        work: impl FnOnce(Arc<Self>, Arc<JobHandle>) -> F,
    ) -> Doing
    where
        F: Future<Output = Result<Published, Refusal>> + Send + 'static,
    {
        let job = self.jobs.begin(kind, module, version);
        let (send, result) = oneshot::channel();
        let work = work(Arc::clone(self), Arc::clone(&job));
        let handle = Arc::clone(&job);
        tokio::spawn(async move {
            let done = work.await;
            handle.end(&done);
            // Whoever asked may not wait any more.
            let _ = send.send(done);
        });
        Doing { job, result }
    }

    /// Change what is kept of a module, durably, and then in memory. Only for whoever has its turn.
    async fn change(
        &self,
        module: &Module,
        batch: ProgramBatch,
        change: impl FnOnce(&mut ModuleRecord),
    ) -> Result<(), Refusal> {
        let mut record = module.record().clone();
        change(&mut record);
        let mut batch = batch;
        batch.put_name(
            &module.name,
            serde_json::to_vec(&record).unwrap_or_default(),
        )?;
        save(&self.store, batch).await?;
        *module.record() = record;
        Ok(())
    }

    /// A version, ready to rule. Waits for the compiler if need be.
    async fn ruling(&self, version: &VersionRecord) -> Result<Ruling, Refusal> {
        let library = Arc::clone(&self.library);
        let missing = || {
            Refusal::new(
                503,
                "storage",
                "the version's bytes are gone from the store",
            )
        };
        let hash = version.sha256.hash().ok_or_else(missing)?;
        let program = tokio::task::spawn_blocking(move || library.get(&hash)).await;
        let program = program.map_err(|error| Refusal::broken(&error))??;
        let program = program.ok_or_else(missing)?;
        let granted = program.manifest().capabilities.clone();
        Ok(Ruling { program, granted })
    }

    /// Whether a version may have what it wants: the host has to offer it, the configuration must not refuse it, and
    /// somebody has to have said so: the configuration, the version that is live, or whoever activates it.
    fn check_rights(
        &self,
        module: &Module,
        version: &VersionRecord,
        allow: &[String],
    ) -> Result<(), Refusal> {
        let settings = (self.settings)(&module.name);
        let record = module.record();
        let active = record.active().and_then(|active| record.version(active));
        let is_had = |name: &String| {
            active.is_some_and(|active| active.manifest.capabilities.contains(name))
                || version.allowed.contains(name)
                || allow.contains(name)
                || settings.granted.is_some()
        };
        let wanted = version.manifest.capabilities.iter();
        let missing: Vec<&String> = wanted.filter(|name| !is_had(name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = missing.iter().map(|name| name.as_str()).collect();
        Err(Refusal::with(
            422,
            "not_allowed",
            format!(
                "version {} wants {}, which no version that was live had; say so with \"allow\"",
                version.number,
                names.join(", ")
            ),
            serde_json::json!({ "capabilities": names }),
        ))
    }

    /// Whether the configuration lets programs of the kind have this at all.
    fn is_granted(&self, kind: &str, capability: Capability) -> bool {
        let settings = (self.settings)(kind);
        settings
            .granted
            .is_none_or(|granted| granted.contains(&capability))
    }
}
