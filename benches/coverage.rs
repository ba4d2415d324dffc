//! How often the intervals of a comparison hold the truth: experiments of two arms that differ by nothing but their seeds.
//!
//! The arms of an experiment have disjoint seeds, so that their runs are independent, and the truth is a difference of zero. Of
//! 95 % intervals 92 to 98 in 100 should cover it; fewer say that they are too narrow, more that they are too wide. Small
//! numbers of `cargo test --test benches` keep it from rotting; `cargo xtask coverage` makes all 400 experiments, keeps
//! each in `target/coverage.txt` when it is made, and goes on from there when it is started again.
//!
//! ```text
//!   A ──west (300 m)──> J ──east (300 m)──> B      cars by chance, a bus now and then
//! ```

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use rayon::prelude::*;

use citytwin::city::scenario::{self, Overrides};
use citytwin::primitives::random::Seed;
use citytwin::studies::comparison::measures_of;
use citytwin::studies::comparison::statistics::paired::Paired;
use citytwin::studies::experiment::{self, Destination, Program};

/// Runs of an arm.
const RUNS: u64 = 10;
/// Measures that are looked at.
const MEASURES: [&str; 5] = ["travel-time", "time-loss", "travel-time.p95", "travel-time.bus", "network-speed"];

const NET: &str = r#"<net version="1.20">
    <edge id=":J_0" function="internal"><lane id=":J_0_0" index="0" speed="13.9" length="4" shape="298,-1.6 302,-1.6"/></edge>
    <edge id="west" from="A" to="J" priority="1"><lane id="west_0" index="0" speed="13.9" length="298" shape="0,-1.6 298,-1.6"/></edge>
    <edge id="east" from="J" to="B" priority="1"><lane id="east_0" index="0" speed="13.9" length="298" shape="302,-1.6 600,-1.6"/></edge>
    <junction id="A" type="dead_end" x="0" y="0" incLanes="" intLanes="" shape="0,0"/>
    <junction id="J" type="priority" x="300" y="0" incLanes="west_0" intLanes=":J_0_0" shape="298,0 302,0">
        <request index="0" response="0" foes="0" cont="0"/></junction>
    <junction id="B" type="dead_end" x="600" y="0" incLanes="east_0" intLanes="" shape="600,0"/>
    <connection from="west" to="east" fromLane="0" toLane="0" via=":J_0_0" dir="s" state="M"/>
    <connection from=":J_0" to="east" fromLane="0" toLane="0" dir="s" state="M"/></net>"#;

const ROUTES: &str = r#"<routes>
    <vType id="car" vClass="passenger"/><vType id="bus" vClass="bus"/><route id="through" edges="west east"/>
    <flow id="cars" type="car" route="through" begin="0" end="200" probability="0.3"/>
    <flow id="buses" type="bus" route="through" begin="0" end="200" period="50"/></routes>"#;

const SCENARIO: &str = "citytwin: 1\nname: Street\nmap: { sumo-net: street.net.xml }\ntime: { start: 00:00, run: 5 min }\n\
    demand:\n  - sumo-routes: { files: [street.rou.xml] }\noutputs: { road-interval: 1 min }\n";

/// The measures of one run.
fn run(file: &Path, seed: u64, program: &Program) -> BTreeMap<String, f64> {
    let overrides = Overrides { seed: Some(Seed(seed)), ..Overrides::default() };
    let loaded = scenario::load(file, &overrides).expect("a sound scenario");
    let finished = experiment::run(&loaded, &Destination::default(), program, None, &|| false, &mut |_| {});
    measures_of(&loaded, &finished.expect("a run").outcome)
}

/// The ends of the interval of every measure in one experiment.
type Ends = Vec<(f64, f64)>;

fn experiment(file: &Path, number: u64, program: &Program) -> Ends {
    let arm = |arm: u64| -> Vec<BTreeMap<String, f64>> {
        (0..RUNS).map(|one| run(file, (number * 2 + arm) * RUNS + one, program)).collect()
    };
    let (base, variant) = (arm(0), arm(1));
    let ends = |name: &str| {
        let pairs: Vec<(f64, f64)> = base.iter().zip(&variant).map(|(b, v)| (b[name], v[name])).collect();
        Paired::of(&pairs, 0.95).and_then(|paired| paired.difference.ends).expect("an interval")
    };
    MEASURES.map(ends).to_vec()
}

/// The experiments a file holds, by number: a line for each, `7 -0.25 0.5 ...`. What was cut off in the middle of a line is left out.
fn kept_in(file: &Path) -> BTreeMap<u64, Ends> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = |line: &str| {
        let mut words = line.split(' ');
        let number = words.next()?.parse().ok()?;
        let values: Vec<f64> = words.map(|word| word.parse().ok()).collect::<Option<_>>()?;
        let ends: Ends = values.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        (values.len() == 2 * MEASURES.len()).then_some((number, ends))
    };
    // A line is whole only with its end.
    text.split_inclusive('\n').filter_map(|whole| line(whole.strip_suffix('\n')?)).collect()
}

/// How many of so many experiments cover zero, by measure; those a file holds are not made again, and those made are added to it.
///
/// The first experiment is always made. If the file has another result of it, the program is another one and all are made anew.
pub(crate) fn coverage(experiments: u64, file: Option<&Path>) -> Vec<(&'static str, u64)> {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("street.net.xml", NET), ("street.rou.xml", ROUTES), ("street.yaml", SCENARIO)] {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    let scenario = folder.path().join("street.yaml");
    let program = Program::default();
    let first = experiment(&scenario, 0, &program);
    let mut done = file.map(kept_in).unwrap_or_default();
    if done.get(&0).is_some_and(|kept| *kept != first) {
        done.clear();
    }
    done.insert(0, first);
    let line = |number: u64, ends: &Ends| {
        let ends: Vec<String> = ends.iter().map(|(low, high)| format!("{low} {high}")).collect();
        format!("{number} {}\n", ends.join(" "))
    };
    let kept = file.map(|path| {
        let lines: String = done.iter().map(|(number, ends)| line(*number, ends)).collect();
        std::fs::write(path, lines).expect("a file for the experiments");
        Mutex::new(std::fs::File::options().append(true).open(path).expect("a file for the experiments"))
    });
    let left: Vec<u64> = (0..experiments).filter(|number| !done.contains_key(number)).collect();
    let made: Vec<(u64, Ends)> = left
        .into_par_iter()
        .map(|number| {
            let ends = experiment(&scenario, number, &program);
            if let Some(kept) = &kept {
                let mut kept = kept.lock().expect("nobody panics while writing");
                kept.write_all(line(number, &ends).as_bytes()).expect("room for the experiments");
            }
            (number, ends)
        })
        .collect();
    done.extend(made);
    let of_all = || done.range(..experiments).map(|(_, ends)| ends);
    let covers = |at: usize| of_all().filter(|ends| ends[at].0 <= 0.0 && 0.0 <= ends[at].1).count() as u64;
    MEASURES.iter().enumerate().map(|(at, name)| (*name, covers(at))).collect()
}

#[expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "a program for the terminal")]
fn main() {
    // `cargo test` and `cargo bench -- --test` look whether it runs; a measurement is asked for by its number.
    let experiments = std::env::var("CITYTWIN_EXPERIMENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    let mut is_sound = true;
    let kept = std::env::var_os("CITYTWIN_EXPERIMENTS_KEPT").map(std::path::PathBuf::from);
    for (name, covered) in coverage(experiments, kept.as_deref()) {
        let share = covered as f64 / experiments as f64 * 100.0;
        println!("{name:<20} {covered:>4} of {experiments} intervals of 95 % cover zero ({share:.1} %)");
        is_sound &= experiments < 100 || (92.0..=98.0).contains(&share);
    }
    if !is_sound {
        println!("outside 92 to 98 %");
        std::process::exit(1);
    }
}
