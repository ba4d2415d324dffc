//! `citytwin alerts`: checks a file of alert rules, tells which metrics rules can be about, and looks after what was told.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;

use crate::twin::{self, Equipment, TwinError};

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
    /// Print the alerts that are open in a folder nobody works in, a JSON object a line
    List {
        /// The folder of a listener or a run
        folder: PathBuf,
        /// File that says which parts it is kept on
        #[arg(long, value_name = "FILE")]
        parts: Option<PathBuf>,
    },
    /// Take up notices again that were given up; whoever listens in the folder next delivers them
    Requeue {
        /// The folder of a listener
        folder: PathBuf,
        /// The number of one of them [default: all]
        number: Option<u64>,
        /// File that says which parts it is kept on
        #[arg(long, value_name = "FILE")]
        parts: Option<PathBuf>,
    },
}

/// Does what it is told.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    match arguments {
        Arguments::Metrics => super::print(&twin::alert_metrics(), ExitCode::SUCCESS),
        Arguments::Check { file } => match super::understood(twin::check_alerts(file)) {
            Ok(summary) => super::print(&summary, ExitCode::SUCCESS),
            Err(code) => code,
        },
        Arguments::List { folder, parts } => with(folder, parts.as_deref(), |folder, equipment| {
            twin::open_alerts(folder, equipment).map(|alerts| alerts.join("\n"))
        }),
        Arguments::Requeue { folder, number, parts } => with(folder, parts.as_deref(), |folder, equipment| {
            let taken = twin::requeue(folder, equipment, *number)?;
            Ok(format!("{taken} notices are to be delivered again"))
        }),
    }
}

fn with(
    folder: &Path,
    parts: Option<&Path>,
    work: impl Fn(&Path, &Equipment) -> Result<String, TwinError>,
) -> ExitCode {
    let equipment = match super::equipment(parts) {
        Ok(equipment) => equipment,
        Err(code) => return code,
    };
    match work(folder, &equipment) {
        Ok(text) => super::print(&text, ExitCode::SUCCESS),
        Err(error) => {
            super::tell(&format!("error: {error}"));
            ExitCode::from(super::FAILED)
        }
    }
}
