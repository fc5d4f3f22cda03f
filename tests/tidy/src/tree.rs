//! The files of the repository that people write.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Folders that hold what was built, downloaded or saved at run time: names, or paths from the root.
const NOT_OURS: [&str; 3] = ["target", "node_modules", "data/state"];

/// One text file of the repository.
#[derive(Debug, Clone)]
pub struct Source {
    /// Path from the root of the repository, with `/` between its parts.
    pub path: String,
    /// The whole text. Files that are not UTF-8 are left out of the tree.
    pub text: String,
}

impl Source {
    /// Whether the name ends in `.rs`.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the whole file is test code: it lies in a `tests` or `benches` folder, or is a module named `tests`.
    ///
    /// Everything below the top folder `tests` counts, but for the guests there, which are material of tests.
    pub fn is_test(&self) -> bool {
        if self.path.starts_with("tests/guests/") {
            return false;
        }
        let mut parts = self.path.split('/');
        parts.any(|part| matches!(part, "tests" | "benches" | "tests.rs"))
    }

    /// Whether a person writes this file as code, so that its length says something.
    pub fn is_code(&self) -> bool {
        const ENDINGS: [&str; 9] = [
            ".rs", ".wit", ".js", ".mjs", ".ts", ".css", ".html", ".py", ".sh",
        ];
        let in_scripts = self.path.starts_with("scripts/") || self.path.starts_with(".ci/");
        in_scripts
            || self.path == "Makefile"
            || ENDINGS.iter().any(|ending| self.path.ends_with(ending))
    }
}

/// The root of the repository, two folders above this crate.
pub fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root.pop();
    root
}

/// Every text file below `root` that is ours, sorted by path.
///
/// # Errors
/// When a folder or a file cannot be read.
pub fn sources(root: &Path) -> io::Result<Vec<Source>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type()?;
            if kind.is_dir() {
                let path = relative(root, &entry.path());
                let hidden = name.starts_with('.') && name != ".ci";
                if !hidden
                    && !NOT_OURS
                        .iter()
                        .any(|other| *other == name || *other == path)
                {
                    folders.push(entry.path());
                }
            } else if kind.is_file() {
                found.extend(read(root, &entry.path())?);
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn read(root: &Path, file: &Path) -> io::Result<Option<Source>> {
    let Ok(text) = String::from_utf8(fs::read(file)?) else {
        return Ok(None);
    };
    Ok(Some(Source {
        path: relative(root, file),
        text,
    }))
}

fn relative(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    path.to_string_lossy().into_owned()
}
