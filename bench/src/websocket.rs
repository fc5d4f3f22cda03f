//! The client's half of RFC 6455, as much as a generator needs and as cheap: frames are read in place, nothing is buffered
//! for a connection that has nothing half-read, and there are no extensions.

use std::ops::ControlFlow;

use anyhow::{Context, Result, bail, ensure};
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};

/// Frames of the server above this are taken for nonsense.
const MAX_FRAME: usize = 16 << 20;

/// Answers to an upgrade longer than this are given up.
const MAX_HEAD: usize = 16 << 10;

/// Kind of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// One frame, which for our servers is one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// Its kind.
    pub(crate) opcode: Opcode,
    /// What it carries.
    pub(crate) payload: &'a [u8],
}

impl Message<'_> {
    /// Code and reason of a close frame; 1005 stands for a frame without a code.
    pub(crate) fn close_reason(&self) -> (u16, String) {
        match self.payload.split_first_chunk() {
            Some((code, reason)) => (
                u16::from_be_bytes(*code),
                String::from_utf8_lossy(reason).into_owned(),
            ),
            None => (1005, String::new()),
        }
    }
}

/// Splits the first frame off `bytes` and says how many bytes it took; nothing while it is incomplete.
///
/// # Errors
/// When the bytes are not what a server may send to a client without extensions.
pub(crate) fn split_message(bytes: &[u8]) -> Result<Option<(Message<'_>, usize)>> {
    let Some(([first, second], rest)) = bytes.split_first_chunk::<2>() else {
        return Ok(None);
    };
    ensure!(second & 0x80 == 0, "the server masked a frame");
    ensure!(first & 0x70 == 0, "the server used reserved bits");
    let opcode = match first & 0x8f {
        0x81 => Opcode::Text,
        0x82 => Opcode::Binary,
        0x88 => Opcode::Close,
        0x89 => Opcode::Ping,
        0x8a => Opcode::Pong,
        other => bail!("the server sent a fragment or an unknown frame ({other:#x})"),
    };
    let length = match second & 0x7f {
        126 => rest
            .split_first_chunk()
            .map(|(length, rest)| (u64::from(u16::from_be_bytes(*length)), rest)),
        127 => rest
            .split_first_chunk()
            .map(|(length, rest)| (u64::from_be_bytes(*length), rest)),
        short => Some((u64::from(short), rest)),
    };
    let Some((length, rest)) = length else {
        return Ok(None);
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    ensure!(
        length <= MAX_FRAME,
        "the server sent a frame of {length} bytes"
    );
    Ok(rest
        .split_at_checked(length)
        .map(|(payload, rest)| (Message { opcode, payload }, bytes.len() - rest.len())))
}

/// Appends a masked frame.
pub(crate) fn write_frame(opcode: Opcode, payload: &[u8], mask: u32, out: &mut Vec<u8>) {
    out.push(0x80 | opcode as u8);
    let length = payload.len();
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => out.push(0x80 | short),
        (_, Ok(medium)) => {
            out.push(0x80 | 126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    let mask = mask.to_ne_bytes();
    out.extend_from_slice(&mask);
    out.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
}

/// The frame that says good-bye.
pub(crate) fn goodbye() -> Vec<u8> {
    let mut frame = Vec::with_capacity(8);
    write_frame(
        Opcode::Close,
        &1000_u16.to_be_bytes(),
        0x5eed_5eed,
        &mut frame,
    );
    frame
}

/// Cuts what comes from a socket into messages; keeps only what is incomplete.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    incomplete: Vec<u8>,
}

impl Inbox {
    /// Starts with bytes that came along with the handshake.
    pub(crate) fn with(incomplete: Vec<u8>) -> Self {
        Self { incomplete }
    }

    /// Hands every message that is complete now to `each`, until that breaks.
    ///
    /// # Errors
    /// As [`split_message`].
    pub(crate) fn feed<B>(
        &mut self,
        chunk: &[u8],
        mut each: impl FnMut(Message<'_>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>> {
        if self.incomplete.is_empty() {
            let (flow, used) = each_message(chunk, &mut each)?;
            if let Some(rest) = chunk.get(used..).filter(|rest| !rest.is_empty()) {
                self.incomplete = rest.to_vec();
            }
            return Ok(flow);
        }
        let mut bytes = std::mem::take(&mut self.incomplete);
        bytes.extend_from_slice(chunk);
        let (flow, used) = each_message(&bytes, &mut each)?;
        if used < bytes.len() {
            bytes.drain(..used);
            self.incomplete = bytes;
        }
        Ok(flow)
    }
}

fn each_message<B>(
    bytes: &[u8],
    each: &mut impl FnMut(Message<'_>) -> ControlFlow<B>,
) -> Result<(ControlFlow<B>, usize)> {
    let mut used = 0;
    while let Some((message, size)) = split_message(bytes.get(used..).unwrap_or_default())? {
        used += size;
        if let ControlFlow::Break(end) = each(message) {
            return Ok((ControlFlow::Break(end), used));
        }
    }
    Ok((ControlFlow::Continue(()), used))
}

/// An upgrade request and what its answer must prove.
pub(crate) struct Upgrade {
    request: String,
    accept: String,
}

impl Upgrade {
    /// Asks `host` for `address`, a path with its query.
    pub(crate) fn new(host: &str, address: &str) -> Self {
        let key = generate_key();
        let request = format!(
            "GET {address} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        );
        let accept = derive_accept_key(key.as_bytes());
        Self { request, accept }
    }

    /// What to send.
    pub(crate) fn request(&self) -> &[u8] {
        self.request.as_bytes()
    }

    /// Size of the answer's head at the start of `bytes`; nothing while it is incomplete.
    ///
    /// # Errors
    /// When the answer is anything but an upgrade with the right proof.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<Option<usize>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            ensure!(
                bytes.len() < MAX_HEAD,
                "the answer to the upgrade has no end"
            );
            return Ok(None);
        };
        let head = bytes.get(..end).unwrap_or_default();
        let head = std::str::from_utf8(head).context("the answer to the upgrade is not text")?;
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap_or_default();
        if status.split(' ').nth(1) != Some("101") {
            bail!("{}", status.trim_start_matches("HTTP/1.1 "));
        }
        let proven = lines
            .filter_map(|line| line.split_once(':'))
            .any(|(name, value)| {
                name.eq_ignore_ascii_case("sec-websocket-accept") && value.trim() == self.accept
            });
        ensure!(proven, "the answer to the upgrade proves nothing");
        Ok(Some(end + 4))
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::{Inbox, Opcode, Upgrade, split_message, write_frame};

    fn server_frame(payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x82];
        match payload.len() {
            short @ 0..126 => frame.push(u8::try_from(short).unwrap()),
            medium @ 126..65536 => {
                frame.push(126);
                frame.extend_from_slice(&u16::try_from(medium).unwrap().to_be_bytes());
            }
            long => {
                frame.push(127);
                frame.extend_from_slice(&(long as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(payload);
        frame
    }

    #[test]
    fn messages_come_out_whole_however_they_are_cut() {
        let sizes = [0, 1, 125, 126, 300, 70_000];
        let stream: Vec<u8> = sizes
            .iter()
            .flat_map(|size| server_frame(&vec![7; *size]))
            .collect();
        for chunk in [1, 2, 3, 100, 4096, stream.len()] {
            let mut inbox = Inbox::default();
            let mut found = Vec::new();
            for piece in stream.chunks(chunk) {
                let flow: ControlFlow<()> = inbox
                    .feed(piece, |message| {
                        found.push(message.payload.len());
                        ControlFlow::Continue(())
                    })
                    .unwrap();
                assert!(flow.is_continue());
            }
            assert_eq!(found, sizes, "cut into {chunk}");
            assert!(inbox.incomplete.is_empty());
        }
    }

    #[test]
    fn our_frames_unmask_to_what_went_in() {
        for size in [0, 5, 125, 126, 65_535, 65_536] {
            let payload: Vec<u8> = (0..size).map(|n: u32| n.to_le_bytes()[0]).collect();
            let mut frame = Vec::new();
            write_frame(Opcode::Binary, &payload, 0x0102_0304, &mut frame);
            assert_eq!(frame[1] & 0x80, 0x80);
            let start = frame.len() - payload.len();
            let mask = frame[start - 4..start].to_vec();
            let plain: Vec<u8> = frame[start..]
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, key)| byte ^ key)
                .collect();
            assert_eq!(plain, payload);
        }
    }

    #[test]
    fn what_no_server_may_send_is_refused() {
        for bytes in [[0x82, 0x80], [0xc2, 0], [0x02, 0], [0x83, 0]] {
            assert!(split_message(&bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn only_a_proven_upgrade_counts() {
        let upgrade = Upgrade::new("localhost", "/");
        let good = format!(
            "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: {}\r\n\r\nrest",
            upgrade.accept
        );
        let size = upgrade.check(good.as_bytes()).unwrap().unwrap();
        assert_eq!(&good[size..], "rest");
        assert_eq!(upgrade.check(b"HTTP/1.1 101 ").unwrap(), None);
        let refused = upgrade.check(b"HTTP/1.1 503 Service Unavailable\r\n\r\n");
        assert_eq!(refused.unwrap_err().to_string(), "503 Service Unavailable");
        assert!(upgrade.check(b"HTTP/1.1 101 Fine\r\n\r\n").is_err());
    }
}
