//! `cargo xtask wire`: the wire against what nobody here wrote: paho and Mosquitto's clients as devices, pandas and `DuckDB` as
//! readers, and a disk that is full.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::root;

/// Packages from Python's index, in an environment of their own.
const PACKAGES: [&str; 4] = ["paho-mqtt==2.1.0", "pandas>=2,<3", "pyarrow", "duckdb"];
/// A disk too small for the run below, and one that is large enough [MiB].
const SMALL: u32 = 6;
const LARGE: u32 = 512;

/// A check: figures if it holds, the reason if not.
pub(crate) type Check<'a> = &'a dyn Fn() -> Result<String, String>;

/// Runs every check; whether none failed.
pub(crate) fn wire() -> bool {
    let folder = root().join("target/wire");
    drop(std::fs::remove_dir_all(folder.join("runs")));
    let runs = folder.join("runs");
    if let Err(error) = std::fs::create_dir_all(&runs) {
        println!("cannot make {}: {error}", runs.display());
        return false;
    }
    let Some(python) = environment(&folder, &PACKAGES) else { return false };
    if !crate::release() {
        return false;
    }
    let checks: [(&str, Check<'_>); 7] = [
        ("read by pandas and DuckDB", &|| read(&python, &runs)),
        ("paho, MQTT 3.1.1", &|| thrown(&python, &runs, "3.1.1")),
        ("paho, MQTT 5", &|| thrown(&python, &runs, "5")),
        ("mosquitto_sub sees the city", &|| seen(&runs)),
        ("SUMO's vehicles", &|| crate::wire_sumo::vehicles(&runs)),
        ("SUMO drives our city", &|| crate::wire_sumo::exported(&runs)),
        ("a full disk", &|| full_disk(&runs)),
    ];
    all_hold(&checks)
}

/// Makes every check, and prints what it found; whether all of them hold.
pub(crate) fn all_hold(checks: &[(&str, Check<'_>)]) -> bool {
    let mut sound = true;
    for (name, check) in checks {
        match check() {
            Ok(figures) => println!("{name}: {figures}"),
            Err(reason) => {
                println!("{name}: FAILED: {reason}");
                sound = false;
            }
        }
    }
    sound
}

/// The Python of an environment that has the packages.
pub(crate) fn environment(folder: &Path, packages: &[&str]) -> Option<PathBuf> {
    let python = folder.join("venv/bin/python");
    if !python.exists() && !quietly(Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv"))) {
        println!("python3 cannot make an environment: install python3-venv");
        return None;
    }
    let installed = quietly(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--no-cache-dir", "--disable-pip-version-check"])
            .args(packages),
    );
    installed.then_some(python)
}

pub(crate) fn quietly(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).status().is_ok_and(|status| status.success())
}

pub(crate) fn output(command: &mut Command) -> Result<Output, String> {
    command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn citytwin() -> Command {
    Command::new(root().join("target/release/citytwin"))
}

/// A quiet ten minutes over the wire, into a folder.
fn first_try(out: &Path) -> Result<Output, String> {
    output(citytwin().args(["run", "scenarios/first_try.yaml", "--no-report", "--out"]).arg(out).current_dir(root()))
}

fn read(python: &Path, runs: &Path) -> Result<String, String> {
    let out = runs.join("read");
    let ran = first_try(&out)?;
    if !ran.status.success() {
        return Err(text(&ran.stderr));
    }
    let script = root().join("xtask/clients/read.py");
    let found = output(Command::new(python).arg(script).arg(&out))?;
    if !found.status.success() {
        return Err(text(&found.stderr));
    }
    // The program's own audit has counted the same rows in its own way.
    let audit = text(&output(citytwin().arg("audit").arg(&out))?.stdout);
    let rows = text(&found.stdout);
    for (kind, count) in pairs(&rows) {
        let line = audit.lines().find(|line| line.starts_with(&kind)).unwrap_or_default();
        if line.split_whitespace().nth(2) != Some(count.as_str()) {
            return Err(format!("{kind}: they count {count}, the audit says `{line}`"));
        }
    }
    Ok(rows.trim().to_owned())
}

/// `"name": number` of a flat JSON object.
fn pairs(json: &str) -> Vec<(String, String)> {
    let inner = json.trim().trim_matches(['{', '}']);
    let pair = |part: &str| {
        let (name, number) = part.split_once(':')?;
        Some((name.trim().trim_matches('"').to_owned(), number.trim().to_owned()))
    };
    inner.split(',').filter_map(pair).collect()
}

/// A listener on a free port, its address, and what it says.
fn listener(out: &Path) -> Result<(Child, String, BufReader<std::process::ChildStderr>), String> {
    let mut command = citytwin();
    command.args(["listen", "--listen", "127.0.0.1:0", "--out"]).arg(out);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
    let mut words = BufReader::new(child.stderr.take().ok_or("no words")?);
    let address = address_in(&mut words)?;
    Ok((child, address, words))
}

/// The address a program says it listens at.
pub(crate) fn address_in(words: &mut impl BufRead) -> Result<String, String> {
    let mut told = String::new();
    for line in words.lines() {
        let line = line.map_err(|error| error.to_string())?;
        if let Some((_, rest)) = line.split_once("mqtt://") {
            return Ok(rest.split(';').next().unwrap_or(rest).to_owned());
        }
        told.push_str(&line);
    }
    Err(format!("it never listened: {told}"))
}

/// Messages by a client that is not ours: counted exactly, by what became of them.
fn thrown(python: &Path, runs: &Path, version: &str) -> Result<String, String> {
    let out = runs.join(format!("thrown-{version}"));
    let (mut child, address, words) = listener(&out)?;
    let (host, port) = address.rsplit_once(':').ok_or("no port")?;
    let script = root().join("xtask/clients/throw.py");
    let threw = output(Command::new(python).arg(script).args([host, port, version]))?;
    quietly(Command::new("kill").args(["-INT", &child.id().to_string()]));
    let told: Vec<String> = words.lines().map_while(Result::ok).collect();
    child.wait().map_err(|error| error.to_string())?;
    if !threw.status.success() {
        return Err(text(&threw.stderr));
    }
    let expected = text(&threw.stdout);
    let (_, reasons) = expected.split_once("\"quarantined\": {").ok_or("no expectation")?;
    let reasons = pairs(reasons.split('}').next().unwrap_or_default());
    for (reason, count) in &reasons {
        if !told.iter().any(|line| line.trim() == format!("in quarantine as {reason}: {count}")) {
            return Err(format!("{count} should be in quarantine as {reason}; it says {told:?}"));
        }
    }
    if told.iter().filter(|line| line.contains("in quarantine as")).count() != reasons.len() {
        return Err(format!("something else is in quarantine: {told:?}"));
    }
    if !told.iter().any(|line| line.trim().starts_with("here before: 200;")) {
        return Err(format!("200 duplicates should be known again; it says {told:?}"));
    }
    let stored = pairs(&expected).into_iter().find(|(name, _)| name == "stored").ok_or("no expectation")?.1;
    let rows = text(&output(Command::new(python).arg(root().join("xtask/clients/read.py")).arg(&out))?.stdout);
    if rows.trim() != format!("{{\"position\": {stored}}}") {
        return Err(format!("{stored} positions should be stored; found {}", rows.trim()));
    }
    Ok(expected.trim().to_owned())
}

/// Mosquitto's own subscriber sees the city while it runs.
fn seen(runs: &Path) -> Result<String, String> {
    let mut command = citytwin();
    command.args(["run", "scenarios/first_try.yaml", "--no-report", "--listen", "127.0.0.1:0", "--out"]);
    command.arg(runs.join("seen")).current_dir(root()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let mut words = BufReader::new(child.stderr.take().ok_or("no words")?);
    let address = address_in(&mut words)?;
    let (host, port) = address.rsplit_once(':').ok_or("no port")?;
    let sub = output(Command::new("mosquitto_sub").args([
        "-h",
        host,
        "-p",
        port,
        "-t",
        "gps_data/#",
        "-C",
        "100",
        "-W",
        "20",
    ]));
    words.lines().for_each(drop);
    let ended = child.wait().map_err(|error| error.to_string())?;
    let sub = sub?;
    let lines = text(&sub.stdout).lines().filter(|line| line.starts_with("{\"type\":\"position\"")).count();
    if lines != 100 || !ended.success() {
        return Err(format!("{lines} of 100 messages; the run ended with {ended}; {}", text(&sub.stderr)));
    }
    Ok("100 positions".to_owned())
}

/// A disk that fills up in the middle: a sentence, nothing broken, and the balance closes once there is room.
fn full_disk(runs: &Path) -> Result<String, String> {
    let disk = runs.join("disk");
    std::fs::create_dir_all(&disk).map_err(|error| error.to_string())?;
    let size = |mib: u32| format!("size={mib}m");
    if !quietly(Command::new("mount").args(["-t", "tmpfs", "-o", &size(SMALL), "tmpfs"]).arg(&disk)) {
        return Ok("left out: mounting a small disk needs root".to_owned());
    }
    let told = fill_and_go_on(&disk, &|| {
        quietly(Command::new("mount").args(["-o", &format!("remount,{}", size(LARGE))]).arg(&disk))
    });
    quietly(Command::new("umount").arg(&disk));
    told
}

fn fill_and_go_on(disk: &Path, make_room: &dyn Fn() -> bool) -> Result<String, String> {
    let out = disk.join("run");
    let full = first_try(&out)?;
    let words = text(&full.stderr);
    if full.status.code() != Some(1) || !words.contains("the disk is full") {
        return Err(format!("on a full disk it ended with {} and said: {words}", full.status));
    }
    if !make_room() {
        return Err("cannot make room".to_owned());
    }
    let again = first_try(&out)?;
    if !again.status.success() {
        return Err(format!("with room it said: {}", text(&again.stderr)));
    }
    let audit = output(citytwin().arg("audit").arg(&out))?;
    if !audit.status.success() {
        return Err(text(&audit.stdout));
    }
    let sentence = words.lines().find(|line| line.contains("the disk is full")).unwrap_or_default();
    Ok(format!("`{sentence}`; with room again the balance closes"))
}
