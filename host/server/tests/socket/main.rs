//! A WebSocket connection over an in-memory stream: what is written when, and how it ends.
// Tests may fail loudly, their set-up functions too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod direct;
mod peer;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use peer::{BINARY, CLOSE, PING, PONG, Peer, TEXT, masked, peer, reliable};
use roost_server::net::flusher::Flusher;
use roost_server::net::frame::{binary_frame, text_frame};
use roost_server::net::outbox::{Frame, Lane, OutboxConfig, Pushed};
use roost_server::net::socket::{Cause, Closed, Incoming, Socket, SocketConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::{Instant, advance, timeout};
#[tokio::test(start_paused = true)]
async fn messages_come_whole_however_they_are_cut() {
    let mut peer = peer();
    peer.send(0x01, b"Hel").await;
    peer.send(PING, b"?").await;
    peer.send(0x00, b"lo, ").await;
    peer.send(0x80, "wörld".as_bytes()).await;
    for byte in masked(BINARY, &[0, 1, 2]) {
        peer.stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(
        peer.heard.recv().await.unwrap(),
        Incoming::Text("Hello, wörld".into())
    );
    assert_eq!(
        peer.heard.recv().await.unwrap(),
        Incoming::Binary(Bytes::from_static(&[0, 1, 2]))
    );
    assert_eq!(peer.frame().await, (PONG, b"?".to_vec()));
}

#[tokio::test(start_paused = true)]
async fn every_ping_is_answered_in_order() {
    let mut peer = peer();
    let pings: Vec<u8> = (0..10).flat_map(|number| masked(PING, &[number])).collect();
    peer.stream.write_all(&pings).await.unwrap();
    for number in 0..10 {
        assert_eq!(peer.frame().await, (PONG, vec![number]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_good_bye_is_answered_with_the_same() {
    let mut peer = peer();
    peer.send(CLOSE, &[0x03, 0xE8, b'b', b'y', b'e']).await;
    assert_eq!(peer.close_frame().await, (1000, "bye".to_owned()));
    let closed = peer.closed().await;
    assert_eq!(
        closed,
        Closed {
            code: 1000,
            reason: "bye".to_owned(),
            cause: Cause::Peer
        }
    );
    peer.over().await;
}

#[tokio::test(start_paused = true)]
async fn a_good_bye_without_a_code_is_one_too() {
    let mut peer = peer();
    peer.send(CLOSE, b"").await;
    assert_eq!(peer.frame().await, (CLOSE, vec![]));
    assert_eq!(peer.closed().await.code, 1005);
    peer.over().await;
}

#[tokio::test(start_paused = true)]
async fn what_breaks_the_protocol_is_closed_with_its_code() {
    let unmasked = vec![TEXT, 1, b'x'];
    let too_long = vec![BINARY, 0x80 | 127, 0, 0, 0, 0, 0, 2, 0, 1, 1, 2, 3, 4, 5, 6];
    for (bytes, code) in [
        (masked(TEXT, &[0xC3, 0x28]), 1007),
        (masked(CLOSE, &[0x03, 0xE8, 0xFF]), 1007),
        (too_long, 1009),
        (
            [masked(0x02, &[0; 100_000]), masked(0x80, &[0; 100_000])].concat(),
            1009,
        ),
        (unmasked, 1002),
        (masked(0xC1, b"rsv"), 1002),
        (masked(0x83, b"reserved opcode"), 1002),
        (masked(0x8B, b"reserved control"), 1002),
        (masked(0x09, b"ping in pieces"), 1002),
        (masked(PING, &[0; 126]), 1002),
        (masked(0x80, b"continues nothing"), 1002),
        ([masked(0x01, b"a"), masked(0x81, b"b")].concat(), 1002),
        (masked(CLOSE, &[1]), 1002),
        (masked(CLOSE, &[0x03, 0xEC]), 1002),
    ] {
        let mut peer = peer();
        peer.stream.write_all(&bytes).await.unwrap();
        assert_eq!(
            peer.close_frame().await.0,
            code,
            "for {:?}",
            &bytes[..bytes.len().min(16)]
        );
        assert_eq!(peer.closed().await.code, code);
        peer.over().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_hangs_up_is_gone() {
    let mut peer = peer();
    peer.send(TEXT, b"last words").await;
    peer.stream.shutdown().await.unwrap();
    assert_eq!(
        peer.heard.recv().await.unwrap(),
        Incoming::Text("last words".into())
    );
    let closed = peer.closed().await;
    assert_eq!((closed.code, closed.cause), (1006, Cause::Lost));
    peer.over().await;
}

#[tokio::test(start_paused = true)]
async fn a_close_waits_for_what_was_pushed_before() {
    let mut peer = peer();
    for text in ["one", "two", "three"] {
        assert_eq!(peer.outbox.push(reliable(text)), Pushed::Queued);
    }
    peer.outbox.close(1001, "restarting");
    assert_eq!(peer.outbox.push(reliable("four")), Pushed::Closed);
    for text in ["one", "two", "three"] {
        assert_eq!(peer.frame().await, (TEXT, text.as_bytes().to_vec()));
    }
    assert_eq!(peer.close_frame().await, (1001, "restarting".to_owned()));
    let closed = peer.closed().await;
    assert_eq!(
        closed,
        Closed {
            code: 1001,
            reason: "restarting".to_owned(),
            cause: Cause::Local
        }
    );
    peer.send(TEXT, b"crossing").await;
    peer.send(CLOSE, &[0x03, 0xE9]).await;
    peer.over().await;
}

#[tokio::test(start_paused = true)]
async fn a_close_that_nobody_answers_ends_after_its_grace() {
    let mut peer = peer();
    peer.outbox.close(1001, "");
    assert_eq!(peer.close_frame().await.0, 1001);
    let asked = Instant::now();
    peer.over().await;
    assert_eq!(asked.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_closed_and_does_not_linger() {
    let outbox = OutboxConfig {
        max_bytes: 10_000,
        max_frames: 50,
        slow_code: 4408,
    };
    let mut peer = Peer::start(
        SocketConfig {
            outbox,
            ..SocketConfig::default()
        },
        64,
    );
    let mut pushed = 0;
    while peer.outbox.push(Frame::urgent(binary_frame(&[0; 100]))) == Pushed::Queued {
        pushed += 1;
        tokio::task::yield_now().await;
    }
    assert!(pushed >= 50, "{pushed}");
    let start = Instant::now();
    let closed = peer.closed().await;
    assert_eq!((closed.code, closed.cause), (4408, Cause::Slow));
    assert!(
        start.elapsed() < Duration::from_millis(10),
        "the room hears of it at once"
    );
    peer.server.await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn frames_within_the_window_leave_together() {
    let mut peer = peer();
    let start = Instant::now();
    peer.outbox.push(reliable("first"));
    assert_eq!(peer.frame().await.1, b"first");
    assert_eq!(start.elapsed(), Duration::ZERO, "after silence at once");
    peer.outbox.push(reliable("second"));
    tokio::task::yield_now().await;
    advance(Duration::from_millis(1)).await;
    peer.outbox.push(reliable("third"));
    assert!(
        timeout(Duration::from_micros(1500), peer.frame())
            .await
            .is_err()
    );
    assert_eq!(peer.frame().await.1, b"second");
    assert_eq!(peer.frame().await.1, b"third");
    let waited = start.elapsed();
    assert!((3..=4).contains(&waited.as_millis()), "{waited:?}");
    advance(Duration::from_millis(10)).await;
    let start = Instant::now();
    peer.outbox.push(reliable("fourth"));
    assert_eq!(peer.frame().await.1, b"fourth");
    assert_eq!(start.elapsed(), Duration::ZERO, "silence again");
}

#[tokio::test(start_paused = true)]
async fn urgent_frames_do_not_wait_and_take_the_others_along() {
    let mut peer = peer();
    peer.outbox.push(reliable("first"));
    peer.frame().await;
    let start = Instant::now();
    peer.outbox.push(reliable("second"));
    tokio::task::yield_now().await;
    peer.outbox.push(Frame::urgent(text_frame(b"third")));
    assert_eq!(peer.frame().await.1, b"second");
    assert_eq!(peer.frame().await.1, b"third");
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn without_a_window_nothing_waits() {
    let mut peer = Peer::start(
        SocketConfig {
            flush_window: Duration::ZERO,
            ..SocketConfig::default()
        },
        1000,
    );
    let start = Instant::now();
    for text in ["a", "b", "c"] {
        peer.outbox.push(reliable(text));
        assert_eq!(peer.frame().await.1, text.as_bytes());
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn only_the_newest_of_a_key_leaves() {
    let mut peer = peer();
    peer.outbox.push(reliable("first"));
    peer.frame().await;
    for number in 0..10 {
        let bytes = text_frame(format!("mouse {number}").as_bytes());
        let pushed = peer.outbox.push(Frame {
            bytes,
            lane: Lane::Latest(7),
            urgent: false,
        });
        assert_eq!(
            pushed,
            if number == 0 {
                Pushed::Queued
            } else {
                Pushed::Replaced
            }
        );
    }
    peer.outbox.push(reliable("after"));
    assert_eq!(peer.frame().await.1, b"mouse 9");
    assert_eq!(peer.frame().await.1, b"after");
}

#[tokio::test(start_paused = true)]
async fn much_goes_through_a_narrow_line_unchanged() {
    let seed = 0x5EED_u64;
    println!("seed {seed}");
    let mut random = seed;
    let mut sizes = std::iter::repeat_with(|| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        [5, 40, 126, 700, 5_000, 66_000][(random >> 33) as usize % 6]
    });
    let mut peer = Peer::start(SocketConfig::default(), 777);
    for round in 0..40_u8 {
        let burst: Vec<Vec<u8>> = (0..round % 9 + 1)
            .map(|_| vec![round; sizes.next().unwrap()])
            .collect();
        for payload in &burst {
            let frame = Frame {
                bytes: binary_frame(payload),
                lane: Lane::Reliable,
                urgent: round % 2 == 0,
            };
            assert_eq!(peer.outbox.push(frame), Pushed::Queued);
        }
        peer.send(PING, &[round]).await;
        let mut pongs = 0;
        for payload in burst {
            let mut frame = peer.frame().await;
            if frame.0 == PONG {
                assert_eq!(frame.1, [round]);
                pongs += 1;
                frame = peer.frame().await;
            }
            assert!(frame == (BINARY, payload), "round {round}");
        }
        if pongs == 0 {
            assert_eq!(peer.frame().await, (PONG, vec![round]));
        }
    }
    assert_eq!(peer.outbox.waiting(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn silence_is_pinged_and_then_ended() {
    let mut peer = peer();
    let start = Instant::now();
    assert_eq!(peer.frame().await, (PING, vec![]));
    assert_eq!(start.elapsed().as_secs(), 30);
    peer.send(PONG, b"").await;
    assert_eq!(peer.frame().await, (PING, vec![]));
    assert_eq!(start.elapsed().as_secs(), 60);
    assert_eq!(peer.frame().await, (PING, vec![]));
    let (code, reason) = peer.close_frame().await;
    assert_eq!((code, reason.as_str()), (4408, "silent for too long"));
    assert_eq!(start.elapsed().as_secs(), 30 + 75);
    let closed = peer.closed().await;
    assert_eq!(closed.cause, Cause::Idle);
    peer.over().await;
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_still_writes() {
    let (mut near, far) = duplex(1000);
    let (mut socket, outbox) =
        Socket::new(far, Arc::new(SocketConfig::default()), &Flusher::start(1));
    near.write_all(&masked(TEXT, b"unread")).await.unwrap();
    outbox.push(reliable("written"));
    let mut written = vec![0; 9];
    tokio::select! {
        () = socket.drive() => panic!("nobody has closed"),
        read = near.read_exact(&mut written) => { read.unwrap(); }
    }
    assert_eq!(written, text_frame(b"written"));
    assert!(
        timeout(Duration::from_secs(300), socket.drive())
            .await
            .is_err(),
        "not listening is not silence"
    );
    assert_eq!(socket.next().await, Some(Incoming::Text("unread".into())));
    outbox.close(4403, "kicked");
    socket.drive().await;
    assert!(matches!(
        socket.next().await,
        Some(Incoming::Closed(Closed { code: 4403, .. }))
    ));
    drop(near);
    socket.finish().await;
}

#[tokio::test(start_paused = true)]
async fn pongs_that_nobody_reads_stop_the_reading() {
    let mut peer = Peer::start(SocketConfig::default(), 200);
    let ping = masked(PING, &[7; 125]);
    let mut sent = 0;
    while timeout(Duration::from_millis(50), peer.stream.write_all(&ping))
        .await
        .is_ok()
    {
        sent += 1;
        assert!(sent < 200, "pongs pile up without bound");
    }
    assert_eq!(peer.frame().await, (PONG, vec![7; 125]));
}

#[tokio::test(start_paused = true)]
async fn bytes_that_came_with_the_handshake_are_read_first() {
    let (mut near, far) = duplex(1000);
    let early = masked(TEXT, b"early");
    let (head, tail) = early.split_at(4);
    let (mut socket, _outbox) = Socket::with_early(
        far,
        None,
        head,
        Arc::new(SocketConfig::default()),
        &Flusher::start(1),
    );
    near.write_all(tail).await.unwrap();
    assert_eq!(socket.next().await, Some(Incoming::Text("early".into())));
}

#[tokio::test(start_paused = true)]
async fn an_outbox_whose_socket_is_dropped_is_closed() {
    let (_near, far) = duplex(10);
    let (socket, outbox) = Socket::new(far, Arc::new(SocketConfig::default()), &Flusher::start(1));
    assert!(!outbox.is_closed());
    drop(socket);
    assert!(outbox.is_closed());
    assert_eq!(outbox.push(reliable("x")), Pushed::Closed);
}
