//! `roost token --admin`: a token for the administrative interface.

use anyhow::{Context, bail, ensure};
use clap::{Args, ValueEnum};
use roost_protocol::api::Scope;
use serde_json::{Value, json};

use crate::admin::AUDIENCE;
use crate::config::Config;
use crate::config::check::MIN_SECRET;
use crate::config::units::Secret;

/// Longest subject, in bytes.
const MAX_SUBJECT: usize = 200;

/// What an administrator's token says.
#[derive(Debug, Args)]
pub(crate) struct AdminArgs {
    /// What its bearer may do (separated by commas); everything without it
    #[arg(
        long,
        value_name = "SCOPE",
        value_enum,
        value_delimiter = ',',
        requires = "admin",
        // Of two rules that clap could break, it breaks `requires`.
        conflicts_with_all = ["mpp", "kind", "room", "user"]
    )]
    scope: Vec<ScopeName>,
    /// Who it is for, as the audit log will name them
    #[arg(
        long,
        value_name = "NAME",
        default_value = "operator",
        requires = "admin"
    )]
    sub: String,
}

/// A scope on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ScopeName {
    /// See modules, rooms, jobs, the audit log
    Read,
    /// Upload and delete versions
    Publish,
    /// Decide what runs
    Activate,
    /// Reach into rooms: signals, closing, snapshots, recordings, forks
    Operate,
}

impl From<ScopeName> for Scope {
    fn from(name: ScopeName) -> Self {
        match name {
            ScopeName::Read => Self::Read,
            ScopeName::Publish => Self::Publish,
            ScopeName::Activate => Self::Activate,
            ScopeName::Operate => Self::Operate,
        }
    }
}

impl AdminArgs {
    /// The claims of a token that ends at `exp`, in Unix seconds.
    pub(crate) fn claims(&self, exp: u64) -> anyhow::Result<Value> {
        ensure!(
            (1..=MAX_SUBJECT).contains(&self.sub.len()),
            "--sub is 1 to {MAX_SUBJECT} bytes"
        );
        let mut scopes: Vec<Scope> = self.scope.iter().copied().map(Scope::from).collect();
        if scopes.is_empty() {
            scopes = Scope::ALL.to_vec();
        }
        scopes.sort();
        scopes.dedup();
        let names: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
        Ok(json!({ "aud": AUDIENCE, "sub": self.sub, "exp": exp, "scopes": names }))
    }
}

/// The key that signs: the one given, or the configured one.
pub(crate) fn key(
    given: Option<String>,
    config: impl FnOnce() -> anyhow::Result<Config>,
) -> anyhow::Result<Secret> {
    if let Some(secret) = given {
        ensure!(
            secret.len() >= MIN_SECRET,
            "the key has at least {MIN_SECRET} bytes"
        );
        return Ok(Secret::new(secret));
    }
    let admin = config()?.admin;
    if admin.secret.is_none() && admin.public_key.is_some() {
        bail!("only [admin] public_key is set: sign with the private half of it, wherever that is");
    }
    admin.secret.context(
        "there is no key: set [admin] secret (ROOST_ADMIN_SECRET) for the server and here, or give --secret",
    )
}
