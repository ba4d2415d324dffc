//! `citytwin explain`: a scenario after its parents and defaults, with where every value comes from.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::complaint;
use crate::city::scenario::{self, Overrides};

/// What `explain` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Scenario (.yaml)
    file: PathBuf,
    /// Lay this variant out on the map too, and say what each of its measures means there
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
}

/// Prints it.
pub(super) fn explain(arguments: &Arguments) -> ExitCode {
    let mut page = match scenario::explain(&arguments.file) {
        Ok(page) => page,
        Err(findings) => return invalid(&findings),
    };
    if let Some(name) = &arguments.variant {
        let loaded = scenario::load(&arguments.file, &Overrides::default());
        match loaded.and_then(|loaded| loaded.variant(name)) {
            Ok(variant) => {
                let _ = writeln!(page, "\n# variant {name}");
                for said in &variant.resolved.interventions {
                    let _ = writeln!(page, "#   {said}");
                }
                for said in &variant.resolved.parking {
                    let _ = writeln!(page, "#   parking: {said}");
                }
            }
            Err(findings) => return invalid(&findings),
        }
    }
    super::print(page.trim_end(), ExitCode::SUCCESS)
}

fn invalid(findings: &crate::primitives::text::Findings) -> ExitCode {
    complaint::tell(findings);
    ExitCode::from(super::INVALID)
}
