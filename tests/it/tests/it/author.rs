//! The way of somebody who writes rules: a new project, its tests, a component, its rehearsal, a room.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use roost_it::{Client, Heard, Server, Start, binary, component};
use serde_json::{Value, json};
use tokio::process::Command;

/// Where crates of new projects are compiled: kept, so that the next run only compiles what has changed.
fn shared_target() -> Result<PathBuf> {
    let release = binary()?.parent().map(Path::to_owned);
    let target = release.as_deref().and_then(Path::parent);
    Ok(target.context("no target directory")?.join("authors"))
}

async fn run(folder: &Path, program: &Path, args: &[&str]) -> Result<Output> {
    let begun = Instant::now();
    let output = Command::new(program)
        .args(args)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", shared_target()?)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("{} cannot be started", program.display()))?;
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    println!(
        "{name} {}: {:.1} s",
        args.join(" "),
        begun.elapsed().as_secs_f64()
    );
    Ok(output)
}

/// Its standard output; it must succeed.
async fn succeed(folder: &Path, program: &Path, args: &[&str]) -> Result<String> {
    let output = run(folder, program, args).await?;
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    ensure!(
        output.status.success(),
        "{args:?} ended with {}\n{out}\n{err}",
        output.status
    );
    Ok(out.into_owned())
}

/// Its standard output; it must fail.
async fn fail(folder: &Path, program: &Path, args: &[&str]) -> Result<String> {
    let output = run(folder, program, args).await?;
    ensure!(
        output.status.code() == Some(1),
        "{args:?} ended with {}",
        output.status
    );
    Ok(String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?)
}

/// From `module new` to a component that has been checked; the answer is where it lies.
async fn written(folder: &Path, language: &str, test: &[&str]) -> Result<PathBuf> {
    let roost = binary()?;
    let next = succeed(
        folder,
        &roost,
        &["module", "new", "guess", "--lang", language],
    )
    .await?;
    assert!(
        next.contains("roost serve --module guess=guess.wasm"),
        "{next}"
    );
    let project = folder.join("guess");
    if language == "rust" {
        // Packages of the versions that are here already; cargo drops what is not needed.
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
        std::fs::copy(lock, project.join("Cargo.lock"))?;
    } else {
        succeed(
            &project,
            Path::new("npm"),
            &["ci", "--prefer-offline", "--no-audit", "--no-fund"],
        )
        .await?;
    }
    let (program, args) = test.split_first().context("a command")?;
    let said = succeed(&project, Path::new(program), args).await?;
    assert!(
        said.contains("6 passed") || said.contains("# pass 6"),
        "{said}"
    );
    let built: Value =
        serde_json::from_str(&succeed(&project, &roost, &["module", "build", "--json"]).await?)?;
    let imports = built["imports"].as_array().context("imports")?;
    let foreign = imports.iter().filter(|import| {
        !import
            .as_str()
            .is_some_and(|name| name.starts_with("roost:room/"))
    });
    // QuickJS comes with some of WASI, of which the host has a harmless one.
    assert!(language == "js" || foreign.count() == 0, "{built}");
    checks(&project, &built).await?;
    Ok(project.join("guess.wasm"))
}

/// The component passes its rehearsal, in which everything is said.
async fn checks(project: &Path, built: &Value) -> Result<()> {
    let args = [
        "module", "check", "--seed", "5", "--calls", "3000", "--json",
    ];
    let checked = succeed(project, &binary()?, &args).await?;
    let report: Value = serde_json::from_str(&checked)?;
    assert_eq!(
        (&report["passed"], &report["kind"]),
        (&json!(true), &json!("guess")),
        "{report}"
    );
    assert_eq!(report["sha256"], built["sha256"]);
    let count = |name: &str| report[name].as_u64().unwrap_or(0);
    assert!(
        count("calls") >= 3000 && count("repeated") > 2500 && count("restarts") > 0,
        "{report}"
    );
    let topics = report["topics"].as_array().context("topics")?;
    let silent = |topic: &&Value| topic["messages"] == 0 && topic["deliveries"] == 0;
    let silent = topics.iter().find(silent);
    assert!(silent.is_none(), "nothing was ever said on {silent:?}");
    Ok(())
}

/// Play a round on a server until somebody has won.
async fn play(component: &Path) -> Result<()> {
    let state = tempfile::tempdir()?;
    let module = format!("guess={}", component.display());
    let args = vec!["--module".to_owned(), module];
    let server = Server::start(
        state.path(),
        Start {
            args,
            ..Start::default()
        },
    )
    .await?;
    let mut ann = Client::enter(&server.play("guess", "r")).await?;
    let (mut low, mut high) = (1, 100);
    while low <= high {
        let number = (low + high) / 2;
        ann.say("guess", json!({ "number": number })).await?;
        let frame = answer(&mut ann).await?;
        match frame["data"]["is"].as_str() {
            Some("low") => low = number + 1,
            Some("high") => high = number - 1,
            _ => {
                assert_eq!(
                    (&frame["topic"], &frame["data"]["number"]),
                    (&json!("won"), &json!(number))
                );
                return Ok(());
            }
        }
    }
    anyhow::bail!("the number was never found")
}

/// The next frame that is a hint, or the news that somebody won.
async fn answer(client: &mut Client) -> Result<Value> {
    loop {
        match client.hear().await? {
            Heard::Json(frame) if frame["topic"] == "hint" || frame["topic"] == "won" => {
                return Ok(frame);
            }
            Heard::Json(_) | Heard::Bytes(_) => {}
            Heard::Ended(ended) => anyhow::bail!("{} {}", ended.code, ended.reason),
        }
    }
}

#[tokio::test]
async fn rules_in_rust_from_a_new_project_to_a_room() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let component = written(folder.path(), "rust", &["cargo", "test", "--release"]).await?;
    play(&component).await
}

#[tokio::test]
async fn rules_in_javascript_from_a_new_project_to_a_room() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let component = written(folder.path(), "js", &["npm", "test"]).await?;
    play(&component).await?;
    // What one forgets: that a client may say anything.
    let (project, roost) = (folder.path().join("guess"), binary()?);
    let rules = std::fs::read_to_string(project.join("rules.js"))?;
    let hasty = rules.replace(
        r#"if (topic === "say")"#,
        r#"if (topic === "say" && data.text.trim())"#,
    );
    ensure!(hasty != rules, "the template has changed");
    std::fs::write(project.join("rules.js"), hasty)?;
    succeed(&project, &roost, &["module", "build"]).await?;
    let told = fail(&project, &roost, &["module", "check", "--seed", "7"]).await?;
    for needed in [
        "FAILED",
        r#"message on "say""#,
        "TypeError",
        "rules.js",
        "--seed 7",
    ] {
        assert!(told.contains(needed), "{needed:?} is missing in\n{told}");
    }
    Ok(())
}

/// Check a guest that misbehaves when it is told to; the examples tell it.
async fn check_rogue(orders: &[&str]) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let examples = folder.path().join("orders.json");
    std::fs::write(&examples, json!({ "do": orders }).to_string())?;
    let (rogue, examples) = (component("rogue")?, examples.to_string_lossy().into_owned());
    let rogue = rogue.to_string_lossy().into_owned();
    let args = [
        "module",
        "check",
        &rogue,
        "--examples",
        &examples,
        "--seed",
        "1",
        "--calls",
        "400",
    ];
    fail(folder.path(), &binary()?, &args).await
}

#[tokio::test]
async fn a_panic_is_told_with_what_led_to_it() -> Result<()> {
    let told = check_rogue(&["echo", "panic"]).await?;
    for needed in [
        "message on \"do\"",
        "said   \"panic\"",
        "ordered to panic",
        "FAILED",
    ] {
        assert!(told.contains(needed), "{needed:?} is missing in\n{told}");
    }
    let told = check_rogue(&["echo", "topic"]).await?;
    assert!(
        told.contains("invalid effect") && told.contains("said   \"topic\""),
        "{told}"
    );
    Ok(())
}

#[tokio::test]
async fn state_that_a_snapshot_changes_is_found() -> Result<()> {
    let told = check_rogue(&["become drift", "count"]).await?;
    assert!(
        told.contains("FAIL  snapshots") && told.contains("ok    faults"),
        "{told}"
    );
    Ok(())
}

#[tokio::test]
async fn what_is_no_component_is_refused_with_the_reason() -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("x.wasm"), b"\0asm\x01\0\0\0")?;
    let roost = binary()?;
    let told = fail(folder.path(), &roost, &["module", "check", "x.wasm"]).await?;
    assert!(told.contains("not a component"), "{told}");
    let told = fail(folder.path(), &roost, &["module", "check"]).await?;
    assert!(
        told.contains("neither a Cargo.toml nor a package.json"),
        "{told}"
    );
    let told = fail(
        folder.path(),
        &roost,
        &["module", "new", "Big", "--lang", "js"],
    )
    .await?;
    assert!(told.contains("\"Big\" is no name for a kind"), "{told}");
    Ok(())
}
