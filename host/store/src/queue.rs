//! The bounded queue in front of a committer. Full means refused: nobody waits to get in.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::{StoreError, op::Op};

/// Called once with the outcome of a batch, on the committer's thread: it must not block.
pub type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// How much may wait or be in work in one database at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Batches.
    pub batches: usize,
    /// Bytes of keys and values, and 64 for each operation.
    pub bytes: usize,
}

/// One batch with its waiter.
pub(crate) struct Job {
    pub(crate) ops: Vec<Op>,
    pub(crate) cost: usize,
    pub(crate) done: Done,
}

#[derive(Default)]
struct State {
    waiting: Vec<Job>,
    /// Waiting and in work.
    batches: usize,
    /// Waiting and in work.
    bytes: usize,
    closed: bool,
    failure: Option<StoreError>,
}

pub(crate) struct Queue {
    limits: QueueLimits,
    state: Mutex<State>,
    arrived: Condvar,
}

impl Queue {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            state: Mutex::default(),
            arrived: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this lock, so the state is whole in any case.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a batch, or says why not; then `done` is dropped without being called.
    pub(crate) fn submit(&self, ops: Vec<Op>, done: Done) -> Result<(), StoreError> {
        let cost = ops.iter().map(Op::cost).sum();
        let mut state = self.state();
        if let Some(failure) = &state.failure {
            return Err(failure.clone());
        }
        if state.closed {
            return Err(StoreError::Closed);
        }
        if cost > self.limits.bytes {
            return Err(StoreError::TooLarge {
                bytes: cost,
                limit: self.limits.bytes,
            });
        }
        if state.batches >= self.limits.batches || cost > self.limits.bytes - state.bytes {
            return Err(StoreError::Overloaded);
        }
        state.batches += 1;
        state.bytes += cost;
        state.waiting.push(Job { ops, cost, done });
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Everything that waits; blocks until there is something, none once closed and empty.
    pub(crate) fn take(&self) -> Option<Vec<Job>> {
        let mut state = self.state();
        while state.waiting.is_empty() {
            if state.closed {
                return None;
            }
            state = self
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Some(std::mem::take(&mut state.waiting))
    }

    /// Frees the room of jobs that are done.
    pub(crate) fn release(&self, jobs: &[Job]) {
        let cost: usize = jobs.iter().map(|job| job.cost).sum();
        let mut state = self.state();
        state.batches = state.batches.saturating_sub(jobs.len());
        state.bytes = state.bytes.saturating_sub(cost);
    }

    /// Refuses everything from now on; the first cause stays.
    pub(crate) fn fail(&self, cause: StoreError) {
        self.state().failure.get_or_insert(cause);
    }

    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.arrived.notify_all();
    }

    /// The first failure, if there has been one.
    pub(crate) fn health(&self) -> Result<(), StoreError> {
        self.state().failure.clone().map_or(Ok(()), Err)
    }

    /// Batches and bytes that wait or are in work.
    pub(crate) fn load(&self) -> (usize, usize) {
        let state = self.state();
        (state.batches, state.bytes)
    }
}
