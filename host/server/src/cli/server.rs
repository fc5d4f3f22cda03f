//! `roost server` and `roost audit`: the server itself, and what was done to it.

use clap::Args;
use roost_protocol::api::{AuditEntry, AuditList, ServerInfo};

use crate::cli::connect::{ServerArgs, say};
use crate::cli::refusal::words;
use crate::cli::table::{Facts, Listing, ago, grouped, now, size, span};
use crate::client::Address;

/// Most entries that are asked for at a time.
const PAGE: u32 = 500;

/// Which server.
#[derive(Debug, Args)]
pub struct InfoArgs {
    #[command(flatten)]
    server: ServerArgs,
}

/// How far back.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// So many entries, newest first
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    server: ServerArgs,
}

impl InfoArgs {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let session = self.server.connect()?;
        let server = session.client.server().to_owned();
        session
            .show(&Address::of(&["server"]), |info| describe(&server, info))
            .await
    }
}

fn describe(server: &str, info: &ServerInfo) -> String {
    let mut facts = Facts::default();
    facts.row("version", &info.version);
    facts.row("running for", span(info.uptime_ms));
    let interfaces = info.interfaces.iter();
    let interfaces = interfaces.map(|version| format!("roost:room@{version}"));
    facts.row("interfaces", interfaces.collect::<Vec<_>>().join(", "));
    facts.row("rooms", grouped(info.rooms as u64));
    facts.row("sockets", grouped(info.sockets as u64));
    facts.row("largest upload", size(info.max_upload));
    let scopes: Vec<_> = info.you.scopes.iter().map(|scope| scope.name()).collect();
    facts.row(
        "you are",
        format!("{} ({})", info.you.subject, scopes.join(", ")),
    );
    format!("{server}\n{}", facts.render())
}

impl AuditArgs {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let session = self.server.connect()?;
        let mut entries: Vec<AuditEntry> = Vec::new();
        let mut next = None;
        let mut wanted = self.limit;
        while wanted > 0 {
            let address = Address::of(&["audit"])
                .with("limit", wanted.min(PAGE))
                .with_some("before", next);
            let page: AuditList = session.client.fetch(&address).await?;
            let got = u32::try_from(page.entries.len()).unwrap_or(u32::MAX);
            wanted = wanted.saturating_sub(got);
            entries.extend(page.entries);
            next = page.next;
            if next.is_none() || got == 0 {
                break;
            }
        }
        let list = AuditList { entries, next };
        if session.json {
            return Ok(say(&serde_json::to_string(&list)?)?);
        }
        Ok(say(&audit(&list))?)
    }
}

fn audit(list: &AuditList) -> String {
    let mut table = Listing::new(&[
        ">no", "when", "by", "action", "target", "outcome", "details",
    ]);
    let now = now();
    for entry in &list.entries {
        table.row(&[
            entry.seq.to_string(),
            ago(now, entry.at),
            entry.by.clone(),
            entry.action.clone(),
            entry.target.clone(),
            entry.outcome.clone(),
            details(entry),
        ]);
    }
    table.render("nothing has been done so far")
}

/// `version=3 rooms=12`.
fn details(entry: &AuditEntry) -> String {
    let known = entry.details.as_object().into_iter().flatten();
    let known = known.filter(|(_, value)| !value.is_null());
    let known: Vec<_> = known
        .map(|(name, value)| format!("{name}={}", words(value)))
        .collect();
    known.join(" ")
}

#[cfg(test)]
mod tests {
    use roost_protocol::api::{Scope, Whoami};
    use serde_json::json;

    use super::*;

    #[test]
    fn the_log_is_listed() {
        let list = AuditList {
            entries: vec![AuditEntry {
                seq: 12,
                at: now() - 60_000,
                by: "admin".to_owned(),
                action: "module.activate".to_owned(),
                target: "echo@3".to_owned(),
                outcome: "not_allowed".to_owned(),
                details: json!({"capabilities": ["publish", "move"], "room": null}),
            }],
            next: None,
        };
        assert_eq!(
            audit(&list),
            "NO  WHEN       BY     ACTION           TARGET  OUTCOME      DETAILS\n\
             12  1 min ago  admin  module.activate  echo@3  not_allowed  capabilities=publish, move"
        );
    }

    #[test]
    fn a_server_is_described() {
        let info = ServerInfo {
            version: "0.0.0".to_owned(),
            interfaces: vec!["0.1.0".to_owned()],
            rooms: 1_234,
            sockets: 5,
            uptime_ms: 180_000,
            max_upload: 16 << 20,
            you: Whoami {
                subject: "admin".to_owned(),
                scopes: vec![Scope::Read, Scope::Operate],
            },
        };
        let text = describe("http://127.0.0.1:8080", &info);
        assert!(
            text.starts_with("http://127.0.0.1:8080\n  version         0.0.0\n"),
            "{text}"
        );
        assert!(
            text.ends_with("  you are         admin (read, operate)"),
            "{text}"
        );
    }
}
