//! Records: what a checkpoint or an accepted call looks like as bytes.
//!
//! CBOR (RFC 8949) with numbered fields, so that a later version may add fields and still read
//! older records. The first byte is the version of the form.

use minicbor::{Decode, Encode};
use thiserror::Error;

/// The form written by this version of the host.
const FORM: u8 = 1;

/// Why a record cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RecordError {
    /// There is not even a version.
    #[error("the record is empty")]
    Empty,
    /// Written by a newer host.
    #[error("the record has form {0}, this host reads up to {FORM}")]
    Newer(u8),
    /// The bytes do not have the form they claim.
    #[error("the record is damaged: {0}")]
    Damaged(String),
}

/// Write a record.
pub(crate) fn to_bytes<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = vec![FORM];
    // Writing into a Vec cannot fail: its error type is uninhabited.
    let Ok(()) = minicbor::encode(value, &mut bytes).map_err(|_| ()) else {
        return Vec::new();
    };
    bytes
}

/// Read a record.
pub(crate) fn from_bytes<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, RecordError> {
    match bytes.split_first() {
        None => Err(RecordError::Empty),
        Some((&FORM, rest)) => {
            minicbor::decode(rest).map_err(|error| RecordError::Damaged(error.to_string()))
        }
        Some((&form, _)) => Err(RecordError::Newer(form)),
    }
}

/// `bytes::Bytes` as a CBOR byte string.
pub(crate) mod shared {
    use bytes::Bytes;
    use minicbor::decode::{Decoder, Error};
    use minicbor::encode::{self, Encoder, Write};

    pub(crate) fn encode<C, W: Write>(
        value: &Bytes,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.bytes(value)?.ok()
    }

    pub(crate) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<Bytes, Error> {
        d.bytes().map(Bytes::copy_from_slice)
    }
}
