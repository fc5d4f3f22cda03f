//! How wasmtime is set up, and the clock behind its watchdog.
//!
//! Every choice is measured: synchronous calls without concurrency support save 290 ns a call,
//! images without copy-on-write need two memory maps an instance in place of four, canonical NaNs
//! cost a factor of ten on scalar floats, a reservation under 4 GiB a factor of 1.2.

use crate::config::SandboxConfig;
use crate::error::LoadError;
use crate::inspect::{FEATURES, Inspection};
use std::num::NonZeroUsize;
use std::time::Duration;
use wasmparser::WasmFeatures;
use wasmtime::{Config, Engine, EngineWeak, OptLevel, WasmBacktraceDetails};

/// Time between two epochs.
pub(crate) const TICK: Duration = Duration::from_millis(10);
/// Stack of a guest, in bytes.
const STACK: usize = 512 * 1024;
/// Address space set aside for each memory, in bytes: no bounds checks in compiled code.
const RESERVATION: u64 = 4 << 30;
/// Frames kept of a trap.
const FRAMES: Option<NonZeroUsize> = NonZeroUsize::new(16);

/// Which of the two engines a program runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Initial memory is copied into each instance: two memory maps, and quicker for small ones.
    Copied,
    /// Initial memory is shared until written to: four maps; for interpreters with megabytes of it.
    Shared,
}

impl Sort {
    /// The rule: shared for programs over `big_component` bytes, or whose memories start with more
    /// than `big_memory` bytes.
    pub(crate) fn of(inspection: &Inspection, config: &SandboxConfig) -> Self {
        let big_memory = u64::try_from(config.big_memory).unwrap_or(u64::MAX);
        if inspection.size > config.big_component || inspection.initial_memory > big_memory {
            Self::Shared
        } else {
            Self::Copied
        }
    }

    /// Memory maps that one linear memory takes.
    pub(crate) const fn maps(self) -> u64 {
        match self {
            Self::Copied => 2,
            Self::Shared => 4,
        }
    }
}

/// Both engines. Their ticker ends when neither is used any more.
#[derive(Clone)]
pub(crate) struct Engines {
    copied: Engine,
    shared: Engine,
}

impl Engines {
    /// Set both up and start their clock.
    pub(crate) fn new() -> Result<Self, LoadError> {
        let failed = |error: wasmtime::Error| LoadError::Engine(format!("{error:#}"));
        let engines = Self {
            copied: Engine::new(&config(Sort::Copied)).map_err(failed)?,
            shared: Engine::new(&config(Sort::Shared)).map_err(failed)?,
        };
        let handles = [engines.copied.weak(), engines.shared.weak()];
        std::thread::Builder::new()
            .name("roost-epoch".to_owned())
            .spawn(move || tick(&handles))?;
        Ok(engines)
    }

    /// The engine for that sort of program.
    pub(crate) fn get(&self, sort: Sort) -> &Engine {
        match sort {
            Sort::Copied => &self.copied,
            Sort::Shared => &self.shared,
        }
    }

    /// Both, for what concerns either.
    pub(crate) fn all(&self) -> [&Engine; 2] {
        [&self.copied, &self.shared]
    }
}

/// Advance the epoch until nothing holds an engine: no sandbox, program or instance.
fn tick(engines: &[EngineWeak; 2]) {
    loop {
        std::thread::sleep(TICK);
        let mut alive = false;
        for engine in engines.iter().filter_map(EngineWeak::upgrade) {
            engine.increment_epoch();
            alive = true;
        }
        if !alive {
            return;
        }
    }
}

fn config(sort: Sort) -> Config {
    let mut config = Config::new();
    config
        .wasm_features(WasmFeatures::all(), false)
        .wasm_features(FEATURES, true)
        .consume_fuel(true)
        .epoch_interruption(true)
        .concurrency_support(false)
        .memory_init_cow(sort == Sort::Shared)
        .memory_reservation(RESERVATION)
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(false)
        .max_wasm_stack(STACK)
        // Names come from the name section. Reading an uploader's DWARF at a trap is not worth it.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(FRAMES);
    config
}

/// Epochs that cover this time. `None` is for ever.
pub(crate) fn epochs(deadline: Option<Duration>) -> u64 {
    // One more, because the epoch under way counts in full. Half the range, because it is added to the present one.
    const NEVER: u64 = u64::MAX / 2;
    deadline.map_or(NEVER, |time| {
        let ticks = time.as_nanos().div_ceil(TICK.as_nanos()).saturating_add(1);
        u64::try_from(ticks).unwrap_or(NEVER).min(NEVER)
    })
}
