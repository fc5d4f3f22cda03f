//! What was done to the server, by whom, and what came of it.

use super::Refusal;
use super::saving::save;
use crate::clock::unix_millis;
use roost_protocol::api::{AuditEntry, AuditList};
use roost_store::{ProgramBatch, Programs, Shelf, StoreError};
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};

/// So many entries are kept.
const MOST: u64 = 10_000;

/// The log.
pub struct Audit {
    store: Programs,
    next: AtomicU64,
}

impl Audit {
    /// Goes on where it stopped. Blocking: reads the store.
    ///
    /// # Errors
    /// The store could not be read.
    pub fn open(store: Programs) -> Result<Self, StoreError> {
        let last = store.numbers(Shelf::Audit)?.last().copied();
        Ok(Self {
            store,
            next: AtomicU64::new(last.unwrap_or(0) + 1),
        })
    }

    /// Write an entry; returns when it is durable.
    ///
    /// # Errors
    /// It could not be stored.
    pub async fn write(
        &self,
        by: &str,
        action: &str,
        target: &str,
        outcome: &str,
        details: Value,
    ) -> Result<(), Refusal> {
        let seq = self.next.fetch_add(1, Ordering::Relaxed);
        let entry = AuditEntry {
            seq,
            at: unix_millis(),
            by: by.to_owned(),
            action: action.to_owned(),
            target: target.to_owned(),
            outcome: outcome.to_owned(),
            details,
        };
        tracing::info!(by, action, target, outcome, "administration");
        let mut batch = ProgramBatch::new();
        batch.put_numbered(
            Shelf::Audit,
            seq,
            serde_json::to_vec(&entry).unwrap_or_default(),
        );
        if let Some(old) = seq.checked_sub(MOST) {
            batch.delete_numbered(Shelf::Audit, old);
        }
        save(&self.store, batch).await
    }

    /// The newest entries before a number, or of all. Blocking: reads the store.
    ///
    /// # Errors
    /// The store could not be read.
    pub fn read(&self, before: Option<u64>, most: usize) -> Result<AuditList, StoreError> {
        let next = self.next.load(Ordering::Relaxed);
        let end = before.unwrap_or(next).min(next);
        let first = end.saturating_sub(most as u64).max(1);
        let wanted = usize::try_from(end.saturating_sub(first)).unwrap_or(0);
        let stored = self.store.numbered_from(Shelf::Audit, first, wanted)?;
        let entries = stored.iter().rev();
        let entries: Vec<AuditEntry> = entries
            .filter(|(seq, _)| *seq < end)
            .filter_map(|(_, bytes)| serde_json::from_slice(bytes).ok())
            .collect();
        let oldest = entries.last().map(|entry| entry.seq);
        Ok(AuditList {
            next: oldest.filter(|seq| *seq > 1 && entries.len() == wanted),
            entries,
        })
    }
}
