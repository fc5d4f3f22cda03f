//! `roost-load`: puts load on a server and measures how it bears it. `roost-load play --help` teaches the rest.

mod cli;
mod connection;
mod crowd;
mod dialect;
mod flood;
mod idle;
mod listener;
mod mpp;
mod outgoing;
mod pacer;
mod plan;
mod play;
mod process;
mod progress;
mod recorder;
mod report;
mod schedule;
mod sequence;
mod stamp;
#[cfg(test)]
mod standin;
mod table;
mod target;
mod token;
mod traffic;
mod websocket;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::cli::{Cli, RunArgs, Wire};
use crate::crowd::Layout;
use crate::dialect::Dialect;
use crate::listener::Hall;
use crate::mpp::Mpp;
use crate::plan::Plan;
use crate::play::Play;
use crate::progress::Progress;
use crate::recorder::Recorder;
use crate::report::Report;
use crate::target::Target;
use crate::traffic::Load;

/// Descriptors the generator needs beside its connections.
const SPARE_DESCRIPTORS: u64 = 64;

fn main() -> ExitCode {
    match load() {
        Ok(clean) => ExitCode::from(u8::from(!clean)),
        Err(error) => {
            eprintln!("roost-load: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Runs and prints. False when `--strict` has found something.
fn load() -> Result<bool> {
    let number = run_number()?;
    let (dialect, run, per_address) = dialect(Cli::parse().dialect, number)?;
    let threads = run.threads.unwrap_or_else(cores).max(1);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()?;
    let report = runtime.block_on(measure(&run, dialect, number, per_address, threads))?;
    runtime.shutdown_background();
    if run.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", table::render(&report));
    }
    Ok(!run.strict || report.is_clean())
}

/// The wire, the options that do not depend on it, and how many connections share a source address there.
fn dialect(wire: Wire, number: u32) -> Result<(Box<dyn Dialect>, RunArgs, u32)> {
    Ok(match wire {
        Wire::Play(args) => {
            let dialect = Play {
                kind: args.kind,
                topic: args.topic,
                room_prefix: args.room_prefix,
                secret: args.token_secret,
                frames: args.frames,
                payload: args.payload,
            };
            (Box::new(dialect), args.run, 50)
        }
        Wire::Mpp(args) => {
            let dialect = Mpp::new(args.path, args.room_prefix, args.events, number)?;
            (Box::new(dialect), args.run, 1)
        }
    })
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs the scenario that the options ask for.
async fn measure(
    args: &RunArgs,
    dialect: Box<dyn Dialect>,
    run: u32,
    per_address: u32,
    threads: usize,
) -> Result<Report> {
    let layout = layout(args)?;
    let allowed = raise_descriptor_limit();
    ensure!(
        u64::from(layout.total()) + SPARE_DESCRIPTORS <= allowed,
        "{} connections need more than the {allowed} descriptors a process may have here (ulimit -Hn)",
        layout.total()
    );
    let plan = Plan {
        hall: Arc::new(Hall {
            dialect,
            recorder: Recorder::new(threads)?,
            run,
            senders: layout.senders,
        }),
        target: Target::resolve(
            &args.url,
            args.per_address.unwrap_or(per_address),
            args.allow_remote,
        )
        .await?,
        layout,
        at_once: args.connecting,
        pid: args.pid,
        progress: Progress::new(),
    };
    if args.idle {
        return idle::run(&plan, args.duration).await;
    }
    if args.join_flood {
        return flood::run(&plan, args.duration).await;
    }
    let load = Load {
        rate: args.total_rate.unwrap_or(args.rate * f64::from(args.rooms)),
        warmup: args.warmup,
        duration: args.duration,
        drain: args.drain,
        audience: args.audience,
    };
    traffic::run(&plan, load).await
}

fn layout(args: &RunArgs) -> Result<Layout> {
    let senders = args.senders.min(args.peers);
    let total = args.rooms.checked_mul(args.peers);
    let total = total.context("so many connections do not fit on one machine")?;
    let listening = args.rooms * (args.peers - senders);
    ensure!(
        args.slow_readers <= listening,
        "only {listening} of the {total} connections do not send, so no more can be slow readers"
    );
    Ok(Layout {
        rooms: args.rooms,
        peers: args.peers,
        senders,
        slow: args.slow_readers,
    })
}

/// Up to the hard limit. Returns how many there may be now.
fn raise_descriptor_limit() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum.unwrap_or(u64::MAX),
        Err(_) => current.unwrap_or(u64::MAX),
    }
}

/// Differs from run to run, so that what an earlier one has left in a room is not counted.
fn run_number() -> Result<u32> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(now.subsec_nanos() ^ (now.as_secs() as u32).rotate_left(16) ^ std::process::id())
}
