//! The manifest of a run: everything needed to make it again and to judge whether to trust it, as `manifest.json`.
//!
//! The one place below the front door that may know the clock on the wall: it says when a run was made, in no result. CPU time
//! is read from the operating system where it tells, and left out elsewhere.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::page;
use super::summary::Summary;
use crate::city::scenario::{LoadedScenario, Resolved};

/// What the front door knows about the program's call.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// The words of the command line.
    pub command: Vec<String>,
    /// When the run began on the wall.
    pub began: SystemTime,
    /// User CPU time spent loading, if known [s].
    pub loading_cpu_s: Option<f64>,
    /// The saved state that the run goes on from instead of from its beginning.
    pub from: Option<std::path::PathBuf>,
}

impl Default for Program {
    /// A call without words at the beginning of time, for runs that leave no manifest.
    fn default() -> Self {
        Self { command: Vec::new(), began: UNIX_EPOCH, loading_cpu_s: None, from: None }
    }
}

/// Everything needed to make a run again and to judge it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Manifest<'a> {
    program: About,
    command: &'a [String],
    began_utc: String,
    scenario: &'a Resolved,
    begin: String,
    end: String,
    measured_from: String,
    seed: u64,
    threads: usize,
    inputs: Vec<Input>,
    /// The saved state it went on from.
    #[serde(skip_serializing_if = "Option::is_none")]
    went_on_from: Option<WentOnFrom>,
    /// The orders that changed its city while it ran; it is made again by replaying them.
    #[serde(skip_serializing_if = "Option::is_none")]
    orders: Option<Ordered>,
    left_out: &'a std::collections::BTreeMap<String, u64>,
    validity: Vec<Flag>,
    results: &'a Summary,
    user_cpu_s: Cpu,
    files: &'a [String],
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct About {
    name: &'static str,
    version: &'static str,
    rust_version_min: &'static str,
    platform: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Input {
    path: String,
    blake3: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct WentOnFrom {
    path: String,
    blake3: String,
    time: String,
}

/// The orders a run was given.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Ordered {
    /// Their file in the run's folder.
    pub file: String,
    /// How many changed the city.
    pub count: u64,
}

/// A question that a run answers with yes before it is trusted.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Flag {
    question: &'static str,
    ok: bool,
    count: u64,
}

/// User CPU seconds of the phases of a run; without those of writing this file.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub(super) struct Cpu {
    /// Reading files and making up travellers.
    pub loading: Option<f64>,
    /// The step loop, trajectories written on the way included.
    pub simulating: Option<f64>,
    /// Tables and the report.
    pub writing: Option<f64>,
}

impl<'a> Manifest<'a> {
    /// Gathers it.
    pub(super) fn of(
        loaded: &'a LoadedScenario,
        about: &page::About<'a>,
        results: &'a Summary,
        (span, orders): ((String, String), Option<Ordered>),
        cpu: Cpu,
        files: &'a [String],
    ) -> Self {
        let program = about.program;
        Self {
            program: About {
                name: env!("CARGO_PKG_NAME"),
                version: env!("CARGO_PKG_VERSION"),
                rust_version_min: env!("CARGO_PKG_RUST_VERSION"),
                platform: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            },
            command: &program.command,
            began_utc: utc(program.began).iso(),
            scenario: &loaded.resolved,
            begin: span.0,
            end: span.1,
            measured_from: loaded.measured_from.to_string(),
            seed: loaded.settings.seed.0,
            threads: loaded.settings.threads,
            inputs: loaded
                .files
                .iter()
                .map(|file| Input { path: file.path.display().to_string(), blake3: file.blake3.clone() })
                .collect(),
            went_on_from: about.continued.map(|state| WentOnFrom {
                path: state.path.display().to_string(),
                blake3: state.blake3.clone(),
                time: state.time.to_string(),
            }),
            orders,
            left_out: &loaded.left_out,
            validity: validity(results),
            results,
            user_cpu_s: cpu,
            files,
        }
    }
}

fn validity(results: &Summary) -> Vec<Flag> {
    let laws = &results.laws;
    let other_laws =
        laws.conservation + laws.jump + laws.conflicting_greens + laws.departures + laws.calls + laws.chain;
    let mut flags = [
        ("ran to its end", u64::from(results.interrupted)),
        ("everybody arrived", results.running.into()),
        ("nobody waits to enter at the end", results.waiting_to_enter.into()),
        ("nobody was moved as a last resort", results.last_resort_moves.into()),
        ("no vehicles overlapped", laws.overlap),
        ("every other law was kept", other_laws),
    ]
    .map(|(question, count)| Flag { question, ok: count == 0, count })
    .to_vec();
    if let Some(equilibrium) = &results.equilibrium {
        let count = u64::from(!equilibrium.reached);
        flags.push(Flag { question: "ways reached the gap that was asked for", ok: count == 0, count });
    }
    flags
}

/// The name of a run's folder: when it was made (UTC) and its seed, so that names sort by time.
pub fn run_id(began: SystemTime, seed: u64) -> String {
    let at = utc(began);
    let (h, m, s) = at.clock;
    format!("{:04}{:02}{:02}-{h:02}{m:02}{s:02}-s{seed}", at.date.0, at.date.1, at.date.2)
}

/// User CPU time of this process so far, all threads together [s]; none where the system does not tell.
pub fn user_cpu_seconds() -> Option<f64> {
    // `utime` is field 14; the command name in field 2 may contain spaces but ends at the last parenthesis. Linux counts it in
    // ticks of 1/100 s on every platform (`USER_HZ`).
    let stat = std::fs::read_to_string(Path::new("/proc/self/stat")).ok()?;
    let ticks: f64 = stat.rsplit_once(')')?.1.split_whitespace().nth(11)?.parse().ok()?;
    Some(ticks / 100.0)
}

/// A moment in Coordinated Universal Time.
struct Utc {
    date: (i64, u64, u64),
    clock: (u64, u64, u64),
}

impl Utc {
    fn iso(&self) -> String {
        let ((year, month, day), (h, m, s)) = (self.date, self.clock);
        format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}Z")
    }
}

/// The calendar date by Hinnant (2013), "chrono-compatible low-level date algorithms", `civil_from_days`.
fn utc(moment: SystemTime) -> Utc {
    let seconds = moment.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = i64::try_from(year_of_era + era * 400).unwrap_or(i64::MAX) + i64::from(month <= 2);
    Utc { date: (year, month, day), clock: (rest / 3600, rest / 60 % 60, rest % 60) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn run_ids_sort_by_time_and_carry_the_seed() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(run_id(at(1_795_242_615), 42), "20261121-063015-s42");
        assert_eq!(utc(at(0)).iso(), "1970-01-01T00:00:00Z");
        assert_eq!(utc(at(951_782_400)).iso(), "2000-02-29T00:00:00Z");
        assert!(run_id(at(1_795_242_615), 9) < run_id(at(1_795_242_616), 1));
    }

    #[test]
    fn cpu_time_is_known_on_linux() {
        assert_eq!(user_cpu_seconds().is_some(), cfg!(target_os = "linux"));
    }
}
