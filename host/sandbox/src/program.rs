//! A program that is ready to be started: compiled, linked, asked for its manifest.

use crate::config::SandboxConfig;
use crate::convert::Topics;
use crate::counters::{Counters, count};
use crate::engine::{Engines, Sort};
use crate::error::LoadError;
use crate::inspect::Inspection;
use crate::instance::Instance;
use crate::interface::{self, Linked};
use crate::maps::{Maps, Need};
use crate::{log, wasi};
use roost_room::{CallLimits, Fault, LogLine, Manifest, Program, ProgramHash, Rules};
use std::fmt;
use std::sync::Arc;
use wasmtime::component::{Component, Linker};

/// A component that rules rooms of one kind. Made by [`crate::Sandbox::load`].
pub struct ComponentProgram {
    code: Arc<Code>,
    inspection: Inspection,
    manifest: Manifest,
    topics: Arc<Topics>,
    memory: usize,
}

/// What every instance of a program needs.
pub(crate) struct Code {
    pub(crate) linked: Box<dyn Linked>,
    pub(crate) start: CallLimits,
    pub(crate) maps: Arc<Maps>,
    pub(crate) need: Need,
    pub(crate) counters: Arc<Counters>,
    // Keeps both engines, hence their ticker, for as long as programs exist.
    _engines: Engines,
}

/// What programs share with the sandbox that loads them.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) engines: Engines,
    pub(crate) maps: Arc<Maps>,
    pub(crate) counters: Arc<Counters>,
}

impl ComponentProgram {
    /// Link a component and ask it what it is, on an instance of its own.
    pub(crate) fn new(
        component: &Component,
        inspection: Inspection,
        around: Surroundings,
        config: &SandboxConfig,
    ) -> Result<Self, LoadError> {
        let linked = link(component, inspection.interface)
            .map_err(|error| LoadError::Link(format!("{error:#}")))?;
        let need = need(component, Sort::of(&inspection, config), &inspection);
        let code = Arc::new(Code {
            linked,
            start: config.describe,
            maps: around.maps,
            need,
            counters: around.counters,
            _engines: around.engines,
        });
        let manifest = describe(&code, config)?;
        let memory = memory(&manifest, inspection.initial_memory, config)?;
        let topics = Arc::new(Topics::of(&manifest));
        Ok(Self {
            code,
            inspection,
            manifest,
            topics,
            memory,
        })
    }

    /// What its upload looked like.
    #[must_use]
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// Most bytes of linear memory each of its rooms may have.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.memory
    }
}

impl fmt::Debug for ComponentProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ComponentProgram")
            .field(&self.manifest.kind)
            .field(&self.inspection.sha256)
            .finish()
    }
}

impl Program for ComponentProgram {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn hash(&self) -> ProgramHash {
        self.inspection.sha256
    }

    fn blocking(&self) -> bool {
        self.inspection.uses_wasi
    }

    fn instantiate(&self, log: LogLine) -> Result<Box<dyn Rules>, Fault> {
        let instance = Instance::start(&self.code, Arc::clone(&self.topics), self.memory, log)?;
        count(&self.code.counters.started);
        Ok(Box::new(instance))
    }
}

fn link(component: &Component, interface: &str) -> wasmtime::Result<Box<dyn Linked>> {
    let engine = component.engine();
    let mut linker = Linker::new(engine);
    log::add_to_linker(&mut linker)?;
    wasi::add_to_linker(&mut linker, engine, component)?;
    interface::link(interface, linker.instantiate_pre(component)?)
}

/// The machine's share of one instance. A module can be instantiated more than once in a component,
/// which only wasmtime's count knows; a component that takes modules as imports has none.
fn need(component: &Component, sort: Sort, inspection: &Inspection) -> Need {
    let counted = component
        .resources_required()
        .map(|needed| u64::from(needed.num_memories));
    let memories = counted.unwrap_or(inspection.memories).max(1);
    Need {
        maps: memories.saturating_mul(sort.maps()),
        memories,
    }
}

fn describe(code: &Arc<Code>, config: &SandboxConfig) -> Result<Manifest, LoadError> {
    let topics = Arc::new(Topics::default());
    let quiet: LogLine = Arc::new(|level, line| tracing::debug!(?level, line, "describe"));
    let mut instance =
        Instance::start(code, topics, config.memory_max, quiet).map_err(LoadError::Describe)?;
    let manifest = instance
        .describe(config.describe)
        .map_err(LoadError::Describe)?;
    manifest.check()?;
    Ok(manifest)
}

/// What it asks for, if the host gives that much; the host's default otherwise. It must at least start.
fn memory(manifest: &Manifest, initial: u64, config: &SandboxConfig) -> Result<usize, LoadError> {
    let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
    let (limit, max) = match manifest.limits.memory {
        Some(kib) => (bytes(u64::from(kib) * 1024), config.memory_max),
        None => (config.memory, config.memory),
    };
    let asked = limit.max(bytes(initial));
    if asked > limit.min(max) {
        return Err(LoadError::Memory {
            asked: asked as u64 / 1024,
            max: limit.min(max) as u64 / 1024,
        });
    }
    Ok(limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use roost_room::{Durability, Pace, RequestedLimits};

    const MIB: usize = 1024 * 1024;

    /// What a program may have that asks for so many MiB and starts with so many.
    fn given(asked: Option<u32>, initial: u64) -> Result<usize, String> {
        let manifest = Manifest {
            kind: "kind".to_owned(),
            state_version: 1,
            pace: Pace::Messages,
            durability: Durability::Ephemeral,
            grace: 0,
            limits: RequestedLimits {
                members: 1,
                memory: asked.map(|mib| mib * 1024),
                ..RequestedLimits::default()
            },
            capabilities: Vec::new(),
            topics: Vec::new(),
            release: None,
        };
        let given = memory(&manifest, initial * MIB as u64, &SandboxConfig::default());
        given
            .map(|bytes| bytes / MIB)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn memory_is_what_is_asked_for_within_bounds() {
        assert_eq!(given(None, 1), Ok(64));
        assert_eq!(given(Some(16), 1), Ok(16));
        assert_eq!(given(Some(256), 1), Ok(256));
        assert_eq!(
            given(Some(257), 1),
            Err("needs 263168 KiB of memory, and 262144 are allowed".to_owned())
        );
        assert_eq!(
            given(Some(16), 17),
            Err("needs 17408 KiB of memory, and 16384 are allowed".to_owned())
        );
        assert_eq!(
            given(None, 65),
            Err("needs 66560 KiB of memory, and 65536 are allowed".to_owned())
        );
    }
}
