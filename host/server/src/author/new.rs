//! `roost module new`: a project that builds, tests and runs as it is.

use std::fs;
use std::path::{Path, PathBuf};

use roost_room::{Manifest, ManifestError};
use rust_embed::RustEmbed;

use super::{AuthorError, Language};

/// What becomes of a file ending in this: placeholders are filled in, and the ending goes. Manifests need it, so
/// that no tool takes the templates themselves for packages.
const FILLED: &str = ".tmpl";
/// Names that packages of the templates have already.
const TAKEN: [&str; 5] = [
    "componentize-qjs",
    "node_modules",
    "roost-sdk",
    "serde",
    "serde_json",
];

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/templates/rust"]
struct RustTemplate;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/templates/js"]
struct JsTemplate;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../guests/sdk/src"]
struct SdkSources;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../wit"]
struct Interface;

/// A file of the new project.
struct NewFile {
    path: PathBuf,
    bytes: Vec<u8>,
}

/// Make a project of that name; the answer is its folder.
///
/// # Errors
/// The name is none for a kind, the folder is not empty, or cannot be written.
pub fn create(
    name: &str,
    language: Language,
    folder: Option<&Path>,
) -> Result<PathBuf, AuthorError> {
    check_name(name)?;
    let folder = folder.map_or_else(|| PathBuf::from(name), Path::to_owned);
    let mut entries = fs::read_dir(&folder).into_iter().flatten();
    if folder.is_file() || entries.next().is_some() {
        return Err(AuthorError::NotEmpty(folder));
    }
    for file in files(name, language) {
        let path = folder.join(&file.path);
        let parent = path.parent().unwrap_or(&folder);
        fs::create_dir_all(parent).map_err(AuthorError::file(parent))?;
        fs::write(&path, &file.bytes).map_err(AuthorError::file(&path))?;
    }
    Ok(folder)
}

/// The rules for names of kinds, and those of packages on top.
fn check_name(name: &str) -> Result<(), AuthorError> {
    let wrong = |reason| {
        let name = name.to_owned();
        Err(AuthorError::Name { name, reason })
    };
    if let Err(ManifestError::Kind(_)) = Manifest::check_kind(name) {
        return wrong("1 to 64 of a-z, 0-9, '-' and '_' are");
    }
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return wrong("it begins with a letter, since it is the package's name, too");
    }
    if TAKEN.contains(&name) {
        return wrong("a package that it needs is called so");
    }
    Ok(())
}

fn files(name: &str, language: Language) -> Vec<NewFile> {
    let mut files = match language {
        Language::Rust => embedded::<RustTemplate>(""),
        Language::Js => embedded::<JsTemplate>(""),
    };
    if language == Language::Rust {
        files.extend(embedded::<SdkSources>("sdk/src"));
    }
    let interface = embedded::<Interface>("sdk/wit").into_iter();
    files.extend(interface.filter(|file| {
        // The text of this version alone, and none of those that are frozen.
        let is_newest = file.path.parent() == Some(Path::new("sdk/wit"));
        is_newest && file.path.extension().is_some_and(|ending| ending == "wit")
    }));
    for file in &mut files {
        fill(file, name);
    }
    files
}

/// The version of the interface that new projects are written for: the newest.
const INTERFACE: &str = {
    let [_, newest] = roost_sandbox::INTERFACES;
    newest
};

fn embedded<E: RustEmbed>(folder: &str) -> Vec<NewFile> {
    let file = |path: std::borrow::Cow<'static, str>| {
        let bytes = E::get(&path)?.data.into_owned();
        let path = Path::new(folder).join(&*path);
        Some(NewFile { path, bytes })
    };
    E::iter().filter_map(file).collect()
}

fn fill(file: &mut NewFile, name: &str) {
    let path = file.path.to_string_lossy().into_owned();
    if path == "sdk/src/bindings.rs" {
        replace(&mut file.bytes, &[("../../wit", "wit")]);
    }
    if let Some(path) = path.strip_suffix(FILLED) {
        let version = env!("CARGO_PKG_VERSION");
        replace(
            &mut file.bytes,
            &[
                ("{{name}}", name),
                ("{{version}}", version),
                ("{{interface}}", INTERFACE),
            ],
        );
        // Cargo packages no file of that name with a dot in front.
        let path = if path == "gitignore" {
            ".gitignore"
        } else {
            path
        };
        file.path = PathBuf::from(path);
    }
}

fn replace(bytes: &mut Vec<u8>, pairs: &[(&str, &str)]) {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    for (from, to) in pairs {
        text = text.replace(from, to);
    }
    *bytes = text.into_bytes();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(language: Language, path: &str) -> String {
        let files = files("my-kind", language);
        let file = files.iter().find(|file| file.path == Path::new(path));
        String::from_utf8(file.unwrap_or_else(|| panic!("no {path}")).bytes.clone()).unwrap()
    }

    #[test]
    fn names_are_those_of_kinds_and_of_packages() {
        for good in ["a", "guess", "my-kind_2"] {
            check_name(good).unwrap();
        }
        for bad in [
            "",
            "Guess",
            "2048",
            "-x",
            "a b",
            "a/b",
            "serde",
            &"x".repeat(65),
        ] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_placeholder_is_filled() {
        for language in [Language::Rust, Language::Js] {
            for file in files("my-kind", language) {
                let text = String::from_utf8(file.bytes).unwrap();
                assert!(
                    !["{{name", "{{version", "{{interface"]
                        .iter()
                        .any(|left| text.contains(left)),
                    "{:?}",
                    file.path
                );
                assert!(!file.path.to_string_lossy().ends_with(FILLED));
            }
            assert!(text(language, "sdk/wit/world.wit").contains("world room"));
            assert!(text(language, "README.md").contains("my-kind.wasm"));
            text(language, ".gitignore");
        }
        assert!(text(Language::Rust, "src/lib.rs").contains(r#"Manifest::of::<Self>("my-kind")"#));
        assert_eq!(
            text(Language::Rust, "sdk/src/bindings.rs")
                .matches(r#"path: "wit""#)
                .count(),
            2
        );
    }

    /// The copy of the SDK is built with what the SDK itself is built with.
    #[test]
    fn the_sdk_has_the_versions_of_this_workspace() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let workspace = fs::read_to_string(root.join("Cargo.toml")).unwrap();
        let own = fs::read_to_string(root.join("guests/sdk/Cargo.toml")).unwrap();
        let copy = text(Language::Rust, "sdk/Cargo.toml");
        let (_, wanted) = own.split_once("[dependencies]").unwrap();
        let names: Vec<&str> = wanted
            .lines()
            .filter_map(|line| line.strip_suffix(".workspace = true"))
            .collect();
        assert!(names.len() > 3, "{own}");
        for name in names {
            let row = workspace
                .lines()
                .find(|line| line.starts_with(&format!("{name} = ")));
            assert!(
                copy.contains(row.unwrap()),
                "{name} differs in templates/rust/sdk/Cargo.toml.tmpl"
            );
        }
    }
}
