//! Damage: whatever is not what was written is an error that names the record.

use std::path::Path;

use roost_store::{Batch, Options, ProgramBatch, Store, StoreError, program_hash};

use crate::fixture::{find_key, noise, open, room, tamper};

const PIECE: u8 = 0xF0;

fn store_with_one_room(dir: &Path, checkpoint: usize) {
    let store = open(dir);
    let mut batch = Batch::new();
    batch.put_checkpoint(&room("lobby"), 1, noise(1, checkpoint));
    batch.append_journal(&room("lobby"), 2, noise(2, 100));
    store.rooms().submit_and_wait(batch).unwrap();
    store.close().unwrap();
}

fn flip(db: &sled::Db, key: &[u8], at: usize) {
    let mut value = db.get(key).unwrap().unwrap().to_vec();
    value[at] ^= 0x10;
    db.insert(key, value).unwrap();
}

fn is_damaged(error: &StoreError) -> bool {
    matches!(error, StoreError::Damaged { key, .. } if key.contains("lobby"))
}

#[test]
fn a_flipped_byte_anywhere_is_found() {
    // In the checksum, in the form, in the value.
    for at in [1, 4, 5, 13, 40] {
        let dir = tempfile::tempdir().unwrap();
        store_with_one_room(dir.path(), 100);
        tamper(dir.path(), "rooms", |db| {
            let heads = |key: &[u8]| key.ends_with(&[1]) && key[0] == 1;
            flip(db, &find_key(db, heads), at);
            flip(db, &find_key(db, |key| key.ends_with(&[0, 0, 2])), at);
        });
        let store = open(dir.path());
        let error = store.rooms().checkpoint(&room("lobby")).unwrap_err();
        assert!(is_damaged(&error), "byte {at}: {error}");
        let error = store.rooms().journal(&room("lobby"), 1).unwrap_err();
        assert!(is_damaged(&error), "byte {at}: {error}");
        // A room can be read again once it is written again.
        let mut batch = Batch::new();
        batch.put_checkpoint(&room("lobby"), 2, &b"new"[..]);
        store.rooms().submit_and_wait(batch).unwrap();
        assert_eq!(
            store.rooms().checkpoint(&room("lobby")).unwrap().unwrap().1,
            &b"new"[..]
        );
    }
}

#[test]
fn torn_sets_of_pieces_are_found() {
    type Tear = fn(&sled::Db, &[u8], &[u8]);
    let tears: [(&str, Tear); 5] = [
        ("missing", |db, first, _| drop(db.remove(first).unwrap())),
        ("flipped", |db, first, _| flip(db, first, 1_000)),
        ("cut", |db, first, _| {
            drop(db.insert(first, &b"\x01abc"[..]).unwrap())
        }),
        ("empty", |db, first, _| {
            drop(db.insert(first, &b""[..]).unwrap())
        }),
        ("swapped", |db, first, second| {
            let value = db.get(second).unwrap().unwrap();
            db.insert(first, value).unwrap();
        }),
    ];
    for (name, tear) in tears {
        let dir = tempfile::tempdir().unwrap();
        store_with_one_room(dir.path(), 20_000);
        tamper(dir.path(), "rooms", |db| {
            let first = find_key(db, |key| key[0] == PIECE);
            let second = find_key(db, |key| key[0] == PIECE && key != first);
            tear(db, &first, &second);
        });
        let store = open(dir.path());
        let error = store.rooms().checkpoint(&room("lobby")).unwrap_err();
        assert!(is_damaged(&error), "{name}: {error}");
    }
}

#[test]
fn pieces_of_another_generation_are_not_taken() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    store_with_one_room(old.path(), 20_000);
    store_with_one_room(new.path(), 20_000);
    let store = open(new.path());
    let mut batch = Batch::new();
    batch.put_checkpoint(&room("lobby"), 1, noise(3, 20_000));
    store.rooms().submit_and_wait(batch).unwrap();
    store.close().unwrap();
    // The new head over the old pieces.
    let mut head = None;
    tamper(new.path(), "rooms", |db| {
        let key = find_key(db, |key| key[0] == 1 && key.ends_with(&[1]));
        head = db.get(&key).unwrap().map(|value| (key, value));
    });
    let (key, value) = head.unwrap();
    tamper(old.path(), "rooms", |db| {
        drop(db.insert(key, value).unwrap())
    });
    let error = open(old.path())
        .rooms()
        .checkpoint(&room("lobby"))
        .unwrap_err();
    assert!(is_damaged(&error), "{error}");
}

#[test]
fn newer_records_are_refused_with_their_version() {
    let dir = tempfile::tempdir().unwrap();
    store_with_one_room(dir.path(), 100);
    tamper(dir.path(), "rooms", |db| {
        let key = find_key(db, |key| key[0] == 1 && key.ends_with(&[1]));
        let mut value = db.get(&key).unwrap().unwrap().to_vec();
        value[0] = 9;
        db.insert(key, value).unwrap();
    });
    let store = open(dir.path());
    let error = store.rooms().checkpoint(&room("lobby")).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::NewerRecord {
                found: 9,
                known: 1,
                ..
            }
        ),
        "{error}"
    );
    store.close().unwrap();

    tamper(dir.path(), "rooms", |db| {
        drop(db.insert([0], &b"\x09rest"[..]).unwrap())
    });
    let error = Store::open(dir.path(), Options::default()).err().unwrap();
    assert!(
        matches!(error, StoreError::NewerRecord { found: 9, .. }),
        "{error}"
    );
    tamper(dir.path(), "rooms", |db| drop(db.remove([0]).unwrap()));
    let error = Store::open(dir.path(), Options::default()).err().unwrap();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}

#[test]
fn a_damaged_program_is_found_and_can_be_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let bytes = noise(1, 300_000);
    let hash = program_hash(&bytes);
    let mut batch = ProgramBatch::new();
    batch.put_program(hash, bytes.clone()).unwrap();
    store.programs().submit_and_wait(batch.clone()).unwrap();
    store.close().unwrap();
    tamper(dir.path(), "programs", |db| {
        flip(db, &find_key(db, |key| key[0] == PIECE), 99)
    });
    let store = open(dir.path());
    let error = store.programs().program(&hash).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    store.programs().submit_and_wait(batch).unwrap();
    assert_eq!(store.programs().program(&hash).unwrap().unwrap(), bytes);
}
