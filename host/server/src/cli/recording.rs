//! `roost recording`, and `roost room record`: what can be repeated elsewhere.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use roost_protocol::api::{Reason, Record, Recording, RecordingList};

use crate::cli::connect::{ServerArgs, Session, note};
use crate::cli::file::save;
use crate::cli::names::RoomName;
use crate::cli::table::{Listing, ago, grouped, now, or_dash, size, span};
use crate::client::{Address, Client, ClientError};

/// Longest recording, in seconds.
const MAX_SECONDS: i64 = 3600;
/// How often is asked whether a recording has ended.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Recordings: by request, and of every fault.
#[derive(Debug, Subcommand)]
pub enum RecordingCommand {
    /// List what is kept
    List(ListArgs),
    /// Save the bundle of a recording; `roost replay` repeats it
    Download(DownloadArgs),
    /// Delete a recording
    Delete(DeleteArgs),
}

/// Where to look.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    server: ServerArgs,
}

/// What to save where.
#[derive(Debug, Args)]
pub struct DownloadArgs {
    /// Its id, as `roost recording list` shows it
    #[arg(value_name = "ID")]
    id: String,
    /// Where to; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
}

/// What to delete.
#[derive(Debug, Args)]
pub struct DeleteArgs {
    /// Its id, as `roost recording list` shows it
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// What to record.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// The room; its id may hold slashes
    #[arg(value_name = "KIND/ID")]
    room: RoomName,
    /// For so long at most
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=MAX_SECONDS))]
    seconds: u32,
    /// What to say of it
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// Wait for its end (Ctrl-C ends it at once), and save it here
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
}

impl RecordingCommand {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(args) => {
                let session = args.server.connect()?;
                session.show(&Address::of(&["recordings"]), listing).await
            }
            Self::Download(args) => {
                let session = args.server.connect()?;
                save(&session, &bundle(&args.id), &args.output).await
            }
            Self::Delete(args) => {
                let session = args.server.connect()?;
                session.client.delete(&bundle(&args.id)).await?;
                let json = serde_json::json!({ "deleted": args.id });
                Ok(session.done(&json, &format!("recording {} is deleted", args.id))?)
            }
        }
    }
}

fn bundle(id: &str) -> Address {
    Address::of(&["recordings", id])
}

fn listing(list: &RecordingList) -> String {
    let columns = [
        "id", "room", ">version", "begun", ">length", ">calls", ">size", "why",
    ];
    let mut table = Listing::new(&columns);
    let now = now();
    for recording in &list.recordings {
        let length = recording
            .ended_at
            .map(|end| span(end.saturating_sub(recording.started_at)));
        table.row(&[
            recording.id.clone(),
            format!("{}/{}", recording.kind, recording.room),
            or_dash(recording.version),
            ago(now, recording.started_at),
            length.unwrap_or_else(|| "running".to_owned()),
            grouped(recording.calls),
            size(recording.bytes),
            why(recording),
        ]);
    }
    table.render("no recordings are kept")
}

fn why(recording: &Recording) -> String {
    match (&recording.fault, recording.reason) {
        (Some(fault), _) => format!(
            "fault at {} of {}: {}",
            fault.event, fault.cause, fault.text
        ),
        (None, Reason::Fault) => "fault".to_owned(),
        (None, Reason::Request) => recording.note.clone(),
    }
}

/// Begins a recording; with a file, waits for its end and saves it.
pub(crate) async fn record(args: &RecordArgs) -> anyhow::Result<()> {
    let session = args.server.connect()?;
    let body = Record {
        seconds: Some(args.seconds),
        note: args.note.clone(),
    };
    let address = args.room.address(Some("recording"));
    let answer = session.client.post(&address, &body).await?;
    let recording: Recording = answer.read()?;
    let Some(file) = &args.output else {
        return session.print(&answer, |recording: &Recording| begun(args, recording));
    };
    if !session.json {
        note(&format!(
            "recording {} for {} s at most; Ctrl-C ends it",
            args.room, args.seconds
        ));
    }
    tokio::select! {
        ended = until_ended(&session.client, &recording.id) => ended?,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("Ctrl-C")?;
            end(&session, args).await?;
        }
    }
    save(&session, &bundle(&recording.id), file).await
}

fn begun(args: &RecordArgs, recording: &Recording) -> String {
    let id = &recording.id;
    format!(
        "recording {} as {id} for {} s at most\n  → roost recording download {id} -o FILE",
        args.room, args.seconds
    )
}

async fn end(session: &Session, args: &RecordArgs) -> Result<(), ClientError> {
    let ended = session
        .client
        .delete(&args.room.address(Some("recording")))
        .await;
    match ended {
        // It has ended by itself meanwhile.
        Err(ClientError::Refused(refusal)) if refusal.error.code == "not_recording" => Ok(()),
        ended => ended.map(|_| ()),
    }
}

/// The list is asked: a recording has no address for what is known of it.
async fn until_ended(client: &Client, id: &str) -> Result<(), ClientError> {
    loop {
        let list: RecordingList = client.fetch(&Address::of(&["recordings"])).await?;
        let running = list.recordings.iter();
        let mut running = running.filter(|recording| recording.ended_at.is_none());
        if !running.any(|recording| recording.id == id) {
            return Ok(());
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use roost_protocol::api::FaultInfo;

    use super::*;

    #[test]
    fn recordings_say_why_they_are_kept() {
        let asked = Recording {
            id: "r1".to_owned(),
            reason: Reason::Request,
            kind: "echo".to_owned(),
            room: "lobby".to_owned(),
            program: "00".repeat(32),
            version: Some(3),
            started_at: now() - 7_200_000,
            ended_at: None,
            calls: 1_200,
            bytes: 2048,
            note: "odd sound".to_owned(),
            fault: None,
        };
        let fault = Recording {
            id: "r2".to_owned(),
            reason: Reason::Fault,
            ended_at: Some(asked.started_at + 2_000),
            version: None,
            fault: Some(FaultInfo {
                call: 7,
                event: "tick".to_owned(),
                cause: "program".to_owned(),
                text: "unreachable".to_owned(),
            }),
            ..asked.clone()
        };
        let list = RecordingList {
            recordings: vec![asked, fault],
        };
        assert_eq!(
            listing(&list),
            "ID  ROOM        VERSION  BEGUN     LENGTH  CALLS     SIZE  WHY\n\
             r1  echo/lobby        3  2 h ago  running  1,200  2.0 KiB  odd sound\n\
             r2  echo/lobby        -  2 h ago      2 s  1,200  2.0 KiB  fault at tick of program: unreachable"
        );
    }
}
