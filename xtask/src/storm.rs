//! `cargo xtask storm`: every fault against the wire, from a printed seed, and an audit after each.
//!
//! A sender writes its ledger before it sends; a keeper keeps; something goes wrong; both come to their end, and what was sent is
//! held against what is kept. `--quick` does each fault once and is part of `cargo xtask ci`; without it each is done many times, on
//! the embedded parts and on real ones, which takes hours. What has been done stands in `target/storm/record.csv` and is not done
//! again: a storm that was stopped goes on. Scenes on embedded parts share nothing but the machine, and several run at a time; those
//! with servers run one after another, because they break the same servers.

pub(crate) mod cast;
mod controls;
mod embedded;
mod forger;
mod proxy;
mod record;
mod rumqttd;
mod servers;
mod wishes;

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::{cargo, root};
use record::{FAILED, Record, STOOD};
use wishes::Wishes;

/// Times each fault is done on embedded and on real parts.
const TIMES: (u64, u64) = (20, 5);

/// What came of one fault, done once.
type Outcome = Result<String, String>;

/// A fault: its name, and what is done in a folder with a seed.
pub(crate) struct Fault {
    /// A name of its own.
    pub(crate) name: String,
    /// Does it; figures if the wire stood it, the reason if not.
    pub(crate) run: Box<dyn Fn(&Scene) -> Outcome + Send + Sync>,
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

/// A fault to be done with a seed.
type Turn<'a> = (&'a Fault, u64);

/// Turns that nobody has taken yet.
type Queue<'a> = Mutex<VecDeque<Turn<'a>>>;

/// A fault done once.
struct Done<'a> {
    fault: &'a Fault,
    seed: u64,
    folder: PathBuf,
    outcome: Outcome,
    /// How long it took [s].
    lasted: f64,
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
    // A quick storm, as CI does it, leaves the record of hours alone.
    let home = root().join(if wishes.quick { "target/storm-quick" } else { "target/storm" });
    if wishes.quick || wishes.fresh {
        drop(fs::remove_dir_all(&home));
    }
    fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
    cast::keep_program(&home)?;
    let mut record = Record::open(&home.join("record.csv"));
    let faults = [embedded::faults(), servers::faults(wishes.quick)];
    let stood = record.stood();
    let queues = [turns(&faults[0], &wishes, TIMES.0, &stood), turns(&faults[1], &wishes, TIMES.1, &stood)];
    let sound = play(&home, &wishes, &queues, &mut record)?;
    if !wishes.quick {
        print!("{}", record.table());
    }
    Ok(sound)
}

/// What is still to be done: each fault once before any is done again, so that a storm that is stopped has seen all of them.
fn turns<'a>(faults: &'a [Fault], wishes: &Wishes, times: u64, stood: &BTreeSet<(String, u64)>) -> Queue<'a> {
    let all = wishes.seeds(times).flat_map(|seed| faults.iter().map(move |fault| (fault, seed)));
    let is_open = |(fault, seed): &Turn<'_>| !stood.contains(&(fault.name.clone(), *seed));
    Mutex::new(all.filter(|(fault, _)| wishes.include(&fault.name)).filter(is_open).collect())
}

/// Does all turns, several at a time of the first queue, one at a time of the second; says and records what came of each.
fn play(home: &Path, wishes: &Wishes, queues: &[Queue<'_>; 2], record: &mut Record) -> Result<bool, String> {
    let (jobs, seconds) = (wishes.jobs(), wishes.seconds());
    let (tell, told) = channel();
    thread::scope(|scope| {
        let work = |queue, tell: Sender<_>| move || work(home, seconds, queue, &tell);
        for _ in 1..jobs {
            scope.spawn(work(&queues[0], tell.clone()));
        }
        if jobs > 1 {
            scope.spawn(work(&queues[1], tell.clone()));
            scope.spawn(work(&queues[0], tell));
        } else {
            scope.spawn(move || queues.iter().for_each(|queue| self::work(home, seconds, queue, &tell)));
        }
        let mut sound = true;
        for done in told {
            let written = say(&done, record);
            if written.is_err() {
                // What cannot be recorded need not be done: everybody ends with what they are at.
                for queue in queues {
                    queue.lock().unwrap_or_else(PoisonError::into_inner).clear();
                }
            }
            sound &= written?;
        }
        Ok(sound)
    })
}

/// Takes turns until there are none, or nobody listens any more.
fn work<'a>(home: &Path, seconds: u64, queue: &Queue<'a>, tell: &Sender<Done<'a>>) {
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    while let Some((fault, seed)) = next() {
        if tell.send(once(home, seconds, fault, seed)).is_err() {
            return;
        }
    }
}

/// Does a fault once.
fn once<'a>(home: &Path, seconds: u64, fault: &'a Fault, seed: u64) -> Done<'a> {
    let folder = home.join(fault.name.replace(['/', ' '], "-")).join(seed.to_string());
    drop(fs::remove_dir_all(&folder));
    let begun = cast::now();
    let made = fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()));
    let scene = Scene { folder: folder.clone(), seed, seconds };
    let outcome = made.and_then(|()| (fault.run)(&scene));
    Done { fault, seed, folder, outcome, lasted: begun.elapsed().as_secs_f64() }
}

/// Says and records what came of a fault; whether it was stood.
fn say(done: &Done<'_>, record: &mut Record) -> Result<bool, String> {
    let (name, seed, stood) = (&done.fault.name, done.seed, done.outcome.is_ok());
    let (word, told) = match &done.outcome {
        Ok(figures) => (STOOD, figures),
        Err(reason) => (FAILED, reason),
    };
    println!("{name:<44} seed {seed:<3} {word:<7} {:>5.1} s  {told}", done.lasted);
    record.add(name, seed, stood, told)?;
    if stood {
        // What a fault left behind is looked at only where it was not stood.
        drop(fs::remove_dir_all(&done.folder));
    }
    Ok(stood)
}
