//! `roost config`: what is set, and whether it is right.

use std::path::PathBuf;

use clap::Subcommand;

use crate::cli::sources;
use crate::config::{Flags, load};

/// Check or show settings.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Find everything that is wrong with the settings, at once
    Check {
        /// The file to check; ./roost.toml without one
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Print every setting; secrets are masked
    Show {
        /// Read this file instead of ./roost.toml
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Say where each value comes from
        #[arg(long)]
        origin: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

impl ConfigCommand {
    pub(crate) fn run(self) -> anyhow::Result<String> {
        match self {
            Self::Check { file } => {
                load(&sources(file, Flags::default()))?;
                Ok("the configuration is right\n".to_owned())
            }
            Self::Show {
                config,
                origin,
                json,
            } => {
                let loaded = load(&sources(config, Flags::default()))?;
                if json {
                    return Ok(serde_json::to_string_pretty(&loaded.to_json(origin))? + "\n");
                }
                Ok(loaded.to_text(origin))
            }
        }
    }
}
