//! `citytwin key`: a new key for whoever asks the served city, and the line of the file of access that knows it.

use std::process::ExitCode;

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::twin::{Role, is_name, new_key};

/// What `key` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Whose key it is, as the audit log will have it
    name: String,
    /// What it may do; whoever may do more may do all that those before may
    #[arg(long, value_parser = PossibleValuesParser::new(Role::ALL.map(Role::word)), default_value = "viewer")]
    role: String,
}

/// Makes a key; it is shown this once. The key goes to standard error, the line to standard output: `citytwin key wall >> access.yaml`.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let Some(role) = Role::of(&arguments.role) else {
        super::tell("error: a role is `viewer`, `trainer`, `operator` or `admin`");
        return ExitCode::from(super::INVALID);
    };
    if !is_name(&arguments.name) {
        super::tell("error: the name of a key has 1 to 64 letters, digits, `-`, `_` or `.`");
        return ExitCode::from(super::INVALID);
    }
    match new_key(&arguments.name, role) {
        Ok(made) => {
            super::tell(&format!("key, shown this once: {}", made.key));
            super::tell("its line, to stand under `keys:` in the file of access:");
            super::print(&made.line, ExitCode::SUCCESS)
        }
        Err(error) => {
            super::tell(&format!("error: {error}"));
            ExitCode::from(super::FAILED)
        }
    }
}
