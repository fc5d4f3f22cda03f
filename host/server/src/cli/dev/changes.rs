//! When files of a project change.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// Changes are over when nothing has happened for so long: editors write in several steps.
const QUIET: Duration = Duration::from_millis(200);
/// Folders that a build writes to, besides hidden ones.
const BUILT: [&str; 3] = ["target", "node_modules", "dist"];
/// Deeper than this no project keeps its files.
const MAX_DEPTH: usize = 16;

/// Watches a folder, but for what a build writes.
pub(super) struct Changes {
    root: PathBuf,
    watcher: RecommendedWatcher,
    /// Holds one permit at most: changes are not counted.
    changed: Arc<Notify>,
}

impl Changes {
    pub(super) fn watch(root: &Path) -> notify::Result<Self> {
        let root = root.canonicalize()?;
        let changed = Arc::new(Notify::new());
        let (folder, wake) = (root.clone(), Arc::clone(&changed));
        let watcher = notify::recommended_watcher(move |event| {
            if matters(&folder, &event) {
                wake.notify_one();
            }
        })?;
        let mut changes = Self {
            root,
            watcher,
            changed,
        };
        changes.add(&changes.root.clone(), 0)?;
        Ok(changes)
    }

    /// Something has changed since the last time, and it is quiet now.
    pub(super) async fn settled(&mut self) {
        self.changed.notified().await;
        while tokio::time::timeout(QUIET, self.changed.notified())
            .await
            .is_ok()
        {}
        // There may be new folders. One that has gone already is none.
        let _ = self.add(&self.root.clone(), 0);
    }

    /// Folder by folder: what a build writes can be a hundred times what somebody has written.
    fn add(&mut self, folder: &Path, depth: usize) -> notify::Result<()> {
        self.watcher.watch(folder, RecursiveMode::NonRecursive)?;
        if depth == MAX_DEPTH {
            return Ok(());
        }
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            // Links are not followed: they may lead in circles.
            if entry.file_type()?.is_dir() && !is_built(&entry.file_name()) {
                self.add(&entry.path(), depth + 1)?;
            }
        }
        Ok(())
    }
}

fn is_built(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('.') || BUILT.contains(&name.as_ref())
}

fn matters(root: &Path, event: &notify::Result<Event>) -> bool {
    // After an error something may have been missed.
    let Ok(event) = event else {
        return true;
    };
    let is_change = !matches!(event.kind, EventKind::Access(_) | EventKind::Other);
    event.need_rescan() || (is_change && event.paths.iter().any(|path| is_source(root, path)))
}

/// Whether somebody, and not a build or an editor, has written this file.
fn is_source(root: &Path, path: &Path) -> bool {
    let Ok(path) = path.strip_prefix(root) else {
        return false;
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_scratch = [".wasm", "~", ".swp", ".tmp"]
        .iter()
        .any(|end| name.ends_with(end));
    !name.is_empty() && !is_scratch && !path.iter().any(is_built)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_what_somebody_writes_matters() {
        let root = Path::new("/home/ann/rules");
        for (path, matters) in [
            ("/home/ann/rules/src/lib.rs", true),
            ("/home/ann/rules/Cargo.toml", true),
            ("/home/ann/rules/assets/board.json", true),
            ("/home/ann/rules/target/release/x.d", false),
            ("/home/ann/rules/.git/index", false),
            ("/home/ann/rules/src/.lib.rs.swp", false),
            ("/home/ann/rules/src/lib.rs~", false),
            ("/home/ann/rules/rules.wasm", false),
            ("/home/ann/rules", false),
            ("/home/ann/other/src/lib.rs", false),
        ] {
            assert_eq!(is_source(root, Path::new(path)), matters, "{path}");
        }
    }

    #[tokio::test]
    async fn saved_files_are_noticed_in_new_folders_too() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("target")).unwrap();
        let mut changes = Changes::watch(folder.path()).unwrap();
        fs::create_dir(folder.path().join("src")).unwrap();
        changes.settled().await;
        fs::write(folder.path().join("src/lib.rs"), "//!").unwrap();
        changes.settled().await;
        fs::write(folder.path().join("target/x"), "built").unwrap();
        fs::write(folder.path().join("x.wasm"), "built").unwrap();
        let nothing = tokio::time::timeout(Duration::from_millis(50), changes.settled());
        assert!(nothing.await.is_err());
    }
}
