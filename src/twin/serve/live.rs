//! How the live city speaks: every step into the wire, every order into the diary, and at its end a run's folder like any other.
//!
//! The wire may hold back; what it does not take waits here, and when that is much the city waits, which its page shows. Nothing is
//! thrown away.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::cast::Cast;
use super::diary::{DIARY, Diary, Line, Order};
use super::stage::{Stage, locked};
use crate::primitives::SimTime;
use crate::simulation::outcome::Outcome;
use crate::studies::experiment::{DISCARDED, Finished, Recorder, Wire};
use crate::telemetry::Emission;
use crate::twin::clock;
use crate::twin::wire::TwinWire;

/// Records that may wait for the wire; the city waits when there are more.
const WAITING_MAX: usize = 100_000;
/// The wire is slow when something has waited for so long.
const SLOW: Duration = Duration::from_secs(2);

/// How a live city speaks.
#[derive(Debug)]
pub(super) struct Live {
    cast: Arc<Cast>,
    wire: Option<TwinWire>,
    recorder: Option<Recorder>,
    diary: Diary,
    no_place: BTreeMap<String, u64>,
    backlog: VecDeque<Vec<Emission>>,
    /// Records in the backlog.
    waiting: usize,
    /// Since when the wire takes nothing.
    held_since: Option<Instant>,
    changes: u64,
    ending: Arc<Ending>,
}

/// What has become of the run.
#[derive(Debug, Default)]
pub(super) struct Ending {
    result: Mutex<Stand>,
    changed: Condvar,
}

#[derive(Debug, Default)]
enum Stand {
    /// It goes on.
    #[default]
    Running,
    /// What was told is being kept, and files are being written.
    Settling,
    Settled(Box<Result<(Finished, TwinWire), String>>),
    Taken,
}

impl Ending {
    /// Waits until everything is kept and written, and takes what came of it; none where somebody has taken it.
    pub(super) fn wait(&self) -> Option<Result<(Finished, TwinWire), String>> {
        let mut stand = locked(&self.result);
        loop {
            match std::mem::replace(&mut *stand, Stand::Taken) {
                Stand::Settled(result) => return Some(*result),
                Stand::Taken => return None,
                other => *stand = other,
            }
            stand = self.changed.wait(stand).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether the run has been written down, however that went.
    pub(super) fn is_settled(&self) -> bool {
        matches!(*locked(&self.result), Stand::Settled(_) | Stand::Taken)
    }

    fn trouble(&self) -> Option<String> {
        match &*locked(&self.result) {
            Stand::Settled(result) => result.as_ref().as_ref().err().cloned(),
            _ => None,
        }
    }

    fn put(&self, stand: Stand) {
        *locked(&self.result) = stand;
        self.changed.notify_all();
    }
}

impl Live {
    pub(super) fn new(
        cast: &Arc<Cast>,
        wire: TwinWire,
        recorder: Recorder,
        diary: Diary,
        no_place: BTreeMap<String, u64>,
    ) -> Self {
        Self {
            cast: Arc::clone(cast),
            wire: Some(wire),
            recorder: Some(recorder),
            diary,
            no_place,
            backlog: VecDeque::new(),
            waiting: 0,
            held_since: None,
            changes: 0,
            ending: Arc::default(),
        }
    }

    /// What becomes of the run.
    pub(super) fn ending(&self) -> Arc<Ending> {
        Arc::clone(&self.ending)
    }

    /// Hands on what waits; whether so much still does that the city has to wait.
    pub(super) fn is_held(&mut self) -> Result<bool, String> {
        let Some(wire) = &self.wire else { return Ok(false) };
        while let Some(told) = self.backlog.pop_front() {
            let records = told.len();
            match wire.offer(told).map_err(|error| error.to_string())? {
                None => {
                    self.waiting -= records;
                    self.held_since = None;
                }
                Some(back) => {
                    self.backlog.push_front(back);
                    self.held_since = self.held_since.or_else(|| Some(clock::instant()));
                    break;
                }
            }
        }
        Ok(self.waiting > WAITING_MAX)
    }

    /// Takes what the step left that began at `before`.
    pub(super) fn stepped(&mut self, before: SimTime, stage: &mut Stage) -> Result<(), String> {
        self.diary.reach(stage.time()).map_err(|error| self.cannot_write(&error))?;
        let city = stage.city_mut();
        let told = city.take_emissions();
        if city.emissions_discarded() > 0 {
            return Err(DISCARDED.to_owned());
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.step(before, city).map_err(|error| error.to_string())?;
            if recorder.is_time(city) {
                recorder.look(city);
            }
        }
        if let Some(wire) = &self.wire
            && !told.is_empty()
        {
            wire.tells_until(self.cast.loaded().settings.midnight.at(city.time()));
            self.waiting += told.len();
            self.backlog.push_back(told);
        }
        Ok(())
    }

    /// Writes an order down.
    pub(super) fn ordered(&mut self, number: u64, at: SimTime, order: Order, said: &str) -> Result<(), String> {
        self.changes += u64::from(matches!(order, Order::Change(_)));
        let line = Line { number, time_ms: at.as_milliseconds(), order, said: said.to_owned() };
        self.diary.order(&line).map_err(|error| self.cannot_write(&error))
    }

    fn cannot_write(&self, error: &std::io::Error) -> String {
        let path = self.diary.path().display();
        format!("`{path}` cannot be written: {error}; the city stands still, because it could not be made again")
    }

    /// What is wrong with the wire, in sentences.
    pub(super) fn troubles(&self) -> Vec<String> {
        let mut troubles: Vec<String> = self.ending.trouble().into_iter().collect();
        if self.held_since.is_some_and(|since| since.elapsed() >= SLOW) {
            let (records, waits) = (self.waiting, self.waiting > WAITING_MAX);
            let city = if waits { "the city waits for it" } else { "the city goes on" };
            troubles.push(format!("the wire takes nothing for now: {records} records wait, and {city}"));
        }
        troubles
    }

    /// The run is over, or `interrupted`: keeps what was told and writes the run's files, on a thread of its own.
    pub(super) fn end(&mut self, stage: &Stage, interrupted: bool) {
        let (Some(mut wire), Some(mut recorder)) = (self.wire.take(), self.recorder.take()) else { return };
        recorder.stop();
        if interrupted && !recorder.is_time(stage.city()) {
            recorder.look(stage.city());
        }
        let changes = stage.orders().len() as u64;
        if changes > 0 {
            recorder.was_ordered(DIARY.as_ref(), changes);
        }
        // The city itself goes on standing where it is.
        let outcome = stage.city().fork().finish(interrupted);
        self.ending.put(Stand::Settling);
        let (cast, ending) = (Arc::clone(&self.cast), Arc::clone(&self.ending));
        let (backlog, no_place) = (std::mem::take(&mut self.backlog), std::mem::take(&mut self.no_place));
        // Whoever writes the run down waits for the wire now.
        (self.waiting, self.held_since) = (0, None);
        let settle = move || {
            let result = settle(&cast, &mut wire, recorder, (outcome, no_place), backlog);
            ending.put(Stand::Settled(Box::new(result.map(|finished| (finished, wire)))));
        };
        if let Err(error) = thread::Builder::new().name("settling".to_owned()).spawn(settle) {
            let sentence = format!("the system gives no thread on which the run could be written down: {error}");
            self.ending.put(Stand::Settled(Box::new(Err(sentence))));
        }
    }
}

fn settle(
    cast: &Cast,
    wire: &mut TwinWire,
    recorder: Recorder,
    (outcome, no_place): (Outcome, BTreeMap<String, u64>),
    backlog: VecDeque<Vec<Emission>>,
) -> Result<Finished, String> {
    for told in backlog {
        wire.send(told).map_err(|error| error.to_string())?;
    }
    recorder.end(&cast.prepared, outcome, Some(wire), no_place).map_err(|error| error.to_string())
}
