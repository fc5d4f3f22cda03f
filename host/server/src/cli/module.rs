//! `roost module`: rules on a server, and which version of them runs.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use clap::{Args, Subcommand};
use roost_protocol::api::{Activate, Canary, Shadow, Watch};

use crate::cli::author::AuthorCommand;
use crate::cli::connect::{ServerArgs, Session};
use crate::cli::file::save;
use crate::cli::job::conclude;
use crate::cli::module_view;
use crate::cli::names::{ModuleName, VersionName, parse_kind, parse_pair};
use crate::client::Address;

/// Longest shadow, in seconds.
const MAX_SHADOW: i64 = 3600;

/// Rules: publish them, decide which version runs, look at them.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum ModuleCommand {
    /// What is done on a server.
    #[command(flatten)]
    Online(OnlineCommand),
    /// What needs none.
    #[command(flatten)]
    Author(AuthorCommand),
}

const EXAMPLES: &str = "\
Examples:
  roost module new chess --lang rust           rules of your own; then build, check
  roost module publish echo.wasm --activate    upload rules and make them live at once
  roost module shadow echo@4 --seconds 60      would version 4 do what the running one does?
  roost module canary echo@4 --percent 10      give it to a tenth of the rooms first
  roost module activate echo@4 --call-us 200   make it live; back if calls take over 200 µs
  roost module rollback echo                   back to the version before, code and state";

/// What is done on a server.
#[derive(Debug, Subcommand)]
pub enum OnlineCommand {
    /// Upload rules as a new version
    ///
    /// The same bytes again are the version that is there already. The server inspects, compiles and rehearses them on copies
    /// of its rooms; what it refuses has changed nothing.
    Publish(PublishArgs),
    /// List all modules
    List(ListArgs),
    /// Show a module and its versions, or one version
    Inspect(InspectArgs),
    /// Make a version live in all rooms of its kind; nobody is disconnected
    ///
    /// For ten minutes, faults bring the version before back by themselves.
    Activate(ActivateArgs),
    /// Go back to the version that was live before, code and state
    Rollback(NameArgs),
    /// Give a version to some of the rooms
    Canary(CanaryArgs),
    /// Let a version hear what live rooms hear, without a word from it getting out, and compare
    Shadow(ShadowArgs),
    /// Show how two versions differ: `diff NAME@1 NAME@2`, or `diff NAME 1 2`
    Diff(DiffArgs),
    /// Save the component of a version
    Download(DownloadArgs),
    /// Delete a version that nothing uses
    Delete(VersionArgs),
}

/// What to upload.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// The component; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The module, which is the kind of room it rules; the file's name without it
    #[arg(long, value_name = "NAME", value_parser = parse_kind)]
    pub(crate) name: Option<String>,
    /// Make it live
    #[arg(long)]
    pub(crate) activate: bool,
    /// What to say of it
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// A capability it may have and the live version has not (repeatable, or separated by commas)
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    pub(crate) allow: Vec<String>,
    /// Print the job and do not wait for its end
    #[arg(long)]
    pub(crate) no_wait: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Where to look.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    server: ServerArgs,
}

/// What to look at.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The module, or one of its versions
    #[arg(value_name = "NAME[@V]")]
    module: ModuleName,
    #[command(flatten)]
    server: ServerArgs,
}

/// Which module.
#[derive(Debug, Args)]
pub struct NameArgs {
    /// The module
    #[arg(value_name = "NAME", value_parser = parse_kind)]
    name: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// Which version.
#[derive(Debug, Args)]
pub struct VersionArgs {
    /// The version
    #[arg(value_name = "NAME@V")]
    version: VersionName,
    #[command(flatten)]
    server: ServerArgs,
}

/// What to make live.
#[derive(Debug, Args)]
pub struct ActivateArgs {
    /// The version
    #[arg(value_name = "NAME@V")]
    version: VersionName,
    /// A capability it may have and the live version has not (repeatable, or separated by commas)
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    allow: Vec<String>,
    /// Take it back if calls take longer than this on average, in microseconds
    #[arg(long, value_name = "X")]
    call_us: Option<f64>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Whose rooms get what.
#[derive(Debug, Args)]
pub struct CanaryArgs {
    /// The version; with --end, the module
    #[arg(value_name = "NAME@V")]
    module: ModuleName,
    /// To so many of a hundred rooms
    #[arg(long, value_name = "P", required_unless_present = "end")]
    percent: Option<f64>,
    /// End the canary: its rooms go back to the live version
    #[arg(long, conflicts_with_all = ["percent", "allow"])]
    end: bool,
    /// A capability it may have and the live version has not (repeatable, or separated by commas)
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    allow: Vec<String>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Who listens where.
#[derive(Debug, Args)]
pub struct ShadowArgs {
    /// The version
    #[arg(value_name = "NAME@V")]
    version: VersionName,
    /// Only in this room of the kind; in up to 16 without it
    #[arg(long, value_name = "ID")]
    room: Option<String>,
    /// For so long
    #[arg(long, value_name = "S", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=MAX_SHADOW))]
    seconds: u32,
    #[command(flatten)]
    server: ServerArgs,
}

/// What to compare.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// Two versions of one module
    #[arg(value_name = "NAME@V", num_args = 2..=3, required = true)]
    versions: Vec<String>,
    #[command(flatten)]
    server: ServerArgs,
}

/// What to save where.
#[derive(Debug, Args)]
pub struct DownloadArgs {
    /// The version
    #[arg(value_name = "NAME@V")]
    version: VersionName,
    /// Where to; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
}

impl OnlineCommand {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Publish(args) => {
                let session = args.server.connect()?;
                publish(&session, &args).await.map(|_| ())
            }
            Self::List(args) => {
                let session = args.server.connect()?;
                session
                    .show(&Address::of(&["modules"]), module_view::list)
                    .await
            }
            Self::Inspect(args) => inspect(&args).await,
            Self::Activate(args) => activate(&args).await,
            Self::Rollback(args) => {
                let session = args.server.connect()?;
                let address = Address::of(&["modules", &args.name, "rollback"]);
                let answer = session.client.start(&address, None::<&()>).await?;
                conclude(&session, &answer, true).await
            }
            Self::Canary(args) => canary(&args).await,
            Self::Shadow(args) => shadow(&args).await,
            Self::Diff(args) => diff(&args).await,
            Self::Download(args) => download(&args).await,
            Self::Delete(args) => delete(&args).await,
        }
    }
}

/// Uploads what `args` name, and waits for what comes of it; gives back what the module is called.
pub(crate) async fn publish(session: &Session, args: &PublishArgs) -> anyhow::Result<String> {
    let name = name_of(args)?;
    let wasm = read(&args.file)?;
    let mut address = Address::of(&["modules", &name]).with_some("note", args.note.as_ref());
    if args.activate {
        address = address.with("activate", true);
    }
    if !args.allow.is_empty() {
        address = address.with("allow", args.allow.join(","));
    }
    let answer = session.client.upload(&address, wasm).await?;
    conclude(session, &answer, !args.no_wait).await?;
    Ok(name)
}

fn name_of(args: &PublishArgs) -> anyhow::Result<String> {
    if let Some(name) = &args.name {
        return Ok(name.clone());
    }
    let stem = args.file.file_stem().and_then(|stem| stem.to_str());
    let stem = stem.filter(|stem| *stem != "-");
    // Cargo writes my_rules.wasm for a crate my-rules.
    let name = stem.map(|stem| stem.replace('_', "-"));
    match name.map(|name| parse_kind(&name)) {
        Some(Ok(name)) => Ok(name),
        _ => bail!("what is the module called? --name NAME says it"),
    }
}

fn read(file: &Path) -> anyhow::Result<Bytes> {
    let bytes = if file == Path::new("-") {
        ensure!(
            !std::io::stdin().is_terminal(),
            "standard input is a terminal; give a file, or pipe a component into this"
        );
        let mut bytes = Vec::new();
        std::io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .context("standard input")?;
        bytes
    } else {
        std::fs::read(file).with_context(|| file.display().to_string())?
    };
    ensure!(!bytes.is_empty(), "{} is empty", file.display());
    Ok(bytes.into())
}

async fn inspect(args: &InspectArgs) -> anyhow::Result<()> {
    let session = args.server.connect()?;
    let name = args.module.name.as_str();
    match args.module.version {
        None => {
            session
                .show(&Address::of(&["modules", name]), module_view::module)
                .await
        }
        Some(version) => {
            let address = version_address(name, version);
            session
                .show(&address, |version| module_view::version(name, version))
                .await
        }
    }
}

fn version_address(name: &str, version: u32) -> Address {
    Address::of(&["modules", name, "versions", &version.to_string()])
}

async fn activate(args: &ActivateArgs) -> anyhow::Result<()> {
    let session = args.server.connect()?;
    let body = Activate {
        version: args.version.version,
        allow: args.allow.clone(),
        watch: Watch {
            call_us: args.call_us,
        },
    };
    let address = Address::of(&["modules", &args.version.name, "activate"]);
    let answer = session.client.start(&address, Some(&body)).await?;
    conclude(&session, &answer, true).await
}

async fn canary(args: &CanaryArgs) -> anyhow::Result<()> {
    let percent = args.percent.unwrap_or(0.0);
    let version = match args.module.version {
        _ if args.end => None,
        Some(version) => Some(version),
        None => bail!("which version? {}@V", args.module.name),
    };
    ensure!(
        args.end || (percent > 0.0 && percent <= 100.0),
        "--percent is more than 0 and at most 100"
    );
    let session = args.server.connect()?;
    let body = Canary {
        version,
        percent,
        allow: args.allow.clone(),
    };
    let address = Address::of(&["modules", &args.module.name, "canary"]);
    let answer = session.client.start(&address, Some(&body)).await?;
    conclude(&session, &answer, true).await
}

async fn shadow(args: &ShadowArgs) -> anyhow::Result<()> {
    let session = args.server.connect()?;
    // The room as `roost room list` shows it is understood, too.
    let prefix = format!("{}/", args.version.name);
    let room = args.room.as_deref();
    let room = room.map(|room| room.strip_prefix(&prefix).unwrap_or(room).to_owned());
    let body = Shadow {
        version: args.version.version,
        room,
        seconds: args.seconds,
    };
    let address = Address::of(&["modules", &args.version.name, "shadow"]);
    let answer = session.client.start(&address, Some(&body)).await?;
    conclude(&session, &answer, true).await
}

async fn diff(args: &DiffArgs) -> anyhow::Result<()> {
    let (from, to) = parse_pair(&args.versions).map_err(anyhow::Error::msg)?;
    let session = args.server.connect()?;
    let address = Address::of(&["modules", &from.name, "diff"])
        .with("from", from.version)
        .with("to", to);
    session
        .show(&address, |comparison| {
            module_view::comparison(&from.name, comparison)
        })
        .await
}

async fn download(args: &DownloadArgs) -> anyhow::Result<()> {
    let session = args.server.connect()?;
    let VersionName { name, version } = &args.version;
    let address = Address::of(&["modules", name, "versions", &version.to_string(), "wasm"]);
    save(&session, &address, &args.output).await
}

async fn delete(args: &VersionArgs) -> anyhow::Result<()> {
    let session = args.server.connect()?;
    let VersionName { name, version } = &args.version;
    session
        .client
        .delete(&version_address(name, *version))
        .await?;
    let json = serde_json::json!({ "deleted": args.version.to_string() });
    Ok(session.done(&json, &format!("{} is deleted", args.version))?)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        command: OnlineCommand,
    }

    fn parse(line: &str) -> Result<OnlineCommand, clap::Error> {
        Line::try_parse_from(["module"].into_iter().chain(line.split(' '))).map(|line| line.command)
    }

    #[test]
    fn modules_are_named_by_their_file_or_by_hand() {
        for (line, wanted) in [
            ("publish target/guests/my_rules.wasm", Some("my-rules")),
            ("publish echo.wasm --name relay", Some("relay")),
            ("publish -", None),
            ("publish Echo.wasm", None),
        ] {
            let OnlineCommand::Publish(args) = parse(line).unwrap() else {
                panic!("{line}");
            };
            assert_eq!(name_of(&args).ok().as_deref(), wanted, "{line}");
        }
    }

    #[test]
    fn a_canary_needs_a_share_or_its_end() {
        for (line, right) in [
            ("canary echo@4 --percent 2.5", true),
            ("canary echo --end", true),
            ("canary echo@4", false),
            ("canary echo@4 --percent 5 --end", false),
        ] {
            assert_eq!(parse(line).is_ok(), right, "{line}");
        }
    }

    #[test]
    fn lists_may_be_repeated_or_joined() {
        let line = "activate echo@4 --allow publish,move --allow set-profile --call-us 200";
        let OnlineCommand::Activate(args) = parse(line).unwrap() else {
            panic!("{line}");
        };
        assert_eq!(args.allow, ["publish", "move", "set-profile"]);
        assert_eq!(args.call_us, Some(200.0));
        assert!(parse("shadow echo@4 --seconds 0").is_err());
        assert!(parse("shadow echo").is_err());
    }
}
