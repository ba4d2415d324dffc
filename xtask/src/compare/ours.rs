//! Our side: the program itself, started as anybody would start it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::figures::Run;
use super::machine::{self, Spent};
use super::scene::{Scene, read};
use super::{sumo, workshop};
use crate::root;

/// Longest a run may take; every scenario takes a small part of it.
const RUN_MAX: Duration = Duration::from_mins(10);

/// The program compared.
#[derive(Debug, Clone)]
pub(super) struct Program(PathBuf);

impl Program {
    /// A program given, or the one `cargo build --release` makes.
    pub(super) fn of(given: Option<&Path>) -> Self {
        let path = given.map_or_else(|| root().join("target/release/citytwin"), Path::to_path_buf);
        // Runs are made in a folder of their own.
        Self(path.canonicalize().unwrap_or(path))
    }

    /// Runs a seed and reads its trips.
    pub(super) fn run(&self, scene: &Scene, seed: u64) -> Result<Run, String> {
        let folder = workshop().join("ours");
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let tripinfo = folder.join(format!("{}-{seed}.tripinfo.xml", scene.name));
        let mut command = Command::new(&self.0);
        command.arg("run").arg(&scene.configuration).args(["--seed", &seed.to_string(), "--no-report", "--json"]);
        command.arg("--tripinfo").arg(&tripinfo).current_dir(&folder);
        let (status, summary, told) = finish(&mut command).map_err(|error| format!("seed {seed}: {error}"))?;
        if !status.success() {
            let last: Vec<&str> = told.lines().rev().take(5).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            return Err(format!("seed {seed}: {status}: {}", last.join(" / ")));
        }
        let number =
            |key: &str| number_of(&summary, key).ok_or_else(|| format!("seed {seed}: no `{key}` in the summary"));
        Ok(Run {
            trips: sumo::trips_of(&read(&tripinfo)?),
            teleports: number("last_resort_moves")?,
            overlaps: number("overlap")?,
        })
    }

    /// What a run without outputs costs.
    pub(super) fn cost(&self, python: &Path, configuration: &Path, seed: u64, threads: u64) -> Result<Spent, String> {
        let mut command = Command::new(&self.0);
        command.arg("run").arg(configuration).args(["--no-report", "--json"]);
        command.args(["--seed", &seed.to_string(), "--threads", &threads.to_string()]);
        let (summary, usage) = machine::measured(python, &command)?;
        let number = |key: &str| number_of(&summary, key).ok_or_else(|| format!("no `{key}` in the summary"));
        let hash = summary.split_once("\"state_hash\":").and_then(|(_, rest)| rest.split('"').nth(1));
        Ok(Spent {
            simulation_cpu: number("simulation_cpu_seconds")?,
            simulation_wall: number("simulation_wall_seconds")?,
            updates: number("vehicle_updates")?,
            hash: hash.unwrap_or_default().to_owned(),
            usage,
        })
    }
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
    fn numbers_are_found_in_a_summary() {
        let text = "{\n  \"last_resort_moves\": 3,\n  \"laws\": {\n    \"overlap\": 0\n  }\n}";
        assert_eq!(number_of(text, "last_resort_moves"), Some(3.0));
        assert_eq!(number_of(text, "overlap"), Some(0.0));
        assert_eq!(number_of(text, "jump"), None);
    }
}
