//! The binary `roost`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};
use roost_server::cli::{
    Cli, Command, OnlineCommand, completions, explain, refusal_json, run_config, run_token,
    wants_json,
};
use roost_server::config::Config;
use roost_server::shutdown::Shutdown;
use roost_server::{serve, telemetry};

fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match run(cli) {
        Ok(true) => ExitCode::SUCCESS,
        // What is wrong has been said.
        Ok(false) => ExitCode::FAILURE,
        // Whoever read this has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "roost: {}", explain(&error));
            if let Some(json) = refusal_json(&error).filter(|_| wants_json(&matches)) {
                let _ = writeln!(io::stdout(), "{json}");
            }
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Whether all is well.
fn run(cli: Cli) -> anyhow::Result<bool> {
    let mut well = true;
    let text = match cli.command {
        Command::Serve(args) => return serve_until_stopped(args.load()?.config).map(|()| true),
        Command::Config(command) => run_config(command)?,
        Command::Replay(args) => {
            let found = args.run()?;
            well = found.same;
            found.text
        }
        Command::Token(args) => run_token(args)?,
        Command::Online(command) => return ask(command),
        Command::Completions { shell } => completions(shell),
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(well)
}

fn ask(command: OnlineCommand) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(command.run())
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
