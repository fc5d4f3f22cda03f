//! Rules that misbehave: their own members notice, nobody else does.

use anyhow::Result;
use roost_it::{Client, Heard, Server, Start, component};
use serde_json::json;

async fn server(state: &tempfile::TempDir) -> Result<Server> {
    let module = format!("rogue={}", component("rogue")?.display());
    Server::start(
        state.path(),
        Start {
            args: vec!["--module".to_owned(), module],
            ..Start::default()
        },
    )
    .await
}

/// The next frame that says what became of an order.
async fn outcome(client: &mut Client) -> Result<String> {
    loop {
        match client.hear().await? {
            Heard::Json(frame) if frame["roost"] == "error" => return Ok(frame["code"].to_string()),
            Heard::Json(frame) if frame["topic"] == "done" => return Ok(frame["data"].to_string()),
            Heard::Json(_) | Heard::Bytes(_) => {}
            Heard::Ended(ended) => return Ok(format!("{} {}", ended.code, ended.reason)),
        }
    }
}

/// A member gives a deadly order twice: the first time he is told, the second time he is out.
async fn fails_twice(server: &Server, order: &str) -> Result<()> {
    let mut rogue = Client::enter(&server.play("rogue", "r")).await?;
    rogue.say("do", json!(order)).await?;
    assert_eq!(
        outcome(&mut rogue).await?,
        "\"fault\"",
        "{order}, first time"
    );
    rogue.say("do", json!(order)).await?;
    loop {
        let outcome = outcome(&mut rogue).await?;
        if outcome != "\"fault\"" {
            assert!(
                outcome.starts_with("4403"),
                "{order}, second time: {outcome}"
            );
            break;
        }
    }
    // He is out for a minute, by whatever way he comes.
    let token = rogue.welcome["token"].as_str().unwrap_or_default();
    let again = server.play("rogue", &format!("r?token={token}"));
    assert_eq!(
        Client::connect(&again).await?.ended().await?.code,
        4403,
        "{order}"
    );
    Ok(())
}

#[tokio::test]
async fn whoever_makes_the_rules_fail_twice_is_out_and_nobody_else_notices() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    let mut bystander = Client::enter(&server.play("rogue", "r")).await?;
    let mut neighbour = Client::enter(&server.play("echo", "r")).await?;
    let deadly = [
        "panic",
        "loop",
        "recurse",
        "eat",
        "exit",
        "huge",
        "alias 100",
        "many 9000",
        "topic",
        "json",
    ];
    for order in deadly {
        fails_twice(&server, order).await?;
        // The same room and another go on.
        bystander.say("do", json!("echo")).await?;
        assert_eq!(outcome(&mut bystander).await?, "\"echo\"", "after {order}");
        neighbour.say("echo", json!(order)).await?;
        assert_eq!(neighbour.expect("echo").await?, json!(order));
    }
    // What was accepted before the faults is still there.
    bystander.say("do", json!("count")).await?;
    let count: u64 = outcome(&mut bystander).await?.parse()?;
    assert!(count >= 10, "{count}");
    let (status, metrics) = server.get("/metrics").await?;
    assert_eq!(status, 200);
    assert!(
        metrics.contains(r#"roost_faults_total{kind="rogue",cause="user"}"#),
        "{metrics}"
    );
    Ok(())
}

#[tokio::test]
async fn whoever_cannot_be_let_in_is_told() -> Result<()> {
    let state = tempfile::tempdir()?;
    let module = format!("rogue={}", component("rogue")?.display());
    for (word, code) in [
        ("refuse-init", 1011),
        ("silent", 4403),
        ("trap-on-join", 4403),
    ] {
        let config = format!("[kinds.rogue.options]\nword = \"{word}\"\n");
        let args = vec!["--module".to_owned(), module.clone()];
        let server = Server::start(
            state.path(),
            Start {
                args,
                config,
                ..Start::default()
            },
        )
        .await?;
        let mut client = Client::connect(&server.play("rogue", "r")).await?;
        assert_eq!(client.ended().await?.code, code, "{word}");
        let mut neighbour = Client::enter(&server.play("echo", "r")).await?;
        neighbour.say("echo", json!(word)).await?;
        assert_eq!(neighbour.expect("echo").await?, json!(word));
    }
    Ok(())
}

#[tokio::test]
async fn a_module_that_is_none_is_refused_at_the_start() -> Result<()> {
    let state = tempfile::tempdir()?;
    let file = state.path().join("garbage.wasm");
    std::fs::write(&file, b"\0asm garbage")?;
    let args = vec!["--module".to_owned(), format!("garbage={}", file.display())];
    let Err(error) = Server::start(
        state.path(),
        Start {
            args,
            ..Start::default()
        },
    )
    .await
    else {
        panic!("it started");
    };
    let text = format!("{error:#}");
    assert!(text.contains("module garbage"), "{text}");
    Ok(())
}
