//! What sort of project a folder is, and where its component goes.

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::AuthorError;

/// What rules are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Rust: small and quick; needs cargo
    Rust,
    /// JavaScript, run by QuickJS: some twenty times slower; needs Node.js and npm
    Js,
}

/// A folder with rules.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    pub(crate) folder: PathBuf,
    pub(crate) language: Language,
}

/// What is read of a package.json.
#[derive(Deserialize)]
struct Package {
    name: String,
}

impl Project {
    /// Recognise a folder by its manifest.
    pub(crate) fn at(folder: &Path) -> Result<Self, AuthorError> {
        let folder = folder.canonicalize().map_err(AuthorError::file(folder))?;
        let language = if folder.join("Cargo.toml").is_file() {
            Language::Rust
        } else if folder.join("package.json").is_file() {
            Language::Js
        } else {
            return Err(AuthorError::NoProject(folder));
        };
        Ok(Self { folder, language })
    }

    /// Where its component goes: beside the manifest, under the name of the package.
    pub(crate) fn component(&self) -> Result<PathBuf, AuthorError> {
        let name = match self.language {
            Language::Rust => xtask::guests::package_name(&self.folder)?,
            Language::Js => self.npm_name()?,
        };
        Ok(self.folder.join(name).with_added_extension("wasm"))
    }

    fn npm_name(&self) -> Result<String, AuthorError> {
        let path = self.folder.join("package.json");
        let text = fs::read(&path).map_err(AuthorError::file(&path))?;
        let package: Package =
            serde_json::from_slice(&text).map_err(|error| AuthorError::Form {
                path,
                reason: error.to_string(),
            })?;
        // `@scope/name` is a path, and none of ours.
        Ok(package
            .name
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned())
    }
}

/// What clients say by topic, if the author has written it down.
pub(crate) fn examples_beside(component: &Path) -> Option<PathBuf> {
    let path = component.parent()?.join("examples.json");
    path.is_file().then_some(path)
}
