//! A server of our own, for as long as the work lasts.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::Url;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::admin::TOKEN_FILE;
use crate::cli::connect::kept_token;
use crate::client::is_loopback;

/// Longest time until it answers: it may have to compile what is built in.
const START_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest time for it to go down.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
/// What it writes when it answers.
const READY: &str = "roost ready:";

/// A child that runs `roost serve`.
pub(super) struct LocalServer {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    state: PathBuf,
    token: Option<String>,
    /// Goes with it, if nobody wants its state.
    _scratch: Option<TempDir>,
}

/// The address to open for `server`, if it is one of this machine, without TLS.
pub(super) async fn address(server: &Url) -> Option<SocketAddr> {
    if server.scheme() != "http" || !is_loopback(server) {
        return None;
    }
    let host = server.host_str()?;
    let port = server.port_or_known_default()?;
    let mut found = tokio::net::lookup_host(format!("{host}:{port}"))
        .await
        .ok()?;
    found.find(|address| address.ip().is_loopback())
}

impl LocalServer {
    pub(super) fn start(
        address: SocketAddr,
        state: Option<&Path>,
        token: Option<&str>,
    ) -> anyhow::Result<Self> {
        let scratch = match state {
            Some(_) => None,
            None => Some(tempfile::tempdir().context("a folder for its state")?),
        };
        let state = state.or_else(|| scratch.as_ref().map(TempDir::path));
        let state = state.context("it has no folder for its state")?.to_owned();
        let roost = std::env::current_exe().context("where is roost?")?;
        let mut command = Command::new(roost);
        command
            .args(["serve", "--listen", &address.to_string(), "--state"])
            .arg(&state)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // It ends when we say so, and not with Ctrl-C already.
            .process_group(0)
            .kill_on_drop(true);
        if let Some(token) = token {
            command.env("ROOST_ADMIN_TOKEN", token);
        }
        if std::env::var_os("ROOST_LOG_LEVEL").is_none() {
            command.env("ROOST_LOG_LEVEL", "warn");
        }
        let mut child = command.spawn().context("cannot run `roost serve`")?;
        let stdout = child.stdout.take().context("it has no standard output")?;
        Ok(Self {
            child,
            lines: BufReader::new(stdout).lines(),
            state,
            token: token.map(str::to_owned),
            _scratch: scratch,
        })
    }

    /// Waits until it answers; gives back the token it takes, if that can be known.
    pub(super) async fn ready(&mut self) -> anyhow::Result<Option<String>> {
        let ready = tokio::time::timeout(START_TIMEOUT, self.until_ready()).await;
        ready.context("it does not answer")??;
        Ok(self.token.clone().or_else(|| kept_token(&self.state)))
    }

    async fn until_ready(&mut self) -> anyhow::Result<()> {
        while let Some(line) = self.lines.next_line().await? {
            if line.starts_with(READY) {
                return Ok(());
            }
        }
        let status = self.child.wait().await?;
        bail!("the server could not start ({status})");
    }

    /// How other commands reach it.
    pub(super) fn advice(&self, server: &str) -> String {
        let token = self.state.join(TOKEN_FILE);
        let mut lines = vec![format!(
            "it answers at {server}; people enter at {server}/play"
        )];
        if self.token.is_none() && token.is_file() {
            let token = token.display();
            lines.push(format!(
                "elsewhere: export ROOST_ADMIN_TOKEN=\"$(cat '{token}')\""
            ));
        }
        lines.join("\n")
    }

    /// Waits until it ends by itself, and says so. Whatever it writes meanwhile is read and forgotten.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        while let Ok(Some(_)) = self.lines.next_line().await {}
        match self.child.wait().await {
            Ok(status) => anyhow::anyhow!("the server has ended ({status})"),
            Err(error) => anyhow::Error::from(error).context("the server"),
        }
    }

    /// Lets it put its rooms away.
    pub(super) async fn stop(mut self) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        let asked = id
            .and_then(Pid::from_raw)
            .is_some_and(|id| kill_process(id, Signal::TERM).is_ok());
        if !asked
            || tokio::time::timeout(STOP_TIMEOUT, self.child.wait())
                .await
                .is_err()
        {
            // It has gone already, or hears nothing any more.
            let _ = self.child.kill().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::client::parse_server;

    use super::*;

    #[tokio::test]
    async fn servers_are_started_on_this_machine_only() {
        for (server, wanted) in [
            ("http://127.0.0.1:9000", Some("127.0.0.1:9000")),
            ("http://[::1]:9000", Some("[::1]:9000")),
            ("http://127.0.0.1", Some("127.0.0.1:80")),
            ("https://127.0.0.1:9000", None),
            ("http://192.0.2.1:9000", None),
        ] {
            let found = address(&parse_server(server).unwrap()).await;
            assert_eq!(
                found.map(|found| found.to_string()).as_deref(),
                wanted,
                "{server}"
            );
        }
    }
}
