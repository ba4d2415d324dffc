//! What a change has to pass, as one program: `cargo xtask ci` is exactly what CI runs.
//!
//! Starts other programs and reads what they print; uses std only, so that it builds in a second.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod ci;
mod compare;
mod consumers;
mod load;
mod osm;
mod ports;
mod schemas;
mod services;
mod sirens;
mod storm;
mod users;
mod web;
mod wire;
mod wire_sumo;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const USAGE: &str = "usage: cargo xtask <verb>
  ci                          everything a change has to pass
  step NAME                   one of its steps
  compare-sumo [SCENARIO...] [--seeds N] [--quick] [--bounds] [--program PATH]
                              SUMO beside us on the same scenarios (names, folders, .sumocfg, `grid`): trips, cost, memory;
                              --quick: SUMO from the reference, today's figures as bounds; --bounds: bounds anew
  storm [FAULT...] [--quick] [--seed N] [--times N] [--jobs N] [--seconds N] [--fresh]
                              every fault against the wire, and an audit after each
  consumers [--minutes N] [--rate N] [--consumers N] [--every SECONDS]
                              Kafka, Redis and a bucket, several consumers of which one is killed every minute, and an audit
  wire                        the wire against clients and readers nobody here wrote, and a full disk
  load                        a load aimed at Mosquitto and Kafka as anybody's platforms: nothing lost, what one of them loses found, a stall
  compare-load [--program PATH]
                              messages a second of CPU beside the clients others measure brokers with, which it installs
  schemas                     the registry and framed messages against Confluent's own client
  web                         the page of the live twin, built into web/dist; needs Node.js
  demo [drill] [WORD...]      page and program built, a living city served and opened in the browser, or the drill that ships begun; words
                              go to `citytwin serve`, or to `citytwin drill`
  services up|down|env        Mosquitto, Redis, PostgreSQL, Kafka and S3 on loopback, everything in target/services; one alone:
                              services start|stop|kill|restart|renew mosquitto|redis|postgres|kafka|s3
  users                       a hundred users of the API while the demo city is served, and how old what they see is
  coverage                    how often the intervals of comparisons hold the truth, by 400 experiments
  osm                         every extract of OpenStreetMap beside the project, imported and driven on
  sirens                      response times with and without siren, over ten seeds
  arch --write                copy the table of tests/architecture.rs into ARCHITECTURE.md
  golden --write              write the golden runs and the figures of docs/validation.md down anew";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let passed = match words[..] {
        ["ci"] => ci::ci(),
        ["step", name] => ci::step(name),
        ["compare-sumo", ref words @ ..] => compare::compare(words),
        ["load"] => load::load(),
        ["compare-load", ref words @ ..] => load::compare(words),
        ["consumers", ref words @ ..] => consumers::consumers(words),
        ["osm"] => osm::osm(),
        ["schemas"] => schemas::schemas(),
        ["services", ref words @ ..] => services::services(words),
        ["sirens"] => sirens::sirens(),
        ["storm", ref words @ ..] => storm::storm(words),
        ["users"] => users::users(),
        ["web"] => web::web(),
        ["demo", ref words @ ..] => web::demo(words),
        ["wire"] => wire::wire(),
        ["coverage"] => coverage(),
        ["arch", "--write"] => cargo(&["test", "--quiet", "--test", "architecture"], &[("UPDATE_ARCHITECTURE", "1")]),
        ["golden", "--write"] => {
            cargo(&["test", "--quiet", "--test", "golden"], &[("UPDATE_GOLDEN", "1")])
                && cargo(&["test", "--quiet", "--test", "field"], &[("UPDATE_FIGURES", "1")])
                && cargo(&["test", "--quiet", "--test", "broken", "--test", "walkthrough"], &[("UPDATE_GOLDEN", "1")])
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The project's folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_path_buf()
}

/// Builds the program as it is shipped. Together with the benchmarks, whose dependencies have more features: the benchmarks alone
/// and the program alone would each build everything anew.
fn release() -> bool {
    cargo(&["build", "--release", "--quiet", "--bins", "--benches"], &[])
}

/// Runs cargo in the project's folder; whether it succeeded.
fn cargo(words: &[&str], variables: &[(&str, &str)]) -> bool {
    match command(words, variables).status() {
        Ok(status) => status.success(),
        Err(error) => {
            eprintln!("cargo does not start: {error}");
            false
        }
    }
}

/// Makes the experiments on intervals that are not made yet.
fn coverage() -> bool {
    let folder = root().join("target");
    if let Err(error) = std::fs::create_dir_all(&folder) {
        eprintln!("{}: {error}", folder.display());
        return false;
    }
    let kept = folder.join("coverage.txt").display().to_string();
    let variables = [("CITYTWIN_EXPERIMENTS", "400"), ("CITYTWIN_EXPERIMENTS_KEPT", kept.as_str())];
    cargo(&["bench", "--quiet", "--bench", "coverage"], &variables)
}

/// Runs cargo in the project's folder; what it told on standard error, none if it failed.
fn told_by_cargo(words: &[&str], variables: &[(&str, &str)]) -> Option<String> {
    let output = command(words, variables).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

fn command(words: &[&str], variables: &[(&str, &str)]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(words).current_dir(root());
    // What cargo told this program about itself must not reach the next cargo: some build scripts look at it, and everything that is
    // built on them would be compiled again whenever somebody calls cargo with and without us.
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_this_package(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    command
}

/// Whether a variable is one that cargo sets for the program it runs.
fn is_of_this_package(name: &str) -> bool {
    name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_MANIFEST_")
        || name == "CARGO_BIN_NAME"
        || name == "OUT_DIR"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_not_told_about_this_program() {
        let command = command(&["build"], &[("CITYTWIN_SEEN", "1")]);
        let told: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_string_lossy().into_owned(), value)).collect();
        let removed = |name: &str| told.contains(&(name.to_owned(), None));
        assert!(removed("CARGO_PKG_NAME") && removed("CARGO_MANIFEST_DIR"), "{told:?}");
        assert!(told.iter().any(|(name, value)| name == "CITYTWIN_SEEN" && value.is_some()));
        assert!(told.iter().all(|(name, _)| name != "PATH" && name != "CARGO_INCREMENTAL"));
    }
}
