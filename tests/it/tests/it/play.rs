//! The native door, by `protocol/docs/play.md`.

use anyhow::{Context, Result};
use roost_it::{Client, Ended, Heard, Server, Start};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

async fn server(state: &tempfile::TempDir) -> Result<Server> {
    Server::start(state.path(), Start::default()).await
}

#[tokio::test]
async fn a_client_is_welcomed_and_heard() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    let mut client = Client::enter(&server.play("echo", "r%201")).await?;
    let welcome = &client.welcome;
    assert_eq!(
        (&welcome["kind"], &welcome["room"], &welcome["member"]),
        (&json!("echo"), &json!("r 1"), &json!(1))
    );
    assert_eq!(
        welcome["topics"],
        json!([{"name": "echo", "intake": "reliable"}])
    );
    assert_eq!(welcome["program"].as_str().map(str::len), Some(64));

    client.say("echo", json!({"a": [1, "ü"]})).await?;
    assert_eq!(client.expect("echo").await?, json!({"a": [1, "ü"]}));
    client
        .send(Message::binary(b"\x04echo\x00\xff".to_vec()))
        .await?;
    let from = client.welcome["user"]
        .as_str()
        .context("no user")?
        .to_owned();
    let Heard::Bytes(frame) = client.hear().await? else {
        panic!("no binary frame")
    };
    let mut expected = b"\x04echo".to_vec();
    // The rules of `echo` speak in their own name or in the sender's: both are in the frame's form.
    let author = u16::from_le_bytes([frame[13], frame[14]]) as usize;
    assert!(author == 0 || author == from.len());
    expected.extend_from_slice(&frame[5..15 + author]);
    expected.extend_from_slice(b"\x00\xff");
    assert_eq!(frame, expected);
    client.leave().await
}

/// The next binary delivery on a topic: its `seq` and its payload.
async fn binary(client: &mut Client, topic: &str) -> Result<(u64, Vec<u8>)> {
    loop {
        let frame = match client.hear().await? {
            Heard::Bytes(frame) => frame,
            Heard::Json(_) => continue,
            ended @ Heard::Ended(_) => anyhow::bail!("{ended:?}"),
        };
        let (name, rest) = frame[1..].split_at(usize::from(frame[0]));
        assert_eq!(name, topic.as_bytes());
        let (number, rest) = rest.split_at(8);
        let author = usize::from(u16::from_le_bytes([rest[0], rest[1]]));
        let number = u64::from_be_bytes(number.try_into()?);
        return Ok((number, rest[2 + author..].to_vec()));
    }
}

#[tokio::test]
async fn reliable_deliveries_are_numbered_whatever_frame_they_come_in() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    let mut ann = Client::enter(&server.play("relay", "r")).await?;
    let mut bob = Client::enter(&server.play("relay", "r")).await?;
    let mut last = 0;
    for n in 0..20_u8 {
        let frame = [b"\x03say", &[n][..]].concat();
        ann.send(Message::binary(frame)).await?;
        let (number, payload) = binary(&mut bob, "say").await?;
        assert_eq!(payload, [n]);
        assert!(number > last, "{number} after {last}");
        ann.say("say", json!(n)).await?;
        let text = loop {
            if let Heard::Json(frame) = bob.hear().await?
                && frame["topic"] == "say"
            {
                break frame["seq"].as_u64().context("no seq")?;
            }
        };
        assert!(text > number, "{text} after {number}");
        last = text;
    }
    ann.send(Message::binary(b"\x04notex".to_vec())).await?;
    assert_eq!(binary(&mut bob, "note").await?, (0, b"x".to_vec()));
    Ok(())
}

#[tokio::test]
async fn one_address_does_not_take_all_rooms() -> Result<()> {
    let state = tempfile::tempdir()?;
    let config = "[rooms]\nmax_per_address = 2\nkeep_empty = \"1ms\"\n".to_owned();
    let start = Start {
        config,
        ..Start::default()
    };
    let server = Server::start(state.path(), start).await?;
    let first = Client::enter(&server.play("echo", "a")).await?;
    let _second = Client::enter(&server.play("echo", "b")).await?;
    let third = server.play("echo", "c");
    assert_eq!(Client::connect(&third).await?.ended().await?.code, 1013);
    let _inside = Client::enter(&server.play("echo", "a")).await?;
    first.leave().await?;
    _inside.leave().await?;
    loop {
        let mut again = Client::connect(&third).await?;
        match again.hear().await? {
            Heard::Json(welcome) if welcome["roost"] == "welcome" => return Ok(()),
            Heard::Ended(ended) => assert_eq!(ended.code, 1013),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_token_of_ones_own_says_how_one_is_called() -> Result<()> {
    let state = tempfile::tempdir()?;
    let config = "[play]\nsecret = \"a secret of at least 32 bytes, for tests\"\n".to_owned();
    let start = Start {
        config,
        ..Start::default()
    };
    let server = Server::start(state.path(), start).await?;
    let place = ["--kind", "counter", "--room", "*"];
    let token = mint(&state, &[&place[..], &["--user", "alice"]].concat())?;
    let url = server.play("counter", &format!("a?name=Impostor&token={token}"));
    let mut alice = Client::enter(&url).await?;
    assert_eq!(alice.expect("state").await?["people"][0]["name"], "alice");
    // A token that the server itself gave says nothing of names.
    let mut nobody = Client::enter(&server.play("counter", "b?name=Bob")).await?;
    assert_eq!(nobody.expect("state").await?["people"][0]["name"], "Bob");
    let token = text(&nobody.welcome, "token")?;
    let url = server.play("counter", &format!("c?name=Rob&token={token}"));
    let mut nobody = Client::enter(&url).await?;
    assert_eq!(nobody.expect("state").await?["people"][0]["name"], "Rob");
    Ok(())
}

#[tokio::test]
async fn bad_frames_are_answered_and_end_in_1008() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    let mut client = Client::enter(&server.play("echo", "r")).await?;
    let bad = [
        "",
        "[]",
        "{",
        r#"{"topic":"nope"}"#,
        r#"{"topic":"echo","x":1}"#,
    ];
    let codes = [
        "bad_frame",
        "bad_frame",
        "bad_frame",
        "unknown_topic",
        "bad_frame",
    ];
    for (frame, code) in bad.iter().zip(codes) {
        client.send(Message::text(*frame)).await?;
        let Heard::Json(answer) = client.hear().await? else {
            panic!("{frame:?} was not answered")
        };
        assert_eq!(
            (&answer["roost"], &answer["code"]),
            (&json!("error"), &json!(code)),
            "{frame:?}"
        );
    }
    // It goes on.
    client.say("echo", json!(1)).await?;
    assert_eq!(client.expect("echo").await?, json!(1));
    for _ in bad.len()..32 {
        client.send(Message::text("x")).await?;
    }
    assert_eq!(client.ended().await?.code, 1008);
    Ok(())
}

#[tokio::test]
async fn wrong_addresses_and_tokens_have_codes_of_their_own() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    let cases = [
        (server.play("echo", "r/x"), 4400),
        (server.play("echo", "r?color=red"), 4400),
        (server.play("nokind", "r"), 4404),
        (server.play("echo", "r?token=nonsense"), 4401),
    ];
    for (url, code) in cases {
        let mut client = Client::connect(&url).await?;
        assert_eq!(client.ended().await?.code, code, "{url}");
    }
    Ok(())
}

#[tokio::test]
async fn what_one_says_the_others_hear() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    let mut ann = Client::enter(&server.play("relay", "r?name=Ann&color=%23ff0000")).await?;
    let mut bob = Client::enter(&server.play("relay", "r?name=Bob")).await?;
    let mut elsewhere = Client::enter(&server.play("relay", "other")).await?;
    for n in 0..100 {
        ann.say("say", json!(n)).await?;
    }
    let mut last = 0;
    for n in 0..100 {
        let frame = loop {
            match bob.hear().await? {
                Heard::Json(frame) if frame["topic"] == "say" => break frame,
                Heard::Json(_) => {}
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(
            (&frame["data"], &frame["from"]),
            (&json!(n), &ann.welcome["user"])
        );
        let seq = frame["seq"].as_u64().context("no seq")?;
        assert!(seq > last);
        last = seq;
    }
    bob.say("say", json!("back")).await?;
    assert_eq!(
        ann.expect("say").await?,
        json!("back"),
        "she does not hear herself"
    );
    elsewhere.say("say", json!("alone")).await?;
    let (status, rooms) = server.get("/play/relay").await?;
    let rooms: Value = serde_json::from_str(&rooms)?;
    assert_eq!(
        (status, rooms["rooms"].as_array().map(Vec::len)),
        (200, Some(2)),
        "{rooms}"
    );
    Ok(())
}

#[tokio::test]
async fn a_token_says_who_one_is_and_two_tabs_share_a_member() -> Result<()> {
    let state = tempfile::tempdir()?;
    let config = "[play]\nsecret = \"a secret of at least 32 bytes, for tests\"\n".to_owned();
    let server = Server::start(
        state.path(),
        Start {
            config,
            ..Start::default()
        },
    )
    .await?;
    let token = mint(
        &state,
        &[
            "--kind", "relay", "--room", "r", "--user", "alice", "--name", "Alice",
        ],
    )?;
    let url = server.play("relay", &format!("r?token={token}"));
    let first = Client::enter(&url).await?;
    let second = Client::enter(&url).await?;
    assert_eq!(first.welcome["user"], "alice");
    assert_eq!(first.welcome["member"], second.welcome["member"]);
    assert_ne!(first.welcome["connection"], second.welcome["connection"]);
    let mut elsewhere =
        Client::connect(&server.play("relay", &format!("r2?token={token}"))).await?;
    assert_eq!(elsewhere.ended().await?.code, 4401);
    Ok(())
}

/// `roost token`.
fn mint(state: &tempfile::TempDir, args: &[&str]) -> Result<String> {
    let test = std::env::current_exe()?;
    let roost = test
        .ancestors()
        .nth(2)
        .context("no target directory")?
        .join("roost");
    let config = state.path().join("roost.toml");
    let output = std::process::Command::new(roost)
        .arg("token")
        .args(args)
        .arg("--config")
        .arg(config)
        .output()?;
    anyhow::ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[tokio::test]
async fn who_breaks_off_comes_back_to_his_seat_and_hears_what_he_missed() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    let mut ann = Client::enter(&server.play("counter", "r")).await?;
    let seen = ann.expect("state").await?;
    let mut bob = Client::enter(&server.play("counter", "r")).await?;
    bob.expect("state").await?;
    let (token, resume) = (text(&ann.welcome, "token")?, text(&ann.welcome, "resume")?);
    // Without a good-bye: the member stays for the time of grace.
    drop(ann);
    bob.say("remind", json!({"after": 0, "id": 7})).await?;
    assert_eq!(bob.expect("reminded").await?["id"], 7);
    let url = server.play("counter", &format!("r?token={token}&resume={resume}.0"));
    let mut ann = Client::enter(&url).await?;
    assert_eq!(ann.welcome["resumed"], true);
    assert_eq!(ann.expect("reminded").await?["id"], 7);
    // The rules are told that the client knows the rest.
    let state = ann.expect("state").await?;
    assert_eq!(
        (&state["seat"], &state["resumed"]),
        (&seen["seat"], &json!(true))
    );
    Ok(())
}

fn text(value: &Value, key: &str) -> Result<String> {
    Ok(value[key]
        .as_str()
        .with_context(|| format!("no {key} in {value}"))?
        .to_owned())
}

#[tokio::test]
async fn a_profile_is_the_same_in_all_rooms_and_after_a_restart() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    let mut here = Client::enter(&server.play("counter", "a")).await?;
    here.expect("state").await?;
    let token = text(&here.welcome, "token")?;
    let mut there = Client::enter(&server.play("counter", &format!("b?token={token}"))).await?;
    there.expect("state").await?;
    here.say("name", json!({"name": "Zoë", "color": 255}))
        .await?;
    assert_eq!(here.expect("person").await?["name"], "Zoë");
    assert_eq!(there.expect("person").await?["name"], "Zoë");
    let server = server.kill().await?.restart().await?;
    let mut back = Client::enter(&server.play("counter", &format!("c?token={token}"))).await?;
    assert_eq!(back.expect("state").await?["people"][0]["name"], "Zoë");
    Ok(())
}

#[tokio::test]
async fn whoever_was_away_is_known_by_his_new_name_when_he_is_back() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    let mut away = Client::enter(&server.play("counter", "a?name=Zoe")).await?;
    away.expect("state").await?;
    let mut witness = Client::enter(&server.play("counter", "a")).await?;
    witness.expect("state").await?;
    let token = text(&away.welcome, "token")?;
    // Without a good-bye: the member stays for the time of grace.
    drop(away);
    let mut here = Client::enter(&server.play("counter", &format!("b?token={token}"))).await?;
    here.say("name", json!({"name": "Zoë", "color": 255}))
        .await?;
    assert_eq!(here.expect("person").await?["name"], "Zoë");
    let _back = Client::enter(&server.play("counter", &format!("a?token={token}"))).await?;
    assert_eq!(witness.expect("person").await?["name"], "Zoë");
    Ok(())
}

#[tokio::test]
async fn a_normal_close_is_answered() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    let mut client = Client::enter(&server.play("echo", "r")).await?;
    client.send(Message::Close(None)).await?;
    let ended = client.ended().await?;
    assert!([1000, 1005].contains(&ended.code), "{ended:?}");
    assert_ne!(
        ended,
        Ended {
            code: 1006,
            reason: String::new()
        }
    );
    Ok(())
}
