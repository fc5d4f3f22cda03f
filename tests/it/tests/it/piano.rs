//! The Multiplayer Piano door: handshake, identity, bad input.

use anyhow::{Context, Result};
use roost_it::{Pianist, Server, Start};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

async fn server(state: &tempfile::TempDir, config: &str) -> Result<Server> {
    let start = Start {
        config: config.to_owned(),
        ..Start::default()
    };
    Server::start(state.path(), start).await
}

#[tokio::test]
async fn a_greeting_is_answered_with_all_that_clients_check() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state, "").await?;
    let mut pianist = Pianist::connect(&server.url()).await?;
    let challenge = pianist.hear().await?;
    assert_eq!(challenge["m"], "b");
    assert!(challenge["code"].is_string());
    pianist.say(json!({"m": "devices", "list": []})).await?;
    pianist.say(json!({"m": "hi"})).await?;
    let hi = pianist.hear().await?;
    assert_eq!(
        (&hi["m"], &hi["u"]["name"]),
        (&json!("hi"), &json!("Anonymous"))
    );
    let id = hi["u"]["_id"].as_str().context("an id")?;
    assert_eq!(id.len(), 24);
    assert_eq!(hi["u"]["color"], format!("#{}", &id[..6]));
    assert!(hi["t"].is_u64() && hi["permissions"].is_object() && hi["token"].is_string());
    let quota = pianist.hear().await?;
    assert_eq!(
        quota,
        json!({"m": "nq", "allowance": 200, "max": 600, "maxHistLen": 3})
    );
    pianist.say(json!({"m": "hi"})).await?;
    let again = pianist.expect("hi").await?;
    assert_eq!(again["u"], hi["u"], "a second greeting changes nothing");
    pianist.say(json!({"m": "t", "e": 1.5})).await?;
    assert_eq!(pianist.expect("t").await?["e"], 1.5);
    pianist.say(json!({"m": "t", "e": {"a": 1}})).await?;
    assert!(pianist.expect("t").await?["e"].is_null());
    pianist.say(json!({"m": "bye"})).await?;
    assert_eq!(pianist.ended().await?.code, 1000);
    Ok(())
}

#[tokio::test]
async fn a_token_brings_the_same_user_back_also_after_a_restart() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state, "").await?;
    let first = Pianist::greet(&server.url(), None).await?;
    let token = first.hi["token"].as_str().context("a token")?.to_owned();
    let (stopped, _) = server.stop().await?;
    let server = stopped.restart().await?;
    let second = Pianist::greet(&server.url(), Some(&token)).await?;
    assert_eq!(second.id()?, first.id()?);
    assert!(second.hi["token"].is_null(), "the one it has is good");
    let other = Pianist::greet(&server.url(), Some("nonsense")).await?;
    assert_ne!(other.id()?, first.id()?);
    Ok(())
}

#[tokio::test]
async fn in_production_the_address_says_who_somebody_is() -> Result<()> {
    let state = tempfile::tempdir()?;
    let config =
        "[mpp]\nproduction = true\nsalt1 = \"a\"\nsalt2 = \"b\"\nmax_sockets_per_user = 2\n";
    let server = server(&state, config).await?;
    let first = Pianist::greet(&server.url(), None).await?;
    assert_eq!(first.id()?, "67dc44a40903b00542c99500");
    assert!(first.hi["token"].is_null());
    let second = Pianist::greet(&server.url(), None).await?;
    assert_eq!(second.id()?, first.id()?);
    let mut third = Pianist::connect(&server.url()).await?;
    third.say(json!({"m": "hi"})).await?;
    assert_eq!(third.ended().await?.code, 4009);
    drop(second);
    Ok(())
}

#[tokio::test]
async fn without_salts_production_does_not_start() -> Result<()> {
    let state = tempfile::tempdir()?;
    let refused = server(&state, "[mpp]\nproduction = true\n").await;
    let error = format!("{:#}", refused.err().context("it started")?);
    assert!(error.contains("salt1"), "{error}");
    Ok(())
}

#[tokio::test]
async fn bad_input_is_ignored_until_it_is_too_much() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state, "").await?;
    let (mut bystander, _) = Pianist::enter(&server.url(), "bad input").await?;
    let (mut rude, _) = Pianist::enter(&server.url(), "bad input").await?;
    bystander.expect("p").await?;
    rude.all().await?;
    for harmless in [
        "{}",
        "7",
        "[]",
        "[null, 5, [], {}, {\"m\": 5}]",
        "[{\"m\": \"no such thing\"}]",
        "[{\"m\": \"n\", \"t\": null, \"n\": [null]}]",
        "[{\"m\": \"m\", \"x\": \"NaN\", \"y\": 1}]",
        "[{\"m\": \"userset\", \"set\": {\"name\": \"\", \"color\": \"red\"}}]",
        "[{\"m\": \"a\", \"message\": {\"toString\": 1}}]",
        "[{\"m\": \"chown\", \"id\": \"nobody\"}]",
        "[{\"m\": \"kickban\", \"_id\": \"nobody\", \"ms\": \"x\"}]",
    ] {
        rude.send(Message::text(harmless)).await?;
    }
    rude.send(Message::binary(vec![0xFF; 100])).await?;
    assert_eq!(rude.all().await?, [] as [serde_json::Value; 0]);
    assert_eq!(bystander.all().await?, [] as [serde_json::Value; 0]);
    for _ in 0..20 {
        rude.send(Message::text("[{")).await?;
    }
    assert_eq!(rude.ended().await?.code, 1008);
    let (mut large, _) = Pianist::enter(&server.url(), "bad input").await?;
    large.send(Message::text("x".repeat(70_000))).await?;
    assert_eq!(large.ended().await?.code, 1009);
    let (mut flood, _) = Pianist::enter(&server.url(), "bad input").await?;
    let many = vec![json!({"m": "m", "x": 1, "y": 1}); 500];
    for _ in 0..3 {
        flood.send(Message::text(json!(many).to_string())).await?;
    }
    assert_eq!(flood.ended().await?.code, 4007);
    bystander
        .say(json!({"m": "a", "message": "still here"}))
        .await?;
    assert_eq!(bystander.expect("a").await?["a"], "still here");
    Ok(())
}

#[tokio::test]
async fn nothing_is_done_for_whoever_has_not_said_hi() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state, "").await?;
    let mut mute = Pianist::connect(&server.url()).await?;
    for message in [
        json!({"m": "ch", "_id": "x"}),
        json!({"m": "+ls"}),
        json!({"m": "t"}),
        json!({"m": "a", "message": "x"}),
    ] {
        mute.say(message).await?;
    }
    mute.say(json!({"m": "hi"})).await?;
    assert_eq!(mute.hear().await?["m"], "b");
    assert_eq!(mute.hear().await?["m"], "hi");
    let mut other = Pianist::connect(&format!("{}/ws", server.url())).await?;
    other.send(Message::text("{\"sdp\": 1}")).await?;
    assert_eq!(other.ended().await?.code, 1008);
    Ok(())
}

#[tokio::test]
async fn links_to_rooms_are_the_page() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state, "").await?;
    let (_, page) = server.get("/").await?;
    assert!(page.contains("/assets/piano.js"));
    for path in [
        "/lobby",
        "/test/awkward",
        "/?c=x",
        "//double//slash",
        "/a%20b",
    ] {
        assert_eq!(server.get(path).await?, (200, page.clone()), "{path}");
    }
    assert_eq!(server.get("/assets/piano.js").await?.0, 200);
    assert_eq!(server.get("/assets//piano.css").await?.0, 200);
    assert_eq!(server.get("/ws").await?.0, 400);
    assert_eq!(server.get("/api/nothing").await?.0, 404);
    Ok(())
}
