//! Reads messages through tungstenite's state machine; what tungstenite wants to answer is handed back.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig, WebSocketContext};

use crate::net::socket::Cause;

/// Bytes read from the kernel at a time; the memory an idle connection keeps for reading.
const READ_BUFFER: usize = 2 * 1024;

/// After a longer message the memory that it was read into is given back.
const LARGE: usize = 4 * READ_BUFFER;

/// Why reading ended without a close from the peer.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// The close code to send; 1006 when nobody is there to read it.
    pub(crate) code: u16,
    pub(crate) reason: String,
    pub(crate) cause: Cause,
}

impl Failure {
    fn new(code: u16, reason: impl Into<String>, cause: Cause) -> Self {
        Self {
            code,
            reason: reason.into(),
            cause,
        }
    }

    fn lost(reason: impl Into<String>) -> Self {
        Self::new(1006, reason, Cause::Lost)
    }
}

/// The reading half of a connection's state.
#[derive(Debug)]
pub(crate) struct Reader {
    context: WebSocketContext,
    config: WebSocketConfig,
    /// Where in the frames the bytes read so far end.
    frames: Frames,
    /// The context holds the memory of a large message.
    swollen: bool,
    /// Frames tungstenite wanted to write.
    replies: Vec<u8>,
    /// Bytes have come since this was last asked.
    heard: bool,
}

impl Reader {
    /// `early` are bytes that came with the handshake; messages are at most `max_message` bytes.
    pub(crate) fn new(early: &[u8], max_message: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(max_message))
            .max_frame_size(Some(max_message));
        let context =
            WebSocketContext::from_partially_read(early.to_vec(), Role::Server, Some(config));
        let mut frames = Frames::default();
        frames.follow(early);
        Self {
            context,
            config,
            frames,
            swollen: false,
            replies: Vec::new(),
            heard: false,
        }
    }

    /// The next message, control frames included.
    pub(crate) fn poll<S: AsyncRead + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Message, Failure>> {
        let mut wire = Wire {
            io,
            cx,
            replies: &mut self.replies,
            heard: &mut self.heard,
            frames: &mut self.frames,
        };
        match self.context.read(&mut wire) {
            Ok(message) => {
                self.swollen |= message.len() > LARGE;
                Poll::Ready(Ok(message))
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                self.shrink();
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(failure(error))),
        }
    }

    /// Tungstenite's buffer never shrinks. When all that came has been made into messages, nothing is in it, and a
    /// new one can take its place.
    fn shrink(&mut self) {
        if self.swollen && self.frames.is_between_messages() && self.context.can_write() {
            self.context = WebSocketContext::new(Role::Server, Some(self.config));
            self.swollen = false;
        }
    }

    /// Frames to send on tungstenite's behalf: pongs, and the answer to a close.
    pub(crate) fn take_replies(&mut self) -> Option<Bytes> {
        (!self.replies.is_empty()).then(|| std::mem::take(&mut self.replies).into())
    }

    /// Lets tungstenite hand over what it still holds back, without reading.
    pub(crate) fn flush(&mut self) -> Option<Bytes> {
        // After a peer's close this reports "connection closed", which is what we know already.
        let _ = self.context.flush(&mut Capture(&mut self.replies));
        self.take_replies()
    }

    /// Whether bytes have come since this was last asked.
    pub(crate) fn take_heard(&mut self) -> bool {
        std::mem::take(&mut self.heard)
    }
}

fn failure(error: Error) -> Failure {
    let text = error.to_string();
    match error {
        Error::Capacity(CapacityError::MessageTooLong { max_size, .. }) => Failure::new(
            1009,
            format!("a message is at most {max_size} bytes"),
            Cause::Protocol,
        ),
        Error::Capacity(_) => Failure::new(1009, text, Cause::Protocol),
        Error::Utf8(_) => Failure::new(1007, "text is not UTF-8", Cause::Protocol),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            Failure::lost("the peer hung up")
        }
        Error::Protocol(error) => Failure::new(1002, error.to_string(), Cause::Protocol),
        _ => Failure::lost(text),
    }
}

/// Follows the headers of the frames in what is read, without looking into them.
#[derive(Debug, Default)]
struct Frames {
    part: Part,
    /// The last data frame was not its message's last.
    in_message: bool,
}

/// What comes next.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The byte with the opcode.
    #[default]
    Opcode,
    /// The byte with the mask's bit and the short length.
    Length,
    /// So many bytes of a long length; what they said so far; and the length of the mask.
    LongLength(u8, u64, u64),
    /// So many bytes of mask and payload.
    Rest(u64),
}

impl Part {
    fn rest(bytes: u64) -> Self {
        if bytes == 0 {
            Self::Opcode
        } else {
            Self::Rest(bytes)
        }
    }
}

impl Frames {
    fn follow(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        while let Some((&first, others)) = bytes.split_first() {
            if let Part::Rest(rest) = self.part {
                let here = usize::try_from(rest).unwrap_or(usize::MAX).min(bytes.len());
                self.part = Part::rest(rest.saturating_sub(here as u64));
                bytes = bytes.get(here..).unwrap_or_default();
            } else {
                self.part = self.header(first);
                bytes = others;
            }
        }
    }

    fn header(&mut self, byte: u8) -> Part {
        match self.part {
            Part::Opcode => {
                let (is_last, is_control) = (byte & 0x80 != 0, byte & 0x08 != 0);
                if !is_control {
                    self.in_message = !is_last;
                }
                Part::Length
            }
            Part::Length => {
                let mask = if byte & 0x80 != 0 { 4 } else { 0 };
                match byte & 0x7f {
                    126 => Part::LongLength(2, 0, mask),
                    127 => Part::LongLength(8, 0, mask),
                    short => Part::rest(u64::from(short) + mask),
                }
            }
            Part::LongLength(more, so_far, mask) => {
                let length = so_far << 8 | u64::from(byte);
                match more.saturating_sub(1) {
                    0 => Part::rest(length.saturating_add(mask)),
                    more => Part::LongLength(more, length, mask),
                }
            }
            Part::Rest(rest) => Part::rest(rest.saturating_sub(1)),
        }
    }

    /// Whether all that was followed are whole messages.
    fn is_between_messages(&self) -> bool {
        self.part == Part::Opcode && !self.in_message
    }
}

/// Gives tungstenite a blocking-style stream: reads go to the socket, writes are kept.
struct Wire<'a, 'cx, S> {
    io: &'a mut S,
    cx: &'a mut Context<'cx>,
    replies: &'a mut Vec<u8>,
    heard: &'a mut bool,
    frames: &'a mut Frames,
}

impl<S: AsyncRead + Unpin> Read for Wire<'_, '_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        match Pin::new(&mut *self.io).poll_read(self.cx, &mut buffer) {
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(())) => {
                let read = buffer.filled();
                *self.heard |= !read.is_empty();
                self.frames.follow(read);
                Ok(read.len())
            }
        }
    }
}

impl<S> Write for Wire<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.replies.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stream that has nothing to read.
struct Capture<'a>(&'a mut Vec<u8>);

impl Read for Capture<'_> {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Write for Capture<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    /// A masked frame; the mask is zero.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..126 => frame.push(0x80 | u8::try_from(short).unwrap()),
            long @ 126..0x1_0000 => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&u16::try_from(long).unwrap().to_be_bytes());
            }
            longer => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(longer as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        frame
    }

    #[test]
    fn frames_are_followed_wherever_they_are_cut() {
        let whole: [(&[Vec<u8>], bool); 5] = [
            (&[frame(0x82, b"")], true),
            (&[frame(0x82, &[1; 125]), frame(0x81, &[2; 126])], true),
            (&[frame(0x82, &[3; 70_000])], true),
            (&[frame(0x02, b"a"), frame(0x89, b"ping")], false),
            (
                &[frame(0x02, b"a"), frame(0x89, b""), frame(0x80, b"b")],
                true,
            ),
        ];
        for (number, (several, between)) in whole.into_iter().enumerate() {
            let bytes = several.concat();
            for cut in (0..bytes.len()).step_by(bytes.len() / 97 + 1) {
                let mut frames = Frames::default();
                frames.follow(&bytes[..cut]);
                frames.follow(&bytes[cut..]);
                assert_eq!(frames.is_between_messages(), between, "{number} at {cut}");
                frames.follow(&frame(0x80, b"x")[..3]);
                assert!(!frames.is_between_messages());
            }
        }
    }

    /// Everything that can be read now.
    fn read(reader: &mut Reader, io: &mut tokio::io::DuplexStream) -> Vec<usize> {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut lengths = Vec::new();
        while let Poll::Ready(message) = reader.poll(io, &mut cx) {
            lengths.push(message.unwrap().len());
        }
        lengths
    }

    #[tokio::test]
    async fn the_memory_of_a_large_message_is_given_back_and_nothing_is_lost() {
        let (mut peer, mut io) = tokio::io::duplex(1 << 20);
        let mut reader = Reader::new(&[], 128 * 1024);
        let small = frame(0x82, b"abc");
        let mut bytes = [frame(0x82, &[7; 100_000]), small.clone()].concat();
        bytes.extend_from_slice(&small[..4]);
        peer.write_all(&bytes).await.unwrap();
        assert_eq!(read(&mut reader, &mut io), [100_000, 3]);
        assert!(reader.swollen, "a frame is half read");
        peer.write_all(&small[4..]).await.unwrap();
        assert_eq!(read(&mut reader, &mut io), [3]);
        assert!(!reader.swollen);
        // In pieces, with a ping between them.
        let pieces = [
            frame(0x02, &[1; 60_000]),
            frame(0x89, b""),
            frame(0x80, &[2; 60_000]),
        ];
        for (piece, heard) in pieces.iter().zip([vec![], vec![0], vec![120_000]]) {
            peer.write_all(piece).await.unwrap();
            assert_eq!(read(&mut reader, &mut io), heard);
        }
        assert!(!reader.swollen);
        peer.write_all(&small).await.unwrap();
        assert_eq!(read(&mut reader, &mut io), [3]);
    }
}
