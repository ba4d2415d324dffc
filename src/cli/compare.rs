//! `citytwin compare`: holds the variants of a scenario against each other over many runs.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::complaint;
use crate::city::network::cache::NetworkCache;
use crate::city::scenario::{self, LoadedScenario, Overrides, RUNS_MAX};
use crate::primitives::random::Seed;
use crate::primitives::text::{Findings, Place, Problem};
use crate::studies::comparison::{
    Completed, Design, Hold, Record, Share, Sweep, SweepError, Told, Variant, Verdict, complete,
};

/// An expectation does not hold.
pub(super) const UNMET: u8 = 3;

/// What `compare` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Scenario (.yaml) with `variants`
    file: PathBuf,
    /// Runs made side by side [default: one for each core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Seeds of the runs, `1..10`, or `3,7,20`, instead of the file's
    #[arg(long, value_parser = seeds)]
    seeds: Option<SeedList>,
    /// Make only this share of the first round of runs, for array jobs; a call without it makes what is missing and compares
    #[arg(long, value_name = "I/N", value_parser = share)]
    index: Option<Share>,
    /// Folder of the comparison; one that was interrupted goes on [default: outputs/<scenario>/comparison]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Let an expectation that cannot be said to hold count as one that does not
    #[arg(long)]
    strict: bool,
    /// Print the verdicts as one JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// Seeds of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SeedList(pub(super) Vec<u64>);

/// Reads `1..10` (both ends included) or `3,7,20`.
fn seeds(text: &str) -> Result<SeedList, String> {
    let number = |part: &str| part.trim().parse::<u64>().map_err(|_| format!("`{part}` is not a seed; write `1..10`"));
    let mut list: Vec<u64> = match text.split_once("..") {
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last.trim_start_matches('='))?);
            if last < first || last - first >= u64::from(RUNS_MAX) {
                return Err(format!("from the smaller to the larger, at most {RUNS_MAX} of them"));
            }
            (first..=last).collect()
        }
        None => text.split(',').map(number).collect::<Result<_, _>>()?,
    };
    let count = list.len();
    list.sort_unstable();
    list.dedup();
    if list.len() < count {
        return Err("a seed is given twice; the same run says nothing new".to_owned());
    }
    if !(2..=RUNS_MAX as usize).contains(&count) {
        return Err(format!("from two, without which there is no interval, to {RUNS_MAX}"));
    }
    Ok(SeedList(list))
}

/// Reads `3/10`.
fn share(text: &str) -> Result<Share, String> {
    let parts = text.split_once('/').and_then(|(i, n)| Some((i.trim().parse().ok()?, n.trim().parse().ok()?)));
    match parts {
        Some((number, of)) if number >= 1 && number <= of => Ok(Share { number, of }),
        _ => Err("write which share of how many, from `1/10` to `10/10`".to_owned()),
    }
}

/// Compares.
pub(super) fn compare(arguments: &Arguments) -> ExitCode {
    let interrupted = match super::interrupts() {
        Ok(interrupted) => interrupted,
        Err(code) => return code,
    };
    let cache = super::network_cache();
    let asked = Asked { file: &arguments.file, seeds: arguments.seeds.as_ref().map(|list| list.0.clone()) };
    let (design, base) = match asked.design(cache.as_ref()) {
        Ok(designed) => designed,
        Err(findings) => {
            complaint::tell(&findings);
            return ExitCode::from(super::INVALID);
        }
    };
    if base.variants.len() < 2 {
        complaint::tell(&nothing_to_compare(&arguments.file));
        return ExitCode::from(super::INVALID);
    }
    complaint::tell_left_out(&base.left_out);
    let folder = arguments.out.clone().unwrap_or_else(|| {
        let dir = base.outputs.dir.clone().unwrap_or_else(|| PathBuf::from("outputs"));
        dir.join(scenario::folder_name(&base.name)).join("comparison")
    });
    let made = make(&design, &base, &folder, arguments.jobs.map(usize::from), arguments.index, &interrupted);
    match made {
        Ok(Some(completed)) => tell(arguments, &completed, &folder),
        Ok(None) => super::print(&folder.display().to_string(), ExitCode::SUCCESS),
        Err(error) => failed(error),
    }
}

/// Refuses a scenario of which there is only the city as it is.
fn nothing_to_compare(file: &Path) -> Findings {
    let help = "write what is to be tried under `interventions`; `citytwin run` makes one run of the city as it is";
    let mut findings = Findings::default();
    findings.problem(Problem::new(Place::file(file), "there is nothing to compare: it has one variant").help(help));
    findings
}

/// Tells why a sweep did not come to its end.
pub(super) fn failed(error: SweepError) -> ExitCode {
    match error {
        SweepError::Invalid(findings) => {
            complaint::tell(&findings);
            ExitCode::from(super::INVALID)
        }
        SweepError::Interrupted => {
            super::tell(&SweepError::Interrupted.to_string());
            ExitCode::from(super::INTERRUPTED)
        }
        other => {
            super::tell(&format!("error: {other}"));
            ExitCode::from(super::FAILED)
        }
    }
}

/// A comparison that is asked for.
pub(super) struct Asked<'a> {
    /// The scenario file.
    pub(super) file: &'a Path,
    /// The command line's seeds.
    pub(super) seeds: Option<Vec<u64>>,
}

impl Asked<'_> {
    /// What is compared, and the city as it is; every variant is made once, so that all that is wrong is said before any run.
    pub(super) fn design(&self, cache: Option<&NetworkCache>) -> Result<(Design, LoadedScenario), Findings> {
        let loaded = scenario::load_with(self.file, &Overrides::default(), cache)?;
        let mut variants = Vec::new();
        let mut findings = Findings::default();
        for variant in &loaded.variants {
            match loaded.variant(&variant.name) {
                Ok(made) => variants.push(Variant::of(&made)),
                Err(wrong) => findings.absorb(wrong),
            }
        }
        if !findings.is_ok() {
            return Err(findings);
        }
        let base = loaded.variant(&loaded.comparison.against)?;
        let design = Design::new(self.file.to_owned(), &loaded, variants, self.seeds.clone());
        Ok((design, base))
    }
}

/// Makes the runs of a design and, unless only a share is asked for, compares them.
pub(super) fn make(
    design: &Design,
    base: &LoadedScenario,
    folder: &Path,
    jobs: Option<usize>,
    share: Option<Share>,
    interrupted: &AtomicBool,
) -> Result<Option<Completed>, SweepError> {
    let _hold = Hold::take(folder, share)?;
    let cache = super::network_cache();
    let load = |variant: &str, seed: u64| {
        let overrides = Overrides { seed: Some(Seed(seed)), threads: Some(1), ..Overrides::default() };
        scenario::load_with(&design.scenario, &overrides, cache.as_ref())?.variant(variant)
    };
    let identity = identity();
    let bar = progress_bar();
    let show = |told: Told| match told {
        Told::Planned { runs, kept } => {
            bar.set_length(runs as u64 * 1000);
            bar.set_position(0);
            bar.reset_eta();
            if kept > 0 && runs > 0 {
                super::tell(&format!("{kept} runs are there already; {runs} to be made"));
            }
        }
        Told::Advanced(thousandths) => bar.inc(thousandths),
        Told::Finished => bar.tick(),
    };
    let sweep = Sweep {
        design,
        folder,
        jobs: jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get)),
        identity: &identity,
        load: &load,
        interrupted: &|| interrupted.load(Ordering::SeqCst),
        tell: &show,
    };
    if let Some(share) = share {
        let made = sweep.share(share);
        bar.finish_and_clear();
        return made.map(|()| None);
    }
    let records: Result<Vec<Vec<Record>>, SweepError> = sweep.whole();
    bar.finish_and_clear();
    complete(design, &records?, &base.network, folder).map(Some)
}

/// What this program is, as far as results may depend on it: its version and a digest of its file, so that a build with other
/// code makes its runs anew.
fn identity() -> String {
    let version = format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let digest = std::env::current_exe().and_then(std::fs::read).map(|bytes| blake3::hash(&bytes).to_hex());
    digest.map_or(version.clone(), |digest| format!("{version} {digest}"))
}

/// A bar with the time left on a terminal, nothing elsewhere.
fn progress_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} %  {elapsed} gone, {eta} left") {
        bar.set_style(style);
    }
    bar
}

/// The verdicts, as programs read them.
#[derive(Debug, Serialize)]
struct Printed<'a> {
    folder: String,
    runs: &'a str,
    verdicts: &'a [String],
    expectations: Vec<Expected>,
}

#[derive(Debug, Serialize)]
struct Expected {
    variant: String,
    measure: String,
    condition: String,
    verdict: &'static str,
}

fn tell(arguments: &Arguments, completed: &Completed, folder: &Path) -> ExitCode {
    super::tell(&completed.rule);
    for verdict in &completed.verdicts {
        super::tell(verdict);
    }
    for gate in &completed.gates {
        let expectation = &gate.expectation;
        super::tell(&format!(
            "expected of {}: {} {}: {}",
            expectation.variant,
            expectation.measure,
            expectation.text,
            gate.verdict.name()
        ));
    }
    let unmet = |verdict| verdict == Verdict::Fails || arguments.strict && verdict == Verdict::Unsaid;
    let met = !completed.gates.iter().any(|gate| unmet(gate.verdict));
    let code = if met { ExitCode::SUCCESS } else { ExitCode::from(UNMET) };
    if !arguments.json {
        return super::print(&folder.display().to_string(), code);
    }
    let expected = |gate: &crate::studies::comparison::Gate| Expected {
        variant: gate.expectation.variant.clone(),
        measure: gate.expectation.measure.to_string(),
        condition: gate.expectation.text.clone(),
        verdict: gate.verdict.name(),
    };
    let printed = Printed {
        folder: folder.display().to_string(),
        runs: &completed.rule,
        verdicts: &completed.verdicts,
        expectations: completed.gates.iter().map(expected).collect(),
    };
    super::print(&super::json(&printed), code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range_or_a_list() {
        assert_eq!(seeds("1..3"), Ok(SeedList(vec![1, 2, 3])));
        assert_eq!(seeds("7..=8"), Ok(SeedList(vec![7, 8])));
        assert_eq!(seeds("20, 3"), Ok(SeedList(vec![3, 20])));
        for wrong in ["", "5", "3..1", "1..x", "2,2", "0..18446744073709551615", "1..1"] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_share_is_one_of_some() {
        assert_eq!(share("2/3"), Ok(Share { number: 2, of: 3 }));
        for wrong in ["", "0/3", "4/3", "1", "1/0", "-1/2", "a/b"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}
