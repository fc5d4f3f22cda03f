//! Programs: content addressed, listed, named; interrupted uploads leave nothing.

use roost_store::{Options, ProgramBatch, Shelf, StoreError, program_hash};

use crate::fixture::{noise, open, raw, tamper};

#[test]
fn programs_and_names_come_back_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    // Below and above the size from which pieces are written ahead.
    let programs: Vec<_> = [0, 1, 5_999, 100_000, 252_000, 252_001, 3 << 20]
        .map(|len| noise(len as u64, len))
        .into();
    let mut batch = ProgramBatch::new();
    for bytes in &programs {
        batch
            .put_program(program_hash(bytes), bytes.clone())
            .unwrap();
    }
    batch.put_name("piano", &b"versions"[..]).unwrap();
    batch.put_name("chess", noise(9, 40_000)).unwrap();
    store.programs().submit_and_wait(batch).unwrap();
    store.close().unwrap();

    let store = open(dir.path());
    let mut expected: Vec<_> = programs
        .iter()
        .map(|bytes| (program_hash(bytes), bytes.len() as u64))
        .collect();
    expected.sort_unstable();
    assert_eq!(store.programs().programs().unwrap(), expected);
    for bytes in &programs {
        let found = store.programs().program(&program_hash(bytes)).unwrap();
        assert_eq!(found.unwrap(), bytes);
    }
    let names = store.programs().names().unwrap();
    assert_eq!(names.len(), 2);
    assert_eq!(
        store.programs().name("piano").unwrap().unwrap(),
        &b"versions"[..]
    );
    assert_eq!(
        store.programs().name("chess").unwrap().unwrap(),
        noise(9, 40_000)
    );
    assert_eq!(store.programs().name("none").unwrap(), None);

    let mut batch = ProgramBatch::new();
    for bytes in &programs {
        batch.delete_program(program_hash(bytes));
    }
    batch
        .delete_name("piano")
        .unwrap()
        .delete_name("chess")
        .unwrap();
    store.programs().submit_and_wait(batch).unwrap();
    assert_eq!(store.programs().programs().unwrap(), []);
    store.close().unwrap();
    assert_eq!(raw(dir.path(), "programs").len(), 1);
}

#[test]
fn the_same_program_twice_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let bytes = noise(1, 600_000);
    let hash = program_hash(&bytes);
    for _ in 0..2 {
        let mut batch = ProgramBatch::new();
        batch.put_program(hash, bytes.clone()).unwrap();
        batch.delete_program(hash);
        batch.put_program(hash, bytes.clone()).unwrap();
        store.programs().submit_and_wait(batch).unwrap();
        assert_eq!(store.programs().program(&hash).unwrap().unwrap(), bytes);
    }
    store.close().unwrap();
    // The layout's version, the head, a hundred pieces.
    assert_eq!(raw(dir.path(), "programs").len(), 102);
}

#[test]
fn wrong_hashes_and_oversized_programs_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = Options::default();
    options.programs.bytes = 100_000;
    let store = roost_store::Store::open(dir.path(), options).unwrap();
    let refused = ProgramBatch::new()
        .put_program([7; 32], &b"wasm"[..])
        .err()
        .unwrap();
    assert!(
        matches!(refused, StoreError::HashMismatch { .. }),
        "{refused}"
    );
    let bytes = noise(1, 100_000);
    let mut batch = ProgramBatch::new();
    batch.put_program(program_hash(&bytes), bytes).unwrap();
    let refused = store.programs().submit_and_wait(batch).unwrap_err();
    assert!(
        matches!(refused, StoreError::TooLarge { limit: 100_000, .. }),
        "{refused}"
    );
}

#[test]
fn an_interrupted_upload_is_swept_away() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (lost, kept) = (noise(1, 600_000), noise(2, 600_000));
    let mut batch = ProgramBatch::new();
    batch
        .put_program(program_hash(&lost), lost.clone())
        .unwrap();
    batch
        .put_program(program_hash(&kept), kept.clone())
        .unwrap();
    store.programs().submit_and_wait(batch).unwrap();
    store.close().unwrap();
    tamper(dir.path(), "programs", |db| {
        let key = |first: u8, bytes: &[u8]| [&[first][..], &program_hash(bytes)[..]].concat();
        // As if the crash had come before the head; and as if the other had been sent again.
        db.remove(key(1, &lost)).unwrap().unwrap();
        db.insert(key(3, &lost), b"mark").unwrap();
        db.insert(key(3, &kept), b"mark").unwrap();
        let stray = [
            &[0xF0][..],
            &key(1, &kept),
            &9u64.to_be_bytes(),
            &0u32.to_be_bytes(),
        ];
        db.insert(stray.concat(), b"stray").unwrap();
    });
    let store = open(dir.path());
    assert_eq!(
        store.programs().program(&program_hash(&lost)).unwrap(),
        None
    );
    assert_eq!(
        store
            .programs()
            .program(&program_hash(&kept))
            .unwrap()
            .unwrap(),
        kept
    );
    store.close().unwrap();
    assert_eq!(raw(dir.path(), "programs").len(), 102);
}

#[test]
fn numbered_records_are_kept_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut batch = ProgramBatch::new();
    for number in [300, 2, 1, 7] {
        batch.put_numbered(Shelf::Audit, number, format!("entry {number}"));
    }
    batch.put_numbered(Shelf::Bundles, 2, noise(3, 400_000));
    store.programs().submit_and_wait(batch).unwrap();
    let mut batch = ProgramBatch::new();
    batch.delete_numbered(Shelf::Audit, 7);
    store.programs().submit_and_wait(batch).unwrap();
    store.close().unwrap();
    let store = open(dir.path());
    let programs = store.programs();
    assert_eq!(programs.numbers(Shelf::Audit).unwrap(), [1, 2, 300]);
    let two = programs.numbered_from(Shelf::Audit, 2, 2).unwrap();
    let two: Vec<_> = two.iter().map(|(n, bytes)| (*n, &bytes[..])).collect();
    assert_eq!(two, [(2, &b"entry 2"[..]), (300, &b"entry 300"[..])]);
    assert_eq!(programs.numbered(Shelf::Audit, 7).unwrap(), None);
    let bundle = programs.numbered(Shelf::Bundles, 2).unwrap().unwrap();
    assert_eq!(bundle, noise(3, 400_000));
    assert_eq!(programs.numbers(Shelf::Recordings).unwrap(), [0; 0]);
}
