//! The other end of a connection, byte by byte.

use std::sync::Arc;

use roost_server::net::flusher::Flusher;
use roost_server::net::frame::text_frame;
use roost_server::net::outbox::{Frame, Outbox, Pushed};
use roost_server::net::socket::{Closed, Incoming, Socket, SocketConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8A;

/// A frame as a client sends it.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x11, 0x22, 0x33, 0x44];
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(0x80 | len as u8),
        len @ 126..=0xFFFF => {
            frame.push(0x80 | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    frame
}

/// The peer's end of a connection whose server end runs in a task of its own.
pub(crate) struct Peer {
    pub(crate) stream: DuplexStream,
    pub(crate) outbox: Outbox,
    pub(crate) heard: mpsc::Receiver<Incoming>,
    pub(crate) server: tokio::task::JoinHandle<()>,
}

impl Peer {
    pub(crate) fn start(config: SocketConfig, buffer: usize) -> Self {
        let (stream, far) = duplex(buffer);
        let (mut socket, outbox) = Socket::new(far, Arc::new(config), &Flusher::start(1));
        let (tell, heard) = mpsc::channel(1000);
        let server = tokio::spawn(async move {
            while let Some(incoming) = socket.next().await {
                tell.send(incoming).await.unwrap();
            }
        });
        Self {
            stream,
            outbox,
            heard,
            server,
        }
    }

    pub(crate) async fn send(&mut self, first: u8, payload: &[u8]) {
        self.stream
            .write_all(&masked(first, payload))
            .await
            .unwrap();
    }

    /// The next frame: first byte and payload.
    pub(crate) async fn frame(&mut self) -> (u8, Vec<u8>) {
        let first = self.stream.read_u8().await.unwrap();
        let len = match self.stream.read_u8().await.unwrap() {
            126 => usize::from(self.stream.read_u16().await.unwrap()),
            127 => self.stream.read_u64().await.unwrap() as usize,
            short => usize::from(short),
        };
        let mut payload = vec![0; len];
        self.stream.read_exact(&mut payload).await.unwrap();
        (first, payload)
    }

    pub(crate) async fn close_frame(&mut self) -> (u16, String) {
        let (first, payload) = self.frame().await;
        assert_eq!(first, CLOSE, "a close frame was expected, not {payload:?}");
        (
            u16::from_be_bytes([payload[0], payload[1]]),
            String::from_utf8(payload[2..].to_vec()).unwrap(),
        )
    }

    pub(crate) async fn closed(&mut self) -> Closed {
        loop {
            match self.heard.recv().await.unwrap() {
                Incoming::Closed(closed) => return closed,
                other => assert!(!matches!(other, Incoming::Closed(_))),
            }
        }
    }

    pub(crate) async fn over(mut self) {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"", "nothing comes after the close");
        drop(self.stream);
        self.server.await.unwrap();
        assert_eq!(self.outbox.push(reliable("late")), Pushed::Closed);
    }
}

pub(crate) fn reliable(text: &str) -> Frame {
    Frame::reliable(text_frame(text.as_bytes()))
}

pub(crate) fn peer() -> Peer {
    Peer::start(SocketConfig::default(), 1 << 20)
}
