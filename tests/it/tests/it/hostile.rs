//! Clients that are slow, silent, rude or many: memory stays bounded, and the others get everything.

use anyhow::{Context, Result, ensure};
use roost_it::{Client, Heard, Server, Start};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_tungstenite::tungstenite::Message;

/// Everything that grew since the start, in KiB, at the most.
const GROWTH_KIB: u64 = 200 * 1024;

/// Longer than anything that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

fn start() -> Start {
    Start {
        config: "[net]\nmax_sockets_per_address = 5000\ntrusted_proxies = []\n".to_owned(),
        ..Start::default()
    }
}

/// Messages said at once before it is waited until everybody has heard them: fewer than an outbox holds.
const BURST: u64 = 20;

async fn hears_in_order(client: &mut Client, count: u64, heard: &Semaphore) -> Result<()> {
    for n in 0..count {
        let message = client.expect("say").await?;
        ensure!(message["n"] == n, "{message} instead of {n}");
        if (n + 1) % BURST == 0 {
            heard.add_permits(1);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_silent_reader_among_a_hundred_harms_nobody() -> Result<()> {
    const MESSAGES: u64 = 800;
    const LISTENERS: u32 = 98;
    let state = tempfile::tempdir()?;
    let server = Server::start(state.path(), start()).await?;
    let before = server.resident_kib()?;
    let mut speaker = Client::enter(&server.play("relay", "r")).await?;
    // It enters, and never reads again.
    let silent = Client::enter(&server.play("relay", "r")).await?;
    let mut listeners = Vec::new();
    for _ in 0..LISTENERS {
        listeners.push(Client::enter(&server.play("relay", "r")).await?);
    }
    let heard = Arc::new(Semaphore::new(0));
    let mut hearing = Vec::new();
    for mut listener in listeners {
        let heard = Arc::clone(&heard);
        hearing.push(tokio::spawn(async move {
            hears_in_order(&mut listener, MESSAGES, &heard).await
        }));
    }
    let filler = "x".repeat(16 * 1024);
    for n in 0..MESSAGES {
        speaker
            .say("say", json!({"n": n, "filler": filler}))
            .await?;
        if (n + 1) % BURST == 0 {
            let everybody = tokio::time::timeout(PATIENCE, heard.acquire_many(LISTENERS));
            everybody.await.context("somebody did not hear")??.forget();
        }
    }
    for listener in hearing {
        listener.await??;
    }
    let grown = server.resident_kib()?.saturating_sub(before);
    assert!(grown < GROWTH_KIB, "{grown} KiB more than before");
    let mut silent = silent;
    assert!(
        [4408, 1006].contains(&silent.ended().await?.code),
        "too slow, and told so if it ever reads again"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rude_frames_end_their_own_connection_only() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = Server::start(state.path(), start()).await?;
    let mut neighbour = Client::enter(&server.play("echo", "r")).await?;
    let deep = format!(
        r#"{{"topic":"echo","data":{}{}}}"#,
        "[".repeat(40_000),
        "]".repeat(40_000)
    );
    for round in 0..20 {
        let mut big = Client::enter(&server.play("echo", "r")).await?;
        // It may be closed while it still writes.
        let _ = big.send(Message::binary(vec![0u8; 1024 * 1024])).await;
        let ended = big.ended().await?;
        assert!([1009, 1006].contains(&ended.code), "{ended:?}");

        let mut nested = Client::enter(&server.play("echo", "r")).await?;
        nested.send(Message::text(deep.clone())).await?;
        let Heard::Json(answer) = nested.hear().await? else {
            panic!("not answered")
        };
        assert_eq!(answer["code"], "bad_frame");

        neighbour.say("echo", json!(round)).await?;
        assert_eq!(neighbour.expect("echo").await?, json!(round));
    }
    Ok(())
}

/// A handshake by hand, so that anything can be sent after it.
async fn raw(server: &Server, path: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(server.addr()).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    ensure!(
        head.starts_with(b"HTTP/1.1 101"),
        "{}",
        String::from_utf8_lossy(&head)
    );
    Ok(stream)
}

#[tokio::test]
async fn broken_text_closes_with_1007_and_half_open_sockets_are_let_go() -> Result<()> {
    let state = tempfile::tempdir()?;
    let config = format!(
        "{}ping_every = \"1s\"\nidle_timeout = \"2s\"\n",
        start().config
    );
    let server = Server::start(
        state.path(),
        Start {
            config,
            ..Start::default()
        },
    )
    .await?;
    let mut broken = raw(&server, "/play/echo/r").await?;
    // A masked text frame of two bytes that are no UTF-8.
    broken
        .write_all(&[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28])
        .await?;
    let mut bytes = Vec::new();
    broken.read_to_end(&mut bytes).await?;
    let close = bytes
        .windows(2)
        .rposition(|pair| pair == 1007u16.to_be_bytes());
    close.context("no close frame with 1007")?;

    // Neither says anything again nor reads: after the idle timeout its sockets are free.
    let mut half_open = Vec::new();
    for _ in 0..50 {
        half_open.push(raw(&server, "/play/echo/r").await?);
    }
    loop {
        let (_, metrics) = server.get("/metrics").await?;
        let sockets = metrics
            .lines()
            .find_map(|line| line.strip_prefix("roost_sockets "));
        let sockets: f64 = sockets.context("no roost_sockets")?.parse()?;
        if sockets < 10.0 {
            return Ok(());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_joins_is_taken_in_order() -> Result<()> {
    const JOINS: usize = 500;
    let state = tempfile::tempdir()?;
    let server = Server::start(state.path(), start()).await?;
    let mut neighbour = Client::enter(&server.play("echo", "r")).await?;
    let before = server.resident_kib()?;
    let mut joining = Vec::new();
    for n in 0..JOINS {
        let url = server.play("relay", &format!("flood-{}", n % 5));
        joining.push(tokio::spawn(async move { Client::enter(&url).await }));
    }
    let mut members = std::collections::BTreeMap::<String, std::collections::BTreeSet<u64>>::new();
    for client in joining {
        let client = client.await??;
        let room = client.welcome["room"]
            .as_str()
            .context("no room")?
            .to_owned();
        let member = client.welcome["member"].as_u64().context("no member")?;
        assert!(
            members.entry(room).or_default().insert(member),
            "a slot was given twice"
        );
    }
    assert_eq!(
        members
            .values()
            .map(std::collections::BTreeSet::len)
            .sum::<usize>(),
        JOINS
    );
    neighbour.say("echo", json!(1)).await?;
    assert_eq!(neighbour.expect("echo").await?, json!(1));
    let grown = server.resident_kib()?.saturating_sub(before);
    assert!(grown < GROWTH_KIB, "{grown} KiB more than before");
    Ok(())
}
