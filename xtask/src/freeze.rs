//! Freezing the interface: the text of `wit/` as it stands becomes a version that never changes again.

use std::path::{Path, PathBuf};
use std::{fs, io};

use sha2::{Digest, Sha256};
use wit_parser::Resolve;

use crate::hex;

/// Where frozen versions lie, below the folder of the interface.
const FROZEN: &str = "frozen";

/// The digests of all frozen files, as `sha256sum --check` reads them.
const SUMS: &str = "SHA256SUMS";

/// What the line that names a file's package begins with.
const PACKAGE: &str = "package roost:room@";

/// A version that has been frozen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// Its number, without a suffix such as `-dev`.
    pub version: String,
    /// Where its text lies.
    pub folder: PathBuf,
}

/// Why nothing was frozen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The text is no interface.
    #[error("the text is not valid: {0}")]
    Text(String),
    /// The files do not agree about their version.
    #[error("{}: it does not say `package roost:room@{version};` as the others do", path.display())]
    Version {
        /// The first file that disagrees.
        path: PathBuf,
        /// What the files before it say.
        version: String,
    },
    /// It was frozen before.
    #[error("{0} is frozen already; raise the version in wit/*.wit")]
    Already(String),
}

/// One file of the interface.
struct Text {
    name: String,
    text: String,
}

/// Copy the interface in the folder `wit` to `frozen/<version>/` below it, and add the digests.
///
/// # Errors
/// The text is not valid, or that version is frozen already; then nothing was written. Or a file
/// cannot be read or written.
pub fn freeze(wit: &Path) -> Result<Frozen, Error> {
    Resolve::default()
        .push_dir(wit)
        .map_err(|error| Error::Text(format!("{error:#}")))?;
    let texts = texts(wit)?;
    let development = version(wit, &texts)?;
    let released = development
        .split_once('-')
        .map_or(development.as_str(), |(released, _)| released);
    let folder = wit.join(FROZEN).join(released);
    if folder.exists() {
        return Err(Error::Already(released.to_owned()));
    }
    let sums = wit.join(FROZEN).join(SUMS);
    let mut digests = match fs::read_to_string(&sums) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read.map_err(at(&sums))?,
    };
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    let (before, after) = (
        format!("{PACKAGE}{development};"),
        format!("{PACKAGE}{released};"),
    );
    for Text { name, text } in texts {
        let text = text.replacen(&before, &after, 1);
        let path = folder.join(&name);
        fs::write(&path, &text).map_err(at(&path))?;
        let digest = hex(&Sha256::digest(text));
        digests.push_str(&format!("{digest}  {released}/{name}\n"));
    }
    fs::write(&sums, digests).map_err(at(&sums))?;
    Ok(Frozen {
        version: released.to_owned(),
        folder,
    })
}

/// All files of the interface, by name.
fn texts(wit: &Path) -> Result<Vec<Text>, Error> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(wit).map_err(at(wit))? {
        let path = entry.map_err(at(wit))?.path();
        if path.extension().is_none_or(|extension| extension != "wit") {
            continue;
        }
        let name = path.file_name().unwrap_or_default();
        texts.push(Text {
            name: name.to_string_lossy().into_owned(),
            text: fs::read_to_string(&path).map_err(at(&path))?,
        });
    }
    texts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(texts)
}

/// The version that all files name.
fn version(wit: &Path, texts: &[Text]) -> Result<String, Error> {
    let mut version: Option<&str> = None;
    for Text { name, text } in texts {
        let line = text.lines().find_map(|line| line.strip_prefix(PACKAGE));
        let said = line.and_then(|rest| rest.strip_suffix(';'));
        if said.is_none() || (version.is_some() && version != said) {
            return Err(Error::Version {
                path: wit.join(name),
                version: version.unwrap_or("<version>").to_owned(),
            });
        }
        version = said;
    }
    let version = version.ok_or_else(|| Error::Text("there is none".to_owned()))?;
    Ok(version.to_owned())
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    |source| Error::File { path, source }
}

#[cfg(test)]
mod tests {
    use super::{Error, freeze};
    use std::fs;

    const LOG: &str =
        "/// A line.\npackage roost:room@0.2.0-dev;\n\ninterface log {\n  log: func();\n}\n";
    const WORLD: &str = "package roost:room@0.2.0-dev;\n\nworld room {\n  import log;\n}\n";

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn the_text_is_copied_under_its_number() {
        let wit = folder(&[("world.wit", WORLD), ("log.wit", LOG), ("NOTES.md", "")]);
        let frozen = freeze(wit.path()).unwrap();
        assert_eq!(frozen.version, "0.2.0");
        let copy = fs::read_to_string(frozen.folder.join("log.wit")).unwrap();
        assert_eq!(copy, LOG.replace("-dev", ""));
        assert_eq!(fs::read_dir(&frozen.folder).unwrap().count(), 2);
        let sums = fs::read_to_string(wit.path().join("frozen/SHA256SUMS")).unwrap();
        let names: Vec<&str> = sums.lines().map(|line| &line[64..]).collect();
        assert_eq!(names, ["  0.2.0/log.wit", "  0.2.0/world.wit"]);
    }

    #[test]
    fn a_version_is_frozen_once() {
        let wit = folder(&[("log.wit", LOG)]);
        freeze(wit.path()).unwrap();
        let sums = wit.path().join("frozen/SHA256SUMS");
        let before = fs::read_to_string(&sums).unwrap();
        fs::write(wit.path().join("log.wit"), LOG.replace("log: ", "write: ")).unwrap();
        let again = freeze(wit.path());
        assert!(matches!(again, Err(Error::Already(version)) if version == "0.2.0"));
        assert_eq!(fs::read_to_string(&sums).unwrap(), before);
        fs::write(wit.path().join("log.wit"), LOG.replace("0.2.0", "0.3.0")).unwrap();
        assert_eq!(freeze(wit.path()).unwrap().version, "0.3.0");
        let after = fs::read_to_string(&sums).unwrap();
        assert!(after.starts_with(&before) && after.lines().count() == 2);
    }

    #[test]
    fn nothing_is_written_of_a_text_that_is_wrong() {
        let broken = folder(&[("log.wit", "package roost:room@0.2.0-dev;\ninterface {")]);
        assert!(matches!(freeze(broken.path()), Err(Error::Text(_))));
        let spaced = LOG.replace("room@0.2.0-dev;", "room@0.2.0-dev ;");
        let spaced = folder(&[("log.wit", LOG), ("world.wit", WORLD), ("z.wit", &spaced)]);
        assert!(freeze(spaced.path()).is_err());
        for folder in [broken, spaced] {
            assert!(!folder.path().join("frozen").exists());
        }
    }
}
