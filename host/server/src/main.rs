//! The binary `roost`.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use roost_server::cli::{Cli, Command, run_config, run_module, run_token};
use roost_server::config::Config;
use roost_server::shutdown::Shutdown;
use roost_server::{serve, telemetry};

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        // What is wrong has been said.
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "roost: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all is well.
fn run(cli: Cli) -> anyhow::Result<bool> {
    let mut well = true;
    let text = match cli.command {
        Command::Serve(args) => return serve_until_stopped(args.load()?.config).map(|()| true),
        Command::Config(command) => run_config(command)?,
        Command::Module(command) => {
            let told = run_module(command)?;
            well = told.well;
            told.text
        }
        Command::Token(args) => run_token(args)?,
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(well)
}

fn serve_until_stopped(config: Config) -> anyhow::Result<()> {
    telemetry::start_logging(&config.log.level, config.log.format)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let shutdown = Shutdown::on_signals()?;
        Ok(serve::run(config, shutdown).await?)
    })
}
