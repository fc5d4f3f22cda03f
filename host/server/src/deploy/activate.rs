//! Making a version live, and going back to the one before.

use super::probation::Probation;
use super::record::Rolling;
use super::roll::Outcome;
use super::{Deployer, Doing, JobHandle, Module, Refusal};
use crate::kinds::{Kind, Ruling};
use roost_protocol::api::{Activate, JobKind, Published, Stage};
use roost_store::ProgramBatch;
use serde_json::json;
use std::sync::Arc;

impl Deployer {
    /// Make a version live.
    ///
    /// # Errors
    /// There is no such module.
    pub fn activate(
        self: &Arc<Self>,
        name: &str,
        wanted: Activate,
        by: &str,
    ) -> Result<Doing, Refusal> {
        let (module, by) = (self.module(name)?, by.to_owned());
        let version = Some(wanted.version);
        let work = |deployer: Arc<Self>, job: Arc<JobHandle>| async move {
            deployer.activate_now(&module, &wanted, &by, &job).await
        };
        Ok(self.begin(JobKind::Activate, name, version, work))
    }

    pub(super) async fn activate_now(
        self: &Arc<Self>,
        module: &Arc<Module>,
        wanted: &Activate,
        by: &str,
        job: &Arc<JobHandle>,
    ) -> Result<Published, Refusal> {
        let _turn = module.turn.lock().await;
        let done = self.activate_in_turn(module, wanted, job).await;
        let target = format!("{}@{}", module.name, wanted.version);
        self.note(by, "module.activate", &target, &done).await?;
        done
    }

    /// Into the audit log, whatever came of it.
    pub(super) async fn note(
        &self,
        by: &str,
        action: &str,
        target: &str,
        done: &Result<Published, Refusal>,
    ) -> Result<(), Refusal> {
        let (outcome, details) = match done {
            Ok(done) => (
                "ok",
                json!({ "version": done.version, "rolled": done.rolled, "held_back": done.held_back }),
            ),
            Err(refusal) => (
                refusal.code(),
                json!({ "message": refusal.body.error.message }),
            ),
        };
        self.audit.write(by, action, target, outcome, details).await
    }

    async fn activate_in_turn(
        self: &Arc<Self>,
        module: &Arc<Module>,
        wanted: &Activate,
        job: &Arc<JobHandle>,
    ) -> Result<Published, Refusal> {
        let number = wanted.version;
        let version = module.record().version(number).cloned();
        let version = version.ok_or_else(|| Refusal::no_version(&module.name, number))?;
        let settled = {
            let record = module.record();
            record.active() == Some(number) && record.canary.is_none()
        };
        if settled && self.kinds.get(&module.name).is_some() {
            job.stage(Stage::Live, 0);
            return self.published(module, number);
        }
        self.check_rights(module, &version, &wanted.allow)?;
        let ruling = self.ruling(&version).await?;
        self.rehearse(&module.name, &ruling, |_| true, job).await?;
        self.set_out(module, wanted).await?;
        let outcome = match self.roll_to(module, &ruling, job).await {
            Ok(outcome) => outcome,
            Err(refusal) => {
                self.change(module, ProgramBatch::new(), |record| record.rolling = None)
                    .await?;
                return Err(refusal);
            }
        };
        self.change(module, ProgramBatch::new(), |record| {
            record.activated(number);
            record.canary = None;
        })
        .await?;
        job.stage(Stage::Live, 0);
        self.begin_probation(
            module,
            Probation::new(number, ruling.program.hash(), wanted.watch),
        );
        tracing::info!(
            module = module.name,
            version = number,
            rooms = outcome.rolled,
            longest_pause_us = outcome.longest_us(),
            "a version is live"
        );
        Ok(Published {
            rolled: outcome.rolled,
            held_back: outcome.held_back.len(),
            longest_pause_us: outcome.longest_us(),
            ..self.published(module, number)?
        })
    }

    /// From here on a crash leads to the new version.
    async fn set_out(&self, module: &Module, wanted: &Activate) -> Result<(), Refusal> {
        let (number, allow) = (wanted.version, wanted.allow.clone());
        self.change(module, ProgramBatch::new(), |record| {
            record.rolling = Some(Rolling {
                version: number,
                back: false,
            });
            let version = record.versions.iter_mut().find(|v| v.number == number);
            if let Some(version) = version {
                version.allowed.extend(allow);
            }
        })
        .await
    }

    /// All rooms, live ones now and others when they are opened.
    async fn roll_to(
        &self,
        module: &Module,
        ruling: &Ruling,
        job: &JobHandle,
    ) -> Result<Outcome, Refusal> {
        let Some(kind) = self.kinds.get(&module.name) else {
            let settings = (self.settings)(&module.name);
            let kind = Kind::ruled(&module.name, ruling.clone(), settings, self.rooms.clone());
            self.kinds.insert(kind);
            return Ok(Outcome::default());
        };
        kind.set_probation(true);
        let trial = kind.try_out(None);
        let before = kind.assign(ruling.clone());
        let rooms = self.behind(&kind, &ruling.program.hash());
        job.stage(Stage::Rolling, rooms.len());
        match self.roll_forward(&kind, rooms, ruling, job).await {
            Ok(outcome) => Ok(outcome),
            Err(refusal) => {
                kind.assign(before);
                kind.try_out(trial);
                self.roll_back_all(&kind, None).await;
                self.settle(module);
                Err(refusal)
            }
        }
    }

    /// Go back to the version that was live before this one.
    ///
    /// # Errors
    /// There is no such module.
    pub fn roll_back(self: &Arc<Self>, name: &str, by: &str) -> Result<Doing, Refusal> {
        let (module, by) = (self.module(name)?, by.to_owned());
        let work = |deployer: Arc<Self>, job: Arc<JobHandle>| async move {
            let _turn = module.turn.lock().await;
            let done = deployer.roll_back_in_turn(&module, &job).await;
            let target = module.name.clone();
            deployer
                .note(&by, "module.rollback", &target, &done)
                .await?;
            done
        };
        Ok(self.begin(JobKind::Rollback, name, None, work))
    }

    /// The same, by the server itself, if that version is still live.
    pub(super) fn roll_back_from(self: &Arc<Self>, name: &str, number: u32, reason: String) {
        let Ok(module) = self.module(name) else {
            return;
        };
        let work = |deployer: Arc<Self>, job: Arc<JobHandle>| async move {
            let _turn = module.turn.lock().await;
            if module.record().active() != Some(number) {
                return deployer.published(&module, number);
            }
            tracing::warn!(
                module = module.name,
                version = number,
                reason,
                "rolled back by itself"
            );
            let done = deployer.roll_back_in_turn(&module, &job).await;
            let target = format!("{}@{number}", module.name);
            let details = json!({ "reason": reason, "back_to": module.record().active() });
            let outcome = done.as_ref().map_or_else(Refusal::code, |_| "ok");
            let (log, action) = (&deployer.audit, "module.rollback.automatic");
            log.write("server", action, &target, outcome, details)
                .await?;
            done
        };
        // Nobody waits for it.
        drop(self.begin(JobKind::Rollback, name, Some(number), work));
    }

    async fn roll_back_in_turn(
        self: &Arc<Self>,
        module: &Arc<Module>,
        job: &Arc<JobHandle>,
    ) -> Result<Published, Refusal> {
        let nothing = || {
            let text = "no other version was live before this one";
            Refusal::new(409, "nothing_to_roll_back_to", text)
        };
        let previous = module.record().previous().ok_or_else(nothing)?;
        job.version(previous);
        let version = module.record().version(previous).cloned();
        let version = version.ok_or_else(nothing)?;
        let ruling = self.ruling(&version).await?;
        self.change(module, ProgramBatch::new(), |record| {
            record.rolling = Some(Rolling {
                version: previous,
                back: true,
            });
            record.canary = None;
        })
        .await?;
        *module.probation() = None;
        let outcome = match self.kinds.get(&module.name) {
            Some(kind) => {
                kind.try_out(None);
                kind.assign(ruling);
                job.stage(Stage::Rolling, self.registry.rooms(Some(kind.name())).len());
                self.roll_back_all(&kind, Some(job)).await
            }
            None => Outcome::default(),
        };
        self.settle(module);
        self.change(
            module,
            ProgramBatch::new(),
            super::ModuleRecord::rolled_back,
        )
        .await?;
        job.stage(Stage::RolledBack, 0);
        tracing::info!(
            module = module.name,
            version = previous,
            rooms = outcome.rolled,
            with_state = outcome.relived,
            held_back = outcome.held_back.len(),
            "rolled back"
        );
        Ok(Published {
            rolled: outcome.rolled,
            held_back: outcome.held_back.len(),
            longest_pause_us: outcome.longest_us(),
            ..self.published(module, previous)?
        })
    }
}
