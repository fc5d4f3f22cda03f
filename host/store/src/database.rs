//! One sled database with its committer. Both databases of the store are this.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic::Ordering::Relaxed,
        mpsc,
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{
    QueueLimits, Stats, StoreError,
    committer::{Committer, Counters},
    files::Files,
    key,
    op::Op,
    queue::{Done, Queue},
    record,
    watch::Watch,
};

/// sled's page cache, per database, in bytes.
const CACHE_BYTES: u64 = 64 << 20;
/// The version of the key layout.
const LAYOUT: u8 = 1;
/// Pause between two attempts to get the lock of a database.
const LOCK_RETRY: Duration = Duration::from_millis(10);

/// What the committer, the readers and the submitters of one database share.
pub(crate) struct Shared {
    pub(crate) path: PathBuf,
    pub(crate) queue: Queue,
    pub(crate) counters: Counters,
    /// None once closed. Readers hold it shared, the committer alone while it applies a batch.
    db: RwLock<Option<sled::Db>>,
}

impl Shared {
    pub(crate) fn exclusive(&self) -> RwLockWriteGuard<'_, Option<sled::Db>> {
        self.db.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A consistent view. It fails once a commit has failed: what sled then holds in memory may
    /// never have reached the disk.
    pub(crate) fn view(&self) -> Result<View<'_>, StoreError> {
        self.queue.health()?;
        let guard = self.db.read().unwrap_or_else(PoisonError::into_inner);
        if guard.is_none() {
            return Err(StoreError::Closed);
        }
        Ok(View {
            guard,
            shared: self,
        })
    }

    /// Queues operations and waits for the outcome.
    pub(crate) fn submit_and_wait(&self, ops: Vec<Op>) -> Result<(), StoreError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let done: Done = Box::new(move |outcome| {
            // The receiver waits below, so sending can neither block nor fail.
            let _ = sender.send(outcome);
        });
        self.queue.submit(ops, done)?;
        receiver.recv().unwrap_or(Err(StoreError::Closed))
    }

    pub(crate) fn stats(&self) -> Stats {
        let (queued_batches, queued_bytes) = self.queue.load();
        Stats {
            batches: self.counters.batches.load(Relaxed),
            commits: self.counters.commits.load(Relaxed),
            syncs: self.counters.syncs.load(Relaxed),
            bytes: self.counters.bytes.load(Relaxed),
            queued_batches,
            queued_bytes,
        }
    }

    pub(crate) fn failed(&self, source: sled::Error) -> StoreError {
        StoreError::Database {
            path: self.path.clone(),
            source: Arc::new(source),
        }
    }

    pub(crate) fn panicked(&self, panic: &(dyn Any + Send)) -> StoreError {
        panicked(&self.path, panic)
    }
}

/// Read access to a database while no batch is being applied.
pub(crate) struct View<'a> {
    guard: RwLockReadGuard<'a, Option<sled::Db>>,
    shared: &'a Shared,
}

impl View<'_> {
    fn db(&self) -> Result<&sled::Db, StoreError> {
        self.guard.as_ref().ok_or(StoreError::Closed)
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<sled::IVec>, StoreError> {
        self.db()?
            .get(key)
            .map_err(|source| self.shared.failed(source))
    }

    /// Keys and records from `first` to the end of the keys with `prefix`, in order.
    pub(crate) fn scan(
        &self,
        first: Vec<u8>,
        prefix: &[u8],
    ) -> Result<impl Iterator<Item = Result<(sled::IVec, sled::IVec), StoreError>> + '_, StoreError>
    {
        let end = key::after_prefix(prefix).unwrap_or_else(|| vec![0xFF]);
        // sled panics on a range that ends before it starts.
        let first = first.min(end.clone());
        let found = self.db()?.range(first..end);
        Ok(found.map(|entry| entry.map_err(|source| self.shared.failed(source))))
    }
}

/// A running database: the shared part and the committer's thread.
pub(crate) struct Database {
    pub(crate) shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Database {
    /// Opens or creates the database in `path` and starts its committer.
    pub(crate) fn open(
        path: PathBuf,
        limits: QueueLimits,
        lock_wait: Duration,
    ) -> Result<Self, StoreError> {
        std::fs::create_dir_all(&path).map_err(StoreError::io("create", &path))?;
        let db = open_sled(&path, lock_wait)?;
        let shared = Arc::new(Shared {
            path: path.clone(),
            queue: Queue::new(limits),
            counters: Counters::default(),
            db: RwLock::new(Some(db.clone())),
        });
        check_layout(&shared, &db)?;
        let files = Files::open(&path)?;
        let watch = Watch::start(db.clone(), &path)?;
        let committer = Committer {
            shared: Arc::clone(&shared),
            db,
            files,
            watch,
        };
        let thread = std::thread::Builder::new()
            .name("store-commit".to_owned())
            .spawn(move || committer.run())
            .map_err(StoreError::io("start the committer of", &path))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Commits what waits, stops the committer and closes the files. Says whether all went well
    /// since opening.
    pub(crate) fn close(&mut self) -> Result<(), StoreError> {
        self.shared.queue.close();
        if let Some(thread) = self.thread.take()
            && let Err(panic) = thread.join()
        {
            self.shared.queue.fail(self.shared.panicked(panic.as_ref()));
        }
        let db = self.shared.exclusive().take();
        // sled syncs once more as it closes, and panics if that fails.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(db))) {
            self.shared.queue.fail(self.shared.panicked(panic.as_ref()));
        }
        self.shared.queue.health()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Err(cause) = self.close() {
            tracing::error!(path = %self.shared.path.display(), %cause, "closed after a failure");
        }
    }
}

fn open_sled(path: &Path, lock_wait: Duration) -> Result<sled::Db, StoreError> {
    let started = Instant::now();
    loop {
        let config = sled::Config::new()
            .path(path)
            .flush_every_ms(None)
            .cache_capacity(CACHE_BYTES);
        // sled asserts while it recovers a damaged log.
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        match opened.map_err(|panic| panicked(path, panic.as_ref()))? {
            Ok(db) => return Ok(db),
            Err(error) if !is_lock(&error) => {
                return Err(StoreError::Open {
                    path: path.to_owned(),
                    source: Arc::new(error),
                });
            }
            Err(_) if started.elapsed() >= lock_wait => {
                return Err(StoreError::Locked {
                    path: path.to_owned(),
                });
            }
            // A process that is just ending (or a database just closed) lets go in a moment.
            Err(_) => std::thread::sleep(LOCK_RETRY),
        }
    }
}

/// sled has no error of its own for a lock that is held.
fn is_lock(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(cause) if cause.to_string().starts_with("could not acquire lock"))
}

/// Checks the version of the layout, or writes it into a new database.
fn check_layout(shared: &Shared, db: &sled::Db) -> Result<(), StoreError> {
    let failed = |source| shared.failed(source);
    let Some(found) = db.get(key::FORMAT).map_err(failed)? else {
        if !db.is_empty() {
            return Err(StoreError::damaged(
                key::FORMAT,
                "the layout's version is missing",
            ));
        }
        db.insert(key::FORMAT, record::seal(key::FORMAT, &[LAYOUT]))
            .map_err(failed)?;
        db.flush().map_err(failed)?;
        return Ok(());
    };
    match record::open(key::FORMAT, &found)? {
        [LAYOUT] => Ok(()),
        [version] if *version > LAYOUT => Err(StoreError::NewerRecord {
            key: "layout".to_owned(),
            found: *version,
            known: LAYOUT,
        }),
        _ => Err(StoreError::damaged(
            key::FORMAT,
            "the layout's version cannot be read",
        )),
    }
}

fn panicked(path: &Path, panic: &(dyn Any + Send)) -> StoreError {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    StoreError::Panicked {
        path: path.to_owned(),
        message,
    }
}
