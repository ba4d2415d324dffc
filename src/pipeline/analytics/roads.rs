//! Five minutes of a road, from everything that saw it: loops, cameras, trackers.
//!
//! A partition sees a part of a road's devices; its row holds sums in whole numbers, and [`merge`] adds the rows of all partitions
//! to the same whole in whatever order. Flow, speed and level are made of the sums, in a part and in the whole alike.
//!
//! A reading over a period belongs to the window that holds the middle of the period. Flow is that of the loops, lane by lane, if
//! they cover every lane of the road, and else that of the cameras, and else that of the loops there are. Speed is that of the trackers if at least
//! [`FIXES_MIN`] fixes tell it, because fixes at equal steps of time give the mean over space (Edie 1963, "Discussion of traffic
//! stream measurements and definitions", eq. 4), in which travel times are; else the loops' mean over the vehicles, else the
//! cameras', else that of the few fixes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::row::{instant, mean, thousandths};
use crate::primitives::Timestamp;
use crate::telemetry::field::Text;
use crate::telemetry::reading::{CameraCount, LoopCount};

/// Length of a window [ms].
pub(super) const LENGTH: i64 = 300_000;
/// Fewest fixes whose mean speed is taken for the road's.
const FIXES_MIN: u64 = 5;
/// Most distinct vehicles counted in a window of a partition; beyond it the count stands still.
pub(super) const VEHICLES_MAX: usize = 65_536;

/// Who saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Induction loops.
    Loops,
    /// Counting cameras.
    Cameras,
    /// Trackers of vehicles.
    Trackers,
}

/// How freely traffic moves: the mean speed over the road's limit, by the levels of service of urban streets (Highway Capacity
/// Manual 2010, exhibit 17-2, for a volume below capacity).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Above 67 %: levels of service A and B.
    Free,
    /// Above 50 %: C.
    Moderate,
    /// Above 30 %: D and E.
    Heavy,
    /// At most 30 %: F.
    Stopped,
}

impl Level {
    /// The level at a speed, given the speed on the empty road, both in the same unit.
    pub fn of(speed: f64, free: f64) -> Self {
        let share = speed / free;
        if share > 0.67 {
            Self::Free
        } else if share > 0.5 {
            Self::Moderate
        } else if share > 0.3 {
            Self::Heavy
        } else {
            Self::Stopped
        }
    }
}

/// What the loops of one lane counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LaneSums {
    /// The lane, from the kerb, beginning with 0.
    pub lane: u32,
    /// Vehicles.
    pub count: u64,
    /// Time observed, all loops together [ms].
    pub observed_ms: u64,
    /// Time in which a vehicle stood over a loop [ms].
    pub occupied_ms: u64,
}

/// What can be added up about a road and a window.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RoadSums {
    /// Loops, by lane, in the order of the lanes.
    pub loops: Vec<LaneSums>,
    /// Vehicles whose speed the loops told.
    pub loop_speeds: u64,
    /// Their speeds, added up [1/1000 km/h].
    pub loop_speed_sum: i64,
    /// Time the cameras observed [ms].
    pub camera_observed_ms: u64,
    /// Passenger cars and taxis the cameras counted.
    pub cars: u64,
    /// Delivery vans.
    pub vans: u64,
    /// Trucks.
    pub trucks: u64,
    /// Buses and coaches.
    pub buses: u64,
    /// Motorcycles and mopeds.
    pub motorcycles: u64,
    /// Everything else on wheels.
    pub others: u64,
    /// Vehicles whose speed the cameras told.
    pub camera_speeds: u64,
    /// Their speeds, added up [1/1000 km/h].
    pub camera_speed_sum: i64,
    /// Fixes of trackers matched to the road.
    pub fixes: u64,
    /// Those that told a speed.
    pub fix_speeds: u64,
    /// Their speeds, added up [1/1000 km/h].
    pub fix_speed_sum: i64,
    /// Distinct trackers; a tracker is in one partition only, so these add up too.
    pub vehicles: u64,
}

impl RoadSums {
    /// All vehicles the cameras counted.
    pub const fn camera_count(&self) -> u64 {
        self.cars + self.vans + self.trucks + self.buses + self.motorcycles + self.others
    }

    /// Adds the sums of another part of the road's devices.
    pub fn add(&mut self, other: &Self) {
        for sums in &other.loops {
            let mine = self.lane(sums.lane);
            mine.count += sums.count;
            mine.observed_ms += sums.observed_ms;
            mine.occupied_ms += sums.occupied_ms;
        }
        self.loop_speeds += other.loop_speeds;
        self.loop_speed_sum = self.loop_speed_sum.saturating_add(other.loop_speed_sum);
        self.camera_observed_ms += other.camera_observed_ms;
        self.cars += other.cars;
        self.vans += other.vans;
        self.trucks += other.trucks;
        self.buses += other.buses;
        self.motorcycles += other.motorcycles;
        self.others += other.others;
        self.camera_speeds += other.camera_speeds;
        self.camera_speed_sum = self.camera_speed_sum.saturating_add(other.camera_speed_sum);
        self.fixes += other.fixes;
        self.fix_speeds += other.fix_speeds;
        self.fix_speed_sum = self.fix_speed_sum.saturating_add(other.fix_speed_sum);
        self.vehicles += other.vehicles;
    }

    /// The sums of a lane; readings name at most 65 lanes.
    fn lane(&mut self, lane: u32) -> &mut LaneSums {
        let at = self.loops.binary_search_by_key(&lane, |sums| sums.lane).unwrap_or_else(|at| {
            self.loops.insert(at, LaneSums { lane, ..LaneSums::default() });
            at
        });
        &mut self.loops[at]
    }

    fn add_loop(&mut self, reading: &LoopCount) {
        let period = u64::from(reading.period_s) * 1000;
        let lane = self.lane(reading.lane);
        lane.count += u64::from(reading.count);
        lane.observed_ms += period;
        #[expect(clippy::cast_precision_loss, reason = "a period is at most a day")]
        let occupied = thousandths(reading.occupancy / 100.0 * period as f64 / 1000.0);
        lane.occupied_ms += u64::try_from(occupied).unwrap_or(0);
        if let Some(speed) = reading.speed {
            self.loop_speeds += u64::from(reading.count);
            self.loop_speed_sum =
                self.loop_speed_sum.saturating_add(thousandths(speed).saturating_mul(i64::from(reading.count)));
        }
    }

    fn add_camera(&mut self, reading: &CameraCount) {
        self.camera_observed_ms += u64::from(reading.period_s) * 1000;
        self.cars += u64::from(reading.cars);
        self.vans += u64::from(reading.vans);
        self.trucks += u64::from(reading.trucks);
        self.buses += u64::from(reading.buses);
        self.motorcycles += u64::from(reading.motorcycles);
        self.others += u64::from(reading.others);
        if let Some(speed) = reading.speed {
            let count =
                [reading.cars, reading.vans, reading.trucks, reading.buses, reading.motorcycles, reading.others];
            let count: i64 = count.into_iter().map(i64::from).sum();
            self.camera_speeds += count.unsigned_abs();
            self.camera_speed_sum = self.camera_speed_sum.saturating_add(thousandths(speed).saturating_mul(count));
        }
    }

    /// Flow [veh/h] and who counted it.
    fn flow(&self, lanes_total: Option<u32>) -> Option<(f64, Source)> {
        #[expect(clippy::cast_precision_loss, reason = "counts and milliseconds of five minutes")]
        let rate = |count: u64, observed: u64| (observed > 0).then(|| count as f64 * 3_600_000.0 / observed as f64);
        let lanes: Vec<f64> = self.loops.iter().filter_map(|lane| rate(lane.count, lane.observed_ms)).collect();
        let loops = (!lanes.is_empty()).then(|| (lanes.iter().sum(), Source::Loops));
        let cameras = rate(self.camera_count(), self.camera_observed_ms).map(|flow| (flow, Source::Cameras));
        let whole = lanes_total.is_none_or(|total| lanes.len() >= total as usize);
        if whole { loops.or(cameras) } else { cameras.or(loops) }
    }

    /// Mean speed [km/h] and who told it.
    fn speed(&self) -> Option<(f64, Source)> {
        let trackers = mean(self.fix_speed_sum, self.fix_speeds).map(|speed| (speed, Source::Trackers));
        let loops = mean(self.loop_speed_sum, self.loop_speeds).map(|speed| (speed, Source::Loops));
        let cameras = mean(self.camera_speed_sum, self.camera_speeds).map(|speed| (speed, Source::Cameras));
        let enough = trackers.filter(|_| self.fix_speeds >= FIXES_MIN);
        enough.or(loops).or(cameras).or(trackers)
    }

    /// Share of time in which a vehicle stood over a loop, mean of the lanes' loops [%].
    fn occupancy(&self) -> Option<f64> {
        let total = |of: fn(&LaneSums) -> u64| self.loops.iter().map(of).sum::<u64>();
        let (observed, occupied) = (total(|lane| lane.observed_ms), total(|lane| lane.occupied_ms));
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of five minutes")]
        (observed > 0).then(|| 100.0 * occupied as f64 / observed as f64)
    }
}

/// Five minutes of a road.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoadWindow {
    /// The road.
    pub road: Text,
    /// Beginning of the window.
    #[serde(with = "instant")]
    pub start: Timestamp,
    /// The partition whose devices it is about; none if it is about all.
    pub partition: Option<u16>,
    /// Speed limit, for the speed on the empty road; none if the road is unknown [km/h].
    pub free_speed_kmh: Option<f64>,
    /// Lanes of the road; none if the road is unknown.
    pub lanes_total: Option<u32>,
    /// Flow over all lanes [veh/h].
    pub flow_veh_h: Option<f64>,
    /// Who counted it.
    pub flow_source: Option<Source>,
    /// Mean speed [km/h].
    pub speed_kmh: Option<f64>,
    /// Who told it.
    pub speed_source: Option<Source>,
    /// Share of time in which a vehicle stood over a loop [%].
    pub occupancy_percent: Option<f64>,
    /// How freely traffic moves.
    pub level: Option<Level>,
    /// Everybody who saw the road.
    pub sources: Vec<Source>,
    /// What it is made of.
    pub sums: RoadSums,
}

impl RoadWindow {
    /// The row of these sums.
    pub(super) fn of(
        road: &Text,
        start: Timestamp,
        partition: Option<u16>,
        known: Option<(f64, u32)>,
        sums: RoadSums,
    ) -> Self {
        let (free_speed_kmh, lanes_total) = (known.map(|known| known.0), known.map(|known| known.1));
        let (flow, speed) = (sums.flow(lanes_total), sums.speed());
        let level = speed.zip(free_speed_kmh).map(|((speed, _), free)| Level::of(speed, free));
        let saw = [
            (!sums.loops.is_empty(), Source::Loops),
            (sums.camera_observed_ms > 0, Source::Cameras),
            (sums.fixes > 0, Source::Trackers),
        ];
        Self {
            road: Text::clone(road),
            start,
            partition,
            free_speed_kmh,
            lanes_total,
            flow_veh_h: flow.map(|flow| flow.0),
            flow_source: flow.map(|flow| flow.1),
            speed_kmh: speed.map(|speed| speed.0),
            speed_source: speed.map(|speed| speed.1),
            occupancy_percent: sums.occupancy(),
            level,
            sources: saw.into_iter().filter(|saw| saw.0).map(|saw| saw.1).collect(),
            sums,
        }
    }
}

/// The whole of a road's window from its parts, in whatever order; none of no parts.
///
/// All parts are to be of the same road and window; a part that is not is left out.
pub fn merge(parts: &[RoadWindow]) -> Option<RoadWindow> {
    // The least of what they say, should they disagree, so that their order does not matter.
    let least = parts.iter().min_by(|a, b| (a.start, &a.road).cmp(&(b.start, &b.road)))?;
    let mut sums = RoadSums::default();
    let mut known: Option<(f64, u32)> = None;
    for part in parts.iter().filter(|part| part.start == least.start && part.road == least.road) {
        sums.add(&part.sums);
        known = match (known, part.free_speed_kmh.zip(part.lanes_total)) {
            (Some(a), Some(b)) => Some((a.0.max(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
    }
    Some(RoadWindow::of(&least.road, least.start, None, known, sums))
}

/// The sums of a window as they grow: with the vehicles seen, to count each once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct RoadTally {
    pub(super) sums: RoadSums,
    /// Fingerprints of the trackers seen.
    vehicles: BTreeSet<u64>,
}

impl RoadTally {
    pub(super) fn add_loop(&mut self, reading: &LoopCount) {
        self.sums.add_loop(reading);
    }

    pub(super) fn add_camera(&mut self, reading: &CameraCount) {
        self.sums.add_camera(reading);
    }

    /// Adds a fix; `seen` says that this tracker is known to be counted already.
    pub(super) fn add_fix(&mut self, device: &str, speed: Option<f64>, seen: bool) {
        self.sums.fixes += 1;
        if let Some(speed) = speed {
            self.sums.fix_speeds += 1;
            self.sums.fix_speed_sum = self.sums.fix_speed_sum.saturating_add(thousandths(speed));
        }
        if !seen && self.vehicles.len() < VEHICLES_MAX {
            self.sums.vehicles += u64::from(self.vehicles.insert(fingerprint(device)));
        }
    }
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo, draft-eastlake-fnv): the same on every machine.
pub(super) fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
