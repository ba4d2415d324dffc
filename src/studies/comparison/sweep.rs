//! Every variant with every seed, in parallel, each run once: what is made is kept, and what is kept is not made again.
//!
//! A run stays on one thread, and as many run side by side as there are jobs; each loads its own city and lets go of it before
//! the next, so memory is bounded by the jobs. Whoever works alone in a folder holds it by a lock that ends with the process;
//! shares of one sweep (`i` of `n`) work in it side by side, each holding its own share. Knows no measure.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::design::Design;
use super::key;
use super::observed;
use super::record::{self, Record};
use crate::city::scenario::LoadedScenario;
use crate::primitives::text::Findings;
use crate::studies::access;
use crate::studies::experiment::{self, Progress, RunError, WriteError};
use crate::studies::forecast::{self, Forecast};

/// A share of a sweep, for a cluster's array jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Which, from 1.
    pub number: u32,
    /// Of how many.
    pub of: u32,
}

/// How far a sweep has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// So many runs are to be made, and so many were kept already.
    Planned {
        /// To be made.
        runs: usize,
        /// Kept already.
        kept: usize,
    },
    /// A run came on by so many thousandths.
    Advanced(u64),
    /// A run is finished and kept.
    Finished,
}

/// Why a sweep did not come to its end; what is finished is kept.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A variant cannot be loaded.
    #[error("a variant cannot be loaded")]
    Invalid(Findings),
    /// A run failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A record cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Another process works in the folder.
    #[error("`{}` is being worked in by another process; wait for it, or name another folder with `--out`", .0.display())]
    Busy(PathBuf),
    /// A record that was just kept cannot be read.
    #[error("the record of variant `{variant}` with seed {seed} cannot be read back")]
    Lost {
        /// The variant.
        variant: String,
        /// The seed.
        seed: u64,
    },
    /// Somebody interrupted.
    #[error("interrupted; the finished runs are kept, and the same command goes on from there")]
    Interrupted,
}

/// Makes a city of a variant with a seed.
pub type Load<'a> = dyn Fn(&str, u64) -> Result<LoadedScenario, Findings> + Sync + 'a;

/// How the runs of a design are made.
#[derive(Clone, Copy)]
pub struct Sweep<'a> {
    /// What is compared.
    pub design: &'a Design,
    /// The comparison's folder.
    pub folder: &'a Path,
    /// Runs made side by side.
    pub jobs: usize,
    /// What the program is, as far as results may depend on it.
    pub identity: &'a str,
    /// Makes a city.
    pub load: &'a Load<'a>,
    /// Asked after every step.
    pub interrupted: &'a (dyn Fn() -> bool + Sync),
    /// Told how far it has come.
    pub tell: &'a (dyn Fn(Told) + Sync),
}

impl std::fmt::Debug for Sweep<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sweep").field("folder", &self.folder).field("jobs", &self.jobs).finish_non_exhaustive()
    }
}

/// What was learnt for the variants whose advice is given by predictions.
#[derive(Default)]
struct Learnt(Mutex<BTreeMap<usize, Forecast>>);

/// A run to be made: the place of its variant, and its seed.
type Task = (usize, u64);

/// Holds a comparison's folder, or a share of it, until it is dropped or the process ends.
#[derive(Debug)]
pub struct Hold {
    _files: Vec<File>,
}

impl Hold {
    /// Takes hold of a folder, made if it is not there; for a share, beside other shares.
    ///
    /// # Errors
    /// When another process holds it, or it cannot be made.
    pub fn take(folder: &Path, share: Option<Share>) -> Result<Self, SweepError> {
        experiment::make_folder(&record::folder(folder))?;
        let whole = open(&folder.join("lock"))?;
        let Some(Share { number, of }) = share else {
            locked(whole.try_lock(), folder)?;
            return Ok(Self { _files: vec![whole] });
        };
        locked(whole.try_lock_shared(), folder)?;
        let part = open(&folder.join(format!("lock-{number}-of-{of}")))?;
        locked(part.try_lock(), folder)?;
        Ok(Self { _files: vec![whole, part] })
    }
}

fn open(path: &Path) -> Result<File, SweepError> {
    let file = File::options().create(true).append(true).open(path);
    file.map_err(|source| SweepError::Write(WriteError { path: path.to_owned(), source }))
}

fn locked(taken: Result<(), TryLockError>, folder: &Path) -> Result<(), SweepError> {
    match taken {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(SweepError::Busy(folder.to_owned())),
        Err(TryLockError::Error(source)) => Err(SweepError::Write(WriteError { path: folder.join("lock"), source })),
    }
}

impl Sweep<'_> {
    /// Makes a share of the first round of runs.
    ///
    /// # Errors
    /// When a variant cannot be loaded, a run fails, a record cannot be written, or somebody interrupts.
    pub fn share(&self, share: Share) -> Result<(), SweepError> {
        let tasks = self.tasks(&self.design.first_seeds());
        let mine = tasks.into_iter().enumerate();
        let mine = mine.filter(|(place, _)| place % share.of.max(1) as usize == share.number as usize - 1);
        self.make(mine.map(|(_, task)| task).collect(), &Learnt::default())
    }

    /// Makes every run, adding more until they are enough; the records by variant, then by seed.
    ///
    /// # Errors
    /// As [`Sweep::share`].
    pub fn whole(&self) -> Result<Vec<Vec<Record>>, SweepError> {
        let mut seeds = self.design.first_seeds();
        let learnt = Learnt::default();
        loop {
            self.make(self.tasks(&seeds), &learnt)?;
            let records = self.records(&seeds)?;
            if !self.design.may_grow(seeds.len()) {
                return Ok(records);
            }
            match self.design.more_seeds(&records) {
                Some(more) => seeds = more,
                None => return Ok(records),
            }
        }
    }

    /// All variants with a seed before the next seed, so that pairs are complete early.
    fn tasks(&self, seeds: &[u64]) -> Vec<Task> {
        let variants = 0..self.design.variants.len();
        seeds.iter().flat_map(|&seed| variants.clone().map(move |variant| (variant, seed))).collect()
    }

    fn records(&self, seeds: &[u64]) -> Result<Vec<Vec<Record>>, SweepError> {
        let one = |variant: &str, seed| {
            record::read(self.folder, variant, seed)
                .ok_or_else(|| SweepError::Lost { variant: variant.to_owned(), seed })
        };
        let of = |name: &str| seeds.iter().map(|&seed| one(name, seed)).collect::<Result<Vec<_>, _>>();
        self.design.variants.iter().map(|variant| of(&variant.name)).collect()
    }

    fn name(&self, task: Task) -> &str {
        &self.design.variants[task.0].name
    }

    fn request(&self, task: Task) -> String {
        let variant = &self.design.variants[task.0];
        key::of_request(self.identity, &self.design.files, (&variant.name, &variant.city), task.1)
    }

    /// Makes the runs that are not kept.
    fn make(&self, tasks: Vec<Task>, learnt: &Learnt) -> Result<(), SweepError> {
        let all = tasks.len();
        let is_kept = |task: &Task| {
            record::read(self.folder, self.name(*task), task.1)
                .is_some_and(|record| record.request == self.request(*task))
        };
        let missing: VecDeque<Task> = tasks.into_iter().filter(|task| !is_kept(task)).collect();
        (self.tell)(Told::Planned { runs: missing.len(), kept: all - missing.len() });
        let jobs = self.jobs.clamp(1, missing.len().max(1));
        let queue = Mutex::new(missing);
        let failure: Mutex<Option<SweepError>> = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| self.work(&queue, &failure, learnt));
            }
        });
        let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
        failure.map_or(Ok(()), Err)
    }

    /// Takes one run after the other until none is left or one has failed.
    fn work(&self, queue: &Mutex<VecDeque<Task>>, failure: &Mutex<Option<SweepError>>, learnt: &Learnt) {
        loop {
            let task = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(task) = task else { return };
            if let Err(error) = self.run(task, learnt) {
                queue.lock().unwrap_or_else(PoisonError::into_inner).clear();
                failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                return;
            }
        }
    }

    /// What advice of a variant is given by: learnt once, while those who need it wait.
    fn learn(&self, task: Task, loaded: &LoadedScenario, learnt: &Learnt) -> Result<Option<Forecast>, SweepError> {
        if forecast::days_of(loaded).is_none() {
            return Ok(None);
        }
        let mut known = learnt.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(forecast) = known.get(&task.0) {
            return Ok(Some(forecast.clone()));
        }
        let forecast = forecast::learn(loaded, self.interrupted).map_err(SweepError::Invalid)?;
        let forecast = forecast.ok_or(SweepError::Interrupted)?;
        known.insert(task.0, forecast.clone());
        Ok(Some(forecast))
    }

    fn run(&self, task: Task, learnt: &Learnt) -> Result<(), SweepError> {
        if (self.interrupted)() {
            return Err(SweepError::Interrupted);
        }
        let (variant, seed) = (self.name(task), task.1);
        let mut loaded = (self.load)(variant, seed).map_err(SweepError::Invalid)?;
        let learnt = self.learn(task, &loaded, learnt)?;
        // What was learnt is of the city that is run, and so of its digest.
        loaded.forecast = learnt.as_ref().map(|forecast| Arc::clone(&forecast.delays));
        let (request, city) = (self.request(task), key::of_city(self.identity, &loaded));
        // Files that changed may make the same city: a comment, an expectation, another variant.
        if let Some(mut kept) = record::read(self.folder, variant, seed).filter(|kept| kept.city == city) {
            kept.request = request;
            record::keep_record(self.folder, &kept)?;
            (self.tell)(Told::Advanced(1000));
            (self.tell)(Told::Finished);
            return Ok(());
        }
        let mut told = 0;
        let mut show = |progress: Progress| {
            let reached = thousandths(progress);
            (self.tell)(Told::Advanced(reached.saturating_sub(told)));
            told = told.max(reached);
        };
        let (made, seen) = observed::run(&loaded, learnt.as_ref(), self.interrupted, &mut show)?;
        if made.outcome.interrupted {
            return Err(SweepError::Interrupted);
        }
        let details = record::details(&loaded, &made.outcome, &seen);
        let mut record = record::of(&loaded, (&made.outcome, &seen), variant, (request, city));
        if let Some((access, total)) = loaded.access.as_deref().zip(details.access.as_ref()) {
            let found = access::measures(access, &total.jobs, &total.hospitals).into_iter();
            record.measures.extend(found.map(|(name, value)| (name.to_owned(), value)));
        }
        record::keep(self.folder, &record, &details)?;
        (self.tell)(Told::Advanced(1000_u64.saturating_sub(told)));
        (self.tell)(Told::Finished);
        Ok(())
    }
}

/// How far a run has come, in thousandths; nothing where its end is not known.
fn thousandths(progress: Progress) -> u64 {
    let Some(end) = progress.end else { return 0 };
    let since = (progress.time - progress.begin).as_milliseconds().max(0);
    let all = (end - progress.begin).as_milliseconds().max(1);
    u64::try_from(since * 1000 / all).unwrap_or(0).min(1000)
}
