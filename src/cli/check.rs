//! `citytwin check`: everything wrong with a scenario, without running it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::complaint;
use crate::city::scenario::{self, LoadedScenario, Overrides};
use crate::primitives::text::Findings;

/// What `check` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Scenario (.yaml) or SUMO configuration (.sumocfg)
    file: PathBuf,
    /// Print the findings as a JSON list on standard output
    #[arg(long)]
    json: bool,
}

/// One finding, as files have it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Finding {
    severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

/// Checks a scenario; 2 when something is wrong with it.
pub(super) fn check(arguments: &Arguments) -> ExitCode {
    let loaded = scenario::load(&arguments.file, &Overrides::default());
    let laid_out = loaded.and_then(|loaded| super::topics_of(&loaded).map(|_| loaded)).and_then(lay_out);
    let (findings, code) = match laid_out {
        Ok((loaded, said)) => {
            for sentence in &said {
                super::tell(sentence);
            }
            let (vehicles, roads) = (loaded.demand.vehicles.len(), loaded.network.roads().count());
            super::tell(&format!(
                "{}: {vehicles} vehicles on {roads} roads; nothing is wrong",
                arguments.file.display()
            ));
            complaint::tell_left_out(&loaded.left_out);
            let left_out = loaded.left_out.iter().map(|(what, count)| left_out(what, *count)).collect();
            (left_out, ExitCode::SUCCESS)
        }
        Err(findings) => {
            if !arguments.json {
                complaint::tell(&findings);
            }
            (listed(&findings), ExitCode::from(super::INVALID))
        }
    };
    if arguments.json { super::print(&super::json(&findings), code) } else { code }
}

/// Lays every variant out on the map; what its measures mean there, in words.
fn lay_out(loaded: LoadedScenario) -> Result<(LoadedScenario, Vec<String>), Findings> {
    let (mut findings, mut said) = (Findings::default(), Vec::new());
    for variant in &loaded.variants {
        match loaded.variant(&variant.name) {
            Ok(variant) => {
                let measures = variant.resolved.interventions.iter();
                let measures =
                    measures.cloned().chain(variant.resolved.parking.iter().map(|said| format!("parking: {said}")));
                said.extend(measures.map(|measure| format!("variant `{}`: {measure}", variant.variant)));
            }
            Err(wrong) => {
                for problem in wrong
                    .problems()
                    .iter()
                    .filter(|&problem| !findings.problems().contains(problem))
                    .cloned()
                    .collect::<Vec<_>>()
                {
                    findings.problem(problem);
                }
            }
        }
    }
    if findings.is_ok() { Ok((loaded, said)) } else { Err(findings) }
}

pub(super) fn listed(findings: &Findings) -> Vec<Finding> {
    let known = |number: u32| (number > 0).then_some(number);
    let mut list: Vec<Finding> = findings
        .problems()
        .iter()
        .map(|problem| Finding {
            severity: "error",
            file: Some(problem.place.file.display().to_string()),
            line: known(problem.place.line),
            column: known(problem.place.column),
            message: problem.message.clone(),
            help: problem.help.clone(),
        })
        .collect();
    if findings.beyond_limit() > 0 {
        let message = format!("{} more problems are not listed", findings.beyond_limit());
        list.push(Finding { severity: "error", file: None, line: None, column: None, message, help: None });
    }
    list.extend(findings.left_out().iter().map(|(what, count)| left_out(what, *count)));
    list
}

fn left_out(what: &str, count: u64) -> Finding {
    let message = format!("left out: {count} {what}");
    Finding { severity: "left-out", file: None, line: None, column: None, message, help: None }
}
