//! The walkthrough holds what it says: the files it shows, what the program answers, and the figures of the comparison.
//!
//! The figures are those of a record, `docs/walkthrough/`, because thirty runs are too many for a test: two of them are made again here, to
//! the last bit. `UPDATE_GOLDEN=1` makes all thirty and writes the record anew; the test then says what the document has to say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What is kept of a run.
const OF_RUNS: [&str; 7] = ["variant", "seed", "state", "travel-time.car", "time-loss.car", "arrived", "unfinished"];
/// The measures of which the comparison is kept.
const MEASURES: [&str; 3] = ["travel-time.car", "time-loss.car", "unfinished"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn citytwin(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_citytwin"))
        .args(words)
        .current_dir(root())
        .env("CITYTWIN_CACHE", "")
        .output()
        .expect("the program starts")
}

/// What the program tells people.
fn told(words: &[&str]) -> String {
    let output = citytwin(words);
    let told = String::from_utf8(output.stderr).expect("text");
    assert!(output.status.success(), "{words:?}: {told}");
    told
}

type Row = BTreeMap<String, String>;

fn rows(text: &str) -> Vec<Row> {
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let head = lines.next().expect("a head");
    lines.map(|line| head.iter().cloned().zip(line).collect()).collect()
}

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column}: {}", row[column]))
}

/// The record, made anew where that is asked for.
fn record() -> (Vec<Row>, Vec<Row>) {
    let home = root().join("docs/walkthrough");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("out").display().to_string();
        told(&["compare", "scenarios/walkthrough.yaml", "--jobs", "2", "--out", &out]);
        let made = |name: &str| std::fs::read_to_string(PathBuf::from(&out).join(name)).expect("a table");
        let runs: Vec<String> =
            rows(&made("runs.csv")).iter().map(|row| OF_RUNS.map(|column| row[column].clone()).join(",")).collect();
        let head = OF_RUNS.join(",");
        std::fs::write(home.join("runs.csv"), format!("{head}\n{}\n", runs.join("\n"))).expect("a file");
        let table = made("comparison.csv");
        let kept = |line: &&str| {
            let measure = line.split(',').nth(1).unwrap_or_default();
            measure == "measure" || MEASURES.contains(&measure)
        };
        let lines: Vec<&str> = table.lines().filter(kept).collect();
        std::fs::write(home.join("comparison.csv"), format!("{}\n", lines.join("\n"))).expect("a file");
    }
    (rows(&read("docs/walkthrough/runs.csv")), rows(&read("docs/walkthrough/comparison.csv")))
}

/// "+5.9 s".
fn signed(value: f64, decimals: usize) -> String {
    let sign = if value < 0.0 { "\u{2212}" } else { "+" };
    format!("{sign}{:.decimals$}", value.abs())
}

#[test]
fn the_document_shows_the_files_and_the_answers_of_the_program() {
    let document = read("docs/walkthrough.md");
    let scenario = read("scenarios/walkthrough.yaml");
    assert!(document.contains(&format!("```yaml\n{scenario}```")), "the scenario is shown as it is");
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("town").display().to_string();
    let import = told(&["import", "maps/halvermere/halvermere.osm", "--out", &out]);
    let check = told(&["check", "scenarios/walkthrough.yaml"]);
    for line in import.lines().take(1).chain(check.lines()) {
        assert!(document.contains(line.trim()), "the document does not say\n{line}");
    }
}

#[test]
fn the_figures_of_the_document_are_those_of_the_record() {
    let document = read("docs/walkthrough.md");
    let (runs, comparison) = record();
    for variant in ["closed", "one-lane"] {
        let of = |measure: &str| {
            let row = comparison.iter().find(|row| row["variant"] == variant && row["measure"] == measure);
            row.unwrap_or_else(|| panic!("{variant} {measure}"))
        };
        let told = |what: &str, row: &Row| {
            format!(
                "{what} {} s [{}, {}] ({} %), {}",
                signed(number(row, "difference"), 1),
                signed(number(row, "difference_low"), 1),
                signed(number(row, "difference_high"), 1),
                signed(100.0 * number(row, "relative"), 1),
                row["finding"]
            )
        };
        let line = format!(
            "{variant}: {}; {}.",
            told("travel time of cars", of("travel-time.car")),
            told("time lost of cars", of("time-loss.car"))
        );
        assert!(document.contains(&line), "the document does not say\n{line}");
        // Ten differences seed by seed, and their mean.
        for measure in MEASURES {
            let value = |variant: &str, seed: &str| {
                let row = runs.iter().find(|row| row["variant"] == variant && row["seed"] == seed);
                number(row.unwrap_or_else(|| panic!("{variant} {seed}")), measure)
            };
            let seeds: Vec<String> = (1..=10).map(|seed| seed.to_string()).collect();
            let sum: f64 = seeds.iter().map(|seed| value(variant, seed) - value("as-is", seed)).sum();
            assert!((sum / 10.0 - number(of(measure), "difference")).abs() < 1e-9, "{variant} {measure}");
        }
    }
    let base = comparison.iter().find(|row| row["measure"] == "travel-time.car").expect("a row");
    let mean = format!("{:.0} s", number(base, "base_mean"));
    assert!(document.contains(&mean), "the document does not say {mean}");
    let unfinished = comparison.iter().find(|row| row["measure"] == "unfinished").expect("a row");
    let left = format!("{:.0} of", number(unfinished, "base_mean"));
    assert!(document.contains(&left), "the document does not say `{left}`");
}

/// Two of the thirty runs, made again.
#[test]
fn the_record_is_what_the_program_does() {
    let (runs, _) = record();
    for variant in ["as-is", "closed"] {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("out").display().to_string();
        let words = ["run", "scenarios/walkthrough.yaml", "--variant", variant, "--seed", "1", "--out", &out];
        let output = citytwin(&[&words[..], &["--no-report", "--json"]].concat());
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let row = runs.iter().find(|row| row["variant"] == variant && row["seed"] == "1").expect("a row");
        assert_eq!(summary["state_hash"], row["state"].as_str(), "{variant}: the last bit");
        for (ours, theirs) in [("trips", "arrived"), ("running", "unfinished")] {
            assert_eq!(summary[ours].to_string(), row[theirs], "{variant} {ours}");
        }
    }
}
