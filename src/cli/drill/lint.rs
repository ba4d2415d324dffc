//! `citytwin drill check` and `citytwin drill msel`: drills are checked, and their injects go to spreadsheets and back.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::super::{self as cli, check as findings_of, complaint};
use crate::city::scenario::Overrides;
use crate::primitives::text::{Findings, Place, Problem};
use crate::studies::drill::file;

/// What `check` is told.
#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// Drill (.yaml)
    file: PathBuf,
    /// Print the findings as a JSON list on standard output
    #[arg(long)]
    json: bool,
}

/// What `msel` is told.
#[derive(Debug, Args)]
pub(super) struct MselArguments {
    /// Drill (.yaml), or a spreadsheet of injects (.csv)
    file: PathBuf,
    /// File to write; there must be none of that name yet [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Checks a drill; 2 when something is wrong with it.
pub(super) fn check(arguments: &CheckArguments) -> ExitCode {
    let cache = cli::network_cache();
    let (findings, code) = match file::load(&arguments.file, &Overrides::default(), cache.as_ref()) {
        Ok(loaded) => {
            for remark in &loaded.remarks {
                cli::tell(&format!("note: {remark}"));
            }
            let drill = &loaded.drill;
            let seats: u32 = drill.roles.iter().map(|role| role.seats).sum();
            cli::tell(&format!(
                "{}: {} {} in {} min from {} on, {} roles with {seats} seats; nothing is wrong",
                arguments.file.display(),
                drill.injects.len(),
                if drill.injects.len() == 1 { "inject" } else { "injects" },
                drill.length.as_milliseconds() / 60_000,
                drill.start,
                drill.roles.len()
            ));
            complaint::tell_left_out(&loaded.city.left_out);
            (Findings::default(), ExitCode::SUCCESS)
        }
        Err(findings) => {
            if !arguments.json {
                complaint::tell(&findings);
            }
            (findings, ExitCode::from(cli::INVALID))
        }
    };
    if arguments.json { cli::print(&cli::json(&findings_of::listed(&findings)), code) } else { code }
}

/// Turns injects into a spreadsheet, or a spreadsheet into injects.
pub(super) fn msel(arguments: &MselArguments) -> ExitCode {
    written(arguments).unwrap_or_else(|code| code)
}

fn written(arguments: &MselArguments) -> Result<ExitCode, ExitCode> {
    let path = &arguments.file;
    let sheet = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    let text = if sheet {
        cli::understood(file::injects_of_msel(path))?
    } else {
        let cache = cli::network_cache();
        cli::understood(file::load(path, &Overrides::default(), cache.as_ref()))?.msel()
    };
    match &arguments.out {
        Some(out) => {
            cli::understood(write_new(out, &text))?;
            Ok(cli::print(&out.display().to_string(), ExitCode::SUCCESS))
        }
        None => Ok(cli::print(text.trim_end(), ExitCode::SUCCESS)),
    }
}

/// Writes a file that is not there yet: what a planner has worked on is not overwritten.
fn write_new(out: &Path, text: &str) -> Result<(), Findings> {
    let written =
        std::fs::File::create_new(out).and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    written.map_err(|error| {
        let help = if error.kind() == std::io::ErrorKind::AlreadyExists {
            "choose another name, or move it out of the way"
        } else {
            "look whether the folder is there and may be written to"
        };
        let mut findings = Findings::default();
        findings.problem(Problem::new(Place::file(out), format!("cannot be written: {error}")).help(help));
        findings
    })
}
