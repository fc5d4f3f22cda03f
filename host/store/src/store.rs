//! The store: both databases under one directory.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{Programs, QueueLimits, Rooms, StoreError, database::Database};

/// How to open a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The queue in front of the rooms' committer.
    pub rooms: QueueLimits,
    /// The queue in front of the programs' committer. Its bytes bound the size of a program.
    pub programs: QueueLimits,
    /// How long to wait for another process that still has the databases open.
    pub lock_wait: Duration,
}

impl Options {
    /// 4,096 batches or 64 MiB.
    pub const ROOMS: QueueLimits = QueueLimits {
        batches: 4_096,
        bytes: 64 << 20,
    };
    /// 256 batches or 128 MiB.
    pub const PROGRAMS: QueueLimits = QueueLimits {
        batches: 256,
        bytes: 128 << 20,
    };
    /// Two seconds: a process that has just been killed lets go well within it.
    pub const LOCK_WAIT: Duration = Duration::from_secs(2);
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rooms: Self::ROOMS,
            programs: Self::PROGRAMS,
            lock_wait: Self::LOCK_WAIT,
        }
    }
}

/// An open store. Dropping it commits what waits and blocks until that is done, as
/// [`close`](Self::close) does; handles that outlive it answer [`StoreError::Closed`].
pub struct Store {
    rooms: Rooms,
    programs: Programs,
    rooms_database: Database,
    programs_database: Database,
}

impl Store {
    /// Opens the databases `rooms` and `programs` in `dir`, creating what is missing. Fails with
    /// [`StoreError::Locked`], [`StoreError::Open`], [`StoreError::Io`],
    /// [`StoreError::NewerRecord`] or [`StoreError::Damaged`].
    pub fn open(dir: impl AsRef<Path>, options: Options) -> Result<Self, StoreError> {
        let dir = make_durable_dir(dir.as_ref())?;
        let wait = options.lock_wait;
        let rooms_database = Database::open(dir.join("rooms"), options.rooms, wait)?;
        let programs_database = Database::open(dir.join("programs"), options.programs, wait)?;
        let rooms = Rooms::new(rooms_database.shared.clone());
        let programs = Programs::new(programs_database.shared.clone());
        programs.sweep()?;
        Ok(Self {
            rooms,
            programs,
            rooms_database,
            programs_database,
        })
    }

    /// The database of rooms.
    pub fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    /// The database of programs.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// The first failure of a commit in either database, if there has been one. It stays.
    pub fn health(&self) -> Result<(), StoreError> {
        self.rooms.health()?;
        self.programs.health()
    }

    /// Commits what waits, stops the committers and closes the files; blocks until done. Fails
    /// with the first failure since opening.
    pub fn close(mut self) -> Result<(), StoreError> {
        let rooms = self.rooms_database.close();
        let programs = self.programs_database.close();
        rooms.and(programs)
    }
}

/// Creates the directory if need be, and sees to it that its own entry is on the disk.
fn make_durable_dir(dir: &Path) -> Result<PathBuf, StoreError> {
    fs::create_dir_all(dir).map_err(StoreError::io("create", dir))?;
    let dir = fs::canonicalize(dir).map_err(StoreError::io("find", dir))?;
    let parent = dir.parent().unwrap_or(&dir);
    // A parent that may not be read cannot be synced either; the store works without it.
    if let Err(cause) = File::open(parent).and_then(|parent| parent.sync_all()) {
        tracing::debug!(path = %parent.display(), %cause, "could not sync the parent directory");
    }
    Ok(dir)
}
