//! SUMO's side: installing the pinned version into a virtual environment, running it, and keeping what its runs gave.
//!
//! Runs are kept by scenario, hash of its files, version and seed: SUMO gives the same trips again. Cost is never kept.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::figures::{Run, Trip};
use super::machine::{self, Spent};
use super::scene::{Copied, Scene, read, write};
use super::xml::{elements, value};
use super::{output_of, workshop};

/// The version compared with.
pub(super) const VERSION: &str = "1.28.0";

/// An installed SUMO.
#[derive(Debug, Clone)]
pub(super) struct Program {
    environment: PathBuf,
    home: PathBuf,
}

impl Program {
    /// Installs the pinned version from the package index of this machine, unless it is there.
    pub(super) fn install(environment: &Path) -> Result<Self, String> {
        let program = |home| Self { environment: environment.to_path_buf(), home };
        if let Some(home) = home_in(environment) {
            return Ok(program(home));
        }
        eprintln!("installing eclipse-sumo {VERSION} into {}", environment.display());
        output_of(Command::new("python3").args(["-m", "venv"]).arg(environment))?;
        let python = environment.join("bin/python3");
        let wish = format!("eclipse-sumo=={VERSION}");
        output_of(Command::new(python).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-cache-dir",
            "--no-deps",
            &wish,
        ]))?;
        home_in(environment).map(program).ok_or_else(|| "eclipse-sumo is installed but has no program".to_owned())
    }

    /// The interpreter of the environment.
    pub(super) fn python(&self) -> PathBuf {
        self.environment.join("bin/python3")
    }

    /// One of SUMO's programs, with its surroundings.
    pub(super) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.home.join("bin").join(name));
        command.env("SUMO_HOME", &self.home);
        command
    }

    /// Runs a seed, or reads what an earlier run of the same files gave.
    pub(super) fn run_cached(&self, scene: &Scene, copy: &Copied, seed: u64) -> Result<Run, String> {
        let name = format!("{}-{:016x}-{VERSION}-s{seed}.csv", scene.name, copy.hash);
        let kept = workshop().join("cache").join(name);
        if let Some(run) = fs::read_to_string(&kept).ok().and_then(|text| from_csv(&text)) {
            return Ok(run);
        }
        let run = self.run(copy, seed)?;
        write(&kept, to_csv(&run).as_bytes())?;
        Ok(run)
    }

    fn run(&self, copy: &Copied, seed: u64) -> Result<Run, String> {
        let folder = copy.configuration.parent().unwrap_or(Path::new("."));
        let (trips, statistics) = (folder.join("tripinfo.xml"), folder.join("statistics.xml"));
        let mut command = self.command("sumo");
        command.arg("-c").arg(&copy.configuration).args([
            "--seed",
            &seed.to_string(),
            "--no-step-log",
            "--no-warnings",
        ]);
        command.arg("--tripinfo-output").arg(&trips).arg("--statistic-output").arg(&statistics);
        output_of(&mut command)?;
        let statistics = read(&statistics)?;
        let total = |element, name| elements(&statistics, element).next().and_then(|tag| value(tag, name));
        Ok(Run {
            trips: trips_of(&read(&trips)?),
            teleports: total("teleports", "total").ok_or("SUMO's statistics have no teleports")?,
            overlaps: total("safety", "collisions").unwrap_or(0.0),
        })
    }

    /// What a run without outputs and detectors costs, on one thread.
    pub(super) fn cost(&self, configuration: &Path, seed: u64) -> Result<Spent, String> {
        let mut command = self.command("sumo");
        // Verbose is the one way to be told the duration without statistics, which cost time of their own.
        command.arg("-c").arg(configuration).args([
            "--seed",
            &seed.to_string(),
            "--no-step-log",
            "--no-warnings",
            "-v",
        ]);
        let (told, usage) = machine::measured(&self.python(), &command)?;
        let number = |key: &str| {
            let (_, rest) = told.split_once(key)?;
            rest.trim_start().split(|c: char| !(c.is_ascii_digit() || c == '.')).next()?.parse::<f64>().ok()
        };
        let wall = number("Duration:").ok_or("SUMO does not tell how long it took")?;
        let rate = number("UPS:").ok_or("SUMO does not tell its vehicle updates")?;
        Ok(Spent {
            simulation_wall: wall,
            simulation_cpu: usage.share() * wall,
            updates: wall * rate,
            hash: String::new(),
            usage,
        })
    }
}

fn home_in(environment: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(environment.join("lib")).ok()?;
    let homes = versions.flatten().map(|entry| entry.path().join("site-packages"));
    let pinned = format!("eclipse_sumo-{VERSION}.dist-info");
    homes
        .filter(|site| site.join(&pinned).is_dir())
        .map(|site| site.join("sumo"))
        .find(|home| home.join("bin/sumo").is_file())
}

/// The trips of a tripinfo file.
pub(super) fn trips_of(text: &str) -> Vec<Trip> {
    let trips = elements(text, "tripinfo").filter_map(|tag| {
        Some(Trip {
            arrival: value(tag, "arrival").filter(|arrival| *arrival >= 0.0)?,
            duration: value(tag, "duration")?,
            waiting: value(tag, "waitingTime")?,
            loss: value(tag, "timeLoss")?,
            depart_delay: value(tag, "departDelay")?,
        })
    });
    trips.collect()
}

fn to_csv(run: &Run) -> String {
    let mut text = format!("teleports,{}\noverlaps,{}\n", run.teleports, run.overlaps);
    for trip in &run.trips {
        let Trip { arrival, duration, waiting, loss, depart_delay } = trip;
        let _ = writeln!(text, "{arrival},{duration},{waiting},{loss},{depart_delay}");
    }
    text + "end\n"
}

/// None if the file is not whole.
fn from_csv(text: &str) -> Option<Run> {
    let mut lines = text.strip_suffix("end\n")?.lines();
    let teleports = lines.next()?.strip_prefix("teleports,")?.parse().ok()?;
    let overlaps = lines.next()?.strip_prefix("overlaps,")?.parse().ok()?;
    let trips = lines.map(|line| {
        let mut cells = line.split(',').map(|cell| cell.parse().ok());
        let mut next = || cells.next().flatten();
        Some(Trip { arrival: next()?, duration: next()?, waiting: next()?, loss: next()?, depart_delay: next()? })
    });
    Some(Run { trips: trips.collect::<Option<Vec<Trip>>>()?, teleports, overlaps })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trips_are_read_and_those_under_way_are_not() {
        let text = r#"<tripinfos><tripinfo id="a" depart="1" departDelay="0.5" arrival="11" duration="10" waitingTime="2" timeLoss="3"/>
            <tripinfo id="b" departDelay="0" arrival="-1" duration="5" waitingTime="0" timeLoss="0"/></tripinfos>"#;
        let trip = Trip { arrival: 11.0, duration: 10.0, waiting: 2.0, loss: 3.0, depart_delay: 0.5 };
        assert_eq!(trips_of(text), [trip]);
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let trip = Trip { arrival: 11.25, duration: 10.0, waiting: 2.0, loss: 3.0, depart_delay: 0.5 };
        let run = Run { trips: vec![trip; 2], teleports: 1.0, overlaps: 0.0 };
        let text = to_csv(&run);
        assert_eq!(from_csv(&text), Some(run));
        assert_eq!(from_csv(&text[..text.len() - 3]), None, "half a file is none");
    }
}
