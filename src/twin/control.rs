//! The second stage: what is known of the whole city once every partition has told its part: incidents that sensors see, and alerts.
//!
//! Reads and writes tables only, so that dying and starting again is going on; the detector's state lies there too, in pieces no
//! longer than a row may be.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::board::{Board, Order};
use super::clock;
use super::intake::PARTITIONS;
use crate::pipeline::alerting::{AlertRules, Deliverer, Extra, Gauge, Now, Overseer, OverseerSettings};
use crate::pipeline::analytics::{Event, IncidentDetector, Progress, RoadMinute};
use crate::pipeline::stores::{Row, StoreError, Stores};
use crate::primitives::{Timestamp, fail_point};

/// How often to look for news.
const MOMENT: Duration = Duration::from_millis(200);
/// Table of the detector's state.
const DETECTOR: &str = "detector";
/// Longest piece of its state in a row [bytes].
const PIECE: usize = 32 << 10;
/// Length of a minute [ms].
const MINUTE: i64 = 60_000;
/// Minutes of roads looked at in one step.
const MINUTES_MAX: usize = 600;

/// The control room's desk, which outlives the service.
pub(super) struct ControlRoom {
    stores: Arc<Stores>,
    rules: Arc<AlertRules>,
    desk: Mutex<Option<Desk>>,
}

struct Desk {
    overseer: Overseer,
    detector: IncidentDetector,
    /// No partition will tell anew of what ended before this, as far as the last step knew.
    reached: Option<Timestamp>,
}

impl ControlRoom {
    pub(super) fn new(stores: &Arc<Stores>, rules: &Arc<AlertRules>) -> Self {
        Self { stores: Arc::clone(stores), rules: Arc::clone(rules), desk: Mutex::new(None) }
    }

    /// Looks for news until told to end; a server that is away is waited for.
    pub(super) fn run(&self, board: &Board) -> Result<(), String> {
        let mut said = false;
        loop {
            let order = board.order();
            match self.step() {
                Ok(more) => {
                    said = false;
                    if more {
                        continue;
                    }
                }
                Err(error) if error.is_passing() => {
                    if !said {
                        board.say(format!("alerts: {error}"));
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
        let tables = self.stores.tables();
        let ended = self.progress()?.iter().filter(|progress| progress.ended).count();
        let until = if ended == usize::from(PARTITIONS) { Some(Timestamp::MAX) } else { desk.reached };
        let (events, more) = self.detect(&mut desk.detector, until)?;
        let rows = if events.is_empty() && !more { Vec::new() } else { state_rows(&desk.detector) };
        let gauges = self.gauges()?;
        let now = Now { at: clock::now(), gauges: &gauges };
        let stepped = desk.overseer.step(tables, now, Extra { events: &events, rows: &rows })?;
        fail_point::reach("overseer/written");
        let moved = stepped.reached > desk.reached;
        desk.reached = stepped.reached.max(desk.reached);
        *place = Some(desk);
        Ok(more || stepped.more || moved)
    }

    fn open(&self) -> Result<Desk, StoreError> {
        let overseer = Overseer::new(Arc::clone(&self.rules), OverseerSettings::of(PARTITIONS));
        let mut state = String::new();
        self.stores.tables().scan(DETECTOR, "state/", &mut |_, json| {
            state.push_str(serde_json::from_slice::<Piece>(json).map(|piece| piece.text).unwrap_or_default().as_str());
            ControlFlow::Continue(())
        })?;
        // A state of another version, or none: incidents are recognised anew from the minutes that come.
        let detector = IncidentDetector::restore(state.trim_end().as_bytes()).unwrap_or_default();
        Ok(Desk { overseer, detector, reached: None })
    }

    fn progress(&self) -> Result<Vec<Progress>, StoreError> {
        let mut found = Vec::new();
        self.stores.tables().scan("progress", "", &mut |_, json| {
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
        self.stores.tables().scan_after("road_minutes", "", &after, &mut |_, json| {
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
        more |= !minutes.is_empty();
        Ok((minutes.iter().flat_map(|(start, rows)| detector.minute(*start, rows)).collect(), more))
    }

    /// What the pipeline says of itself.
    fn gauges(&self) -> Result<Vec<Gauge>, StoreError> {
        let quarantined = self.stores.quarantine().totals()?.messages();
        #[expect(clippy::cast_precision_loss, reason = "messages stay far below 2^52")]
        let value = quarantined as f64;
        let mut gauges = vec![Gauge { metric: "pipeline.quarantined", subject: "quarantine".to_owned(), value }];
        let now = clock::now();
        for progress in self.progress()? {
            let Some(watermark) = progress.watermark_ms else { continue };
            let behind = now.since(Timestamp::milliseconds(watermark)).as_seconds();
            let subject = format!("partition {}", progress.partition);
            gauges.push(Gauge { metric: "pipeline.lag_s", subject, value: behind.max(0.0) });
        }
        Ok(gauges)
    }
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
                if turned.delivered > 0 {
                    fail_point::reach("deliverer/sent");
                }
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
