//! Planning: turns operations into one atomic sled batch.
//!
//! Operations of the same commit see each other: a journal record appended and then covered by a
//! checkpoint in the same commit must not survive it, although the tree has never held it. So the
//! plan keeps its pending writes and lays them over what the tree says.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::{
    StoreError, key,
    op::Op,
    record::{Content, Head, PIECE_BYTES, Pieces, seal},
};

/// Pending writes over a tree; `None` removes.
pub(crate) struct Plan<'a> {
    tree: &'a sled::Tree,
    path: &'a std::path::Path,
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(tree: &'a sled::Tree, path: &'a std::path::Path) -> Self {
        Self {
            tree,
            path,
            writes: BTreeMap::new(),
        }
    }

    /// The writes as one sled batch; the plan is empty afterwards.
    pub(crate) fn take(&mut self) -> Option<sled::Batch> {
        if self.writes.is_empty() {
            return None;
        }
        let mut batch = sled::Batch::default();
        for (key, value) in std::mem::take(&mut self.writes) {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        Some(batch)
    }

    /// Adds one operation. `staged` are the uploads whose pieces have been written already.
    pub(crate) fn add(
        &mut self,
        op: &Op,
        staged: &BTreeMap<Vec<u8>, Pieces>,
    ) -> Result<(), StoreError> {
        match op {
            Op::Put { key, tag, bytes } => self.put(key, *tag, bytes),
            Op::Upload { key, mark, bytes } => match staged.get(key) {
                Some(pieces) => self.finish_upload(key, mark, *pieces),
                None => self.put(key, 0, bytes),
            },
            Op::Delete { key } => {
                self.remove(key.clone());
                self.remove_within(&key::pieces_of(key), None)
            }
            Op::DeletePrefix { prefix } => {
                self.remove_within(prefix, None)?;
                self.remove_within(&key::pieces_of(prefix), None)
            }
            Op::DeleteRange { first, last } => {
                self.remove_within(first, Some(last))?;
                self.remove_within(&key::pieces_of(first), Some(&key::pieces_of(last)))
            }
        }
    }

    /// A generation none of the stored or pending pieces of `head` has.
    pub(crate) fn next_generation(&self, head: &[u8]) -> Result<u64, StoreError> {
        let pieces = self.keys_within(&key::pieces_of(head), None)?;
        Ok(after_all(&pieces, head))
    }

    /// Whether there is a value, stored or pending.
    fn holds(&self, head: &[u8]) -> Result<bool, StoreError> {
        match self.writes.get(head) {
            Some(pending) => Ok(pending.is_some()),
            None => self
                .tree
                .contains_key(head)
                .map_err(|source| self.failed(source)),
        }
    }

    fn failed(&self, source: sled::Error) -> StoreError {
        StoreError::Database {
            path: self.path.to_owned(),
            source: source.into(),
        }
    }

    fn put(&mut self, head: &[u8], tag: u64, bytes: &Bytes) -> Result<(), StoreError> {
        // Most puts are records of a journal: small, under a key that never was. Those leave nothing behind,
        // and looking for one key is cheaper than for many.
        let pieces = if bytes.len() > PIECE_BYTES || self.holds(head)? {
            self.keys_within(&key::pieces_of(head), None)?
        } else {
            BTreeSet::new()
        };
        let generation = after_all(&pieces, head);
        for piece in pieces {
            self.remove(piece);
        }
        let content = if bytes.len() <= PIECE_BYTES {
            Content::Inline(bytes.clone())
        } else {
            for (key, value) in cut(head, generation, bytes) {
                self.writes.insert(key, Some(value));
            }
            Content::Pieces(describe(generation, bytes))
        };
        let record = Head { tag, content }.encode(head);
        self.writes.insert(head.to_vec(), Some(record));
        Ok(())
    }

    fn finish_upload(
        &mut self,
        head: &[u8],
        mark: &[u8],
        pieces: Pieces,
    ) -> Result<(), StoreError> {
        // The pieces are in the tree; an earlier operation of the batch must not remove them.
        self.writes.retain(|key, _| {
            key.strip_prefix(key::pieces_of(head).as_slice()).is_none()
                || key::generation_of(key, head.len()) != Some(pieces.generation)
        });
        for piece in self.keys_within(&key::pieces_of(head), None)? {
            if key::generation_of(&piece, head.len()) != Some(pieces.generation) {
                self.remove(piece);
            }
        }
        let record = Head {
            tag: 0,
            content: Content::Pieces(pieces),
        }
        .encode(head);
        self.writes.insert(head.to_vec(), Some(record));
        self.remove(mark.to_vec());
        Ok(())
    }

    fn remove(&mut self, key: Vec<u8>) {
        self.writes.insert(key, None);
    }

    fn remove_within(&mut self, first: &[u8], last: Option<&[u8]>) -> Result<(), StoreError> {
        for key in self.keys_within(first, last)? {
            self.remove(key);
        }
        Ok(())
    }

    /// The keys, stored or pending, from `first` to the end of `last`'s prefix (or `first`'s own).
    fn keys_within(
        &self,
        first: &[u8],
        last: Option<&[u8]>,
    ) -> Result<BTreeSet<Vec<u8>>, StoreError> {
        // No key starts with FF, so the fallback is above all of them.
        let end = key::after_prefix(last.unwrap_or(first)).unwrap_or_else(|| vec![0xFF]);
        let range = first.to_vec()..end;
        let mut keys = BTreeSet::new();
        for entry in self.tree.range(range.clone()) {
            let (key, _) = entry.map_err(|source| self.failed(source))?;
            keys.insert(key.to_vec());
        }
        for (key, value) in self.writes.range(range) {
            match value {
                Some(_) => keys.insert(key.clone()),
                None => keys.remove(key),
            };
        }
        Ok(keys)
    }
}

/// A generation none of these pieces of `head` has.
fn after_all(pieces: &BTreeSet<Vec<u8>>, head: &[u8]) -> u64 {
    let generations = pieces
        .iter()
        .filter_map(|piece| key::generation_of(piece, head.len()));
    generations.max().unwrap_or(0).wrapping_add(1)
}

/// The description of `bytes` cut into pieces.
pub(crate) fn describe(generation: u64, bytes: &[u8]) -> Pieces {
    Pieces {
        generation,
        count: u32::try_from(bytes.len().div_ceil(PIECE_BYTES)).unwrap_or(u32::MAX),
        len: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        crc: crc32fast::hash(bytes),
    }
}

/// The records of the pieces of `bytes`.
pub(crate) fn cut<'b>(
    head: &'b [u8],
    generation: u64,
    bytes: &'b [u8],
) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + 'b {
    (0u32..)
        .zip(bytes.chunks(PIECE_BYTES))
        .map(move |(index, piece)| {
            let key = key::piece(head, generation, index);
            let record = seal(&key, piece);
            (key, record)
        })
}
