//! `citytwin drill`: drills are checked, and their injects go to spreadsheets and back.

mod lint;

use std::process::ExitCode;

use clap::{Args, Subcommand};

/// What `drill` is told.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

/// What is done with a drill besides playing it.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Check a drill, its spreadsheet and its scenario, without playing it
    Check(lint::CheckArguments),
    /// Write the injects of a drill as a spreadsheet (CSV), or those of a spreadsheet as YAML
    Msel(lint::MselArguments),
}

/// Does what is to be done with a drill.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    match &arguments.verb {
        Verb::Check(arguments) => lint::check(arguments),
        Verb::Msel(arguments) => lint::msel(arguments),
    }
}
