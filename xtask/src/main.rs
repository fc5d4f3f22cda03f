//! `cargo xtask`: the chores of this workspace by name.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use xtask::freeze::{self, Frozen};
use xtask::guests::{self, Built, Options};

/// Chores of this workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Build the guests and make components of them, in <target>/guests/<name>.wasm.
    Guests {
        /// Only these; all of them without a name.
        names: Vec<String>,
        /// Do not touch the network.
        #[arg(long)]
        offline: bool,
    },
    /// Freeze the interface: copy wit/*.wit to wit/frozen/<version>/, where it never changes again.
    Freeze,
}

fn main() -> Result<()> {
    match Cli::parse().chore {
        Chore::Guests { names, offline } => {
            let mut options = Options::of_workspace(workspace()?);
            options.names = names;
            options.offline = offline;
            print_table(&guests::build(&options)?);
        }
        Chore::Freeze => {
            let Frozen { version, folder } = freeze::freeze(&workspace()?.join("wit"))?;
            println!("roost:room@{version} is frozen in {}", folder.display());
            println!(
                "Next: raise the version in wit/*.wit, begin its section in wit/CHANGELOG.md,"
            );
            println!("and give {version} its file in host/sandbox/src/interface/.");
        }
    }
    Ok(())
}

/// The workspace this binary was built in.
fn workspace() -> Result<PathBuf> {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest
        .parent()
        .map(PathBuf::from)
        .context("xtask has no parent folder")
}

fn print_table(built: &[Built]) {
    let width = built
        .iter()
        .map(|guest| guest.name.len())
        .max()
        .unwrap_or(0)
        .max("name".len());
    println!("{:width$}  {:>9}  sha256", "name", "bytes");
    for Built {
        name, size, sha256, ..
    } in built
    {
        println!("{name:width$}  {size:>9}  {sha256}");
    }
}
