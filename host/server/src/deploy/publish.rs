//! Taking an upload in: received, inspected, compiled, stored.

use super::record::Source;
use super::{Deployer, Doing, JobHandle, Module, Refusal, is_fork};
use crate::clock::unix_millis;
use crate::kinds::OFFERED;
use bytes::Bytes;
use roost_protocol::api::{Activate, JobKind, Origin, Published, Stage};
use roost_room::{Capability, Manifest, Program};
use roost_sandbox::{ComponentProgram, Progress};
use roost_store::{ProgramBatch, program_hash};
use serde_json::json;
use std::sync::Arc;

/// Longest note, in bytes.
const MAX_NOTE: usize = 4096;

/// An upload.
pub struct Upload {
    /// The component.
    pub bytes: Bytes,
    /// Who sent it.
    pub by: String,
    /// What is said of it.
    pub note: String,
    /// Make it live, with these capabilities.
    pub activate: Option<Vec<String>>,
}

impl Deployer {
    /// Take an upload in, and make it live if that is wanted.
    ///
    /// # Errors
    /// No module can have that name, or the note is too long.
    pub fn publish(self: &Arc<Self>, name: &str, upload: Upload) -> Result<Doing, Refusal> {
        check_name(name)?;
        if upload.note.len() > MAX_NOTE {
            let text = format!("a note has at most {MAX_NOTE} bytes");
            return Err(Refusal::new(400, "invalid_request", text));
        }
        let owned = name.to_owned();
        Ok(
            self.begin(JobKind::Upload, name, None, |deployer, job| async move {
                deployer.take_in(&owned, upload, &job).await
            }),
        )
    }

    async fn take_in(
        self: &Arc<Self>,
        name: &str,
        upload: Upload,
        job: &Arc<JobHandle>,
    ) -> Result<Published, Refusal> {
        let (by, activate) = (upload.by.clone(), upload.activate.clone());
        let hash = program_hash(&upload.bytes);
        let target = || format!("{name}@{}", roost_room::ProgramHash(hash));
        let known = self.modules().get(name).cloned();
        let taken = match known {
            Some(module) => self.take_in_to(&module, upload, job).await,
            None => self.take_in_new(name, upload, job).await,
        };
        let (module, number, is_new) = match taken {
            Ok(taken) => taken,
            Err(refusal) => {
                let details = json!({ "message": refusal.body.error.message });
                let code = refusal.code().to_owned();
                self.audit
                    .write(&by, "module.upload", &target(), &code, details)
                    .await?;
                return Err(refusal);
            }
        };
        job.version(number);
        if is_new {
            let target = format!("{name}@{number}");
            self.audit
                .write(&by, "module.upload", &target, "ok", json!({}))
                .await?;
        }
        if let Some(allow) = activate {
            let wanted = Activate {
                version: number,
                allow,
                ..Activate::default()
            };
            return self.activate_now(&module, &wanted, &by, job).await;
        }
        self.published(&module, number)
    }

    /// The first of its name. The name is only there once a version of it is.
    async fn take_in_new(
        self: &Arc<Self>,
        name: &str,
        upload: Upload,
        job: &Arc<JobHandle>,
    ) -> Result<(Arc<Module>, u32, bool), Refusal> {
        let module = Arc::new(Module::new(name, super::ModuleRecord::default()));
        let program = self.load(name, upload.bytes.clone(), job).await?;
        let module = {
            let mut modules = self.modules();
            Arc::clone(modules.entry(name.to_owned()).or_insert(module))
        };
        match self.keep(&module, &program, upload).await {
            Ok((number, is_new)) => Ok((module, number, is_new)),
            Err(refusal) => {
                self.forget_if_empty(&module);
                Err(refusal)
            }
        }
    }

    /// A name without versions is none.
    fn forget_if_empty(&self, module: &Arc<Module>) {
        let mut modules = self.modules();
        if module.record().versions.is_empty() {
            modules.remove(&module.name);
        }
    }

    async fn take_in_to(
        self: &Arc<Self>,
        module: &Arc<Module>,
        upload: Upload,
        job: &Arc<JobHandle>,
    ) -> Result<(Arc<Module>, u32, bool), Refusal> {
        let hash = roost_room::ProgramHash(program_hash(&upload.bytes)).to_string();
        let known = module.record().by_hash(&hash).map(|known| known.number);
        if let Some(number) = known {
            return Ok((Arc::clone(module), number, false));
        }
        let program = self.load(&module.name, upload.bytes.clone(), job).await?;
        let (number, is_new) = self.keep(module, &program, upload).await?;
        Ok((Arc::clone(module), number, is_new))
    }

    /// Inspect and compile.
    async fn load(
        &self,
        name: &str,
        bytes: Bytes,
        job: &Arc<JobHandle>,
    ) -> Result<Arc<ComponentProgram>, Refusal> {
        job.stage(Stage::Received, 0);
        let (library, told) = (Arc::clone(&self.library), Arc::clone(job));
        let progress = move |progress: Progress| match progress {
            Progress::Inspected(_) => told.stage(Stage::Inspected, 0),
            Progress::Compiled { .. } => told.stage(Stage::Compiled, 0),
            _ => {}
        };
        let load = move || library.load(bytes.to_vec(), progress);
        let loaded = tokio::task::spawn_blocking(load).await;
        let program = loaded.map_err(|error| Refusal::broken(&error))??;
        self.check(name, program.manifest())?;
        Ok(program)
    }

    fn check(&self, name: &str, manifest: &Manifest) -> Result<(), Refusal> {
        if manifest.kind != name {
            let text = format!(
                "the upload says that it rules rooms of kind {:?}: use that name",
                manifest.kind
            );
            let details = json!({ "kind": manifest.kind });
            return Err(Refusal::with(422, "other_kind", text, details));
        }
        for wanted in &manifest.capabilities {
            let details = json!({ "capability": wanted.name() });
            if !OFFERED.contains(wanted) {
                let offered = OFFERED.map(Capability::name).join(", ");
                let text = format!(
                    "the upload wants {:?}; this host offers {offered}",
                    wanted.name()
                );
                return Err(Refusal::with(422, "not_offered", text, details));
            }
            if !self.is_granted(name, *wanted) {
                let text = format!(
                    "the upload wants {:?}, which [kinds.{name}] capabilities does not grant",
                    wanted.name()
                );
                return Err(Refusal::with(422, "not_granted", text, details));
            }
        }
        Ok(())
    }

    /// Store it under the next number, unless somebody else has just done so.
    async fn keep(
        &self,
        module: &Module,
        program: &ComponentProgram,
        upload: Upload,
    ) -> Result<(u32, bool), Refusal> {
        let _turn = module.turn.lock().await;
        let inspection = program.inspection();
        let hash = inspection.sha256.to_string();
        let known = module.record().by_hash(&hash).map(|known| known.number);
        if let Some(number) = known {
            return Ok((number, false));
        }
        let mut batch = ProgramBatch::new();
        batch.put_program(inspection.sha256.0, upload.bytes)?;
        let source = Source {
            origin: Origin::Upload,
            by: upload.by,
            note: upload.note,
            at: unix_millis(),
        };
        let mut number = 0;
        self.change(module, batch, |record| {
            number = record.add(inspection, program.manifest(), source);
        })
        .await?;
        self.retain(module).await?;
        Ok((number, true))
    }

    /// What an upload, an activation or a rollback is answered with.
    pub(super) fn published(&self, module: &Module, number: u32) -> Result<Published, Refusal> {
        let record = module.record();
        let version = record.version(number);
        let version = version.ok_or_else(|| Refusal::no_version(&module.name, number))?;
        let active = record.active();
        let had = active.and_then(|active| record.version(active));
        let new = version
            .manifest
            .capabilities
            .iter()
            .filter(|name| !had.is_some_and(|had| had.manifest.capabilities.contains(name)));
        Ok(Published {
            name: module.name.clone(),
            version: number,
            sha256: version.sha256.as_str().to_owned(),
            active,
            rolled: 0,
            held_back: 0,
            longest_pause_us: 0,
            job: None,
            new_capabilities: new.cloned().collect(),
        })
    }
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let is_good = (1..=64).contains(&name.len())
        && !is_fork(name)
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
    if is_good {
        return Ok(());
    }
    let text = "a module's name is 1 to 64 of a-z, 0-9, - and _: that of the kind it rules";
    Err(Refusal::new(400, "invalid_request", text))
}
