//! A full disk: waiters hear of it, the store stays red, nothing hangs, nothing durable is lost.

use std::{path::PathBuf, process::Command, sync::mpsc};

use roost_store::{Batch, StoreError};

use crate::fixture::{CHILD_DIR, PATIENCE, noise, open, room, spawn_child};

const GROUP: u64 = 4;
const LEN: usize = 200_000;

fn say(text: &str) {
    println!("{text}");
}

/// Runs in the child, whose files may not grow beyond a few MiB.
#[test]
fn child_fills_the_disk() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else {
        return;
    };
    let store = open(&PathBuf::from(dir));
    say("");
    let (sender, outcomes) = mpsc::channel();
    let mut failed = 0;
    for round in 0..100 {
        for number in round * GROUP..(round + 1) * GROUP {
            let mut batch = Batch::new();
            batch.put_checkpoint(&room(&number.to_string()), number, noise(number, LEN));
            let told = sender.clone();
            let done = move |outcome: Result<(), StoreError>| told.send((number, outcome)).unwrap();
            if let Err(refused) = store.rooms().submit(batch, Box::new(done)) {
                // The first of the group may have failed already.
                sender.send((number, Err(refused))).unwrap();
            }
        }
        for _ in 0..GROUP {
            match outcomes.recv_timeout(PATIENCE).unwrap() {
                (number, Ok(())) => say(&format!("ack {number}")),
                (_, Err(_)) => failed += 1,
            }
        }
        if failed > 0 {
            break;
        }
    }
    assert!(failed > 0, "the limit was never reached");
    let first = store.health().unwrap_err().to_string();
    for _ in 0..3 {
        let refused = store.rooms().submit_and_wait(Batch::new()).unwrap_err();
        assert_eq!(refused.to_string(), first);
    }
    assert!(store.rooms().checkpoint(&room("0")).is_err());
    assert!(store.programs().health().is_ok());
    assert!(store.close().is_err());
    say(&format!("red {first}"));
}

#[test]
fn a_full_disk_is_told_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    // An ignored signal stays ignored, so that the write fails instead of ending the process.
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 16384; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap());
    let (mut child, lines) = spawn_child(command, "full_disk::child_fills_the_disk", dir.path());
    let mut acknowledged = Vec::new();
    let mut red = None;
    while let Ok(line) = lines.recv_timeout(PATIENCE) {
        if let Some(number) = line.strip_prefix("ack ") {
            acknowledged.push(number.parse::<u64>().unwrap());
        }
        red = red.or(line.strip_prefix("red ").map(str::to_owned));
    }
    child.kill().unwrap();
    assert!(child.wait().unwrap().success());
    assert!(red.unwrap().contains("too large"));
    assert!(!acknowledged.is_empty());

    let store = open(dir.path());
    for number in acknowledged {
        let (covers, bytes) = store
            .rooms()
            .checkpoint(&room(&number.to_string()))
            .unwrap()
            .unwrap();
        assert_eq!((covers, bytes), (number, noise(number, LEN).into()));
    }
    let mut batch = Batch::new();
    batch.put_checkpoint(&room("after"), 1, &b"works again"[..]);
    store.rooms().submit_and_wait(batch).unwrap();
    store.close().unwrap();
}
