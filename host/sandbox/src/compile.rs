//! The one thread that compiles. It has low priority and a bounded queue: whatever is uploaded, the
//! rooms that run notice little of it.

use crate::error::LoadError;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// How far behind everything else: 19 would starve on a busy machine.
const NICENESS: i32 = 10;
/// The compiler recurses with its input.
const STACK: usize = 16 * 1024 * 1024;

type Job = Box<dyn FnOnce() + Send>;

/// The thread's queue. The thread ends when this is dropped and the queue is empty.
pub(crate) struct Compiler {
    queue: SyncSender<Job>,
    size: usize,
}

impl Compiler {
    pub(crate) fn start(size: usize) -> Result<Self, LoadError> {
        let (queue, jobs) = sync_channel(size);
        std::thread::Builder::new()
            .name("roost-compile".to_owned())
            .stack_size(STACK)
            .spawn(move || work(&jobs))?;
        Ok(Self { queue, size })
    }

    /// Queue a job. Refused when the queue is full.
    pub(crate) fn submit(&self, job: Job) -> Result<(), LoadError> {
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => LoadError::Busy(self.size),
            TrySendError::Disconnected(_) => LoadError::Stopped,
        })
    }

    /// Queue a job, waiting for a place.
    pub(crate) fn submit_waiting(&self, job: Job) -> Result<(), LoadError> {
        self.queue.send(job).map_err(|_| LoadError::Stopped)
    }
}

fn work(jobs: &Receiver<Job>) {
    // On Linux this concerns the calling thread only.
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::warn!(%error, "the compiler runs at normal priority");
    }
    while let Ok(job) = jobs.recv() {
        // A panic of the compiler on somebody's odd upload must not end all uploads.
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
            tracing::error!("a job of the compiler panicked");
        }
    }
}
