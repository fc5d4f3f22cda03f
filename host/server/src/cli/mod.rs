//! The command line of `roost`.

mod admin_token;
mod author;
mod config;
mod connect;
mod dev;
mod file;
mod job;
mod module;
mod module_view;
mod names;
mod online;
mod progress;
mod published;
mod recording;
mod refusal;
mod replay;
mod room;
mod server;
mod shadow;
mod table;
mod token;
mod watch;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgMatches, Args, CommandFactory, Parser, Subcommand};

use crate::config::{ConfigError, Flags, Loaded, Sources, load};
pub use online::OnlineCommand;
pub use refusal::{explain, refusal_json};

/// A server whose rooms are programmable: upload rules as WebAssembly, and people play by them at once.
#[derive(Debug, Parser)]
#[command(name = "roost", version, propagate_version = true, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  roost serve                                     on http://127.0.0.1:8080, state in data/state
  roost serve --module echo=echo.wasm             with rules from a file; then open /play
  roost config show --origin                      what is set, and by whom
  roost module new chess --lang rust              rules of your own; then module build, module check
  roost token --kind chess --room '*' --user ann  let Ann into every chess room for an hour
  roost module publish echo.wasm --activate       new rules for a running server
  roost dev my-rules                              build and publish whenever a file changes
  roost room watch piano/lobby                    what happens in a room

Commands that ask a server find it by --server or ROOST_SERVER, and show --token or ROOST_ADMIN_TOKEN.";

/// What `roost` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server until SIGTERM or Ctrl-C
    ///
    /// Settings come from these flags, then the environment (ROOST_SECTION_KEY, PORT), then roost.toml, then .env,
    /// then defaults. When everything is open, one line on standard output says where. SIGHUP reloads certificates; a
    /// second SIGTERM or Ctrl-C ends at once.
    Serve(ServeArgs),
    /// Check or show settings
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Make a token, for rooms or for administration, and print it
    Token(token::TokenArgs),
    /// What asks a server.
    #[command(flatten)]
    Online(OnlineCommand),
    /// Repeat what was recorded of a room, without a server
    Replay(replay::ReplayArgs),
    /// Print completions for a shell
    ///
    /// `source <(roost completions bash)` has them at once; see the manual of your shell for where to keep them.
    Completions {
        /// bash, zsh or fish
        shell: Shell,
    },
}

/// Where settings come from.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Open only this address (repeatable), instead of those in the configuration; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    listen: Vec<SocketAddr>,
    /// Keep state in this folder
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Read this file instead of ./roost.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Run the kind NAME with the rules in FILE (repeatable); for development
    #[arg(long, value_name = "NAME=FILE", value_parser = parse_module)]
    module: Vec<(String, PathBuf)>,
}

fn parse_module(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(file)))
        }
        _ => Err("NAME=FILE is needed, like echo=target/guests/echo.wasm".to_owned()),
    }
}

impl ServeArgs {
    /// The settings of the server.
    pub fn load(self) -> Result<Loaded, ConfigError> {
        let flags = Flags {
            listen: self.listen,
            state_dir: self.state,
            modules: self.module,
        };
        load(&sources(self.config, flags))
    }
}

fn sources(file: Option<PathBuf>, flags: Flags) -> Sources {
    // A variable that is not Unicode cannot be one of ours.
    let variables = std::env::vars_os();
    let environment = variables
        .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)));
    Sources {
        flags,
        environment: environment.collect(),
        file,
        folder: PathBuf::new(),
    }
}

/// Runs what needs no server; gives back the text for standard output.
pub fn run_config(command: config::ConfigCommand) -> anyhow::Result<String> {
    command.run()
}

/// A shell whose completions can be made.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Shell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// Whether the answer is wanted as JSON, whatever the command is.
#[must_use]
pub fn wants_json(matches: &ArgMatches) -> bool {
    let here = matches.try_get_one::<bool>("json").ok().flatten();
    here == Some(&true)
        || matches
            .subcommand()
            .is_some_and(|(_, matches)| wants_json(matches))
}

/// Completions for a shell.
#[must_use]
pub fn completions(shell: Shell) -> String {
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "roost", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Makes a token; gives it back.
pub fn run_token(args: token::TokenArgs) -> anyhow::Result<String> {
    args.run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn json_is_wanted_where_it_is_said() {
        for (line, wanted) in [
            ("roost module list --json", true),
            ("roost server --json", true),
            ("roost config show --json", true),
            ("roost module list", false),
            ("roost serve", false),
        ] {
            let matches = Cli::command().get_matches_from(line.split(' '));
            assert_eq!(wants_json(&matches), wanted, "{line}");
        }
    }

    #[test]
    fn completions_know_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let text = completions(shell);
            for word in ["publish", "rollback", "recording", "percent"] {
                assert!(text.contains(word), "{shell:?}: {word}");
            }
        }
    }

    #[test]
    fn modules_need_a_name_and_a_file() {
        assert_eq!(
            parse_module("echo=a=b.wasm").unwrap(),
            ("echo".to_owned(), PathBuf::from("a=b.wasm"))
        );
        for text in ["echo", "=a.wasm", "echo="] {
            assert!(parse_module(text).is_err(), "{text}");
        }
    }
}
