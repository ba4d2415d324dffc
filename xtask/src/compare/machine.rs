//! What a run costs: CPU time and memory of a process, and how two sides' costs compare.
//!
//! The interpreter of SUMO's environment starts each program and asks the system what it used (`getrusage`), which standard Rust
//! cannot. SUMO tells how long its simulation took on the wall; on a busy machine that is longer than what it computed, so it is
//! taken times the share of the whole process's time on the wall in which it computed.

use std::path::Path;
use std::process::Command;

use super::output_of;

/// What a process used.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Usage {
    /// User CPU time [s].
    pub(super) user: f64,
    /// Time of the system on its behalf [s].
    pub(super) system: f64,
    /// Time on the wall [s].
    pub(super) wall: f64,
    /// Most memory ever resident [MB].
    pub(super) memory: f64,
}

impl Usage {
    /// The share of the time on the wall in which it computed.
    pub(super) fn share(&self) -> f64 {
        if self.wall > 0.0 { ((self.user + self.system) / self.wall).min(1.0) } else { 1.0 }
    }
}

/// One run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spent {
    /// CPU time of the simulation alone, loading left out [s].
    pub(super) simulation_cpu: f64,
    /// The same on the wall [s].
    pub(super) simulation_wall: f64,
    /// Vehicles on the road, summed over the steps.
    pub(super) updates: f64,
    /// Hash of the final state; SUMO has none.
    pub(super) hash: String,
    pub(super) usage: Usage,
}

impl Spent {
    /// Vehicle updates per second of the simulation's CPU time.
    pub(super) fn rate(&self) -> f64 {
        self.updates / self.simulation_cpu.max(1e-4)
    }

    /// Vehicle updates per second of the whole process's user CPU time.
    pub(super) fn rate_whole(&self) -> f64 {
        self.updates / self.usage.user.max(1e-3)
    }
}

/// Runs a program under the interpreter's eyes; what it printed, and what it used.
pub(super) fn measured(python: &Path, command: &Command) -> Result<(String, Usage), String> {
    const WATCH: &str = "import resource, subprocess, sys, time
began = time.perf_counter()
code = subprocess.call(sys.argv[1:])
wall = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print('used', used.ru_utime, used.ru_stime, wall, used.ru_maxrss)
sys.exit(code)";
    let mut watched = Command::new(python);
    watched.args(["-c", WATCH]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            watched.env(name, value);
        }
    }
    let told = output_of(&mut watched)?;
    let (before, used) = told.rsplit_once("used ").ok_or("nothing is known of what the run used")?;
    let numbers: Vec<f64> = used.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [user, system, wall, memory] = numbers[..] else {
        return Err("what the run used cannot be read".to_owned());
    };
    Ok((before.to_owned(), Usage { user, system, wall, memory: memory / 1024.0 }))
}

/// Cost of both sides: the middle of several pairs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cost {
    pub(super) pairs: usize,
    pub(super) ours: Side,
    pub(super) sumo: Side,
    /// Our vehicle updates per CPU second of the simulation over SUMO's, pair by pair.
    pub(super) ratio: f64,
    /// The same of the whole processes' user CPU time.
    pub(super) ratio_whole: f64,
}

/// The middle figures of a side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Side {
    /// Vehicle updates per CPU second, simulation alone.
    pub(super) rate: f64,
    /// Vehicle updates per user CPU second of the whole process.
    pub(super) rate_whole: f64,
    /// CPU time of the simulation [s].
    pub(super) simulation: f64,
    /// User CPU time of the process [s].
    pub(super) process: f64,
    /// Most memory ever resident [MB].
    pub(super) memory: f64,
    pub(super) updates: f64,
}

impl Cost {
    /// Of pairs of ours and SUMO.
    pub(super) fn of(pairs: &[(Spent, Spent)]) -> Self {
        let middle = |of: &dyn Fn(&(Spent, Spent)) -> f64| {
            let mut values: Vec<f64> = pairs.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
        };
        let side = |of: fn(&(Spent, Spent)) -> &Spent| Side {
            rate: middle(&|pair| of(pair).rate()),
            rate_whole: middle(&|pair| of(pair).rate_whole()),
            simulation: middle(&|pair| of(pair).simulation_cpu),
            process: middle(&|pair| of(pair).usage.user),
            memory: middle(&|pair| of(pair).usage.memory),
            updates: middle(&|pair| of(pair).updates),
        };
        Self {
            pairs: pairs.len(),
            ours: side(|pair| &pair.0),
            sumo: side(|pair| &pair.1),
            ratio: middle(&|(ours, sumo)| ours.rate() / sumo.rate()),
            ratio_whole: middle(&|(ours, sumo)| ours.rate_whole() / sumo.rate_whole()),
        }
    }
}

/// The machine in a sentence.
pub(super) fn machine() -> String {
    let about = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = about.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown processor", |(_, model)| model.trim()).to_owned();
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{model}, {cores} cores, {}", std::env::consts::OS)
}

/// What a program says of itself in one line, and a dash if it says nothing.
pub(super) fn line_of(program: &str, words: &[&str]) -> String {
    let told = output_of(Command::new(program).args(words).current_dir(crate::root())).unwrap_or_default();
    told.lines().next().map_or("-".to_owned(), |line| line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_pair_counts() {
        let spent = |cpu| Spent {
            simulation_cpu: cpu,
            simulation_wall: cpu,
            updates: 100.0,
            hash: String::new(),
            usage: Usage { user: cpu * 2.0, system: 0.0, wall: cpu * 4.0, memory: 1.0 },
        };
        let cost = Cost::of(&[(spent(1.0), spent(10.0)), (spent(1.0), spent(20.0)), (spent(9.0), spent(90.0))]);
        assert!((cost.ratio - 10.0).abs() < 1e-9);
        assert!((cost.sumo.rate - 5.0).abs() < 1e-9);
        assert!((spent(3.0).usage.share() - 0.5).abs() < 1e-9);
    }
}
