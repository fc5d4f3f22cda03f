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
        Self {
            context,
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
        };
        match self.context.read(&mut wire) {
            Ok(message) => Poll::Ready(Ok(message)),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            Err(error) => Poll::Ready(Err(failure(error))),
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

/// Gives tungstenite a blocking-style stream: reads go to the socket, writes are kept.
struct Wire<'a, 'cx, S> {
    io: &'a mut S,
    cx: &'a mut Context<'cx>,
    replies: &'a mut Vec<u8>,
    heard: &'a mut bool,
}

impl<S: AsyncRead + Unpin> Read for Wire<'_, '_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        match Pin::new(&mut *self.io).poll_read(self.cx, &mut buffer) {
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(())) => {
                let read = buffer.filled().len();
                *self.heard |= read > 0;
                Ok(read)
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
