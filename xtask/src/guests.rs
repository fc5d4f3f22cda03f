//! Guests: crates of this workspace that become WebAssembly components.
//!
//! The same sources give the same bytes, wherever they lie: paths are remapped, the profile is
//! fixed here, each guest is built alone and so with exactly its own features.

mod cargo;
mod component;
mod discover;
mod recipe;

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::{env, fs, io};

use sha2::{Digest, Sha256};

use crate::hex;
use discover::{Guest, Target};
pub use recipe::Recipe;

/// What to build and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of the workspace's manifest.
    pub workspace: PathBuf,
    /// Folder for the build and the components.
    pub out: PathBuf,
    /// Names of guests; all when empty.
    pub names: Vec<String>,
    /// Do not touch the network.
    pub offline: bool,
}

impl Options {
    /// All guests of this workspace, into the folder `guests` of cargo's target directory.
    #[must_use]
    pub fn of_workspace(workspace: impl Into<PathBuf>) -> Self {
        let workspace = workspace.into();
        let target = env::var_os("CARGO_TARGET_DIR");
        let target = target.map_or_else(|| PathBuf::from("target"), PathBuf::from);
        // A relative one counts from the workspace; `join` keeps an absolute one as it is.
        let out = workspace.join(target).join("guests");
        Self {
            workspace,
            out,
            names: Vec::new(),
            offline: false,
        }
    }
}

/// A component that lies ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// Name of the crate without `roost-`.
    pub name: String,
    /// The component.
    pub path: PathBuf,
    /// Bytes of it.
    pub size: u64,
    /// SHA-256 of it, 64 lower-case hex digits.
    pub sha256: String,
    /// What the guest depends on, for `rerun-if-changed`: its folder.
    pub folder: PathBuf,
}

/// Why there are no guests.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program could not be started.
    #[error("cannot run {program}: {source}")]
    Run {
        /// Which one.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// A program failed.
    #[error("{program} failed ({status}){}{stderr}", if stderr.is_empty() { "" } else { ":\n" })]
    Failed {
        /// Which one, with arguments.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said, if that was caught.
        stderr: String,
    },
    /// A program's answer makes no sense.
    #[error("{program} gave an answer that is not understood: {reason}")]
    Answer {
        /// Which one.
        program: String,
        /// Why not.
        reason: String,
    },
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// No guest of this name.
    #[error("there is no guest {name}; there are: {}", known.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The compiler cannot build for what guests run on.
    #[error(
        "this Rust has no target {triple}; install it with `rustup target add {triple}` \
         (or your distribution's package of that standard library)"
    )]
    NoTarget {
        /// Which target.
        triple: String,
    },
    /// A guest is no component as it should be.
    #[error("guest {name}: {reason}")]
    Guest {
        /// Which one.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Build guests and make components of them.
///
/// # Errors
/// The first guest that does not build or is not what it should be; the others before it are
/// ready.
pub fn build(options: &Options) -> Result<Vec<Built>, Error> {
    let guests = discover::guests(options)?;
    let cargo = cargo::Cargo::new(options)?;
    guests
        .into_iter()
        .map(|guest| build_one(options, &cargo, guest))
        .collect()
}

/// The name of the crate whose manifest lies in that folder.
///
/// # Errors
/// No cargo, or no such crate.
pub fn package_name(folder: &Path) -> Result<String, Error> {
    let options = Options {
        workspace: folder.to_owned(),
        out: PathBuf::new(),
        names: Vec::new(),
        offline: false,
    };
    Ok(discover::guest_at(&options)?.0.package)
}

/// From what cargo has built to a component that is what a guest may be.
fn componentised(guest: &Guest, module: Vec<u8>) -> Result<Vec<u8>, Error> {
    let wrong = |reason| Error::Guest {
        name: guest.name.clone(),
        reason,
    };
    let component = match guest.target {
        Target::Unknown => component::from_module(&module).map_err(wrong)?,
        Target::Wasip2 => module,
    };
    component::check(&component, guest.target).map_err(wrong)?;
    Ok(component)
}

fn build_one(options: &Options, cargo: &cargo::Cargo<'_>, guest: Guest) -> Result<Built, Error> {
    let component = componentised(&guest, read(&cargo.build(&guest)?)?)?;
    let path = options.out.join(format!("{}.wasm", guest.name));
    write_if_changed(&path, &component)?;
    Ok(Built {
        name: guest.name,
        path,
        size: component.len() as u64,
        sha256: hex(&Sha256::digest(&component)),
        folder: guest.folder,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

/// Unchanged files keep their time, so that nothing that embeds them is built again; a reader
/// never sees half a file.
fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let fresh = path.with_extension(format!("wasm.{}", std::process::id()));
    fs::write(&fresh, bytes)
        .and_then(|()| fs::rename(&fresh, path))
        .map_err(|source| Error::File {
            path: path.to_owned(),
            source,
        })
}
