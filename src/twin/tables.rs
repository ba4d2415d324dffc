//! The tables of results as CSV, for whoever opens them without this program.
//!
//! What the partitions kept in parts is put together first, so that a road has one row a window.

use std::path::Path;

use super::TwinError;
use super::telling::rows;
use crate::pipeline::alerting::OVERSEER;
use crate::pipeline::analytics::{self, ParkingWindow, RoadMinute, RoadWindow, TravelWindow};
use crate::pipeline::stores::retention::HOUSEKEEPING;
use crate::pipeline::stores::tables::{MemoryTables, Tables, export};
use crate::pipeline::stores::{Row, Stores};
use crate::studies::experiment::{make_folder, write_file};

/// Tables of what the services remember, which say nothing to people.
const INTERNAL: [&str; 5] = [super::control::DETECTOR, OVERSEER, "progress", "deliveries", HOUSEKEEPING];

/// Writes every table but internal ones to `<folder>/<table>.csv`.
pub(super) fn write(stores: &Stores, folder: &Path) -> Result<(), TwinError> {
    let sentence = |error: &dyn std::fmt::Display| TwinError::Service(error.to_string());
    make_folder(folder).map_err(|error| sentence(&error))?;
    let whole = put_together(stores)?;
    let together = whole.names()?;
    for table in stores.tables().names()?.into_iter().filter(|table| !INTERNAL.contains(&table.as_str())) {
        let source: &dyn Tables = if together.contains(&table) { &whole } else { stores.tables() };
        let path = folder.join(format!("{table}.csv"));
        write_file(&path, |out| export(source, &table, out).map(drop).map_err(std::io::Error::other))
            .map_err(|error| sentence(&error))?;
    }
    Ok(())
}

/// The tables whose rows are kept in parts, with whole rows.
fn put_together(stores: &Stores) -> Result<MemoryTables, TwinError> {
    let roads: Vec<RoadWindow> = rows(stores, "road_windows")?;
    let parking: Vec<ParkingWindow> = rows(stores, "parking_windows")?;
    let minutes: Vec<RoadMinute> = rows(stores, "road_minutes")?;
    let travel: Vec<TravelWindow> = rows(stores, "travel_times")?;
    // Keys sort by window and road, so the parts of one lie together.
    let roads = roads.chunk_by(|a, b| a.start == b.start && a.road == b.road).filter_map(analytics::merge);
    let minutes = minutes.chunk_by(|a, b| a.start == b.start && a.road == b.road).filter_map(analytics::merge_minutes);
    let travel = travel.chunk_by(|a, b| a.start == b.start && a.road == b.road).filter_map(analytics::merge_travel);
    let parking = parking.chunk_by(|a, b| a.start == b.start && a.road == b.road).filter_map(|parts| {
        let whole = ParkingWindow { partition: None, bays: 0, taken: 0, ..parts.first()?.clone() };
        Some(parts.iter().fold(whole, |sum, part| ParkingWindow {
            bays: sum.bays + part.bays,
            taken: sum.taken + part.taken,
            ..sum
        }))
    });
    let all = roads.map(analytics::Row::Road).chain(parking.map(analytics::Row::Parking));
    let all = all.chain(minutes.map(analytics::Row::Minute)).chain(travel.map(analytics::Row::Travel));
    let row =
        |row: analytics::Row| Row { table: row.table().to_owned(), key: row.key(), json: row.json().into_bytes() };
    let whole = MemoryTables::default();
    whole.put(&all.map(row).collect::<Vec<_>>())?;
    Ok(whole)
}
