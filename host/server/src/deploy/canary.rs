//! Giving a version to some of the rooms.

use super::record::CanaryRecord;
use super::{Deployer, Doing, JobHandle, Module, Refusal};
use crate::kinds::Trial;
use roost_protocol::api::{Canary, JobKind, Published, Stage};
use roost_store::ProgramBatch;
use std::sync::Arc;

impl Deployer {
    /// Give a version to some of the rooms, or end that.
    ///
    /// # Errors
    /// There is no such module, or the share is none.
    pub fn canary(
        self: &Arc<Self>,
        name: &str,
        wanted: Canary,
        by: &str,
    ) -> Result<Doing, Refusal> {
        if !(0.0..=100.0).contains(&wanted.percent) {
            let text = "percent is a number from 0 to 100";
            return Err(Refusal::new(400, "invalid_request", text));
        }
        let (module, by) = (self.module(name)?, by.to_owned());
        let version = wanted.version;
        let work = |deployer: Arc<Self>, job: Arc<JobHandle>| async move {
            let _turn = module.turn.lock().await;
            let done = match wanted.version {
                Some(number) => deployer.begin_canary(&module, number, &wanted, &job).await,
                None => deployer.end_canary(&module, &job).await,
            };
            let target = match wanted.version {
                Some(number) => format!("{}@{number}", module.name),
                None => module.name.clone(),
            };
            deployer.note(&by, "module.canary", &target, &done).await?;
            done
        };
        Ok(self.begin(JobKind::Canary, name, version, work))
    }

    async fn begin_canary(
        self: &Arc<Self>,
        module: &Arc<Module>,
        number: u32,
        wanted: &Canary,
        job: &Arc<JobHandle>,
    ) -> Result<Published, Refusal> {
        let version = module.record().version(number).cloned();
        let version = version.ok_or_else(|| Refusal::no_version(&module.name, number))?;
        let none_live = || {
            let text = "there is no live version to try another beside; activate one first";
            Refusal::new(409, "nothing_live", text)
        };
        let kind = self.kinds.get(&module.name).ok_or_else(none_live)?;
        self.check_rights(module, &version, &wanted.allow)?;
        let ruling = self.ruling(&version).await?;
        // A share of a hundred thousand is fine enough for fractions of percents.
        let share = (wanted.percent * 1_000.0).round() as u32;
        let trial = Trial {
            ruling: ruling.clone(),
            share,
        };
        let gets = |id: &str| trial.takes(&module.name, id);
        self.rehearse(&module.name, &ruling, gets, job).await?;
        self.change(module, ProgramBatch::new(), |record| {
            record.canary = Some(CanaryRecord {
                version: number,
                percent: wanted.percent,
            });
        })
        .await?;
        kind.set_probation(true);
        let before = kind.try_out(Some(trial));
        let rooms = self.behind(&kind, &ruling.program.hash());
        job.stage(Stage::Rolling, rooms.len());
        match self.roll_forward(&kind, rooms, &ruling, job).await {
            Ok(outcome) => {
                // A smaller share than before gives rooms back.
                self.roll_back_all(&kind, None).await;
                job.stage(Stage::Live, 0);
                Ok(Published {
                    rolled: outcome.rolled,
                    ..self.published(module, number)?
                })
            }
            Err(refusal) => {
                kind.try_out(before);
                self.roll_back_all(&kind, None).await;
                self.change(module, ProgramBatch::new(), |record| record.canary = None)
                    .await?;
                Err(refusal)
            }
        }
    }

    async fn end_canary(
        &self,
        module: &Arc<Module>,
        job: &Arc<JobHandle>,
    ) -> Result<Published, Refusal> {
        let active = module.record().active();
        let active = active.ok_or_else(|| Refusal::no_module(&module.name))?;
        self.change(module, ProgramBatch::new(), |record| record.canary = None)
            .await?;
        let mut rolled = 0;
        if let Some(kind) = self.kinds.get(&module.name) {
            kind.try_out(None);
            job.stage(Stage::Rolling, self.registry.rooms(Some(kind.name())).len());
            rolled = self.roll_back_all(&kind, Some(job)).await.rolled;
        }
        job.stage(Stage::Live, 0);
        Ok(Published {
            rolled,
            ..self.published(module, active)?
        })
    }
}
