//! `citytwin drill`: drills are run, made again and checked, and their injects go to spreadsheets and back.

mod lint;
mod run;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::api::assets::Page;

/// What `drill` is told.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    run: run::RunArguments,
}

/// What is done with a drill besides running it.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a drill again that was played to its end, and say whether the bytes are the same
    Again(run::AgainArguments),
    /// Check a drill, its spreadsheet and its scenario, without playing it
    Check(lint::CheckArguments),
    /// Write the injects of a drill as a spreadsheet (CSV), or those of a spreadsheet as YAML
    Msel(lint::MselArguments),
}

/// Does what is to be done with a drill.
pub(super) fn run(arguments: &Arguments, page: Page) -> ExitCode {
    match &arguments.verb {
        Some(Verb::Again(arguments)) => run::again(arguments),
        Some(Verb::Check(arguments)) => lint::check(arguments),
        Some(Verb::Msel(arguments)) => lint::msel(arguments),
        None => run::run(&arguments.run, page),
    }
}
