//! What hostile clients cost the others: round trips of a neighbour, undisturbed and beside each of them.
//!
//! Figures, not verdicts: printed by `make soak`, recorded in `bench/RESULTS.md`.

use anyhow::Result;
use roost_it::{Client, Server, Start};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

const ROUND_TRIPS: usize = 3_000;

/// A neighbour in a room of its own says something and waits for it.
async fn round_trips(server: &Server) -> Result<Vec<Duration>> {
    let mut client = Client::enter(&server.play("echo", "neighbour")).await?;
    let mut times = Vec::with_capacity(ROUND_TRIPS);
    for n in 0..ROUND_TRIPS {
        let begun = Instant::now();
        client.say("echo", json!(n)).await?;
        client.expect("echo").await?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

fn report(name: &str, times: &[Duration]) {
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    println!(
        "{name:<28} p50 {:>8.3} ms  p99 {:>8.3} ms  max {:>8.3} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// Somebody who talks to silent readers without end.
async fn talk_to_the_silent(server: Arc<Server>) -> Result<()> {
    let url = server.play("relay", "silent");
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(Client::enter(&url).await?);
    }
    let mut speaker = Client::enter(&url).await?;
    let filler = "x".repeat(16 * 1024);
    loop {
        speaker.say("say", json!(filler)).await?;
    }
}

async fn send_large_frames(server: Arc<Server>) -> Result<()> {
    loop {
        let mut client = Client::enter(&server.play("echo", "large")).await?;
        // It is closed while it still writes.
        let _ = client.send(Message::binary(vec![0; 1024 * 1024])).await;
    }
}

async fn join_without_end(server: Arc<Server>) -> Result<()> {
    for n in 0.. {
        Client::enter(&server.play("relay", &format!("flood-{}", n % 50))).await?;
    }
    Ok(())
}

async fn send_deep_json(server: Arc<Server>) -> Result<()> {
    let deep = format!(r#"{{"topic":"echo","data":{}"#, "[".repeat(60_000));
    loop {
        let mut client = Client::enter(&server.play("echo", "deep")).await?;
        while client.send(Message::text(deep.clone())).await.is_ok() {
            if matches!(client.hear().await?, roost_it::Heard::Ended(_)) {
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_latency_beside_hostile_clients() -> Result<()> {
    if std::env::var_os("ROOST_SOAK").is_none() {
        return Ok(());
    }
    let state = tempfile::tempdir()?;
    let config = "[net]\nmax_sockets_per_address = 15000\ntrusted_proxies = []\n".to_owned();
    let server = Arc::new(
        Server::start(
            state.path(),
            Start {
                config,
                ..Start::default()
            },
        )
        .await?,
    );
    report("undisturbed", &round_trips(&server).await?);
    for name in [
        "silent readers",
        "frames of 1 MiB",
        "a flood of joins",
        "deep JSON",
    ] {
        let mut hostile = JoinSet::new();
        let server_of_theirs = Arc::clone(&server);
        match name {
            "silent readers" => hostile.spawn(talk_to_the_silent(server_of_theirs)),
            "frames of 1 MiB" => hostile.spawn(send_large_frames(server_of_theirs)),
            "a flood of joins" => hostile.spawn(join_without_end(server_of_theirs)),
            _ => hostile.spawn(send_deep_json(server_of_theirs)),
        };
        report(&format!("beside {name}"), &round_trips(&server).await?);
        hostile.shutdown().await;
    }
    report("undisturbed again", &round_trips(&server).await?);
    println!("resident: {} KiB", server.resident_kib()?);
    Ok(())
}
