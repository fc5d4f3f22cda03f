//! Starting, readiness, going down.

use anyhow::{Context, Result};
use roost_it::{Client, Server, Start};
use serde_json::json;

#[tokio::test]
async fn sigterm_closes_with_1001_and_loses_nothing() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = Server::start(state.path(), Start::default()).await?;
    // Durability `snapshot`: what is in memory alone must be put away.
    let mut client = Client::enter(&server.play("counter", "r")).await?;
    client.say("add", json!({"id": "a", "by": 5})).await?;
    client.expect("added").await?;
    let token = client.welcome["token"]
        .as_str()
        .context("no token")?
        .to_owned();
    let stopped = tokio::spawn(server.stop());
    assert_eq!(client.ended().await?.code, 1001);
    let (killed, log) = stopped.await??;
    assert!(log.contains("stopping"), "{log}");
    let server = killed.restart().await?;
    let mut client = Client::enter(&server.play("counter", &format!("r?token={token}"))).await?;
    assert_eq!(client.expect("state").await?["total"], 5);
    Ok(())
}

#[tokio::test]
async fn readiness_metrics_and_pages() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = Server::start(state.path(), Start::default()).await?;
    let mut ready = server.get("/readyz").await?;
    while ready.0 != 200 {
        ready = server.get("/readyz").await?;
    }
    assert_eq!(server.get("/healthz").await?, (200, "ok\n".to_owned()));
    let (status, metrics) = server.get("/metrics").await?;
    assert_eq!(status, 200);
    assert!(metrics.contains("roost_sockets"), "{metrics}");
    assert_eq!(server.get("/play").await?.0, 200);
    let (status, kinds) = server.get("/play/kinds.json").await?;
    assert_eq!(status, 200);
    for kind in ["counter", "echo", "relay", "ticker"] {
        assert!(kinds.contains(kind), "{kinds}");
    }
    assert_eq!(server.get("/play/nokind").await?.0, 404);
    assert_eq!(server.get("/api/nothing").await?.0, 404);
    Ok(())
}

#[tokio::test]
async fn two_servers_do_not_share_a_state_directory() -> Result<()> {
    let state = tempfile::tempdir()?;
    let first = Server::start(state.path(), Start::default()).await?;
    let Err(error) = Server::start(state.path(), Start::default()).await else {
        panic!("both started")
    };
    let text = format!("{error:#}");
    assert!(text.contains("in use"), "{text}");
    let mut client = Client::enter(&first.play("echo", "r")).await?;
    client.say("echo", json!(1)).await?;
    assert_eq!(client.expect("echo").await?, json!(1));
    Ok(())
}

#[tokio::test]
async fn a_heavy_ticker_ticks_beside_light_rooms() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = Server::start(state.path(), Start::default()).await?;
    let mut heavy = Client::enter(&server.play("ticker", "r")).await?;
    let mut light = Client::enter(&server.play("echo", "r")).await?;
    heavy
        .say("work", json!({"units": 100, "ticks": 20}))
        .await?;
    let first = heavy.expect("tick").await?["tick"]
        .as_u64()
        .context("no tick")?;
    for n in 0..50 {
        light.say("echo", json!(n)).await?;
        assert_eq!(light.expect("echo").await?, json!(n));
    }
    loop {
        if heavy.expect("tick").await?["tick"]
            .as_u64()
            .context("no tick")?
            > first + 25
        {
            return Ok(());
        }
    }
}
