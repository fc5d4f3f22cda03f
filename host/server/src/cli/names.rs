//! What commands are about, as one writes it: `piano@3`, `piano/lobby`.

use std::fmt;
use std::str::FromStr;

use crate::config::check::is_kind_name;

const KIND: &str = "a module's name is 1 to 64 of a-z, 0-9 and -";

/// A module, or one of its versions: `piano`, `piano@3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModuleName {
    pub(crate) name: String,
    pub(crate) version: Option<u32>,
}

/// A version of a module: `piano@3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VersionName {
    pub(crate) name: String,
    pub(crate) version: u32,
}

/// A room: `piano/lobby`. What is behind the first slash is its id, slashes and all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoomName {
    pub(crate) kind: String,
    pub(crate) id: String,
}

/// A module's name alone.
pub(crate) fn parse_kind(text: &str) -> Result<String, String> {
    if is_kind_name(text) {
        return Ok(text.to_owned());
    }
    Err(KIND.to_owned())
}

/// The number of a version.
pub(crate) fn parse_version(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(version) if version > 0 => Ok(version),
        _ => Err(format!("{text:?} is not the number of a version")),
    }
}

impl FromStr for ModuleName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(parse_version(version)?)),
            None => (text, None),
        };
        Ok(Self {
            name: parse_kind(name)?,
            version,
        })
    }
}

impl FromStr for VersionName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ModuleName { name, version } = text.parse()?;
        let version = version.ok_or_else(|| {
            format!("a version is needed, like {name}@1 (see `roost module inspect {name}`)")
        })?;
        Ok(Self { name, version })
    }
}

impl FromStr for RoomName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, id) = text
            .split_once('/')
            .ok_or("KIND/ID is needed, like piano/lobby")?;
        // An address with such a segment would lead elsewhere.
        if ["", ".", ".."].contains(&id) {
            return Err(format!("{id:?} is not the id of a room"));
        }
        Ok(Self {
            kind: parse_kind(kind)?,
            id: id.to_owned(),
        })
    }
}

impl fmt::Display for VersionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}

/// Two versions of one module, as they are named to be compared: `a@1 a@2`, `a@1 2` or `a 1 2`.
pub(crate) fn parse_pair(words: &[String]) -> Result<(VersionName, u32), String> {
    const WANTED: &str = "two versions of one module are needed: NAME@1 NAME@2, or NAME 1 2";
    let (first, second) = match words {
        [first, second] => (first.parse::<VersionName>()?, second),
        [name, first, second] => {
            let (name, version) = (parse_kind(name)?, parse_version(first)?);
            (VersionName { name, version }, second)
        }
        _ => return Err(WANTED.to_owned()),
    };
    let Some((name, version)) = second.split_once('@') else {
        return Ok((first, parse_version(second)?));
    };
    if name != first.name {
        return Err(WANTED.to_owned());
    }
    Ok((first, parse_version(version)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_stand_behind_an_at() {
        let version: VersionName = "my-rules@12".parse().unwrap();
        assert_eq!((version.name.as_str(), version.version), ("my-rules", 12));
        assert_eq!(version.to_string(), "my-rules@12");
        let module: ModuleName = "piano".parse().unwrap();
        assert_eq!((module.name.as_str(), module.version), ("piano", None));
        assert_eq!("piano@3".parse::<ModuleName>().unwrap().version, Some(3));
        for text in ["piano@", "piano@0", "piano@x", "@1", "Piano@1", "a/b", ""] {
            assert!(text.parse::<ModuleName>().is_err(), "{text}");
        }
        let error = "piano".parse::<VersionName>().unwrap_err();
        assert!(error.contains("piano@1"), "{error}");
    }

    #[test]
    fn a_room_s_id_may_hold_slashes() {
        for (text, kind, id) in [
            ("piano/lobby", "piano", "lobby"),
            ("piano/~fork/3", "piano", "~fork/3"),
            ("relay/my room/", "relay", "my room/"),
            ("relay/a@b", "relay", "a@b"),
        ] {
            let room: RoomName = text.parse().unwrap();
            assert_eq!((room.kind.as_str(), room.id.as_str()), (kind, id));
            assert_eq!(room.to_string(), text);
        }
        for text in ["piano", "piano/", "/lobby", "piano/..", "Piano/a"] {
            assert!(text.parse::<RoomName>().is_err(), "{text}");
        }
    }

    #[test]
    fn pairs_are_written_in_three_ways() {
        let pair = |text: &str| {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            parse_pair(&words).map(|(first, to)| (first.to_string(), to))
        };
        for text in ["echo@1 echo@2", "echo@1 2", "echo 1 2", "echo 1 echo@2"] {
            assert_eq!(pair(text), Ok(("echo@1".to_owned(), 2)), "{text}");
        }
        for text in ["echo@1 relay@2", "echo 1", "echo@1", "echo@1 2 3", "1 2"] {
            assert!(pair(text).is_err(), "{text}");
        }
    }
}
