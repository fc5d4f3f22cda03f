//! The database of rooms: checkpoints, journals, profiles and bans.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    Done, RoomKey, Stats, StoreError, StoredRoom,
    database::{Shared, View},
    key,
    op::Op,
    value,
};

/// Changes of rooms that become durable together or not at all, in the order they were added.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    ops: Vec<Op>,
}

impl Batch {
    /// An empty batch. Submitting it waits for everything before it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing has been added.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// What the batch counts in the queue, in bytes.
    pub fn cost(&self) -> usize {
        self.ops.iter().map(Op::cost).sum()
    }

    /// Replaces a room's checkpoint, and removes the journal records it covers: all up to and
    /// including `covers_seq`.
    pub fn put_checkpoint(
        &mut self,
        room: &RoomKey<'_>,
        covers_seq: u64,
        bytes: impl Into<Bytes>,
    ) -> &mut Self {
        self.put(key::checkpoint(room), covers_seq, bytes.into());
        let (first, last) = (key::journal(room, 0), key::journal(room, covers_seq));
        self.push(Op::DeleteRange { first, last })
    }

    /// Adds the record of one accepted call to a room's journal.
    pub fn append_journal(
        &mut self,
        room: &RoomKey<'_>,
        seq: u64,
        bytes: impl Into<Bytes>,
    ) -> &mut Self {
        self.put(key::journal(room, seq), 0, bytes.into())
    }

    /// Removes a room's checkpoint and journal. Its bans stay: they outlive rooms.
    pub fn delete_room(&mut self, room: &RoomKey<'_>) -> &mut Self {
        self.push(Op::DeletePrefix {
            prefix: key::room(room),
        })
    }

    /// Sets a user's profile within a kind. Fails with [`StoreError::InvalidName`].
    pub fn put_profile(
        &mut self,
        kind: &str,
        user: &str,
        bytes: impl Into<Bytes>,
    ) -> Result<&mut Self, StoreError> {
        let key = user_key(key::profile, kind, user)?;
        Ok(self.put(key, 0, bytes.into()))
    }

    /// Removes a user's profile. Fails with [`StoreError::InvalidName`].
    pub fn delete_profile(&mut self, kind: &str, user: &str) -> Result<&mut Self, StoreError> {
        let key = user_key(key::profile, kind, user)?;
        Ok(self.push(Op::Delete { key }))
    }

    /// Sets a user's ban from all rooms of a kind. Fails with [`StoreError::InvalidName`].
    pub fn put_site_ban(
        &mut self,
        kind: &str,
        user: &str,
        bytes: impl Into<Bytes>,
    ) -> Result<&mut Self, StoreError> {
        let key = user_key(key::site_ban, kind, user)?;
        Ok(self.put(key, 0, bytes.into()))
    }

    /// Removes a user's ban from all rooms of a kind. Fails with [`StoreError::InvalidName`].
    pub fn delete_site_ban(&mut self, kind: &str, user: &str) -> Result<&mut Self, StoreError> {
        let key = user_key(key::site_ban, kind, user)?;
        Ok(self.push(Op::Delete { key }))
    }

    /// Sets a room's bans.
    pub fn put_bans(&mut self, room: &RoomKey<'_>, bytes: impl Into<Bytes>) -> &mut Self {
        self.put(key::bans(room), 0, bytes.into())
    }

    /// Removes a room's bans.
    pub fn delete_bans(&mut self, room: &RoomKey<'_>) -> &mut Self {
        self.push(Op::Delete {
            key: key::bans(room),
        })
    }

    fn put(&mut self, key: Vec<u8>, tag: u64, bytes: Bytes) -> &mut Self {
        self.push(Op::Put { key, tag, bytes })
    }

    fn push(&mut self, op: Op) -> &mut Self {
        self.ops.push(op);
        self
    }
}

/// A handle to the database of rooms; clones are cheap and share it. Every method but
/// [`submit`](Self::submit), [`health`](Self::health) and [`stats`](Self::stats) may block.
#[derive(Clone)]
pub struct Rooms {
    shared: Arc<Shared>,
}

impl Rooms {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Queues a batch and returns at once. `done` is called when the batch is durable or has
    /// failed; it is dropped uncalled if this returns an error ([`StoreError::Overloaded`],
    /// [`StoreError::TooLarge`], [`StoreError::Closed`], or the failure that stopped the store).
    pub fn submit(&self, batch: Batch, done: Done) -> Result<(), StoreError> {
        self.shared.queue.submit(batch.ops, done)
    }

    /// Queues a batch and blocks until it is durable or has failed.
    pub fn submit_and_wait(&self, batch: Batch) -> Result<(), StoreError> {
        self.shared.submit_and_wait(batch.ops)
    }

    /// The first failure of a commit, if there has been one.
    pub fn health(&self) -> Result<(), StoreError> {
        self.shared.queue.health()
    }

    /// The committer's counters.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// A room's checkpoint and the last sequence it covers.
    pub fn checkpoint(&self, room: &RoomKey<'_>) -> Result<Option<(u64, Bytes)>, StoreError> {
        value::read(&self.shared.view()?, &key::checkpoint(room))
    }

    /// The journal records after `after_seq`, in order. A missing one is
    /// [`StoreError::JournalGap`].
    pub fn journal(
        &self,
        room: &RoomKey<'_>,
        after_seq: u64,
    ) -> Result<Vec<(u64, Bytes)>, StoreError> {
        journal(&self.shared.view()?, room, after_seq)
    }

    /// A room's checkpoint and the journal after it, as of one moment. Without a checkpoint the
    /// journal is expected to start with sequence 1.
    #[expect(
        clippy::type_complexity,
        reason = "the two parts have the shapes they have alone"
    )]
    pub fn load(
        &self,
        room: &RoomKey<'_>,
    ) -> Result<(Option<(u64, Bytes)>, Vec<(u64, Bytes)>), StoreError> {
        let view = self.shared.view()?;
        let checkpoint = value::read(&view, &key::checkpoint(room))?;
        let covered = checkpoint.as_ref().map_or(0, |(seq, _)| *seq);
        let journal = journal(&view, room, covered)?;
        Ok((checkpoint, journal))
    }

    /// The stored rooms of a kind: those with a checkpoint or a journal.
    pub fn rooms(&self, kind: &str) -> Result<RoomIds, StoreError> {
        key::check("a kind", kind, key::MAX_KIND_BYTES)?;
        Ok(RoomIds::new(&self.shared, key::rooms_of(Some(kind))))
    }

    /// The stored rooms of all kinds.
    pub fn all_rooms(&self) -> RoomIds {
        RoomIds::new(&self.shared, key::rooms_of(None))
    }

    /// A user's profile within a kind.
    pub fn profile(&self, kind: &str, user: &str) -> Result<Option<Bytes>, StoreError> {
        let key = user_key(key::profile, kind, user)?;
        Ok(value::read(&self.shared.view()?, &key)?.map(|(_, bytes)| bytes))
    }

    /// A user's ban from all rooms of a kind.
    pub fn site_ban(&self, kind: &str, user: &str) -> Result<Option<Bytes>, StoreError> {
        let key = user_key(key::site_ban, kind, user)?;
        Ok(value::read(&self.shared.view()?, &key)?.map(|(_, bytes)| bytes))
    }

    /// A room's bans.
    pub fn bans(&self, room: &RoomKey<'_>) -> Result<Option<Bytes>, StoreError> {
        Ok(value::read(&self.shared.view()?, &key::bans(room))?.map(|(_, bytes)| bytes))
    }
}

fn user_key(key: fn(&str, &str) -> Vec<u8>, kind: &str, user: &str) -> Result<Vec<u8>, StoreError> {
    key::check("a kind", kind, key::MAX_KIND_BYTES)?;
    key::check("a user id", user, key::MAX_ID_BYTES)?;
    Ok(key(kind, user))
}

fn journal(
    view: &View<'_>,
    room: &RoomKey<'_>,
    after_seq: u64,
) -> Result<Vec<(u64, Bytes)>, StoreError> {
    let mut records = Vec::new();
    let Some(mut expected) = after_seq.checked_add(1) else {
        return Ok(records);
    };
    for entry in view.scan(key::journal(room, expected), &key::journal_prefix(room))? {
        let (key, record) = entry?;
        let found = key::parse_seq(&key)
            .ok_or_else(|| StoreError::damaged(&key, "its sequence cannot be read"))?;
        if found != expected {
            let key = key::readable(&key::journal_prefix(room));
            return Err(StoreError::JournalGap {
                key,
                expected,
                found,
            });
        }
        let (_, bytes) = value::resolve(view, &key, &record)?;
        records.push((found, bytes));
        // The highest sequence has none after it, and no key either.
        expected = expected.saturating_add(1);
    }
    Ok(records)
}

/// Goes over stored rooms in a fixed order, reading one at a time: rooms stored or deleted
/// meanwhile may or may not appear. Ends after the first error.
pub struct RoomIds {
    shared: Arc<Shared>,
    prefix: Vec<u8>,
    next: Option<Vec<u8>>,
}

impl RoomIds {
    fn new(shared: &Arc<Shared>, prefix: Vec<u8>) -> Self {
        Self {
            shared: Arc::clone(shared),
            next: Some(prefix.clone()),
            prefix,
        }
    }

    fn find(&mut self, from: Vec<u8>) -> Result<Option<StoredRoom>, StoreError> {
        let view = self.shared.view()?;
        let Some(entry) = view.scan(from, &self.prefix)?.next() else {
            return Ok(None);
        };
        let (key, _) = entry?;
        let (room, len) = key::parse_room(&key)
            .ok_or_else(|| StoreError::damaged(&key, "its key names no room"))?;
        // Skips the rest of this room, however long its journal is.
        self.next = key.get(..len).and_then(key::after_prefix);
        Ok(Some(room))
    }
}

impl Iterator for RoomIds {
    type Item = Result<StoredRoom, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let from = self.next.take()?;
        self.find(from).transpose()
    }
}
