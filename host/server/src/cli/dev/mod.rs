//! `roost dev`: build, publish, see what it does, and again whenever a file is saved.

mod build;
mod changes;
mod local;
mod tail;

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::connect::{ServerArgs, Session, note};
use crate::cli::module::{PublishArgs, publish};
use crate::cli::names::parse_kind;
use crate::cli::progress::Shows;
use crate::cli::refusal::explain;
use crate::client::{Address, ClientError};
use build::Built;
use changes::Changes;
use local::LocalServer;
use tail::Tail;

/// Build a module, make it live, show what its rooms log, and start over whenever a file changes
///
/// What does not build or is refused is shown, and what ran before goes on. If no server answers at a local address, one
/// is started there until this ends.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DevArgs {
    /// Folder of the module's project (`roost module new` makes one)
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The module, which is the kind of room it rules; what the build says without it
    #[arg(long, value_name = "NAME", value_parser = parse_kind)]
    name: Option<String>,
    /// A capability it may have and the live version has not (repeatable, or separated by commas)
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    allow: Vec<String>,
    /// Show each call of the rules, not only what they log and what goes wrong
    #[arg(long)]
    calls: bool,
    /// If a server is started, keep its state in this folder; it is thrown away without it
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
}

const EXAMPLES: &str = "\
Examples:
  roost dev my-rules                              with a server of its own on http://127.0.0.1:8080
  roost dev my-rules --calls                      and every call of the rules
  roost dev my-rules --server https://example.org --token …";

impl DevArgs {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        ensure!(
            self.dir.is_dir(),
            "there is no folder {}",
            self.dir.display()
        );
        let mut terminate = signal(SignalKind::terminate())?;
        let mut server = None;
        let worked = tokio::select! {
            worked = self.work(&mut server) => worked,
            interrupted = tokio::signal::ctrl_c() => interrupted.context("Ctrl-C"),
            _ = terminate.recv() => Ok(()),
        };
        if let Some(server) = server {
            server.stop().await;
        }
        worked
    }

    /// Goes on until something makes that impossible.
    async fn work(&self, server: &mut Option<LocalServer>) -> anyhow::Result<()> {
        let mut changes = Changes::watch(&self.dir)
            .with_context(|| format!("cannot watch {}", self.dir.display()))?;
        let session = self.reach(server).await?;
        let mut tail: Option<Tail> = None;
        loop {
            match self.publish(&session).await {
                Ok(name) => {
                    if tail.as_ref().is_none_or(|tail| tail.kind() != name) {
                        tail = Some(Tail::start(&session, &name, self.calls));
                    }
                }
                Err(error) => note(&format!("roost: {}", explain(&error))),
            }
            note(&format!("waiting for changes in {}", self.dir.display()));
            match server.as_mut() {
                None => changes.settled().await,
                Some(server) => tokio::select! {
                    () = changes.settled() => {}
                    error = server.ended() => return Err(error),
                },
            }
        }
    }

    /// The server that answers, or one of our own.
    async fn reach(&self, server: &mut Option<LocalServer>) -> anyhow::Result<Session> {
        let mut session = self.server.connect()?;
        // Lines of rooms come in between; a bar would be torn apart.
        session.shows = session.shows.min(Shows::Lines);
        let probe = session.client.get(&Address::of(&["server"])).await;
        match probe {
            Ok(_) => Ok(session),
            Err(error @ ClientError::Unreachable { .. }) => {
                let Some(address) = local::address(&self.server.server).await else {
                    return Err(error.into());
                };
                note(&format!(
                    "no server answers there: starting one on {address}"
                ));
                let started = server.insert(LocalServer::start(
                    address,
                    self.state.as_deref(),
                    self.server.token.as_deref(),
                )?);
                let token = started.ready().await?;
                session.client = session.client.with_token(token);
                note(&started.advice(session.client.server()));
                Ok(session)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Builds and publishes; gives back what it is called.
    async fn publish(&self, session: &Session) -> anyhow::Result<String> {
        let Built { path, name } = build::build(&self.dir).await?;
        let args = PublishArgs {
            file: path,
            name: self.name.clone().or(name),
            activate: true,
            note: Some("roost dev".to_owned()),
            allow: self.allow.clone(),
            no_wait: false,
            server: self.server.clone(),
        };
        publish(session, &args).await
    }
}
