//! Crashes: after `kill -9` everything that was acknowledged is there.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc,
};

use roost_store::{Batch, Rooms};

use crate::fixture::{CHILD_DIR, PATIENCE, noise, open, room, spawn_child};

const ROOMS: u64 = 4;
const IN_FLIGHT: usize = 32;

fn value(room: u64, seq: u64) -> Vec<u8> {
    // Every seventh record is large enough for pieces.
    noise(
        room * 1_000_000 + seq,
        if seq.is_multiple_of(7) { 20_000 } else { 200 },
    )
}

fn checkpoint(room: u64, seq: u64) -> Vec<u8> {
    noise(room * 1_000_000 + seq, 100_000)
}

/// The last sequence a room has, after checking all that is stored of it.
fn last_stored(rooms: &Rooms, index: u64) -> u64 {
    let id = index.to_string();
    let (stored, journal) = rooms.load(&room(&id)).unwrap();
    let mut last = 0;
    if let Some((covers, bytes)) = stored {
        assert_eq!(bytes, checkpoint(index, covers));
        last = covers;
    }
    for (seq, bytes) in journal {
        assert_eq!(bytes, value(index, seq));
        last = seq;
    }
    last
}

/// Runs in the child: writes until it is killed, and says what has been acknowledged.
#[test]
fn child_writes_until_killed() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else {
        return;
    };
    let store = open(&PathBuf::from(dir));
    let rooms = store.rooms();
    let mut next: Vec<u64> = (0..ROOMS)
        .map(|index| last_stored(rooms, index) + 1)
        .collect();
    let (sender, slots) = mpsc::sync_channel(IN_FLIGHT);
    for _ in 0..IN_FLIGHT {
        sender.send(()).unwrap();
    }
    println!();
    loop {
        for index in 0..ROOMS {
            let seq = next[index as usize];
            next[index as usize] += 1;
            let id = index.to_string();
            let mut batch = Batch::new();
            batch.append_journal(&room(&id), seq, value(index, seq));
            if seq.is_multiple_of(40) {
                batch.put_checkpoint(&room(&id), seq, checkpoint(index, seq));
            }
            slots.recv().unwrap();
            let sender = sender.clone();
            let done = move |outcome: Result<(), _>| {
                outcome.unwrap();
                println!("ack {index} {seq}");
                sender.send(()).unwrap();
            };
            rooms.submit(batch, Box::new(done)).unwrap();
        }
    }
}

fn write_and_kill(dir: &Path, acknowledged: &mut [u64], acks: usize) {
    let command = Command::new(std::env::current_exe().unwrap());
    let (mut child, lines) = spawn_child(command, "crash::child_writes_until_killed", dir);
    let mut seen = 0;
    let mut note = |line: String| {
        let mut words = line.split(' ');
        if words.next() == Some("ack") {
            let mut number = || words.next().unwrap().parse::<u64>().unwrap();
            let (index, seq) = (number(), number());
            acknowledged[index as usize] = acknowledged[index as usize].max(seq);
            seen += 1;
        }
        seen
    };
    while note(lines.recv_timeout(PATIENCE).unwrap()) < acks {}
    child.kill().unwrap();
    child.wait().unwrap();
    // What was said before the kill counts as well.
    while let Ok(line) = lines.recv_timeout(PATIENCE) {
        note(line);
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = vec![0; ROOMS as usize];
    for acks in [1, 150, 333, 700] {
        write_and_kill(dir.path(), &mut acknowledged, acks);
        let store = open(dir.path());
        for index in 0..ROOMS {
            let last = last_stored(store.rooms(), index);
            let said = acknowledged[index as usize];
            assert!(
                last >= said,
                "room {index} has {last}, {said} was acknowledged"
            );
        }
        store.close().unwrap();
    }
    assert!(
        acknowledged.iter().all(|seq| *seq > 200),
        "{acknowledged:?}"
    );
}
