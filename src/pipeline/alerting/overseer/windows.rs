//! Windows as rules see them: rows of all partitions put together, and of each rule's subjects the numbers, in the order of time.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::de::DeserializeOwned;

use crate::pipeline::alerting::metric::{Column, Stream};
use crate::pipeline::alerting::rules::{Grouping, Rule};
use crate::pipeline::analytics::{self, AirWindow, Geofence, ParkingWindow, PositionWindow, RoadWindow};
use crate::pipeline::stores::StoreError;
use crate::pipeline::stores::tables::Tables;
use crate::primitives::Timestamp;
use crate::telemetry::field::Text;

/// Who stands for everything together.
pub(super) const EVERYTHING: &str = "all";

/// What a window says about a subject.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Sample {
    /// The numbers, in the order of time.
    pub(super) values: Vec<f64>,
    /// The road, where there is one.
    pub(super) road: Option<Text>,
    /// The last place (latitude, longitude [deg]), where there is one.
    pub(super) place: Option<(f64, f64)>,
}

/// By subject, for each of a few rules.
pub(super) type Samples = Vec<BTreeMap<Text, Sample>>;

/// When the first row at or after an instant [ms] begins; none if there is none.
pub(super) fn next_start(tables: &dyn Tables, table: &str, from: i64) -> Result<Option<i64>, StoreError> {
    // A row's key begins with its time and goes on, so it lies behind the time alone.
    let after = Timestamp::milliseconds(from).to_string();
    let mut found = None;
    tables.scan_after(table, "", &after, &mut |key, _| {
        found = key.split('/').next().and_then(|start| start.parse::<Timestamp>().ok());
        // A key that is none of ours is passed over.
        if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(found.map(Timestamp::as_milliseconds))
}

/// What the window `from..to` [ms] of a stream says to each rule, and how many rows said nothing that can be read.
pub(super) fn read(
    tables: &dyn Tables,
    stream: Stream,
    (from, to): (i64, i64),
    rules: &[&Rule],
    fences: &[Geofence],
) -> Result<(Samples, u64), StoreError> {
    let mut samples = vec![BTreeMap::new(); rules.len()];
    let mut unreadable = 0;
    let Some(table) = stream.table() else { return Ok((samples, 0)) };
    let mut start = from;
    while start < to {
        let prefix = format!("{}/", Timestamp::milliseconds(start));
        let mut gather = Gather { rules, fences, samples: &mut samples };
        unreadable += match stream {
            Stream::Road => {
                let (rows, bad) = rows::<RoadWindow>(tables, table, &prefix)?;
                for parts in rows.chunk_by(|a, b| a.road == b.road) {
                    if let Some(row) = analytics::merge(parts) {
                        gather.road(&row);
                    }
                }
                bad
            }
            Stream::Parking => {
                let (rows, bad) = rows::<ParkingWindow>(tables, table, &prefix)?;
                for parts in rows.chunk_by(|a, b| a.road == b.road) {
                    if let Some(row) = whole(parts) {
                        gather.parking(&row);
                    }
                }
                bad
            }
            Stream::Vehicle => {
                let (rows, bad) = rows::<PositionWindow>(tables, table, &prefix)?;
                for row in &rows {
                    gather.vehicle(row);
                }
                bad
            }
            Stream::Air => {
                let (rows, bad) = rows::<AirWindow>(tables, table, &prefix)?;
                for row in &rows {
                    gather.air(row);
                }
                bad
            }
            Stream::Events | Stream::Pipeline => 0,
        };
        start += stream.window();
    }
    Ok((samples, unreadable))
}

fn rows<R: DeserializeOwned>(tables: &dyn Tables, table: &str, prefix: &str) -> Result<(Vec<R>, u64), StoreError> {
    let (mut rows, mut unreadable) = (Vec::new(), 0);
    tables.scan(table, prefix, &mut |_, json| {
        match serde_json::from_slice(json) {
            Ok(row) => rows.push(row),
            Err(_) => unreadable += 1,
        }
        ControlFlow::Continue(())
    })?;
    Ok((rows, unreadable))
}

/// The bays of a road from its parts.
fn whole(parts: &[ParkingWindow]) -> Option<ParkingWindow> {
    let none = ParkingWindow { partition: None, bays: 0, taken: 0, ..parts.first()?.clone() };
    Some(parts.iter().fold(none, |sum, part| ParkingWindow {
        bays: sum.bays.saturating_add(part.bays),
        taken: sum.taken.saturating_add(part.taken),
        ..sum
    }))
}

struct Gather<'a> {
    rules: &'a [&'a Rule],
    fences: &'a [Geofence],
    samples: &'a mut Samples,
}

impl Gather<'_> {
    fn road(&mut self, row: &RoadWindow) {
        let value = |rule: &Rule| if let Column::Road(of) = rule.metric.column { of(row) } else { None };
        self.add(value, Some(&row.road), None, None);
    }

    fn parking(&mut self, row: &ParkingWindow) {
        let value = |rule: &Rule| if let Column::Parking(of) = rule.metric.column { of(row) } else { None };
        self.add(value, Some(&row.road), None, None);
    }

    fn vehicle(&mut self, row: &PositionWindow) {
        let value = |rule: &Rule| if let Column::Vehicle(of) = rule.metric.column { of(row) } else { None };
        self.add(value, row.road.as_ref(), Some(&row.device), row.latitude.zip(row.longitude));
    }

    fn air(&mut self, row: &AirWindow) {
        let value = |rule: &Rule| if let Column::Air(of) = rule.metric.column { of(row) } else { None };
        self.add(value, None, Some(&row.device), None);
    }

    /// Gives a row to every rule that it is about.
    fn add(
        &mut self,
        value: impl Fn(&Rule) -> Option<f64>,
        road: Option<&Text>,
        device: Option<&Text>,
        place: Option<(f64, f64)>,
    ) {
        for (rule, samples) in self.rules.iter().zip(self.samples.iter_mut()) {
            let Some(value) = value(rule).filter(|value| value.is_finite()) else { continue };
            if !rule.filter.takes(self.fences, road.map(|road| &**road), device.map(|device| &**device), place) {
                continue;
            }
            let subject = match rule.by {
                Grouping::Subject => device.or(road),
                Grouping::Road => road,
                Grouping::All => None,
            };
            let subject = match (rule.by, subject) {
                (Grouping::All, _) => Text::from(EVERYTHING),
                (_, Some(subject)) => Text::clone(subject),
                // A vehicle on no road belongs to no road.
                (_, None) => continue,
            };
            let sample = samples.entry(subject).or_insert_with(Sample::default);
            sample.values.push(value);
            if rule.by != Grouping::All {
                sample.road = road.cloned().or_else(|| sample.road.take());
                sample.place = place.or(sample.place);
            }
        }
    }
}
