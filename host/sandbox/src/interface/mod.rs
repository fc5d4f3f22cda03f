//! The versions of the package `roost:room` that this host offers, one file each.
//!
//! Linking is by shape, so versions share the Rust types of whatever they have in common, and nothing
//! but [`link`] knows which version a program was built for: calls go through [`Exports`].

mod latest;
mod v0_1_0;

use crate::host::Host;
use latest::bindings;
use wasmtime::component::InstancePre;
use wasmtime::{Engine, Result, Store};

pub(crate) use bindings::exports::roost::room::rules;
pub(crate) use bindings::roost::room::{log, types};

/// Versions of the package `roost:room` that this host offers, oldest first. The last is the one in work.
pub const INTERFACES: [&str; 2] = [v0_1_0::VERSION, latest::VERSION];

/// A program with all it imports, of which instances are made.
pub(crate) trait Linked: Send + Sync {
    /// What it was compiled for.
    fn engine(&self) -> &Engine;

    /// Make an instance in that store.
    fn start(&self, store: &mut Store<Host>) -> Result<Box<dyn Exports>>;
}

/// The rules that an instance exports.
pub(crate) trait Exports: Send {
    fn describe(&self, store: &mut Store<Host>) -> Result<rules::Manifest>;

    fn init(
        &self,
        store: &mut Store<Host>,
        config: rules::RoomConfig<'_>,
    ) -> Result<Result<(), String>>;

    fn restore(
        &self,
        store: &mut Store<Host>,
        config: rules::RoomConfig<'_>,
        meta: types::SnapshotMeta<'_>,
        state: &[u8],
    ) -> Result<Result<(), String>>;

    fn handle(
        &self,
        store: &mut Store<Host>,
        context: types::Context,
        events: &[types::Event<'_>],
    ) -> Result<Vec<types::Effect>>;

    fn snapshot(&self, store: &mut Store<Host>) -> Result<Vec<u8>>;
}

/// Find the rules of a component that was built for this version, one of [`INTERFACES`].
pub(crate) fn link(interface: &str, component: InstancePre<Host>) -> Result<Box<dyn Linked>> {
    match interface {
        v0_1_0::VERSION => v0_1_0::link(component),
        _ => latest::link(component),
    }
}

/// [`INTERFACES`] as they stand in a sentence.
pub(crate) fn list() -> String {
    INTERFACES.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::INTERFACES;
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_frozen_version_is_offered_and_the_one_in_work() {
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let folders = fs::read_dir(wit.join("frozen")).unwrap();
        let mut versions: Vec<String> = folders
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().is_dir())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        versions.sort();
        let world = fs::read_to_string(wit.join("world.wit")).unwrap();
        let line = world.lines().next().unwrap();
        let version = line.strip_prefix("package roost:room@").unwrap();
        versions.push(version.strip_suffix(';').unwrap().to_owned());
        assert_eq!(versions, INTERFACES);
    }
}
