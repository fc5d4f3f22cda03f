//! What every message carries, so that whoever receives it knows how late it is and which one is missing.

/// Identity and intended send time of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Tells this run from the one before, whose messages a room may still hold.
    pub(crate) run: u32,
    /// The room it was sent to.
    pub(crate) room: u32,
    /// The peer that sent it.
    pub(crate) sender: u32,
    /// Counts up from 0 for each sender.
    pub(crate) seq: u32,
    /// When the schedule wanted it sent, in nanoseconds of the recorder's clock. Not when it was sent.
    pub(crate) due: u64,
}

const MAGIC: [u8; 4] = *b"RLd1";

/// Bytes of a stamp; twice as many characters as text.
pub(crate) const STAMP_BYTES: usize = 28;

/// The first characters of a stamp as text.
pub(crate) const TEXT_START: &str = "524c6431";

impl Stamp {
    /// Appends the binary form.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC);
        for number in [self.run, self.room, self.sender, self.seq] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.due.to_le_bytes());
    }

    /// Reads the binary form at the start of `bytes`; nothing when it is not one.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&MAGIC)?;
        let (run, rest) = number(rest)?;
        let (room, rest) = number(rest)?;
        let (sender, rest) = number(rest)?;
        let (seq, rest) = number(rest)?;
        let due = u64::from_le_bytes(*rest.first_chunk()?);
        Some(Self {
            run,
            room,
            sender,
            seq,
            due,
        })
    }

    /// Appends the form for JSON strings, hexadecimal.
    pub(crate) fn write_text(&self, out: &mut Vec<u8>) {
        let mut binary = Vec::with_capacity(STAMP_BYTES);
        self.write(&mut binary);
        for byte in binary {
            for nibble in [byte >> 4, byte & 15] {
                out.push(if nibble < 10 {
                    b'0' + nibble
                } else {
                    b'a' + nibble - 10
                });
            }
        }
    }

    /// Reads the form for JSON strings at the start of `text`.
    pub(crate) fn read_text(text: &[u8]) -> Option<Self> {
        let (digits, _) = text.split_at_checked(STAMP_BYTES * 2)?;
        let mut binary = [0_u8; STAMP_BYTES];
        for (byte, pair) in binary.iter_mut().zip(digits.chunks_exact(2)) {
            for digit in pair {
                let nibble = char::from(*digit).to_digit(16)?;
                *byte = (*byte << 4) | u8::try_from(nibble).ok()?;
            }
        }
        Self::read(&binary)
    }
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::{STAMP_BYTES, Stamp, TEXT_START};

    #[test]
    fn both_forms_come_back() {
        let stamp = Stamp {
            run: 7,
            room: 1,
            sender: u32::MAX,
            seq: 3,
            due: u64::MAX - 1,
        };
        let mut binary = Vec::new();
        stamp.write(&mut binary);
        assert_eq!(binary.len(), STAMP_BYTES);
        binary.push(9);
        assert_eq!(Stamp::read(&binary), Some(stamp));

        let mut text = Vec::new();
        stamp.write_text(&mut text);
        assert!(text.starts_with(TEXT_START.as_bytes()));
        text.extend_from_slice(b"xx\"}");
        assert_eq!(Stamp::read_text(&text), Some(stamp));
    }

    #[test]
    fn other_payloads_are_not_stamps() {
        assert_eq!(Stamp::read(b"RLd1 too short"), None);
        assert_eq!(Stamp::read_text(&[b'g'; 80]), None);
    }
}
