//! Kinds of rooms: the program that rules them, the operator's settings, their lobby.

use crate::lobby::Lobby;
use crate::telemetry;
use metrics::{Counter, Histogram, counter, histogram};
use roost_room::{Capability, Limits, Manifest, Program};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

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

/// Handles for the metrics of a kind: looked up once, not per call.
pub struct KindMetrics {
    pub(crate) events: Counter,
    pub(crate) fuel: Counter,
    pub(crate) deliveries: Counter,
    pub(crate) call_seconds: Histogram,
}

/// A kind of rooms.
pub struct Kind {
    name: Arc<str>,
    program: RwLock<Arc<dyn Program>>,
    settings: KindSettings,
    lobby: Arc<Lobby>,
    metrics: KindMetrics,
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
        let labels = [("kind", name.to_owned())];
        Self {
            name: Arc::from(name),
            program: RwLock::new(program),
            settings,
            lobby: Arc::new(Lobby::new(name, store)),
            metrics: KindMetrics {
                events: counter!(telemetry::EVENTS, &labels),
                fuel: counter!(telemetry::FUEL, &labels),
                deliveries: counter!(telemetry::DELIVERIES, &labels),
                call_seconds: histogram!(telemetry::CALL_SECONDS, &labels),
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

    /// What rules new rooms of it.
    #[must_use]
    pub fn program(&self) -> Arc<dyn Program> {
        Arc::clone(&self.program.read().unwrap_or_else(PoisonError::into_inner))
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

    /// What a program of it may do beyond a room.
    #[must_use]
    pub fn granted(&self, manifest: &Manifest) -> Vec<Capability> {
        match &self.settings.granted {
            Some(granted) => granted.clone(),
            None => OFFERED
                .into_iter()
                .filter(|offered| manifest.capabilities.contains(offered))
                .collect(),
        }
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

/// All kinds, by name.
#[derive(Default)]
pub struct Kinds {
    by_name: BTreeMap<String, Arc<Kind>>,
}

impl Kinds {
    /// Add one, or replace it.
    pub fn insert(&mut self, kind: Kind) {
        self.by_name.insert(kind.name().to_owned(), Arc::new(kind));
    }

    /// The kind of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Kind>> {
        self.by_name.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.by_name.values()
    }
}
