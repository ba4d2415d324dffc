//! `citytwin password`: the line of a users file for a password, read from standard input so that it stands in no list of processes.

use std::io::BufRead;
use std::process::ExitCode;

use clap::Args;

use crate::twin::hash_password;

/// What `password` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The user's name
    user: String,
}

/// Reads a password and prints the user's line.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let mut password = String::new();
    if let Err(error) = std::io::stdin().lock().read_line(&mut password) {
        super::tell(&format!("error: cannot read a password from standard input: {error}"));
        return ExitCode::from(super::FAILED);
    }
    let password = password.trim_end_matches(['\n', '\r']);
    if password.is_empty() || arguments.user.is_empty() || arguments.user.contains([':', '#']) {
        super::tell("error: write the password on one line of standard input; a user's name has no `:` and no `#`");
        return ExitCode::from(super::INVALID);
    }
    match hash_password(password) {
        Ok(hash) => super::print(&format!("{}:{hash}", arguments.user), ExitCode::SUCCESS),
        Err(error) => {
            super::tell(&format!("error: {error}"));
            ExitCode::from(super::INVALID)
        }
    }
}
