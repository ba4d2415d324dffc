//! The front door: one file per verb; no logic of any kind.
//!
//! Standard output carries data, standard error speaks to people. Exit codes: 0 all went well, 1 something failed while
//! running, 2 the input is invalid and nothing was written, 130 interrupted.

mod check;
mod complaint;
mod run;
mod schema;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Something failed while running.
const FAILED: u8 = 1;
/// The input is invalid; nothing was written.
const INVALID: u8 = 2;
/// Somebody interrupted.
const INTERRUPTED: u8 = 130;

/// A city simulator and digital twin: every vehicle and signal an actor on a road graph.
#[derive(Debug, Parser)]
#[command(name = "citytwin", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run a scenario and write what it leaves
    Run(run::Arguments),
    /// Check a scenario and every file it names, without running it
    Check(check::Arguments),
    /// Print the JSON Schema of scenario files, for editors
    Schema,
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    match Cli::parse().verb {
        Verb::Run(arguments) => run::run(&arguments),
        Verb::Check(arguments) => check::check(&arguments),
        Verb::Schema => schema::schema(),
    }
}

/// Prints data on standard output; a reader that has gone away (`| head`) is no failure.
fn print(text: &str, code: ExitCode) -> ExitCode {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            tell(&format!("error: cannot write to standard output: {error}"));
            ExitCode::from(FAILED)
        }
        _ => code,
    }
}

/// Tells people something on standard error; where nobody listens, nothing can be done.
fn tell(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// JSON of something that always has one.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"))
}
