//! `cargo xtask ci`: every check in order, each with its duration; one failure does not hide the next.

use std::time::{Duration, Instant};

use crate::services::Services;
use crate::{cargo, compare, told_by_cargo};

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Passed,
    Failed,
    /// Not run, for the reason given.
    LeftOut(&'static str),
}

type Step = (&'static str, fn() -> Ended);

const STEPS: [Step; 10] = [
    ("fmt", || ended(cargo(&["fmt", "--all", "--check"], &[]))),
    ("clippy", || {
        ended(cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[]) && without_servers())
    }),
    ("test", || ended(cargo(&["test"], &[]))),
    ("doc", || ended(cargo(&["doc", "--no-deps"], &[("RUSTDOCFLAGS", "-Dwarnings")]) && links_lead_somewhere())),
    ("services", || ended(on_servers())),
    ("storm", || ended(crate::storm::storm(&["--quick"]))),
    ("bench smoke", || ended(cargo(&["bench", "--bench", "engine", "--", "3"], &[]))),
    ("wire", || ended(crate::wire::wire())),
    ("compare-sumo", compare_sumo),
    ("osm", osm),
];

/// Whether it compiles for somebody who wants none of the servers.
fn without_servers() -> bool {
    cargo(&["check", "--bins", "--no-default-features"], &[])
}

fn ended(passed: bool) -> Ended {
    if passed { Ended::Passed } else { Ended::Failed }
}

/// Suites that meet real servers when they are asked to: the same tests as for the embedded parts, and what only servers can do.
const SUITES: [&str; 3] = ["pipeline::stores::", "pipeline::transport::conformance", "pipeline::transport::tests::"];

/// The conformance suites on servers of their own, which are gone afterwards, however it ends.
fn on_servers() -> bool {
    let services = Services::new().below("ci");
    let passed = services.up().map(|()| {
        let variables = services.variables();
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, url)| (*name, url.as_str())).collect();
        let words = ["test", "--lib", "--features", "server-tests", "--"];
        cargo(&[words.as_slice(), &SUITES].concat(), &variables)
    });
    // Down in any case.
    let gone = services.down();
    for reason in [passed.as_ref().err(), gone.as_ref().err()].into_iter().flatten() {
        println!("{reason}");
    }
    passed == Ok(true) && gone.is_ok()
}

/// Needs data that is not part of the project; a laptop may go without, CI may not.
fn compare_sumo() -> Ended {
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
    if !in_ci && !compare::data_is_there() {
        return Ended::LeftOut("the data is not beside this checkout");
    }
    ended(compare::compare(&["--quick"]))
}

/// The same.
fn osm() -> Ended {
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
    if !in_ci && !crate::osm::data_is_there() {
        return Ended::LeftOut("the data is not beside this checkout");
    }
    ended(crate::osm::osm())
}

/// Units that stand in brackets in the documentation, `[m]`, and are no links.
const UNITS: [&str; 10] = ["m", "m²", "s", "ms", "km", "deg", "veh", "V", "degC", "records"];

/// Whether every link of the documentation leads somewhere.
fn links_lead_somewhere() -> bool {
    let variable = ("RUSTDOCFLAGS", "--force-warn=rustdoc::broken_intra_doc_links");
    let Some(told) = told_by_cargo(&["doc", "--no-deps"], &[variable]) else { return false };
    let mut lines = told.lines();
    let mut sound = true;
    while let Some(line) = lines.next() {
        if let Some((_, rest)) = line.split_once("unresolved link to `")
            && !UNITS.iter().any(|unit| rest.strip_suffix('`') == Some(unit))
        {
            println!("{line} {}", lines.next().unwrap_or_default().trim());
            sound = false;
        }
    }
    sound
}

/// Runs every step; whether none failed.
pub(crate) fn ci() -> bool {
    let mut results = Vec::new();
    for (name, step) in STEPS {
        println!("\n== {name}");
        let (ended, lasted) = timed(step);
        println!("== {name}: {} after {:.1} s", in_words(ended), lasted.as_secs_f64());
        results.push((name, ended, lasted));
    }
    println!();
    for (name, ended, lasted) in &results {
        println!("{name:<14} {:>8.1} s  {}", lasted.as_secs_f64(), in_words(*ended));
    }
    let count = |wanted| results.iter().filter(|(_, ended, _)| *ended == wanted).count();
    let failed = count(Ended::Failed);
    println!("{} passed, {failed} failed", count(Ended::Passed));
    failed == 0
}

fn in_words(ended: Ended) -> String {
    match ended {
        Ended::Passed => "passed".to_owned(),
        Ended::Failed => "FAILED".to_owned(),
        Ended::LeftOut(why) => format!("left out: {why}"),
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a check takes is a fact about this machine")]
fn timed(step: fn() -> Ended) -> (Ended, Duration) {
    let began = Instant::now();
    let ended = step();
    (ended, began.elapsed())
}
