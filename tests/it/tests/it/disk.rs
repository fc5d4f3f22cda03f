//! A disk that takes no more: rooms stop with the reason, readiness goes red, the process lives.

use anyhow::Result;
use roost_it::{Client, Heard, Server, Start};
use serde_json::json;

#[tokio::test]
async fn a_full_disk_stops_the_room_and_turns_readiness_red() -> Result<()> {
    let state = tempfile::tempdir()?;
    // Compiled modules are smaller than that, and the database soon is not.
    let start = Start {
        file_limit_kib: Some(4 * 1024),
        ..Start::default()
    };
    let server = Server::start(state.path(), start).await?;
    let mut client = Client::enter(&server.play("counter", "r")).await?;
    let mut neighbour = Client::enter(&server.play("echo", "r")).await?;
    let filler = "x".repeat(48 * 1024);
    let mut acknowledged = 0u32;
    let ended = loop {
        let id = format!("{acknowledged}-{filler}");
        if client.say("add", json!({"id": id, "by": 1})).await.is_err() {
            break client.ended().await?;
        }
        let answer = loop {
            match client.hear().await? {
                Heard::Json(frame) if frame["topic"] == "added" => break Some(()),
                Heard::Json(_) | Heard::Bytes(_) => {}
                Heard::Ended(ended) => {
                    assert_eq!(ended.code, 1011, "{ended:?}");
                    break None;
                }
            }
        };
        match answer {
            Some(()) => acknowledged += 1,
            None => {
                break roost_it::Ended {
                    code: 1011,
                    reason: String::new(),
                };
            }
        }
        assert!(acknowledged < 10_000, "the disk never filled");
    };
    assert_eq!(ended.code, 1011);
    let mut red = server.get("/readyz").await?;
    while red.0 == 200 {
        red = server.get("/readyz").await?;
    }
    assert_eq!(red.0, 503, "{}", red.1);
    assert!(red.1.contains("\"store\""), "{}", red.1);
    // Rooms that store nothing go on.
    neighbour.say("echo", json!(1)).await?;
    assert_eq!(neighbour.expect("echo").await?, json!(1));
    assert_eq!(server.get("/healthz").await?.0, 200);
    Ok(())
}
