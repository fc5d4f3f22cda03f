//! What a `Cargo.toml` depends on. Reads the plain TOML that our manifests are written in.

/// One dependency of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The name on the left.
    pub name: String,
    /// The table it stands in, such as `dependencies` or `target.'cfg(unix)'.dev-dependencies`.
    pub section: String,
    /// What stands behind the name, up to the end of the line.
    pub value: String,
    /// Counted from 1.
    pub line: usize,
}

impl Dependency {
    /// Whether only tests and benches see it.
    pub fn is_dev(&self) -> bool {
        self.section.ends_with("dev-dependencies")
    }

    /// Whether only the build script sees it.
    pub fn is_build(&self) -> bool {
        self.section.ends_with("build-dependencies")
    }

    /// Whether its version is the one of the workspace.
    pub fn is_inherited(&self) -> bool {
        let value = self.value.replace(' ', "");
        value.starts_with(".workspace=true") || value.contains("workspace=true")
    }
}

/// The value of `name` in `[package]`.
pub fn package_name(text: &str) -> Option<String> {
    let (_, package) = text.split_once("[package]")?;
    package
        .lines()
        .take_while(|line| !line.starts_with('['))
        .find_map(|line| line.strip_prefix("name")?.trim_start().strip_prefix('='))
        .map(|value| value.trim().trim_matches('"').to_owned())
}

/// Every dependency of every kind, in the order of the file.
pub fn dependencies(text: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    let mut section = String::new();
    let mut open_brackets = 0_usize;
    for (index, line) in text.lines().enumerate() {
        let line = line.split(" #").next().unwrap_or("").trim();
        let inside_value = open_brackets > 0;
        let opened = line.matches(['[', '{']).count();
        open_brackets = (open_brackets + opened).saturating_sub(line.matches([']', '}']).count());
        if inside_value || line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']').to_owned();
            // `[dependencies.name]` is a dependency and the section of its keys.
            match section.rsplit_once('.') {
                Some((table, name)) if is_table(table) => {
                    let name = name.to_owned();
                    let table = table.to_owned();
                    found.push(dependency(&name, &table, "", index));
                    continue;
                }
                _ => continue,
            }
        } else {
            split_key(line)
        };
        if is_table(&section) {
            found.push(dependency(name, &section, value, index));
        }
    }
    found
}

fn is_table(section: &str) -> bool {
    section.ends_with("dependencies")
}

fn split_key(line: &str) -> (&str, &str) {
    let end = line
        .find(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_' || c == '"'))
        .unwrap_or(line.len());
    let (name, value) = line.split_at(end);
    (name.trim_matches('"'), value.trim())
}

fn dependency(name: &str, section: &str, value: &str, index: usize) -> Dependency {
    Dependency {
        name: name.to_owned(),
        section: section.to_owned(),
        value: value.to_owned(),
        line: index + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::{dependencies, package_name};

    const MANIFEST: &str = r#"
[package]
name = "sample"
[dependencies]
a.workspace = true # why
b = { version = "1", features = [
    "x",
] }
[dependencies.c]
version = "2"
[target.'cfg(unix)'.dev-dependencies]
d = { workspace = true }
[features]
e = []
"#;

    #[test]
    fn every_way_to_write_a_dependency_is_read() {
        let found = dependencies(MANIFEST);
        let names: Vec<_> = found.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
        let inherited: Vec<_> = found.iter().map(super::Dependency::is_inherited).collect();
        assert_eq!(inherited, [true, false, false, true]);
        assert!(found.last().is_some_and(super::Dependency::is_dev));
        assert_eq!(package_name(MANIFEST).as_deref(), Some("sample"));
    }
}
