//! What takes longer than an answer may: followed while it goes on, remembered for a while.

use super::Refusal;
use crate::clock::unix_millis;
use roost_protocol::api::{Job, JobKind, JobState, Published, ShadowReport, Stage};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// So many jobs are remembered.
const MOST: usize = 100;

/// The last jobs.
#[derive(Debug, Default)]
pub struct Jobs {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    last: u64,
    /// Oldest first.
    jobs: VecDeque<Arc<JobHandle>>,
}

/// A job, for whoever does it and whoever follows it.
#[derive(Debug)]
pub struct JobHandle {
    job: watch::Sender<Job>,
}

impl Jobs {
    /// A job begins.
    pub fn begin(&self, kind: JobKind, module: &str, version: Option<u32>) -> Arc<JobHandle> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.last += 1;
        let job = Job {
            id: inner.last.to_string(),
            kind,
            module: module.to_owned(),
            version,
            state: JobState::Running,
            stage: Stage::Waiting,
            done: 0,
            total: 0,
            started_at: unix_millis(),
            ended_at: None,
            error: None,
            result: None,
            shadow: None,
        };
        let handle = Arc::new(JobHandle {
            job: watch::Sender::new(job),
        });
        inner.jobs.push_back(Arc::clone(&handle));
        if inner.jobs.len() > MOST {
            inner.jobs.pop_front();
        }
        handle
    }

    /// A job by its id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<JobHandle>> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut jobs = inner.jobs.iter();
        jobs.find(|handle| handle.job.borrow().id == id).cloned()
    }

    /// All that are remembered, newest first.
    #[must_use]
    pub fn all(&self) -> Vec<Job> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let jobs = inner.jobs.iter().rev();
        jobs.map(|handle| handle.job.borrow().clone()).collect()
    }
}

impl JobHandle {
    /// How it is.
    #[must_use]
    pub fn job(&self) -> Job {
        self.job.borrow().clone()
    }

    /// How it is, at each change. The last one has ended.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Job> {
        self.job.subscribe()
    }

    /// Where its version is now, with so many rooms before it.
    pub(crate) fn stage(&self, stage: Stage, total: usize) {
        self.job.send_modify(|job| {
            job.stage = stage;
            job.done = 0;
            job.total = total;
        });
    }

    /// One more room is done.
    pub(crate) fn advance(&self) {
        self.job.send_modify(|job| job.done += 1);
    }

    /// It is about this version.
    pub(crate) fn version(&self, version: u32) {
        self.job.send_modify(|job| job.version = Some(version));
    }

    /// How a shadow compares so far.
    pub(crate) fn shadow(&self, report: ShadowReport) {
        self.job.send_modify(|job| job.shadow = Some(report));
    }

    /// It has ended.
    pub(crate) fn end(&self, result: &Result<Published, Refusal>) {
        self.job.send_modify(|job| {
            job.ended_at = Some(unix_millis());
            match result {
                Ok(published) => {
                    job.state = JobState::Done;
                    job.result = Some(published.clone());
                }
                Err(refusal) => {
                    job.state = JobState::Failed;
                    job.stage = Stage::Refused;
                    job.error = Some(refusal.body.error.clone());
                }
            }
        });
    }
}
