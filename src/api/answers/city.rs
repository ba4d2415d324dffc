//! What the tables say of the city's newest minutes, all partitions together.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::de::DeserializeOwned;

use crate::pipeline::analytics::{
    AirWindow, CallChain, IncidentChain, ParkingWindow, PositionWindow, Progress, RoadWindow, merge,
};
use crate::pipeline::stores::live::LiveStore;
use crate::pipeline::stores::tables::Tables;
use crate::pipeline::stores::{Area, StoreError, Stores};
use crate::primitives::{SimDuration, Timestamp};
use crate::telemetry::field::Text;
use crate::telemetry::{ReadingKind, Record, Value as Field};

/// How far back a road's newest five minutes may lie [s].
const ROADS_BACK: f64 = 900.0;
/// How far back a vehicle's newest minute may lie [s].
const MINUTES_BACK: f64 = 180.0;
/// How far back a station's newest quarter of an hour may lie [s].
const AIR_BACK: f64 = 2700.0;
/// Most rows looked at for one answer; beyond it the oldest are left out.
pub(crate) const ROWS_MAX: usize = 200_000;

/// The city's clock: the latest watermark that the live state was told, or, where it does not answer, the tables.
pub(crate) fn clock(stores: &Stores) -> Result<Option<Timestamp>, StoreError> {
    if let Ok(Some(clock)) = stores.live().clock() {
        return Ok(Some(clock));
    }
    let told = rows::<Progress>(stores.tables(), "progress", "")?;
    let running = told.iter().filter(|row| !row.ended).filter_map(|row| row.watermark_ms);
    Ok(running.max().map(Timestamp::milliseconds))
}

/// The rows of a table behind a key, those that can be read.
pub(crate) fn rows<T: DeserializeOwned>(tables: &dyn Tables, table: &str, after: &str) -> Result<Vec<T>, StoreError> {
    let mut read = Vec::new();
    tables.scan_after(table, "", after, &mut |_, json| {
        read.extend(serde_json::from_slice::<T>(json).ok());
        if read.len() < ROWS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(read)
}

/// The key behind which rows of windows lie that began so long before an instant [s].
fn since(clock: Timestamp, seconds: f64) -> String {
    clock.later(SimDuration::seconds(-seconds)).to_string()
}

/// The newest five minutes of every road, by name.
pub(crate) fn roads(stores: &Stores) -> Result<Vec<RoadWindow>, StoreError> {
    let Some(clock) = clock(stores)? else { return Ok(Vec::new()) };
    let mut newest: BTreeMap<_, Vec<RoadWindow>> = BTreeMap::new();
    for row in rows::<RoadWindow>(stores.tables(), "road_windows", &since(clock, ROADS_BACK))? {
        let parts = newest.entry(Text::clone(&row.road)).or_default();
        // Rows come by time: a later window takes the place of an earlier one.
        if parts.first().is_some_and(|part| part.start != row.start) {
            parts.clear();
        }
        parts.push(row);
    }
    Ok(newest.into_values().filter_map(|parts| merge(&parts)).collect())
}

/// The newest minute of every tracker, by name.
pub(crate) fn minutes(stores: &Stores) -> Result<Vec<PositionWindow>, StoreError> {
    let Some(clock) = clock(stores)? else { return Ok(Vec::new()) };
    let rows = rows::<PositionWindow>(stores.tables(), "position_minutes", &since(clock, MINUTES_BACK))?;
    let newest: BTreeMap<_, _> = rows.into_iter().map(|row| (Text::clone(&row.device), row)).collect();
    Ok(newest.into_values().collect())
}

/// The newest quarter of an hour of every air-quality station, by name.
pub(crate) fn air(stores: &Stores) -> Result<Vec<AirWindow>, StoreError> {
    let Some(clock) = clock(stores)? else { return Ok(Vec::new()) };
    let rows = rows::<AirWindow>(stores.tables(), "air_windows", &since(clock, AIR_BACK))?;
    let newest: BTreeMap<_, _> = rows.into_iter().map(|row| (Text::clone(&row.device), row)).collect();
    Ok(newest.into_values().collect())
}

/// The bays of every road at the end of the newest five minutes, by name.
pub(crate) fn parking(stores: &Stores) -> Result<Vec<ParkingWindow>, StoreError> {
    let Some(clock) = clock(stores)? else { return Ok(Vec::new()) };
    let mut newest: BTreeMap<_, ParkingWindow> = BTreeMap::new();
    for row in rows::<ParkingWindow>(stores.tables(), "parking_windows", &since(clock, ROADS_BACK))? {
        match newest.get_mut(&row.road) {
            Some(whole) if whole.start == row.start => {
                whole.bays += row.bays;
                whole.taken += row.taken;
            }
            _ => {
                newest.insert(Text::clone(&row.road), ParkingWindow { partition: None, ..row });
            }
        }
    }
    Ok(newest.into_values().collect())
}

/// Every call that is known.
pub(crate) fn calls(stores: &Stores) -> Result<Vec<CallChain>, StoreError> {
    rows(stores.tables(), "calls", "")
}

/// Every incident that is known.
pub(crate) fn incidents(stores: &Stores) -> Result<Vec<IncidentChain>, StoreError> {
    rows(stores.tables(), "incidents", "")
}

/// The last words of a kind in an area.
pub(crate) fn words(live: &dyn LiveStore, kind: ReadingKind, area: &Area) -> Result<Vec<Record>, StoreError> {
    let mut words = Vec::new();
    live.scan(kind, area, &mut |record| {
        words.push(record);
        if words.len() < ROWS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(words)
}

/// A field of a reading by its name.
pub(crate) fn field<'a>(record: &'a Record, name: &str) -> Option<Field<'a>> {
    let place = record.kind().columns().iter().position(|column| column.name == name)?;
    record.reading.values().into_iter().nth(place)
}

/// A number of a reading by its name.
pub(crate) fn number(record: &Record, name: &str) -> Option<f64> {
    match field(record, name)? {
        Field::Number(number) => Some(number),
        #[expect(clippy::cast_precision_loss, reason = "fields are u32 at most")]
        Field::Whole(number) => Some(number as f64),
        Field::Flag(flag) => Some(f64::from(u8::from(flag))),
        _ => None,
    }
}

/// A text of a reading by its name.
pub(crate) fn text<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    match field(record, name)? {
        Field::Text(text) => Some(text),
        _ => None,
    }
}

/// Where a record's device was, (latitude, longitude) [deg].
pub(crate) fn place(record: &Record) -> Option<(f64, f64)> {
    number(record, "latitude").zip(number(record, "longitude"))
}
