//! The committer: one thread that makes waiting batches durable, all of them at once.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::{
    StoreError,
    database::Shared,
    files::Files,
    op::Op,
    plan::{Plan, cut, describe},
    queue::Job,
    record::{PIECE_BYTES, Pieces, seal},
    watch::{Watch, recorded_error},
};

/// Pieces of an upload that are written in one step (246 KiB). sled's lock for batches is one
/// for the whole process and waits for flushes in work, so a step must be short.
const UPLOAD_STEP: usize = 42;

/// What a committer has done since the store was opened, and what lies before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Batches made durable.
    pub batches: u64,
    /// Groups of batches that were committed together.
    pub commits: u64,
    /// Times the files were synced.
    pub syncs: u64,
    /// Bytes of the batches made durable, as the queue counts them.
    pub bytes: u64,
    /// Batches waiting or in work now.
    pub queued_batches: usize,
    /// Bytes waiting or in work now.
    pub queued_bytes: usize,
}

/// The counters behind [`Stats`].
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) batches: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) syncs: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

/// Everything the thread owns.
pub(crate) struct Committer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) db: sled::Db,
    pub(crate) files: Files,
    pub(crate) watch: Watch,
}

impl Committer {
    /// Works until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        while let Some(group) = self.shared.queue.take() {
            let outcome = self
                .shared
                .queue
                .health()
                .and_then(|()| self.guarded(&group));
            if let Err(cause) = &outcome {
                tracing::error!(path = %self.shared.path.display(), %cause, "a commit failed");
                self.shared.queue.fail(cause.clone());
            } else {
                self.count(&group);
            }
            self.shared.queue.release(&group);
            for job in group {
                let outcome = outcome.clone();
                // A waiter that panics must not take the others along.
                if catch_unwind(AssertUnwindSafe(|| (job.done)(outcome))).is_err() {
                    tracing::error!("a waiter for a commit panicked");
                }
            }
        }
    }

    fn count(&self, group: &[Job]) {
        let cost: usize = group.iter().map(|job| job.cost).sum();
        let counters = &self.shared.counters;
        counters
            .batches
            .fetch_add(u64::try_from(group.len()).unwrap_or(0), Relaxed);
        counters
            .bytes
            .fetch_add(u64::try_from(cost).unwrap_or(0), Relaxed);
        counters.commits.fetch_add(1, Relaxed);
    }

    /// Commits under the watch, and turns a panic of the database library into an error.
    fn guarded(&mut self, group: &[Job]) -> Result<(), StoreError> {
        self.watch.working(true);
        let outcome = catch_unwind(AssertUnwindSafe(|| self.commit(group)));
        self.watch.working(false);
        outcome.unwrap_or_else(|panic| Err(self.shared.panicked(panic.as_ref())))
    }

    fn commit(&mut self, group: &[Job]) -> Result<(), StoreError> {
        let tree: &sled::Tree = &self.db;
        let tree = tree.clone();
        let path = self.shared.path.clone();
        let mut plan = Plan::new(&tree, &path);
        for job in group {
            let staged = self.stage(job, &mut plan)?;
            for op in &job.ops {
                plan.add(op, &staged)?;
            }
            if !staged.is_empty() {
                self.apply(&mut plan)?;
            }
        }
        self.apply(&mut plan)?;
        self.flush()?;
        self.files.sync()?;
        self.shared.counters.syncs.fetch_add(1, Relaxed);
        Ok(())
    }

    /// Writes the pieces of a job's large uploads ahead of the job. What stands before it in the
    /// plan is applied first, so that the order of batches stays.
    fn stage(
        &self,
        job: &Job,
        plan: &mut Plan<'_>,
    ) -> Result<BTreeMap<Vec<u8>, Pieces>, StoreError> {
        let mut staged = BTreeMap::new();
        for op in &job.ops {
            let Op::Upload { key, mark, bytes } = op else {
                continue;
            };
            if bytes.len() <= UPLOAD_STEP * PIECE_BYTES || staged.contains_key(key) {
                continue;
            }
            self.apply(plan)?;
            let generation = plan.next_generation(key)?;
            let mut pieces = cut(key, generation, bytes).peekable();
            let mut step = sled::Batch::default();
            step.insert(mark.as_slice(), seal(mark, &[]));
            while pieces.peek().is_some() {
                for (key, value) in pieces.by_ref().take(UPLOAD_STEP) {
                    step.insert(key, value);
                }
                self.apply_batch(std::mem::take(&mut step))?;
                self.flush()?;
            }
            staged.insert(key.clone(), describe(generation, bytes));
        }
        Ok(staged)
    }

    fn apply(&self, plan: &mut Plan<'_>) -> Result<(), StoreError> {
        plan.take().map_or(Ok(()), |batch| self.apply_batch(batch))
    }

    fn apply_batch(&self, batch: sled::Batch) -> Result<(), StoreError> {
        // Readers of a value in pieces see either all of it or none.
        let _alone = self.shared.exclusive();
        self.db
            .apply_batch(batch)
            .map_err(|source| self.shared.failed(source))
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.db
            .flush()
            .map_err(|source| self.shared.failed(source))?;
        recorded_error(&self.db).map_err(|source| self.shared.failed(source.into()))
    }
}
