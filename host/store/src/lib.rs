//! Durable storage for a room server, on two sled databases.
//!
//! The store keeps bytes that others have encoded and knows nothing of what they mean. `rooms`
//! holds checkpoints, journals, profiles and bans; `programs` holds uploaded components and the
//! tables of their names. They are separate databases with a committer thread each, so that a
//! large upload never stands in front of a small journal record.
//!
//! # Durability
//!
//! A write is a batch, applied as a whole or not at all. [`Rooms::submit`] puts it on a bounded
//! queue and returns at once. The committer takes every waiting batch, applies them together,
//! flushes sled, syncs the files (sled 0.34.7's own flush is `sync_file_range`, which is not
//! enough) and only then tells the waiters. The first failure poisons the database: everything
//! after it fails with the same cause, and [`Store::health`] says so. Reads are synchronous, may
//! block on the disk, and see everything that has been acknowledged.
//!
//! # Keys
//!
//! Each database is one tree, so that one batch is atomic. A `text` is its length in bytes as a
//! big-endian `u16` followed by the bytes; a room is `text(kind) text(id)`. Keys never depend on
//! a separator.
//!
//! | Database | Key | Value |
//! |---|---|---|
//! | both | `00` | the version of the layout |
//! | both | `F0` key, generation `u64`, index `u32` | one piece of that key's large value |
//! | rooms | `01` room `01` | checkpoint; its tag is the last sequence it covers |
//! | rooms | `01` room `02` seq `u64` | one journal record |
//! | rooms | `02` text(kind) text(user) | profile |
//! | rooms | `03` room | bans |
//! | rooms | `04` text(kind) text(user) | the user's ban from all rooms of the kind |
//! | programs | `01` hash (32 bytes) | a component's bytes |
//! | programs | `02` text(name) | a name's table |
//! | programs | `03` hash (32 bytes) | an upload that has not finished |
//! | programs | `04` number `u64` | an entry of the audit log |
//! | programs | `05` number `u64` | what is known of a recording |
//! | programs | `06` number `u64` | a recording |
//!
//! # Records
//!
//! A record is a version byte, a CRC-32 of version, key and body, and the body. Values above
//! [`PIECE_BYTES`] are cut into pieces; the head record then names the generation, the number of
//! pieces, the length and a CRC-32 of the whole, so that a torn set is never taken for a value.
//! The piece size is chosen so that a full sled leaf stays below an eighth of a MiB: larger ones
//! are moved to files of their own, which sled neither syncs nor reclaims promptly (300
//! overwrites of 1 MiB: 14 MiB on disk in pieces of 6,000 bytes, 29 MiB in pieces of 30,000;
//! 20 rooms of 1 MiB each: 62 against 171 MiB).

mod committer;
mod database;
mod error;
mod files;
mod key;
mod op;
mod plan;
mod programs;
mod queue;
mod record;
mod rooms;
mod shelves;
mod store;
mod value;
mod watch;

pub use committer::Stats;
pub use error::StoreError;
pub use key::{MAX_ID_BYTES, MAX_KIND_BYTES, RoomKey, StoredRoom};
pub use programs::{ProgramBatch, Programs, program_hash};
pub use queue::{Done, QueueLimits};
pub use record::PIECE_BYTES;
pub use rooms::{Batch, RoomIds, Rooms};
pub use shelves::Shelf;
pub use store::{Options, Store};
