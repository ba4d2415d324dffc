//! `cargo xtask ci`: every check in order, each with its duration; one failure does not hide the next.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::services::{Server, Services};
use crate::{cargo, compare, root, told_by_cargo};

/// How a step ended.
#[derive(Debug, Clone, Copy)]
enum Ended {
    Passed,
    Failed,
    /// Not run, for the reason given.
    LeftOut(&'static str),
}

type Step = (&'static str, fn() -> Ended);

const STEPS: [Step; 13] = [
    ("fmt", || ended(cargo(&["fmt", "--all", "--check"], &[]))),
    // Before the program is compiled, of which the page is a part.
    ("web", || with_node(crate::web::checked)),
    ("clippy", || {
        ended(cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[]) && without_servers())
    }),
    ("test", || ended(cargo(&["test"], &[]) && cargo(&["test", "--quiet", "--package", "xtask"], &[]))),
    ("schemas", || ended(crate::schemas::schemas())),
    ("doc", || ended(cargo(&["doc", "--no-deps"], &[("RUSTDOCFLAGS", "-Dwarnings")]) && links_lead_somewhere())),
    ("services", || ended(on_servers())),
    ("storm", || ended(crate::storm::storm(&["--quick"]))),
    ("bench smoke", || ended(cargo(&["bench", "--bench", "engine", "--", "3"], &[]))),
    ("wire", || ended(crate::wire::wire())),
    ("page", || with_node(crate::web::page)),
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
const SUITES: [&str; 6] = [
    "pipeline::stores::",
    "pipeline::transport::conformance",
    "pipeline::transport::kafka",
    "pipeline::transport::tests::",
    "twin::parts::tests",
    "twin::consume::tests",
];

/// The test of a served city whose live state is a server that goes away.
const SERVED: &str = "without_the_live_state_history_is_served_and_the_city_catches_up";

/// The conformance suites, and a served city, on servers of their own, which are gone afterwards, however it ends.
fn on_servers() -> bool {
    let services = Services::new().below("ci");
    let passed = services.up(&Server::ALL).map(|()| {
        let variables = services.variables();
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, url)| (*name, url.as_str())).collect();
        let lib = ["test", "--lib", "--features", "server-tests", "--"];
        let served = ["test", "--test", "serve", "--features", "server-tests", "--", SERVED];
        let kafka = ["test", "--test", "kafka", "--features", "server-tests"];
        let s3 = ["test", "--test", "s3", "--features", "server-tests"];
        let consume = ["test", "--test", "consume", "--features", "server-tests"];
        [[lib.as_slice(), &SUITES].concat().as_slice(), &served, &kafka, &s3, &consume]
            .into_iter()
            .all(|words| cargo(words, &variables))
            && crate::load::proofs(&services)
    });
    // Down in any case.
    let gone = services.down();
    for reason in [passed.as_ref().err(), gone.as_ref().err()].into_iter().flatten() {
        println!("{reason}");
    }
    passed == Ok(true) && gone.is_ok()
}

/// Whether this is CI, which may not go without what a laptop may.
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

/// The page is built with Node.js; a laptop may go without, CI may not.
fn with_node(step: fn() -> bool) -> Ended {
    match crate::web::node() {
        Err(reason) if !in_ci() => {
            println!("{reason}");
            Ended::LeftOut("the page needs Node.js")
        }
        _ => ended(step()),
    }
}

/// Needs data that is not part of the project; a laptop may go without, CI may not.
fn compare_sumo() -> Ended {
    if !in_ci() && !compare::data_is_there() {
        return Ended::LeftOut("the data is not beside this checkout");
    }
    ended(compare::compare(&["--quick"]))
}

/// The same.
fn osm() -> Ended {
    if !in_ci() && !crate::osm::data_is_there() {
        return Ended::LeftOut("the data is not beside this checkout");
    }
    ended(crate::osm::osm())
}

/// Units that stand in brackets in the documentation, `[m]`, and are no links.
const UNITS: [&str; 13] = ["g", "m", "m²", "s", "min", "ms", "µs", "km", "deg", "veh", "V", "degC", "records"];

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

/// Runs every step in a process of its own, so that what it says can be kept; whether none failed.
pub(crate) fn ci() -> bool {
    let mut results = Vec::new();
    for (name, _) in STEPS {
        if name == RELEASED && in_ci() {
            make_room();
        }
        println!("\n== {name} ({})", room());
        let (ended, lasted) = timed(|| apart(name));
        println!("== {name}: {} after {:.1} s", ended.word, lasted.as_secs_f64());
        results.push((name, ended, lasted));
    }
    // Whoever reads only the end of a long record finds there what went wrong.
    for (name, ended, _) in results.iter().filter(|(_, ended, _)| ended.failed) {
        println!("\n== {name} FAILED; of what it said:\n{}", gist(&ended.said));
    }
    println!();
    for (name, ended, lasted) in &results {
        println!("{name:<14} {:>8.1} s  {}", lasted.as_secs_f64(), ended.word);
    }
    let failed = results.iter().filter(|(_, ended, _)| ended.failed).count();
    let passed = results.iter().filter(|(_, ended, _)| ended.word == PASSED).count();
    println!("{passed} passed, {failed} failed; {}", room());
    failed == 0
}

/// Runs one step here, and ends as it did.
pub(crate) fn step(name: &str) -> bool {
    let Some((_, step)) = STEPS.iter().find(|(of, _)| *of == name) else {
        let names: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
        println!("no step `{name}`; there are: {}", names.join(", "));
        return false;
    };
    match step() {
        Ended::Passed => true,
        Ended::Failed => false,
        Ended::LeftOut(why) => {
            println!("{LEFT_OUT}{why}");
            true
        }
    }
}

/// The word for a step that passed, and how one that was left out begins its last line.
const PASSED: &str = "passed";
const LEFT_OUT: &str = "left out: ";

/// How a step that ran in a process of its own ended.
struct Apart {
    failed: bool,
    word: String,
    said: String,
}

/// A step in a process of its own: what it says is shown as it is said, and kept.
fn apart(name: &str) -> Apart {
    match heard(name) {
        Ok((true, said)) => {
            let left_out = said.lines().last().filter(|line| line.starts_with(LEFT_OUT));
            Apart { failed: false, word: left_out.unwrap_or(PASSED).to_owned(), said: String::new() }
        }
        Ok((false, said)) => Apart { failed: true, word: "FAILED".to_owned(), said },
        Err(error) => Apart { failed: true, word: "FAILED".to_owned(), said: format!("it could not be run: {error}") },
    }
}

/// Whether a step's process succeeded, and all that it and its children said. By way of a file and not of a pipe, which would stay
/// open as long as some server that outlived the step holds its other end.
fn heard(name: &str) -> std::io::Result<(bool, String)> {
    let folder = root().join("target/ci");
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{}.log", name.replace(' ', "-")));
    let log = File::create(&path)?;
    let mut said = File::open(&path)?;
    let mut command = Command::new(std::env::current_exe()?);
    let mut child = command.args(["step", name]).stdout(log.try_clone()?).stderr(log).spawn()?;
    loop {
        let ended = child.try_wait()?;
        let mut new = Vec::new();
        said.read_to_end(&mut new)?;
        std::io::stdout().write_all(&new)?;
        if let Some(ended) = ended {
            return Ok((ended.success(), String::from_utf8_lossy(&fs::read(&path)?).into_owned()));
        }
        std::thread::park_timeout(Duration::from_millis(200));
    }
}

/// Lines of a failed step that say why it failed, and its last ones.
fn gist(said: &str) -> String {
    const TELLING: [&str; 6] = ["FAILED", "panicked", "error", "cannot", "No space", "assertion"];
    const MOST: (usize, usize) = (30, 25);
    let lines: Vec<&str> = said.lines().collect();
    let (body, tail) = lines.split_at(lines.len().saturating_sub(MOST.1));
    let telling = body.iter().filter(|line| TELLING.iter().any(|word| line.contains(word))).take(MOST.0);
    telling.chain(tail).map(|line| line.chars().take(400).collect::<String>() + "\n").collect()
}

/// The first step of those that need the optimised program only.
const RELEASED: &str = "bench smoke";

/// Room that an optimised build and what follows it take [GiB], with some to spare.
const ROOM: f64 = 10.0;

/// Takes away what only the steps before needed, where the disk is too small for both builds.
fn make_room() {
    if free().is_none_or(|free| free >= ROOM) {
        return;
    }
    // The program that does this lies beside them and goes on.
    for folder in ["deps", "build", "incremental"] {
        let folder = root().join("target/debug").join(folder);
        match fs::remove_dir_all(&folder) {
            Ok(()) => println!("{} is taken away: the disk is nearly full", folder.display()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => println!("{}: {error}", folder.display()),
        }
    }
}

/// How much room there is on the disk that is built on [GiB], where that is known.
fn free() -> Option<f64> {
    let told = Command::new("df").args(["-Pk", "."]).current_dir(root()).output().ok()?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let kib = told.lines().nth(1)?.split_whitespace().nth(3)?.parse::<f64>().ok()?;
    Some(kib / 1_048_576.0)
}

fn room() -> String {
    free().map_or_else(|| "room on the disk unknown".to_owned(), |free| format!("{free:.1} GiB free"))
}

#[expect(clippy::disallowed_methods, reason = "how long a check takes is a fact about this machine")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let made = work();
    (made, began.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_before_which_room_is_made_is_one() {
        assert!(STEPS.iter().any(|(name, _)| *name == RELEASED));
        assert!(free().is_some_and(|free| free >= 0.0), "{}", room());
    }

    /// Of a long record, the lines that name the failure and the end of it are shown.
    #[test]
    fn the_gist_holds_the_failure_and_the_end() {
        let noise: Vec<String> = (0..500).map(|n| format!("line {n}")).collect();
        let gist = gist(&format!("network cut FAILED: 3 lost\n{}\nthe last word\n", noise.join("\n")));
        assert!(gist.starts_with("network cut FAILED: 3 lost\nline 476\n"), "{gist}");
        assert!(gist.ends_with("line 499\nthe last word\n"), "{gist}");
        assert_eq!(gist.lines().count(), 26);
    }
}
