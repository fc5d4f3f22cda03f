//! How long an upload takes to be live, and how long rooms stand still for it: `cargo run --release -p roost-it --example
//! swaps -- [ROOMS] [ROUNDS]`, on a machine with nothing else to do.

// A measuring tool may fail loudly.
#![allow(clippy::indexing_slicing)]

use anyhow::{Context, Result, ensure};
use roost_it::{Admin, Client, Server, Start, component, with_section};
use serde_json::json;
use std::time::Instant;

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn number(place: usize, default: usize) -> usize {
    let given = std::env::args().nth(place);
    given.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// One client in each room, which has something to remember.
async fn enter(server: &Server, rooms: usize) -> Result<Vec<Client>> {
    let mut clients = Vec::new();
    for room in 0..rooms {
        let mut client = Client::enter(&server.play("counter", &format!("room-{room}"))).await?;
        client.say("add", json!({"id": "first", "by": 1})).await?;
        client.expect("added").await?;
        clients.push(client);
    }
    Ok(clients)
}

#[tokio::main]
async fn main() -> Result<()> {
    let (rooms, rounds) = (number(1, 1_000), number(2, 9));
    let state = std::env::temp_dir().join(format!("roost-swaps-{}", std::process::id()));
    std::fs::create_dir_all(&state)?;
    let start = Start {
        config: "[net]\nmax_sockets_per_address = 20000\n[rooms]\nmax_per_address = 20000\n"
            .to_owned(),
        ..Start::default()
    };
    let server = Server::start(&state, start).await?;
    let admin = Admin::of(&server);
    let wasm = std::fs::read(component("counter")?)?;
    let clients = enter(&server, rooms).await?;
    let (mut uploads, mut activations, mut backs, mut pauses) = (vec![], vec![], vec![], vec![]);
    for round in 0..rounds {
        // About a MiB, most of it never looked at.
        let filling = "x".repeat(1_048_576_usize.saturating_sub(wasm.len()));
        let version = with_section(&wasm, &format!("{round} {filling}"));
        let begun = Instant::now();
        let (status, answer) = admin.upload("counter", "", &version).await?;
        ensure!(status == 201, "{status} {answer}");
        uploads.push(begun.elapsed().as_secs_f64() * 1e3);
        let begun = Instant::now();
        let wanted = json!({"version": answer["version"]});
        let (status, answer) = admin.post("/modules/counter/activate", wanted).await?;
        activations.push(begun.elapsed().as_secs_f64() * 1e3);
        ensure!(
            status == 200 && answer["rolled"] == rooms,
            "{status} {answer}"
        );
        pauses.push(answer["longest_pause_us"].as_f64().context("a pause")? / 1e3);
        let begun = Instant::now();
        let (status, answer) = admin.post("/modules/counter/rollback", json!({})).await?;
        backs.push(begun.elapsed().as_secs_f64() * 1e3);
        ensure!(
            status == 200 && answer["rolled"] == rooms,
            "{status} {answer}"
        );
    }
    drop(clients);
    println!("{rooms} rooms, medians of {rounds} in ms:");
    for (what, values) in [
        ("upload of 1 MiB, compiled and stored", &mut uploads),
        (
            "activation, all rooms rehearsed and rolled",
            &mut activations,
        ),
        ("longest pause of a room", &mut pauses),
        ("rollback of all rooms", &mut backs),
    ] {
        println!("  {what:<44}{:>9.2}", median(values));
    }
    std::fs::remove_dir_all(&state)?;
    Ok(())
}
