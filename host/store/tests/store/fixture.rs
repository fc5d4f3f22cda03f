//! What the tests share: stores in temporary directories, noise, raw access, child processes.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    time::{Duration, Instant},
};

use roost_store::{Done, Options, RoomKey, Store, StoreError};

/// Long enough for the slowest disk; reached only when something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Tells a child process of this test binary where its store is.
pub(crate) const CHILD_DIR: &str = "ROOST_STORE_TEST_DIR";

pub(crate) fn open(dir: &Path) -> Store {
    Store::open(dir, Options::default()).unwrap()
}

pub(crate) fn room(id: &str) -> RoomKey<'_> {
    RoomKey::new("piano", id).unwrap()
}

/// Bytes that do not compress and that any two seeds make different.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_be_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// A waiter and where its outcome arrives.
pub(crate) fn waiter() -> (Done, Receiver<Result<(), StoreError>>) {
    let (sender, receiver) = mpsc::channel();
    (
        Box::new(move |outcome| sender.send(outcome).unwrap()),
        receiver,
    )
}

/// One of the databases of a closed store, without the store.
pub(crate) fn raw(dir: &Path, database: &str) -> sled::Db {
    let started = Instant::now();
    loop {
        match sled::Config::new()
            .path(dir.join(database))
            .flush_every_ms(None)
            .open()
        {
            Ok(db) => return db,
            // sled lets go of its lock a moment after it has been dropped.
            Err(error) => assert!(started.elapsed() < PATIENCE, "{error}"),
        }
        std::thread::yield_now();
    }
}

/// Changes one of the databases of a closed store behind its back.
pub(crate) fn tamper(dir: &Path, database: &str, change: impl FnOnce(&sled::Db)) {
    let db = raw(dir, database);
    change(&db);
    db.flush().unwrap();
}

/// The one key that `matches`.
pub(crate) fn find_key(db: &sled::Db, matches: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let keys: Vec<_> = db.iter().keys().map(|key| key.unwrap().to_vec()).collect();
    keys.into_iter().find(|key| matches(key)).unwrap()
}

/// The size of a directory with everything in it, in bytes.
pub(crate) fn size_of(dir: &Path) -> u64 {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        // Files may go while we look.
        let Ok(entry) = entry else { continue };
        let Ok(meta) = entry.metadata() else { continue };
        bytes += if meta.is_dir() {
            size_of(&entry.path())
        } else {
            meta.len()
        };
    }
    bytes
}

/// This test binary again, running only `test`, with its output as lines.
pub(crate) fn spawn_child(
    mut command: Command,
    test: &str,
    dir: &Path,
) -> (Child, Receiver<String>) {
    let mut child = command
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD_DIR, dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        while output.read_line(&mut line).unwrap_or(0) > 0 {
            // A killed child may leave half a line, which says nothing.
            if line.ends_with('\n') && sender.send(line.trim_end().to_owned()).is_err() {
                break;
            }
            line.clear();
        }
    });
    (child, receiver)
}
