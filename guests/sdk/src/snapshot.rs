//! A state as bytes: the same bytes for the same state, with their version in front.
//!
//! Four bytes of version (little-endian), then the value in postcard's format, which goes by the
//! order of fields, not their names: any change of the type is a new version. Not-a-number is
//! written in one form only. Keep maps in B-trees or [`crate::FixedMap`], whose order is the same
//! after a restore.

mod canonical;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fault;

/// Bytes of version in front.
const VERSION_LEN: usize = 4;

/// Write the state down.
///
/// # Panics
/// When the value has no such form: sequences of unknown length, flattened or untagged types.
#[must_use]
pub fn encode<T: Serialize + ?Sized>(version: u32, state: &T) -> Vec<u8> {
    let bytes = version.to_le_bytes().to_vec();
    match postcard::to_extend(&canonical::Canonical(state), bytes) {
        Ok(bytes) => bytes,
        Err(error) => fault(&format!("the state cannot be written down: {error}")),
    }
}

/// Read a state of exactly this version.
///
/// # Errors
/// Another version, broken bytes, or bytes left over.
pub fn decode<T: DeserializeOwned>(version: u32, bytes: &[u8]) -> Result<T, String> {
    let (found, body) = open(bytes)?;
    if found == version {
        body.read()
    } else {
        Err(format!(
            "the state has version {found}, these rules read {version}"
        ))
    }
}

/// Split version and state, for rules that understand several versions.
///
/// # Errors
/// Fewer bytes than a version has.
pub fn open(bytes: &[u8]) -> Result<(u32, Body<'_>), String> {
    let (version, body) = bytes
        .split_first_chunk::<VERSION_LEN>()
        .ok_or_else(|| "the state is too short".to_owned())?;
    Ok((u32::from_le_bytes(*version), Body(body)))
}

/// A state that still has to be read.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a>(&'a [u8]);

impl Body<'_> {
    /// Read it as what its version says it is.
    ///
    /// # Errors
    /// Broken bytes, or bytes left over.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, String> {
        match postcard::take_from_bytes(self.0) {
            Ok((state, [])) => Ok(state),
            Ok((_, rest)) => Err(format!(
                "{} bytes are left over after the state",
                rest.len()
            )),
            Err(error) => Err(format!("the state cannot be read: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::{decode, encode, open};
    use crate::FixedMap;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Point,
        Circle(f64),
        Line { from: f32, to: (f32, u8) },
        Pair(u16, Option<Box<Shape>>),
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Name(String);

    type State = (
        FixedMap<String, Shape>,
        Vec<Name>,
        Option<i64>,
        char,
        [u8; 3],
    );

    fn state() -> State {
        let shapes = [
            ("z".to_owned(), Shape::Point),
            ("a".to_owned(), Shape::Circle(1.5)),
            (
                "m".to_owned(),
                Shape::Line {
                    from: -0.0,
                    to: (2.0, 3),
                },
            ),
            ("b".to_owned(), Shape::Pair(9, Some(Box::new(Shape::Point)))),
        ];
        (
            shapes.into_iter().collect(),
            vec![Name("x".to_owned())],
            Some(-5),
            'ß',
            [1, 2, 3],
        )
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = encode(3, &state());
        let read: State = decode(3, &bytes).unwrap();
        assert_eq!(read, state());
        assert_eq!(encode(3, &read), bytes);
        assert!(
            read.0.keys().eq(["z", "a", "m", "b"]),
            "the order of insertion stays"
        );
    }

    #[test]
    fn the_bytes_are_those_of_postcard() {
        let written = encode(1, &state());
        assert_eq!(
            written.get(4..).unwrap(),
            postcard::to_allocvec(&state()).unwrap()
        );
    }

    #[test]
    fn not_a_number_has_one_form() {
        let odd = f64::from_bits(0x7ff8_0000_0000_1234);
        assert_eq!(encode(1, &odd), encode(1, &f64::NAN));
        let odd = f32::from_bits(0xffc0_0012);
        assert_eq!(
            encode(1, &(odd, Some(odd))),
            encode(1, &(f32::NAN, Some(f32::NAN)))
        );
        assert_ne!(encode(1, &-0.0_f64), encode(1, &0.0_f64));
    }

    #[test]
    fn other_versions_and_broken_bytes_are_errors() {
        let bytes = encode(2, &7_u32);
        assert_eq!(decode::<u32>(2, &bytes), Ok(7));
        assert!(decode::<u32>(1, &bytes).unwrap_err().contains("version 2"));
        assert!(decode::<u32>(2, &[2, 0]).unwrap_err().contains("short"));
        assert!(decode::<u32>(2, &[2, 0, 0, 0]).is_err());
        assert!(
            decode::<u32>(2, &[2, 0, 0, 0, 7, 7])
                .unwrap_err()
                .contains("left over")
        );
        let (version, body) = open(&bytes).unwrap();
        assert_eq!((version, body.read::<u32>()), (2, Ok(7)));
    }
}
