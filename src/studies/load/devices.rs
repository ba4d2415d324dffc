//! Devices nobody simulates: as many as asked for, each with a place, a course and plausible readings.

use crate::primitives::Timestamp;
use crate::primitives::random::{KeyedRng, Purpose, Seed};
use crate::telemetry::field::Text;
use crate::telemetry::reading::{Air, CameraCount, Fix, Health, LoopCount, Parking, Position};
use crate::telemetry::{DeviceId, Reading, ReadingKind, Record};

/// How many of a hundred devices tell what.
pub const MESSAGE_MIX: [(ReadingKind, usize); 6] = [
    (ReadingKind::Position, 70),
    (ReadingKind::LoopCount, 10),
    (ReadingKind::Parking, 8),
    (ReadingKind::CameraCount, 5),
    (ReadingKind::Air, 4),
    (ReadingKind::Health, 3),
];

/// The middle of the city they are in: latitude and longitude, WGS 84 [deg].
const MIDDLE: (f64, f64) = (51.5, -0.1);
/// Half the width of the city [deg].
const REACH: f64 = 0.05;
/// Roads that devices name.
const ROADS: usize = 200;

/// Devices of a load.
#[derive(Debug, Clone)]
pub struct Devices {
    seed: Seed,
    ids: Vec<(DeviceId, ReadingKind)>,
    words: Words,
}

/// Texts that many readings share.
#[derive(Debug, Clone)]
struct Words {
    roads: Vec<Text>,
    class: Text,
}

impl Devices {
    /// So many devices, of the kinds of [`MESSAGE_MIX`], under names of their own.
    pub fn new(seed: Seed, count: u32, name: &str) -> Self {
        let kind_of = |n: usize| {
            let (mut left, mut kinds) = (n % 100, MESSAGE_MIX.iter());
            kinds
                .find(|(_, share)| {
                    let found = left < *share;
                    left = left.saturating_sub(*share);
                    found
                })
                .map_or(ReadingKind::Health, |(kind, _)| *kind)
        };
        let id = |n: usize| {
            // A number that has no factor in common with a hundred spreads the kinds over the devices' order.
            let kind = kind_of(n * 37);
            (DeviceId::of(kind, &format!("{name}-{n}")), kind)
        };
        let roads = (0..ROADS).map(|n| format!("road-{n}").into()).collect();
        let words = Words { roads, class: "passenger".into() };
        Self { seed, ids: (0..count.max(1) as usize).map(id).collect(), words }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.ids.len() as u64
    }

    /// One of the devices of the hot road, chosen by any number: of the first road that the devices name.
    pub fn hot(&self, number: u64) -> u64 {
        let named = |kind: &ReadingKind| {
            matches!(kind, ReadingKind::LoopCount | ReadingKind::Parking | ReadingKind::CameraCount)
        };
        let first = self.ids.iter().take(ROADS).position(|(_, kind)| named(kind)).unwrap_or(0);
        let on_road = self.ids.len().saturating_sub(first).div_ceil(ROADS).max(1);
        (first + usize::try_from(number % on_road as u64).unwrap_or(0) * ROADS) as u64
    }

    /// What a device says the `sequence`th time, at `time` by its clock.
    pub fn record(&self, device: u64, sequence: u64, time: Timestamp) -> Record {
        let at = usize::try_from(device % self.count()).unwrap_or(0);
        let (id, kind) = &self.ids[at];
        let mut dice = self.seed.stream(Purpose::LoadReading, device, sequence);
        let reading = reading(*kind, at, sequence, &self.words, &mut dice);
        Record { device: id.clone(), epoch: 0, sequence, time, reading }
    }
}

/// To whole millionths, as devices report places.
fn rounded(degrees: f64) -> f64 {
    (degrees * 1e6).round() / 1e6
}

/// To tenths, as devices report measures.
fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[expect(clippy::cast_precision_loss, reason = "devices and sequences stay far below 2^52")]
fn reading(kind: ReadingKind, device: usize, sequence: u64, words: &Words, dice: &mut KeyedRng) -> Reading {
    let spread = |n: usize| (n % 1000) as f64 / 500.0 - 1.0;
    let (home_latitude, home_longitude) =
        (MIDDLE.0 + REACH * spread(device * 7), MIDDLE.1 + REACH * spread(device * 13));
    let (latitude, longitude) = (rounded(home_latitude), rounded(home_longitude));
    let road = || Text::clone(&words.roads[device % ROADS]);
    let count = |dice: &mut KeyedRng, below: usize| u32::try_from(dice.below(below)).unwrap_or(0);
    match kind {
        ReadingKind::LoopCount => {
            let vehicles = count(dice, 30);
            let occupancy = tenths(f64::from(vehicles) * (1.0 + dice.unit()));
            let speed = (vehicles > 0).then(|| tenths(30.0 + 30.0 * dice.unit()));
            LoopCount { road_id: road(), lane: 0, latitude, longitude, period_s: 60, count: vehicles, occupancy, speed }
                .into()
        }
        ReadingKind::Parking => {
            let occupied = dice.unit() < 0.6;
            Parking { road_id: road(), latitude, longitude, occupied, battery_v: tenths(3.2 + 0.4 * dice.unit()) }
                .into()
        }
        ReadingKind::CameraCount => CameraCount {
            road_id: road(),
            latitude,
            longitude,
            period_s: 60,
            cars: count(dice, 40),
            vans: count(dice, 6),
            trucks: count(dice, 4),
            buses: count(dice, 3),
            motorcycles: count(dice, 3),
            others: 0,
            speed: Some(tenths(30.0 + 20.0 * dice.unit())),
        }
        .into(),
        ReadingKind::Air => Air {
            latitude,
            longitude,
            pm2_5: tenths(5.0 + 20.0 * dice.unit()),
            pm10: tenths(10.0 + 30.0 * dice.unit()),
            no2: tenths(10.0 + 40.0 * dice.unit()),
            o3: tenths(20.0 + 60.0 * dice.unit()),
            co: tenths(dice.unit()),
            temperature: tenths(8.0 + 10.0 * dice.unit()),
            humidity: tenths(40.0 + 50.0 * dice.unit()),
        }
        .into(),
        ReadingKind::Position => {
            // Round its block, a hundred reports a turn.
            let turn = (sequence % 100) as f64 / 100.0 * std::f64::consts::TAU;
            Position {
                vehicle_id: format!("car-{device}").into(),
                vehicle_class: Text::clone(&words.class),
                ignition: true,
                fix: Fix::ThreeD,
                latitude: Some(rounded(home_latitude + 0.002 * libm::sin(turn))),
                longitude: Some(rounded(home_longitude + 0.003 * libm::cos(turn))),
                speed: Some(tenths(20.0 + 30.0 * dice.unit())),
                direction: Some(tenths(360.0 * dice.unit()).min(359.9)),
                hdop: Some(tenths(0.8 + dice.unit())),
            }
            .into()
        }
        _ => Health {
            battery_v: Some(tenths(3.2 + 0.4 * dice.unit())),
            uptime_s: u32::try_from(sequence.saturating_mul(60)).unwrap_or(u32::MAX),
            message: None,
        }
        .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::json;

    #[test]
    fn what_they_say_can_be_said_and_is_always_the_same() {
        let devices = Devices::new(Seed(7), 1000, "load");
        let mut kinds = std::collections::BTreeMap::<_, u64>::new();
        for device in 0..1000 {
            let record = devices.record(device, device % 5, Timestamp::milliseconds(1_780_358_400_000));
            let mut bytes = Vec::new();
            json::encode(&record, &mut bytes);
            assert_eq!(json::decode(&bytes).as_ref(), Ok(&record), "{}", String::from_utf8_lossy(&bytes));
            assert_eq!(devices.record(device, device % 5, record.time), record);
            *kinds.entry(record.kind()).or_default() += 1;
        }
        for (kind, share) in MESSAGE_MIX {
            assert_eq!(kinds.get(&kind), Some(&(share as u64 * 10)), "{kind:?}");
        }
    }
}
