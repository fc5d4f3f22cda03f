//! Building the project, by `roost module build`.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use roost_protocol::api::ErrorBody;
use serde::Deserialize;
use tokio::process::Command;

use crate::cli::names::parse_kind;
use crate::client::ClientError;

/// What was built.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Built {
    /// The component.
    pub(super) path: PathBuf,
    /// The kind it rules, if the build knows.
    #[serde(default, alias = "kind")]
    pub(super) name: Option<String>,
}

/// Builds the project in `dir`. What the compiler says goes to standard error.
pub(super) async fn build(dir: &Path) -> anyhow::Result<Built> {
    let roost = std::env::current_exe().context("where is roost?")?;
    let output = Command::new(roost)
        .args(["module", "build"])
        .arg(dir)
        .arg("--json")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .context("cannot run `roost module build`")?
        .wait_with_output()
        .await?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        if let Ok(body) = serde_json::from_str::<ErrorBody>(&said) {
            return Err(ClientError::refused(body.error).into());
        }
        bail!("it does not build");
    }
    read(&said)
}

/// Reads what the build says: JSON, alone or as the last line.
fn read(said: &str) -> anyhow::Result<Built> {
    let last = said.trim_end().lines().next_back().unwrap_or_default();
    let mut built: Built = serde_json::from_str(said)
        .or_else(|_| serde_json::from_str(last))
        .context("`roost module build --json` says something else than expected")?;
    built.name = built.name.filter(|name| parse_kind(name).is_ok());
    Ok(built)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_build_says_is_understood() {
        for (said, name) in [
            ("{\n\"path\": \"a.wasm\"\n}\n", None),
            ("compiling\n{\"path\":\"a.wasm\",\"size\":7}\n", None),
            (r#"{"path":"a.wasm","name":"echo"}"#, Some("echo")),
            (r#"{"path":"a.wasm","kind":"echo"}"#, Some("echo")),
            (r#"{"path":"a.wasm","name":"Not A Kind"}"#, None),
        ] {
            let built = read(said).unwrap();
            assert_eq!(built.path, Path::new("a.wasm"), "{said}");
            assert_eq!(built.name.as_deref(), name, "{said}");
        }
        for said in ["", "done", "{}"] {
            assert!(read(said).is_err(), "{said}");
        }
    }
}
