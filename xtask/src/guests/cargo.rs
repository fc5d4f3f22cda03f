//! Running cargo so that its output depends on the sources alone.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use super::discover::Guest;
use super::{Error, Options};

/// The release profile of guests, over whatever the workspace says.
const PROFILE: [(&str, &str); 8] = [
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
    ("CARGO_PROFILE_RELEASE_INCREMENTAL", "false"),
    ("CARGO_PROFILE_RELEASE_LTO", "true"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s"),
    ("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true"),
    ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
    ("CARGO_PROFILE_RELEASE_STRIP", "symbols"),
];

/// What an outer cargo, clippy or user leaves in the environment and would change the build.
const FOREIGN: [&str; 8] = [
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_TARGET_DIR",
    "CLIPPY_ARGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
    "__CARGO_DEFAULT_LIB_METADATA",
];

/// Between two flags in `CARGO_ENCODED_RUSTFLAGS`.
const FLAG_SEPARATOR: &str = "\u{1f}";

/// A way to build guests.
pub(super) struct Cargo<'a> {
    options: &'a Options,
    flags: OsString,
}

impl<'a> Cargo<'a> {
    /// Makes the output folder, too.
    pub(super) fn new(options: &'a Options) -> Result<Self, Error> {
        fs::create_dir_all(&options.out).map_err(|source| Error::File {
            path: options.out.clone(),
            source,
        })?;
        Ok(Self {
            options,
            flags: remapping(options)?,
        })
    }

    /// Build a guest; the answer is where its module or component lies.
    pub(super) fn build(&self, guest: &Guest) -> Result<PathBuf, Error> {
        let mut command = self.command(guest);
        command.arg("--quiet");
        if self.options.workspace.join("Cargo.lock").exists() {
            command.arg("--locked");
        }
        run(&mut command)?;
        Ok(self.module(guest))
    }

    /// What builds a guest.
    pub(super) fn command(&self, guest: &Guest) -> Command {
        let mut command = Command::new(program());
        command.current_dir(&self.options.workspace);
        for name in FOREIGN {
            command.env_remove(name);
        }
        command
            .envs(PROFILE)
            .env("CARGO_ENCODED_RUSTFLAGS", &self.flags);
        // `rustc` instead of `build` for the crate type: with the rlib, nothing could be
        // optimised across crates.
        command.args(["rustc", "--release", "--lib", "--crate-type", "cdylib"]);
        command.args([
            "--package",
            &guest.package,
            "--target",
            guest.target.triple(),
        ]);
        command.arg("--target-dir").arg(&self.options.out);
        if self.options.offline {
            command.arg("--offline");
        }
        command
    }

    /// Where a guest lies once it is built.
    pub(super) fn module(&self, guest: &Guest) -> PathBuf {
        let folder = self.options.out.join(guest.target.triple()).join("release");
        folder.join(format!("{}.wasm", guest.library))
    }
}

/// Whether the compiler can build for a target.
pub(super) fn has_target(options: &Options, triple: &str) -> Result<bool, Error> {
    let sysroot = PathBuf::from(rustc(options, &["--print", "sysroot"])?);
    Ok(sysroot.join("lib/rustlib").join(triple).is_dir())
}

/// The cargo that runs us, or the one on the path.
pub(super) fn program() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Flags that take all of this machine's paths out of the output. Of several that match a path the
/// last counts, so narrower ones come later.
fn remapping(options: &Options) -> Result<OsString, Error> {
    let sysroot = rustc(options, &["--print", "sysroot"])?;
    let verbose = rustc(options, &["--version", "--verbose"])?;
    let commit = verbose
        .lines()
        .find_map(|line| line.strip_prefix("commit-hash: "));
    let std_sources = PathBuf::from(&sysroot).join("lib/rustlib/src/rust");
    // Where the standard library's paths point to unless its sources are installed.
    let std_name = format!("/rustc/{}", commit.unwrap_or("unknown"));
    let pairs = [
        (options.workspace.clone(), "/roost".to_owned()),
        (options.out.clone(), "/target".to_owned()),
        (cargo_home(), "/cargo".to_owned()),
        (PathBuf::from(sysroot), "/sysroot".to_owned()),
        (std_sources, std_name),
    ];
    let mut flags = OsString::new();
    for (from, to) in pairs {
        for from in spellings(&from) {
            if !flags.is_empty() {
                flags.push(FLAG_SEPARATOR);
            }
            flags.push("--remap-path-prefix=");
            flags.push(from);
            flags.push(format!("={to}"));
        }
    }
    Ok(flags)
}

/// A path as given and without links.
fn spellings(path: &Path) -> Vec<PathBuf> {
    let mut all = vec![path.to_owned()];
    all.extend(path.canonicalize().ok().filter(|real| real != path));
    all
}

fn cargo_home() -> PathBuf {
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cargo");
    env::var_os("CARGO_HOME").map_or_else(home, PathBuf::from)
}

fn rustc(options: &Options, args: &[&str]) -> Result<String, Error> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(rustc);
    command.current_dir(&options.workspace).args(args);
    let answer = String::from_utf8(output(&mut command)?);
    let answer = answer.map_err(|error| Error::Answer {
        program: "rustc".to_owned(),
        reason: error.to_string(),
    })?;
    Ok(answer.trim().to_owned())
}

/// Run it for what it prints.
pub(super) fn output(command: &mut Command) -> Result<Vec<u8>, Error> {
    let program = format!("{command:?}");
    let output = command.output().map_err(|source| Error::Run {
        program: program.clone(),
        source,
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Failed {
        program,
        status: output.status,
        stderr,
    })
}

/// Run it for what it does. What it prints to standard error is caught and told on failure: a
/// build script has no other way to show it.
fn run(command: &mut Command) -> Result<(), Error> {
    output(command).map(drop)
}
