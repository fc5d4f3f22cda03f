//! Having a version hear what live rooms hear, and copies of rooms to try something on.

use super::{Deployer, Doing, JobHandle, Module, Refusal, describe, is_fork};
use crate::actor::{Order, RoomHandle};
use crate::kinds::Ruling;
use roost_protocol::api::{Difference, Forked, JobKind, Published, Shadow, ShadowReport, Stage};
use roost_room::{Bundle, Called, Divergence, Replica};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Rooms that are shadowed at a time.
const MOST_ROOMS: usize = 16;
/// Differences that are kept.
const MOST_DIFFERENCES: usize = 20;
/// Calls that may wait for a shadow.
const WAITING: usize = 1_024;

/// A room and its shadow.
struct Pair {
    room: String,
    calls: mpsc::Receiver<Arc<Called>>,
    replica: Replica,
}

impl Deployer {
    /// Have a version hear what live rooms hear.
    ///
    /// # Errors
    /// There is no such module.
    pub fn shadow(
        self: &Arc<Self>,
        name: &str,
        wanted: Shadow,
        by: &str,
    ) -> Result<Doing, Refusal> {
        if !(1..=3_600).contains(&wanted.seconds) {
            let text = "seconds is 1 to 3600";
            return Err(Refusal::new(400, "invalid_request", text));
        }
        let (module, by) = (self.module(name)?, by.to_owned());
        let version = Some(wanted.version);
        let work = |deployer: Arc<Self>, job: Arc<JobHandle>| async move {
            let done = deployer.shadow_now(&module, &wanted, &job).await;
            let target = format!("{}@{}", module.name, wanted.version);
            deployer.note(&by, "module.shadow", &target, &done).await?;
            done
        };
        Ok(self.begin(JobKind::Shadow, name, version, work))
    }

    async fn shadow_now(
        self: &Arc<Self>,
        module: &Module,
        wanted: &Shadow,
        job: &Arc<JobHandle>,
    ) -> Result<Published, Refusal> {
        let version = module.record().version(wanted.version).cloned();
        let version = version.ok_or_else(|| Refusal::no_version(&module.name, wanted.version))?;
        let ruling = self.ruling(&version).await?;
        let rooms = match &wanted.room {
            Some(id) => vec![self.room(&module.name, id)?],
            None => self.registry.rooms(Some(&module.name)),
        };
        let rooms: Vec<_> = rooms.into_iter().filter(|r| !is_fork(r.id())).collect();
        job.stage(Stage::Shadowed, rooms.len().min(MOST_ROOMS));
        let until = Instant::now() + Duration::from_secs(wanted.seconds.into());
        let report = Arc::new(std::sync::Mutex::new(ShadowReport::default()));
        let mut shadows = tokio::task::JoinSet::new();
        for room in rooms.into_iter().take(MOST_ROOMS) {
            if let Some(pair) = self.pair(&room, &ruling).await? {
                let (report, job) = (Arc::clone(&report), Arc::clone(job));
                shadows.spawn(async move { follow(pair, until, &report, &job).await });
            }
        }
        while shadows.join_next().await.is_some() {
            job.advance();
        }
        self.published(module, wanted.version)
    }

    /// `None`: the room has gone, or its rules cannot write their state down.
    async fn pair(&self, room: &RoomHandle, ruling: &Ruling) -> Result<Option<Pair>, Refusal> {
        let (tap, calls) = mpsc::channel(WAITING);
        let Ok(bundle) = self.tap(room, tap).await else {
            return Ok(None);
        };
        let (program, id) = (Arc::clone(&ruling.program), room.id().to_string());
        let begin = move |bundle: Bundle| {
            let log: roost_room::LogLine = Arc::new(|_, _| ());
            Replica::of_bundle(program.as_ref(), &bundle, &log)
        };
        let begun = self.pool.run(move || begin(bundle)).await;
        let begun = begun.map_err(|error| Refusal::broken(&error))?;
        let replica = begun.map_err(|reason| {
            let text = format!("the version cannot take over room {id:?}: {reason}");
            let details = json!({ "room": id, "step": "restore", "reason": reason.to_string() });
            Refusal::with(422, "rehearsal_failed", text, details)
        })?;
        Ok(Some(Pair {
            room: room.id().to_string(),
            calls,
            replica,
        }))
    }

    /// Make a copy of a room.
    ///
    /// # Errors
    /// There is no such room or version.
    pub async fn fork(
        &self,
        kind: &str,
        id: &str,
        version: Option<u32>,
        by: &str,
    ) -> Result<Forked, Refusal> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let room = self.room(kind, id)?;
        let of_kind = self.kinds.get(kind);
        let of_kind = of_kind.ok_or_else(|| Refusal::no_room(kind, id))?;
        let ruling = match version {
            None => Ruling {
                granted: room.program().manifest().capabilities.clone(),
                program: room.program(),
            },
            Some(number) => {
                let module = self.module(kind)?;
                let version = module.record().version(number).cloned();
                let version = version.ok_or_else(|| Refusal::no_version(kind, number))?;
                self.ruling(&version).await?
            }
        };
        let copy = room.ask(Order::Copy).await;
        let copy = copy.map_err(|_| Refusal::no_room(kind, id))?;
        let copy = copy.map_err(|text| Refusal::new(422, "snapshot_failed", text))?;
        let fork = format!("~fork/{}", NEXT.fetch_add(1, Ordering::Relaxed));
        of_kind.fork(&fork, ruling, *copy);
        let opened = self.registry.room(&of_kind, &fork);
        opened.map_err(|error| Refusal::new(429, "busy", error.to_string()))?;
        let target = format!("{kind}/{id}");
        self.audit
            .write(by, "room.fork", &target, "ok", json!({ "id": fork }))
            .await?;
        Ok(Forked {
            kind: kind.to_owned(),
            id: fork,
        })
    }
}

/// Let a shadow hear what its room hears, until the time is over or one of them has gone.
async fn follow(
    pair: Pair,
    until: Instant,
    report: &std::sync::Mutex<ShadowReport>,
    job: &JobHandle,
) {
    let Pair {
        room,
        mut calls,
        replica,
    } = pair;
    let lock = || {
        report
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    };
    lock().rooms += 1;
    let mut replica = Some(replica);
    while let Some(mut shadow) = replica.take() {
        let Ok(Some(called)) = tokio::time::timeout_at(until, calls.recv()).await else {
            break;
        };
        if called.record.outcome == roost_room::Outcome::Skipped {
            replica = Some(shadow);
            continue;
        }
        let heard = tokio::task::spawn_blocking(move || {
            let compared = shadow.compare(&called);
            (shadow, compared)
        });
        let Ok((shadow, compared)) = heard.await else {
            break;
        };
        let mut report = lock();
        report.calls += 1;
        let mut is_dead = false;
        match compared {
            Ok(()) => report.same += 1,
            Err(divergence) => {
                is_dead = divergence.fault.is_some();
                if report.differences.len() < MOST_DIFFERENCES {
                    report.differences.push(difference(&room, &divergence));
                }
            }
        }
        job.shadow(report.clone());
        drop(report);
        // One that has failed cannot be entered again.
        replica = (!is_dead).then_some(shadow);
    }
    job.shadow(lock().clone());
}

fn difference(room: &str, divergence: &Divergence) -> Difference {
    let say = |effect: &Option<roost_room::Effect>| match effect {
        Some(effect) => format!("{effect:?}"),
        None => "nothing more".to_owned(),
    };
    Difference {
        room: room.to_owned(),
        call: divergence.record.sequence,
        events: divergence.record.events.iter().map(describe).collect(),
        active: say(&divergence.recorded),
        other: match &divergence.fault {
            Some(fault) => format!("it fails: {fault}"),
            None => say(&divergence.repeated),
        },
    }
}
