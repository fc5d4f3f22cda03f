//! A WASI that can neither wait nor look outside, for components of toolchains that need one.
//!
//! - Clocks give the event time of the call, monotonic ones too; nothing moves within a call.
//! - Random numbers, the "secure" ones included, come from the call's seed: the same call gives the
//!   same numbers. They are no secret, and no secret should be made of them.
//! - Output goes to the room's log, line by line: standard output as info, standard error as warnings.
//! - Environment, arguments and standard input are empty.
//! - Streams are always ready, so polling them returns at once; subscriptions to clocks, which alone
//!   could wait, trap, and so do files and sockets.
//!
//! Nothing here needs an async runtime, so no thread is the wrong one to call from. Each call of the
//! host costs a share of a budget, because the work is the host's and not metered by fuel.

mod clocks;
mod linker;
mod random;
mod stdio;

use crate::log::{LINE_BYTES, RoomLog};
use random::SplitMix;
use roost_room::LogLevel;
use stdio::Lines;
use thiserror::Error;

pub(crate) use linker::add_to_linker;

/// What all WASI calls of one call of the rules may cost, in bytes handed over.
const BUDGET: u64 = 4 * 1024 * 1024;
/// What a WASI call costs besides the bytes.
const CALL_COST: u64 = 64;
/// Handles of streams and pollables that may be open at once: they take the host's memory.
const HANDLES: u32 = 64;

/// A guest asked the host for too much within one call.
#[derive(Debug, Error)]
pub(crate) enum Overuse {
    #[error("more WASI calls or bytes than one call may have")]
    Budget,
    #[error("more than {HANDLES} streams and pollables open")]
    Handles,
}

/// The state behind the WASI calls of one instance.
#[derive(Debug)]
pub(crate) struct Wasi {
    /// Event time, in Unix milliseconds.
    pub(crate) now: u64,
    budget: u64,
    handles: u32,
    secure: SplitMix,
    insecure: SplitMix,
    seed: u64,
    out: Lines,
    err: Lines,
}

impl Default for Wasi {
    fn default() -> Self {
        Self {
            now: 0,
            budget: BUDGET,
            handles: 0,
            secure: SplitMix::new(0, 0),
            insecure: SplitMix::new(0, 1),
            seed: 0,
            out: Lines::new(LogLevel::Info),
            err: Lines::new(LogLevel::Warn),
        }
    }
}

impl Wasi {
    /// A call begins.
    pub(crate) fn begin(&mut self, now: u64, seed: u64) {
        self.now = now;
        self.budget = BUDGET;
        self.seed = seed;
        self.secure = SplitMix::new(seed, 0);
        self.insecure = SplitMix::new(seed, 1);
        self.err.forget();
    }

    /// Write out lines that were not ended.
    pub(crate) fn flush(&mut self, log: &mut RoomLog) {
        self.out.flush(log);
        self.err.flush(log);
    }

    /// The beginning of what standard error got in this call.
    pub(crate) fn take_last_words(&mut self) -> Option<String> {
        self.err.take_words()
    }

    /// Take a WASI call and its bytes off the budget.
    fn charge(&mut self, bytes: u64) -> wasmtime::Result<()> {
        let cost = CALL_COST.saturating_add(bytes);
        self.budget = self.budget.checked_sub(cost).ok_or(Overuse::Budget)?;
        Ok(())
    }

    fn open_handle(&mut self) -> wasmtime::Result<()> {
        self.charge(0)?;
        if self.handles >= HANDLES {
            return Err(Overuse::Handles.into());
        }
        self.handles += 1;
        Ok(())
    }

    fn close_handle(&mut self) {
        self.handles = self.handles.saturating_sub(1);
    }
}

/// A trap with that text.
fn refused<T>(what: &str) -> wasmtime::Result<T> {
    Err(wasmtime::Error::msg(format!(
        "{what} is not offered to rules"
    )))
}

/// Bytes kept of standard error for the text of a fault.
const WORDS: usize = LINE_BYTES;
