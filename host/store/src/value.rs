//! Reading a value back: the head, then its pieces, every one checked.

use bytes::{Bytes, BytesMut};

use crate::{
    StoreError,
    database::View,
    key,
    record::{self, Content, Head, Pieces},
};

/// The tag and the bytes under `key`; none if there is nothing.
pub(crate) fn read(view: &View<'_>, key: &[u8]) -> Result<Option<(u64, Bytes)>, StoreError> {
    view.get(key)?
        .map(|record| resolve(view, key, &record))
        .transpose()
}

/// The tag and the bytes a head record stands for.
pub(crate) fn resolve(
    view: &View<'_>,
    key: &[u8],
    record: &[u8],
) -> Result<(u64, Bytes), StoreError> {
    let head = Head::decode(key, record)?;
    let bytes = match head.content {
        Content::Inline(bytes) => bytes,
        Content::Pieces(pieces) => join(view, key, &pieces)?,
    };
    Ok((head.tag, bytes))
}

fn join(view: &View<'_>, head: &[u8], pieces: &Pieces) -> Result<Bytes, StoreError> {
    let mut whole = BytesMut::new();
    for index in 0..pieces.count {
        let key = key::piece(head, pieces.generation, index);
        let record = view
            .get(&key)?
            .ok_or_else(|| StoreError::damaged(&key, "this piece is missing"))?;
        whole.extend_from_slice(record::open(&key, &record)?);
    }
    if u64::try_from(whole.len()) != Ok(pieces.len) {
        return Err(StoreError::damaged(
            head,
            "its pieces do not have its length",
        ));
    }
    if crc32fast::hash(&whole) != pieces.crc {
        return Err(StoreError::damaged(
            head,
            "its pieces do not have its checksum",
        ));
    }
    Ok(whole.freeze())
}
