//! What one instance may grow to.

use crate::counters::Counters;
use std::sync::Arc;
use wasmtime::ResourceLimiter;

/// Memories, tables and core instances of one component instance. StarlingMonkey has tables of
/// 7,688 elements, QuickJS 13 core instances and 3 memories.
const MEMORIES: usize = 8;
const TABLES: usize = 64;
const INSTANCES: usize = 64;
const TABLE_ELEMENTS: usize = 64 * 1024;

/// Counts all memories and all tables of an instance together.
#[derive(Debug)]
pub(crate) struct Quota {
    memory_max: usize,
    memory: usize,
    elements: usize,
    counters: Arc<Counters>,
}

impl Quota {
    /// At most so many bytes of memory.
    pub(crate) fn new(memory_max: usize, counters: Arc<Counters>) -> Self {
        Self {
            memory_max,
            memory: 0,
            elements: 0,
            counters,
        }
    }
}

/// Whether the sum stays within `max`; if so it is kept.
fn grow(sum: &mut usize, current: usize, desired: usize, max: usize) -> bool {
    let grown = sum.saturating_add(desired.saturating_sub(current));
    let fits = grown <= max;
    if fits {
        *sum = grown;
    }
    fits
}

impl ResourceLimiter for Quota {
    // Refusing is an answer that the guest sees and may live with; only errors would trap. What is
    // allowed here and fails all the same stays counted, which errs on the safe side.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits = grow(&mut self.memory, current, desired, self.memory_max);
        self.counters.memory_was(self.memory);
        Ok(fits)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(grow(&mut self.elements, current, desired, TABLE_ELEMENTS))
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}
