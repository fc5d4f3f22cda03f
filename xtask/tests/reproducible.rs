//! The same sources give the same program, wherever they lie.

#![allow(
    clippy::unwrap_used,
    reason = "tests may fail loudly; helpers outside of `#[test]`, too"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use xtask::guests::{self, Options};

/// What a guest is made of, relative to the workspace.
const SOURCES: [&str; 6] = [
    "Cargo.lock",
    "clippy.toml",
    "rust-toolchain.toml",
    "wit",
    "guests/sdk",
    "guests/echo",
];

#[test]
fn two_paths_one_hash() {
    let here = workspace();
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("a/rather/longer/path with a space");
    copy_workspace(&here, &copy);

    let original = build(Options {
        offline: true,
        ..Options::of_workspace(&here)
    });
    let out = elsewhere.path().join("target");
    let copied = build(Options {
        out,
        offline: true,
        ..Options::of_workspace(&copy)
    });
    assert_eq!(
        original, copied,
        "the program depends on where it was built"
    );
}

#[test]
fn unknown_names_are_told() {
    let mut options = Options::of_workspace(workspace());
    options.names = vec!["nobody".to_owned()];
    let error = guests::build(&options).unwrap_err().to_string();
    assert!(
        error.contains("nobody") && error.contains("echo"),
        "{error}"
    );
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// The hash of guest echo.
fn build(mut options: Options) -> String {
    options.names = vec!["echo".to_owned()];
    let built = guests::build(&options).unwrap();
    built.into_iter().next().unwrap().sha256
}

fn copy_workspace(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for source in SOURCES {
        copy(&from.join(source), &to.join(source));
    }
    let manifest = fs::read_to_string(from.join("Cargo.toml")).unwrap();
    let (_, rest) = manifest.split_once("members = [").unwrap();
    let (_, rest) = rest.split_once(']').unwrap();
    let manifest = format!("[workspace]\nresolver = \"3\"\nmembers = [\"guests/*\"]{rest}");
    fs::write(to.join("Cargo.toml"), manifest).unwrap();
    prune_lock(to);
}

/// Takes out of the lock file what the missing members needed; changes no version.
fn prune_lock(workspace: &Path) {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(workspace)
        .args(["metadata", "--offline", "--format-version", "1"]);
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            copy(&from.join(&name), &to.join(&name));
        }
    } else {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
}
