//! Clocks that show the event time of the call, and stand still until the next.

use super::refused;
use crate::host::Host;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock::{self, Duration, Instant};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::{self, Datetime};

const NS_PER_MS: u64 = 1_000_000;

impl wall_clock::Host for Host {
    fn now(&mut self) -> wasmtime::Result<Datetime> {
        self.wasi.charge(0)?;
        let now = std::time::Duration::from_millis(self.wasi.now);
        Ok(Datetime {
            seconds: now.as_secs(),
            nanoseconds: now.subsec_nanos(),
        })
    }

    fn resolution(&mut self) -> wasmtime::Result<Datetime> {
        Ok(Datetime {
            seconds: 0,
            nanoseconds: 1_000_000,
        })
    }
}

impl monotonic_clock::Host for Host {
    fn now(&mut self) -> wasmtime::Result<Instant> {
        self.wasi.charge(0)?;
        Ok(self.wasi.now.saturating_mul(NS_PER_MS))
    }

    fn resolution(&mut self) -> wasmtime::Result<Duration> {
        Ok(NS_PER_MS)
    }

    fn subscribe_instant(&mut self, _: Instant) -> wasmtime::Result<Resource<DynPollable>> {
        refused("waiting for a time")
    }

    fn subscribe_duration(&mut self, _: Duration) -> wasmtime::Result<Resource<DynPollable>> {
        refused("waiting for a time")
    }
}
