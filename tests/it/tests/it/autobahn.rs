//! Autobahn's fuzzing client against the server's own reader and outbox, which send back what they get.
//!
//! `scripts/autobahn` installs the suite and names it; otherwise there is nothing to run.

use anyhow::{Context, Result, ensure};
use roost_server::net::flusher::Flusher;
use roost_server::net::frame::{binary_frame, text_frame};
use roost_server::net::limits::Limits;
use roost_server::net::listener::{self, Listener, Service};
use roost_server::net::outbox::{Frame, OutboxConfig};
use roost_server::net::proxy::TrustedProxies;
use roost_server::net::socket::{Incoming, SocketConfig};
use roost_server::net::upgrade::{Doors, Upgraded};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Sends every message back.
struct Echo(Arc<SocketConfig>, Flusher);

impl Doors for Echo {
    fn open(self: Arc<Self>, upgraded: Upgraded) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let (mut socket, outbox, _, _permits) =
                upgraded.into_socket(Arc::clone(&self.0), &self.1);
            while let Some(incoming) = socket.next().await {
                let bytes = match incoming {
                    Incoming::Text(text) => text_frame(text.as_bytes()),
                    Incoming::Binary(bytes) => binary_frame(&bytes),
                    Incoming::Closed(_) => continue,
                };
                outbox.push(Frame::urgent(bytes));
            }
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_autobahn_finds_no_fault() -> Result<()> {
    let (Some(suite), Some(python)) = (
        std::env::var_os("ROOST_AUTOBAHN"),
        std::env::var_os("PYTHON2"),
    ) else {
        println!("skipped: see scripts/autobahn");
        return Ok(());
    };
    // The suite sends messages of up to 16 MiB.
    let large = 32 * 1024 * 1024;
    let outbox = OutboxConfig {
        max_bytes: large,
        ..OutboxConfig::default()
    };
    let config = SocketConfig {
        max_message: large,
        outbox,
        ..SocketConfig::default()
    };
    let listener = Listener::bind("127.0.0.1:0".parse()?, None).await?;
    let url = format!("ws://{}", listener.addr());
    let service = Service {
        router: Default::default(),
        doors: Arc::new(Echo(Arc::new(config), Flusher::start(2))),
        proxies: TrustedProxies::new(Vec::new()),
        limits: Limits::new(1000, 1000),
        header_timeout: Duration::from_secs(10),
        answer_timeout: Duration::from_secs(10),
    };
    let (stop, stopped) = watch::channel(false);
    let serving = tokio::spawn(listener::serve(vec![listener], Arc::new(service), stopped));
    let reports = tempfile::tempdir()?;
    let spec = json!({
        "options": {"failByDrop": false}, "outdir": reports.path(),
        "servers": [{"agent": "roost", "url": url}],
        "cases": ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*"], "exclude-cases": [], "exclude-agent-cases": {},
    });
    let file = reports.path().join("spec.json");
    std::fs::write(&file, spec.to_string())?;
    let program = "from autobahntestsuite.wstest import run; run()";
    let mut command = tokio::process::Command::new(python);
    command
        .env("PYTHONPATH", suite)
        .args(["-c", program, "-m", "fuzzingclient", "-s"])
        .arg(&file);
    let output = command.current_dir(reports.path()).output().await?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    stop.send(true)?;
    serving.await?;
    judge(reports.path())
}

/// Reads the suite's own report.
fn judge(reports: &Path) -> Result<()> {
    let index: Value = serde_json::from_str(&std::fs::read_to_string(reports.join("index.json"))?)?;
    let cases = index["roost"].as_object().context("no report")?;
    let mut counts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (case, result) in cases {
        for part in ["behavior", "behaviorClose"] {
            counts
                .entry(result[part].as_str().unwrap_or("NONE"))
                .or_default()
                .push(case);
        }
    }
    for (behavior, cases) in &counts {
        println!(
            "{behavior}: {}{}",
            cases.len(),
            if cases.len() < 40 {
                format!(" {cases:?}")
            } else {
                String::new()
            }
        );
    }
    ensure!(cases.len() > 200, "only {} cases were run", cases.len());
    let good = ["OK", "NON-STRICT", "INFORMATIONAL"];
    ensure!(
        counts.keys().all(|behavior| good.contains(behavior)),
        "see above"
    );
    Ok(())
}
