//! WebSocket framing for the server's side: unmasked, final, never fragmented.
//!
//! A framed message is the same for every receiver, so it is framed once and shared as [`Bytes`].

use bytes::{BufMut, Bytes, BytesMut};

/// Longest reason that fits a close frame beside its code, in bytes.
pub const MAX_CLOSE_REASON: usize = 123;
/// Longest payload of a control frame, in bytes.
const MAX_CONTROL: usize = 125;
/// Longest header of an unmasked frame, in bytes.
const MAX_HEADER: usize = 10;
const FIN: u8 = 0x80;

/// What a frame is, as the low four bits of its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// UTF-8 text.
    Text = 0x1,
    /// Bytes.
    Binary = 0x2,
    /// The closing handshake.
    Close = 0x8,
    /// A question that wants a pong.
    Ping = 0x9,
    /// The answer to a ping.
    Pong = 0xA,
}

/// A text frame. `payload` must be UTF-8; the caller knows, nobody checks.
#[must_use]
pub fn text_frame(payload: &[u8]) -> Bytes {
    frame_of(Opcode::Text, &[payload])
}

/// A binary frame.
#[must_use]
pub fn binary_frame(payload: &[u8]) -> Bytes {
    frame_of(Opcode::Binary, &[payload])
}

/// A ping; a payload beyond 125 bytes is cut.
#[must_use]
pub fn ping_frame(payload: &[u8]) -> Bytes {
    frame_of(Opcode::Ping, &[cut(payload)])
}

/// A pong; a payload beyond 125 bytes is cut.
#[must_use]
pub fn pong_frame(payload: &[u8]) -> Bytes {
    frame_of(Opcode::Pong, &[cut(payload)])
}

/// A close frame. The reason is cut at a character boundary so that it fits.
#[must_use]
pub fn close_frame(code: u16, reason: &str) -> Bytes {
    let reason = cut_reason(reason);
    frame_of(Opcode::Close, &[&code.to_be_bytes(), reason.as_bytes()])
}

/// A frame whose payload is the concatenation of `parts`, built with one allocation.
#[must_use]
pub fn frame_of(opcode: Opcode, parts: &[&[u8]]) -> Bytes {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let mut frame = BytesMut::with_capacity(header_len(len) + len);
    put_header(&mut frame, opcode, len);
    for part in parts {
        frame.put_slice(part);
    }
    frame.freeze()
}

/// The longest start of `reason` that fits a close frame.
#[must_use]
pub fn cut_reason(reason: &str) -> &str {
    let mut end = reason.len().min(MAX_CLOSE_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.get(..end).unwrap_or_default()
}

fn cut(payload: &[u8]) -> &[u8] {
    payload.get(..MAX_CONTROL).unwrap_or(payload)
}

fn header_len(payload: usize) -> usize {
    match payload {
        0..=125 => 2,
        126..=0xFFFF => 4,
        _ => MAX_HEADER,
    }
}

/// Writes the header of an unfragmented, unmasked frame with `len` bytes of payload.
pub(crate) fn put_header(frame: &mut impl BufMut, opcode: Opcode, len: usize) {
    frame.put_u8(FIN | opcode as u8);
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short), _) if short <= 125 => frame.put_u8(short),
        (_, Ok(medium)) => {
            frame.put_u8(126);
            frame.put_u16(medium);
        }
        _ => {
            frame.put_u8(127);
            frame.put_u64(len as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_takes_one_three_or_nine_bytes() {
        for (len, header) in [
            (0, vec![0x82, 0]),
            (125, vec![0x82, 125]),
            (126, vec![0x82, 126, 0, 126]),
            (0xFFFF, vec![0x82, 126, 0xFF, 0xFF]),
            (0x1_0000, vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let payload = vec![7; len];
            let frame = binary_frame(&payload);
            assert_eq!(&frame[..header.len()], header, "header for {len}");
            assert_eq!(&frame[header.len()..], payload, "payload for {len}");
        }
    }

    #[test]
    fn parts_are_one_payload() {
        assert_eq!(
            frame_of(Opcode::Text, &[b"ab", b"", b"c"]),
            text_frame(b"abc")
        );
    }

    #[test]
    fn a_close_reason_is_cut_between_characters() {
        let frame = close_frame(1001, &"ä".repeat(100));
        assert_eq!(frame[0], 0x88);
        assert_eq!(frame[1], 124);
        assert_eq!(&frame[2..4], [0x03, 0xE9]);
        assert!(std::str::from_utf8(&frame[4..]).is_ok());
    }

    #[test]
    fn a_control_payload_is_cut() {
        assert_eq!(ping_frame(&[1; 200]).len(), 127);
        assert_eq!(pong_frame(b"x"), Bytes::from_static(&[0x8A, 1, b'x']));
    }
}
