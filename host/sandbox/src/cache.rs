//! Compiled programs on disk, so that a restart compiles nothing.
//!
//! A file is `<sha256 of the program>-<hash of the engine>.cwasm`: a head with an authentication
//! code, then machine code. Machine code is trusted blindly by whoever runs it, so a file counts
//! only if its code fits its bytes, its name and a key that never leaves the directory (mode 0700):
//! damaged files, files of other programs, engines or machines are compiled anew.

use crate::error::LoadError;
use roost_room::ProgramHash;
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use wasmtime::Engine;
use wasmtime::component::Component;

const MAGIC: &[u8; 8] = b"roostcw1";
const HEAD: usize = MAGIC.len() + 32;
const SUFFIX: &str = ".cwasm";
const KEY_FILE: &str = "key";

/// The cache directory.
pub(crate) struct Cache {
    dir: PathBuf,
    key: [u8; 32],
    temporary: AtomicU64,
}

/// What looking for a program gave.
pub(crate) enum Found {
    /// It is there and ours.
    Component(Component),
    /// It is not there.
    Nothing,
    /// Something else was there, and is removed.
    Rejected,
}

impl Cache {
    /// Use that directory; make it if need be. What no engine of these could read is removed.
    pub(crate) fn open(dir: &Path, engines: &[&Engine]) -> Result<Self, LoadError> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        fs::set_permissions(dir, Permissions::from_mode(0o700))?;
        let cache = Self {
            dir: dir.to_owned(),
            key: key(dir)?,
            temporary: AtomicU64::new(0),
        };
        cache.sweep(engines)?;
        Ok(cache)
    }

    /// Look a program up.
    pub(crate) fn get(&self, engine: &Engine, program: &ProgramHash) -> Found {
        let name = name(engine, program);
        let path = self.dir.join(&name);
        let Ok(bytes) = fs::read(&path) else {
            return Found::Nothing;
        };
        if let Some(component) = self
            .authentic(&name, &bytes)
            .and_then(|code| deserialize(engine, code))
        {
            return Found::Component(component);
        }
        tracing::warn!(file = %path.display(), "compiled program is damaged or not ours; compiling it anew");
        // It will be replaced anyway; if it cannot be removed, neither can it be trusted.
        fs::remove_file(&path).ok();
        Found::Rejected
    }

    /// Keep a program. What goes wrong here costs a compilation later, no more.
    pub(crate) fn put(&self, engine: &Engine, program: &ProgramHash, component: &Component) {
        let name = name(engine, program);
        let written = component
            .serialize()
            .map_err(io::Error::other)
            .and_then(|code| self.write(&name, &code));
        if let Err(error) = written {
            tracing::warn!(file = name, %error, "compiled program is not kept");
        }
    }

    /// Drop a program's files.
    pub(crate) fn remove(&self, engines: &[&Engine], program: &ProgramHash) {
        for engine in engines {
            // Most often it is there for one engine only.
            fs::remove_file(self.dir.join(name(engine, program))).ok();
        }
    }

    fn write(&self, name: &str, code: &[u8]) -> io::Result<()> {
        let number = self.temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = self
            .dir
            .join(format!("{name}.{}-{number}.tmp", std::process::id()));
        let fill = || -> io::Result<()> {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&temporary)?;
            file.write_all(MAGIC)?;
            file.write_all(&self.authentication(name, code))?;
            file.write_all(code)?;
            fs::rename(&temporary, self.dir.join(name))
        };
        fill().inspect_err(|_| {
            fs::remove_file(&temporary).ok();
        })
    }

    /// The machine code in a file of this name, if this server wrote it.
    fn authentic<'a>(&self, name: &str, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (head, code) = bytes.split_at_checked(HEAD)?;
        let (magic, authentication) = head.split_at_checked(MAGIC.len())?;
        (magic == MAGIC && authentication == self.authentication(name, code)).then_some(code)
    }

    /// Every part has a fixed length, so no other parts give the same input.
    fn authentication(&self, name: &str, code: &[u8]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.key);
        hash.update(Sha256::digest(name));
        hash.update(Sha256::digest(code));
        hash.finalize().into()
    }

    /// Remove files of other engines, and what a crash left half written.
    fn sweep(&self, engines: &[&Engine]) -> io::Result<()> {
        let ours: Vec<String> = engines
            .iter()
            .map(|engine| format!("-{}{SUFFIX}", engine_hash(engine)))
            .collect();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let stale =
                name.ends_with(SUFFIX) && !ours.iter().any(|end| name.ends_with(end.as_str()));
            if stale || name.ends_with(".tmp") {
                fs::remove_file(entry.path()).ok();
            }
        }
        Ok(())
    }
}

#[expect(unsafe_code, reason = "wasmtime cannot check machine code")]
fn deserialize(engine: &Engine, code: &[u8]) -> Option<Component> {
    // SAFETY: `deserialize` must be given unchanged output of `Component::serialize` of the same
    // wasmtime version. `code` carries an authentication code made with this server's secret key in
    // `Cache::write`, whose only caller passes on what `serialize` returned; the name bound into the
    // code has the engine's compatibility hash, which covers version and settings. The bytes were read
    // into memory before they were checked, so nobody can change them in between, as a mapped file
    // could be.
    let component = unsafe { Component::deserialize(engine, code) };
    component
        .inspect_err(|error| tracing::warn!(%error, "compiled program cannot be read"))
        .ok()
}

fn name(engine: &Engine, program: &ProgramHash) -> String {
    format!("{program}-{}{SUFFIX}", engine_hash(engine))
}

fn engine_hash(engine: &Engine) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// The directory's key; a new one if there is none, or if it is not whole.
fn key(dir: &Path) -> io::Result<[u8; 32]> {
    let path = dir.join(KEY_FILE);
    let mut key = [0; 32];
    if File::open(&path)
        .and_then(|mut file| file.read_exact(&mut key))
        .is_ok()
    {
        return Ok(key);
    }
    File::open("/dev/urandom")?.read_exact(&mut key)?;
    let temporary = dir.join(format!("{KEY_FILE}.{}.tmp", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(&key)?;
    fs::rename(&temporary, &path)?;
    Ok(key)
}
