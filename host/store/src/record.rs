//! Records: the envelope of every stored value, and the head of a large one.

use bytes::Bytes;

use crate::{StoreError, key};

/// The largest part of a value, in bytes, that one record holds; larger values are cut up.
pub const PIECE_BYTES: usize = 6_000;
/// The version this program writes, and the newest it reads.
pub(crate) const VERSION: u8 = 1;

const FORM_INLINE: u8 = 0;
const FORM_PIECES: u8 = 1;

fn checksum(version: u8, key: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[version]);
    // The key is part of it, so that a record in the wrong place is noticed.
    hasher.update(key);
    hasher.update(body);
    hasher.finalize()
}

/// Wraps a body for storing under `key`.
pub(crate) fn seal(key: &[u8], body: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(body.len() + 5);
    record.push(VERSION);
    record.extend_from_slice(&checksum(VERSION, key, body).to_be_bytes());
    record.extend_from_slice(body);
    record
}

/// The body of a record, after checking its version and checksum.
pub(crate) fn open<'a>(key: &[u8], record: &'a [u8]) -> Result<&'a [u8], StoreError> {
    let (version, rest) = record
        .split_first()
        .ok_or_else(|| StoreError::damaged(key, "it is empty"))?;
    if *version > VERSION {
        let key = key::readable(key);
        return Err(StoreError::NewerRecord {
            key,
            found: *version,
            known: VERSION,
        });
    }
    let (stored, body) = rest
        .split_first_chunk::<4>()
        .ok_or_else(|| StoreError::damaged(key, "it is too short"))?;
    if u32::from_be_bytes(*stored) != checksum(*version, key, body) {
        return Err(StoreError::damaged(key, "its checksum does not fit"));
    }
    Ok(body)
}

/// What stands under a value's own key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// A number kept beside the value, readable without it (a checkpoint's last sequence).
    pub(crate) tag: u64,
    pub(crate) content: Content,
}

/// The value itself, or where its pieces are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Inline(Bytes),
    Pieces(Pieces),
}

/// The description of a value in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pieces {
    pub(crate) generation: u64,
    pub(crate) count: u32,
    /// Bytes of the whole value.
    pub(crate) len: u64,
    /// CRC-32 of the whole value.
    pub(crate) crc: u32,
}

impl Head {
    /// The length of the value, in bytes.
    pub(crate) fn value_len(&self) -> u64 {
        match &self.content {
            Content::Inline(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Content::Pieces(pieces) => pieces.len,
        }
    }

    pub(crate) fn encode(&self, key: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        match &self.content {
            Content::Inline(bytes) => {
                body.push(FORM_INLINE);
                body.extend_from_slice(&self.tag.to_be_bytes());
                body.extend_from_slice(bytes);
            }
            Content::Pieces(pieces) => {
                body.push(FORM_PIECES);
                body.extend_from_slice(&self.tag.to_be_bytes());
                body.extend_from_slice(&pieces.generation.to_be_bytes());
                body.extend_from_slice(&pieces.count.to_be_bytes());
                body.extend_from_slice(&pieces.len.to_be_bytes());
                body.extend_from_slice(&pieces.crc.to_be_bytes());
            }
        }
        seal(key, &body)
    }

    pub(crate) fn decode(key: &[u8], record: &[u8]) -> Result<Self, StoreError> {
        let body = open(key, record)?;
        Self::parse(body).ok_or_else(|| StoreError::damaged(key, "its head cannot be read"))
    }

    fn parse(body: &[u8]) -> Option<Self> {
        let (form, rest) = body.split_first()?;
        let (tag, rest) = rest.split_first_chunk::<8>()?;
        let content = match *form {
            FORM_INLINE => Content::Inline(Bytes::copy_from_slice(rest)),
            FORM_PIECES => {
                let (generation, rest) = rest.split_first_chunk::<8>()?;
                let (count, rest) = rest.split_first_chunk::<4>()?;
                let (len, rest) = rest.split_first_chunk::<8>()?;
                let crc = rest.try_into().ok()?;
                Content::Pieces(Pieces {
                    generation: u64::from_be_bytes(*generation),
                    count: u32::from_be_bytes(*count),
                    len: u64::from_be_bytes(*len),
                    crc: u32::from_be_bytes(crc),
                })
            }
            _ => return None,
        };
        Some(Self {
            tag: u64::from_be_bytes(*tag),
            content,
        })
    }
}
