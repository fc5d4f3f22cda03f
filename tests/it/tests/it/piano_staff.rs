//! What staff can do at the piano, and nobody else.

use anyhow::{Context, Result};
use roost_it::{Pianist, Server, Start};
use serde_json::{Value, json};

const SECRET: &str = "sixteen bytes or more";

async fn server(state: &tempfile::TempDir) -> Result<Server> {
    let start = Start {
        config: format!("[play]\nsecret = {SECRET:?}\n"),
        ..Start::default()
    };
    Server::start(state.path(), start).await
}

async fn staff(server: &Server) -> Result<Pianist> {
    let binary = std::env::current_exe()?
        .ancestors()
        .nth(2)
        .context("a target")?
        .join("roost");
    let mut mint = tokio::process::Command::new(binary);
    mint.args(["token", "--mpp", "--staff", "--secret", SECRET]);
    let token = String::from_utf8(mint.output().await?.stdout)?;
    Pianist::greet(&server.url(), Some(token.trim())).await
}

fn token(pianist: &Pianist) -> Result<String> {
    let token = pianist.hi["token"].as_str().context("a token")?;
    Ok(token.to_owned())
}

fn people(ch: &Value) -> usize {
    ch["ppl"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn staff_takes_crowns() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    let mut staff = staff(&server).await?;
    for permission in ["chownAnywhere", "siteBan", "vanish"] {
        assert_eq!(staff.hi["permissions"][permission], true, "{permission}");
    }
    let (mut owner, _) = Pianist::enter(&server.url(), "theirs").await?;
    assert_eq!(owner.hi["permissions"], json!({}));
    staff.go("theirs").await?;
    staff.say(json!({"m": "chown", "id": staff.id()?})).await?;
    let taken = owner
        .expect_where("ch", |ch| {
            ch["ch"]["crown"]["participantId"] == json!(staff.id().unwrap_or_default())
        })
        .await?;
    assert_eq!(taken["ch"]["count"], 2);
    Ok(())
}

/// All sockets of the banned close with 4008, in a room or in none; he is told why, comes in no more, not even after a
/// restart, and comes in again once the ban is lifted. Words of others do nothing.
#[tokio::test]
async fn who_is_banned_from_the_site_stays_out() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    let mut boss = staff(&server).await?;
    boss.go("lobby").await?;
    let (mut rude, _) = Pianist::enter(&server.url(), "a").await?;
    let token = token(&rude)?;
    let mut tab = Pianist::greet(&server.url(), Some(&token)).await?;
    let (mut witness, _) = Pianist::enter(&server.url(), "a").await?;
    let ban = json!({"m": "siteban", "id": rude.id()?, "duration": 7_200_000, "reason": "Spam."});
    witness.say(ban.clone()).await?;
    witness.all().await?;
    rude.all().await?;
    boss.say(ban.clone()).await?;
    for socket in [&mut rude, &mut tab] {
        let notice = socket.expect("notification").await?;
        assert_eq!(
            notice["text"],
            "You are banned from this site for 2 hours. Spam."
        );
        assert_eq!(socket.ended().await?.code, 4008);
    }
    assert_eq!(witness.expect("bye").await?["p"], json!(rude.id()?));
    let told = boss.expect("notification").await?;
    assert!(
        told["text"]
            .as_str()
            .is_some_and(|text| text.ends_with("for 2 hours.")),
        "{told}"
    );
    // It was told when it was durable.
    let server = server.kill().await?.restart().await?;
    let mut again = Pianist::connect(&server.url()).await?;
    again.say(json!({"m": "hi", "token": token})).await?;
    let notice = again.expect("notification").await?;
    assert!(
        notice["text"]
            .as_str()
            .is_some_and(|text| text.ends_with("Spam.")),
        "{notice}"
    );
    assert_eq!(again.ended().await?.code, 4008);
    let mut boss = staff(&server).await?;
    boss.say(json!({"m": "siteban", "id": rude.id()?, "duration": 0}))
        .await?;
    boss.expect("notification").await?;
    let mut back = Pianist::greet(&server.url(), Some(&token)).await?;
    back.go("a").await?;
    Ok(())
}

#[tokio::test]
async fn who_has_vanished_is_seen_by_staff_alone() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    let (mut guest, _) = Pianist::enter(&server.url(), "haunted").await?;
    let mut ghost = staff(&server).await?;
    let ch = ghost.go("haunted").await?;
    assert_eq!((people(&ch), &ch["ch"]["count"]), (2, &json!(2)));
    guest.expect("p").await?;
    ghost.say(json!({"m": "v", "vanish": true})).await?;
    assert_eq!(guest.expect("bye").await?["p"], json!(ghost.id()?));
    ghost.expect_where("p", |p| p["vanished"] == true).await?;
    let (_, ch) = Pianist::enter(&server.url(), "haunted").await?;
    assert_eq!((people(&ch), &ch["ch"]["count"]), (2, &json!(2)));
    // He is not seen in the next room either.
    let (mut other, _) = Pianist::enter(&server.url(), "next").await?;
    other.all().await?;
    let ch = ghost.go("next").await?;
    assert_eq!(people(&ch), 2);
    ghost.all().await?;
    assert_eq!(other.all().await?, [] as [Value; 0]);
    ghost.say(json!({"m": "v", "vanish": false})).await?;
    assert_eq!(other.expect("p").await?["_id"], json!(ghost.id()?));
    Ok(())
}

#[tokio::test]
async fn a_room_can_ask_for_time_online() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    let (mut owner, _) = Pianist::enter(&server.url(), "elders").await?;
    owner
        .say(json!({"m": "chset", "set": {"minOnlineTime": 60_000}}))
        .await?;
    owner
        .expect_where("ch", |ch| ch["ch"]["settings"]["minOnlineTime"] == 60_000)
        .await?;
    let mut young = Pianist::greet(&server.url(), None).await?;
    let ch = young.go("elders").await?;
    assert_eq!(ch["ch"]["_id"], "test/awkward");
    let mut tab = Pianist::greet(&server.url(), Some(&token(&owner)?)).await?;
    assert_eq!(tab.go("elders").await?["ch"]["_id"], "elders");
    Ok(())
}
