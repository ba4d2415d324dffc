//! `citytwin audit`: whether everything a run's devices told is accounted for, found by reading its stores.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::twin;

/// What `audit` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of a run that used the wire
    folder: PathBuf,
}

/// Audits; fails when something is missing, doubled or damaged.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    match twin::audit(&arguments.folder) {
        Ok(balance) => {
            let code = if balance.closes() { ExitCode::SUCCESS } else { ExitCode::from(super::FAILED) };
            super::print(&balance.to_string(), code)
        }
        Err(error) => {
            super::tell(&format!("error: {error}"));
            ExitCode::from(super::FAILED)
        }
    }
}
