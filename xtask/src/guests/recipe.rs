//! Guests outside of this workspace: how one is built, for whoever runs it and shows how far it is.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::cargo::{Cargo, has_target};
use super::discover::{Guest, guest_at};
use super::{Error, Options, componentised, read};

/// How a crate of somebody else's becomes a component.
#[derive(Debug)]
pub struct Recipe {
    /// Cargo and its arguments; says on standard error how far it is.
    pub command: Command,
    guest: Guest,
    module: PathBuf,
}

impl Recipe {
    /// For the crate whose manifest lies in that folder. Its output depends on its sources alone, as with
    /// our own guests; its lock file may be brought up to date.
    ///
    /// # Errors
    /// No cargo, no such crate, or no compiler for its target.
    pub fn of(folder: &Path) -> Result<Self, Error> {
        let mut options = Options {
            workspace: folder.to_owned(),
            out: PathBuf::new(),
            names: Vec::new(),
            offline: false,
        };
        let (guest, target_directory) = guest_at(&options)?;
        options.out = target_directory;
        let triple = guest.target.triple();
        if !has_target(&options, triple)? {
            return Err(Error::NoTarget {
                triple: triple.to_owned(),
            });
        }
        let cargo = Cargo::new(&options)?;
        Ok(Self {
            command: cargo.command(&guest),
            module: cargo.module(&guest),
            guest,
        })
    }

    /// Once the command has succeeded: the component.
    ///
    /// # Errors
    /// What was built is not what a guest may be.
    pub fn component(&self) -> Result<Vec<u8>, Error> {
        componentised(&self.guest, read(&self.module)?)
    }
}
