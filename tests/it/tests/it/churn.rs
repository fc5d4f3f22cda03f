//! Rooms that come and go, versions that are uploaded and forgotten: neither memory nor the disk fills up.

use anyhow::{Result, ensure};
use roost_it::{Admin, Client, Server, Start, component, rogue, times, with_section};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// Bytes of all files below a folder.
fn size(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() {
            size(&entry.path())?
        } else {
            metadata.len()
        };
    }
    Ok(bytes)
}

/// Do something so many times; resident memory after all of them is at most a tenth above that after a tenth of them.
async fn stays_small<F>(
    server: &Server,
    cycles: usize,
    mut cycle: impl FnMut(usize) -> F,
) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    let mut early = 0;
    for round in 0..cycles {
        cycle(round).await?;
        if round + 1 == cycles.div_ceil(10) {
            early = server.resident_kib()?;
        }
    }
    let late = server.resident_kib()?;
    println!("{cycles} cycles: {early} KiB after a tenth, {late} KiB after all");
    // In a short run what is used once weighs more than what would be lost.
    ensure!(
        cycles < 1_000 || late as f64 <= early as f64 * 1.1,
        "{late} KiB after {early} KiB"
    );
    Ok(())
}

#[tokio::test]
async fn rooms_come_and_go_without_a_trace() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = Server::start(state.path(), Start::default()).await?;
    let admin = Admin::of(&server);
    let cycles = times(200, 10_000);
    stays_small(&server, cycles, |round| {
        let (url, admin) = (
            server.play("counter", &format!("room-{round}")),
            admin.clone(),
        );
        async move {
            let mut client = Client::enter(&url).await?;
            client.say("add", json!({"id": "one", "by": 1})).await?;
            client.expect("added").await?;
            let path = format!("/rooms/counter/room-{round}/close");
            let (status, answer) = admin.post(&path, json!({})).await?;
            ensure!(status == 200, "{status} {answer}");
            client.ended().await?;
            Ok(())
        }
    })
    .await?;
    shrinks(&state.path().join("state"), 96 << 20).await
}

#[tokio::test]
async fn versions_come_and_go_without_a_trace() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = Server::start(state.path(), Start::default()).await?;
    let admin = Admin::of(&server);
    let good = rogue(&std::fs::read(component("rogue")?)?, "one")?;
    stays_small(&server, times(30, 1_000), |round| {
        let (version, admin) = (with_section(&good, &round.to_string()), admin.clone());
        async move { admin.publish("rogue", &version).await.map(|_| ()) }
    })
    .await?;
    let module = admin.get("/modules/rogue").await?;
    let kept = module["versions"].as_array().map_or(0, Vec::len);
    ensure!((2..=21).contains(&kept), "{kept} versions are kept");
    shrinks(&state.path().join("state"), 96 << 20).await
}

/// The folder gets below so many bytes within a while of quiet.
async fn shrinks(folder: &Path, most: u64) -> Result<()> {
    let patience = Duration::from_secs(20);
    let shrunk = tokio::time::timeout(patience, async {
        loop {
            let bytes = size(folder)?;
            if bytes <= most {
                println!("{} KiB on the disk", bytes / 1024);
                return anyhow::Ok(());
            }
            tokio::task::yield_now().await;
        }
    });
    shrunk.await?
}
