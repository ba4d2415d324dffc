//! What is compared: variants, seeds, and how many runs are enough.
//!
//! Taken from the scenario and the command line before anything runs, and never from results, except for one rule that is
//! stated in the report: runs are added until the intervals of the watched measures are narrow enough, or there are as many as
//! allowed. Runs nothing.

use std::path::PathBuf;
use std::sync::Arc;

use super::key;
use super::record::Record;
use super::statistics::paired::{Paired, moments, runs_needed};
use crate::city::scenario::indicators::Measure;
use crate::city::scenario::{Access, Calibration, Comparison, InputFile, LoadedScenario, Subject};

/// A variant of the scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// What is different in it, in words; nothing for the base.
    pub changes: Vec<String>,
    /// Digest of the city it makes with the scenario's own seed: what files it was drawn from does not matter.
    pub city: String,
}

impl Variant {
    /// A variant as it was made.
    pub fn of(made: &LoadedScenario) -> Self {
        Self { name: made.variant.clone(), changes: made.resolved.interventions.clone(), city: key::of_city("", made) }
    }
}

/// Which seeds every variant is run with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seeds {
    /// These, and no others.
    Exactly(Vec<u64>),
    /// From this one on, as many as it takes within the scenario's bounds.
    AsNeeded(u64),
}

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Design {
    /// The scenario file, as it was named.
    pub scenario: PathBuf,
    /// Name of the scenario.
    pub title: String,
    /// The question it asks.
    pub question: Option<String>,
    /// The variants, the one the others are held against first.
    pub variants: Vec<Variant>,
    /// Which seeds.
    pub seeds: Seeds,
    /// How they are compared, and what is expected.
    pub rules: Comparison,
    /// Every file that was read for the variant the others are held against.
    pub files: Vec<InputFile>,
    /// What was counted and measured, if tables are named.
    pub calibration: Option<Arc<Calibration>>,
    /// From where people get to how many jobs, if that is asked for.
    pub access: Option<Arc<Access>>,
}

impl Design {
    /// The comparison a scenario asks for, of the `variants` given in the file's order; `seeds` are the command line's.
    pub fn new(
        scenario: PathBuf,
        loaded: &LoadedScenario,
        mut variants: Vec<Variant>,
        seeds: Option<Vec<u64>>,
    ) -> Self {
        let rules = loaded.comparison.clone();
        variants.sort_by_key(|variant| variant.name != rules.against);
        let seeds =
            seeds.or_else(|| rules.seeds.clone()).map_or(Seeds::AsNeeded(loaded.settings.seed.0), Seeds::Exactly);
        Self {
            scenario,
            title: loaded.name.clone(),
            question: loaded.question.clone(),
            variants,
            seeds,
            rules,
            files: loaded.files.clone(),
            calibration: loaded.calibration.clone(),
            access: loaded.access.clone(),
        }
    }

    /// The variant the others are held against.
    pub fn base(&self) -> &Variant {
        &self.variants[0]
    }

    /// The seeds to begin with.
    pub(super) fn first_seeds(&self) -> Vec<u64> {
        match &self.seeds {
            Seeds::Exactly(seeds) => seeds.clone(),
            Seeds::AsNeeded(first) => following(*first, self.rules.runs_min as usize),
        }
    }

    /// Whether so many runs may be followed by more.
    pub(super) fn may_grow(&self, runs: usize) -> bool {
        matches!(self.seeds, Seeds::AsNeeded(_)) && runs < self.rules.runs_max as usize
    }

    /// The seeds of the next round, when the runs made so far are not enough; `records` are by variant, then by seed.
    pub(super) fn more_seeds(&self, records: &[Vec<Record>]) -> Option<Vec<u64>> {
        let Seeds::AsNeeded(first) = self.seeds else { return None };
        let runs = records.first()?.len();
        let wanted = self.watched(records).into_iter().map(|watched| watched.needed).max().unwrap_or(0);
        // Never more than twice as many at once: the deviation that says how many is an estimate itself.
        let next = wanted.min(runs * 2).min(self.rules.runs_max as usize);
        (next > runs).then(|| following(first, next))
    }

    /// The measures that decide how many runs are made, by variant, with how many it takes.
    pub fn watched(&self, records: &[Vec<Record>]) -> Vec<Watched> {
        let Some((base, others)) = records.split_first() else { return Vec::new() };
        let mut watched = Vec::new();
        for (variant, runs) in self.variants[1..].iter().zip(others) {
            for &measure in &self.rules.headlines {
                watched.extend(self.of_difference(base, runs, &variant.name, measure));
            }
        }
        for expectation in &self.rules.expectations {
            let Some(place) = self.variants.iter().position(|variant| variant.name == expectation.variant) else {
                continue;
            };
            let (runs, name, measure) = (&records[place], &expectation.variant, expectation.measure);
            let one = match expectation.subject {
                Subject::Value => self.of_value(runs, name, measure),
                Subject::Change | Subject::RelativeChange => self.of_difference(base, runs, name, measure),
            };
            watched.extend(one.filter(|one| !watched.contains(one)));
        }
        watched
    }

    fn of_difference(&self, base: &[Record], runs: &[Record], variant: &str, measure: Measure) -> Option<Watched> {
        let pairs = pairs(base, runs, measure);
        let paired = Paired::of(&pairs, self.rules.confidence)?;
        let needed =
            runs_needed(pairs.len(), paired.deviation, paired.base.value, self.rules.precision, self.rules.confidence);
        Some(Watched { variant: variant.to_owned(), measure, runs: pairs.len(), needed })
    }

    fn of_value(&self, runs: &[Record], variant: &str, measure: Measure) -> Option<Watched> {
        let values = values(runs, measure);
        if values.is_empty() {
            return None;
        }
        let (mean, deviation) = moments(&values);
        let needed = runs_needed(values.len(), deviation, mean, self.rules.precision, self.rules.confidence);
        Some(Watched { variant: variant.to_owned(), measure, runs: values.len(), needed })
    }
}

/// A measure that decides how many runs are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Of this variant.
    pub variant: String,
    /// The measure.
    pub measure: Measure,
    /// Runs it was measured in.
    pub runs: usize,
    /// Runs it takes for the precision asked for, by what those say.
    pub needed: usize,
}

/// The values of a measure, over the runs that have one.
pub(super) fn values(runs: &[Record], measure: Measure) -> Vec<f64> {
    let name = measure.to_string();
    runs.iter().filter_map(|run| run.measures.get(&name).copied()).collect()
}

/// The values of a measure in runs of the same seed, where both have one.
pub(super) fn pairs(base: &[Record], runs: &[Record], measure: Measure) -> Vec<(f64, f64)> {
    let name = measure.to_string();
    base.iter()
        .zip(runs)
        .filter(|(base, run)| base.seed == run.seed)
        .filter_map(|(base, run)| base.measures.get(&name).copied().zip(run.measures.get(&name).copied()))
        .collect()
}

fn following(first: u64, count: usize) -> Vec<u64> {
    (0..count as u64).map(|more| first.wrapping_add(more)).collect()
}
