//! `citytwin doctor`: which parts of a configuration answer, which do not, and what works meanwhile.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::twin::{self, Examined};

/// What `doctor` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// File that says which parts to run on; without it the embedded ones
    #[arg(long, value_name = "FILE")]
    parts: Option<PathBuf>,
    /// Folder in which everything else is kept
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Looks at every part; fails if one does not answer.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let equipment = match super::equipment(arguments.parts.as_deref()) {
        Ok(equipment) => equipment,
        Err(code) => return code,
    };
    let found = twin::doctor(&equipment.parts, &equipment.environment, arguments.out.as_deref());
    let well = found.iter().all(|one| one.wrong.is_none());
    let lines: Vec<String> = found.iter().map(in_words).collect();
    super::print(&lines.join("\n"), if well { ExitCode::SUCCESS } else { ExitCode::from(super::FAILED) })
}

fn in_words(one: &Examined) -> String {
    let Examined { part, what, wrong, meanwhile, took } = one;
    match wrong {
        None => format!("{part:<20} well   {what} ({} ms)", took.as_millis()),
        Some(reason) => format!("{part:<20} ILL    {what}\n{:<27}{reason}\n{:<27}meanwhile: {meanwhile}", "", ""),
    }
}
