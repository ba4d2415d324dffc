//! `citytwin schema`: the grammar of scenario files and of drill files, for editors.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::city::scenario;
use crate::studies::drill;

/// What `schema` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Of which files
    #[arg(value_enum, default_value = "scenario")]
    of: Files,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Files {
    /// Scenarios
    Scenario,
    /// Emergency drills
    Drill,
}

/// Prints the schema.
pub(super) fn schema(arguments: &Arguments) -> ExitCode {
    let schema = match arguments.of {
        Files::Scenario => scenario::schema(),
        Files::Drill => drill::file::schema(),
    };
    super::print(&super::json(&schema), ExitCode::SUCCESS)
}
