//! Sources of a load that tell by themselves: a city that is run for it, or a recording that is read again, on a thread of their own.
//!
//! What they tell waits in a queue of [`AHEAD`] messages; when that is full they wait, and when it is empty the load does, which
//! stands in the schedule's own error. At their end they begin again: a city is run anew, a recording is read anew.

mod recording;

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};

use super::super::TwinError;
use super::ears::MOMENT;
use crate::city::scenario::{self, LoadedScenario, Overrides};
use crate::primitives::text::{Findings, Place, Problem};
use crate::studies::experiment::{self, Destination, Program, Wire, WireError};
use crate::studies::load::{Source, SourceAsked, Told};
use crate::studies::report::telling::Telling;
use crate::telemetry::Emission;

pub(super) use recording::Recording;

/// Messages that are told ahead.
const AHEAD: usize = 16_384;

/// Where a load takes what devices say from.
#[derive(Debug, Clone, Default)]
pub enum LoadSource {
    /// Made up.
    #[default]
    Synthetic,
    /// A city that is run.
    City(Arc<LoadedScenario>),
    /// Something that was written down.
    Recording(PathBuf),
}

impl std::fmt::Display for LoadSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Synthetic => f.write_str("synthetic devices"),
            Self::City(loaded) => write!(f, "the city {}", loaded.name),
            Self::Recording(path) => write!(f, "the recording {}", path.display()),
        }
    }
}

/// Reads what a source is made of, as far as that can be done before anything is sent.
///
/// # Errors
/// Everything wrong with it, with its places.
pub fn read_source(asked: &SourceAsked) -> Result<LoadSource, Findings> {
    let refuse = |path: &PathBuf, message: String, help: &str| {
        let mut findings = Findings::default();
        findings.problem(Problem::new(Place::file(path), message).help(help));
        Err(findings)
    };
    match asked {
        SourceAsked::Synthetic => Ok(LoadSource::Synthetic),
        SourceAsked::City(path) => {
            let loaded = scenario::load(path, &Overrides::default())?;
            if loaded.sensors.is_none() {
                let help = "write `sensors:` into the scenario, or name another";
                return refuse(path, "no device watches this city, so it has nothing to tell".to_owned(), help);
            }
            Ok(LoadSource::City(Arc::new(loaded)))
        }
        SourceAsked::Recording(path) => match Recording::open(path) {
            Ok(_) => Ok(LoadSource::Recording(path.clone())),
            Err(reason) => refuse(path, reason, "name the folder of a run, or a .parquet, .jsonl or FCD file"),
        },
    }
}

/// What passes from a source to the load.
type Passed = Result<Option<Box<Emission>>, String>;

/// A source at work.
#[derive(Debug)]
pub(super) struct Teller {
    told: Receiver<Passed>,
    fill: Arc<Fill>,
}

/// How far a source is ahead.
#[derive(Debug, Default)]
pub(super) struct Fill {
    waiting: AtomicUsize,
    ended: AtomicBool,
    failed: AtomicBool,
}

impl Fill {
    /// Whether there is enough to begin with: so many messages, or all that fit, or the sentence why there are none.
    pub(super) fn is_ready(&self, messages: u64) -> bool {
        let enough = usize::try_from(messages).unwrap_or(AHEAD).min(AHEAD);
        self.failed.load(Ordering::Relaxed) || self.waiting.load(Ordering::Relaxed) >= enough
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.fill.ended.store(true, Ordering::Relaxed);
    }
}

impl Source for Teller {
    fn next(&mut self) -> Told {
        match self.told.recv_timeout(MOMENT) {
            Ok(passed) => {
                self.fill.waiting.fetch_sub(1, Ordering::Relaxed);
                match passed {
                    Ok(Some(emission)) => Told::Said(emission),
                    Ok(None) => Told::Again,
                    Err(why) => Told::Failed(why),
                }
            }
            Err(RecvTimeoutError::Timeout) => Told::Nothing,
            Err(RecvTimeoutError::Disconnected) => Told::Failed("the source has ended without a word".to_owned()),
        }
    }
}

/// A source that tells, and how much it has told ahead.
type Begun = (Box<dyn Source>, Arc<Fill>);

impl LoadSource {
    /// Begins to tell; none where nobody tells by itself.
    pub(super) fn begin(&self) -> Result<Option<Begun>, TwinError> {
        let (lane, told) = sync_channel(AHEAD);
        let fill = Arc::new(Fill::default());
        let mut door = Door { lane, fill: Arc::clone(&fill), said: Cell::new(0) };
        let work: Box<dyn FnOnce() + Send> = match self {
            Self::Synthetic => return Ok(None),
            Self::City(loaded) => {
                let loaded = Arc::clone(loaded);
                Box::new(move || run_again_and_again(&loaded, &mut door))
            }
            Self::Recording(path) => {
                let path = path.clone();
                Box::new(move || read_again_and_again(&path, &door))
            }
        };
        std::thread::Builder::new()
            .name("source".to_owned())
            .spawn(work)
            .map_err(|error| TwinError::Service(format!("cannot start a thread for the source: {error}")))?;
        Ok(Some((Box::new(Teller { told, fill: Arc::clone(&fill) }), fill)))
    }
}

/// Through which a source speaks.
struct Door {
    lane: SyncSender<Passed>,
    fill: Arc<Fill>,
    /// Messages since the source began (again).
    said: Cell<u64>,
}

impl Door {
    /// Hands something on when there is room; whether anybody still listens.
    fn pass(&self, passed: Passed) -> bool {
        if passed.is_err() {
            self.fill.failed.store(true, Ordering::Relaxed);
        }
        self.said.set(self.said.get() + u64::from(matches!(passed, Ok(Some(_)))));
        // Counted before it is there, so that whoever takes it never counts below none.
        self.fill.waiting.fetch_add(1, Ordering::Relaxed);
        self.lane.send(passed).is_ok()
    }

    /// Says that the source has come to its end and begins again, or why it does not; whether it is to go on.
    fn ends(&self, told: Result<(), String>) -> bool {
        let silent = self.said.replace(0) == 0;
        let passed = match told {
            Ok(()) if silent => Err("the source says nothing from its beginning to its end".to_owned()),
            told => told.map(|()| None),
        };
        let goes_on = passed.is_ok();
        self.pass(passed) && goes_on
    }

    fn has_ended(&self) -> bool {
        self.fill.ended.load(Ordering::Relaxed)
    }
}

impl Wire for Door {
    fn send(&mut self, told: Vec<Emission>) -> Result<(), WireError> {
        let mut told = told.into_iter();
        if told.all(|emission| self.pass(Ok(Some(Box::new(emission))))) {
            Ok(())
        } else {
            Err(WireError("nobody listens any more".to_owned()))
        }
    }

    fn close(&mut self, _: &LoadedScenario, _: bool) -> Result<Option<Telling>, WireError> {
        Ok(None)
    }
}

fn run_again_and_again(loaded: &LoadedScenario, door: &mut Door) {
    let fill = Arc::clone(&door.fill);
    let stopped = || fill.ended.load(Ordering::Relaxed);
    while !stopped() {
        let run = experiment::run(
            loaded,
            &Destination::default(),
            &Program::default(),
            Some(&mut *door),
            &stopped,
            &mut |_| (),
        );
        let told = run.map(drop).map_err(|error| format!("the city cannot be run: {error}"));
        if stopped() || !door.ends(told) {
            return;
        }
    }
}

fn read_again_and_again(path: &std::path::Path, door: &Door) {
    while !door.has_ended() {
        let told = Recording::open(path)
            .and_then(|recording| recording.tell(&mut |emission| door.pass(Ok(Some(Box::new(emission))))));
        if !door.ends(told.map_err(|reason| format!("the recording `{}` {reason}", path.display()))) {
            return;
        }
    }
}
