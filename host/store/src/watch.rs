//! The watch over a commit: makes sure that a failed write is noticed.
//!
//! When sled 0.34.7 fails to write a buffer on its own I/O thread it records the error, but on
//! one of the two ways there it does not wake the thread that waits for that buffer, which would
//! then wait for ever. Any attempt to write wakes it, and fails at once without writing, as the
//! error is recorded for good. So while a commit is in work, a watcher looks for the recorded
//! error and makes such an attempt.

use std::{
    io,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use crate::StoreError;

/// How often a commit in work is looked at.
const INTERVAL: Duration = Duration::from_millis(100);

#[derive(Default)]
struct State {
    working: bool,
    stopped: bool,
}

#[derive(Default)]
struct Signal {
    state: Mutex<State>,
    changed: Condvar,
}

impl Signal {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The watcher's thread; dropping it stops and joins it.
pub(crate) struct Watch {
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(crate) fn start(db: sled::Db, path: &Path) -> Result<Self, StoreError> {
        let signal = Arc::new(Signal::default());
        let watched = Arc::clone(&signal);
        let thread = std::thread::Builder::new()
            .name("store-watch".to_owned())
            .spawn(move || run(&watched, &db))
            .map_err(StoreError::io("start the watcher of", path))?;
        Ok(Self {
            signal,
            thread: Some(thread),
        })
    }

    /// Says whether a commit is in work.
    pub(crate) fn working(&self, working: bool) {
        self.signal.state().working = working;
        self.signal.changed.notify_all();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.signal.state().stopped = true;
        self.signal.changed.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the watcher of a database panicked");
        }
    }
}

fn run(signal: &Signal, db: &sled::Db) {
    let mut state = signal.state();
    while !state.stopped {
        if !state.working {
            state = signal
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        let waited = signal.changed.wait_timeout(state, INTERVAL);
        let (next, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        state = next;
        if timeout.timed_out() && state.working {
            drop(state);
            wake_if_failed(db);
            state = signal.state();
        }
    }
}

fn wake_if_failed(db: &sled::Db) {
    if recorded_error(db).is_err() {
        // Fails with the recorded error before it writes, and wakes whoever waits.
        let woken = db.open_tree("wake");
        tracing::debug!(
            failed = woken.is_err(),
            "woke a commit after a failed write"
        );
    }
}

/// The error sled has recorded on one of its own threads, if any.
pub(crate) fn recorded_error(db: &sled::Db) -> Result<(), io::Error> {
    db.context.global_error().map_err(io::Error::from)
}
