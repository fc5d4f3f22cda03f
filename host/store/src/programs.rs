//! The database of programs: components by their hash, and tables by name.

use std::{fmt::Write as _, sync::Arc};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::{
    Done, Stats, StoreError,
    database::{Shared, View},
    key,
    op::Op,
    record::{Content, Head},
    value,
};

/// The longest name of a table, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// The SHA-256 that programs are stored under.
pub fn program_hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Changes of programs that become visible together or not at all. (The bytes of a large
/// program are written ahead in small steps and count only once the batch is durable.)
#[derive(Clone, Debug, Default)]
pub struct ProgramBatch {
    ops: Vec<Op>,
}

impl ProgramBatch {
    /// An empty batch. Submitting it waits for everything before it.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the batch counts in the queue, in bytes.
    pub fn cost(&self) -> usize {
        self.ops.iter().map(Op::cost).sum()
    }

    /// Stores a program. Fails with [`StoreError::HashMismatch`] if the hash is not that of the
    /// bytes. Hashing takes a few milliseconds a MiB.
    pub fn put_program(
        &mut self,
        hash: [u8; 32],
        bytes: impl Into<Bytes>,
    ) -> Result<&mut Self, StoreError> {
        let bytes = bytes.into();
        verify(&hash, &bytes)?;
        let (key, mark) = (
            key::hashed(key::PROGRAM, &hash),
            key::hashed(key::UPLOAD, &hash),
        );
        self.ops.push(Op::Upload { key, mark, bytes });
        Ok(self)
    }

    /// Removes a program.
    pub fn delete_program(&mut self, hash: [u8; 32]) -> &mut Self {
        self.ops.push(Op::Delete {
            key: key::hashed(key::PROGRAM, &hash),
        });
        self
    }

    /// Sets the table of a name (1 to 255 bytes). Fails with [`StoreError::InvalidName`].
    pub fn put_name(
        &mut self,
        name: &str,
        bytes: impl Into<Bytes>,
    ) -> Result<&mut Self, StoreError> {
        let key = name_key(name)?;
        self.ops.push(Op::Put {
            key,
            tag: 0,
            bytes: bytes.into(),
        });
        Ok(self)
    }

    pub(crate) fn push(&mut self, op: Op) -> &mut Self {
        self.ops.push(op);
        self
    }

    /// Removes the table of a name. Fails with [`StoreError::InvalidName`].
    pub fn delete_name(&mut self, name: &str) -> Result<&mut Self, StoreError> {
        let key = name_key(name)?;
        self.ops.push(Op::Delete { key });
        Ok(self)
    }
}

/// A handle to the database of programs; clones are cheap and share it. Every method but
/// [`submit`](Self::submit), [`health`](Self::health) and [`stats`](Self::stats) may block.
#[derive(Clone)]
pub struct Programs {
    shared: Arc<Shared>,
}

impl Programs {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Queues a batch and returns at once. `done` is called when the batch is durable or has
    /// failed; it is dropped uncalled if this returns an error ([`StoreError::Overloaded`],
    /// [`StoreError::TooLarge`], [`StoreError::Closed`], or the failure that stopped the store).
    pub fn submit(&self, batch: ProgramBatch, done: Done) -> Result<(), StoreError> {
        self.shared.queue.submit(batch.ops, done)
    }

    /// Queues a batch and blocks until it is durable or has failed.
    pub fn submit_and_wait(&self, batch: ProgramBatch) -> Result<(), StoreError> {
        self.shared.submit_and_wait(batch.ops)
    }

    pub(crate) fn view(&self) -> Result<View<'_>, StoreError> {
        self.shared.view()
    }

    /// The first failure of a commit, if there has been one.
    pub fn health(&self) -> Result<(), StoreError> {
        self.shared.queue.health()
    }

    /// The committer's counters.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// A program's bytes, verified against its hash.
    pub fn program(&self, hash: &[u8; 32]) -> Result<Option<Bytes>, StoreError> {
        let key = key::hashed(key::PROGRAM, hash);
        let Some((_, bytes)) = value::read(&self.shared.view()?, &key)? else {
            return Ok(None);
        };
        verify(hash, &bytes)?;
        Ok(Some(bytes))
    }

    /// The hash and the length in bytes of every stored program.
    pub fn programs(&self) -> Result<Vec<([u8; 32], u64)>, StoreError> {
        let view = self.shared.view()?;
        let prefix = [key::PROGRAM];
        let entries = view.scan(prefix.to_vec(), &prefix)?;
        entries
            .map(|entry| {
                let (key, record) = entry?;
                let hash = parse_hash(&key)?;
                Ok((hash, Head::decode(&key, &record)?.value_len()))
            })
            .collect()
    }

    /// The table of a name.
    pub fn name(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        let key = name_key(name)?;
        Ok(value::read(&self.shared.view()?, &key)?.map(|(_, bytes)| bytes))
    }

    /// Every name with its table.
    pub fn names(&self) -> Result<Vec<(String, Bytes)>, StoreError> {
        let view = self.shared.view()?;
        let prefix = [key::NAME];
        let entries = view.scan(prefix.to_vec(), &prefix)?;
        entries
            .map(|entry| {
                let (key, record) = entry?;
                let name = key::parse_name(&key)
                    .ok_or_else(|| StoreError::damaged(&key, "its key is no name"))?;
                let (_, bytes) = value::resolve(&view, &key, &record)?;
                Ok((name.to_owned(), bytes))
            })
            .collect()
    }

    /// Removes the pieces of uploads that a crash has interrupted. Called before anything else.
    pub(crate) fn sweep(&self) -> Result<(), StoreError> {
        let ops = self.unfinished()?;
        if ops.is_empty() {
            Ok(())
        } else {
            self.shared.submit_and_wait(ops)
        }
    }

    fn unfinished(&self) -> Result<Vec<Op>, StoreError> {
        let view = self.shared.view()?;
        let mut ops = Vec::new();
        let marks = [key::UPLOAD];
        for entry in view.scan(marks.to_vec(), &marks)? {
            let (mark, _) = entry?;
            let head = key::hashed(key::PROGRAM, &parse_hash(&mark)?);
            // The program may have been stored before, and then sent once more.
            let kept = match view.get(&head)?.map(|record| Head::decode(&head, &record)) {
                Some(Ok(Head {
                    content: Content::Pieces(pieces),
                    ..
                })) => Some(pieces.generation),
                Some(Err(cause)) => {
                    tracing::warn!(%cause, "left the pieces of a damaged program alone");
                    continue;
                }
                _ => None,
            };
            let pieces = key::pieces_of(&head);
            for entry in view.scan(pieces.clone(), &pieces)? {
                let (piece, _) = entry?;
                if kept.is_none() || key::generation_of(&piece, head.len()) != kept {
                    ops.push(Op::Delete {
                        key: piece.to_vec(),
                    });
                }
            }
            ops.push(Op::Delete { key: mark.to_vec() });
        }
        Ok(ops)
    }
}

fn name_key(name: &str) -> Result<Vec<u8>, StoreError> {
    key::check("a name", name, MAX_NAME_BYTES)?;
    Ok(key::texts(key::NAME, &[name]))
}

fn parse_hash(key: &[u8]) -> Result<[u8; 32], StoreError> {
    key::parse_hash(key).ok_or_else(|| StoreError::damaged(key, "its key is no hash"))
}

fn verify(hash: &[u8; 32], bytes: &[u8]) -> Result<(), StoreError> {
    if program_hash(bytes) == *hash {
        return Ok(());
    }
    let mut text = String::new();
    for byte in hash {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Err(StoreError::HashMismatch { hash: text })
}
