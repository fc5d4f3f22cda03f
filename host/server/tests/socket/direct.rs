//! Connections over real TCP, which the flusher writes to: lines that are full, and turns that change.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use roost_server::net::flusher::Flusher;
use roost_server::net::frame::binary_frame;
use roost_server::net::outbox::{Frame, Lane, Outbox, OutboxConfig, Pushed};
use roost_server::net::socket::{Incoming, Socket, SocketConfig};
use roost_server::net::stream::Stream;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::peer::{BINARY, PING, PONG, masked};

/// A client, the outbox towards it, and the task that serves it and gives back what it heard last.
struct Pair {
    client: TcpStream,
    outbox: Outbox,
    server: tokio::task::JoinHandle<Option<Incoming>>,
}

async fn pair(config: SocketConfig, flusher: &Flusher) -> Pair {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (server, _) = listener.accept().await.unwrap();
    server.set_nodelay(true).unwrap();
    let (line, direct) = Stream::Tcp(server).into_line();
    let (mut socket, outbox) = Socket::with_early(line, direct, &[], Arc::new(config), flusher);
    let server = tokio::spawn(async move {
        let mut last = None;
        while let Some(incoming) = socket.next().await {
            last = Some(incoming);
        }
        last
    });
    Pair {
        client,
        outbox,
        server,
    }
}

async fn frame(client: &mut (impl AsyncRead + Unpin)) -> (u8, Vec<u8>) {
    let first = client.read_u8().await.unwrap();
    let len = match client.read_u8().await.unwrap() {
        126 => usize::from(client.read_u16().await.unwrap()),
        127 => client.read_u64().await.unwrap() as usize,
        short => usize::from(short),
    };
    let mut payload = vec![0; len];
    client.read_exact(&mut payload).await.unwrap();
    (first, payload)
}

fn large() -> SocketConfig {
    SocketConfig {
        outbox: OutboxConfig {
            max_bytes: 64 * 1024 * 1024,
            max_frames: 100_000,
            ..OutboxConfig::default()
        },
        ..SocketConfig::default()
    }
}

/// Sizes from a few bytes to far more than a socket buffer, in an order that repeats nothing.
fn sizes(seed: u64) -> impl Iterator<Item = usize> {
    let mut random = seed;
    std::iter::repeat_with(move || {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let kind = (random >> 33) as usize;
        [3, 40, 90, 126, 700, 5_000, 16_384, 16_400, 70_000, 900_000][kind % 10]
    })
}

/// Reads until all frames and pongs have come, and checks that none is missing, out of order or damaged.
async fn read_all(read: &mut (impl AsyncRead + Unpin), expected: &[usize], pongs_expected: usize) {
    let (mut frames, mut pongs) = (0, 0);
    while frames < expected.len() || pongs < pongs_expected {
        let (first, payload) = frame(read).await;
        if first == PONG {
            assert_eq!(payload, [pongs as u8]);
            pongs += 1;
            continue;
        }
        assert_eq!(first, BINARY);
        assert_eq!(payload.len(), expected[frames], "frame {frames}");
        assert!(
            payload.iter().all(|byte| *byte == frames as u8),
            "frame {frames}"
        );
        frames += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_line_loses_and_reorders_nothing() {
    let seed = 0xF105_u64;
    println!("seed {seed}");
    let flusher = Flusher::start(2);
    let Pair {
        client,
        outbox,
        server,
    } = pair(large(), &flusher).await;
    let (mut read, mut write) = client.into_split();
    let bursts: Vec<usize> = sizes(seed).take(600).collect();
    let expected = bursts.clone();
    let reader = tokio::spawn(async move {
        read_all(&mut read, &expected, 50).await;
        read
    });
    for (number, size) in bursts.into_iter().enumerate() {
        let bytes = binary_frame(&vec![number as u8; size]);
        let urgent = number % 3 == 0;
        let frame = Frame {
            bytes,
            lane: Lane::Reliable,
            urgent,
        };
        assert_eq!(outbox.push(frame), Pushed::Queued);
        if number % 12 == 0 {
            let ping = masked(PING, &[(number / 12) as u8]);
            write.write_all(&ping).await.unwrap();
        }
        if number % 7 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let mut read = reader.await.unwrap();
    outbox.close(1001, "bye");
    assert_eq!(outbox.waiting(), (0, 0));
    write.write_all(&masked(0x88, &[0x03, 0xE9])).await.unwrap();
    let mut rest = Vec::new();
    read.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, [0x88, 5, 0x03, 0xE9, b'b', b'y', b'e']);
    assert!(matches!(server.await.unwrap(), Some(Incoming::Closed(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_is_closed_while_others_are_served() {
    let flusher = Flusher::start(1);
    let config = SocketConfig {
        close_grace: Duration::from_millis(50),
        ..SocketConfig::default()
    };
    let silent = pair(config.clone(), &flusher).await;
    let mut reading = pair(config, &flusher).await;
    let payload = binary_frame(&[7; 1000]);
    let mut pushed = 0_usize;
    while !silent.outbox.is_closed() {
        silent.outbox.push(Frame::reliable(payload.clone()));
        reading.outbox.push(Frame::urgent(payload.clone()));
        pushed += 1;
        assert_eq!(frame(&mut reading.client).await, (BINARY, vec![7; 1000]));
    }
    assert!(pushed > 1000, "its line and its outbox hold more: {pushed}");
    let last = silent.server.await.unwrap();
    assert!(
        matches!(&last, Some(Incoming::Closed(closed)) if closed.code == 4408),
        "{last:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_line_is_noticed_by_its_task() {
    let flusher = Flusher::start(1);
    let Pair {
        client,
        outbox,
        server,
    } = pair(SocketConfig::default(), &flusher).await;
    client.set_zero_linger().unwrap();
    drop(client);
    while outbox.push(Frame::urgent(Bytes::from_static(b"\x82\x01x"))) != Pushed::Closed {
        tokio::task::yield_now().await;
    }
    let last = server.await.unwrap();
    assert!(
        matches!(&last, Some(Incoming::Closed(closed)) if closed.code == 1006),
        "{last:?}"
    );
}
