//! The tables of a run as CSV, one row per trip and one per road and interval, with units in the column names.
//!
//! What each column means is said in `outputs/README.md`; a test keeps the two together. Pure formatting; knows no files.

use std::io::{self, Write};

use crate::city::demand::Demand;
use crate::city::network::Network;
use crate::primitives::SimTime;
use crate::simulation::outcome::{Outcome, Trip};

/// Columns of `trips.csv`.
pub(super) const TRIP_COLUMNS: [&str; 18] = [
    "vehicle",
    "kind",
    "class",
    "line",
    "depart_s",
    "depart_delay_s",
    "depart_lane",
    "arrival_s",
    "last_lane",
    "duration_s",
    "route_length_m",
    "waiting_time_s",
    "waiting_count",
    "stop_time_s",
    "time_loss_s",
    "speed_factor",
    "last_resort_moves",
    "finished",
];

/// Columns of `roads.csv`.
pub(super) const ROAD_COLUMNS: [&str; 18] = [
    "begin_s",
    "end_s",
    "edge",
    "street",
    "length_m",
    "lanes",
    "speed_limit_km_h",
    "entered_veh",
    "left_veh",
    "departed_veh",
    "arrived_veh",
    "sampled_veh_s",
    "travelled_veh_m",
    "waiting_veh_s",
    "time_loss_veh_s",
    "flow_veh_h",
    "density_veh_km",
    "speed_km_h",
];

/// A number with two decimals, and no minus in front of nothing.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    if text == "-0.00" { "0.00".to_owned() } else { text }
}

/// Writes one row per trip: those finished in the order of arrival, then the others.
pub(super) fn trips(out: &mut dyn Write, trips: &[Trip], network: &Network, demand: &Demand) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(TRIP_COLUMNS)?;
    for trip in trips {
        let vehicle = &demand.vehicles[trip.vehicle.index()];
        let kind = demand.kind(vehicle.kind);
        table.write_record([
            vehicle.name.clone(),
            kind.name.clone(),
            kind.class.to_string(),
            vehicle.line.clone().unwrap_or_default(),
            number(trip.depart.as_seconds()),
            number(trip.depart_delay.as_seconds()),
            network.lane_name(trip.depart_lane),
            trip.arrival.map(|arrival| number(arrival.as_seconds())).unwrap_or_default(),
            network.lane_name(trip.arrival_lane),
            number(trip.duration.as_seconds()),
            number(trip.route_length.as_metres()),
            number(trip.waiting_time.as_seconds()),
            trip.waiting_count.to_string(),
            number(trip.stop_time.as_seconds()),
            number(trip.time_loss.as_seconds()),
            format!("{:.4}", trip.speed_factor),
            trip.last_resort_moves.to_string(),
            trip.arrival.is_some().to_string(),
        ])?;
    }
    table.flush()
}

/// Writes one row per road and interval; paths across junctions are left out.
///
/// Flow, density and speed are Edie's (1963) generalised definitions: distance and time spent over the area of road and time.
pub(super) fn roads(out: &mut dyn Write, outcome: &Outcome, network: &Network) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(ROAD_COLUMNS)?;
    let mut begin = outcome.roads.begin;
    for interval in &outcome.roads.intervals {
        let full_end = begin + outcome.roads.interval;
        let end = full_end.min(outcome.end.max(begin));
        for (id, edge) in network.roads() {
            let road = &interval[id.index()];
            let length = edge.length.as_metres().max(0.01);
            let period = (end - begin).as_seconds();
            let limit =
                edge.lane_ids().map(|lane| network.lane(lane).speed.as_kilometres_per_hour()).fold(0.0, f64::max);
            let per_period = |value: f64| if period > 0.0 { number(value / period) } else { String::new() };
            let speed = if road.sampled_seconds > 0.0 {
                number(road.travelled / road.sampled_seconds * 3.6)
            } else {
                String::new()
            };
            table.write_record([
                seconds(begin),
                seconds(end),
                edge.name.clone(),
                edge.street.clone().unwrap_or_default(),
                number(length),
                edge.lane_count().to_string(),
                number(limit),
                road.entered.to_string(),
                road.left.to_string(),
                road.departed.to_string(),
                road.arrived.to_string(),
                number(road.sampled_seconds),
                number(road.travelled),
                number(road.waiting_seconds),
                number(road.time_loss),
                per_period(road.travelled / length * 3600.0),
                per_period(road.sampled_seconds / length * 1000.0),
                speed,
            ])?;
        }
        begin = full_end;
    }
    table.flush()
}

pub(super) fn seconds(time: SimTime) -> String {
    number(time.as_seconds())
}
