//! How many instances fit the machine: each linear memory is a few memory maps and 4 GiB of address
//! space, and both run out long before memory does. Past either wall the host's own allocator fails
//! too and the process aborts, so instances stay clear of them.

use roost_room::Fault;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Maps left to the rest of the process.
const SPARE: u64 = 5_000;
/// What Linux has unless told otherwise.
const USUAL: u64 = 65_530;
/// Memories of 4 GiB and guard pages that fit 128 TiB of address space, with some to spare.
const MEMORIES: u64 = 30_000;
const SYSCTL: &str = "/proc/sys/vm/max_map_count";

/// The budget of all instances together.
#[derive(Debug)]
pub(crate) struct Maps {
    configured: Option<u64>,
    max: AtomicU64,
    used: AtomicU64,
    memories: AtomicU64,
    live: AtomicU64,
    refused: AtomicU64,
}

/// The share of one instance, given back on drop.
#[derive(Debug)]
pub(crate) struct Lease {
    budget: Arc<Maps>,
    need: Need,
}

/// What one instance takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    pub(crate) maps: u64,
    pub(crate) memories: u64,
}

impl Maps {
    pub(crate) fn new(configured: Option<u64>) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            configured,
            max: AtomicU64::new(configured.unwrap_or_else(available)),
            used: zero(),
            memories: zero(),
            live: zero(),
            refused: zero(),
        }
    }

    /// Set a share aside, or say what is in the way.
    pub(crate) fn lease(self: &Arc<Self>, need: Need) -> Result<Lease, Fault> {
        if !take(&self.used, need.maps, self.max()) && !take(&self.used, need.maps, self.reread()) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Fault::Start(format!(
                "rooms use {} of the {} memory maps they may, and this one needs {} more; raise `sysctl vm.max_map_count`",
                self.used(),
                self.max(),
                need.maps,
            )));
        }
        if !take(&self.memories, need.memories, MEMORIES) {
            self.used.fetch_sub(need.maps, Ordering::Relaxed);
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Fault::Start(format!(
                "the address space holds {MEMORIES} memories of rooms, and this one needs {} more",
                need.memories,
            )));
        }
        self.live.fetch_add(1, Ordering::Relaxed);
        Ok(Lease {
            budget: Arc::clone(self),
            need,
        })
    }

    /// Maps that may be used.
    pub(crate) fn max(&self) -> u64 {
        self.max.load(Ordering::Relaxed)
    }

    /// Maps in use.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Instances alive.
    pub(crate) fn live(&self) -> u64 {
        self.live.load(Ordering::Relaxed)
    }

    /// Instances refused so far.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// The operator may have raised the limit since.
    fn reread(&self) -> u64 {
        let max = self.configured.unwrap_or_else(available);
        self.max.store(max, Ordering::Relaxed);
        max
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.budget
            .used
            .fetch_sub(self.need.maps, Ordering::Relaxed);
        self.budget
            .memories
            .fetch_sub(self.need.memories, Ordering::Relaxed);
        self.budget.live.fetch_sub(1, Ordering::Relaxed);
    }
}

fn take(used: &AtomicU64, need: u64, max: u64) -> bool {
    used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
        used.checked_add(need).filter(|sum| *sum <= max)
    })
    .is_ok()
}

fn available() -> u64 {
    let read = std::fs::read_to_string(Path::new(SYSCTL)).ok();
    read.and_then(|text| text.trim().parse().ok())
        .unwrap_or(USUAL)
        .saturating_sub(SPARE)
}
