//! The one import of rules: lines to the operator's log, within limits.

use crate::counters::{Counters, count};
use crate::host::Host;
use crate::interface::INTERFACES;
use crate::interface::log::Level;
use roost_room::{LogLevel, LogLine};
use std::sync::Arc;
use wasmtime::component::{Linker, WasmStr};
use wasmtime::{StoreContextMut, Trap};

/// Bytes of a line.
pub(crate) const LINE_BYTES: usize = 1024;
/// Lines of a call.
const CALL_LINES: u32 = 64;
/// Lines within [`WINDOW_MS`] of event time.
const WINDOW_LINES: u32 = 100;
const WINDOW_MS: u64 = 1000;
/// Fuel a line costs besides one unit a byte, written or not: reading it is work for the host.
const LINE_FUEL: u64 = 500;

/// The log of one room.
pub(crate) struct RoomLog {
    sink: LogLine,
    counters: Arc<Counters>,
    on: bool,
    in_call: u32,
    window: Option<u64>,
    in_window: u32,
    last_error: Option<String>,
}

impl RoomLog {
    pub(crate) fn new(sink: LogLine, counters: Arc<Counters>) -> Self {
        Self {
            sink,
            counters,
            on: false,
            in_call: 0,
            window: None,
            in_window: 0,
            last_error: None,
        }
    }

    /// A call begins at that event time.
    pub(crate) fn begin(&mut self, now: u64, on: bool) {
        self.on = on;
        self.in_call = 0;
        self.last_error = None;
        let over = self
            .window
            .is_none_or(|start| now < start || now - start >= WINDOW_MS);
        if on && over {
            self.window = Some(now);
            self.in_window = 0;
        }
    }

    /// Write a line if the limits allow it. Of an error the text is kept in any case: it may be
    /// what a panic said.
    pub(crate) fn write(&mut self, level: LogLevel, line: &str) {
        let line = cut(line);
        if level == LogLevel::Error {
            self.last_error = Some(line.to_owned());
        }
        if !self.on {
            return;
        }
        if self.in_call >= CALL_LINES || self.in_window >= WINDOW_LINES {
            count(&self.counters.log_dropped);
            return;
        }
        self.in_call += 1;
        self.in_window += 1;
        (self.sink)(level, line);
    }

    /// The last error of this call.
    pub(crate) fn take_error(&mut self) -> Option<String> {
        self.last_error.take()
    }
}

/// As much of the line as is allowed, whole characters only.
pub(crate) fn cut(line: &str) -> &str {
    line.get(..line.floor_char_boundary(LINE_BYTES))
        .unwrap_or(line)
}

/// Offer `roost:room/log` of every version: it is the same in all.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    for version in INTERFACES {
        let name = format!("roost:room/log@{version}");
        linker.instance(&name)?.func_wrap("log", log)?;
    }
    Ok(())
}

/// The line is read where it stands in the guest's memory.
fn log(
    mut store: StoreContextMut<'_, Host>,
    (level, line): (Level, WasmStr),
) -> wasmtime::Result<()> {
    let text = line.to_str(&store)?;
    let cost = LINE_FUEL.saturating_add(text.len() as u64);
    let line = cut(&text).to_owned();
    let left = store.get_fuel()?.checked_sub(cost);
    store.set_fuel(left.unwrap_or(0))?;
    if left.is_none() {
        return Err(Trap::OutOfFuel.into());
    }
    store.data_mut().log.write(kernel_level(level), &line);
    Ok(())
}

fn kernel_level(level: Level) -> LogLevel {
    match level {
        Level::Debug => LogLevel::Debug,
        Level::Info => LogLevel::Info,
        Level::Warn => LogLevel::Warn,
        Level::Error => LogLevel::Error,
    }
}
