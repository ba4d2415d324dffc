//! `cargo xtask compare-sumo`: the same scenarios, here and in SUMO.
//!
//! Runs each scenario with three seeds and holds arrivals and mean trip duration against the means of SUMO's own runs over many
//! seeds. The data lies beside the checkout (`../shared`, or where `CITYTWIN_SHARED` points) and is only read.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::{cargo, root};

const SEEDS: [u64; 3] = [1, 2, 3];
/// Fewest arrivals, as a share of SUMO's.
const ARRIVED_MIN: f64 = 0.95;
/// Farthest the mean duration may be off, as a share of SUMO's.
const DURATION_OFF_MAX: f64 = 0.15;
/// Longest a run may take; every scenario takes a small part of it.
const RUN_MAX: Duration = Duration::from_mins(5);
/// Scenarios whose figures have to agree; the others have to run to their end.
const COMPARED: [&str; 5] = ["cologne1", "cologne8", "ingolstadt1", "ingolstadt7", "bologna_acosta"];
const RUN_ONLY: [&str; 2] = ["bologna_joined", "wildau"];

/// What one run leaves.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    arrived: f64,
    duration_mean: f64,
    overlaps: f64,
    last_resort_moves: f64,
}

/// A row of the table.
struct Row {
    scenario: String,
    figure: &'static str,
    ours: f64,
    sumo: Option<f64>,
    ok: bool,
}

fn shared() -> PathBuf {
    std::env::var_os("CITYTWIN_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from)
}

/// Whether there is anything to compare with.
pub(crate) fn data_is_there() -> bool {
    shared().join("data/sumo").is_dir() && shared().join("reference/sumo_summary.csv").is_file()
}

/// Compares the scenarios named, or all; whether every figure is within its bounds.
pub(crate) fn compare(scenarios: &[&str]) -> bool {
    if !data_is_there() {
        eprintln!("no scenarios and reference in {}", shared().display());
        return false;
    }
    let known: Vec<&str> = COMPARED.iter().chain(&RUN_ONLY).copied().collect();
    if let Some(unknown) = scenarios.iter().find(|name| !known.contains(name)) {
        eprintln!("no scenario `{unknown}`; there are {}", known.join(", "));
        return false;
    }
    if !cargo(&["build", "--release", "--quiet"], &[]) {
        return false;
    }
    let reference = match std::fs::read_to_string(shared().join("reference/sumo_summary.csv")) {
        Ok(text) => read_reference(&text),
        Err(error) => {
            eprintln!("the reference cannot be read: {error}");
            return false;
        }
    };
    let mut rows = Vec::new();
    let mut sound = true;
    for name in known.into_iter().filter(|name| scenarios.is_empty() || scenarios.contains(name)) {
        match mean_of_runs(name) {
            Ok(figures) => rows.extend(judge(name, figures, &reference)),
            Err(reason) => {
                println!("{name}: {reason}");
                sound = false;
            }
        }
    }
    println!("{:<16} {:<18} {:>10} {:>10} {:>8}  ok", "scenario", "figure", "ours", "SUMO", "off %");
    for Row { scenario, figure, ours, sumo, ok } in &rows {
        let theirs = sumo.map_or("-".to_owned(), |value| format!("{value:.1}"));
        let off = sumo
            .filter(|value| *value > 0.0)
            .map_or("-".to_owned(), |value| format!("{:+.1}", (ours / value - 1.0) * 100.0));
        println!("{scenario:<16} {figure:<18} {ours:>10.1} {theirs:>10} {off:>8}  {}", if *ok { "yes" } else { "NO" });
    }
    sound && rows.iter().all(|row| row.ok)
}

/// SUMO's means by scenario and figure.
fn read_reference(text: &str) -> BTreeMap<(String, String), f64> {
    let mut reference = BTreeMap::new();
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        if let [scenario, figure, mean, ..] = cells[..]
            && let Ok(mean) = mean.parse()
        {
            reference.insert((scenario.to_owned(), figure.to_owned()), mean);
        }
    }
    reference
}

fn judge(name: &str, ours: Figures, reference: &BTreeMap<(String, String), f64>) -> Vec<Row> {
    let compared = COMPARED.contains(&name);
    let sumo = |figure: &str| reference.get(&(name.to_owned(), figure.to_owned())).copied();
    let row = |figure, ours, sumo, ok| Row { scenario: name.to_owned(), figure, ours, sumo, ok };
    let (arrived, duration) = (sumo("arrived"), sumo("duration.mean"));
    let enough = arrived.is_some_and(|sumo| ours.arrived >= sumo * ARRIVED_MIN);
    let near = duration.is_some_and(|sumo| (ours.duration_mean / sumo - 1.0).abs() <= DURATION_OFF_MAX);
    vec![
        row("arrived", ours.arrived, arrived, enough || !compared),
        row("mean duration [s]", ours.duration_mean, duration, near || !compared),
        row("last-resort moves", ours.last_resort_moves, sumo("teleports"), true),
        row("overlaps", ours.overlaps, None, ours.overlaps == 0.0 || !compared),
    ]
}

/// The mean over the seeds.
fn mean_of_runs(name: &str) -> Result<Figures, String> {
    let configuration = configuration(&shared().join("data/sumo").join(name))?;
    let mut sum = Figures::default();
    for seed in SEEDS {
        let one = run(&configuration, name, seed)?;
        sum.arrived += one.arrived;
        sum.duration_mean += one.duration_mean;
        sum.overlaps += one.overlaps;
        sum.last_resort_moves += one.last_resort_moves;
    }
    let runs = f64::from(u32::try_from(SEEDS.len()).unwrap_or(1));
    Ok(Figures {
        arrived: sum.arrived / runs,
        duration_mean: sum.duration_mean / runs,
        overlaps: sum.overlaps / runs,
        last_resort_moves: sum.last_resort_moves / runs,
    })
}

fn configuration(folder: &Path) -> Result<PathBuf, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut found = entries.flatten().map(|entry| entry.path());
    found
        .find(|path| path.extension().is_some_and(|ending| ending == "sumocfg"))
        .ok_or_else(|| format!("{}: no .sumocfg", folder.display()))
}

fn run(configuration: &Path, name: &str, seed: u64) -> Result<Figures, String> {
    let folder = root().join("target/compare-sumo");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let tripinfo = folder.join(format!("{name}-{seed}.tripinfo.xml"));
    let program = root().join("target/release/citytwin");
    let mut command = Command::new(&program);
    command.arg("run").arg(configuration).args(["--seed", &seed.to_string(), "--no-report", "--json", "--tripinfo"]);
    command.arg(&tripinfo).current_dir(&folder);
    let (status, summary, told) = finish(&mut command).map_err(|error| format!("seed {seed}: {error}"))?;
    if !status.success() {
        let last: Vec<&str> = told.lines().rev().take(5).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        return Err(format!("seed {seed}: {status}: {}", last.join(" / ")));
    }
    let trips = std::fs::read_to_string(&tripinfo).map_err(|error| format!("{}: {error}", tripinfo.display()))?;
    let (arrived, duration_mean) = trips_of(&trips);
    let number = |key: &str| number_of(&summary, key).ok_or_else(|| format!("seed {seed}: no `{key}` in the summary"));
    Ok(Figures {
        arrived,
        duration_mean,
        overlaps: number("overlap")?,
        last_resort_moves: number("last_resort_moves")?,
    })
}

/// Runs a program to its end, or ends it after [`RUN_MAX`]; its status and what it wrote on both streams.
fn finish(command: &mut Command) -> Result<(ExitStatus, String, String), String> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    let (done, wait) = mpsc::channel();
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let readers = [
        std::thread::spawn(move || read_all(out.as_mut())),
        std::thread::spawn(move || {
            let text = read_all(err.as_mut());
            // Standard error is closed when the program ends; after the limit nobody listens any more.
            done.send(()).ok();
            text
        }),
    ];
    let in_time = wait.recv_timeout(RUN_MAX).is_ok();
    if !in_time {
        child.kill().map_err(|error| error.to_string())?;
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    let [out, err] = readers.map(|reader| reader.join().unwrap_or_default());
    if in_time { Ok((status, out, err)) } else { Err(format!("did not end within {} s", RUN_MAX.as_secs())) }
}

fn read_all(stream: Option<&mut impl Read>) -> String {
    let mut bytes = Vec::new();
    // What was read before a broken pipe is still worth showing.
    drop(stream.map(|stream| stream.read_to_end(&mut bytes)));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How many trips a tripinfo file has, and their mean duration [s].
fn trips_of(text: &str) -> (f64, f64) {
    let durations = text.split("<tripinfo ").skip(1).filter_map(|trip| {
        let (_, rest) = trip.split_once(" duration=\"")?;
        rest.split_once('"')?.0.parse::<f64>().ok()
    });
    let (count, sum) = durations.fold((0.0, 0.0), |(count, sum), duration| (count + 1.0, sum + duration));
    (count, if count > 0.0 { sum / count } else { f64::NAN })
}

/// The number behind a key of a JSON text; the keys looked for stand once.
fn number_of(json: &str, key: &str) -> Option<f64> {
    let (_, rest) = json.split_once(&format!("\"{key}\":"))?;
    let rest = rest.trim_start();
    let end = rest.find([',', '}', '\n']).unwrap_or(rest.len());
    rest[..end].trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trips_are_counted_and_their_durations_averaged() {
        let text = "<tripinfos>\n  <tripinfo id=\"a\" depart=\"0.00\" duration=\"10.00\"/>\n\
                    <tripinfo id=\"b\" depart=\"1.00\" duration=\"30.50\"/>\n</tripinfos>";
        assert_eq!(trips_of(text), (2.0, 20.25));
        assert!(trips_of("<tripinfos/>").1.is_nan());
    }

    #[test]
    fn numbers_are_found_in_a_summary() {
        let text = "{\n  \"last_resort_moves\": 3,\n  \"laws\": {\n    \"overlap\": 0\n  }\n}";
        assert_eq!(number_of(text, "last_resort_moves"), Some(3.0));
        assert_eq!(number_of(text, "overlap"), Some(0.0));
        assert_eq!(number_of(text, "jump"), None);
    }

    #[test]
    fn a_figure_that_is_off_is_seen() {
        let reference = read_reference("scenario,figure,mean\ncologne1,arrived,2000\ncologne1,duration.mean,60\n");
        let verdict = |arrived, duration_mean, overlaps| {
            let ours = Figures { arrived, duration_mean, overlaps, last_resort_moves: 0.0 };
            judge("cologne1", ours, &reference).iter().map(|row| row.ok).collect::<Vec<_>>()
        };
        assert_eq!(verdict(1990.0, 66.0, 0.0), [true; 4]);
        assert_eq!(verdict(1890.0, 66.0, 0.0), [false, true, true, true]);
        assert_eq!(verdict(2000.0, 70.0, 0.0), [true, false, true, true]);
        assert_eq!(verdict(2000.0, f64::NAN, 1.0), [true, false, true, false]);
    }
}
