//! `cargo xtask compare-sumo`: the same scenarios, here and in SUMO, side by side.
//!
//! Each scenario is run over the same seeds on both sides; trips are held against each other figure by figure, cost is measured in
//! pairs, one after the other, on one thread and without outputs. `--quick` is what CI runs: few seeds, SUMO's side from the
//! reference files, and today's state plus slack as bounds. The scenarios lie beside the checkout (`../shared`, or where
//! `CITYTWIN_SHARED` points) and are only read; any other configuration may be named by its path.

mod bounds;
mod figures;
mod grid;
mod machine;
mod ours;
mod page;
mod scene;
mod sumo;
mod xml;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::root;
use figures::{Comparison, Reference, Run};
use scene::Scene;

/// The scenarios that have a reference, in the order of the table.
const KNOWN: [&str; 7] =
    ["cologne1", "cologne8", "ingolstadt1", "ingolstadt7", "bologna_acosta", "bologna_joined", "wildau"];
/// The name of the made city, see [`grid`].
const GRID: &str = "grid";
const SEEDS: u64 = 10;
const SEEDS_QUICK: u64 = 3;
/// Pairs of runs from which cost is taken; the middle one counts.
const PAIRS: u64 = 3;

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wishes {
    scenarios: Vec<String>,
    seeds: u64,
    quick: bool,
    /// Print the table of bounds that today's figures would allow.
    bounds: bool,
    /// The program to run, instead of building one.
    program: Option<PathBuf>,
}

impl Wishes {
    fn of(words: &[&str]) -> Result<Self, String> {
        let mut wishes = Self { scenarios: Vec::new(), seeds: 0, quick: false, bounds: false, program: None };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--quick" => wishes.quick = true,
                "--bounds" => (wishes.quick, wishes.bounds) = (true, true),
                "--program" => wishes.program = Some(PathBuf::from(words.next().ok_or("`--program` wants a path")?)),
                "--seeds" => {
                    let count = words.next().and_then(|word| word.parse().ok()).filter(|count| *count > 0);
                    wishes.seeds = count.ok_or("`--seeds` wants a number above zero")?;
                }
                flag if flag.starts_with('-') => return Err(format!("unknown option `{flag}`")),
                name => wishes.scenarios.push(name.to_owned()),
            }
        }
        if wishes.seeds == 0 {
            wishes.seeds = if wishes.quick { SEEDS_QUICK } else { SEEDS };
        }
        if wishes.scenarios.is_empty() {
            wishes.scenarios = KNOWN.map(str::to_owned).to_vec();
        }
        Ok(wishes)
    }
}

/// Where scenarios and reference lie.
fn shared() -> PathBuf {
    std::env::var_os("CITYTWIN_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from)
}

/// Where everything of a comparison is kept.
fn workshop() -> PathBuf {
    root().join("target/compare-sumo")
}

/// Lets SUMO drive a known scenario for some seconds and write down where everybody is; gives the configuration that was driven.
pub(crate) fn drive(name: &str, target: &Path, seconds: u32, fcd: &Path) -> Result<PathBuf, String> {
    let sumo = sumo::Program::install(&root().join("target/sumo-venv"))?;
    let copy = Scene::find(name)?.copy_for_sumo(target)?;
    let text = scene::read(&copy.bare)?;
    let begin = xml::elements(&text, "begin").find_map(|begin| xml::value(begin, "value"));
    let end = (begin.unwrap_or(0.0) + f64::from(seconds)).to_string();
    let mut command = sumo.command("sumo");
    command.arg("-c").arg(&copy.bare).args(["--no-step-log", "--end", &end, "--fcd-output"]).arg(fcd);
    output_of(&mut command)?;
    Ok(copy.bare)
}

/// Lets SUMO drive a configuration of ours to its end: how many arrive, and their mean time on the road [s].
pub(crate) fn driven(configuration: &Path) -> Result<(u32, f64), String> {
    let sumo = sumo::Program::install(&root().join("target/sumo-venv"))?;
    let trips = configuration.with_extension("tripinfo.xml");
    let mut command = sumo.command("sumo");
    command.arg("-c").arg(configuration).arg("--no-step-log").arg("--tripinfo-output").arg(&trips);
    let said = output_of(&mut command)?;
    // What SUMO does not like about a file of ours it says in a warning.
    let warned = said.lines().find(|line| line.starts_with("Warning:") && !line.contains("SUMO_HOME"));
    match warned {
        Some(warning) => Err(format!("SUMO says: {warning}")),
        None => arrived(&trips),
    }
}

/// How many trips a tripinfo file holds, and their mean duration [s].
pub(crate) fn arrived(tripinfo: &Path) -> Result<(u32, f64), String> {
    let trips = sumo::trips_of(&scene::read(tripinfo)?);
    let total: f64 = trips.iter().map(|trip| trip.duration).sum();
    match u32::try_from(trips.len()) {
        Ok(count) if count > 0 => Ok((count, total / f64::from(count))),
        _ => Err("nobody arrived".to_owned()),
    }
}

/// Whether there is anything to compare with.
pub(crate) fn data_is_there() -> bool {
    shared().join("data/sumo").is_dir() && shared().join("reference/sumo_summary.csv").is_file()
}

/// Compares what the words name; whether everything ran and, with `--quick`, no figure is beyond its bound.
pub(crate) fn compare(words: &[&str]) -> bool {
    let told = Wishes::of(words).and_then(|wishes| {
        if wishes.program.is_none() && !crate::release() {
            return Err("the program does not build".to_owned());
        }
        if wishes.quick { quick(&wishes) } else { full(&wishes) }
    });
    told.unwrap_or_else(|reason| {
        eprintln!("compare-sumo: {reason}");
        false
    })
}

/// Ours against the reference files; whether every figure is within its bound.
fn quick(wishes: &Wishes) -> Result<bool, String> {
    let reference = Reference::read(&shared().join("reference"))?;
    let program = ours::Program::of(wishes.program.as_deref());
    let mut sound = true;
    for name in &wishes.scenarios {
        let scene = Scene::find(name)?;
        let runs = (1..=wishes.seeds).map(|seed| program.run(&scene, seed));
        let runs = runs.collect::<Result<Vec<Run>, String>>()?;
        let comparison = Comparison::with_reference(&scene.name, &runs, &reference)
            .ok_or_else(|| format!("{}: no reference; leave `--quick` out, and SUMO is run", scene.name))?;
        print!("{}", page::table(&comparison));
        sound &= bounds::hold(&comparison);
        if wishes.bounds {
            println!("{}", bounds::suggested(&comparison));
        }
    }
    Ok(sound)
}

/// Ours against SUMO, both run here; whether every scenario ran. What is off is published, not failed.
fn full(wishes: &Wishes) -> Result<bool, String> {
    let sumo = sumo::Program::install(&root().join("target/sumo-venv"))?;
    let ours = ours::Program::of(wishes.program.as_deref());
    let mut sound = true;
    for name in &wishes.scenarios {
        let section = if name == GRID { grid::compare(&ours, &sumo) } else { one(name, wishes, &ours, &sumo) };
        match section {
            Ok(section) => {
                println!("{}", section.text);
                // One by one, so that a comparison that is interrupted leaves what it has found.
                page::publish(&[section])?;
            }
            Err(reason) => {
                eprintln!("{name}: {reason}");
                sound = false;
            }
        }
    }
    Ok(sound)
}

/// One scenario over all seeds, and its cost.
fn one(name: &str, wishes: &Wishes, ours: &ours::Program, sumo: &sumo::Program) -> Result<page::Section, String> {
    let scene = Scene::find(name)?;
    let copy = scene.copy_for_sumo(&workshop().join("scenes").join(&scene.name))?;
    let (mut here, mut there) = (Vec::new(), Vec::new());
    for seed in 1..=wishes.seeds {
        eprintln!("{}: seed {seed} of {}", scene.name, wishes.seeds);
        here.push(ours.run(&scene, seed)?);
        there.push(sumo.run_cached(&scene, &copy, seed)?);
    }
    let comparison = Comparison::of(&scene.name, &here, &there);
    let mut pairs = Vec::new();
    for seed in 1..=PAIRS {
        eprintln!("{}: pair {seed} of {PAIRS}", scene.name);
        let here = ours.cost(&sumo.python(), &scene.configuration, seed, 1)?;
        pairs.push((here, sumo.cost(&copy.bare, seed)?));
    }
    let command = format!("cargo xtask compare-sumo {name} --seeds {}", wishes.seeds);
    page::section(&comparison, &machine::Cost::of(&pairs), &command)
}

/// What a program printed on standard output; its last words if it failed.
fn output_of(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().display().to_string();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = told.lines().rev().take(5).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    Err(format!("{name}: {}: {}", output.status, last.join(" / ")))
}

/// A count as a number; counts here are far below 2³².
fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_understood() {
        let of = |words: &[&str]| Wishes::of(words);
        let all = of(&[]).expect("nothing asks for everything");
        assert_eq!((all.scenarios.len(), all.seeds, all.quick), (7, 10, false));
        let quick = of(&["--quick", "wildau"]).expect("one scenario");
        assert_eq!((quick.scenarios.len(), quick.seeds, quick.quick), (1, 3, true));
        assert_eq!(of(&["--seeds", "4", "some/where"]).expect("a path").seeds, 4);
        assert!(of(&["--seeds", "none"]).is_err());
        assert!(of(&["--fast"]).is_err());
    }
}
