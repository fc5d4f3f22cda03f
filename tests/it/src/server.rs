//! The binary under test: started, asked, killed, started again on the same state.

use crate::TOKEN;
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

/// Compiling the modules of a first start takes its time on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// How to start a server.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// More arguments for `roost serve`.
    pub args: Vec<String>,
    /// Written to `roost.toml`.
    pub config: String,
    /// Largest file that the process may write, in blocks of 1 KiB; a write beyond it fails as on a full disk.
    pub file_limit_kib: Option<u64>,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    addr: String,
    state: PathBuf,
    start: Start,
    _stdout: Lines<BufReader<ChildStdout>>,
    log: tokio::task::JoinHandle<String>,
}

impl Server {
    /// Start one on a state directory and wait until it is ready.
    ///
    /// # Errors
    /// It does not get ready; its log is in the error.
    pub async fn start(state: &Path, start: Start) -> Result<Self> {
        let config = state.join("roost.toml");
        std::fs::write(&config, &start.config)?;
        let mut command = command(&start)?;
        // What steers the tests is no setting of the server, which refuses unknown ones.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ROOST_") {
                command.env_remove(name);
            }
        }
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .arg("--state")
            .arg(state.join("state"));
        command.arg("--config").arg(&config).args(&start.args);
        command.env("ROOST_ADMIN_TOKEN", TOKEN);
        command.env_remove("PORT").current_dir(state);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().context("cannot start roost")?;
        let mut stdout = BufReader::new(child.stdout.take().context("no stdout")?).lines();
        let log = tokio::spawn(collect(child.stderr.take().context("no stderr")?));
        let line = tokio::time::timeout(START_TIMEOUT, stdout.next_line()).await;
        let Ok(Ok(Some(line))) = line else {
            let _ = child.kill().await;
            bail!(
                "roost did not get ready: {line:?}\n{}",
                log.await.unwrap_or_default()
            );
        };
        let addr = line
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.split_whitespace().next());
        let addr = addr
            .with_context(|| format!("no address in {line:?}"))?
            .trim_end_matches('/')
            .to_owned();
        Ok(Self {
            child,
            addr,
            state: state.to_owned(),
            start,
            _stdout: stdout,
            log,
        })
    }

    /// `host:port`.
    #[must_use]
    pub fn addr(&self) -> &str {
        &self.addr
    }

    /// An address of the native door.
    #[must_use]
    pub fn play(&self, kind: &str, room: &str) -> String {
        format!("ws://{}/play/{kind}/{room}", self.addr)
    }

    /// The process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Resident memory in KiB.
    ///
    /// # Errors
    /// The process is gone.
    pub fn resident_kib(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("no VmRSS")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// It had ended by itself.
    pub async fn kill(mut self) -> Result<Killed> {
        self.child.kill().await?;
        Ok(Killed {
            state: self.state,
            start: self.start,
        })
    }

    /// SIGTERM, and wait for the end. Gives the log.
    ///
    /// # Errors
    /// It does not end well.
    pub async fn stop(mut self) -> Result<(Killed, String)> {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.pid())?)
            .context("no such process")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let status = tokio::time::timeout(START_TIMEOUT, self.child.wait()).await??;
        let log = self.log.await.unwrap_or_default();
        ensure!(status.success(), "roost ended with {status}\n{log}");
        Ok((
            Killed {
                state: self.state,
                start: self.start,
            },
            log,
        ))
    }

    /// Where its WebSockets are: `ws://host:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}", self.addr)
    }

    /// `GET` a path. Gives status and body.
    ///
    /// # Errors
    /// No answer.
    pub async fn get(&self, path: &str) -> Result<(u16, String)> {
        let answer = reqwest::get(format!("http://{}{path}", self.addr)).await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }
}

/// A server that is gone, with its state.
#[derive(Debug)]
pub struct Killed {
    state: PathBuf,
    start: Start,
}

impl Killed {
    /// Start it again.
    ///
    /// # Errors
    /// See [`Server::start`].
    pub async fn restart(self) -> Result<Server> {
        Server::start(&self.state, self.start).await
    }
}

fn command(start: &Start) -> Result<Command> {
    let binary = binary()?;
    let Some(kib) = start.file_limit_kib else {
        return Ok(Command::new(binary));
    };
    // A write over the limit raises SIGXFSZ, which would end the process where a full disk gives an error.
    let mut shell = Command::new("bash");
    shell
        .args(["-c", r#"trap '' XFSZ; ulimit -f "$0"; exec "$@""#])
        .arg(kib.to_string())
        .arg(binary);
    Ok(shell)
}

async fn collect(stderr: ChildStderr) -> String {
    let mut lines = BufReader::new(stderr).lines();
    let mut log = String::new();
    while let Ok(Some(line)) = lines.next_line().await {
        log.push_str(&line);
        log.push('\n');
    }
    log
}

/// `<target>/release`, in which this test itself lies.
fn release() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    Ok(test
        .ancestors()
        .nth(2)
        .context("the test lies in no target directory")?
        .to_owned())
}

/// The binary under test, built with these tests.
///
/// # Errors
/// It is missing.
pub fn binary() -> Result<PathBuf> {
    let binary = release()?.join("roost");
    ensure!(
        binary.exists(),
        "{} is missing: `make build` first",
        binary.display()
    );
    Ok(binary)
}

/// The component of a guest of this workspace, built if need be.
///
/// # Errors
/// It does not build.
pub fn component(name: &str) -> Result<PathBuf> {
    static GUESTS: OnceLock<Result<Vec<xtask::guests::Built>, String>> = OnceLock::new();
    let built = GUESTS.get_or_init(|| {
        let release = release().map_err(|error| error.to_string())?;
        let target = release.parent().ok_or("no target directory")?;
        let mut options =
            xtask::guests::Options::of_workspace(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        options.out = target.join("guests");
        xtask::guests::build(&options).map_err(|error| error.to_string())
    });
    let built = built.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
    let guest = built.iter().find(|guest| guest.name == name);
    Ok(guest
        .with_context(|| format!("there is no guest {name}"))?
        .path
        .clone())
}
