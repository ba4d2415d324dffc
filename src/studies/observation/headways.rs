//! Headways of buses at their stops: how far they are from even, and what that costs those who wait.
//!
//! A headway is the time between two buses of one line that come to stand at the same stop one after the other. Whoever arrives at
//! the stop by chance waits `E[h²] / (2 E[h])` (Osuna and Newell 1972, Transportation Science 6, 52); with the headways of the
//! timetable the same formula gives the wait that was promised, and what exceeds it is excess waiting time. How uneven they are is
//! the standard deviation of the deviations from the scheduled headways over the mean scheduled headway (TCRP Report 165, Transit
//! Capacity and Quality of Service Manual, 3rd edition, chapter 5).

use std::collections::BTreeMap;

use crate::city::demand::{Demand, Stop};
use crate::primitives::SimTime;
use crate::primitives::ids::StopId;
use crate::simulation::outcome::VehicleInstant;

/// How far a bus may stand from its stopping place and still serve it [m].
const NEAR: f64 = 1.0;

/// All headways of the measured time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Headways {
    /// How many there were.
    pub count: usize,
    /// Their mean [s].
    pub mean: f64,
    /// Standard deviation of their deviations from the timetable over the mean scheduled headway: the mean of the lines and stops, each
    /// weighed by its headways.
    pub variation: f64,
    /// Excess waiting time [s]: the mean of the lines and stops, each weighed by its headways.
    pub excess_wait: f64,
}

/// A bus on its way.
#[derive(Debug)]
struct Bus {
    /// Its line, by number.
    line: u32,
    /// When it was to set out [s].
    departure: f64,
    stops: Vec<Stop>,
    /// The first stop it has not served.
    next: usize,
}

/// A bus at a stop.
#[derive(Debug, Clone, Copy)]
struct Call {
    /// When it came to stand there [s].
    at: f64,
    /// When the timetable lets it leave, if it says [s].
    until: Option<f64>,
    /// When it was to set out on its way [s].
    departure: f64,
}

#[derive(Debug)]
pub(super) struct Watch {
    /// Place in `buses` by row of the demand; `u32::MAX` for all who serve no stops.
    bus_of: Vec<u32>,
    buses: Vec<Bus>,
    calls: BTreeMap<(u32, StopId), Vec<Call>>,
}

impl Watch {
    pub(super) fn new(demand: &Demand) -> Self {
        let mut lines: BTreeMap<String, u32> = BTreeMap::new();
        let (mut bus_of, mut buses) = (vec![u32::MAX; demand.vehicles.len()], Vec::new());
        for (row, vehicle) in demand.vehicles.iter().enumerate() {
            if !vehicle.stops.iter().any(|stop| stop.at.is_some()) {
                continue;
            }
            // Without a line, those who go the same way are one.
            let name = vehicle.line.clone().unwrap_or_else(|| format!("\u{0}{}", vehicle.route.index()));
            let count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
            let line = *lines.entry(name).or_insert(count);
            bus_of[row] = u32::try_from(buses.len()).unwrap_or(u32::MAX);
            buses.push(Bus {
                line,
                departure: vehicle.departure.time.as_seconds(),
                stops: vehicle.stops.clone(),
                next: 0,
            });
        }
        Self { bus_of, buses, calls: BTreeMap::new() }
    }

    pub(super) fn look(&mut self, time: SimTime, vehicles: &[VehicleInstant], counts: bool) {
        for one in vehicles.iter().filter(|one| one.at_stop) {
            let place = self.bus_of.get(one.vehicle.index()).copied().unwrap_or(u32::MAX);
            let Some(bus) = self.buses.get_mut(place as usize) else { continue };
            let is_here = |stop: &Stop| {
                let places = stop.start.as_metres() - NEAR..=stop.position.as_metres() + NEAR;
                stop.lane == one.lane && places.contains(&one.position)
            };
            let Some(ahead) = bus.stops[bus.next..].iter().position(is_here) else { continue };
            let served = bus.stops[bus.next + ahead];
            bus.next += ahead + 1;
            if let (Some(at), true) = (served.at, counts) {
                let until = served.until.map(SimTime::as_seconds);
                let call = Call { at: time.as_seconds(), until, departure: bus.departure };
                self.calls.entry((bus.line, at)).or_default().push(call);
            }
        }
    }

    pub(super) fn finish(self) -> Headways {
        let (mut headways, mut weight, mut sum) = (Headways::default(), 0.0, 0.0);
        for calls in self.calls.values() {
            let real = gaps(calls.iter().map(|call| call.at).collect());
            // A timetable that leaves a stop out promises what the terminus does.
            let all: Option<Vec<f64>> = calls.iter().map(|call| call.until).collect();
            let scheduled = gaps(all.unwrap_or_else(|| calls.iter().map(|call| call.departure).collect()));
            sum += real.iter().sum::<f64>();
            headways.count += real.len();
            let (Some(variation), Some(excess)) = (variation(&real, &scheduled), excess(&real, &scheduled)) else {
                continue;
            };
            #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 buses")]
            let count = real.len() as f64;
            weight += count;
            headways.variation += count * variation;
            headways.excess_wait += count * excess;
        }
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 buses")]
        let count = headways.count as f64;
        headways.mean = sum / count;
        headways.variation /= weight;
        headways.excess_wait /= weight;
        headways
    }
}

/// The times between instants.
fn gaps(mut instants: Vec<f64>) -> Vec<f64> {
    instants.sort_by(f64::total_cmp);
    instants.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// The wait of whoever comes by chance [s]; none where all buses come at once.
fn wait(headways: &[f64]) -> Option<f64> {
    let sum: f64 = headways.iter().sum();
    (sum > 0.0).then(|| headways.iter().map(|headway| headway * headway).sum::<f64>() / (2.0 * sum))
}

/// What is waited beyond what was promised [s].
fn excess(real: &[f64], scheduled: &[f64]) -> Option<f64> {
    Some(wait(real)? - wait(scheduled)?)
}

/// Standard deviation of the deviations from the scheduled headways over their mean.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 buses")]
fn variation(real: &[f64], scheduled: &[f64]) -> Option<f64> {
    let count = real.len() as f64;
    let mean = scheduled.iter().sum::<f64>() / count;
    let deviations = || real.iter().zip(scheduled).map(|(real, scheduled)| real - scheduled);
    let middle = deviations().sum::<f64>() / count;
    let variance = deviations().map(|one| (one - middle) * (one - middle)).sum::<f64>() / count;
    (mean > 0.0).then(|| libm::sqrt(variance) / mean)
}

/// Length of every vehicle by its row [m].
pub(super) fn lengths(demand: &Demand) -> Vec<f64> {
    demand.vehicles.iter().map(|vehicle| demand.kind(vehicle.kind).length.as_metres()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{buses, seen};
    use super::*;

    fn near(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-9, "{value} instead of {expected}");
    }

    /// Scheduled every 600 s; they come after 300, 900 and 600 s.
    #[test]
    fn uneven_headways_are_waited_for() {
        let (real, scheduled) = ([300.0, 900.0, 600.0], [600.0; 3]);
        // (300² + 900² + 600²) / (2 · 1800) = 350 s instead of 300 s.
        near(wait(&real).expect("buses"), 350.0);
        near(excess(&real, &scheduled).expect("buses"), 50.0);
        // Deviations -300, 300, 0: their standard deviation is √60000 = 244.95 s.
        near(variation(&real, &scheduled).expect("buses"), 60_000_f64.sqrt() / 600.0);
        assert_eq!((wait(&[]), wait(&[0.0])), (None, None));
    }

    /// Three buses, due every 600 s, stand at the stop from 100, 500 and 1300 s on, each for some seconds.
    #[test]
    fn a_bus_is_counted_once_at_each_stop() {
        let demand = buses(3, 600.0);
        let mut watch = Watch::new(&demand);
        for (bus, came) in [(0, 100.0), (1, 500.0), (2, 1300.0)] {
            for second in 0..5 {
                let mut standing = seen(bus, 0, 50.0, 0.0);
                standing.at_stop = true;
                watch.look(SimTime::seconds(came + f64::from(second)), &[standing], true);
            }
        }
        let headways = watch.finish();
        assert_eq!(headways.count, 2);
        near(headways.mean, 600.0);
        // Headways of 400 and 800 s: a wait of 333.3 s instead of 300 s, and deviations of 200 s.
        near(headways.excess_wait, 800_000.0 / 2_400.0 - 300.0);
        near(headways.variation, 200.0 / 600.0);
    }

    #[test]
    fn what_halts_elsewhere_serves_no_stop() {
        let demand = buses(2, 600.0);
        let mut watch = Watch::new(&demand);
        for (bus, position) in [(0, 20.0), (1, 50.0)] {
            let mut standing = seen(bus, 0, position, 0.0);
            standing.at_stop = true;
            watch.look(SimTime::seconds(5.0), &[standing], true);
        }
        assert_eq!(watch.finish().count, 0);
    }
}
