//! Keys: how names become bytes, unambiguously and in an order that scans can use.

use std::fmt::Write as _;

use crate::StoreError;

/// The longest kind of a room, in bytes.
pub const MAX_KIND_BYTES: usize = 255;
/// The longest id of a room or user, in bytes.
pub const MAX_ID_BYTES: usize = 1536;

/// The layout's version record, in both databases.
pub(crate) const FORMAT: &[u8] = &[0x00];
/// First byte of the pieces of large values.
const PIECE: u8 = 0xF0;

const ROOM: u8 = 0x01;
const PROFILE: u8 = 0x02;
const BANS: u8 = 0x03;
const SITE_BAN: u8 = 0x04;
const PART_CHECKPOINT: u8 = 0x01;
const PART_JOURNAL: u8 = 0x02;

/// First byte of program records.
pub(crate) const PROGRAM: u8 = 0x01;
/// First byte of name tables.
pub(crate) const NAME: u8 = 0x02;
/// First byte of the marks of unfinished uploads.
pub(crate) const UPLOAD: u8 = 0x03;
/// First byte of entries of the audit log.
pub(crate) const AUDIT: u8 = 0x04;
/// First byte of what is known of recordings.
pub(crate) const RECORDING: u8 = 0x05;
/// First byte of recordings.
pub(crate) const BUNDLE: u8 = 0x06;

/// A room's address: the kind (1 to 255 bytes) and the id (1 to 1,536 bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RoomKey<'a> {
    kind: &'a str,
    id: &'a str,
}

impl<'a> RoomKey<'a> {
    /// Checks the lengths. Fails with [`StoreError::InvalidName`].
    pub fn new(kind: &'a str, id: &'a str) -> Result<Self, StoreError> {
        check("a kind", kind, MAX_KIND_BYTES)?;
        check("a room id", id, MAX_ID_BYTES)?;
        Ok(Self { kind, id })
    }

    /// The kind.
    pub fn kind(&self) -> &'a str {
        self.kind
    }

    /// The id.
    pub fn id(&self) -> &'a str {
        self.id
    }
}

/// A room as it is listed: the owned form of [`RoomKey`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoredRoom {
    /// The kind.
    pub kind: String,
    /// The id.
    pub id: String,
}

impl StoredRoom {
    /// The borrowed form.
    pub fn key(&self) -> RoomKey<'_> {
        RoomKey {
            kind: &self.kind,
            id: &self.id,
        }
    }
}

/// Refuses empty and overlong texts.
pub(crate) fn check(what: &'static str, text: &str, limit: usize) -> Result<(), StoreError> {
    if text.is_empty() || text.len() > limit {
        return Err(StoreError::InvalidName {
            what,
            bytes: text.len(),
            limit,
        });
    }
    Ok(())
}

fn push_text(key: &mut Vec<u8>, text: &str) {
    // Every text has passed `check`, so its length fits; a longer one could only be cut short.
    let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
    key.extend_from_slice(&len.to_be_bytes());
    key.extend_from_slice(text.as_bytes());
}

/// One leading byte and texts.
pub(crate) fn texts(first: u8, parts: &[&str]) -> Vec<u8> {
    let mut key = vec![first];
    for part in parts {
        push_text(&mut key, part);
    }
    key
}

/// Everything of one room starts with this.
pub(crate) fn room(room: &RoomKey<'_>) -> Vec<u8> {
    texts(ROOM, &[room.kind, room.id])
}

/// Every room of a kind, or of all kinds, starts with this.
pub(crate) fn rooms_of(kind: Option<&str>) -> Vec<u8> {
    texts(ROOM, kind.as_slice())
}

pub(crate) fn checkpoint(of: &RoomKey<'_>) -> Vec<u8> {
    let mut key = room(of);
    key.push(PART_CHECKPOINT);
    key
}

/// Every journal record of a room starts with this.
pub(crate) fn journal_prefix(of: &RoomKey<'_>) -> Vec<u8> {
    let mut key = room(of);
    key.push(PART_JOURNAL);
    key
}

pub(crate) fn journal(of: &RoomKey<'_>, seq: u64) -> Vec<u8> {
    let mut key = journal_prefix(of);
    key.extend_from_slice(&seq.to_be_bytes());
    key
}

pub(crate) fn profile(kind: &str, user: &str) -> Vec<u8> {
    texts(PROFILE, &[kind, user])
}

pub(crate) fn site_ban(kind: &str, user: &str) -> Vec<u8> {
    texts(SITE_BAN, &[kind, user])
}

pub(crate) fn bans(of: &RoomKey<'_>) -> Vec<u8> {
    texts(BANS, &[of.kind, of.id])
}

/// A key of the programs database that ends in a hash.
pub(crate) fn hashed(first: u8, hash: &[u8; 32]) -> Vec<u8> {
    let mut key = vec![first];
    key.extend_from_slice(hash);
    key
}

/// Where the pieces of `head`'s value start.
pub(crate) fn pieces_of(head: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(head.len() + 13);
    key.push(PIECE);
    key.extend_from_slice(head);
    key
}

/// One piece of `head`'s value.
pub(crate) fn piece(head: &[u8], generation: u64, index: u32) -> Vec<u8> {
    let mut key = pieces_of(head);
    key.extend_from_slice(&generation.to_be_bytes());
    key.extend_from_slice(&index.to_be_bytes());
    key
}

/// The generation in a piece's key, given the length of its head's key.
pub(crate) fn generation_of(piece: &[u8], head_len: usize) -> Option<u64> {
    piece
        .get(head_len + 1..)?
        .first_chunk::<8>()
        .map(|bytes| u64::from_be_bytes(*bytes))
}

/// The first key after all keys that start with `prefix`; none if there is no such key.
pub(crate) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

/// The room a key belongs to, and the length of the room's part of the key.
pub(crate) fn parse_room(key: &[u8]) -> Option<(StoredRoom, usize)> {
    let rest = key.strip_prefix(&[ROOM])?;
    let (kind, rest) = take_text(rest)?;
    let (id, rest) = take_text(rest)?;
    let room = StoredRoom {
        kind: kind.to_owned(),
        id: id.to_owned(),
    };
    Some((room, key.len() - rest.len()))
}

/// The sequence at the end of a journal record's key.
pub(crate) fn parse_seq(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>()
        .map(|bytes| u64::from_be_bytes(*bytes))
}

/// The name in a name table's key.
pub(crate) fn parse_name(key: &[u8]) -> Option<&str> {
    let (name, rest) = take_text(key.strip_prefix(&[NAME])?)?;
    rest.is_empty().then_some(name)
}

/// The hash at the end of a program's key.
pub(crate) fn parse_hash(key: &[u8]) -> Option<[u8; 32]> {
    let (_, hash) = key.split_first()?;
    hash.try_into().ok()
}

fn take_text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<2>()?;
    let (text, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

/// A key for a message: printable ASCII as it is, everything else in hex, at most 200 bytes.
pub(crate) fn readable(key: &[u8]) -> String {
    let mut text = String::new();
    for byte in key.iter().take(200) {
        if byte.is_ascii_graphic() && *byte != b'\\' {
            text.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\{byte:02x}");
        }
    }
    if key.len() > 200 {
        text.push('…');
    }
    text
}
