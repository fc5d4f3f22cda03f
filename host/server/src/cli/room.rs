//! `roost room`: what lives on a server.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use roost_protocol::api::{
    Close, Fork, Forked, RoomDetail, RoomInfo, RoomList, Signal, SignalAnswer,
};
use serde_json::Value;

use crate::cli::connect::{ServerArgs, Session, say};
use crate::cli::file::save;
use crate::cli::names::{RoomName, parse_kind, parse_version};
use crate::cli::recording::{RecordArgs, record};
use crate::cli::table::{Facts, Listing, grouped, or_dash, plain, short, size, span};
use crate::cli::watch::line;
use crate::client::{Address, Client, ClientError};

/// Live rooms: see into them, reach into them.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum RoomCommand {
    /// List live rooms
    List(ListArgs),
    /// Show all about a room
    Inspect(NameArgs),
    /// Print what happens in a room, until it ends or Ctrl-C
    Watch(NameArgs),
    /// Ask the rules of a room something, and print what they answer
    Signal(SignalArgs),
    /// End a room
    Close(NameArgs),
    /// Save the state of a room as a bundle
    Snapshot(SnapshotArgs),
    /// Copy a room, without its people; nothing of the copy leaves it
    Fork(ForkArgs),
    /// Record a room, so that it can be repeated elsewhere (`roost replay`)
    Record(RecordArgs),
}

const EXAMPLES: &str = "\
Examples:
  roost room list --kind piano
  roost room watch 'piano/my room'                each call of the rules, and what they log
  roost room signal counter/lobby total           ask the rules something
  roost room fork piano/lobby --version 4         try version 4 on a copy
  roost room record piano/lobby --seconds 30 -o lobby.bundle";

/// Which rooms.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Of this kind only
    #[arg(long, value_name = "K", value_parser = parse_kind)]
    kind: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Which room.
#[derive(Debug, Args)]
pub struct NameArgs {
    /// The room; its id may hold slashes
    #[arg(value_name = "KIND/ID")]
    room: RoomName,
    #[command(flatten)]
    server: ServerArgs,
}

/// What to ask.
#[derive(Debug, Args)]
pub struct SignalArgs {
    /// The room; its id may hold slashes
    #[arg(value_name = "KIND/ID")]
    room: RoomName,
    /// What to ask
    #[arg(value_name = "NAME")]
    name: String,
    /// With what: JSON, like '{"by": 5}' or '"text"'
    #[arg(value_name = "JSON", value_parser = json)]
    body: Option<Value>,
    #[command(flatten)]
    server: ServerArgs,
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("{error}; a text has quotes: '\"text\"'"))
}

/// What to save where.
#[derive(Debug, Args)]
pub struct SnapshotArgs {
    /// The room; its id may hold slashes
    #[arg(value_name = "KIND/ID")]
    room: RoomName,
    /// Where to; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
}

/// What to copy.
#[derive(Debug, Args)]
pub struct ForkArgs {
    /// The room; its id may hold slashes
    #[arg(value_name = "KIND/ID")]
    room: RoomName,
    /// The version that rules the copy; the same one without it
    #[arg(long, value_name = "V", value_parser = parse_version)]
    version: Option<u32>,
    #[command(flatten)]
    server: ServerArgs,
}

impl RoomName {
    /// Where the room is, or something of it.
    pub(crate) fn address(&self, of: Option<&str>) -> Address {
        let mut segments = vec!["rooms", &self.kind, &self.id];
        segments.extend(of);
        Address::of(&segments)
    }
}

impl RoomCommand {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(args) => list(&args).await,
            Self::Inspect(args) => {
                let session = args.server.connect()?;
                session.show(&args.room.address(None), detail).await
            }
            Self::Watch(args) => {
                let session = args.server.connect()?;
                watch(&session, &args.room).await
            }
            Self::Signal(args) => signal(args).await,
            Self::Close(args) => {
                let session = args.server.connect()?;
                let address = args.room.address(Some("close"));
                session.client.post(&address, &Close {}).await?;
                let json = serde_json::json!({ "closed": args.room.to_string() });
                Ok(session.done(&json, &format!("{} has ended", args.room))?)
            }
            Self::Snapshot(args) => {
                let session = args.server.connect()?;
                save(&session, &args.room.address(Some("snapshot")), &args.output).await
            }
            Self::Fork(args) => fork(&args).await,
            Self::Record(args) => record(&args).await,
        }
    }
}

async fn list(args: &ListArgs) -> anyhow::Result<()> {
    let session = args.server.connect()?;
    let rooms = rooms(&session.client, args.kind.as_deref()).await?;
    if session.json {
        let list = RoomList { rooms, next: None };
        return Ok(say(&serde_json::to_string(&list)?)?);
    }
    let mut table = Listing::new(&["room", ">members", ">version", "program", ">since call"]);
    for room in &rooms {
        table.row(&[
            format!("{}/{}", room.kind, room.id),
            grouped(room.members.into()),
            or_dash(room.version),
            short(&room.program),
            grouped(room.since_event),
        ]);
    }
    Ok(say(&table.render("no rooms live at the moment"))?)
}

/// All live rooms, however many pages that takes.
pub(crate) async fn rooms(
    client: &Client,
    kind: Option<&str>,
) -> Result<Vec<RoomInfo>, ClientError> {
    let mut rooms = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let address = Address::of(&["rooms"])
            .with_some("kind", kind)
            .with_some("after", after.as_deref());
        let page: RoomList = client.fetch(&address).await?;
        rooms.extend(page.rooms);
        if page.next.is_none() || page.next == after {
            return Ok(rooms);
        }
        after = page.next;
    }
}

fn detail(detail: &RoomDetail) -> String {
    let room = &detail.room;
    let mut facts = Facts::default();
    let version = room
        .version
        .map(|version| format!("{}@{version}", room.kind));
    facts.row("version", or_dash(version));
    facts.row("program", &room.program);
    facts.some("held back", detail.held_back.clone());
    facts.some("rollback", detail.rollback.clone());
    facts.some("recording", detail.recording.clone());
    facts.row("running for", span(detail.uptime_ms));
    facts.row(
        "calls",
        format!(
            "{}, this program since {}",
            grouped(detail.calls),
            grouped(room.since_event)
        ),
    );
    facts.row("since checkpoint", grouped(detail.journal_calls as u64));
    facts.row("fuel", grouped(detail.fuel));
    facts.row("snapshot", size(detail.snapshot_bytes));
    facts.row("timers", grouped(detail.timers as u64));
    for (name, number) in [
        ("faults", detail.faults),
        ("dropped", detail.dropped),
        ("divergences", detail.divergences),
    ] {
        facts.row(name, grouped(number));
    }
    let mut people = Listing::new(&[">slot", "user", "name", ">connections"]);
    for member in &detail.people {
        let connections = match member.connections {
            0 => "away".to_owned(),
            number => number.to_string(),
        };
        people.row(&[
            member.member.to_string(),
            member.user.clone(),
            member.name.clone(),
            connections,
        ]);
    }
    let name = RoomName {
        kind: room.kind.clone(),
        id: plain(&room.id).into_owned(),
    };
    format!(
        "{name}\n{}\n\n{}",
        facts.render(),
        people.render("nobody is in it")
    )
}

/// Prints what happens until the room ends.
async fn watch(session: &Session, room: &RoomName) -> anyhow::Result<()> {
    let path = room.address(Some("watch")).to_string();
    let mut events = session.client.events(&path).await?;
    while let Some(event) = events.next_event().await? {
        if session.json {
            let data: Value =
                serde_json::from_str(&event.data).unwrap_or(Value::String(event.data));
            say(&serde_json::json!({ "event": event.name, "data": data }).to_string())?;
        } else {
            say(&line(&event).text)?;
        }
    }
    Ok(())
}

async fn signal(args: SignalArgs) -> anyhow::Result<()> {
    let session = args.server.connect()?;
    let body = Signal {
        name: args.name,
        body: args.body.unwrap_or(Value::Null),
    };
    let answer = session
        .client
        .post(&args.room.address(Some("signal")), &body)
        .await?;
    if session.json {
        return Ok(say(&answer.text())?);
    }
    let SignalAnswer { answer } = answer.read()?;
    // JSON escapes what a terminal would obey.
    Ok(say(
        &serde_json::to_string_pretty(&answer).context("the answer")?
    )?)
}

async fn fork(args: &ForkArgs) -> anyhow::Result<()> {
    let session = args.server.connect()?;
    let body = Fork {
        version: args.version,
    };
    let answer = session
        .client
        .post(&args.room.address(Some("fork")), &body)
        .await?;
    session.print(&answer, |forked: &Forked| {
        let room = format!("{}/{}", forked.kind, forked.id);
        format!(
            "{} is copied to {room}\n  → roost room watch {room}",
            args.room
        )
    })
}
