//! Commits: batches are grouped, the queue is bounded, closing drains it.

use std::sync::mpsc::{self, Sender};

use roost_store::{Batch, Options, Store, StoreError};

use crate::fixture::{PATIENCE, noise, open, room, waiter};

/// Stops the committer in a waiter until the sender is dropped.
fn hold(store: &Store) -> Sender<()> {
    let (release, held) = mpsc::channel::<()>();
    let (entered, inside) = mpsc::channel();
    let done = Box::new(move |outcome: Result<(), StoreError>| {
        outcome.unwrap();
        entered.send(()).unwrap();
        assert!(held.recv().is_err());
    });
    store.rooms().submit(Batch::new(), done).unwrap();
    inside.recv_timeout(PATIENCE).unwrap();
    release
}

fn one_record(seq: u64) -> Batch {
    let mut batch = Batch::new();
    batch.append_journal(&room("a"), seq, noise(seq, 100));
    batch
}

#[test]
fn waiting_batches_are_committed_together_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let release = hold(&store);
    let before = store.rooms().stats();
    let (sender, outcomes) = mpsc::channel();
    for seq in 1..=500 {
        let sender = sender.clone();
        let done = Box::new(move |outcome| sender.send((seq, outcome)).unwrap());
        store.rooms().submit(one_record(seq), done).unwrap();
    }
    drop(release);
    for expected in 1..=500 {
        let (seq, outcome) = outcomes.recv_timeout(PATIENCE).unwrap();
        assert_eq!((seq, outcome.is_ok()), (expected, true));
    }
    let after = store.rooms().stats();
    assert_eq!(after.batches - before.batches, 500);
    assert_eq!(after.commits - before.commits, 1);
    assert_eq!(after.syncs - before.syncs, 1);
    assert_eq!((after.queued_batches, after.queued_bytes), (0, 0));
    assert_eq!(store.rooms().journal(&room("a"), 0).unwrap().len(), 500);
}

#[test]
fn a_full_queue_refuses_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = Options::default();
    options.rooms.batches = 3;
    options.rooms.bytes = 10_000;
    let store = Store::open(dir.path(), options).unwrap();

    let release = hold(&store);
    let mut outcomes = Vec::new();
    for seq in 1..=3 {
        let (done, outcome) = waiter();
        store.rooms().submit(one_record(seq), done).unwrap();
        outcomes.push(outcome);
    }
    let refused = store.rooms().submit(one_record(4), waiter().0).unwrap_err();
    assert!(matches!(refused, StoreError::Overloaded), "{refused}");
    drop(release);
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome.recv_timeout(PATIENCE).unwrap().is_ok())
    );

    let release = hold(&store);
    let half = |seq| {
        let mut batch = Batch::new();
        batch.append_journal(&room("b"), seq, noise(seq, 6_000));
        batch
    };
    let (done, outcome) = waiter();
    store.rooms().submit(half(1), done).unwrap();
    let refused = store.rooms().submit(half(2), waiter().0).unwrap_err();
    assert!(matches!(refused, StoreError::Overloaded), "{refused}");
    drop(release);
    outcome.recv_timeout(PATIENCE).unwrap().unwrap();
    store.rooms().submit_and_wait(half(2)).unwrap();
    store.health().unwrap();
}

#[test]
fn closing_commits_what_waits() {
    let dir = tempfile::tempdir().unwrap();
    for close in [true, false] {
        let store = open(dir.path());
        let start = store.rooms().journal(&room("a"), 0).unwrap().len() as u64;
        let release = hold(&store);
        let outcomes: Vec<_> = (start + 1..=start + 50)
            .map(|seq| {
                let (done, outcome) = waiter();
                store.rooms().submit(one_record(seq), done).unwrap();
                outcome
            })
            .collect();
        drop(release);
        if close {
            store.close().unwrap()
        } else {
            drop(store)
        }
        assert!(
            outcomes
                .iter()
                .all(|outcome| outcome.try_recv().unwrap().is_ok())
        );
    }
    assert_eq!(
        open(dir.path())
            .rooms()
            .journal(&room("a"), 0)
            .unwrap()
            .len(),
        100
    );
}

#[test]
fn a_waiter_that_panics_harms_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store
        .rooms()
        .submit(one_record(1), Box::new(|_| panic!("on purpose")))
        .unwrap();
    store.rooms().submit_and_wait(one_record(2)).unwrap();
    store.health().unwrap();
    assert_eq!(store.rooms().journal(&room("a"), 0).unwrap().len(), 2);
}

#[test]
fn readers_never_see_half_a_value() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let rooms = store.rooms().clone();
    let write = |round: u64| {
        let mut batch = Batch::new();
        batch.append_journal(&room("a"), round, &b"record"[..]);
        batch.put_checkpoint(&room("a"), round, vec![round as u8; 100_000]);
        batch.append_journal(&room("a"), round + 1, &b"record"[..]);
        batch
    };
    rooms.submit_and_wait(write(1)).unwrap();
    let reader = std::thread::spawn(move || {
        let mut last = 0;
        while last < 100 {
            let (checkpoint, journal) = rooms.load(&room("a")).unwrap();
            let (covers, bytes) = checkpoint.unwrap();
            assert!(covers >= last);
            assert!(bytes.len() == 100_000 && bytes.iter().all(|byte| *byte == covers as u8));
            assert_eq!(journal.len(), 1);
            last = covers;
        }
    });
    for round in 2..=100 {
        store.rooms().submit_and_wait(write(round)).unwrap();
    }
    reader.join().unwrap();
}
