//! Embeds the guests that come with the server, building them first.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let manifest_dir = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let workspace = manifest_dir.join("../..").canonicalize()?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // Relative to this package: two clones may share a target directory, and then also what is printed here.
    let templates = "host/server/templates";
    for watched in ["guests", "tests/guests", "wit", templates, "Cargo.lock"] {
        println!("cargo::rerun-if-changed=../../{watched}");
    }
    let mut options = xtask::guests::Options::of_workspace(&workspace);
    // The target directory is named in no variable when it is the default one, but this script lies in it.
    options.out = target_dir(&out)
        .ok_or("OUT_DIR is in no target directory")?
        .join("guests");
    let built = xtask::guests::build(&options)?;
    let mut table = String::from(
        "/// Name and component of each guest.\npub static GUESTS: &[(&str, &[u8])] = &[\n",
    );
    for guest in built
        .iter()
        .filter(|guest| guest.folder.starts_with(workspace.join("guests")))
    {
        let file = format!("{}.wasm", guest.name);
        fs::copy(&guest.path, out.join(&file))?;
        writeln!(
            table,
            "    ({:?}, include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{file}\"))),",
            guest.name
        )?;
    }
    table.push_str("];\n");
    fs::write(out.join("guests.rs"), table)?;
    Ok(())
}

/// `<target>/release/build/<crate>-<hash>/out` lies four folders below.
fn target_dir(out: &Path) -> Option<PathBuf> {
    out.ancestors().nth(4).map(Path::to_path_buf)
}
