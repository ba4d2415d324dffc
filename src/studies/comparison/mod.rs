//! Variants of a city held against each other: many runs, and what their differences say.
//!
//! A [`Design`] says what is compared, a [`Sweep`] makes the runs and keeps each as a record, [`complete`] reads the records,
//! judges what was expected and writes the tables and the page. The same scenario gives the same bytes, on any number of cores,
//! at one go or after any interruption. Does not know how a city is loaded, what time it is, or who watches.

mod access;
mod air;
mod analysis;
mod areas;
mod calibration;
mod design;
mod exhaust;
mod files;
mod gates;
mod key;
mod measures;
mod observed;
mod page;
mod passengers;
mod record;
pub mod statistics;
mod sweep;
mod wording;

#[cfg(test)]
mod tests;

use std::path::Path;

pub use access::{Whose, Within};
pub use analysis::{AirMean, Analysis, ApproachMean, Finding, Gains, HourMean, Line, RoadMean, VariantResult, analyse};
pub use calibration::{Criterion, Fit, Flow, Journey};
pub use design::{Design, Seeds, Variant, Watched};
pub use files::{Again, FILES};
pub use gates::{Gate, Verdict};
pub use measures::LEVEL_LIMITS;
pub use record::{Record, Validity};
pub use sweep::{Hold, Load, Share, Sweep, SweepError, Told};

use crate::city::network::Network;
use crate::city::scenario::LoadedScenario;
use crate::simulation::outcome::Outcome;
use crate::studies::experiment::WriteError;
use crate::studies::observation::Observed;

/// Every measure of a run that nobody watched, by its name: what its record keeps.
pub fn measures_of(loaded: &LoadedScenario, outcome: &Outcome) -> std::collections::BTreeMap<String, f64> {
    measures::of(loaded, outcome, &Observed::default())
}

/// A finished comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Completed {
    /// What the runs say.
    pub analysis: Analysis,
    /// What was expected, with verdicts.
    pub gates: Vec<Gate>,
    /// The verdict on each variant but the base, in a sentence.
    pub verdicts: Vec<String>,
    /// How many runs were made, and why.
    pub rule: String,
}

/// Analyses the runs of a design and writes what they come to into the comparison's folder; `network` is the base's.
///
/// # Errors
/// When details of a run cannot be read or a file cannot be written.
pub fn complete(
    design: &Design,
    records: &[Vec<Record>],
    network: &Network,
    folder: &Path,
) -> Result<Completed, SweepError> {
    let analysis = analyse(design, folder, records)?;
    let gates = gates::judge(design, records, &analysis);
    let whole = files::Whole { design, records, analysis: &analysis, gates: &gates };
    let page = page::render(&whole, network)
        .map_err(|source| SweepError::Write(WriteError { path: folder.join("report.html"), source }))?;
    files::write(&whole, &page, folder)?;
    let others = design.variants.iter().zip(&analysis.variants).skip(1);
    let verdicts = others.map(|(variant, result)| wording::verdict(design, &variant.name, result)).collect();
    let rule = files::rule(&whole);
    Ok(Completed { analysis, gates, verdicts, rule })
}
