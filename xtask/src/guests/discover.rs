//! Which crates of the workspace are guests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::{Error, Options, cargo};

/// Folders of the workspace in which guests lie.
const FOLDERS: [&str; 2] = ["guests", "tests/guests"];

/// What precedes a guest's name in the name of its crate.
const PREFIX: &str = "roost-";

/// A crate that becomes a component.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    /// Name of the crate without its prefix.
    pub(super) name: String,
    /// Name of the crate.
    pub(super) package: String,
    /// Name of its library: the file's.
    pub(super) library: String,
    /// What it is compiled for.
    pub(super) target: Target,
    /// Folder of its manifest.
    pub(super) folder: PathBuf,
}

/// What a guest is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// `wasm32-unknown-unknown`: a module that imports nothing but our package.
    Unknown,
    /// `wasm32-wasip2`: a component already, with WASI among its imports.
    Wasip2,
}

impl Target {
    /// The compiler's name for it.
    pub(super) fn triple(self) -> &'static str {
        match self {
            Self::Unknown => "wasm32-unknown-unknown",
            Self::Wasip2 => "wasm32-wasip2",
        }
    }
}

/// What `cargo metadata` says, as far as it matters.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<CargoTarget>,
    metadata: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct CargoTarget {
    name: String,
    crate_types: Vec<String>,
}

/// The guests asked for, by name.
pub(super) fn guests(options: &Options) -> Result<Vec<Guest>, Error> {
    let root = canonical(&options.workspace)?;
    let folders = FOLDERS.map(|folder| root.join(folder));
    let mut guests = Vec::new();
    for package in metadata(options)?.packages {
        let Some(folder) = package.manifest_path.parent().map(Path::to_owned) else {
            continue;
        };
        let folder = canonical(&folder)?;
        if folders.iter().any(|parent| folder.parent() == Some(parent)) {
            guests.extend(guest(package, folder)?);
        }
    }
    guests.sort_by(|a, b| a.name.cmp(&b.name));
    select(guests, &options.names)
}

/// The guest whose manifest lies in the folder of the options, and cargo's target directory there.
pub(super) fn guest_at(options: &Options) -> Result<(Guest, PathBuf), Error> {
    let folder = canonical(&options.workspace)?;
    let metadata = metadata(options)?;
    let here = |package: &Package| {
        let own = package.manifest_path.parent().map(canonical);
        matches!(own, Some(Ok(own)) if own == folder)
    };
    let found = metadata.packages.into_iter().find(here);
    let guest = match found {
        Some(package) => guest(package, folder)?,
        None => None,
    };
    let guest = guest.ok_or_else(|| Error::Guest {
        name: options.workspace.display().to_string(),
        reason: "its Cargo.toml has no library with crate-type \"cdylib\"".to_owned(),
    })?;
    Ok((guest, metadata.target_directory))
}

fn select(mut guests: Vec<Guest>, names: &[String]) -> Result<Vec<Guest>, Error> {
    let known: BTreeSet<String> = guests.iter().map(|guest| guest.name.clone()).collect();
    if let Some(name) = names.iter().find(|name| !known.contains(*name)) {
        return Err(Error::Unknown {
            name: name.clone(),
            known: known.into_iter().collect(),
        });
    }
    guests.retain(|guest| names.is_empty() || names.contains(&guest.name));
    Ok(guests)
}

/// None for crates without a dynamic library, such as the SDK.
fn guest(package: Package, folder: PathBuf) -> Result<Option<Guest>, Error> {
    let is_dynamic = |target: &&CargoTarget| target.crate_types.iter().any(|kind| kind == "cdylib");
    let Some(library) = package.targets.iter().find(is_dynamic) else {
        return Ok(None);
    };
    let name = package
        .name
        .strip_prefix(PREFIX)
        .unwrap_or(&package.name)
        .to_owned();
    let wanted = package
        .metadata
        .as_ref()
        .and_then(|all| all.pointer("/roost/target"));
    let target = match wanted.map(|target| target.as_str()) {
        None | Some(Some("wasm32-unknown-unknown")) => Target::Unknown,
        Some(Some("wasm32-wasip2")) => Target::Wasip2,
        Some(_) => {
            let reason = "package.metadata.roost.target is neither wasm32-unknown-unknown nor \
                          wasm32-wasip2";
            return Err(Error::Guest {
                name,
                reason: reason.to_owned(),
            });
        }
    };
    let library = library.name.replace('-', "_");
    Ok(Some(Guest {
        name,
        package: package.name,
        library,
        target,
        folder,
    }))
}

fn metadata(options: &Options) -> Result<Metadata, Error> {
    let mut command = Command::new(cargo::program());
    command.current_dir(&options.workspace);
    command.args(["metadata", "--no-deps", "--format-version", "1"]);
    let answer = cargo::output(&mut command)?;
    serde_json::from_slice(&answer).map_err(|error| Error::Answer {
        program: "cargo metadata".to_owned(),
        reason: error.to_string(),
    })
}

fn canonical(path: &Path) -> Result<PathBuf, Error> {
    path.canonicalize().map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}
