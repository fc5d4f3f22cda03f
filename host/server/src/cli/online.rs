//! The commands that ask a server.

use std::io::Write;

use clap::Subcommand;

use crate::cli::dev::DevArgs;
use crate::cli::job::JobCommand;
use crate::cli::module::ModuleCommand;
use crate::cli::recording::RecordingCommand;
use crate::cli::room::RoomCommand;
use crate::cli::server::{AuditArgs, InfoArgs};

/// What asks a server.
#[derive(Debug, Subcommand)]
pub enum OnlineCommand {
    /// Rules: publish them, decide which version runs, look at them
    #[command(subcommand)]
    Module(ModuleCommand),
    /// Build a module and make it live whenever a file changes
    Dev(DevArgs),
    /// Live rooms: see into them, reach into them
    #[command(subcommand)]
    Room(RoomCommand),
    /// Recordings: by request, and of every fault
    #[command(subcommand)]
    Recording(RecordingCommand),
    /// What takes longer than an answer may: uploads, activations, shadows
    #[command(subcommand)]
    Job(JobCommand),
    /// Who did what on the server, newest first
    Audit(AuditArgs),
    /// Show what a server is, how it is, and who you are to it
    Server(InfoArgs),
}

impl OnlineCommand {
    /// Asks the server, and prints what it answers. Gives whether all is well.
    pub async fn run(self) -> anyhow::Result<bool> {
        match self {
            Self::Module(ModuleCommand::Author(command)) => {
                let told = tokio::task::spawn_blocking(move || command.run()).await??;
                std::io::stdout().write_all(told.text.as_bytes())?;
                return Ok(told.well);
            }
            Self::Module(ModuleCommand::Online(command)) => command.run().await,
            Self::Dev(args) => args.run().await,
            Self::Room(command) => command.run().await,
            Self::Recording(command) => command.run().await,
            Self::Job(command) => command.run().await,
            Self::Audit(args) => args.run().await,
            Self::Server(args) => args.run().await,
        }?;
        Ok(true)
    }
}
