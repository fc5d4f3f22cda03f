//! Numbered records beside the programs: the audit log, recordings, and what was recorded.

use crate::{ProgramBatch, Programs, StoreError, key, op::Op, value};
use bytes::Bytes;

/// A row of numbered records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// The audit log.
    Audit,
    /// What is known of recordings.
    Recordings,
    /// The recordings themselves, under the same numbers.
    Bundles,
}

impl Shelf {
    fn key(self, number: u64) -> Vec<u8> {
        let mut key = self.prefix();
        key.extend_from_slice(&number.to_be_bytes());
        key
    }

    fn prefix(self) -> Vec<u8> {
        vec![match self {
            Self::Audit => key::AUDIT,
            Self::Recordings => key::RECORDING,
            Self::Bundles => key::BUNDLE,
        }]
    }
}

impl ProgramBatch {
    /// Puts a record on a shelf.
    pub fn put_numbered(
        &mut self,
        shelf: Shelf,
        number: u64,
        bytes: impl Into<Bytes>,
    ) -> &mut Self {
        self.push(Op::Put {
            key: shelf.key(number),
            tag: 0,
            bytes: bytes.into(),
        })
    }

    /// Takes a record off a shelf.
    pub fn delete_numbered(&mut self, shelf: Shelf, number: u64) -> &mut Self {
        self.push(Op::Delete {
            key: shelf.key(number),
        })
    }
}

impl Programs {
    /// A record. May block.
    pub fn numbered(&self, shelf: Shelf, number: u64) -> Result<Option<Bytes>, StoreError> {
        let view = self.view()?;
        Ok(value::read(&view, &shelf.key(number))?.map(|(_, bytes)| bytes))
    }

    /// Up to `most` records with numbers from `first` on, in their order. May block.
    pub fn numbered_from(
        &self,
        shelf: Shelf,
        first: u64,
        most: usize,
    ) -> Result<Vec<(u64, Bytes)>, StoreError> {
        let view = self.view()?;
        let entries = view.scan(shelf.key(first), &shelf.prefix())?;
        entries
            .take(most)
            .map(|entry| {
                let (key, record) = entry?;
                let number = key.get(1..).and_then(|number| number.first_chunk());
                let number = number.ok_or_else(|| StoreError::damaged(&key, "it has no number"))?;
                let (_, bytes) = value::resolve(&view, &key, &record)?;
                Ok((u64::from_be_bytes(*number), bytes))
            })
            .collect()
    }

    /// The numbers that are taken on a shelf, in their order. May block.
    pub fn numbers(&self, shelf: Shelf) -> Result<Vec<u64>, StoreError> {
        let view = self.view()?;
        let entries = view.scan(shelf.prefix(), &shelf.prefix())?;
        entries
            .map(|entry| {
                let (key, _) = entry?;
                let number = key.get(1..).and_then(|number| number.first_chunk());
                let number = number.ok_or_else(|| StoreError::damaged(&key, "it has no number"))?;
                Ok(u64::from_be_bytes(*number))
            })
            .collect()
    }
}
