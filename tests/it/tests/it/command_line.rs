//! `roost module`, `room`, `recording` and `replay`, as an operator types them.

use anyhow::{Context, Result, ensure};
use roost_it::{Client, Server, Start, TOKEN, binary, component, rogue};
use serde_json::{Value, json};
use std::path::Path;
use tokio::process::Command;

/// What a command printed, and whether it succeeded.
async fn roost(server: &Server, args: &[&str]) -> Result<(bool, String)> {
    let mut command = Command::new(binary()?);
    command
        .args(args)
        .env("ROOST_SERVER", format!("http://{}", server.addr()))
        .env("ROOST_ADMIN_TOKEN", TOKEN);
    let output = command.output().await?;
    let text = String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?;
    Ok((output.status.success(), text))
}

/// What a command that has to succeed prints as JSON.
async fn json_of(server: &Server, args: &[&str]) -> Result<Value> {
    let args = [args, &["--json"]].concat();
    let (well, text) = roost(server, &args).await?;
    ensure!(well, "{args:?}: {text}");
    serde_json::from_str(&text).with_context(|| format!("{args:?}: {text}"))
}

fn path(folder: &Path, name: &str) -> Result<String> {
    let path = folder.join(name);
    Ok(path.to_str().context("a path")?.to_owned())
}

/// Record a room in which somebody talks. Gives the recording's id.
async fn record(server: &Server, member: Client, file: &str) -> Result<String> {
    let mut member = member;
    let args = ["room", "record", "rogue/r", "--seconds", "1", "-o", file];
    let talk = async {
        for _ in 0..20 {
            member.say("do", json!("echo")).await?;
            member.expect("done").await?;
        }
        anyhow::Ok(())
    };
    let (recorded, talked) = tokio::join!(roost(server, &args), talk);
    talked?;
    let (well, text) = recorded?;
    ensure!(well, "{text}");
    let list = json_of(server, &["recording", "list"]).await?;
    let id = list["recordings"][0]["id"].as_str().context("an id")?;
    Ok(id.to_owned())
}

async fn shows_everything(server: &Server) -> Result<()> {
    for args in [
        &["module", "list"][..],
        &["module", "inspect", "rogue"],
        &["room", "list"],
        &["recording", "list"],
        &["job", "list"],
        &["audit"],
        &["server"],
    ] {
        let (well, text) = roost(server, args).await?;
        ensure!(well && !text.is_empty(), "{args:?}: {text}");
    }
    Ok(())
}

#[tokio::test]
async fn an_operator_publishes_looks_records_and_goes_back() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = Server::start(state.path(), Start::default()).await?;
    let good = std::fs::read(component("rogue")?)?;
    let file = path(state.path(), "rogue.wasm")?;
    std::fs::write(&file, rogue(&good, "one")?)?;
    let publish = ["module", "publish", &file, "--activate", "--allow", "move"];
    let (well, text) = roost(&server, &publish).await?;
    ensure!(well && text.contains("rogue"), "{text}");

    let member = Client::enter(&server.play("rogue", "r")).await?;
    let recorded = path(state.path(), "r.roost")?;
    let begun = json_of(&server, &["room", "inspect", "rogue/r"]).await?;
    assert_eq!(
        (&begun["version"], &begun["members"]),
        (&json!(1), &json!(1))
    );
    let id = record(&server, member, &recorded).await?;
    let (same, text) = roost(&server, &["replay", &recorded]).await?;
    ensure!(same && text.contains("byte for byte"), "{text}");

    // Rules that say something else: the first difference is shown.
    std::fs::write(&file, rogue(&good, "bad-effects")?)?;
    let (same, text) = roost(&server, &["replay", &recorded, "--module", &file]).await?;
    ensure!(!same && text.contains("recorded"), "{text}");

    std::fs::write(&file, rogue(&good, "two")?)?;
    let (well, text) = roost(&server, &["module", "publish", &file, "--activate"]).await?;
    ensure!(well, "{text}");
    let listed = json_of(&server, &["room", "list", "--kind", "rogue"]).await?;
    assert_eq!(listed["rooms"][0]["version"], 2);
    let (well, text) = roost(&server, &["module", "rollback", "rogue"]).await?;
    ensure!(well, "{text}");
    let module = json_of(&server, &["module", "inspect", "rogue"]).await?;
    assert_eq!(
        (&module["active"], &module["versions"][1]["version"]),
        (&json!(1), &json!(2))
    );
    let (well, text) = roost(&server, &["module", "diff", "rogue@1", "rogue@2"]).await?;
    ensure!(well, "{text}");
    shows_everything(&server).await?;
    let (well, text) = roost(&server, &["recording", "delete", &id]).await?;
    ensure!(well, "{text}");
    // Refusals are explained, and end with 1.
    let (well, text) = roost(&server, &["module", "activate", "rogue@7"]).await?;
    ensure!(!well && text.contains("no_such_version"), "{text}");
    let (well, text) = roost(&server, &["module", "delete", "rogue@1"]).await?;
    ensure!(!well && text.contains("version_in_use"), "{text}");
    Ok(())
}
