//! Kinds of rooms: the program that rules them, the operator's settings, their lobby.

use crate::lobby::Lobby;
use crate::telemetry;
use metrics::{Counter, Histogram, counter, histogram};
use roost_room::{Capability, Checkpoint, Limits, Manifest, Program};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// What this host can do for rules beyond their room. Documents and media are not among it yet.
pub const OFFERED: [Capability; 3] = [
    Capability::SetProfile,
    Capability::Move,
    Capability::Publish,
];

/// What the operator says of a kind.
#[derive(Clone, Debug)]
pub struct KindSettings {
    /// JSON object for the rules.
    pub options: String,
    /// Bounds of its rooms.
    pub limits: Limits,
    /// What it may do beyond a room. `None`: whatever it wants and this host offers, as befits rules that
    /// came with the server or were named on its command line.
    pub granted: Option<Vec<Capability>>,
}

impl Default for KindSettings {
    fn default() -> Self {
        Self {
            options: "{}".to_owned(),
            limits: Limits::default(),
            granted: None,
        }
    }
}

impl KindSettings {
    /// What a program that comes with the server, or is named on its command line, may do beyond a room.
    #[must_use]
    pub fn granted_to(&self, manifest: &Manifest) -> Vec<Capability> {
        match &self.granted {
            Some(granted) => granted.clone(),
            None => OFFERED
                .into_iter()
                .filter(|offered| manifest.capabilities.contains(offered))
                .collect(),
        }
    }
}

/// Handles for the metrics of a kind: looked up once, not per call.
pub struct KindMetrics {
    pub(crate) events: Counter,
    pub(crate) fuel: Counter,
    pub(crate) deliveries: Counter,
    pub(crate) call_seconds: Histogram,
    /// Steps of its rooms, and how long they took.
    pub(crate) steps: AtomicU64,
    pub(crate) nanos: AtomicU64,
}

/// What rules a room, and by which right.
#[derive(Clone)]
pub struct Ruling {
    /// The program.
    pub program: Arc<dyn Program>,
    /// Capabilities that the operator grants to it.
    pub granted: Vec<Capability>,
}

/// Some of the rooms have other rules.
#[derive(Clone)]
pub struct Trial {
    /// Which.
    pub ruling: Ruling,
    /// So many of a hundred thousand.
    pub share: u32,
}

impl Trial {
    /// Whether a room is among those, by its name alone.
    #[must_use]
    pub fn takes(&self, kind: &str, room: &str) -> bool {
        let mut hash = Sha256::new();
        hash.update(kind);
        hash.update([0]);
        hash.update(room);
        let first = hash
            .finalize()
            .first_chunk::<8>()
            .map_or(0, |b| u64::from_be_bytes(*b));
        first % 100_000 < u64::from(self.share)
    }
}

/// Who rules what in a kind.
struct Assignment {
    active: Ruling,
    trial: Option<Trial>,
    /// Copies of rooms that were made to try something on.
    forks: BTreeMap<String, Ruling>,
}

/// A kind of rooms.
pub struct Kind {
    name: Arc<str>,
    assignment: RwLock<Assignment>,
    settings: KindSettings,
    lobby: Arc<Lobby>,
    metrics: KindMetrics,
    /// The way back from the last activation is still open.
    on_probation: AtomicBool,
    /// Copies that have not been opened yet.
    unopened: Mutex<BTreeMap<String, Checkpoint>>,
}

impl Kind {
    /// A kind ruled by a program.
    #[must_use]
    pub fn new(
        name: &str,
        program: Arc<dyn Program>,
        settings: KindSettings,
        store: roost_store::Rooms,
    ) -> Self {
        let granted = settings.granted_to(program.manifest());
        Self::ruled(name, Ruling { program, granted }, settings, store)
    }

    /// A kind whose program has been given exactly these rights.
    #[must_use]
    pub fn ruled(
        name: &str,
        active: Ruling,
        settings: KindSettings,
        store: roost_store::Rooms,
    ) -> Self {
        let labels = [("kind", name.to_owned())];
        let assignment = Assignment {
            active,
            trial: None,
            forks: BTreeMap::new(),
        };
        Self {
            name: Arc::from(name),
            assignment: RwLock::new(assignment),
            on_probation: AtomicBool::new(false),
            unopened: Mutex::default(),
            settings,
            lobby: Arc::new(Lobby::new(name, store)),
            metrics: KindMetrics {
                events: counter!(telemetry::EVENTS, &labels),
                fuel: counter!(telemetry::FUEL, &labels),
                deliveries: counter!(telemetry::DELIVERIES, &labels),
                call_seconds: histogram!(telemetry::CALL_SECONDS, &labels),
                steps: AtomicU64::new(0),
                nanos: AtomicU64::new(0),
            },
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// What rules its rooms, but for those on trial.
    #[must_use]
    pub fn program(&self) -> Arc<dyn Program> {
        Arc::clone(&self.read().active.program)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Assignment> {
        self.assignment
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Assignment> {
        self.assignment
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What rules this room, or should.
    #[must_use]
    pub fn ruling_for(&self, room: &str) -> Ruling {
        let assignment = self.read();
        if let Some(ruling) = assignment.forks.get(room) {
            return ruling.clone();
        }
        let trial = assignment.trial.as_ref();
        let trial = trial.filter(|trial| trial.takes(&self.name, room));
        trial.map_or_else(|| assignment.active.clone(), |trial| trial.ruling.clone())
    }

    /// Other rules, for rooms that are opened from now on.
    pub(crate) fn assign(&self, active: Ruling) -> Ruling {
        std::mem::replace(&mut self.write().active, active)
    }

    /// Other rules for some of the rooms that are opened from now on, or the same for all.
    pub(crate) fn try_out(&self, trial: Option<Trial>) -> Option<Trial> {
        std::mem::replace(&mut self.write().trial, trial)
    }

    /// A copy of a room is to be opened under this id.
    pub(crate) fn fork(&self, id: &str, ruling: Ruling, from: Checkpoint) {
        self.write().forks.insert(id.to_owned(), ruling);
        self.unopened().insert(id.to_owned(), from);
    }

    /// What a copy begins with; nothing for other rooms, and when it was opened before.
    pub(crate) fn open_fork(&self, id: &str) -> Option<Checkpoint> {
        self.unopened().remove(id)
    }

    /// A copy is gone.
    pub(crate) fn forget_fork(&self, id: &str) {
        self.write().forks.remove(id);
        self.unopened().remove(id);
    }

    fn unopened(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Checkpoint>> {
        self.unopened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether rooms keep the way back from the last activation.
    #[must_use]
    pub fn is_on_probation(&self) -> bool {
        self.on_probation.load(Ordering::Relaxed)
    }

    pub(crate) fn set_probation(&self, on: bool) {
        self.on_probation.store(on, Ordering::Relaxed);
    }

    /// What the operator says of it.
    #[must_use]
    pub fn settings(&self) -> &KindSettings {
        &self.settings
    }

    /// JSON object for the rules.
    #[must_use]
    pub fn options(&self) -> &str {
        &self.settings.options
    }

    /// Bounds of its rooms.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    /// What spans its rooms.
    #[must_use]
    pub fn lobby(&self) -> &Arc<Lobby> {
        &self.lobby
    }

    pub(crate) fn metrics(&self) -> &KindMetrics {
        &self.metrics
    }
}

/// All kinds, by name. They come and never go.
#[derive(Default)]
pub struct Kinds {
    by_name: RwLock<BTreeMap<String, Arc<Kind>>>,
}

impl Kinds {
    /// Add one, or replace it.
    pub fn insert(&self, kind: Kind) -> Arc<Kind> {
        let kind = Arc::new(kind);
        let mut kinds = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        kinds.insert(kind.name().to_owned(), Arc::clone(&kind));
        kind
    }

    /// The kind of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Kind>> {
        let kinds = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        kinds.get(name).cloned()
    }

    /// All of them, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Kind>> {
        let kinds = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        kinds.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_takes_its_share_of_rooms_and_always_the_same() {
        struct Nothing(Manifest);
        impl Program for Nothing {
            fn manifest(&self) -> &Manifest {
                &self.0
            }
            fn hash(&self) -> roost_room::ProgramHash {
                roost_room::ProgramHash([0; 32])
            }
            fn instantiate(
                &self,
                _: roost_room::LogLine,
            ) -> Result<Box<dyn roost_room::Rules>, roost_room::Fault> {
                Err(roost_room::Fault::Start("nothing".to_owned()))
            }
        }
        let manifest = Manifest {
            kind: "k".to_owned(),
            release: None,
            state_version: 1,
            pace: roost_room::Pace::Messages,
            durability: roost_room::Durability::Ephemeral,
            grace: 0,
            limits: roost_room::RequestedLimits::default(),
            capabilities: Vec::new(),
            topics: Vec::new(),
        };
        let ruling = Ruling {
            program: Arc::new(Nothing(manifest)),
            granted: Vec::new(),
        };
        let taken = |share| {
            let ruling = ruling.clone();
            let trial = Trial { ruling, share };
            let rooms = (0..10_000).map(|n| format!("room {n}"));
            rooms
                .filter(|room| trial.takes("k", room))
                .collect::<Vec<_>>()
        };
        let (none, some, more, all) = (taken(0), taken(10_000), taken(20_000), taken(100_000));
        assert_eq!((none.len(), all.len()), (0, 10_000));
        assert!((900..1_100).contains(&some.len()), "{}", some.len());
        assert!(some.iter().all(|room| more.contains(room)));
    }
}
