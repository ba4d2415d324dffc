//! `cargo xtask osm`: every extract of OpenStreetMap beside the project becomes a map on which vehicles get through.
//!
//! Imports each folder's `input.osm`, makes traffic for a quarter of an hour, and holds the run to what a map must allow: nearly all
//! arrive, nobody is moved as a last resort. The pictures in `target/osm` are for looking at.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::root;

/// This share of the vehicles due within half an hour has to have arrived by its end; who departed last is still driving.
const ARRIVED_MIN: f64 = 0.9;
/// Vehicles per hour: what a small place can take whatever it looks like.
const FLOW: u32 = 400;

fn extracts() -> PathBuf {
    let shared = std::env::var_os("CITYTWIN_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    shared.join("data/osm")
}

/// Whether there is anything to import.
pub(crate) fn data_is_there() -> bool {
    extracts().is_dir()
}

/// Imports and runs all; whether every one passed.
pub(crate) fn osm() -> bool {
    if !crate::release() {
        return false;
    }
    let Ok(entries) = std::fs::read_dir(extracts()) else {
        println!("there is no folder {}", extracts().display());
        return false;
    };
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    println!("{:<24}{:>8}{:>10}{:>10}{:>9}{:>13}", "extract", "roads", "loaded", "arrived", "share", "last resort");
    let mut passed = !folders.is_empty();
    for folder in folders {
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        match passes(&folder.join("input.osm"), &root().join("target/osm").join(&name)) {
            Ok(Figures { roads, loaded, arrived, moved }) => {
                let share = if loaded > 0.0 { arrived / loaded } else { 0.0 };
                let sound = share >= ARRIVED_MIN && moved == 0.0;
                println!(
                    "{name:<24}{roads:>8}{loaded:>10}{arrived:>10}{share:>9.3}{moved:>13}{}",
                    if sound { "" } else { "  FAILED" }
                );
                passed &= sound;
            }
            Err(reason) => {
                println!("{name:<24}  FAILED: {reason}");
                passed = false;
            }
        }
    }
    passed
}

struct Figures {
    roads: usize,
    loaded: f64,
    arrived: f64,
    moved: f64,
}

fn passes(file: &Path, out: &Path) -> Result<Figures, String> {
    let program = root().join("target/release/citytwin");
    let mut import = Command::new(&program);
    import.arg("import").arg(file).arg("--out").arg(out).arg("--force");
    import.arg("--picture").arg(out.with_extension("png"));
    output(&mut import)?;
    let map = std::fs::read_to_string(out.join("map.json")).map_err(|error| error.to_string())?;
    let scenario = format!(
        "citytwin: 1\nname: Imported\nmap: {{ city: . }}\ntime: {{ start: 07:30, run: 30 min }}\n\
         demand:\n  - synthetic: {{ flow: {FLOW} veh/h, profile: flat }}\nseed: 1\n"
    );
    let path = out.join("scenario.yaml");
    std::fs::write(&path, scenario).map_err(|error| error.to_string())?;
    let mut run = Command::new(&program);
    run.arg("run").arg(&path).args(["--wire", "off", "--json", "--no-report", "--out"]).arg(out.join("run"));
    let told = output(&mut run)?;
    let number = |key: &str| number(&told, key).ok_or_else(|| format!("the summary has no `{key}`"));
    Ok(Figures {
        roads: map.matches("\"limit_kmh\"").count(),
        loaded: number("loaded")?,
        arrived: number("arrived")?,
        moved: number("last_resort_moves")?,
    })
}

fn output(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.lines().last().unwrap_or("it failed without a word").to_owned())
}

/// The number behind a key of a JSON object.
fn number(json: &str, key: &str) -> Option<f64> {
    let (_, rest) = json.split_once(&format!("\"{key}\""))?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-')).unwrap_or(rest.len());
    rest[..end].parse().ok()
}
