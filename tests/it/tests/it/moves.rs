//! From room to room by order of the rules: whoever is moved arrives, whatever becomes of the room he leaves.

use anyhow::{Context, Result, bail};
use roost_it::{Client, Heard, Server, Start, component, times};
use serde_json::{Value, json};

async fn server(state: &tempfile::TempDir) -> Result<Server> {
    let module = format!("rogue={}", component("rogue")?.display());
    Server::start(
        state.path(),
        Start {
            args: vec!["--module".to_owned(), module],
            config: "[rooms]\nrestart_grace = \"1ms\"\nkeep_empty = \"1ms\"\n".to_owned(),
            ..Start::default()
        },
    )
    .await
}

/// The next `welcome`; whatever comes before it is passed over.
async fn welcomed(client: &mut Client) -> Result<Value> {
    loop {
        match client.hear().await? {
            Heard::Json(frame) if frame["roost"] == "welcome" => return Ok(frame),
            Heard::Ended(ended) => bail!("it ended: {ended:?}"),
            Heard::Json(_) | Heard::Bytes(_) => {}
        }
    }
}

/// It is there, and heard.
async fn is_in(client: &mut Client, room: &str) -> Result<()> {
    assert_eq!(welcomed(client).await?["room"], room);
    client.say("do", json!("echo")).await?;
    assert_eq!(client.expect("done").await?, json!("echo"));
    Ok(())
}

/// Wait until no member is left in any room of the kind, and no room.
async fn all_gone(server: &Server) -> Result<()> {
    loop {
        let (_, metrics) = server.get("/metrics").await?;
        let count = |name: &str| {
            let prefix = format!("{name}{{kind=\"rogue\"}} ");
            let mut lines = metrics.lines();
            let line = lines.find_map(|line| line.strip_prefix(&prefix));
            anyhow::Ok(line.context("no such metric")?.parse::<f64>()?)
        };
        if count("roost_members")? == 0.0 && count("roost_rooms")? == 0.0 {
            return Ok(());
        }
    }
}

#[tokio::test]
async fn whoever_is_moved_out_of_a_room_that_ends_in_the_same_call_arrives() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    for round in 0..times(20, 500) {
        let game = server.play("rogue", &format!("game-{round}"));
        let mut mover = Client::enter(&game).await?;
        let mut other = Client::enter(&game).await?;
        mover.say("do", json!("leave-and-end lobby")).await?;
        is_in(&mut mover, "lobby").await?;
        assert_eq!(other.ended().await?.code, 4410);
        mover.leave().await?;
    }
    all_gone(&server).await
}

#[tokio::test]
async fn what_the_old_room_says_of_a_fault_does_not_end_a_move() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    for round in 0..times(20, 500) {
        let url = server.play("rogue", &format!("old-{round}"));
        let mut mover = Client::enter(&url).await?;
        let mut other = Client::enter(&url).await?;
        // Both messages are in one batch, if the room is busy for long enough.
        other.say("do", json!("spin 300000")).await?;
        mover.say("do", json!("move new")).await?;
        mover.say("do", json!("panic")).await?;
        is_in(&mut mover, "new").await?;
        mover.leave().await?;
        other.leave().await?;
    }
    all_gone(&server).await
}

#[tokio::test]
async fn whoever_hangs_up_on_his_way_is_in_neither_room() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    for round in 0..times(20, 500) {
        let url = server.play("rogue", &format!("old-{round}"));
        let mut mover = Client::enter(&url).await?;
        // He is a member there already, and so enters at once.
        let token = mover.welcome["token"].as_str().context("no token")?;
        let there = server.play("rogue", &format!("new-{round}?token={token}"));
        let mut tab = Client::enter(&there).await?;
        tab.say("do", json!("spin 300000")).await?;
        let target = format!("new-{round}");
        mover
            .say("do", json!(format!("leave-and-end {target}")))
            .await?;
        drop(mover);
        tab.leave().await?;
    }
    all_gone(&server).await
}

#[tokio::test]
async fn a_room_may_be_left_for_itself() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    let mut client = Client::enter(&server.play("rogue", "same")).await?;
    client.say("do", json!("move same")).await?;
    is_in(&mut client, "same").await?;
    client.leave().await?;
    all_gone(&server).await
}
