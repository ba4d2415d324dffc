//! The files a comparison leaves besides its page: everything as JSON, a tidy table of measures, and a table of runs.
//!
//! The same runs give the same bytes: nothing here knows when, where, on how many cores or in which folder they were made.

use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::access::{self, Whose, Within};
use super::analysis::{Analysis, Gains, Line, VariantResult};
use super::design::{Design, Seeds};
use super::gates::Gate;
use super::record::Record;
use super::statistics::paired::Interval;
use super::wording;
use crate::city::scenario::Access;
use crate::city::scenario::indicators::Measure;
use crate::simulation::outcome::{Convergence, Prediction};
use crate::studies::experiment::{Gridlock, WriteError, write_file};

/// Names of the files that are the same whenever the comparison is made again.
pub const FILES: [&str; 4] = ["comparison.json", "comparison.csv", "runs.csv", "report.html"];

/// Everything a comparison came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole<'a> {
    /// What was compared.
    pub design: &'a Design,
    /// Its runs by variant, then by seed.
    pub records: &'a [Vec<Record>],
    /// What they say.
    pub analysis: &'a Analysis,
    /// What was expected.
    pub gates: &'a [Gate],
}

/// What it takes to make a comparison again, as `comparison.json` says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Again {
    /// The scenario file, as it was named.
    pub scenario: String,
    /// The seeds that the command line named, if any.
    pub seeds: Option<Vec<u64>>,
    /// The program and its version.
    pub program: String,
    /// The command.
    pub command: String,
    /// Every file that was read, with its BLAKE3.
    pub files: Vec<(String, String)>,
}

impl Again {
    /// What it takes to make a design again.
    pub fn of(design: &Design) -> Self {
        let scenario = design.scenario.display().to_string();
        let seeds = match &design.seeds {
            Seeds::Exactly(seeds) if design.rules.seeds.as_ref() != Some(seeds) => Some(seeds.clone()),
            _ => None,
        };
        let words = seeds.as_ref().map_or(String::new(), |seeds| {
            let list: Vec<String> = seeds.iter().map(u64::to_string).collect();
            format!(" --seeds {}", list.join(","))
        });
        Self {
            command: format!("citytwin compare {scenario}{words}"),
            scenario,
            seeds,
            program: format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
            files: design.files.iter().map(|file| (file.path.display().to_string(), file.blake3.clone())).collect(),
        }
    }
}

/// How many runs were made, and why.
pub(super) fn rule(whole: &Whole<'_>) -> String {
    let runs = whole.analysis.seeds.len();
    let rules = &whole.design.rules;
    match whole.design.seeds {
        Seeds::Exactly(_) => format!("{runs} runs of every variant, with the seeds that were asked for"),
        Seeds::AsNeeded(_) => {
            let short = whole.design.watched(whole.records).iter().filter(|one| one.needed > one.runs).count();
            let reached = if short == 0 {
                "reached".to_owned()
            } else {
                format!("not reached for {short} of the watched measures within {} runs", rules.runs_max)
            };
            format!(
                "{runs} runs of every variant: at least {}, and more until half of every watched interval is at most {} % of the \
                 base's mean ({reached})",
                rules.runs_min,
                rules.precision * 100.0
            )
        }
    }
}

#[derive(Serialize)]
struct Document<'a> {
    again: Again,
    title: &'a str,
    question: Option<&'a str>,
    against: &'a str,
    seeds: &'a [u64],
    runs: String,
    confidence: f64,
    noticeable_s: f64,
    currency: Option<&'a str>,
    variants: Vec<VariantPart<'a>>,
    expectations: Vec<GatePart<'a>>,
    calibration: Option<&'a super::calibration::Fit>,
}

#[derive(Serialize)]
struct VariantPart<'a> {
    name: &'a str,
    changes: &'a [String],
    verdict: Option<String>,
    validity: Vec<ValidityPart<'a>>,
    measures: Vec<LinePart>,
    means: Vec<(String, f64)>,
    gains: Vec<GainsPart<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    access: Vec<AccessPart>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gains_by_group: Vec<GroupPart>,
    levels_of_service: [f64; 6],
    queues: Vec<QueuePart<'a>>,
    noise_at_10_m: &'a std::collections::BTreeMap<String, f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    crossings: Vec<CrossingPart<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    air_at_10_m: Vec<AirPart<'a>>,
}

#[derive(Serialize)]
struct QueuePart<'a> {
    road: &'a str,
    mean_m: f64,
    p95_m: f64,
    longest_m: f64,
    spill_back_s: f64,
}

#[derive(Serialize)]
struct CrossingPart<'a> {
    junction: &'a str,
    critical_per_h: f64,
    close_per_h: f64,
}

#[derive(Serialize)]
struct AirPart<'a> {
    road: &'a str,
    nox_emitted_g_per_km_and_hour: f64,
    nox_added_ug_m3: f64,
    nox_added_highest_hour_ug_m3: f64,
    exhaust_particles_added_highest_hour_ug_m3: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    no2_highest_hour_ug_m3: Option<f64>,
}

#[derive(Serialize)]
struct ValidityPart<'a> {
    seed: u64,
    #[serde(flatten)]
    validity: super::record::Validity,
    gridlock: Option<&'a Gridlock>,
    #[serde(skip_serializing_if = "Option::is_none")]
    convergence: Option<&'a Convergence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prediction: Option<Prediction>,
    warm_up_s: [Option<f64>; 2],
    city: &'a str,
    state: &'a str,
}

#[derive(Serialize)]
struct Ends {
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
}

impl From<Interval> for Ends {
    fn from(interval: Interval) -> Self {
        Self { value: interval.value, low: interval.ends.map(|e| e.0), high: interval.ends.map(|e| e.1) }
    }
}

#[derive(Serialize)]
struct LinePart {
    measure: String,
    unit: &'static str,
    better: &'static str,
    runs: usize,
    base: Ends,
    variant: Ends,
    difference: Ends,
    relative: Option<Ends>,
    bootstrap: Option<(f64, f64)>,
    cohen_dz: Option<f64>,
    hedges_g: Option<f64>,
    p: Option<f64>,
    p_adjusted: Option<f64>,
    p_worse: Option<f64>,
    finding: &'static str,
}

impl From<&Line> for LinePart {
    fn from(line: &Line) -> Self {
        let (quantity, paired) = (line.measure.quantity(), &line.paired);
        Self {
            measure: line.measure.to_string(),
            unit: quantity.unit.symbol(),
            better: quantity.better.name(),
            runs: paired.runs,
            base: paired.base.into(),
            variant: paired.variant.into(),
            difference: paired.difference.into(),
            relative: paired.relative.map(Ends::from),
            bootstrap: line.bootstrap,
            cohen_dz: paired.cohen_dz,
            hedges_g: paired.hedges_g,
            p: paired.p,
            p_adjusted: line.p_adjusted,
            p_worse: line.p_worse,
            finding: line.finding.name(),
        }
    }
}

#[derive(Serialize)]
struct GainsPart<'a> {
    area: &'a str,
    trips: f64,
    faster: Ends,
    slower: Ends,
    change_s: Ends,
}

impl<'a> From<&'a Gains> for GainsPart<'a> {
    fn from(gains: &'a Gains) -> Self {
        Self {
            area: if gains.area.is_empty() { "everywhere" } else { &gains.area },
            trips: gains.trips,
            faster: gains.faster.into(),
            slower: gains.slower.into(),
            change_s: gains.change.into(),
        }
    }
}

/// Who gets to how many of all jobs within a time, as shares.
#[derive(Serialize)]
struct AccessPart {
    #[serde(flatten)]
    whose: WhosePart,
    people: f64,
    within_s: f64,
    base: Ends,
    variant: Ends,
    difference: Ends,
}

/// Everybody where it says nothing.
#[derive(Serialize)]
struct WhosePart {
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
}

/// Trips by group of the people where they begin.
#[derive(Serialize)]
struct GroupPart {
    group: String,
    trips: f64,
    faster: Ends,
    slower: Ends,
    change_s: Ends,
}

impl WhosePart {
    fn of(access: &Access, whose: &Whose) -> Self {
        let name = || Some(access::name(access, whose));
        match whose {
            Whose::Everybody => Self { zone: None, group: None },
            Whose::Zone(_) => Self { zone: name(), group: None },
            Whose::Group(..) => Self { zone: None, group: name() },
        }
    }
}

/// What `comparison.json` says of a variant's access, and of the trips of groups.
fn access_parts(whole: &Whole<'_>, result: &VariantResult) -> (Vec<AccessPart>, Vec<GroupPart>) {
    let Some(access) = whole.design.access.as_deref() else { return (Vec::new(), Vec::new()) };
    let part = |line: &Within| AccessPart {
        whose: WhosePart::of(access, &line.whose),
        people: line.people,
        within_s: access.within.get(line.limit).map_or(0.0, |within| within.as_seconds()),
        base: line.base.into(),
        variant: line.variant.into(),
        difference: line.difference.into(),
    };
    let group = |((division, group), gains): &((usize, usize), Gains)| GroupPart {
        group: access::name(access, &Whose::Group(*division, *group)),
        trips: gains.trips,
        faster: gains.faster.into(),
        slower: gains.slower.into(),
        change_s: gains.change.into(),
    };
    (result.access.iter().map(part).collect(), result.group_gains.iter().map(group).collect())
}

#[derive(Serialize)]
struct GatePart<'a> {
    variant: &'a str,
    measure: String,
    condition: &'a str,
    found: Option<Ends>,
    verdict: &'static str,
}

fn crossings(result: &VariantResult) -> Vec<CrossingPart<'_>> {
    let parts = result.crossings.iter().map(|(junction, (critical, close))| CrossingPart {
        junction,
        critical_per_h: *critical,
        close_per_h: *close,
    });
    parts.collect()
}

fn air(result: &VariantResult) -> Vec<AirPart<'_>> {
    let parts = result.air.iter().map(|(road, air)| AirPart {
        road,
        nox_emitted_g_per_km_and_hour: air.emitted,
        nox_added_ug_m3: air.added,
        nox_added_highest_hour_ug_m3: air.highest,
        exhaust_particles_added_highest_hour_ug_m3: air.particles,
        no2_highest_hour_ug_m3: air.dioxide,
    });
    parts.collect()
}

/// Writes everything as JSON.
fn json(whole: &Whole<'_>, out: &mut dyn Write) -> io::Result<()> {
    let design = whole.design;
    let variants = design.variants.iter().enumerate().map(|(place, variant)| {
        let (records, result) = (&whole.records[place], &whole.analysis.variants[place]);
        let (access, gains_by_group) = access_parts(whole, result);
        let mean = |measure: Measure| {
            let values = super::design::values(records, measure);
            (!values.is_empty()).then(|| (measure.to_string(), super::statistics::paired::moments(&values).0))
        };
        VariantPart {
            name: &variant.name,
            changes: &variant.changes,
            verdict: (place > 0).then(|| wording::verdict(design, &variant.name, result)),
            validity: records
                .iter()
                .map(|run| ValidityPart {
                    seed: run.seed,
                    validity: run.validity,
                    gridlock: run.gridlock.as_ref(),
                    convergence: run.convergence.as_ref(),
                    prediction: run.prediction,
                    warm_up_s: run.warm_up_s,
                    city: &run.city,
                    state: &run.state,
                })
                .collect(),
            measures: result.lines.iter().map(LinePart::from).collect(),
            means: Measure::all().filter_map(mean).collect(),
            gains: result.gains.iter().map(GainsPart::from).collect(),
            access,
            gains_by_group,
            levels_of_service: result.levels,
            noise_at_10_m: &result.noise,
            crossings: crossings(result),
            air_at_10_m: air(result),
            queues: result
                .approaches
                .iter()
                .map(|(road, one)| QueuePart {
                    road,
                    mean_m: one.mean,
                    p95_m: one.p95,
                    longest_m: one.max,
                    spill_back_s: one.spill_back,
                })
                .collect(),
        }
    });
    let expectations = whole.gates.iter().map(|gate| GatePart {
        variant: &gate.expectation.variant,
        measure: gate.expectation.measure.to_string(),
        condition: &gate.expectation.text,
        found: gate.found.map(Ends::from),
        verdict: gate.verdict.name(),
    });
    let document = Document {
        again: Again::of(design),
        title: &design.title,
        question: design.question.as_deref(),
        against: &design.rules.against,
        seeds: &whole.analysis.seeds,
        runs: rule(whole),
        confidence: design.rules.confidence,
        noticeable_s: design.rules.noticeable.as_seconds(),
        currency: Some(design.rules.effects.currency()).filter(|currency| !currency.is_empty()),
        variants: variants.collect(),
        expectations: expectations.collect(),
        calibration: whole.analysis.fit.as_ref(),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

/// A number of a table; empty where there is none.
fn cell(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map(|value| value.to_string()).unwrap_or_default()
}

/// Writes the tidy table: a row for each variant and measure.
fn table(whole: &Whole<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record([
        "variant",
        "measure",
        "unit",
        "better",
        "runs",
        "base_mean",
        "variant_mean",
        "difference",
        "difference_low",
        "difference_high",
        "relative",
        "relative_low",
        "relative_high",
        "bootstrap_low",
        "bootstrap_high",
        "cohen_dz",
        "hedges_g",
        "p",
        "p_holm",
        "p_worse",
        "finding",
    ])?;
    for (variant, result) in whole.design.variants.iter().zip(&whole.analysis.variants) {
        for line in &result.lines {
            let (quantity, paired) = (line.measure.quantity(), &line.paired);
            let (low, high) = paired.difference.ends.unzip();
            let relative_ends = paired.relative.and_then(|relative| relative.ends);
            let numbers = [
                Some(paired.base.value),
                Some(paired.variant.value),
                Some(paired.difference.value),
                low,
                high,
                paired.relative.map(|relative| relative.value),
                relative_ends.map(|ends| ends.0),
                relative_ends.map(|ends| ends.1),
                line.bootstrap.map(|ends| ends.0),
                line.bootstrap.map(|ends| ends.1),
                paired.cohen_dz,
                paired.hedges_g,
                paired.p,
                line.p_adjusted,
                line.p_worse,
            ];
            let mut row = vec![
                variant.name.clone(),
                line.measure.to_string(),
                quantity.unit.symbol().to_owned(),
                quantity.better.name().to_owned(),
                paired.runs.to_string(),
            ];
            row.extend(numbers.map(cell));
            row.push(line.finding.name().to_owned());
            csv.write_record(&row)?;
        }
    }
    csv.flush()
}

/// Writes the table of runs: a row for each, with every measure that any run has.
fn runs(whole: &Whole<'_>, out: &mut dyn Write) -> io::Result<()> {
    let all = || whole.records.iter().flatten();
    let measures: Vec<String> = Measure::all()
        .map(|measure| measure.to_string())
        .filter(|name| all().any(|run| run.measures.contains_key(name)))
        .collect();
    let mut csv = csv::Writer::from_writer(out);
    let head = ["variant", "seed", "city", "state", "due", "backlog_max", "gave_up", "laws_broken", "stuck_since_s"];
    csv.write_record(head.into_iter().chain(measures.iter().map(String::as_str)))?;
    for run in all() {
        let validity = run.validity;
        let mut row = vec![
            run.variant.clone(),
            run.seed.to_string(),
            run.city.clone(),
            run.state.clone(),
            validity.due.to_string(),
            validity.backlog_max.to_string(),
            validity.gave_up.to_string(),
            validity.laws_broken.to_string(),
            cell(run.gridlock.as_ref().map(|gridlock| gridlock.since_s)),
        ];
        row.extend(measures.iter().map(|name| cell(run.measures.get(name).copied())));
        csv.write_record(&row)?;
    }
    csv.flush()
}

/// Writes the files into a comparison's folder; `page` is that of its report.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write(whole: &Whole<'_>, page: &str, folder: &Path) -> Result<(), WriteError> {
    write_file(&folder.join("comparison.csv"), |out| table(whole, out))?;
    write_file(&folder.join("runs.csv"), |out| runs(whole, out))?;
    write_file(&folder.join("report.html"), |out| out.write_all(page.as_bytes()))?;
    // Last of all, so that a folder with it is a whole comparison.
    write_file(&folder.join("comparison.json"), |out| json(whole, out))
}
