//! Which versions are kept, and which go.

use super::{Deployer, Module, Refusal};
use roost_room::Checkpoint;
use roost_store::{ProgramBatch, RoomKey, StoreError};
use serde_json::json;
use std::collections::BTreeSet;

impl Deployer {
    /// Delete a version that nothing needs.
    ///
    /// # Errors
    /// It is live or was before, or rooms or recordings name it.
    pub async fn delete(&self, name: &str, number: u32, by: &str) -> Result<(), Refusal> {
        let module = self.module(name)?;
        let _turn = module.turn.lock().await;
        let version = module.record().version(number).cloned();
        let version = version.ok_or_else(|| Refusal::no_version(name, number))?;
        if self.is_named(&module, number)
            || self
                .in_use(&module)
                .await?
                .contains(version.sha256.as_str())
        {
            let text = format!(
                "version {number} of {name} is live, was live before, or is needed by rooms or recordings"
            );
            return Err(Refusal::new(409, "version_in_use", text));
        }
        self.drop_versions(&module, &[number]).await?;
        let target = format!("{name}@{number}");
        self.audit
            .write(by, "module.delete", &target, "ok", json!({}))
            .await
    }

    /// Give up the oldest versions that nothing needs, if there are too many. Only for whoever has the module's turn.
    pub(super) async fn retain(&self, module: &Module) -> Result<(), Refusal> {
        let candidates: Vec<(u32, String)> = {
            let record = module.record();
            let surplus = record.versions.len().saturating_sub(self.keep_versions);
            let versions = record.versions.iter();
            let spare = versions.filter(|v| !self.is_named_in(&record, v.number));
            let spare = spare.map(|v| (v.number, v.sha256.as_str().to_owned()));
            spare.take(surplus).collect()
        };
        if candidates.is_empty() {
            return Ok(());
        }
        let used = self.in_use(module).await?;
        let spare = candidates.iter().filter(|(_, hash)| !used.contains(hash));
        let spare: Vec<u32> = spare.map(|(number, _)| *number).collect();
        self.drop_versions(module, &spare).await
    }

    fn is_named(&self, module: &Module, number: u32) -> bool {
        self.is_named_in(&module.record(), number)
    }

    fn is_named_in(&self, record: &super::ModuleRecord, number: u32) -> bool {
        record.active() == Some(number)
            || record.previous() == Some(number)
            || record.canary.is_some_and(|canary| canary.version == number)
            || record
                .rolling
                .is_some_and(|rolling| rolling.version == number)
            || record.last == number
    }

    async fn drop_versions(&self, module: &Module, numbers: &[u32]) -> Result<(), Refusal> {
        if numbers.is_empty() {
            return Ok(());
        }
        let hashes: Vec<_> = {
            let record = module.record();
            let versions = numbers.iter().filter_map(|n| record.version(*n));
            versions
                .filter_map(|version| version.sha256.hash())
                .collect()
        };
        let mut batch = ProgramBatch::new();
        for hash in &hashes {
            batch.delete_program(hash.0);
        }
        self.change(module, batch, |record| {
            numbers.iter().for_each(|number| record.remove(*number));
        })
        .await?;
        hashes.iter().for_each(|hash| self.library.forget(hash));
        Ok(())
    }

    /// Hashes of programs that live rooms, stored rooms or recordings name.
    async fn in_use(&self, module: &Module) -> Result<BTreeSet<String>, Refusal> {
        let rooms = self.registry.rooms(Some(&module.name));
        let mut used: BTreeSet<String> = rooms
            .iter()
            .map(|room| room.program().hash().to_string())
            .collect();
        used.extend(self.recordings.programs(&module.name));
        let (store, name) = (self.rooms.clone(), module.name.clone());
        let read = move || -> Result<Vec<String>, StoreError> {
            let mut hashes = Vec::new();
            for room in store.rooms(&name)? {
                let stored = store.checkpoint(&RoomKey::new(&name, &room?.id)?)?;
                let stored = stored.and_then(|(_, bytes)| Checkpoint::from_bytes(&bytes).ok());
                hashes.extend(stored.map(|checkpoint| checkpoint.meta.program.to_string()));
            }
            Ok(hashes)
        };
        let read = tokio::task::spawn_blocking(read).await;
        used.extend(read.map_err(|error| Refusal::broken(&error))??);
        Ok(used)
    }
}
