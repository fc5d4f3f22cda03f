//! Compiled programs on disk: found again, and never trusted blindly.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may fail loudly"
)]

mod common;

use common::{config, guest, log};
use roost_room::Program;
use roost_sandbox::{Counts, Sandbox, SandboxConfig};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn sandbox(dir: &Path) -> Sandbox {
    Sandbox::new(SandboxConfig {
        cache_dir: Some(dir.to_owned()),
        ..config()
    })
    .unwrap()
}

/// Load a guest in a sandbox of its own and start it once.
fn load(dir: &Path, name: &str) -> Counts {
    let sandbox = sandbox(dir);
    let program = sandbox.load(guest(name)).unwrap();
    drop(program.instantiate(log().0).unwrap());
    sandbox.counts()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "cwasm")
    });
    files.sort();
    files
}

#[test]
fn the_second_load_compiles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("not/there/yet");
    let first = load(&dir, "echo");
    assert_eq!((first.compiled, first.cache_hits), (1, 0));
    let second = load(&dir, "echo");
    assert_eq!(
        (second.compiled, second.cache_hits, second.cache_rejected),
        (0, 1, 0)
    );
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(&dir.join("key")), 0o600);
    assert_eq!(
        files(&dir)
            .iter()
            .map(|file| mode(file))
            .collect::<Vec<_>>(),
        [0o600]
    );
}

#[test]
fn whatever_is_done_to_a_file_it_is_compiled_anew() {
    let dir = tempfile::tempdir().unwrap();
    load(dir.path(), "echo");
    let [file] = files(dir.path()).try_into().unwrap();
    let good = fs::read(&file).unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let without_head = good[40..].to_vec();
    let damaged = [
        Vec::new(),
        good[..good.len() / 2].to_vec(),
        flipped(0),
        flipped(20),
        flipped(good.len() / 2),
        flipped(good.len() - 1),
        [&good[..], b"more"].concat(),
        without_head,
    ];
    for (case, bytes) in damaged.into_iter().enumerate() {
        fs::write(&file, bytes).unwrap();
        let counts = load(dir.path(), "echo");
        assert_eq!(
            (counts.compiled, counts.cache_hits, counts.cache_rejected),
            (1, 0, 1),
            "case {case}"
        );
        assert_eq!(
            load(dir.path(), "echo").cache_hits,
            1,
            "case {case}: mended"
        );
    }
}

#[test]
fn another_program_or_server_is_not_believed() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    load(ours.path(), "echo");
    load(theirs.path(), "echo");
    let [file] = files(ours.path()).try_into().unwrap();
    let [foreign] = files(theirs.path()).try_into().unwrap();
    assert_eq!(file.file_name(), foreign.file_name());
    fs::copy(&foreign, &file).unwrap();
    assert_eq!(
        load(ours.path(), "echo").cache_rejected,
        1,
        "another server's"
    );

    load(ours.path(), "relay");
    let relay = files(ours.path())
        .into_iter()
        .find(|path| *path != file)
        .unwrap();
    fs::copy(&relay, &file).unwrap();
    assert_eq!(
        load(ours.path(), "echo").cache_rejected,
        1,
        "another program's"
    );
}

#[test]
fn another_engine_reads_only_its_own() {
    let dir = tempfile::tempdir().unwrap();
    load(dir.path(), "echo");
    let big = SandboxConfig {
        cache_dir: Some(dir.path().to_owned()),
        big_component: 0,
        ..config()
    };
    let sandbox = Sandbox::new(big).unwrap();
    let program = sandbox.load(guest("echo")).unwrap();
    assert_eq!(
        (sandbox.counts().compiled, sandbox.counts().cache_rejected),
        (1, 0)
    );
    let [first, second] = files(dir.path()).try_into().unwrap();
    // The one under the other's name, as after a change of settings that nobody noticed.
    fs::copy(&first, &second).unwrap();
    for sandbox in [load(dir.path(), "echo"), load(dir.path(), "echo")] {
        assert_eq!(sandbox.cache_hits + sandbox.compiled, 1);
    }
    sandbox.forget(&program.hash());
    assert!(files(dir.path()).is_empty());
}

#[test]
fn leftovers_are_swept() {
    let dir = tempfile::tempdir().unwrap();
    load(dir.path(), "echo");
    let stale = dir
        .path()
        .join(format!("{}-0123456789abcdef.cwasm", "0".repeat(64)));
    let half = dir.path().join("something.cwasm.1-0.tmp");
    fs::write(&stale, "machine code of an older engine").unwrap();
    fs::write(&half, "half").unwrap();
    assert_eq!(load(dir.path(), "echo").cache_hits, 1);
    assert!(!stale.exists() && !half.exists());
}

#[test]
fn a_lost_key_costs_a_compilation() {
    let dir = tempfile::tempdir().unwrap();
    load(dir.path(), "echo");
    fs::write(dir.path().join("key"), "short").unwrap();
    assert_eq!(load(dir.path(), "echo").cache_rejected, 1);
    assert_eq!(load(dir.path(), "echo").cache_hits, 1);
}
