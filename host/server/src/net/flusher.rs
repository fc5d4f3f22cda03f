//! Writes what waits for connections, many of them in one go.
//!
//! A delivery to fifty connections would otherwise wake fifty tasks, each for one system call. Instead an [`Outbox`] that
//! has something to write puts itself on the list of its flusher, which visits all on the list: those that have
//! been quiet for the flush window are written to at once, the others when it has passed. Only what cannot be written this
//! way (TLS, a full socket, a close) wakes the connection's own task.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::net::outbox::{Outbox, Visit};

/// Connections written to before other tasks get their turn: about a tenth of a millisecond.
const VISITS_PER_TURN: usize = 32;

/// Some tasks that write for all connections; clones are the same tasks. They run as long as their runtime.
#[derive(Debug, Clone)]
pub struct Flusher {
    shards: Arc<[Arc<Shard>]>,
    next: Arc<AtomicUsize>,
}

impl Flusher {
    /// Starts `tasks` tasks (one for each thread of the runtime is right) on the current runtime.
    #[must_use]
    pub fn start(tasks: usize) -> Self {
        let shards = (0..tasks.max(1)).map(|_| Arc::new(Shard::default()));
        let shards: Arc<[_]> = shards.collect();
        for shard in shards.iter() {
            tokio::spawn(run(Arc::clone(shard)));
        }
        Self {
            shards,
            next: Arc::default(),
        }
    }

    /// The list for a new connection; they take turns.
    pub(crate) fn shard(&self) -> Arc<Shard> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        // There is at least one; should there be none, nothing is written, and nothing else breaks.
        self.shards
            .get(next % self.shards.len().max(1))
            .map_or_else(Arc::default, Arc::clone)
    }
}

/// The list of one task.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    list: Mutex<Vec<Outbox>>,
    bell: Notify,
}

impl Shard {
    /// Has an outbox visited.
    pub(crate) fn add(&self, outbox: Outbox) {
        let first = {
            let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
            list.push(outbox);
            list.len() == 1
        };
        if first {
            self.bell.notify_one();
        }
    }

    fn swap(&self, empty: &mut Vec<Outbox>) {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *list, empty);
    }
}

/// Outboxes whose flush window has not passed, by the millisecond of `start` in which it will.
struct Later {
    start: Instant,
    by_millis: BTreeMap<u64, Vec<Outbox>>,
}

impl Later {
    fn add(&mut self, at: Instant, outbox: Outbox) {
        let after = at.saturating_duration_since(self.start);
        let millis = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        self.by_millis.entry(millis).or_default().push(outbox);
    }

    fn next(&self) -> Option<Instant> {
        let (&millis, _) = self.by_millis.first_key_value()?;
        Some(self.start + Duration::from_millis(millis))
    }

    fn take_due(&mut self, now: Instant, due: &mut Vec<Outbox>) {
        while self.next().is_some_and(|at| at <= now) {
            if let Some((_, outboxes)) = self.by_millis.pop_first() {
                due.extend(outboxes);
            }
        }
    }
}

async fn run(shard: Arc<Shard>) {
    let start = Instant::now();
    let mut later = Later {
        start,
        by_millis: BTreeMap::new(),
    };
    let mut timer = Box::pin(sleep_until(start));
    let mut visiting = Vec::new();
    loop {
        shard.swap(&mut visiting);
        later.take_due(Instant::now(), &mut visiting);
        if visiting.is_empty() {
            wait(&shard, later.next(), &mut timer).await;
            continue;
        }
        let mut now = Instant::now();
        for (count, outbox) in (1_usize..).zip(visiting.drain(..)) {
            if let Visit::Later(at) = outbox.visit(now) {
                later.add(at, outbox);
            }
            if count.is_multiple_of(VISITS_PER_TURN) {
                step_back().await;
                now = Instant::now();
            }
        }
    }
}

async fn wait(shard: &Shard, until: Option<Instant>, timer: &mut Pin<Box<Sleep>>) {
    let Some(until) = until else {
        return shard.bell.notified().await;
    };
    timer.as_mut().reset(until);
    tokio::select! {
        () = shard.bell.notified() => {}
        () = timer.as_mut() => {}
    }
}

/// Lets the other tasks of this thread go first. tokio's own `yield_now` would wait until none of them has
/// anything to do.
async fn step_back() {
    let mut stepped = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut stepped, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
