//! Rooms: what is put can be got, and what is replaced or deleted is gone.

use std::collections::BTreeSet;

use roost_store::{Batch, Options, PIECE_BYTES, RoomKey, Store, StoreError};

use crate::fixture::{noise, open, raw, room};

const KIB: usize = 1024;

#[test]
fn values_of_every_size_come_back_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut sizes = vec![
        0,
        1,
        32 * KIB - 1,
        32 * KIB,
        32 * KIB + 1,
        1024 * KIB,
        3 * 1024 * KIB,
    ];
    for pieces in 1..4 {
        sizes.extend([
            pieces * PIECE_BYTES - 1,
            pieces * PIECE_BYTES,
            pieces * PIECE_BYTES + 1,
        ]);
    }
    let store = open(dir.path());
    for (seed, size) in (1..).zip(&sizes) {
        let mut batch = Batch::new();
        let id = size.to_string();
        batch.put_checkpoint(&room(&id), seed, noise(seed, *size));
        batch.append_journal(&room(&id), seed + 1, noise(seed + 1, *size));
        batch
            .put_profile("piano", &id, noise(seed + 2, *size))
            .unwrap();
        batch.put_bans(&room(&id), noise(seed + 3, *size));
        store.rooms().submit_and_wait(batch).unwrap();
    }
    check_sizes(&store, &sizes);
    store.close().unwrap();
    let store = open(dir.path());
    check_sizes(&store, &sizes);
}

fn check_sizes(store: &Store, sizes: &[usize]) {
    for (seed, size) in (1..).zip(sizes) {
        let id = size.to_string();
        let key = room(&id);
        let (covers, bytes) = store.rooms().checkpoint(&key).unwrap().unwrap();
        assert_eq!((covers, &bytes[..]), (seed, &noise(seed, *size)[..]));
        let journal = store.rooms().journal(&key, covers).unwrap();
        assert_eq!(journal.len(), 1);
        assert_eq!(
            (journal[0].0, &journal[0].1[..]),
            (seed + 1, &noise(seed + 1, *size)[..])
        );
        let profile = store.rooms().profile("piano", &id).unwrap().unwrap();
        assert_eq!(profile, noise(seed + 2, *size));
        assert_eq!(
            store.rooms().bans(&key).unwrap().unwrap(),
            noise(seed + 3, *size)
        );
    }
}

#[test]
fn a_new_checkpoint_leaves_nothing_of_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut batch = Batch::new();
    batch.put_checkpoint(&room("a"), 0, noise(1, 200 * KIB));
    for seq in 1..=20 {
        batch.append_journal(&room("a"), seq, noise(seq, 10 * KIB));
    }
    store.rooms().submit_and_wait(batch).unwrap();
    let mut batch = Batch::new();
    // Appended and covered in one batch: must not stay either.
    batch.append_journal(&room("a"), 21, noise(21, 10 * KIB));
    batch.append_journal(&room("a"), 22, noise(22, 100));
    batch.put_checkpoint(&room("a"), 21, noise(2, 100));
    store.rooms().submit_and_wait(batch).unwrap();
    let (checkpoint, journal) = store.rooms().load(&room("a")).unwrap();
    assert_eq!(checkpoint.unwrap(), (21, noise(2, 100).into()));
    assert_eq!(journal, [(22, noise(22, 100).into())]);
    store.close().unwrap();
    // The layout's version, the checkpoint, one journal record.
    assert_eq!(raw(dir.path(), "rooms").len(), 3);
}

#[test]
fn a_deleted_room_leaves_only_its_bans() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut batch = Batch::new();
    for id in ["a", "ab"] {
        batch.put_checkpoint(&room(id), 1, noise(1, 50 * KIB));
        batch.append_journal(&room(id), 2, noise(2, 50 * KIB));
        batch.put_bans(&room(id), &b"bans"[..]);
    }
    batch.put_profile("piano", "a", &b"profile"[..]).unwrap();
    store.rooms().submit_and_wait(batch).unwrap();
    let mut batch = Batch::new();
    batch.delete_room(&room("a"));
    batch.delete_bans(&room("ab"));
    batch.delete_profile("piano", "a").unwrap();
    store.rooms().submit_and_wait(batch).unwrap();
    let rooms = store.rooms();
    assert_eq!(rooms.load(&room("a")).unwrap(), (None, vec![]));
    assert_eq!(rooms.bans(&room("a")).unwrap().unwrap(), &b"bans"[..]);
    assert_eq!(
        rooms.checkpoint(&room("ab")).unwrap().unwrap().1,
        noise(1, 50 * KIB)
    );
    assert_eq!(rooms.bans(&room("ab")).unwrap(), None);
    assert_eq!(rooms.profile("piano", "a").unwrap(), None);
    let listed: Vec<_> = rooms.all_rooms().map(|room| room.unwrap().id).collect();
    assert_eq!(listed, ["ab"]);
    store.close().unwrap();
    // Layout, bans of a, and the checkpoint and record of ab with nine pieces each.
    assert_eq!(
        raw(dir.path(), "rooms").len(),
        2 + 2 * (1 + (50 * KIB).div_ceil(PIECE_BYTES))
    );
}

#[test]
fn rooms_are_listed_by_kind_once_each() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let long = "ü".repeat(768);
    let mut batch = Batch::new();
    let mut expected = BTreeSet::new();
    for kind in ["chess", "chess2", "p"] {
        for id in ["a", "ab", "b\0c", "\u{10ffff}", long.as_str()] {
            let key = RoomKey::new(kind, id).unwrap();
            batch.put_checkpoint(&key, 0, noise(1, 20 * KIB));
            for seq in 1..5 {
                batch.append_journal(&key, seq, &b"record"[..]);
            }
            expected.insert((kind.to_owned(), id.to_owned()));
        }
        // A journal alone makes a room too.
        let key = RoomKey::new(kind, "journal only").unwrap();
        batch.append_journal(&key, 1, &b"record"[..]);
        expected.insert((kind.to_owned(), "journal only".to_owned()));
    }
    store.rooms().submit_and_wait(batch).unwrap();
    let all: Vec<_> = store.rooms().all_rooms().map(Result::unwrap).collect();
    assert_eq!(all.len(), expected.len());
    let all: BTreeSet<_> = all.into_iter().map(|room| (room.kind, room.id)).collect();
    assert_eq!(all, expected);
    let chess: Vec<_> = store
        .rooms()
        .rooms("chess")
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(chess.len(), 6);
    assert!(chess.iter().all(|room| room.kind == "chess"));
    assert_eq!(store.rooms().rooms("other").unwrap().count(), 0);
}

#[test]
fn a_hole_in_a_journal_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut batch = Batch::new();
    for seq in [1, 2, 4, u64::MAX] {
        batch.append_journal(&room("a"), seq, &b"record"[..]);
    }
    store.rooms().submit_and_wait(batch).unwrap();
    let gap = store.rooms().journal(&room("a"), 0).unwrap_err();
    assert!(
        matches!(
            gap,
            StoreError::JournalGap {
                expected: 3,
                found: 4,
                ..
            }
        ),
        "{gap}"
    );
    let gap = store.rooms().journal(&room("a"), 4).unwrap_err();
    assert!(
        matches!(
            gap,
            StoreError::JournalGap {
                expected: 5,
                found: u64::MAX,
                ..
            }
        ),
        "{gap}"
    );
    assert_eq!(
        store
            .rooms()
            .journal(&room("a"), u64::MAX - 1)
            .unwrap()
            .len(),
        1
    );
    assert_eq!(store.rooms().journal(&room("a"), u64::MAX).unwrap(), []);
}

#[test]
fn names_have_limits() {
    assert!(RoomKey::new("k", &"i".repeat(1536)).is_ok());
    for (kind, id) in [("", "i"), ("k", ""), ("k", &*"i".repeat(1537))] {
        let refused = RoomKey::new(kind, id).unwrap_err();
        assert!(
            matches!(refused, StoreError::InvalidName { .. }),
            "{refused}"
        );
    }
    let mut batch = Batch::new();
    assert!(batch.put_profile(&"k".repeat(256), "u", &b""[..]).is_err());
    assert!(batch.is_empty());
}

#[test]
fn a_store_opens_once_and_says_why_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let options = Options {
        lock_wait: std::time::Duration::ZERO,
        ..Options::default()
    };
    let refused = Store::open(dir.path(), options).err().unwrap();
    assert!(matches!(refused, StoreError::Locked { .. }), "{refused}");
    let rooms = store.rooms().clone();
    store.close().unwrap();
    assert!(matches!(
        rooms.checkpoint(&room("a")),
        Err(StoreError::Closed)
    ));
    assert!(matches!(
        rooms.submit_and_wait(Batch::new()),
        Err(StoreError::Closed)
    ));

    let file = dir.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let refused = Store::open(&file, options).err().unwrap();
    assert!(matches!(refused, StoreError::Io { .. }), "{refused}");
}
