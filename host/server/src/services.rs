//! Putting a server together from its configuration: store, sandbox, kinds, rooms, doors.

use crate::actor::{Host, Pool};
use crate::admin::AdminKeys;
use crate::clock::HostClock;
use crate::config::Config;
use crate::config::tree::KindConfig;
use crate::deploy::{Deployer, Library, Loaded, ModuleError, Stock};
use crate::doors::{Entrance, Keys, KeysError, Reception};
use crate::http::health::Readiness;
use crate::kinds::{KindSettings, Kinds};
use crate::net::flusher::Flusher;
use crate::net::socket::SocketConfig;
use crate::probe::{self, Heartbeat, ProbeError};
use crate::registry::{Registry, RoomQuota};
use roost_protocol::mpp;
use roost_protocol::play::close;
use roost_room::{Capability, Limits, Program};
use roost_sandbox::{LoadError, Sandbox};
use roost_store::{Store, StoreError};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::mpsc;

/// How often it is looked whether everything works.
const PULSE: Duration = Duration::from_millis(250);
/// Profiles that are read from the store at a time.
const READERS: usize = 4;
/// Faults that may wait for whoever watches over activations.
const INCIDENTS: usize = 256;
/// Folder of compiled programs in the state directory.
const CACHE_FOLDER: &str = "cache";

/// Why a server does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The state directory.
    #[error("the state in {path} cannot be opened: {source}")]
    Store {
        /// Where it is.
        path: PathBuf,
        /// Why not.
        source: StoreError,
    },
    /// The engine.
    #[error("the sandbox cannot be set up: {0}")]
    Sandbox(#[from] LoadError),
    /// A module.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// The key of the native door.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The probe.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// The keys of the administrative interface.
    #[error("the administrative interface: {0}")]
    Admin(#[from] crate::admin::AdminError),
    /// Starting was interrupted.
    #[error("starting was interrupted: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// A server without its sockets.
pub struct Services {
    /// The live rooms.
    pub registry: Arc<Registry>,
    /// The kinds there are.
    pub kinds: Arc<Kinds>,
    /// The doors.
    pub reception: Arc<Reception>,
    /// Modules and their versions.
    pub deployer: Arc<Deployer>,
    /// Who may change them.
    pub admin: Arc<AdminKeys>,
    /// Whether rooms tick and fan out.
    pub heart: Arc<Heartbeat>,
    store: Store,
}

impl Services {
    /// Open the state, load the modules, start the probe. `programs` are rules that are no components: for
    /// measuring what the components cost.
    ///
    /// # Errors
    /// What is missing or wrong, in words for the operator.
    pub async fn start(
        config: &Config,
        programs: Vec<Arc<dyn Program>>,
    ) -> Result<Self, StartError> {
        let blocking = config.clone();
        let prepared = tokio::task::spawn_blocking(move || prepare(&blocking, &programs)).await??;
        let Prepared {
            store,
            stock,
            loaded,
            probe,
            keys,
            admin,
        } = prepared;
        let (incidents, told) = mpsc::channel(INCIDENTS);
        let cores = available_parallelism().map_or(1, std::num::NonZero::get);
        let host = Host {
            clock: HostClock::default(),
            store: store.rooms().clone(),
            pool: Pool::new(cores),
            library: Arc::clone(&stock.library),
            incidents,
        };
        let registry = Registry::new(host, quota(config));
        let heart = probe::start(&registry, probe).await?;
        let kinds = Arc::clone(loaded.kinds());
        let (registered, path) = (Arc::clone(&registry), config.server.state_dir.clone());
        let deployer = tokio::task::spawn_blocking(move || stock.deployer(loaded, registered));
        let deployer = deployer
            .await?
            .map_err(|source| StartError::Store { path, source })?;
        tokio::spawn(Arc::clone(&deployer).hear(told));
        let entrance = Entrance {
            kinds: Arc::clone(&kinds),
            registry: Arc::clone(&registry),
            keys,
            anonymous: config.play.anonymous,
            readers: Pool::new(READERS),
            sockets: config.net.socket(close::SLOW),
            flusher: Flusher::start(cores),
        };
        let reception = Arc::new(Reception::new(
            Arc::new(entrance),
            config.mpp.clone(),
            Arc::new(pianos(config)),
        ));
        Ok(Self {
            registry,
            kinds,
            reception,
            deployer,
            admin: Arc::new(admin),
            heart,
            store,
        })
    }

    /// Keep `/readyz` up to date, for ever: whether state can be stored, and whether rooms tick and fan out.
    pub async fn watch(&self, readiness: Readiness) {
        let checks = [readiness.check("store"), readiness.check("rooms")];
        let mut pulse = tokio::time::interval(PULSE);
        loop {
            pulse.tick().await;
            let stored = self.store.health().map_err(|error| error.to_string());
            let stored = stored.and_then(|()| self.registry.storage_failure().map_or(Ok(()), Err));
            for (check, result) in checks.iter().zip([stored, self.heart.check()]) {
                match result {
                    Ok(()) => check.green(),
                    Err(reason) => check.red(reason),
                }
            }
        }
    }

    /// Put all rooms away and close the store. Sockets are the caller's.
    ///
    /// # Errors
    /// What could not be stored any more.
    pub async fn stop(self) -> Result<(), StartError> {
        self.registry.shut_down().await;
        for kind in self.kinds.all() {
            kind.lobby().saved().await;
        }
        let store = self.store;
        let closed = tokio::task::spawn_blocking(move || store.close()).await?;
        closed.map_err(|source| StartError::Store {
            path: PathBuf::new(),
            source,
        })
    }
}

fn quota(config: &Config) -> RoomQuota {
    RoomQuota {
        most: config.rooms.max,
        most_per_address: config.rooms.max_per_address,
    }
}

/// Sockets of the Multiplayer Piano door.
fn pianos(config: &Config) -> SocketConfig {
    SocketConfig {
        max_message: mpp::MAX_FRAME.min(config.net.max_message.get()),
        ..SocketConfig::clone(&config.net.socket(mpp::close::SLOW))
    }
}

/// What there is before any room can be opened.
struct Prepared {
    store: Store,
    stock: Stock,
    loaded: Loaded,
    probe: Arc<dyn Program>,
    keys: Keys,
    admin: AdminKeys,
}

/// What reads files and compiles.
fn prepare(config: &Config, programs: &[Arc<dyn Program>]) -> Result<Prepared, StartError> {
    let state = &config.server.state_dir;
    let store = Store::open(state, roost_store::Options::default()).map_err(|source| {
        StartError::Store {
            path: state.clone(),
            source,
        }
    })?;
    let keys = match &config.play.secret {
        Some(secret) => Keys::from_secret(secret.expose().as_bytes()),
        None => Keys::in_state(state)?,
    };
    let sandbox = Sandbox::new(roost_sandbox::SandboxConfig {
        cache_dir: Some(
            config
                .sandbox
                .cache_dir
                .clone()
                .unwrap_or_else(|| state.join(CACHE_FOLDER)),
        ),
        memory: config.sandbox.memory.get(),
        memory_max: config.sandbox.memory.get(),
        ..roost_sandbox::SandboxConfig::default()
    })?;
    let of_kinds = config.clone();
    let stock = Stock {
        library: Arc::new(Library::new(sandbox, store.programs().clone())),
        store: store.programs().clone(),
        rooms: store.rooms().clone(),
        settings: Arc::new(move |name| settings(&of_kinds, name)),
        keep_versions: config.admin.keep_versions,
    };
    let loaded = stock.load(&named(config), programs)?;
    let probe = stock.probe()?;
    let admin = AdminKeys::of(config)?;
    Ok(Prepared {
        store,
        stock,
        loaded,
        probe,
        keys,
        admin,
    })
}

/// Modules that are named in the configuration or on the command line.
fn named(config: &Config) -> Vec<(String, PathBuf)> {
    let kinds = config.kinds.iter();
    kinds
        .filter_map(|(name, kind)| Some((name.clone(), kind.module.clone()?)))
        .collect()
}

/// What the operator says of a kind.
fn settings(config: &Config, name: &str) -> KindSettings {
    let none = KindConfig::default();
    let kind = config.kinds.get(name).unwrap_or(&none);
    let host = Limits::default();
    let limits = Limits {
        fuel_max: kind.fuel.unwrap_or(config.sandbox.call_fuel),
        fuel_heavy: config.sandbox.heavy_fuel,
        members: kind.members.unwrap_or(host.members),
        checkpoint_every: config.rooms.checkpoint_every.get(),
        checkpoint_events: config.rooms.checkpoint_events,
        restart_grace: config.rooms.restart_grace.get(),
        keep_empty: kind.keep_empty.unwrap_or(config.rooms.keep_empty).get(),
        ..host
    };
    let known = |name: &String| {
        Capability::ALL
            .into_iter()
            .find(|capability| capability.name() == name)
    };
    KindSettings {
        options: serde_json::Value::Object(kind.options.clone()).to_string(),
        limits,
        granted: kind
            .capabilities
            .as_ref()
            .map(|names| names.iter().filter_map(known).collect()),
    }
}
