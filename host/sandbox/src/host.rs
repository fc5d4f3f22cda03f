//! What a store holds for its one instance.

use crate::log::RoomLog;
use crate::quota::Quota;
use crate::wasi::Wasi;

/// The host's side of one instance.
pub(crate) struct Host {
    pub(crate) quota: Quota,
    pub(crate) log: RoomLog,
    pub(crate) wasi: Wasi,
}

impl Host {
    pub(crate) fn new(quota: Quota, log: RoomLog) -> Self {
        Self {
            quota,
            log,
            wasi: Wasi::default(),
        }
    }

    /// A call begins. Without a time of its own it has that of the call before.
    pub(crate) fn begin(&mut self, now: Option<u64>, seed: u64, log: bool) {
        let now = now.unwrap_or(self.wasi.now);
        self.log.begin(now, log);
        self.wasi.begin(now, seed);
    }

    /// A call ended, well or not: what was printed without an end of line is written.
    pub(crate) fn end(&mut self) {
        self.wasi.flush(&mut self.log);
    }

    /// What a panic said in this call, if anything was said.
    pub(crate) fn take_last_words(&mut self) -> Option<String> {
        self.log
            .take_error()
            .or_else(|| self.wasi.take_last_words())
    }
}
