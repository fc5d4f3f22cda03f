//! Which server, and as whom.

use std::io::{self, Write};
use std::path::Path;

use clap::Args;
use reqwest::Url;
use serde::de::DeserializeOwned;

use crate::admin::TOKEN_FILE;
use crate::cli::progress::Shows;
use crate::cli::sources;
use crate::client::{Address, Answer, Client, ClientError, is_loopback, parse_server};
use crate::config::{Config, Flags, load};

/// Which server, and as whom.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerArgs {
    /// Address of the server
    #[arg(long, value_name = "URL", env = "ROOST_SERVER", default_value = "http://127.0.0.1:8080", value_parser = server)]
    pub(crate) server: Url,
    /// Token to show; for a server on this machine, the one in the state folder without it
    #[arg(
        long,
        value_name = "TOKEN",
        env = "ROOST_ADMIN_TOKEN",
        hide_env_values = true
    )]
    pub(crate) token: Option<String>,
    /// Print the server's answer as JSON, for scripts
    #[arg(long)]
    pub(crate) json: bool,
}

fn server(text: &str) -> Result<Url, ClientError> {
    parse_server(text)
}

/// A server, and how its answers are printed.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) json: bool,
    pub(crate) shows: Shows,
}

impl ServerArgs {
    /// Ready to ask. Nothing is sent yet.
    pub(crate) fn connect(&self) -> anyhow::Result<Session> {
        let token = self.token.clone().filter(|token| !token.is_empty());
        let token = token.or_else(|| self.local_token());
        Ok(Session {
            client: Client::new(&self.server, token)?,
            json: self.json,
            shows: Shows::of_terminal(self.json),
        })
    }

    /// What the settings of this machine say, if the server is on it.
    fn local_token(&self) -> Option<String> {
        if !is_loopback(&self.server) {
            return None;
        }
        // Settings that are wrong are the server's concern; here they only mean that there is no token.
        let config = load(&sources(None, Flags::default())).ok()?.config;
        configured_token(&config).or_else(|| kept_token(&config.server.state_dir))
    }
}

fn configured_token(config: &Config) -> Option<String> {
    let token = config.admin.token.as_ref()?;
    Some(token.expose().to_owned())
}

/// The token that a server has made for itself.
pub(crate) fn kept_token(state: &Path) -> Option<String> {
    let text = std::fs::read_to_string(state.join(TOKEN_FILE)).ok()?;
    Some(text.trim().to_owned()).filter(|token| !token.is_empty())
}

impl Session {
    /// Asks, and prints the answer: as it is, or as `words` puts it.
    pub(crate) async fn show<T: DeserializeOwned>(
        &self,
        address: &Address,
        words: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        let answer = self.client.get(address).await?;
        self.print(&answer, words)
    }

    /// Prints an answer: as it is, or as `words` puts it.
    pub(crate) fn print<T: DeserializeOwned>(
        &self,
        answer: &Answer,
        words: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        if self.json {
            return Ok(say(&answer.text())?);
        }
        Ok(say(&words(&answer.read()?))?)
    }

    /// Prints something that is done; `json` stands for it in scripts.
    pub(crate) fn done(&self, json: &serde_json::Value, words: &str) -> io::Result<()> {
        if self.json {
            return say(&json.to_string());
        }
        say(words)
    }
}

/// Lines on standard output. A reader that has gone is an error, not a panic.
pub(crate) fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Lines for the person in front of it, beside what is printed.
pub(crate) fn note(text: &str) {
    // If nobody can read it, nobody is told.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_of_a_state_folder_is_found() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(kept_token(folder.path()), None);
        std::fs::write(folder.path().join(TOKEN_FILE), "abc\n").unwrap();
        assert_eq!(kept_token(folder.path()).as_deref(), Some("abc"));
        std::fs::write(folder.path().join(TOKEN_FILE), "\n").unwrap();
        assert_eq!(kept_token(folder.path()), None);
    }
}
