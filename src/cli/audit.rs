//! `citytwin audit`: whether everything that devices told is accounted for, found by reading what is kept.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::twin::{self, Export, ExportColumns};

/// What `audit` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder with the ledger: of a run that used the wire, or of a load
    folder: PathBuf,
    /// Folder of the listener that kept it, if that is another
    #[arg(long, value_name = "DIR")]
    kept_in: Option<PathBuf>,
    /// Audit this export of any platform (.csv, .jsonl, .parquet) in the place of our own stores, or read `kafka://host:9092/topic` to
    /// its end (docs/load.md says what may stand behind `?`; user and password come from `CITYTWIN_KAFKA_USER` and
    /// `CITYTWIN_KAFKA_PASSWORD`)
    #[arg(long, value_name = "FILE|URL", conflicts_with_all = ["kept_in", "parts", "deliveries"], value_parser = Export::parse)]
    export: Option<Export>,
    /// How the export names its columns, such as `device=sensor,sequence=n,payload=body`; `epoch=` and `kind=` as well. With a
    /// payload its bytes are compared, otherwise records are counted
    #[arg(long, value_name = "NAMES", requires = "export", value_parser = ExportColumns::parse)]
    columns: Option<ExportColumns>,
    /// Do not hold it against the export that records are there more than once, such as where the load was killed, and could not say how
    /// many it sent twice itself
    #[arg(long, requires = "export")]
    allow_copies: bool,
    /// File that says which parts it was kept on
    #[arg(long, value_name = "FILE")]
    parts: Option<PathBuf>,
    /// File in which a receiver of webhooks wrote down the event ids it got, one a line; needs `--parts` with alert rules
    #[arg(long, value_name = "FILE", requires = "parts")]
    deliveries: Option<PathBuf>,
    /// Print the figures as one JSON object
    #[arg(long)]
    json: bool,
}

/// Audits; fails when something is missing, doubled or damaged.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let keeper = arguments.kept_in.as_ref().unwrap_or(&arguments.folder);
    let equipment = match super::equipment(arguments.parts.as_deref()) {
        Ok(equipment) => equipment,
        Err(code) => return code,
    };
    let audited = match &arguments.export {
        Some(export) => {
            let columns = arguments.columns.clone().unwrap_or_default();
            let login = super::run::credentials("CITYTWIN_KAFKA");
            twin::audit_export(&arguments.folder, export, &columns, login.as_ref(), arguments.allow_copies)
        }
        None => twin::audit(&arguments.folder, keeper, &equipment, arguments.deliveries.as_deref()),
    };
    match audited {
        Ok(audit) => {
            let code = if audit.closes() { ExitCode::SUCCESS } else { ExitCode::from(super::FAILED) };
            let text = if arguments.json { super::json(&audit.json()) } else { audit.to_string() };
            super::print(&text, code)
        }
        Err(error) => {
            super::tell(&format!("error: {error}"));
            ExitCode::from(super::FAILED)
        }
    }
}
