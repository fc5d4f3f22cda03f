//! From an upload to a program that can be started.

use crate::cache::{Cache, Found};
use crate::compile::Compiler;
use crate::config::SandboxConfig;
use crate::counters::{Counters, Counts, count};
use crate::engine::{Engines, Sort};
use crate::error::LoadError;
use crate::inspect::{Inspection, World, inspect};
use crate::maps::Maps;
use crate::program::{ComponentProgram, Surroundings};
use roost_room::ProgramHash;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};
use wasmtime::component::Component;

/// Both engines, the compiler's thread and the cache. One per process is enough.
pub struct Sandbox {
    loader: Arc<Loader>,
    compiler: Compiler,
}

/// How far a program has come. Told on the compiler's thread.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Progress {
    /// The upload is whole, valid, and needs nothing that the host has not.
    Inspected(Inspection),
    /// There is machine code for it.
    Compiled {
        /// Whether it was there already.
        cached: bool,
        /// How long that took.
        took: Duration,
    },
}

struct Loader {
    config: SandboxConfig,
    around: Surroundings,
    cache: Option<Cache>,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Set everything up. Starts two threads, which end when the sandbox and all programs and
    /// instances that came out of it are gone.
    ///
    /// # Errors
    /// The machine has no use for the engine's settings, or the cache directory cannot be used.
    pub fn new(config: SandboxConfig) -> Result<Self, LoadError> {
        let engines = Engines::new()?;
        let cache = config
            .cache_dir
            .as_deref()
            .map(|dir| Cache::open(dir, &engines.all()))
            .transpose()?;
        let maps = Arc::new(Maps::new(config.max_maps));
        let around = Surroundings {
            engines,
            maps,
            counters: Arc::new(Counters::default()),
        };
        let compiler = Compiler::start(config.queue)?;
        Ok(Self {
            loader: Arc::new(Loader {
                config,
                around,
                cache,
            }),
            compiler,
        })
    }

    /// Load a program, waiting for the compiler. Never to be called from [`Self::load_with`]'s callbacks.
    ///
    /// # Errors
    /// The upload is refused.
    pub fn load(&self, bytes: impl Into<Arc<[u8]>>) -> Result<Arc<ComponentProgram>, LoadError> {
        let (bytes, loader) = (bytes.into(), Arc::clone(&self.loader));
        let (send, answer) = sync_channel(1);
        self.compiler.submit_waiting(Box::new(move || {
            // Nobody waits any more only if this process is being torn down.
            send.send(loader.load(&bytes, |_| ())).ok();
        }))?;
        answer
            .recv()
            .unwrap_or_else(|_| Err(LoadError::Compile("the compiler panicked".to_owned())))
    }

    /// Load a program without waiting: `progress` and then, once, `done` are called on the compiler's
    /// thread, and should do no more there than pass on what they are told.
    ///
    /// # Errors
    /// [`LoadError::Busy`] when too many wait already; `done` is then never called.
    pub fn load_with(
        &self,
        bytes: impl Into<Arc<[u8]>>,
        progress: impl FnMut(Progress) + Send + 'static,
        done: impl FnOnce(Result<Arc<ComponentProgram>, LoadError>) + Send + 'static,
    ) -> Result<(), LoadError> {
        let (bytes, loader) = (bytes.into(), Arc::clone(&self.loader));
        self.compiler
            .submit(Box::new(move || done(loader.load_caught(&bytes, progress))))
    }

    /// Drop what is kept of a program on disk. Those already loaded are not touched.
    pub fn forget(&self, program: &ProgramHash) {
        if let Some(cache) = &self.loader.cache {
            cache.remove(&self.loader.around.engines.all(), program);
        }
    }

    /// Numbers for the operator.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let maps = &self.loader.around.maps;
        Counts {
            live: maps.live(),
            maps: maps.used(),
            maps_max: maps.max(),
            refused: maps.refused(),
            ..self.loader.around.counters.read()
        }
    }
}

impl Loader {
    /// As [`Self::load`]; a panic of the compiler is an answer, too.
    fn load_caught(
        &self,
        bytes: &[u8],
        progress: impl FnMut(Progress),
    ) -> Result<Arc<ComponentProgram>, LoadError> {
        let load = std::panic::AssertUnwindSafe(|| self.load(bytes, progress));
        std::panic::catch_unwind(load)
            .unwrap_or_else(|_| Err(LoadError::Compile("the compiler panicked".to_owned())))
    }

    fn load(
        &self,
        bytes: &[u8],
        mut progress: impl FnMut(Progress),
    ) -> Result<Arc<ComponentProgram>, LoadError> {
        let inspection = inspect(bytes, self.config.max_upload)?;
        progress(Progress::Inspected(inspection.clone()));
        if inspection.world == World::Bot {
            return Err(LoadError::NotRules);
        }
        let begun = Instant::now();
        let (component, cached) = self.component(bytes, &inspection)?;
        progress(Progress::Compiled {
            cached,
            took: begun.elapsed(),
        });
        ComponentProgram::new(&component, inspection, self.around.clone(), &self.config)
            .map(Arc::new)
    }

    /// Machine code, and whether it was there already.
    fn component(
        &self,
        bytes: &[u8],
        inspection: &Inspection,
    ) -> Result<(Component, bool), LoadError> {
        let engine = self.around.engines.get(Sort::of(inspection, &self.config));
        let counters = &self.around.counters;
        match self
            .cache
            .as_ref()
            .map(|cache| cache.get(engine, &inspection.sha256))
        {
            Some(Found::Component(component)) => {
                count(&counters.cache_hits);
                return Ok((component, true));
            }
            Some(Found::Rejected) => count(&counters.cache_rejected),
            Some(Found::Nothing) | None => {}
        }
        let component = Component::from_binary(engine, bytes)
            .map_err(|error| LoadError::Compile(format!("{error:#}")))?;
        count(&counters.compiled);
        if let Some(cache) = &self.cache {
            cache.put(engine, &inspection.sha256, &component);
        }
        Ok((component, false))
    }
}
