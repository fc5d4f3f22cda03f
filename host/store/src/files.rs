//! The files of a sled directory, and what it takes to have them on the disk.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
};

use crate::StoreError;

/// Handles for syncing one database. sled keeps its log in `db`, and pages over 128 KiB in files
/// of their own under `blobs`, which it never syncs.
pub(crate) struct Files {
    log: File,
    log_path: PathBuf,
    blobs: PathBuf,
    synced: HashSet<OsString>,
}

impl Files {
    /// Opens the handles, and makes what opening the database has created durable.
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        let log_path = dir.join("db");
        let log = File::open(&log_path).map_err(StoreError::io("open", &log_path))?;
        let blobs = dir.join("blobs");
        let mut files = Self {
            log,
            log_path,
            blobs,
            synced: HashSet::new(),
        };
        for path in entries(dir)? {
            sync_if_there(&path)?;
        }
        sync_if_there(dir)?;
        if let Some(parent) = dir.parent() {
            sync_if_there(parent)?;
        }
        files.sync()?;
        Ok(files)
    }

    /// Returns once everything sled has written is on the disk.
    pub(crate) fn sync(&mut self) -> Result<(), StoreError> {
        self.sync_blobs()?;
        self.log
            .sync_data()
            .map_err(StoreError::io("sync", &self.log_path))
    }

    fn sync_blobs(&mut self) -> Result<(), StoreError> {
        let mut present = HashSet::new();
        let mut fresh = false;
        for path in entries(&self.blobs)? {
            let Some(name) = path.file_name().map(OsString::from) else {
                continue;
            };
            // A blob is written once and never changed.
            if !self.synced.contains(&name) {
                sync_if_there(&path)?;
                fresh = true;
            }
            present.insert(name);
        }
        self.synced = present;
        if fresh {
            sync_if_there(&self.blobs)?;
        }
        Ok(())
    }
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let listed = fs::read_dir(dir).map_err(StoreError::io("list", dir))?;
    listed
        .map(|entry| Ok(entry.map_err(StoreError::io("list", dir))?.path()))
        .collect()
}

/// Syncs a file or directory; one that has gone meanwhile needs no syncing.
fn sync_if_there(path: &Path) -> Result<(), StoreError> {
    let synced = match File::open(path) {
        Ok(file) => file.sync_all(),
        Err(error) => Err(error),
    };
    match synced {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(StoreError::io("sync", path)(error))
        }
        _ => Ok(()),
    }
}
