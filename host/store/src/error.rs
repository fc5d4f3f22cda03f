//! What can go wrong in the store.

use std::{io, path::PathBuf, sync::Arc};

/// An error of the store. Cloning is cheap: one failed commit is told to many waiters.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process (or another `Store` of this one) has the database open.
    #[error("the database {path} is in use by another process")]
    Locked {
        /// The database's directory.
        path: PathBuf,
    },
    /// The database could not be opened or created.
    #[error("cannot open the database {path}: {source}")]
    Open {
        /// The database's directory.
        path: PathBuf,
        /// What sled said.
        source: Arc<sled::Error>,
    },
    /// A file operation outside sled failed: creating, opening or syncing.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// The operation, as a verb.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// sled failed while reading or writing.
    #[error("the database {path} failed: {source}")]
    Database {
        /// The database's directory.
        path: PathBuf,
        /// What sled said.
        source: Arc<sled::Error>,
    },
    /// A record was written by a newer version of this program.
    #[error("record {key} has version {found}, this program knows up to {known}")]
    NewerRecord {
        /// The key, readable.
        key: String,
        /// The version in the record.
        found: u8,
        /// The newest version this program reads.
        known: u8,
    },
    /// A record, or a set of pieces, is not what was written.
    #[error("record {key} is damaged: {reason}")]
    Damaged {
        /// The key, readable.
        key: String,
        /// What does not fit.
        reason: &'static str,
    },
    /// A journal has a hole, so nothing after it can be replayed.
    #[error("the journal {key} misses record {expected} (the next one is {found})")]
    JournalGap {
        /// The room, readable.
        key: String,
        /// The sequence that should follow.
        expected: u64,
        /// The sequence that was found instead.
        found: u64,
    },
    /// The queue of the committer is full; nothing was queued.
    #[error("the store is overloaded")]
    Overloaded,
    /// One batch is larger than the whole queue may be.
    #[error("a batch of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// The batch's size.
        bytes: usize,
        /// The queue's limit.
        limit: usize,
    },
    /// A kind, an id or a name is empty or too long.
    #[error("{what} must have 1 to {limit} bytes, this one has {bytes}")]
    InvalidName {
        /// Which part of the key.
        what: &'static str,
        /// Its length in bytes.
        bytes: usize,
        /// The longest allowed.
        limit: usize,
    },
    /// A program's bytes do not have the hash they are stored under.
    #[error("the bytes of the program do not have the hash {hash}")]
    HashMismatch {
        /// The expected SHA-256, in hex.
        hash: String,
    },
    /// The database library panicked in the committer.
    #[error("the committer of {path} panicked: {message}")]
    Panicked {
        /// The database's directory.
        path: PathBuf,
        /// The panic's message.
        message: String,
    },
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    pub(crate) fn io(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            what,
            path,
            source: Arc::new(source),
        }
    }

    pub(crate) fn damaged(key: &[u8], reason: &'static str) -> Self {
        Self::Damaged {
            key: crate::key::readable(key),
            reason,
        }
    }
}
