//! Rooms of the piano with the real rules in them.

use anyhow::{Context, Result};
use roost_it::{Pianist, Server, Start, times};
use serde_json::{Value, json};
use std::time::Duration;

async fn server(state: &tempfile::TempDir, config: &str) -> Result<Server> {
    let start = Start {
        config: config.to_owned(),
        ..Start::default()
    };
    Server::start(state.path(), start).await
}

fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_millis() as u64)
}

fn note(name: &str) -> Value {
    json!({"m": "n", "t": now(), "n": [{"n": name, "v": 0.5}]})
}

#[tokio::test]
async fn two_tabs_are_one_participant() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state, "").await?;
    let (mut witness, _) = Pianist::enter(&server.url(), "tabs").await?;
    let (mut first, _) = Pianist::enter(&server.url(), "tabs").await?;
    let token = first.hi["token"].as_str().context("a token")?.to_owned();
    let mut second = Pianist::greet(&server.url(), Some(&token)).await?;
    let ch = second.go("tabs").await?;
    assert_eq!(ch["ch"]["count"], 2);
    assert_eq!(ch["ppl"].as_array().map(Vec::len), Some(2));
    first.all().await?;
    first.say(note("a3")).await?;
    assert_eq!(second.expect("n").await?["p"], json!(first.id()?));
    assert_eq!(
        first.all().await?,
        [] as [Value; 0],
        "not to the sending socket"
    );
    second.say(json!({"m": "a", "message": "both"})).await?;
    for tab in [&mut first, &mut second] {
        assert_eq!(tab.expect("a").await?["a"], "both");
    }
    first.leave().await?;
    second.say(json!({"m": "a", "message": "one left"})).await?;
    let until = witness.expect_where("a", |a| a["a"] == "one left").await?;
    assert_eq!(until["p"]["_id"], json!(second.id()?));
    let id = second.id()?;
    second.leave().await?;
    let mut heard = witness.hear().await?;
    while heard["m"] == "m" {
        heard = witness.hear().await?;
    }
    assert_eq!(heard, json!({"m": "bye", "p": id}));
    Ok(())
}

#[tokio::test]
async fn two_who_make_a_room_at_once_are_in_the_same() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state, "").await?;
    for round in 0..20 {
        let (url, room) = (server.url(), format!("at once {round}"));
        let both = tokio::try_join!(Pianist::enter(&url, &room), Pianist::enter(&url, &room));
        let ((mut one, _), (mut other, _)) = both?;
        one.say(json!({"m": "a", "message": "hear me"})).await?;
        assert_eq!(other.expect("a").await?["p"]["_id"], json!(one.id()?));
    }
    Ok(())
}

/// Refused is the 1201st note in one go; two seconds later 400 more are played.
#[tokio::test]
async fn the_quota_of_notes_fills_up_again() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state, "").await?;
    let (mut owner, _) = Pianist::enter(&server.url(), "quota").await?;
    let (mut player, _) = Pianist::enter(&server.url(), "quota").await?;
    let quota = player.expect("nq").await?;
    assert_eq!(
        (&quota["allowance"], &quota["max"]),
        (&json!(400), &json!(1200))
    );
    let batch = |name: &str, count: usize| json!({"m": "n", "t": now(), "n": vec![json!({"n": name}); count]});
    for _ in 0..3 {
        player.say(batch("c3", 400)).await?;
    }
    player.say(batch("d3", 1)).await?;
    for _ in 0..3 {
        assert_eq!(owner.expect("n").await?["n"][0]["n"], "c3");
    }
    // One at a time, until the first is heard again: that is after the next tick of the quota.
    loop {
        player.say(batch("e3", 1)).await?;
        let patience = Duration::from_millis(250);
        if let Ok(note) = tokio::time::timeout(patience, owner.expect("n")).await {
            assert_eq!(note?["n"][0]["n"], "e3", "the 1201st was refused");
            return Ok(());
        }
    }
}

#[tokio::test]
async fn private_and_custom_messages_reach_whom_they_are_for() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state, "").await?;
    let (mut one, _) = Pianist::enter(&server.url(), "private").await?;
    let (mut two, _) = Pianist::enter(&server.url(), "private").await?;
    let (mut three, _) = Pianist::enter(&server.url(), "private").await?;
    let (mut far, _) = Pianist::enter(&server.url(), "elsewhere").await?;
    one.say(json!({"m": "dm", "_id": two.id()?, "message": "between us"}))
        .await?;
    for party in [&mut one, &mut two] {
        let dm = party.expect("dm").await?;
        assert_eq!(dm["a"], "between us");
        assert!(dm["sender"]["_id"].is_string() && dm["recipient"]["name"].is_string());
    }
    two.say(json!({"m": "+custom"})).await?;
    far.say(json!({"m": "+custom"})).await?;
    two.all().await?;
    far.all().await?;
    let custom = |data: &str, global: bool| json!({"m": "custom", "data": data, "target": {"mode": "subscribed", "global": global}});
    one.say(custom("here", false)).await?;
    one.say(custom("everywhere", true)).await?;
    assert_eq!(two.expect("custom").await?["data"], "here");
    assert_eq!(two.expect("custom").await?["data"], "everywhere");
    let heard = far.expect("custom").await?;
    assert_eq!(
        (&heard["data"], &heard["p"]),
        (&json!("everywhere"), &json!(one.id()?))
    );
    let heard = three.all().await?;
    assert!(
        heard
            .iter()
            .all(|message| message["m"] != "dm" && message["m"] != "custom")
    );
    Ok(())
}

#[tokio::test]
async fn a_full_lobby_sends_on_to_the_next() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state, "[kinds.piano.options]\nlobby_capacity = 2\n").await?;
    let mut here = Vec::new();
    for room in ["lobby", "lobby", "lobby2", "lobby2", "lobby3"] {
        let (pianist, ch) = Pianist::enter(&server.url(), "lobby").await?;
        assert_eq!(ch["ch"]["_id"], room);
        assert!(ch["ch"]["crown"].is_null() && ch["ch"]["settings"]["lobby"] == true);
        here.push(pianist);
    }
    Ok(())
}

#[tokio::test]
async fn the_list_follows_what_happens() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state, "").await?;
    let mut watcher = Pianist::greet(&server.url(), None).await?;
    watcher.say(json!({"m": "+ls"})).await?;
    assert_eq!(
        watcher.expect("ls").await?,
        json!({"m": "ls", "c": true, "u": []})
    );
    let (mut owner, _) = Pianist::enter(&server.url(), "listed").await?;
    let entry = |ls: &Value, count: u64| {
        let entries = ls["u"].as_array().cloned().unwrap_or_default();
        let mut entries = entries.into_iter();
        ls["c"] == false
            && entries.any(|e| e["_id"] == "listed" && e["id"] == "listed" && e["count"] == count)
    };
    watcher.expect_where("ls", |ls| entry(ls, 1)).await?;
    let (mut guest, _) = Pianist::enter(&server.url(), "listed").await?;
    watcher.expect_where("ls", |ls| entry(ls, 2)).await?;
    guest.say(json!({"m": "+ls"})).await?;
    let list = guest.expect("ls").await?;
    assert!(list["u"][0]["banned"].is_null());
    owner
        .say(json!({"m": "kickban", "_id": guest.id()?, "ms": 60_000}))
        .await?;
    let banned = guest
        .expect_where("ls", |ls| ls["u"][0]["_id"] == "listed")
        .await?;
    assert_eq!(banned["u"][0]["banned"], true);
    let seen = watcher.expect_where("ls", |ls| entry(ls, 1)).await?;
    assert!(
        seen["u"][0]["banned"].is_null(),
        "only for whom it concerns"
    );
    owner
        .say(json!({"m": "chset", "set": {"visible": false, "chat": true}}))
        .await?;
    let hidden = watcher
        .expect_where("ls", |ls| ls["u"][0]["settings"]["visible"] == false)
        .await?;
    assert_eq!(hidden["u"][0]["_id"], "listed");
    owner
        .say(json!({"m": "chset", "set": {"visible": true, "chat": true}}))
        .await?;
    watcher
        .expect_where("ls", |ls| ls["u"][0]["settings"]["visible"] == true)
        .await?;
    owner.leave().await?;
    watcher.expect_where("ls", |ls| entry(ls, 0)).await?;
    Ok(())
}

#[tokio::test]
async fn a_crown_falls_and_comes_back() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state, "").await?;
    let (owner, ch) = Pianist::enter(&server.url(), "crown").await?;
    assert_eq!(ch["ch"]["crown"]["participantId"], json!(owner.id()?));
    let token = owner.hi["token"].as_str().context("a token")?.to_owned();
    let id = owner.id()?;
    let (mut other, _) = Pianist::enter(&server.url(), "crown").await?;
    drop(owner);
    let fallen = other.expect_where("ch", |ch| ch["p"].is_null()).await?;
    let crown = &fallen["ch"]["crown"];
    assert!(crown["participantId"].is_null() && crown["userId"] == json!(id));
    assert!(crown["startPos"]["x"].is_number() && crown["endPos"]["y"].is_number());
    other.say(json!({"m": "chown", "id": other.id()?})).await?;
    assert_eq!(other.all().await?, [] as [Value; 0], "not before 15 s");
    let mut back = Pianist::greet(&server.url(), Some(&token)).await?;
    back.go("crown").await?;
    let again = other
        .expect_where("ch", |ch| ch["ch"]["crown"]["participantId"].is_string())
        .await?;
    assert_eq!(again["ch"]["crown"]["participantId"], json!(id));
    Ok(())
}

#[tokio::test]
async fn what_was_acknowledged_outlives_kill_9() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state, "").await?;
    let (mut owner, _) = Pianist::enter(&server.url(), "lasting").await?;
    let (rude, _) = Pianist::enter(&server.url(), "lasting").await?;
    let tokens = [&owner, &rude].map(|p| p.hi["token"].as_str().unwrap_or_default().to_owned());
    owner
        .say(json!({"m": "userset", "set": {"name": "Ada", "color": "#102030"}}))
        .await?;
    owner.expect_where("p", |p| p["name"] == "Ada").await?;
    owner
        .say(json!({"m": "chset", "set": {"color": "#445566", "chat": true}}))
        .await?;
    owner
        .expect_where("ch", |ch| ch["ch"]["settings"]["color"] == "#445566")
        .await?;
    owner
        .say(json!({"m": "kickban", "_id": rude.id()?, "ms": 3_600_000}))
        .await?;
    owner.expect("notification").await?;
    owner
        .say(json!({"m": "a", "message": "remember me"}))
        .await?;
    owner.expect("a").await?;
    for _ in 0..20 {
        owner.say(note("c4")).await?;
    }
    let killed = server.kill().await?;
    let server = killed.restart().await?;
    let mut owner = Pianist::greet(&server.url(), Some(&tokens[0])).await?;
    assert_eq!(
        (&owner.hi["u"]["name"], &owner.hi["u"]["color"]),
        (&json!("Ada"), &json!("#102030"))
    );
    let ch = owner.go("lasting").await?;
    assert_eq!(ch["ch"]["settings"]["color"], "#445566");
    assert_eq!(ch["ch"]["crown"]["participantId"], json!(owner.id()?));
    let history = owner.expect("c").await?;
    assert_eq!(history["c"][0]["a"], "remember me");
    let mut rude = Pianist::greet(&server.url(), Some(&tokens[1])).await?;
    // He may still have been on his way out: then he is in for a moment, and sent away again.
    rude.say(json!({"m": "ch", "_id": "lasting"})).await?;
    rude.expect_where("ch", |ch| ch["ch"]["_id"] == "test/awkward")
        .await?;
    Ok(())
}

/// People come, play, change rooms, say bye, close, or are cut off, again and again: nobody's room ever stalls, and
/// nothing of it stays.
#[tokio::test]
async fn leaving_never_stalls_a_room() -> Result<()> {
    leave_and_come(times(1_000, 1_000)).await
}

#[tokio::test]
async fn soak_ten_thousand_come_and_go() -> Result<()> {
    if times(0, 1) == 0 {
        return Ok(());
    }
    leave_and_come(10_000).await
}

async fn leave_and_come(cycles: usize) -> Result<()> {
    const AT_ONCE: usize = 8;
    let state = tempfile::tempdir()?;
    let server = server(&state, "[net]\nmax_sockets_per_address = 10000\n").await?;
    let (mut resident, _) = Pianist::enter(&server.url(), "busy").await?;
    let (mut listener, _) = Pianist::enter(&server.url(), "busy").await?;
    resident.all().await?;
    let before = server.resident_kib()?;
    for round in 0..cycles / AT_ONCE {
        let visits = (0..AT_ONCE).map(|seat| visit(server.url(), round, seat));
        futures_util::future::try_join_all(visits).await?;
        // Both hear all that is said meanwhile: whoever does not read is closed after a while.
        hears(&mut resident, &mut listener).await?;
        hears(&mut listener, &mut resident).await?;
    }
    resident.say(json!({"m": "+ls"})).await?;
    let last = resident
        .expect_where("ls", |ls| ls["c"] == true || ls["u"][0]["count"] == 2)
        .await?;
    let rooms = last["u"].as_array().map_or(0, Vec::len);
    assert!(rooms <= 3, "rooms stay: {last}");
    let (_, metrics) = server.get("/metrics").await?;
    assert!(metrics.contains("roost_members{kind=\"piano\"}"));
    let grown = server.resident_kib()?.saturating_sub(before);
    assert!(grown < 40 * 1024, "grown by {grown} KiB");
    Ok(())
}

/// One plays until the other has heard it: more than fifty notes a second are not played.
async fn hears(player: &mut Pianist, listener: &mut Pianist) -> Result<()> {
    let id = json!(player.id()?);
    for _ in 0..100 {
        player.say(note("c4")).await?;
        let heard = listener.expect_where("n", |n| n["p"] == id);
        if let Ok(heard) = tokio::time::timeout(Duration::from_millis(500), heard).await {
            return heard.map(|_| ());
        }
    }
    anyhow::bail!("the room stalls")
}

async fn visit(url: String, round: usize, seat: usize) -> Result<()> {
    let (mut visitor, ch) = Pianist::enter(&url, "busy").await?;
    assert_eq!(ch["ch"]["_id"], "busy");
    visitor.say(note("e4")).await?;
    visitor
        .say(json!({"m": "m", "x": seat, "y": round % 100}))
        .await?;
    match (round + seat) % 4 {
        0 => visitor.leave().await?,
        1 => {
            visitor.say(json!({"m": "bye"})).await?;
            visitor.ended().await?;
        }
        2 => {
            let ch = visitor.go(&format!("side {seat}")).await?;
            assert_eq!(ch["ch"]["crown"]["participantId"], json!(visitor.id()?));
        }
        // Without a word.
        _ => drop(visitor),
    }
    Ok(())
}
