//! `citytwin alerts`: checks a file of alert rules, and tells which metrics rules can be about.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use crate::twin;

/// What `alerts` is told.
#[derive(Debug, Subcommand)]
pub(super) enum Arguments {
    /// Check a file of rules, areas and actions
    Check {
        /// The file
        file: PathBuf,
    },
    /// Print the metrics rules can be about, with their units
    Metrics,
}

/// Does what it is told.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    match arguments {
        Arguments::Metrics => super::print(&twin::alert_metrics(), ExitCode::SUCCESS),
        Arguments::Check { file } => match super::understood(twin::check_alerts(file)) {
            Ok(summary) => super::print(&summary, ExitCode::SUCCESS),
            Err(code) => code,
        },
    }
}
