//! The same windows from all records at once: vectors of samples, sorted, one pass for each question.

use std::collections::{BTreeMap, BTreeSet};

use super::{FIVE, Plain, RoadRef, TOWN};
use crate::primitives::Timestamp;
use crate::telemetry::reading::{Air, Fix, Parking, Position};
use crate::telemetry::{DeviceId, Reading, Record};

/// Loops' count, cameras' count, fixes, trackers, loop occupancy times period, period.
type Roads<'a> = BTreeMap<(Timestamp, String), (u64, u64, u64, BTreeSet<&'a DeviceId>, f64, f64)>;

/// Readings with the distance from the fix before and the road.
type Minutes<'a> = BTreeMap<Timestamp, Vec<(&'a Record, &'a Position, f64, Option<String>)>>;

/// The mean; -1 of nothing.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        sum += value;
        count += 1.0;
    }
    if count > 0.0 { sum / count } else { -1.0 }
}

fn floor(ms: i64, span: i64) -> Timestamp {
    Timestamp::milliseconds(ms.div_euclid(span) * span)
}

/// Great-circle distance by the haversine formula [m].
fn apart(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (lat1, lat2) = (a.0.to_radians(), b.0.to_radians());
    let half = |x: f64| libm::sin(x / 2.0).powi(2);
    let h = half(lat2 - lat1) + libm::cos(lat1) * libm::cos(lat2) * half((b.1 - a.1).to_radians());
    2.0 * 6_371_008.8 * libm::asin(h.sqrt())
}

/// What the windows of these records come down to.
pub(super) fn windows(records: &[Record]) -> Plain {
    let mut plain = naive_positions(records);
    let mut readings: BTreeMap<(Timestamp, String), Vec<&Air>> = BTreeMap::new();
    let mut bays: Vec<(&Record, &Parking)> = Vec::new();
    for record in records {
        match &record.reading {
            Reading::Air(air) => {
                let window = floor(record.time.as_milliseconds(), 900_000);
                readings.entry((window, record.device.to_string())).or_default().push(air);
            }
            Reading::Parking(parking) => bays.push((record, parking)),
            _ => {}
        }
    }
    for ((start, _), readings) in readings {
        let of_all = |of: fn(&Air) -> f64| mean(readings.iter().map(|air| of(air)));
        plain.insert(format!("air {start} {} {:.4} {:.4}", readings.len(), of_all(|a| a.pm2_5), of_all(|a| a.no2)));
    }
    let (first, last) = (bays[0].0.time.as_milliseconds(), bays[bays.len() - 1].0.time.as_milliseconds());
    for start in (first.div_euclid(FIVE)..=last.div_euclid(FIVE)).map(|k| k * FIVE) {
        let mut latest: BTreeMap<&DeviceId, &Parking> = BTreeMap::new();
        for (record, parking) in bays.iter().filter(|(record, _)| record.time.as_milliseconds() < start + FIVE) {
            latest.insert(&record.device, parking);
        }
        let roads: BTreeSet<&str> = latest.values().map(|parking| &*parking.road_id).collect();
        for road in roads {
            let mine: Vec<&&Parking> = latest.values().filter(|parking| &*parking.road_id == road).collect();
            let taken = mine.iter().filter(|parking| parking.occupied).count();
            plain.insert(format!("parking {} {road} {} {taken}", Timestamp::milliseconds(start), mine.len()));
        }
    }
    plain
}

fn naive_positions(records: &[Record]) -> Plain {
    let mut plain = Plain::default();
    let mut devices: BTreeMap<&DeviceId, Vec<(&Record, &Position)>> = BTreeMap::new();
    let mut roads: Roads<'_> = BTreeMap::new();
    for record in records {
        let at = |period: u32| floor(record.time.as_milliseconds() - i64::from(period) * 500, FIVE);
        match &record.reading {
            Reading::Position(position) => devices.entry(&record.device).or_default().push((record, position)),
            Reading::LoopCount(told) => {
                let road = roads.entry((at(told.period_s), told.road_id.to_string())).or_default();
                road.0 += u64::from(told.count);
                road.4 += told.occupancy * f64::from(told.period_s);
                road.5 += f64::from(told.period_s);
            }
            Reading::CameraCount(told) => {
                let all = [told.cars, told.vans, told.trucks, told.buses, told.motorcycles, told.others];
                let road = roads.entry((at(told.period_s), told.road_id.to_string())).or_default();
                road.1 += all.into_iter().map(u64::from).sum::<u64>();
            }
            _ => {}
        }
    }
    for (device, told) in devices {
        minutes_of(device, &told, &mut roads, &mut plain);
    }
    for ((start, road), (loops, cameras, fixes, vehicles, occupied, observed)) in roads {
        let occupied = if observed > 0.0 { occupied / observed } else { -1.0 };
        plain.insert(format!(
            "road {start} {road} loops {loops} cameras {cameras} fixes {fixes} vehicles {} occupied {occupied:.4}",
            vehicles.len()
        ));
    }
    plain
}

fn minutes_of<'a>(device: &'a DeviceId, told: &[(&'a Record, &'a Position)], roads: &mut Roads<'a>, plain: &mut Plain) {
    let mut minutes: Minutes<'_> = BTreeMap::new();
    let (mut before, mut last_road): (Option<(f64, f64)>, Option<RoadRef>) = (None, None);
    for &(record, position) in told {
        let mut length = 0.0;
        let mut name = None;
        if let (Some(lat), Some(lon)) = (position.latitude, position.longitude) {
            length = before.map_or(0.0, |before| apart(before, (lat, lon)));
            before = Some((lat, lon));
            last_road = TOWN.1.road_at(lon, lat, position.direction, last_road);
            name = last_road.map(|road| TOWN.1.name(road).to_string());
            if let Some(name) = &name {
                let window = floor(record.time.as_milliseconds(), FIVE);
                let road = roads.entry((window, name.clone())).or_default();
                road.2 += 1;
                road.3.insert(device);
            }
        }
        minutes.entry(floor(record.time.as_milliseconds(), 60_000)).or_default().push((record, position, length, name));
    }
    for (start, told) in minutes {
        let metres = told.iter().map(|(_, _, length, _)| length).sum();
        plain.metres.insert((start, device.to_string()), metres);
        let fixes: Vec<_> = told.iter().filter(|(_, position, ..)| position.fix != Fix::None).collect();
        let speeds: Vec<f64> = fixes.iter().filter_map(|(_, position, ..)| position.speed).collect();
        let mean = mean(speeds.iter().copied());
        plain.insert(format!(
            "minute {start} {device} {} {} {mean:.4} {:.4} {} {}",
            fixes.len(),
            told.len() - fixes.len(),
            speeds.iter().copied().fold(-1.0, f64::max),
            told[told.len() - 1].0.time,
            fixes.last().and_then(|fix| fix.3.as_deref()).unwrap_or("-"),
        ));
    }
}
