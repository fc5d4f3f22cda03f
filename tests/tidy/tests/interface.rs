//! The interface between host and rules: what was published stays as it is, what is in work says so.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests may fail loudly; what they share, too"
)]

use roost_tidy::tree::{Source, root, sources};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The digest of each frozen version's files, one after another by name. A row is added when a version is frozen, and
/// never changed.
const FROZEN: [(&str, &str); 1] = [(
    "0.1.0",
    "514bd89ed6c3d80fbd40d712a0f631672b0b8974894bfcec3d024009b819fe1a",
)];

/// Files of the interface by their path below `wit/`.
fn texts() -> BTreeMap<String, String> {
    let wit = root().join("wit");
    let sources = sources(&wit).unwrap().into_iter();
    sources.map(|Source { path, text }| (path, text)).collect()
}

fn sha256(text: impl AsRef<[u8]>) -> String {
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every version that is frozen, with its files.
fn frozen(texts: &BTreeMap<String, String>) -> BTreeMap<&str, Vec<&str>> {
    let mut versions = BTreeMap::<&str, Vec<&str>>::new();
    for (path, text) in texts {
        let below = path.strip_prefix("frozen/");
        if let Some((version, _)) = below.and_then(|path| path.split_once('/')) {
            versions.entry(version).or_default().push(text);
        }
    }
    versions
}

/// The version that a file says it belongs to.
fn version(text: &str) -> &str {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("package roost:room@"));
    line.and_then(|rest| rest.strip_suffix(';'))
        .expect("no package")
}

/// The numbers of a version, to be compared.
fn numbers(version: &str) -> Vec<u32> {
    let released = version.split('-').next().unwrap();
    released
        .split('.')
        .map(|part| part.parse().unwrap())
        .collect()
}

#[test]
fn what_is_frozen_never_changes() {
    let texts = texts();
    let found: Vec<(&str, String)> = frozen(&texts)
        .into_iter()
        .map(|(version, files)| (version, sha256(files.concat())))
        .collect();
    let kept: Vec<(&str, String)> = FROZEN
        .map(|(version, digest)| (version, digest.to_owned()))
        .to_vec();
    assert_eq!(
        found, kept,
        "a published interface has changed (git checkout wit/frozen), or a new one has no row in FROZEN yet"
    );
}

#[test]
fn the_sums_are_those_of_the_files() {
    let texts = texts();
    let sums = texts.get("frozen/SHA256SUMS").unwrap().lines();
    let kept: BTreeSet<String> = sums.map(str::to_owned).collect();
    let found = texts.iter().filter_map(|(path, text)| {
        let file = path.strip_prefix("frozen/")?;
        file.contains('/')
            .then(|| format!("{}  {file}", sha256(text)))
    });
    assert_eq!(found.collect::<BTreeSet<_>>(), kept, "frozen/SHA256SUMS");
}

#[test]
fn each_frozen_folder_holds_its_version() {
    let texts = texts();
    for (folder, files) in frozen(&texts) {
        for text in files {
            assert_eq!(version(text), folder);
        }
    }
}

#[test]
fn the_top_level_is_in_work() {
    let texts = texts();
    let top = texts
        .iter()
        .filter(|(path, _)| !path.contains('/') && path.ends_with(".wit"));
    let versions: BTreeSet<&str> = top.map(|(_, text)| version(text)).collect();
    let development = *versions.first().unwrap();
    assert_eq!(versions.len(), 1, "{versions:?}");
    assert!(development.ends_with("-dev"), "{development}");
    for frozen in frozen(&texts).keys() {
        assert!(
            numbers(development) > numbers(frozen),
            "{development} comes before {frozen}"
        );
    }
    let changes = texts.get("CHANGELOG.md").unwrap();
    let newest = changes.lines().find_map(|line| line.strip_prefix("## "));
    assert_eq!(newest, Some(development), "wit/CHANGELOG.md");
    for frozen in frozen(&texts).keys() {
        let heading = format!("\n## {frozen}\n");
        assert!(changes.contains(&heading), "{frozen} is in no changelog");
    }
}
