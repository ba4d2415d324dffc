//! `citytwin fit`: the matrix of a scenario fitted to counts.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::new::{Draft, refuse_existing};
use crate::city::demand::fleet::kind;
use crate::city::demand::od::{Ground, Matrix, Zones, read_counts};
use crate::city::project::{self, FitWish};
use crate::city::routing::Router;
use crate::city::scenario::{self, DemandSource, OdSource, Overrides, Scenario};
use crate::primitives::VehicleClass;
use crate::primitives::text::{Findings, Place, Problem};

/// What `fit` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Scenario (.yaml) with a matrix among its demand
    file: PathBuf,
    /// Counts as CSV: road,from,to,vehicles
    #[arg(long, value_name = "FILE")]
    counts: PathBuf,
    /// Folder to make for `matrix.csv` and `counts.csv`; there must be none of that name yet
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Which matrix, if the scenario has several, from 1
    #[arg(long, value_name = "NUMBER")]
    matrix: Option<usize>,
    /// How much the matrix is doubted against the counts: its variance as a multiple of a Poisson number's
    #[arg(long, value_name = "FACTOR", default_value = "10", value_parser = doubt)]
    doubt: f64,
}

/// Fits.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    fit(arguments).unwrap_or_else(|code| code)
}

fn fit(arguments: &Arguments) -> Result<ExitCode, ExitCode> {
    super::understood(refuse_existing(&arguments.out))?;
    let scenario = super::understood(scenario::read(&arguments.file))?;
    let source = super::understood(chosen(&arguments.file, &scenario, arguments.matrix))?;
    let loaded = super::understood(scenario::load(&arguments.file, &Overrides::default()))?;
    let matrix = super::understood(Matrix::read(&source.matrix.path))?;
    let zones = super::understood(Zones::read(&source.zones.path, source.id.as_deref()))?;
    let counts = super::understood(read_counts(&arguments.counts, &loaded.network))?;
    let class = source.class.unwrap_or(VehicleClass::Passenger);
    let ground = Ground {
        network: &loaded.network,
        router: &Router::new(&loaded.network),
        places: loaded.places.as_ref(),
        zones: &zones,
        kind: &kind(class.name(), class),
        rim: source.rim,
    };
    let wish = FitWish {
        ground,
        matrix: &matrix,
        scale: source.scale,
        span: source.span.unwrap_or((scenario.start, scenario.end())),
        counts: &counts,
        counts_place: &Place::file(&arguments.counts),
        doubt: arguments.doubt,
    };
    let made = super::understood(project::fitted(&wish))?;
    let folder = Draft::new(&arguments.out)?;
    folder.write(&made)?;
    folder.keep(&arguments.out)?;
    for line in &made.told {
        super::tell(line);
    }
    if scenario.demand.len() > 1 {
        super::tell("note: the counts are taken to be of this matrix alone, not of the scenario's other demand");
    }
    Ok(super::print(&arguments.out.display().to_string(), ExitCode::SUCCESS))
}

/// The matrix that is meant.
fn chosen<'a>(file: &Path, scenario: &'a Scenario, number: Option<usize>) -> Result<&'a OdSource, Findings> {
    let matrices: Vec<&OdSource> = scenario
        .demand
        .iter()
        .filter_map(|source| match source {
            DemandSource::Od(source) => Some(source),
            _ => None,
        })
        .collect();
    let (message, help) = match (matrices.as_slice(), number) {
        ([one], None) => return Ok(one),
        ([], _) => ("has no matrix to fit".to_owned(), "add `- od: { matrix: ..., zones: ... }` to its demand"),
        (all, None) => (format!("has {} matrices", all.len()), "say which: `--matrix 1`"),
        (all, Some(number)) => match number.checked_sub(1).and_then(|at| all.get(at)) {
            Some(one) => return Ok(one),
            None => {
                (format!("has no matrix {number}, only {}", all.len()), "they count from 1, in the order of the file")
            }
        },
    };
    let mut findings = Findings::default();
    findings.problem(Problem::new(Place::file(file), message).help(help));
    Err(findings)
}

/// A factor of the command line.
fn doubt(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| (1e-3..=1e6).contains(number));
    number.ok_or_else(|| "a number from 0.001 to 1000000; 1 believes the matrix as much as the counts".to_owned())
}
