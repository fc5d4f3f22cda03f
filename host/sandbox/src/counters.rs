//! Numbers for the operator, read by whoever exports them.

use std::sync::atomic::{AtomicU64, Ordering};

/// What the sandbox has done so far, and what it holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Programs compiled.
    pub compiled: u64,
    /// Programs taken from the cache.
    pub cache_hits: u64,
    /// Cache files that were damaged or not ours, and were compiled anew.
    pub cache_rejected: u64,
    /// Instances started.
    pub started: u64,
    /// Instances refused because the machine's memory maps are used up.
    pub refused: u64,
    /// Instances alive.
    pub live: u64,
    /// Memory maps they are counted with.
    pub maps: u64,
    /// Memory maps they may use.
    pub maps_max: u64,
    /// Log lines of rules that were over a limit.
    pub log_dropped: u64,
    /// Most bytes of linear memory that one instance has had.
    pub memory_peak: u64,
}

/// The counters behind [`Counts`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) compiled: AtomicU64,
    pub(crate) cache_hits: AtomicU64,
    pub(crate) cache_rejected: AtomicU64,
    pub(crate) started: AtomicU64,
    pub(crate) log_dropped: AtomicU64,
    memory_peak: AtomicU64,
}

/// One more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    /// An instance has so many bytes of memory now.
    pub(crate) fn memory_was(&self, bytes: usize) {
        self.memory_peak.fetch_max(bytes as u64, Ordering::Relaxed);
    }

    /// What stands there now, without what others count.
    pub(crate) fn read(&self) -> Counts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            compiled: get(&self.compiled),
            cache_hits: get(&self.cache_hits),
            cache_rejected: get(&self.cache_rejected),
            started: get(&self.started),
            log_dropped: get(&self.log_dropped),
            memory_peak: get(&self.memory_peak),
            ..Counts::default()
        }
    }
}
