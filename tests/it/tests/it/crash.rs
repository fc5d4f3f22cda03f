//! `kill -9` under traffic: what was acknowledged is there, once.

use anyhow::{Context, Result};
use roost_it::{Client, Heard, Server, Start, times};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ROOMS: usize = 3;
const WRITERS: usize = 2;

/// What a client of one room knows for sure, and what it is not sure of.
#[derive(Debug, Default)]
struct Ledger {
    acknowledged: BTreeMap<String, i64>,
    sent: BTreeMap<String, i64>,
}

impl Ledger {
    /// Lowest and highest total that the room may have.
    fn bounds(&self) -> (i64, i64) {
        (self.acknowledged.values().sum(), self.sent.values().sum())
    }
}

/// Add until the line breaks. Unacknowledged operations of an earlier life are repeated first: the id says
/// that they are the same.
async fn add_until_killed(
    mut client: Client,
    name: String,
    mut ledger: Ledger,
) -> (Ledger, Option<String>) {
    let token = client.welcome["token"].as_str().map(str::to_owned);
    let again: Vec<(String, i64)> = ledger
        .sent
        .iter()
        .filter(|(id, _)| !ledger.acknowledged.contains_key(*id))
        .map(|(k, v)| (k.clone(), *v))
        .collect();
    let fresh = ledger.sent.len();
    let new = (fresh..).map(|n| (format!("{name}-{n}"), 1 + (n % 3) as i64));
    for (id, by) in again.into_iter().chain(new) {
        ledger.sent.insert(id.clone(), by);
        if client
            .say("add", json!({"id": id, "by": by}))
            .await
            .is_err()
        {
            break;
        }
        let acknowledged = loop {
            match client.hear().await {
                Ok(Heard::Json(frame))
                    if frame["topic"] == "added" && frame["data"]["id"] == *id =>
                {
                    break true;
                }
                Ok(Heard::Json(_) | Heard::Bytes(_)) => {}
                Ok(Heard::Ended(_)) | Err(_) => break false,
            }
        };
        if !acknowledged {
            break;
        }
        ledger.acknowledged.insert(id, by);
    }
    (ledger, token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_nothing_acknowledged_is_lost_or_doubled_by_kill_9() -> Result<()> {
    let rounds = times(20, 200);
    let seed: u64 = rand::random();
    println!("seed {seed}, {rounds} rounds");
    let state = tempfile::tempdir()?;
    let mut server = Server::start(state.path(), Start::default()).await?;
    let mut writers: Vec<(Ledger, Option<String>, Option<Value>)> = Vec::new();
    writers.resize_with(ROOMS * WRITERS, Default::default);
    for round in 0..rounds {
        let mut tasks = Vec::new();
        for (n, (ledger, token, seat)) in std::mem::take(&mut writers).into_iter().enumerate() {
            let url = server.play("counter", &format!("room-{}", n % ROOMS));
            let url = token
                .as_ref()
                .map_or(url.clone(), |token| format!("{url}?token={token}"));
            let mut client = Client::enter(&url)
                .await
                .with_context(|| format!("round {round}"))?;
            let entered = client.expect("state").await?;
            if let Some(seat) = &seat {
                assert_eq!(
                    &entered["seat"], seat,
                    "round {round}: a member in grace comes back to its seat"
                );
            }
            let task = tokio::spawn(add_until_killed(client, format!("w{n}"), ledger));
            tasks.push((task, Some(entered["seat"].clone()), token));
        }
        let traffic = 40 + (seed.wrapping_mul(round as u64 + 1) >> 33) % 160;
        until_busy(&server, traffic).await?;
        let killed = server.kill().await?;
        for (task, seat, token) in tasks {
            let (ledger, new_token) = task.await?;
            writers.push((ledger, token.or(new_token), seat));
        }
        server = killed.restart().await?;
        check_totals(&server, &writers)
            .await
            .with_context(|| format!("seed {seed}, round {round}"))?;
    }
    Ok(())
}

/// Wait until the server has stored so many calls more: the kill then comes in the middle of traffic.
async fn until_busy(server: &Server, calls: u64) -> Result<()> {
    let stored = async || -> Result<u64> {
        let (_, text) = server.get("/metrics").await?;
        let line = text
            .lines()
            .find(|line| line.starts_with("roost_commit_seconds_count"));
        Ok(line
            .and_then(|line| line.split_whitespace().last())
            .and_then(|n| n.parse().ok())
            .unwrap_or(0))
    };
    let start = stored().await?;
    while stored().await? < start + calls {
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn check_totals(
    server: &Server,
    writers: &[(Ledger, Option<String>, Option<Value>)],
) -> Result<()> {
    for room in 0..ROOMS {
        let mut looker = Client::enter(&server.play("counter", &format!("room-{room}"))).await?;
        let total = looker.expect("state").await?["total"]
            .as_i64()
            .context("no total")?;
        let here = writers
            .iter()
            .skip(room)
            .step_by(ROOMS)
            .map(|(ledger, ..)| ledger.bounds());
        let (least, most) = here.fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
        assert!(
            (least..=most).contains(&total),
            "room {room}: {total} is not within {least}..={most}"
        );
        looker.leave().await?;
    }
    Ok(())
}

#[tokio::test]
async fn timers_that_ran_out_meanwhile_fire_once_after_a_restart() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = Server::start(state.path(), Start::default()).await?;
    let mut client = Client::enter(&server.play("counter", "r")).await?;
    client.expect("state").await?;
    for id in 0..5 {
        client
            .say("remind", json!({"after": 1500 + id, "id": id}))
            .await?;
    }
    // The answer to a later operation says that the timers are on disk.
    client.say("add", json!({"id": "x", "by": 1})).await?;
    client.expect("added").await?;
    let token = client.welcome["token"]
        .as_str()
        .context("no token")?
        .to_owned();
    let server = server.kill().await?.restart().await?;
    let mut client = Client::enter(&server.play("counter", &format!("r?token={token}"))).await?;
    for id in 0..5 {
        assert_eq!(client.expect("reminded").await?["id"], id);
    }
    client.say("remind", json!({"after": 0, "id": 9})).await?;
    assert_eq!(client.expect("reminded").await?["id"], 9, "each fired once");
    Ok(())
}
