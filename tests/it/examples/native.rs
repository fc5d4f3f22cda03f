//! `roost serve` with the rules of `piano` and `relay` compiled natively instead of to components: what the components
//! cost a whole server is the difference. Takes the same flags; see `bench/RESULTS.md`. Built only with feature `native`.

use clap::Parser;
use roost_piano::Piano;
use roost_relay::Relay;
use roost_room::Program;
use roost_server::cli::{Cli, Command};
use roost_server::serve;
use roost_server::shutdown::Shutdown;
use roost_twin::{NativeProgram, UNHASHED};
use std::sync::Arc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Command::Serve(args) = Cli::parse().command else {
        anyhow::bail!("only serve");
    };
    let programs: Vec<Arc<dyn Program>> = vec![
        Arc::new(NativeProgram::of::<Piano>(UNHASHED)),
        Arc::new(NativeProgram::of::<Relay>(UNHASHED)),
    ];
    let config = args.load()?.config;
    Ok(serve::run_with(config, Shutdown::on_signals()?, programs).await?)
}
