//! How a fault changes what a device says: its clock, its reading, its bytes. Pure functions of a device, its sequence and a seed.
//!
//! Faults of a device are drawn once and stay; faults of a message are drawn for each. What leaves a message as it was is not put
//! on: a bay without a speed knows no miles.

use std::collections::HashMap;

use super::faults::{Faults, Labels, LoadFault};
use crate::primitives::random::{Purpose, Seed};
use crate::primitives::{SimDuration, Timestamp};
use crate::telemetry::{Reading, ReadingKind, Value};

/// By how much a wrong clock is ahead.
pub(super) const AHEAD: SimDuration = SimDuration::milliseconds(3_600_000);
/// How late a late message is.
const LATE: SimDuration = SimDuration::milliseconds(600_000);
/// Messages of a device that an outage takes.
const OUTAGE: u64 = 10;
/// After so many messages a battery that runs out leaves out every second one, and after twice as many all.
const BATTERY: u64 = 10;
/// By how much a drifting sensor's numbers grow with each message, and to how many times the truth they grow.
const GROWTH: (f64, f64) = (0.01, 2.0);
/// What stands for "no value".
const SENTINEL: f64 = -9999.0;
/// Miles in a kilometre.
const MILES: f64 = 0.621_371;
/// Most frozen readings that are remembered; devices beyond them do not freeze.
const FROZEN_MAX: usize = 100_000;

/// Draws of [`Purpose::LoadFault`] are by message with an even number behind, and by device with an odd one.
const BY_DEVICE: u64 = 1 << 32;

/// Puts faults on what devices say.
#[derive(Debug)]
pub(super) struct Wrongs {
    seed: Seed,
    pub(super) faults: Faults,
    /// Whether any of them changes what is measured.
    pub(super) changes_readings: bool,
    /// What frozen devices first said.
    frozen: HashMap<(u64, ReadingKind), Reading>,
}

impl Wrongs {
    pub(super) fn new(seed: Seed, faults: Faults) -> Self {
        let Faults { frozen, drift, unit_change, null_island, swapped, sentinel, .. } = faults;
        let changes_readings = frozen + drift + unit_change + null_island + swapped + sentinel > 0.0;
        Self { seed, faults, changes_readings, frozen: HashMap::new() }
    }

    /// A draw of a device for a fault, in `[0, 1)`; the same whenever it is asked for.
    fn lot(&self, device: u64, fault: LoadFault) -> f64 {
        self.seed.stream(Purpose::LoadFault, device, BY_DEVICE + fault as u64).unit()
    }

    /// Whether a device is one of a share.
    fn is_of(&self, share: f64, device: u64, fault: LoadFault) -> bool {
        share > 0.0 && self.lot(device, fault) < share
    }

    /// Whether a message of a device is never sent, and why.
    pub(super) fn silence(&self, device: u64, sequence: u64) -> Option<LoadFault> {
        let Faults { drop_out, battery, .. } = self.faults;
        if self.is_of(battery, device, LoadFault::Battery)
            && (sequence >= 2 * BATTERY || (sequence >= BATTERY && sequence % 2 == 1))
        {
            return Some(LoadFault::Battery);
        }
        let run = (2 * BY_DEVICE).wrapping_add(sequence / OUTAGE);
        let lost = drop_out > 0.0 && self.seed.stream(Purpose::LoadFault, device, run).unit() < drop_out;
        lost.then_some(LoadFault::DropOut)
    }

    /// The time on the device's clock when it is `time`, `since` after the beginning.
    pub(super) fn clock(&self, device: u64, time: Timestamp, since: SimDuration, labels: &mut Labels) -> Timestamp {
        let faults = &self.faults;
        let mut clock = time;
        if let Some((_, by)) = faults.clock_step.filter(|(from, _)| since >= *from) {
            clock = clock.later(by);
            labels.put(LoadFault::ClockStep);
        }
        if self.is_of(faults.wrong_clocks, device, LoadFault::WrongClock) {
            clock = clock.later(AHEAD);
            labels.put(LoadFault::WrongClock);
        }
        if let Some(deviation) = faults.clock_offset {
            let mut dice = self.seed.stream(Purpose::LoadFault, device, BY_DEVICE + LoadFault::ClockOffset as u64);
            // Box and Muller 1958: a normal deviate of two even ones, of which the first is never 0.
            let (radius, turn) = (1.0 - dice.unit(), dice.unit());
            let off = libm::sqrt(-2.0 * libm::log(radius)) * libm::cos(std::f64::consts::TAU * turn);
            clock = clock.later(SimDuration::seconds(deviation.as_seconds() * off));
            labels.put(LoadFault::ClockOffset);
        }
        if faults.clock_drift > 0.0 {
            let share = faults.clock_drift * (2.0 * self.lot(device, LoadFault::ClockDrift) - 1.0);
            clock = clock.later(SimDuration::seconds(since.as_seconds() * share));
            labels.put(LoadFault::ClockDrift);
        }
        if self.is_of(faults.reset_clocks, device, LoadFault::ResetClock) {
            clock = Timestamp::milliseconds(0).later(since);
            labels.put(LoadFault::ResetClock);
        }
        clock
    }

    /// The time of a message that was measured long before it is sent.
    pub(super) fn late(time: Timestamp) -> Timestamp {
        time.later(SimDuration::milliseconds(-LATE.as_milliseconds()))
    }

    /// What the device says instead of a reading; `n` is the number of the message.
    pub(super) fn reading(
        &mut self,
        device: u64,
        sequence: u64,
        n: u64,
        mut reading: Reading,
        labels: &mut Labels,
    ) -> Reading {
        let faults = self.faults;
        if self.is_of(faults.frozen, device, LoadFault::Frozen) {
            let (key, full) = ((device, reading.kind()), self.frozen.len() >= FROZEN_MAX);
            if let Some(first) = self.frozen.get(&key) {
                labels_if(first != &reading, labels, LoadFault::Frozen);
                reading = first.clone();
            } else if !full {
                self.frozen.insert(key, reading.clone());
            }
        }
        let mut change = |put: bool, fault: LoadFault, by: &dyn Fn(&str, &str, f64) -> f64| {
            if let Some(changed) = put.then(|| changed(&reading, by)).flatten() {
                reading = changed;
                labels.put(fault);
            }
        };
        #[expect(clippy::cast_precision_loss, reason = "sequences stay far below 2^52")]
        let grown = (1.0 + GROWTH.0 * sequence as f64).min(GROWTH.1);
        change(self.is_of(faults.drift, device, LoadFault::Drift), LoadFault::Drift, &|_, unit, number| {
            if unit == "deg" { number } else { number * grown }
        });
        change(
            self.is_of(faults.unit_change, device, LoadFault::UnitChange),
            LoadFault::UnitChange,
            &|_, unit, number| if unit == "km/h" { number * MILES } else { number },
        );
        let mut dice = self.seed.stream(Purpose::LoadFault, n, 4);
        let mut drawn = |share: f64| dice.unit() < share;
        let (island, swap, sentinel) = (drawn(faults.null_island), drawn(faults.swapped), drawn(faults.sentinel));
        change(island, LoadFault::NullIsland, &|name, _, number| if is_place(name) { 0.0 } else { number });
        if let Some(swapped) = (swap && !island).then(|| swapped(&reading)).flatten() {
            reading = swapped;
            labels.put(LoadFault::Swapped);
        }
        let mut change_one = |put: bool| {
            if let Some(changed) = put.then(|| with_sentinel(&reading)).flatten() {
                reading = changed;
                labels.put(LoadFault::Sentinel);
            }
        };
        change_one(sentinel);
        reading
    }

    /// Adds a field that nobody announced to a JSON object, if the device is one of those; none where it is as it was.
    pub(super) fn field(&self, device: u64, payload: &[u8]) -> Option<Vec<u8>> {
        let puts = self.is_of(self.faults.schema_drift, device, LoadFault::SchemaDrift);
        let inside = payload.strip_suffix(b"}").filter(|inside| puts && inside.first() == Some(&b'{'))?;
        Some([inside, b",\"firmware\":\"2.0-rc1\",\"diag\":[1,2]}"].concat())
    }
}

fn labels_if(put: bool, labels: &mut Labels, fault: LoadFault) {
    if put {
        labels.put(fault);
    }
}

fn is_place(name: &str) -> bool {
    name == "latitude" || name == "longitude"
}

/// The reading with every number with a fraction changed, within what its column may hold; none where nothing changes.
fn changed(reading: &Reading, by: &dyn Fn(&str, &str, f64) -> f64) -> Option<Reading> {
    let (kind, mut values) = (reading.kind(), reading.values());
    for (column, value) in kind.columns().iter().zip(&mut values) {
        if let Value::Number(number) = value {
            *number = (by(column.name, column.unit, *number) * 1e6).round() / 1e6;
            *number = number.clamp(*column.range.start(), *column.range.end());
        }
    }
    Reading::from_values(kind, &values).filter(|changed| changed != reading)
}

/// The reading with latitude and longitude in each other's place; none where it has none, or they are equal.
fn swapped(reading: &Reading) -> Option<Reading> {
    let (kind, mut values) = (reading.kind(), reading.values());
    let place = |name| kind.columns().iter().position(|column| column.name == name);
    let (latitude, longitude) = (place("latitude")?, place("longitude")?);
    values.swap(latitude, longitude);
    // A longitude that no latitude can be would be found at once; on its pole it is found by its place.
    if let Some(Value::Number(number)) = values.get_mut(latitude) {
        *number = number.clamp(-90.0, 90.0);
    }
    Reading::from_values(kind, &values).filter(|swapped| swapped != reading)
}

/// The reading with -9999 in its last number that is no place; none where there is no such number.
fn with_sentinel(reading: &Reading) -> Option<Reading> {
    let (kind, mut values) = (reading.kind(), reading.values());
    let number = kind.columns().iter().zip(&mut values).rev();
    let mut found = number.filter(|(column, value)| !is_place(column.name) && matches!(value, Value::Number(_)));
    *found.next()?.1 = Value::Number(SENTINEL);
    drop(found);
    Reading::from_values(kind, &values)
}

#[cfg(test)]
mod tests {
    use super::super::devices::Devices;
    use super::*;
    use crate::telemetry::json;

    /// Whether a reading is what a fault makes of it.
    type Looks<'a> = &'a dyn Fn(&Reading) -> bool;

    fn wrongs(faults: Faults) -> Wrongs {
        Wrongs::new(Seed(3), faults)
    }

    fn said(device: u64, sequence: u64) -> Reading {
        Devices::new(Seed(1), 100, "x").record(device, sequence, Timestamp::milliseconds(0)).reading
    }

    fn number(reading: &Reading, name: &str) -> Option<f64> {
        let at = reading.kind().columns().iter().position(|column| column.name == name)?;
        if let Value::Number(number) = reading.values()[at] { Some(number) } else { None }
    }

    /// Each fault on a tracker's message: what it says instead, and that the label says so.
    #[test]
    fn every_fault_of_a_sensor_changes_what_it_is_named_after_and_leaves_its_label() {
        let truth = said(0, 7);
        let (speed, latitude) = (number(&truth, "speed").unwrap(), number(&truth, "latitude").unwrap());
        let longitude = number(&truth, "longitude").unwrap();
        let near = |found: Option<f64>, expected: f64| found.is_some_and(|found| (found - expected).abs() < 1e-5);
        for (faults, fault, looks) in [
            (
                Faults { drift: 1.0, ..Faults::default() },
                LoadFault::Drift,
                &(|said: &Reading| near(number(said, "speed"), speed * 1.07)) as Looks<'_>,
            ),
            (Faults { unit_change: 1.0, ..Faults::default() }, LoadFault::UnitChange, &|said| {
                near(number(said, "speed"), speed * 0.621_371)
            }),
            (Faults { null_island: 1.0, ..Faults::default() }, LoadFault::NullIsland, &|said| {
                near(number(said, "latitude"), 0.0) && near(number(said, "longitude"), 0.0)
            }),
            (Faults { swapped: 1.0, ..Faults::default() }, LoadFault::Swapped, &|said| {
                near(number(said, "latitude"), longitude) && near(number(said, "longitude"), latitude)
            }),
            (Faults { sentinel: 1.0, ..Faults::default() }, LoadFault::Sentinel, &|said| {
                near(number(said, "hdop"), -9999.0)
            }),
        ] {
            let mut labels = Labels::default();
            let said = wrongs(faults).reading(0, 7, 7, truth.clone(), &mut labels);
            assert!(looks(&said), "{fault:?}: {said:?}");
            assert_eq!(labels.each().collect::<Vec<_>>(), [fault]);
        }
        let mut labels = Labels::default();
        assert_eq!(wrongs(Faults::default()).reading(0, 7, 7, truth.clone(), &mut labels), truth);
        assert!(labels.is_empty());
    }

    #[test]
    fn a_frozen_device_says_what_it_first_said_and_the_others_do_not() {
        let mut wrongs = wrongs(Faults { frozen: 0.5, ..Faults::default() });
        let mut frozen = 0;
        for device in 0..100 {
            let mut labels = Labels::default();
            let first = wrongs.reading(device, 0, device, said(device, 0), &mut labels);
            assert!(labels.is_empty(), "the first is still right");
            let next = wrongs.reading(device, 1, 100 + device, said(device, 1), &mut labels);
            assert_eq!(next == first && !labels.is_empty(), next != said(device, 1), "{labels}");
            frozen += u32::from(!labels.is_empty());
        }
        assert!((30..70).contains(&frozen), "{frozen} of 100");
    }

    #[test]
    fn outages_take_messages_in_runs_and_a_battery_dies_for_good() {
        let out = wrongs(Faults { drop_out: 0.2, ..Faults::default() });
        let (mut lost, mut edges) = (0, 0);
        for device in 0..50 {
            let silent: Vec<bool> = (0..1000).map(|sequence| out.silence(device, sequence).is_some()).collect();
            lost += silent.iter().filter(|silent| **silent).count();
            edges += silent.windows(2).filter(|pair| pair[0] != pair[1]).count();
        }
        assert!((9_000..11_000).contains(&lost), "{lost} of 50,000");
        assert!(edges < 2 * lost / 9, "{lost} lost in runs with {edges} ends");
        let flat = wrongs(Faults { battery: 1.0, ..Faults::default() });
        let sent: Vec<u64> = (0..100).filter(|sequence| flat.silence(1, *sequence).is_none()).collect();
        assert_eq!(sent, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18]);
    }

    #[test]
    fn clocks_are_wrong_as_asked() {
        let (time, since) = (Timestamp::milliseconds(1_780_358_400_000), SimDuration::seconds(1000.0));
        let clock = |faults, device| {
            let mut labels = Labels::default();
            let clock = wrongs(faults).clock(device, time, since, &mut labels);
            (clock.since(time).as_seconds(), labels.to_string())
        };
        assert_eq!(clock(Faults { wrong_clocks: 1.0, ..Faults::default() }, 1), (3600.0, "wrong-clocks".to_owned()));
        let step = Some((since, SimDuration::seconds(-5.0)));
        assert_eq!(clock(Faults { clock_step: step, ..Faults::default() }, 1), (-5.0, "clock-step".to_owned()));
        assert!(clock(Faults { reset_clocks: 1.0, ..Faults::default() }, 1).0 < -1e9);
        let offsets: Vec<f64> = (0..1000)
            .map(|device| {
                clock(Faults { clock_offset: Some(SimDuration::seconds(2.0)), ..Faults::default() }, device).0
            })
            .collect();
        let within = offsets.iter().filter(|offset| offset.abs() < 2.0).count();
        assert!((640..730).contains(&within), "{within} of 1,000 within one deviation");
        let drifts: Vec<f64> =
            (0..1000).map(|device| clock(Faults { clock_drift: 1e-4, ..Faults::default() }, device).0).collect();
        assert!(drifts.iter().all(|drift| drift.abs() <= 0.1) && drifts.iter().any(|drift| drift.abs() > 0.09));
    }

    /// Nobody is surprised by a field they do not know, or should not be.
    #[test]
    fn an_unannounced_field_leaves_the_record_readable() {
        let wrongs = wrongs(Faults { schema_drift: 1.0, ..Faults::default() });
        let record = Devices::new(Seed(1), 100, "x").record(3, 9, Timestamp::milliseconds(1_780_358_400_000));
        let mut bytes = Vec::new();
        json::encode(&record, &mut bytes);
        let bytes = wrongs.field(3, &bytes).expect("the device is one of those");
        assert_eq!(json::decode(&bytes), Ok(record), "{}", String::from_utf8_lossy(&bytes));
        assert_eq!(wrongs.field(3, &[0, 0, 0, 0, 1]), None, "a framed message has no such field");
    }
}
