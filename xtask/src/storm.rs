//! `cargo xtask storm`: every fault against the wire, from a printed seed, and an audit after each.
//!
//! A sender writes its ledger before it sends; a keeper keeps; something goes wrong; both come to their end, and what was sent is
//! held against what is kept. `--quick` does each fault once and is part of `cargo xtask ci`; without it each is done many times, on
//! the embedded parts and on real ones, which takes hours. What has been done stands in `target/storm/record.csv` and is not done
//! again: a storm that was stopped goes on.

mod cast;
mod controls;
mod embedded;
mod forger;
mod proxy;
mod servers;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::{cargo, root};

/// Times each fault is done on embedded and on real parts.
const TIMES: (u64, u64) = (20, 5);

/// What came of one fault, done once.
type Outcome = Result<String, String>;

/// A fault: its name, and what is done in a folder with a seed.
pub(crate) struct Fault {
    /// A name of its own.
    pub(crate) name: String,
    /// Does it; figures if the wire stood it, the reason if not.
    pub(crate) run: Box<dyn Fn(&Scene) -> Outcome>,
}

/// Where and with which seed a fault is done.
pub(crate) struct Scene {
    /// An empty folder.
    pub(crate) folder: PathBuf,
    /// The seed of everything random.
    pub(crate) seed: u64,
    /// How long a load lasts [s].
    pub(crate) seconds: u64,
}

impl Scene {
    /// The sender's folder.
    pub(crate) fn sender(&self) -> PathBuf {
        self.folder.join("sent")
    }

    /// The keeper's folder.
    pub(crate) fn keeper(&self) -> PathBuf {
        self.folder.join("kept")
    }

    /// A number below `bound`, another for each fault and each `what`: `SplitMix64`'s finaliser over seed and names.
    pub(crate) fn dice(&self, what: &str, bound: u64) -> u64 {
        let mut hash = self.seed ^ 0x9e37_79b9_7f4a_7c15;
        let fault = self.folder.parent().and_then(Path::file_name).unwrap_or_default().as_encoded_bytes();
        for &byte in fault.iter().chain(what.as_bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            hash ^= hash >> 29;
        }
        hash % bound.max(1)
    }
}

/// What is asked for.
#[derive(Debug, Default)]
struct Wishes {
    quick: bool,
    seed: u64,
    only: Vec<String>,
    times: Option<u64>,
    fresh: bool,
}

impl Wishes {
    fn of(words: &[&str]) -> Result<Self, String> {
        let mut wishes = Self { seed: 1, ..Self::default() };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut number =
                || words.next().and_then(|word| word.parse().ok()).ok_or(format!("`{word}` wants a number"));
            match *word {
                "--quick" => wishes.quick = true,
                "--fresh" => wishes.fresh = true,
                "--seed" => wishes.seed = number()?,
                "--times" => wishes.times = Some(number()?),
                flag if flag.starts_with('-') => return Err(format!("unknown option `{flag}`")),
                name => wishes.only.push(name.to_owned()),
            }
        }
        Ok(wishes)
    }
}

/// Does what the words ask for; whether the wire stood all of it.
pub(crate) fn storm(words: &[&str]) -> bool {
    weather(words).unwrap_or_else(|reason| {
        eprintln!("storm: {reason}");
        false
    })
}

fn weather(words: &[&str]) -> Result<bool, String> {
    let wishes = Wishes::of(words)?;
    if !cargo(&["build", "--quiet"], &[]) {
        return Err("the program does not build".to_owned());
    }
    let home = root().join("target/storm");
    if wishes.quick || wishes.fresh {
        drop(fs::remove_dir_all(&home));
    }
    fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
    let record = home.join("record.csv");
    let done = done(&record);
    let mut sound = true;
    for (faults, times) in [(embedded::faults(), TIMES.0), (servers::faults(wishes.quick), TIMES.1)] {
        let times = if wishes.quick { 1 } else { wishes.times.unwrap_or(times) };
        for fault in &faults {
            if !wishes.only.is_empty() && !wishes.only.iter().any(|only| fault.name.contains(only.as_str())) {
                continue;
            }
            for seed in wishes.seed..wishes.seed + times {
                if done.contains(&(fault.name.clone(), seed)) {
                    continue;
                }
                sound &= once(&home, &record, fault, seed, wishes.quick)?;
            }
        }
    }
    if !wishes.quick {
        print!("{}", table(&record));
    }
    Ok(sound)
}

/// Does a fault once, says and records what came of it.
fn once(home: &Path, record: &Path, fault: &Fault, seed: u64, quick: bool) -> Result<bool, String> {
    let folder = home.join(fault.name.replace(['/', ' '], "-")).join(seed.to_string());
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let begun = cast::now();
    let scene = Scene { folder: folder.clone(), seed, seconds: if quick { 4 } else { 8 } };
    let outcome = (fault.run)(&scene);
    let stood = outcome.is_ok();
    let (word, told) = match outcome {
        Ok(figures) => ("stood", figures),
        Err(reason) => ("FAILED", reason),
    };
    println!("{:<44} seed {seed:<3} {word:<7} {:>5.1} s  {told}", fault.name, begun.elapsed().as_secs_f64());
    let line = format!("{},{seed},{word},\"{}\"\n", fault.name, told.replace('"', "'").replace('\n', " "));
    let written =
        fs::File::options().create(true).append(true).open(record).and_then(|mut file| file.write_all(line.as_bytes()));
    written.map_err(|error| format!("{}: {error}", record.display()))?;
    if stood {
        // What a fault left behind is looked at only where it was not stood.
        drop(fs::remove_dir_all(&folder));
    }
    Ok(stood)
}

/// What has been stood already.
fn done(record: &Path) -> BTreeSet<(String, u64)> {
    let text = fs::read_to_string(record).unwrap_or_default();
    let parse = |line: &str| {
        let mut fields = line.split(',');
        let (name, seed, word) = (fields.next()?, fields.next()?.parse().ok()?, fields.next()?);
        (word == "stood").then(|| (name.to_owned(), seed))
    };
    text.lines().filter_map(parse).collect()
}

/// The record as a table: each fault, how often it was done, how often stood.
fn table(record: &Path) -> String {
    let text = fs::read_to_string(record).unwrap_or_default();
    let mut rows: Vec<(String, u64, u64, String)> = Vec::new();
    for line in text.lines() {
        let mut fields = line.splitn(4, ',');
        let (Some(name), Some(_), Some(word), Some(told)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let at = rows.iter().position(|row| row.0 == name).unwrap_or_else(|| {
            rows.push((name.to_owned(), 0, 0, String::new()));
            rows.len() - 1
        });
        rows[at].1 += 1;
        rows[at].2 += u64::from(word == "stood");
        told.trim_matches('"').clone_into(&mut rows[at].3);
    }
    let mut out = String::from("\n| fault | done | stood | the last |\n|---|---|---|---|\n");
    for (name, done, stood, told) in rows {
        let _ = writeln!(out, "| {name} | {done} | {stood} | {told} |");
    }
    out
}
