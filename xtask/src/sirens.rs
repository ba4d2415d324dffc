//! `cargo xtask sirens`: what the siren is worth. The morning hour with and without it, over ten seeds, on the same calls.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::root;

const SEEDS: std::ops::RangeInclusive<u32> = 1..=10;
const SCENARIO: &str = "scenarios/morning_hour.yaml";

/// Response times of some calls [s], and how many nobody had reached by the end.
#[derive(Default)]
struct Responses {
    reached: Vec<f64>,
    urgent: Vec<f64>,
    unreached: u32,
}

impl Responses {
    /// Adds the calls of a run's table; none if it cannot be read.
    fn add(&mut self, table: &Path) -> Option<()> {
        let text = std::fs::read_to_string(table).ok()?;
        let mut lines = text.lines();
        let head: Vec<&str> = lines.next()?.split(',').collect();
        let column = |name: &str| head.iter().position(|one| *one == name);
        let (category, response) = (column("category")?, column("response_s")?);
        for line in lines {
            let fields: Vec<&str> = line.split(',').collect();
            match fields.get(response)?.parse::<f64>() {
                Ok(seconds) => {
                    self.reached.push(seconds);
                    if matches!(*fields.get(category)?, "C1" | "C2") {
                        self.urgent.push(seconds);
                    }
                }
                Err(_) => self.unreached += 1,
            }
        }
        Some(())
    }

    fn row(&mut self, name: &str) {
        self.reached.sort_by(f64::total_cmp);
        let at = |share: f64| {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a handful of calls"
            )]
            let place = (share * self.reached.len() as f64) as usize;
            self.reached.get(place.min(self.reached.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
        };
        #[expect(clippy::cast_precision_loss, reason = "a handful of calls")]
        let mean = |calls: &[f64]| calls.iter().sum::<f64>() / calls.len().max(1) as f64;
        println!(
            "{name:<12}{:>8}{:>11}{:>9.0}{:>9.0}{:>9.0}{:>14.0}",
            self.reached.len(),
            self.unreached,
            mean(&self.reached),
            at(0.5),
            at(0.9),
            mean(&self.urgent)
        );
    }
}

/// Runs them all and prints the table; whether all ran.
pub(crate) fn sirens() -> bool {
    if !crate::release() {
        return false;
    }
    let folder = root().join("target/sirens");
    let Ok(scenario) = std::fs::read_to_string(root().join(SCENARIO)) else { return false };
    println!(
        "{:<12}{:>8}{:>11}{:>9}{:>9}{:>9}{:>14}",
        "[s]", "reached", "unreached", "mean", "median", "p90", "C1+C2 mean"
    );
    for (name, siren) in [("siren on", true), ("siren off", false)] {
        let mut responses = Responses::default();
        for seed in SEEDS {
            let out = folder.join(format!("{siren}-{seed}"));
            if run(&scenario, siren, seed, &out).and_then(|()| responses.add(&out.join("calls.csv"))).is_none() {
                println!("seed {seed}, {name}: the run failed");
                return false;
            }
        }
        responses.row(name);
    }
    true
}

fn run(scenario: &str, siren: bool, seed: u32, out: &Path) -> Option<()> {
    std::fs::create_dir_all(out).ok()?;
    let map = root().join("maps");
    let text = scenario
        .replace("../maps", &map.display().to_string())
        .replace("emergencies: {", &format!("emergencies: {{ siren: {siren},"));
    let file = out.join("scenario.yaml");
    std::fs::write(&file, text).ok()?;
    let mut command = Command::new(root().join("target/release/citytwin"));
    command.arg("run").arg(&file).args(["--wire", "off", "--no-report", "--seed", &seed.to_string(), "--out"]).arg(out);
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    status.success().then_some(())
}
