//! Fleets, public transport, air, parking and weather, as devices told of them.

use std::collections::BTreeSet;

use super::{Indicator, Known, count, live, mean, percent, share, sum, tables, whole};
use crate::api::answers::city::{number, text};
use crate::pipeline::analytics::AirWindow;
use crate::telemetry::Record;
use crate::telemetry::gtfs::line_of;

/// A vehicle that is slower stands [km/h].
const STANDING: f64 = 3.0;
/// The World Health Organization's guideline for a day of fine particles (WHO 2021, "Global air quality guidelines") [µg/m³].
const WHO_PM2_5: f64 = 15.0;
/// The same for nitrogen dioxide [µg/m³].
const WHO_NO2: f64 = 25.0;
/// A road has no bay left from here on [%].
const FULL: f64 = 95.0;

fn class<'a>(known: &'a Known, of: &'static [&'static str]) -> impl Iterator<Item = &'a Record> {
    known.positions.iter().filter(move |record| text(record, "vehicle_class").is_some_and(|class| of.contains(&class)))
}

const BUSES: &[&str] = &["bus", "coach"];
const RAIL: &[&str] = &["tram", "rail_urban", "rail", "rail_electric", "rail_fast", "subway", "cable_car"];
const GOODS: &[&str] = &["delivery", "truck", "trailer"];

fn speeds<'a>(records: impl Iterator<Item = &'a Record>) -> Vec<f64> {
    records.filter_map(|record| number(record, "speed")).collect()
}

fn lines(known: &Known) -> usize {
    let lines: BTreeSet<&str> = class(known, BUSES).filter_map(|record| line_of(text(record, "vehicle_id")?)).collect();
    lines.len()
}

fn air(known: &Known, of: fn(&AirWindow) -> f64) -> Option<f64> {
    mean(known.air.iter().map(of))
}

fn weather(known: &Known, name: &str) -> Option<f64> {
    mean(known.weather.iter().filter_map(|record| number(record, name)))
}

pub(super) const ALL: &[Indicator] = &[
    tables("fleet.vehicles_tracked", "veh", "Vehicles whose trackers spoke in their newest minute.", |known| {
        Some(count(known.minutes.len()))
    }),
    tables("fleet.speed_kmh", "km/h", "Mean of the mean speeds of tracked vehicles in their newest minute.", |known| {
        mean(known.minutes.iter().filter_map(|row| row.speed_mean_kmh))
    }),
    tables("fleet.speed_max_kmh", "km/h", "Highest speed that a tracker told in its newest minute.", |known| {
        known.minutes.iter().filter_map(|row| row.speed_max_kmh).reduce(f64::max)
    }),
    tables("fleet.distance_km", "km", "How far all tracked vehicles together came in their newest minute.", |known| {
        sum(known.minutes.iter().map(|row| row.distance_m / 1000.0))
    }),
    tables(
        "fleet.moving_percent",
        "%",
        "Share of tracked vehicles that moved: faster than 3 km/h in the mean.",
        |known| {
            let told: Vec<f64> = known.minutes.iter().filter_map(|row| row.speed_mean_kmh).collect();
            share(&told, |speed| *speed > STANDING)
        },
    ),
    tables("fleet.fix_percent", "%", "Share of the trackers' readings that knew a position.", |known| {
        let fixes: u64 = known.minutes.iter().map(|row| row.fixes).sum();
        let without: u64 = known.minutes.iter().map(|row| row.without_fix).sum();
        percent(whole(fixes), whole(fixes + without))
    }),
    live("fleet.engines_on_percent", "%", "Share of vehicles with a tracker whose engine runs.", |known| {
        let told: Vec<f64> = known.positions.iter().filter_map(|record| number(record, "ignition")).collect();
        share(&told, |on| *on > 0.5)
    }),
    live("fleet.goods_vehicles", "veh", "Delivery vans and trucks with a tracker that spoke within a day.", |known| {
        Some(count(class(known, GOODS).count()))
    }),
    live(
        "fleet.goods_moving_percent",
        "%",
        "Share of delivery vans and trucks that are faster than 3 km/h.",
        |known| share(&speeds(class(known, GOODS)), |speed| *speed > STANDING),
    ),
    live("transit.buses", "veh", "Buses and coaches with a tracker that spoke within a day.", |known| {
        Some(count(class(known, BUSES).count()))
    }),
    live("transit.bus_speed_kmh", "km/h", "Mean of the speeds that buses last told, at stops too.", |known| {
        mean(speeds(class(known, BUSES)).into_iter())
    }),
    live(
        "transit.buses_standing_percent",
        "%",
        "Share of buses slower than 3 km/h: at stops, at signals, in jams.",
        |known| share(&speeds(class(known, BUSES)), |speed| *speed <= STANDING),
    ),
    live("transit.lines", "lines", "Bus lines of which a bus spoke.", |known| Some(count(lines(known)))),
    live("transit.buses_per_line", "veh", "Buses for each line of which one spoke.", |known| {
        let lines = lines(known);
        let running = class(known, BUSES).filter(|record| text(record, "vehicle_id").and_then(line_of).is_some());
        (lines > 0).then(|| count(running.count()) / count(lines))
    }),
    live("transit.rail_vehicles", "veh", "Trams and trains with a tracker that spoke within a day.", |known| {
        Some(count(class(known, RAIL).count()))
    }),
    tables("air.stations", "", "Air-quality stations with a newest quarter of an hour.", |known| {
        Some(count(known.air.len()))
    }),
    tables("air.pm2_5", "µg/m³", "Mean over stations of fine particles below 2.5 µm.", |known| {
        air(known, |row| row.pm2_5)
    }),
    tables("air.pm2_5_max", "µg/m³", "Fine particles at the worst station.", |known| {
        known.air.iter().map(|row| row.pm2_5).reduce(f64::max)
    }),
    tables("air.pm10", "µg/m³", "Mean over stations of particles below 10 µm.", |known| air(known, |row| row.pm10)),
    tables("air.no2", "µg/m³", "Mean over stations of nitrogen dioxide.", |known| air(known, |row| row.no2)),
    tables("air.no2_max", "µg/m³", "Nitrogen dioxide at the worst station.", |known| {
        known.air.iter().map(|row| row.no2).reduce(f64::max)
    }),
    tables("air.o3", "µg/m³", "Mean over stations of ozone.", |known| air(known, |row| row.o3)),
    tables("air.co", "mg/m³", "Mean over stations of carbon monoxide.", |known| air(known, |row| row.co)),
    tables(
        "air.above_who_percent",
        "%",
        "Share of stations above the WHO guidelines for a day of 2021: 15 µg/m³ of PM2.5 or 25 µg/m³ of NO2.",
        |known| share(&known.air, |row| row.pm2_5 > WHO_PM2_5 || row.no2 > WHO_NO2),
    ),
    tables("parking.bays", "", "Parking bays that tell anything.", |known| {
        Some(whole(known.parking.iter().map(|row| row.bays).sum()))
    }),
    tables("parking.taken_percent", "%", "Share of parking bays that are taken.", |known| {
        let taken = known.parking.iter().map(|row| row.taken).sum();
        percent(whole(taken), whole(known.parking.iter().map(|row| row.bays).sum()))
    }),
    tables("parking.free", "", "Parking bays that are free.", |known| {
        Some(whole(known.parking.iter().map(|row| row.bays.saturating_sub(row.taken)).sum()))
    }),
    tables("parking.roads_full", "roads", "Roads with bays of which at least 95 % are taken.", |known| {
        let full = |taken, bays| percent(whole(taken), whole(bays)).is_some_and(|share| share >= FULL);
        Some(count(known.parking.iter().filter(|row| full(row.taken, row.bays)).count()))
    }),
    live("weather.temperature_c", "°C", "Mean over weather stations of the air temperature.", |known| {
        weather(known, "temperature")
    }),
    live("weather.humidity_percent", "%", "Mean over weather stations of the relative humidity.", |known| {
        weather(known, "humidity")
    }),
    live("weather.wind_m_s", "m/s", "Mean over weather stations of the wind speed.", |known| {
        weather(known, "wind_speed")
    }),
    live("weather.precipitation_mm_h", "mm/h", "Mean over weather stations of what falls.", |known| {
        weather(known, "precipitation")
    }),
    live("weather.visibility_m", "m", "Mean over weather stations of how far one sees.", |known| {
        weather(known, "visibility")
    }),
];
