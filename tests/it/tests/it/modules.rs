//! Uploading rules, changing them while clients stay connected, and going back.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use roost_it::{Admin, Client, Heard, Server, Start, component, rogue, with_section};
use serde_json::{Value, json};
use std::path::PathBuf;

async fn server(state: &tempfile::TempDir) -> Result<Server> {
    Server::start(state.path(), Start::default()).await
}

fn wasm(name: &str) -> Result<Vec<u8>> {
    let path: PathBuf = component(name)?;
    Ok(std::fs::read(path)?)
}

/// Somebody in a room of kind `rogue`, or of any kind with its topics.
struct Member {
    client: Client,
}

impl Member {
    async fn enter(server: &Server, room: &str) -> Result<Self> {
        let client = Client::enter(&server.play("rogue", room)).await?;
        Ok(Self { client })
    }

    /// What an order is answered with; `fault` if the rules failed.
    async fn order(&mut self, order: &str) -> Result<Value> {
        self.client.say("do", json!(order)).await?;
        loop {
            match self.client.hear().await? {
                Heard::Json(frame) if frame["roost"] == "error" => return Ok(frame["code"].clone()),
                Heard::Json(frame) if frame["topic"] == "done" => return Ok(frame["data"].clone()),
                Heard::Json(_) | Heard::Bytes(_) => {}
                Heard::Ended(ended) => anyhow::bail!("ended: {ended:?}"),
            }
        }
    }
}

async fn nobody_without_a_token(admin: &Admin, wasm: &[u8]) -> Result<()> {
    // Nobody without a token, nobody with a wrong one.
    for token in ["", "wrong"] {
        let mut nobody = admin.clone();
        nobody.token = token.to_owned();
        let (status, answer) = nobody.upload("rogue", "", wasm).await?;
        assert_eq!(
            (status, &answer["error"]["code"]),
            (401, &json!("unauthorized"))
        );
        assert!(answer["error"]["message"].is_string() && answer["error"]["details"].is_object());
    }
    Ok(())
}

/// What a first version wants has to be allowed.
async fn wants_leave(admin: &Admin) -> Result<()> {
    // It wants to move people, and nobody has said that it may.
    let (status, refused) = admin
        .post("/modules/rogue/activate", json!({"version": 1}))
        .await?;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (422, &json!("not_allowed"))
    );
    assert_eq!(refused["error"]["details"]["capabilities"], json!(["move"]));
    let (status, live) = admin
        .post(
            "/modules/rogue/activate",
            json!({"version": 1, "allow": ["move"]}),
        )
        .await?;
    assert_eq!((status, &live["active"]), (200, &json!(1)), "{live}");
    Ok(())
}

/// After the second version has gone live: what is said of it.
async fn shows(admin: &Admin, answer: &Value) -> Result<()> {
    let module = admin.get("/modules/rogue").await?;
    assert_eq!(
        (&module["active"], &module["previous"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(module["versions"].as_array().map(Vec::len), Some(2));
    assert_eq!(module["versions"][1]["note"], "second");
    let rooms = admin.get("/rooms?kind=rogue").await?;
    let room = &rooms["rooms"][0];
    assert_eq!(
        (&room["kind"], &room["id"], &room["version"]),
        (&json!("rogue"), &json!("r"), &json!(2))
    );
    assert_eq!(
        (&room["program"], &room["members"]),
        (&answer["sha256"], &json!(1))
    );
    assert!(room["since_event"].as_u64() > Some(1), "{room}");
    Ok(())
}

/// The bytes can be had again, and the audit log knows everything.
async fn leaves_traces(admin: &Admin, second: &[u8]) -> Result<()> {
    let path = "/modules/rogue/versions/2/wasm";
    let bytes = admin
        .send(Method::GET, path, Vec::new())
        .await?
        .bytes()
        .await?;
    assert_eq!(bytes, second);
    let audit = admin.get("/audit").await?;
    let actions = audit["entries"].as_array().context("entries")?;
    let actions: Vec<&str> = actions
        .iter()
        .filter_map(|e| e["action"].as_str())
        .collect();
    assert_eq!(actions.first(), Some(&"module.rollback"), "{actions:?}");
    assert!(actions.contains(&"module.upload"), "{actions:?}");
    Ok(())
}

#[tokio::test]
async fn what_scripts_rely_on() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    let admin = Admin::of(&server);
    let (first, second) = (
        rogue(&wasm("rogue")?, "one")?,
        rogue(&wasm("rogue")?, "two")?,
    );

    nobody_without_a_token(&admin, &first).await?;
    let (status, answer) = admin.upload("rogue", "", &first).await?;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(
        (&answer["version"], &answer["active"]),
        (&json!(1), &json!(null))
    );
    assert_eq!(answer["sha256"].as_str().map(str::len), Some(64));
    wants_leave(&admin).await?;
    let mut member = Member::enter(&server, "r").await?;
    assert_eq!(member.order("version").await?, "one");
    let (status, answer) = admin
        .upload("rogue", "?activate=true&note=second", &second)
        .await?;
    assert_eq!((status, &answer["active"]), (201, &json!(2)), "{answer}");
    assert_eq!(member.order("version").await?, "two");
    // The same bytes again are the version that is there.
    let (status, again) = admin.upload("rogue", "", &second).await?;
    assert_eq!((status, &again["version"]), (200, &json!(2)));

    shows(&admin, &answer).await?;
    let (status, back) = admin.post("/modules/rogue/rollback", json!({})).await?;
    assert_eq!((status, &back["active"]), (200, &json!(1)), "{back}");
    assert_eq!(member.order("version").await?, "one");
    let (status, nothing) = admin.post("/modules/rogue/rollback", json!({})).await?;
    assert_eq!(
        (status, &nothing["error"]["code"]),
        (409, &json!("nothing_to_roll_back_to"))
    );

    leaves_traces(&admin, &second).await
}

/// What is wrong, the bytes, and how that is refused.
type BadUpload = (&'static str, Vec<u8>, u16, &'static str);

fn bad_uploads(good: &[u8]) -> Result<Vec<BadUpload>> {
    let core = b"\0asm\x01\0\0\0".to_vec();
    let empty = b"\0asm\x0d\0\x01\0".to_vec();
    let mut uploads = vec![
        ("garbage", b"not wasm at all".to_vec(), 422, "malformed"),
        ("nothing", Vec::new(), 422, "malformed"),
        (
            "truncated",
            good[..good.len() / 2].to_vec(),
            422,
            "malformed",
        ),
        ("oversized", vec![0; 33 * 1024 * 1024], 413, "too_large"),
        ("a module", core, 422, "not_a_component"),
        ("wrong world", empty, 422, "no_world"),
        ("another kind", wasm("echo")?, 422, "other_kind"),
    ];
    for (words, code) in [
        ("loop-in-init", "rehearsal_failed"),
        ("panic-in-init", "rehearsal_failed"),
        ("refuse-restore", "rehearsal_failed"),
        ("panic-in-restore", "rehearsal_failed"),
        ("trap-on-message", "rehearsal_failed"),
        ("bad-effects", "rehearsal_failed"),
        ("refuse-own", "rehearsal_failed"),
    ] {
        uploads.push((words, rogue(good, words)?, 422, code));
    }
    Ok(uploads)
}

/// Whatever is wrong with an upload: the reason is said, and the room and its member notice nothing.
#[tokio::test]
async fn bad_uploads_change_nothing() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    let admin = Admin::of(&server);
    let good = wasm("rogue")?;
    admin.publish("rogue", &rogue(&good, "one")?).await?;
    let mut member = Member::enter(&server, "r").await?;
    assert_eq!(member.order("echo").await?, "echo");

    for (what, bytes, status, code) in bad_uploads(&good)? {
        let (got, answer) = admin.upload("rogue", "?activate=true", &bytes).await?;
        assert_eq!(
            (got, &answer["error"]["code"]),
            (status, &json!(code)),
            "{what}: {answer}"
        );
        assert!(
            answer["error"]["message"]
                .as_str()
                .is_some_and(|m| m.len() > 10),
            "{answer}"
        );
        assert_eq!(member.order("version").await?, "one", "{what}");
    }
    let module = admin.get("/modules/rogue").await?;
    assert_eq!(module["active"], 1);
    // Nobody was dropped, nothing was rebuilt.
    let room = admin.get("/rooms/rogue/r").await?;
    assert_eq!(
        (&room["faults"], &room["members"]),
        (&json!(0), &json!(1)),
        "{room}"
    );
    assert_eq!(room["since_event"], 1);
    Ok(())
}

/// Three members at whose words a new version fails bring the old one back, state and all; one of them cannot.
#[tokio::test]
async fn a_version_that_fails_goes_by_itself() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    let admin = Admin::of(&server);
    let good = wasm("rogue")?;
    admin.publish("rogue", &rogue(&good, "one")?).await?;
    let mut members = Vec::new();
    for room in 0..4 {
        members.push(Member::enter(&server, &format!("r{room}")).await?);
    }
    let before = members[0]
        .order("count")
        .await?
        .as_u64()
        .context("a number")?;
    let two = rogue(&good, "two")?;
    admin.publish("rogue", &two).await?;
    // One hostile member, as often as he likes.
    let mut rude = Member::enter(&server, "other").await?;
    assert_eq!(rude.order("panic").await?, "fault");
    rude.client.say("do", json!("panic")).await?;
    assert_eq!(rude.client.ended().await?.code, 4403);
    assert_eq!(members[0].order("version").await?, "two");
    for member in &mut members[1..3] {
        assert_eq!(member.order("panic").await?, "fault");
    }
    let audit = until(&admin, "/audit", |audit| {
        audit["entries"][0]["action"] == "module.rollback.automatic"
    })
    .await?;
    assert_eq!(audit["entries"][0]["outcome"], "ok", "{audit}");
    assert_eq!(admin.get("/modules/rogue").await?["active"], 1);
    assert_eq!(members[3].order("version").await?, "one");
    let after = members[0]
        .order("count")
        .await?
        .as_u64()
        .context("a number")?;
    assert!(after > before, "{after} events after {before}");
    let faults = admin.get("/recordings").await?;
    assert_eq!(faults["recordings"][0]["reason"], "fault", "{faults}");
    Ok(())
}

/// Ask again and again until something holds; the server's own work is waited for, not the time.
async fn until(admin: &Admin, path: &str, holds: impl Fn(&Value) -> bool) -> Result<Value> {
    let patience = std::time::Duration::from_secs(20);
    let asking = async {
        loop {
            let answer = admin.get(path).await?;
            if holds(&answer) {
                return Ok(answer);
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(patience, asking).await?
}

#[tokio::test]
async fn some_rooms_try_a_version_first() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    let admin = Admin::of(&server);
    let good = wasm("rogue")?;
    admin.publish("rogue", &rogue(&good, "one")?).await?;
    let mut members = Vec::new();
    for room in 0..20 {
        members.push(Member::enter(&server, &format!("room-{room}")).await?);
    }
    admin.upload("rogue", "", &rogue(&good, "two")?).await?;
    let (status, answer) = admin
        .post(
            "/modules/rogue/canary",
            json!({"version": 2, "percent": 40}),
        )
        .await?;
    assert_eq!((status, &answer["active"]), (200, &json!(1)), "{answer}");
    let mut versions = Vec::new();
    for member in &mut members {
        versions.push(member.order("version").await?);
    }
    let tried = versions.iter().filter(|version| **version == "two").count();
    assert!((2..16).contains(&tried), "{tried} of 20 rooms");
    assert_eq!(answer["rolled"], tried);
    let kept = server.kill().await?;
    let server = kept.restart().await?;
    let admin = Admin::of(&server);
    for (room, version) in versions.iter().enumerate() {
        let mut member = Member::enter(&server, &format!("room-{room}")).await?;
        assert_eq!(member.order("version").await?, *version, "room-{room}");
    }
    let end = json!({"version": null});
    let (status, answer) = admin.post("/modules/rogue/canary", end).await?;
    assert_eq!(status, 200, "{answer}");
    let rooms = admin.get("/rooms?kind=rogue").await?;
    let rooms = rooms["rooms"].as_array().context("rooms")?;
    assert!(rooms.iter().all(|room| room["version"] == 1), "{rooms:?}");
    Ok(())
}

#[tokio::test]
async fn rooms_can_be_looked_into() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&state).await?;
    let admin = Admin::of(&server);
    let good = wasm("rogue")?;
    admin.publish("rogue", &rogue(&good, "one")?).await?;
    admin.upload("rogue", "", &rogue(&good, "two")?).await?;
    let mut member = Member::enter(&server, "r").await?;
    let (status, recording) = admin
        .post("/rooms/rogue/r/recording", json!({"note": "n"}))
        .await?;
    assert_eq!(status, 201, "{recording}");
    for _ in 0..5 {
        member.order("echo").await?;
    }
    let (status, forked) = admin
        .post("/rooms/rogue/r/fork", json!({"version": 2}))
        .await?;
    assert_eq!(status, 201, "{forked}");
    let id = forked["id"].as_str().context("an id")?.replace('/', "%2F");
    let fork = admin.get(&format!("/rooms/rogue/{id}")).await?;
    assert_eq!(
        (&fork["version"], &fork["members"]),
        (&json!(2), &json!(0)),
        "{fork}"
    );
    let (status, ended) = admin
        .call(Method::DELETE, "/rooms/rogue/r/recording", Vec::new())
        .await?;
    assert_eq!((status, &ended["calls"]), (200, &json!(5)), "{ended}");
    let path = format!("/recordings/{}", ended["id"].as_str().context("an id")?);
    let bundle = admin
        .send(Method::GET, &path, Vec::new())
        .await?
        .bytes()
        .await?;
    // The program goes with it.
    ensure!(bundle.len() > good.len());
    let (status, closed) = admin.post("/rooms/rogue/r/close", json!({})).await?;
    assert_eq!(status, 200, "{closed}");
    member.client.ended().await?;
    let (status, gone) = admin.post("/rooms/rogue/nowhere/close", json!({})).await?;
    assert_eq!(
        (status, &gone["error"]["code"]),
        (404, &json!("no_such_room"))
    );
    Ok(())
}

/// `kill -9` in the middle of rolling: module and rooms agree afterwards.
#[tokio::test]
async fn after_kill_9_in_a_roll_all_rooms_have_the_live_version() -> Result<()> {
    let state = tempfile::tempdir()?;
    let mut server = server(&state).await?;
    let good = wasm("rogue")?;
    Admin::of(&server)
        .publish("rogue", &rogue(&good, "one")?)
        .await?;
    for round in 0..roost_it::times(4, 40) {
        let admin = Admin::of(&server);
        let mut members = Vec::new();
        for room in 0..30 {
            members.push(Member::enter(&server, &format!("room-{room}")).await?);
            members[room].order("echo").await?;
        }
        let bytes = with_section(&rogue(&good, "two")?, &format!("round {round}"));
        let upload = {
            let admin = admin.clone();
            tokio::spawn(async move { admin.upload("rogue", "?activate=true", &bytes).await })
        };
        // Somewhere on its way: each round a little later.
        for _ in 0..round * 7 {
            admin.get("/jobs").await?;
        }
        server = server.kill().await?.restart().await?;
        upload.await?.ok();
        let admin = Admin::of(&server);
        let module = admin.get("/modules/rogue").await?;
        assert_eq!(module["rolling"], json!(null), "{module}");
        for room in 0..30 {
            Member::enter(&server, &format!("room-{room}"))
                .await?
                .order("echo")
                .await?;
        }
        let rooms = admin.get("/rooms?kind=rogue").await?;
        for room in rooms["rooms"].as_array().context("rooms")? {
            assert_eq!(room["version"], module["active"], "round {round}: {room}");
        }
    }
    Ok(())
}
