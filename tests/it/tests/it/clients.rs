//! Clients that others have written, unmodified.

use anyhow::{Context, Result, ensure};
use roost_it::{Server, Start};
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

/// Runs one file of `tests/clients` against a server of its own. `scripts/setup test` has brought what it needs.
async fn run(file: &str) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients");
    ensure!(
        folder.join("node_modules").is_dir(),
        "the clients are not installed: scripts/setup test"
    );
    let state = tempfile::tempdir()?;
    let server = Server::start(state.path(), Start::default()).await?;
    let output = Command::new("node")
        .args(["--test", "--test-reporter=spec", file])
        .current_dir(&folder)
        .env("ROOST_URL", server.url())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("node cannot be started")?;
    let told = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{told}");
    println!("{told}");
    Ok(())
}

#[tokio::test]
async fn bots_of_the_piano_play_with_each_other() -> Result<()> {
    run("mpp.test.js").await
}
