//! The key of the native door's tokens: configured, or made once and kept in the state folder.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::config::tree::Config;
use crate::config::units::Secret;

/// File in the state folder that holds the key.
pub const PLAY_SECRET_FILE: &str = "play.secret";

/// The configured key, or that of the state folder, which is made if it is not there.
pub fn play_secret(config: &Config) -> io::Result<Secret> {
    match &config.play.secret {
        Some(secret) => Ok(secret.clone()),
        None => kept(&config.server.state_dir),
    }
}

fn kept(folder: &Path) -> io::Result<Secret> {
    let path = folder.join(PLAY_SECRET_FILE);
    match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        read => {
            let text = read?.trim().to_owned();
            if text.len() < crate::config::check::MIN_SECRET {
                return Err(io::Error::other(format!(
                    "{} is too short to be a key",
                    path.display()
                )));
            }
            return Ok(Secret::new(text));
        }
    }
    fs::create_dir_all(folder)?;
    let mut text = String::new();
    for byte in rand::random::<[u8; 32]>() {
        let _ = write!(text, "{byte:02x}");
    }
    // Written beside and moved: a key that is half there must never be used.
    let fresh = folder.join(format!("{PLAY_SECRET_FILE}.{}", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&fresh, &path);
    fs::remove_file(&fresh)?;
    File::open(folder)?.sync_all()?;
    match linked {
        Ok(()) => Ok(Secret::new(text)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => kept(folder),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let first = kept(&state).unwrap();
        assert_eq!(first.expose().len(), 64);
        assert_eq!(kept(&state).unwrap(), first);
        let mode = fs::metadata(state.join(PLAY_SECRET_FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(&state).unwrap().count(), 1);
    }

    #[test]
    fn a_broken_key_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(PLAY_SECRET_FILE), "short").unwrap();
        assert!(kept(folder.path()).is_err());
    }
}
