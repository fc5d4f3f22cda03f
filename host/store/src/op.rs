//! Operations: what a batch asks of a database, in terms of keys and values.

use bytes::Bytes;

/// One change. The committer knows nothing else.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Sets a value, replacing the old one with all its pieces.
    Put {
        key: Vec<u8>,
        tag: u64,
        bytes: Bytes,
    },
    /// Sets a value too large for one atomic step: its pieces are written ahead, a few at a
    /// time, under a mark that lets an unfinished set be swept away.
    Upload {
        key: Vec<u8>,
        mark: Vec<u8>,
        bytes: Bytes,
    },
    /// Removes a value with its pieces.
    Delete { key: Vec<u8> },
    /// Removes every value whose key starts with the prefix.
    DeletePrefix { prefix: Vec<u8> },
    /// Removes every value from `first` to `last`, both included.
    DeleteRange { first: Vec<u8>, last: Vec<u8> },
}

impl Op {
    /// What the operation counts in the queue, in bytes.
    pub(crate) fn cost(&self) -> usize {
        // A fixed part for the bookkeeping, so that empty operations are not free.
        64 + match self {
            Self::Put { key, bytes, .. } => key.len() + bytes.len(),
            Self::Upload { key, mark, bytes } => key.len() + mark.len() + bytes.len(),
            Self::Delete { key } => key.len(),
            Self::DeletePrefix { prefix } => prefix.len(),
            Self::DeleteRange { first, last } => first.len() + last.len(),
        }
    }
}
