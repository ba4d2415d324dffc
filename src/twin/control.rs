//! The second stage: what is known of the whole city once every partition has told its part: incidents that sensors see, and alerts.
//!
//! Reads and writes tables only, so that dying and starting again is going on; the detector's state lies there too, in pieces no
//! longer than a row may be. In a city that is faster than the clock on the wall, it looks once, at the end: what time it is, the
//! records say, so that equal runs give equal alerts; and nobody is told, because nothing has happened.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::board::{Board, Order};
use super::clock;
use super::gauges::Gauges;
use super::intake::Intake;
use crate::pipeline::alerting::{AlertRules, Deliverer, Extra, Now, Overseer, OverseerSettings};
use crate::pipeline::analytics::{CITY_PARTITION, Event, IncidentDetector, Progress, RoadMinute};
use crate::pipeline::stores::{Row, StoreError, Stores};
use crate::primitives::{SimDuration, Timestamp, fail_point};

/// How often to look for news.
const MOMENT: Duration = Duration::from_millis(200);
/// Table of the detector's state.
pub(super) const DETECTOR: &str = "detector";
/// Longest piece of its state in a row [bytes].
const PIECE: usize = 32 << 10;
/// Length of a minute [ms].
const MINUTE: i64 = 60_000;
/// Minutes of roads looked at in one step.
const MINUTES_MAX: usize = 600;
/// Minutes in a row in which nobody saw anything that the detector is told of; what was suspected is over by then.
const EMPTY_MAX: i64 = 10;
/// How far back a run is looked at: whole.
const LOOK_BACK_OF_RUNS: f64 = 100.0 * 365.0 * 86_400.0;

/// The control room's desk, which outlives the service.
pub(super) struct ControlRoom {
    intake: Intake,
    rules: Arc<AlertRules>,
    /// Whose clock it goes by.
    goes_by: GoesBy,
    desk: Mutex<Option<Desk>>,
}

/// Whose clock tells what time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GoesBy {
    /// The one on the wall, as for a city that lives as time passes.
    Wall,
    /// What the records say, in a run whose end has come.
    Run,
    /// What the records say, in a simulated city that is looked at while it runs.
    Records,
}

struct Desk {
    overseer: Overseer,
    detector: IncidentDetector,
    gauges: Gauges,
    /// No partition will tell anew of what ended before this, as far as the last step knew.
    reached: Option<Timestamp>,
}

impl std::fmt::Debug for ControlRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlRoom").field("goes_by", &self.goes_by).finish_non_exhaustive()
    }
}

impl ControlRoom {
    /// The one of a city that lives as time passes.
    pub(super) fn live(intake: &Intake) -> Self {
        Self { intake: intake.clone(), rules: Arc::clone(&intake.rules), goes_by: GoesBy::Wall, desk: Mutex::new(None) }
    }

    /// The one of a run, which tells nobody.
    pub(super) fn of_run(intake: &Intake) -> Self {
        Self { goes_by: GoesBy::Run, ..Self::simulated(intake, false) }
    }

    /// The one of a simulated city that is looked at while it runs; it tells somebody outside only if it `tells`.
    pub(super) fn simulated(intake: &Intake, tells: bool) -> Self {
        if tells {
            return Self { goes_by: GoesBy::Records, ..Self::live(intake) };
        }
        let mut rules = AlertRules::clone(&intake.rules);
        rules.rules.iter_mut().for_each(|rule| rule.actions.clear());
        rules.events.iter_mut().for_each(|rule| rule.actions.clear());
        Self { intake: intake.clone(), rules: Arc::new(rules), goes_by: GoesBy::Records, desk: Mutex::new(None) }
    }

    /// Looks for news until told to end; a server that is away is waited for.
    pub(super) fn run(&self, board: &Board) -> Result<(), String> {
        let mut said = false;
        loop {
            let order = board.order();
            match self.step() {
                Ok(more) => {
                    if std::mem::take(&mut said) {
                        board.mends("alerts");
                    }
                    if more {
                        continue;
                    }
                }
                Err(error) if error.is_passing() => {
                    if !said {
                        board.say(format!("alerts: {error}"));
                        board.ails("alerts", format!("alerts: {error}"));
                        said = true;
                    }
                }
                Err(error) => return Err(error.to_string()),
            }
            if order >= Order::Finish {
                return Ok(());
            }
            board.pause(MOMENT);
        }
    }

    /// Looks at everything there is, for a city whose clock is not the one on the wall.
    pub(super) fn finish(&self) -> Result<(), StoreError> {
        while self.step()? {}
        Ok(())
    }

    /// Looks once; whether there was more than one look can hold.
    fn step(&self) -> Result<bool, StoreError> {
        let mut place = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        // After an error everything is read anew, because what was written is not known.
        let mut desk = match place.take() {
            Some(desk) => desk,
            None => self.open()?,
        };
        let tables = self.intake.stores.tables();
        let progress = self.progress()?;
        let ended = progress.iter().filter(|progress| progress.ended).count();
        let until = if ended == usize::from(self.intake.partitions()) { Some(Timestamp::MAX) } else { desk.reached };
        let (events, more) = self.detect(&mut desk.detector, until)?;
        let rows = if events.is_empty() && !more { Vec::new() } else { state_rows(&desk.detector) };
        let now = if self.goes_by == GoesBy::Wall {
            Now { at: clock::now(), gauges: desk.gauges.look(&self.intake, &progress)? }
        } else {
            let last = progress.iter().filter_map(|progress| progress.watermark_ms).max();
            Now { at: Timestamp::milliseconds(last.unwrap_or(0)), gauges: &[] }
        };
        let stepped = desk.overseer.step(tables, now, Extra { events: &events, rows: &rows })?;
        if stepped.raised + stepped.resolved > 0 {
            fail_point::reach("overseer/written");
        }
        let moved = stepped.reached > desk.reached;
        desk.reached = stepped.reached.max(desk.reached);
        *place = Some(desk);
        Ok(more || stepped.more || moved)
    }

    fn open(&self) -> Result<Desk, StoreError> {
        let mut settings = OverseerSettings::of(self.intake.partitions());
        if self.goes_by != GoesBy::Wall {
            settings.look_back = SimDuration::seconds(LOOK_BACK_OF_RUNS);
        }
        let overseer = Overseer::new(Arc::clone(&self.rules), settings).telling(self.intake.subscribers.clone());
        let mut state = String::new();
        self.intake.stores.tables().scan(DETECTOR, "state/", &mut |_, json| {
            state.push_str(serde_json::from_slice::<Piece>(json).map(|piece| piece.text).unwrap_or_default().as_str());
            ControlFlow::Continue(())
        })?;
        // A state of another version, or none: incidents are recognised anew from the minutes that come, and told under numbers
        // that nobody has seen.
        let detector = match IncidentDetector::restore(state.trim_end().as_bytes()) {
            Ok(detector) => detector,
            Err(_) => IncidentDetector::numbering_from(self.found_before()?),
        };
        Ok(Desk { overseer, detector, gauges: Gauges::default(), reached: None })
    }

    /// How many events the detectors before have told.
    fn found_before(&self) -> Result<u64, StoreError> {
        let mut found = 0;
        self.intake.stores.tables().scan("events", &format!("{CITY_PARTITION:05}/"), &mut |_, json| {
            let next = serde_json::from_slice::<Event>(json).map(|event| event.number.saturating_add(1));
            found = found.max(next.unwrap_or(0));
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    fn progress(&self) -> Result<Vec<Progress>, StoreError> {
        let mut found = Vec::new();
        self.intake.stores.tables().scan("progress", "", &mut |_, json| {
            found.extend(serde_json::from_slice::<Progress>(json).ok());
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// Takes the minutes of all roads that ended before `until`; what was found, and whether there are more.
    fn detect(
        &self,
        detector: &mut IncidentDetector,
        until: Option<Timestamp>,
    ) -> Result<(Vec<Event>, bool), StoreError> {
        let Some(until) = until else { return Ok((Vec::new(), false)) };
        // Behind every row of the last minute: no character sorts behind this one.
        let after = detector.reached().map_or_else(String::new, |minute| format!("{minute}/\u{10ffff}"));
        let (mut minutes, mut more) = (Vec::<(Timestamp, Vec<RoadMinute>)>::new(), false);
        self.intake.stores.tables().scan_after("road_minutes", "", &after, &mut |_, json| {
            let Ok(row) = serde_json::from_slice::<RoadMinute>(json) else { return ControlFlow::Continue(()) };
            if row.start.as_milliseconds().saturating_add(MINUTE) > until.as_milliseconds() {
                return ControlFlow::Break(());
            }
            if minutes.last().is_none_or(|minute| minute.0 != row.start) {
                if minutes.len() == MINUTES_MAX {
                    more = true;
                    return ControlFlow::Break(());
                }
                minutes.push((row.start, Vec::new()));
            }
            if let Some((_, rows)) = minutes.last_mut() {
                rows.push(row);
            }
            ControlFlow::Continue(())
        })?;
        // How far nobody will tell more; with more rows to come, no farther than these.
        let end = if more { None } else { Some(until).filter(|until| *until < Timestamp::MAX) };
        let before = detector.reached();
        let mut events = Vec::new();
        for (start, rows) in &minutes {
            events.extend(empty_minutes(detector, *start));
            events.extend(detector.minute(*start, rows));
        }
        if let Some(end) = end {
            let minute = end.as_milliseconds().div_euclid(MINUTE) * MINUTE;
            events.extend(empty_minutes(detector, Timestamp::milliseconds(minute)));
        }
        more |= detector.reached() != before;
        Ok((events, more))
    }
}

/// Tells a detector of the minutes before `next` in which nobody saw anything: what stood there is gone as far as anybody knows.
/// Of a long gap, only the first are told.
fn empty_minutes(detector: &mut IncidentDetector, next: Timestamp) -> Vec<Event> {
    let Some(last) = detector.reached() else { return Vec::new() };
    let (last, next) = (last.as_milliseconds(), next.as_milliseconds());
    let first = last.saturating_add(MINUTE);
    let gap = (next.saturating_sub(first) / MINUTE).clamp(0, EMPTY_MAX);
    (0..gap).flat_map(|n| detector.minute(Timestamp::milliseconds(first + n * MINUTE), &[])).collect()
}

/// A piece of a state.
#[derive(serde::Serialize, serde::Deserialize)]
struct Piece {
    text: String,
}

/// The detector's state as rows. A state that has become shorter leaves pieces behind, which are overwritten with nothing.
fn state_rows(detector: &IncidentDetector) -> Vec<Row> {
    let state = String::from_utf8(detector.state()).unwrap_or_default();
    let mut rest = state.as_str();
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
        pieces.push(piece.to_owned());
        rest = after;
    }
    // Room for as many again: states grow and shrink by roads, not by leaps.
    let spare = pieces.len() + 1;
    pieces.resize(pieces.len() + spare, String::new());
    let row = |(n, text)| Row {
        table: DETECTOR.to_owned(),
        key: format!("state/{n:06}"),
        json: serde_json::to_vec(&Piece { text }).unwrap_or_default(),
    };
    pieces.into_iter().enumerate().map(row).collect()
}

/// Carries notices outside until told to end; those it has not carried by then lie in the tables.
pub(super) fn deliver(deliverer: &Mutex<Deliverer>, stores: &Stores, board: &Board) -> Result<(), String> {
    let mut deliverer = deliverer.lock().unwrap_or_else(PoisonError::into_inner);
    let mut said = false;
    while board.order() < Order::Finish {
        match deliverer.turn(stores.tables(), clock::now()) {
            Ok(turned) => {
                said = false;
                if turned.dead > 0 {
                    board.say(format!("{} notices were given up; they are in the table `dead_letters`", turned.dead));
                }
                board.leaves_undelivered((turned.waiting + turned.flying) as u64);
            }
            Err(error) if error.is_passing() => {
                if !said {
                    board.say(format!("deliveries: {error}"));
                    said = true;
                }
            }
            Err(error) => return Err(error.to_string()),
        }
        deliverer.wait(MOMENT);
    }
    // What is on its way is waited for, so that it is not sent again for want of a word.
    deliverer.wait(MOMENT);
    match deliverer.turn(stores.tables(), clock::now()) {
        // What could not be written down is sent again; who takes it knows it by its id.
        Err(error) if !error.is_passing() => Err(error.to_string()),
        _ => Ok(()),
    }
}
