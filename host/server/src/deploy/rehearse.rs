//! Trying a version on what the rooms are, before any of them has it.

use super::{Deployer, JobHandle, Refusal, is_fork};
use crate::actor::Order;
use crate::kinds::{Kind, KindSettings, Ruling};
use futures_util::StreamExt;
use roost_protocol::api::Stage;
use roost_room::{
    CallRecord, Checkpoint, Durability, Material, RoomConfig, Step, StopReason, Takeover, Unfit,
};
use roost_store::{RoomKey, Rooms, StoreError};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Stored rooms that a version is tried on; those stored last.
const STORED: usize = 1_000;
/// Rooms that are tried at a time.
const AT_ONCE: usize = 2;

/// A room to try on.
enum Candidate {
    Live(crate::actor::RoomHandle),
    Stored(String),
}

impl Deployer {
    /// Try a version on copies of those rooms that it would get: live ones, and the ones that were stored last. Also on
    /// an empty room.
    ///
    /// # Errors
    /// The first that it is not fit for.
    pub(super) async fn rehearse(
        self: &Arc<Self>,
        name: &str,
        ruling: &Ruling,
        gets: impl Fn(&str) -> bool,
        job: &JobHandle,
    ) -> Result<(), Refusal> {
        let settings = (self.settings)(name);
        self.rehearse_empty(name, ruling, &settings).await?;
        let rooms = self.registry.rooms(Some(name));
        let is_meant = |id: &str| gets(id) && !is_fork(id);
        let live = rooms.into_iter().filter(|room| is_meant(room.id()));
        let live: Vec<_> = live.collect();
        let alive: BTreeSet<String> = live.iter().map(|room| room.id().to_string()).collect();
        let stored = self.stored_last(name, alive).await?;
        let stored = stored.into_iter().filter(|id| is_meant(id));
        let live = live.into_iter().map(Candidate::Live);
        let candidates: Vec<Candidate> = live.chain(stored.map(Candidate::Stored)).collect();
        job.stage(Stage::Rehearsed, candidates.len());
        let tried = candidates
            .into_iter()
            .map(|candidate| self.try_one(name, candidate, ruling, &settings));
        let mut tried = futures_util::stream::iter(tried).buffer_unordered(AT_ONCE);
        while let Some(result) = tried.next().await {
            result?;
            job.advance();
        }
        Ok(())
    }

    /// It has to begin, write its state down, and take that over.
    async fn rehearse_empty(
        &self,
        name: &str,
        ruling: &Ruling,
        settings: &KindSettings,
    ) -> Result<(), Refusal> {
        let config = config("rehearsal", settings);
        let (takeover, clock) = (takeover(ruling), self.registry.host().clock.now());
        let tried = self.pool.run(move || {
            let opening = roost_room::Opening {
                clock,
                seed: 1,
                incarnation: 0,
                bans: Vec::new(),
            };
            let config = RoomConfig {
                granted: takeover.granted.clone(),
                ..config
            };
            let unfit = |reason| Unfit {
                step: Step::Restore,
                reason,
            };
            let program = Arc::clone(&takeover.program);
            let mut room = roost_room::Room::open(program, config, opening).map_err(unfit)?;
            let material = room.material().map_err(|fault| Unfit {
                step: Step::Snapshot,
                reason: StopReason::Rules(fault),
            })?;
            material.rehearse(&takeover)
        });
        let tried = tried.await.map_err(|error| Refusal::broken(&error))?;
        tried
            .map(|_| ())
            .map_err(|unfit| unfit_for(name, "", &unfit))
    }

    async fn try_one(
        &self,
        name: &str,
        candidate: Candidate,
        ruling: &Ruling,
        settings: &KindSettings,
    ) -> Result<(), Refusal> {
        let material = match candidate {
            Candidate::Live(room) => match room.ask(Order::Material).await {
                Ok(Ok(material)) => *material,
                // Its present rules cannot write it down, or it has gone: nothing to try on.
                Ok(Err(_)) | Err(_) => return Ok(()),
            },
            Candidate::Stored(id) => match self.stored_material(name, &id, settings).await? {
                Some(material) => material,
                None => return Ok(()),
            },
        };
        let takeover = takeover(ruling);
        let room = material.room().to_owned();
        let tried = self.pool.run(move || material.rehearse(&takeover)).await;
        let tried = tried.map_err(|error| Refusal::broken(&error))?;
        tried
            .map(|_| ())
            .map_err(|unfit| unfit_for(name, &room, &unfit))
    }

    async fn stored_material(
        &self,
        name: &str,
        id: &str,
        settings: &KindSettings,
    ) -> Result<Option<Material>, Refusal> {
        let (rooms, config) = (self.rooms.clone(), config(id, settings));
        let (name, id) = (name.to_owned(), id.to_owned());
        let read = move || read(&rooms, &name, &id, config);
        let read = tokio::task::spawn_blocking(read).await;
        Ok(read.map_err(|error| Refusal::broken(&error))??)
    }

    /// The ids of rooms that are stored and not alive, those stored last first.
    async fn stored_last(
        &self,
        name: &str,
        alive: BTreeSet<String>,
    ) -> Result<Vec<String>, Refusal> {
        let (rooms, name) = (self.rooms.clone(), name.to_owned());
        let read = move || -> Result<Vec<String>, StoreError> {
            let mut ids = Vec::new();
            for room in rooms.rooms(&name)? {
                let id = room?.id;
                if !alive.contains(&id) {
                    ids.push(id);
                }
            }
            if ids.len() <= STORED {
                return Ok(ids);
            }
            let mut dated = Vec::with_capacity(ids.len());
            for id in ids {
                let stored = rooms.checkpoint(&RoomKey::new(&name, &id)?)?;
                let stored = stored.and_then(|(_, bytes)| Checkpoint::from_bytes(&bytes).ok());
                dated.push((stored.map_or(0, |checkpoint| checkpoint.now), id));
            }
            dated.sort_unstable_by(|a, b| b.cmp(a));
            dated.truncate(STORED);
            Ok(dated.into_iter().map(|(_, id)| id).collect())
        };
        let read = tokio::task::spawn_blocking(read).await;
        Ok(read.map_err(|error| Refusal::broken(&error))??)
    }
}

/// Whether rules can go on with what is stored. For the start of the server, when no room lives. Blocking: reads the store.
pub(super) fn rehearse_stored(rooms: &Rooms, kind: &Kind, ruling: &Ruling) -> Result<(), Unfit> {
    let storage = |error: StoreError| Unfit {
        step: Step::Restore,
        reason: StopReason::Storage(error.to_string()),
    };
    if ruling.program.manifest().durability == Durability::Ephemeral {
        return Ok(());
    }
    for room in rooms.rooms(kind.name()).map_err(storage)?.take(STORED) {
        let id = room.map_err(storage)?.id;
        let config = config(&id, kind.settings());
        if let Some(material) = read(rooms, kind.name(), &id, config).map_err(storage)? {
            material.rehearse(&takeover(ruling))?;
        }
    }
    Ok(())
}

fn read(
    rooms: &Rooms,
    kind: &str,
    id: &str,
    config: RoomConfig,
) -> Result<Option<Material>, StoreError> {
    let (checkpoint, journal) = rooms.load(&RoomKey::new(kind, id)?)?;
    let checkpoint = checkpoint.and_then(|(_, bytes)| Checkpoint::from_bytes(&bytes).ok());
    let records = journal
        .iter()
        .filter_map(|(_, bytes)| CallRecord::from_bytes(bytes).ok());
    let records: Vec<CallRecord> = records.collect();
    Ok(checkpoint.map(|checkpoint| Material::stored(kind, config, checkpoint, &records)))
}

fn unfit_for(kind: &str, room: &str, unfit: &Unfit) -> Refusal {
    let what = if room.is_empty() {
        "an empty room".to_owned()
    } else {
        format!("room {room:?}")
    };
    let text = format!("the version is not fit for {what} of {kind}: {unfit}");
    let details = json!({
        "room": room,
        "step": unfit.step.name(),
        "reason": unfit.reason.to_string(),
    });
    Refusal::with(422, "rehearsal_failed", text, details)
}

fn config(room: &str, settings: &KindSettings) -> RoomConfig {
    RoomConfig {
        id: room.to_owned(),
        options: settings.options.clone(),
        limits: settings.limits.clone(),
        granted: Vec::new(),
        log: Arc::new(|_, _| ()),
    }
}

fn takeover(ruling: &Ruling) -> Takeover {
    Takeover {
        program: Arc::clone(&ruling.program),
        granted: ruling.granted.clone(),
        log: Arc::new(|_, _| ()),
    }
}
