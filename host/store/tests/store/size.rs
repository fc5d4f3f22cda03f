//! Size: the files stay within 64 MiB and four times what is live, and are reused.

use roost_store::{Batch, ProgramBatch, program_hash};

use crate::fixture::{noise, open, room, size_of};

const MIB: u64 = 1 << 20;

#[test]
fn overwriting_a_checkpoint_stays_within_the_bound() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut peak = 0;
    for round in 1..=300 {
        let mut batch = Batch::new();
        batch.put_checkpoint(&room("a"), round, noise(round, 1 << 20));
        store.rooms().submit_and_wait(batch).unwrap();
        peak = peak.max(size_of(&dir.path().join("rooms")));
    }
    let bound = 64 * MIB + 4 * MIB;
    assert!(peak <= bound, "{} MiB", peak / MIB);
    store.close().unwrap();
    let store = open(dir.path());
    assert_eq!(
        store.rooms().checkpoint(&room("a")).unwrap().unwrap().1,
        noise(300, 1 << 20)
    );
    assert!(size_of(&dir.path().join("rooms")) <= bound);
}

#[test]
fn many_rooms_and_journals_stay_within_the_bound() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut seq = 0;
    for round in 1..=20 {
        for index in 0..40u64 {
            let id = index.to_string();
            let mut batch = Batch::new();
            for _ in 0..20 {
                seq += 1;
                batch.append_journal(&room(&id), seq, noise(seq, 500));
            }
            batch.put_checkpoint(&room(&id), seq, noise(round * 100 + index, 200_000));
            store.rooms().submit_and_wait(batch).unwrap();
        }
    }
    let live = 40 * 200_000;
    let size = size_of(&dir.path().join("rooms"));
    assert!(size <= 64 * MIB + 4 * live, "{} MiB", size / MIB);
}

#[test]
fn the_longest_ids_stay_within_the_bound() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let rooms = 1_500;
    for round in 1..=6 {
        let mut batch = Batch::new();
        for index in 0..rooms {
            // Nothing in common, so that sled cannot shorten the keys.
            let id: String = noise(index, 768)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            batch.put_checkpoint(&room(&id), round, noise(round * 100_000 + index, 200));
            if index % 20 == 0 {
                store
                    .rooms()
                    .submit_and_wait(std::mem::take(&mut batch))
                    .unwrap();
            }
        }
        store.rooms().submit_and_wait(batch).unwrap();
    }
    let live = rooms * (1_536 + 200);
    let size = size_of(&dir.path().join("rooms"));
    assert!(size <= 64 * MIB + 4 * live, "{} MiB", size / MIB);
    assert_eq!(store.rooms().all_rooms().count() as u64, rooms);
}

#[test]
fn programs_that_come_and_go_stay_within_the_bound() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut last = None;
    for seed in 1..=40 {
        let bytes = noise(seed, 3 << 20);
        let hash = program_hash(&bytes);
        let mut batch = ProgramBatch::new();
        batch.put_program(hash, bytes).unwrap();
        if let Some(last) = last.replace(hash) {
            batch.delete_program(last);
        }
        store.programs().submit_and_wait(batch).unwrap();
    }
    let size = size_of(&dir.path().join("programs"));
    assert!(size <= 64 * MIB + 4 * 3 * MIB, "{} MiB", size / MIB);
}
