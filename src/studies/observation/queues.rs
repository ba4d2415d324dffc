//! Queues before junctions: how far back they reach, how many stand in them, and how long they block the junction behind.
//!
//! Vehicles slower than 5 km/h stand in one queue as long as there are no more than 10 m between them, which are the thresholds that
//! SUMO's lane-area detectors (E2) have unless told otherwise. The queue of a lane is the one nearest to the stop line, and its
//! length is how far behind that line its last vehicle ends: the back of the queue of the Highway Capacity Manual (6th edition, chapter
//! 31). The queue of an approach is that of its worst lane.

use crate::city::demand::Demand;
use crate::city::network::{EdgeKind, Network};
use crate::primitives::ids::EdgeId;
use crate::simulation::outcome::VehicleInstant;

/// Slower is standing in a queue [m/s]: 5 km/h.
const QUEUED_BELOW: f64 = 5.0 / 3.6;
/// The widest gap within a queue [m].
const GAP_MAX: f64 = 10.0;
/// A queue blocks the junction behind it when less than this is left free before it [m]: the length of a car with the gap it keeps,
/// SUMO's passenger car. Lanes too short for two are never said to be full.
const CAR_WITH_GAP: f64 = 7.5;

/// A road that leads to a junction where somebody waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Approach {
    /// The road.
    pub road: EdgeId,
    /// Mean length of its queue over the measured time [m].
    pub mean: f64,
    /// The length that its queue has not exceeded in 95 % of the seconds, to the metre above [m].
    pub p95: f64,
    /// The longest it ever was [m].
    pub max: f64,
    /// How long its queue reached the junction behind it [s].
    pub spill_back: f64,
}

/// All approaches over the measured time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Queues {
    /// Mean number of vehicles in queues at the same time [veh].
    pub vehicles: f64,
    /// Mean length over all approaches and seconds [m].
    pub mean: f64,
    /// The length not exceeded in 95 % of all approaches and seconds, to the metre above [m].
    pub p95: f64,
    /// The longest of all [m].
    pub max: f64,
    /// How long queues reached the junction behind them, summed over the approaches [s].
    pub spill_back: f64,
    /// Approaches where a queue was ever seen, in the order of the network.
    pub approaches: Vec<Approach>,
}

/// An approach while it is watched.
#[derive(Debug)]
struct Sum {
    road: EdgeId,
    /// Length of its longest lane [m].
    length: f64,
    /// Its length, summed over the seconds [m s].
    metre_seconds: f64,
    max: f64,
    spill_back: u32,
    /// Seconds by length of the queue, in whole metres rounded up; seconds without one are not in it.
    seconds: Vec<u32>,
    /// The length in this second [m], and whether it reaches back.
    now: f64,
    reaches_back: bool,
}

#[derive(Debug)]
pub(super) struct Watch {
    /// Place of the approach that a lane belongs to, by lane; `u32::MAX` for all others.
    approach_of: Vec<u32>,
    lane_lengths: Vec<f64>,
    approaches: Vec<Sum>,
    /// Length of a vehicle, by its row [m].
    lengths: Vec<f64>,
    /// Whether it has ever been faster than a queue is: who sets out has not been stopped by anybody.
    has_driven: Vec<bool>,
    looks: u32,
    queued: u64,
    /// Approaches with a queue in this second.
    touched: Vec<u32>,
}

impl Watch {
    pub(super) fn new(network: &Network, demand: &Demand) -> Self {
        let mut approach_of = vec![u32::MAX; network.lanes.len()];
        let mut approaches: Vec<Sum> = Vec::new();
        for (id, edge) in network.roads() {
            if edge.kind == EdgeKind::Internal || !waits(network, id) {
                continue;
            }
            let place = u32::try_from(approaches.len()).unwrap_or(u32::MAX);
            let mut length: f64 = 0.0;
            for lane in edge.lane_ids() {
                approach_of[lane.index()] = place;
                length = length.max(network.lane(lane).length.as_metres());
            }
            approaches.push(Sum {
                road: id,
                length,
                metre_seconds: 0.0,
                max: 0.0,
                spill_back: 0,
                seconds: Vec::new(),
                now: 0.0,
                reaches_back: false,
            });
        }
        Self {
            approach_of,
            lane_lengths: network.lanes.iter().map(|lane| lane.length.as_metres()).collect(),
            approaches,
            lengths: super::headways::lengths(demand),
            has_driven: vec![false; demand.vehicles.len()],
            looks: 0,
            queued: 0,
            touched: Vec::new(),
        }
    }

    pub(super) fn look(&mut self, vehicles: &[VehicleInstant], counts: bool) {
        for one in vehicles {
            if one.speed >= QUEUED_BELOW
                && let Some(has_driven) = self.has_driven.get_mut(one.vehicle.index())
            {
                *has_driven = true;
            }
        }
        if !counts {
            return;
        }
        self.looks += 1;
        for lane in super::by_lane(vehicles) {
            self.look_at(lane);
        }
        for place in std::mem::take(&mut self.touched) {
            let one = &mut self.approaches[place as usize];
            one.count();
        }
    }

    /// The queue of a lane.
    fn look_at(&mut self, lane: &[VehicleInstant]) {
        let Some(id) = lane.first().map(|one| one.lane.index()) else { return };
        let place = self.approach_of[id];
        if place == u32::MAX {
            return;
        }
        let length_of = |one: &VehicleInstant| self.lengths.get(one.vehicle.index()).copied().unwrap_or(0.0);
        let is_queued = |one: &&VehicleInstant| {
            let has_driven = self.has_driven.get(one.vehicle.index()).copied().unwrap_or(false);
            one.speed < QUEUED_BELOW && !one.at_stop && has_driven
        };
        let mut rear = None;
        let mut count = 0;
        // From the stop line back.
        for one in lane.iter().rev().filter(is_queued) {
            if rear.is_some_and(|rear: f64| rear - one.position > GAP_MAX) {
                break;
            }
            rear = Some(one.position - length_of(one));
            count += 1;
        }
        let Some(rear) = rear else { return };
        self.queued += count;
        let back = (self.lane_lengths[id] - rear).clamp(0.0, self.lane_lengths[id]);
        let approach = &mut self.approaches[place as usize];
        if approach.now == 0.0 && !approach.reaches_back {
            self.touched.push(place);
        }
        approach.now = approach.now.max(back);
        approach.reaches_back |= rear < CAR_WITH_GAP && self.lane_lengths[id] >= 2.0 * CAR_WITH_GAP;
    }

    pub(super) fn finish(self) -> Queues {
        let looks = f64::from(self.looks.max(1));
        let mut queues = Queues::default();
        let mut seconds: Vec<u64> = Vec::new();
        for one in &self.approaches {
            if seconds.len() < one.seconds.len() {
                seconds.resize(one.seconds.len(), 0);
            }
            for (sum, count) in seconds.iter_mut().zip(&one.seconds) {
                *sum += u64::from(*count);
            }
            queues.mean += one.metre_seconds;
            queues.max = queues.max.max(one.max);
            queues.spill_back += f64::from(one.spill_back);
        }
        #[expect(clippy::cast_precision_loss, reason = "vehicle-seconds of a run stay far below 2^53")]
        let (queued, count) = (self.queued as f64, self.approaches.len().max(1) as f64);
        queues.vehicles = queued / looks;
        queues.mean /= looks * count;
        queues.p95 = percentile_95(seconds.iter().copied(), u64::from(self.looks) * self.approaches.len() as u64);
        queues.approaches =
            self.approaches.iter().filter(|one| one.max > 0.0).map(|one| one.finish(self.looks)).collect();
        queues
    }
}

impl Sum {
    /// Counts what this second came to.
    fn count(&mut self) {
        let now = std::mem::take(&mut self.now).min(self.length);
        self.metre_seconds += now;
        self.max = self.max.max(now);
        self.spill_back += u32::from(std::mem::take(&mut self.reaches_back));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the length of a road")]
        let metre = now.ceil() as usize;
        if self.seconds.len() <= metre {
            self.seconds.resize(metre + 1, 0);
        }
        self.seconds[metre] += 1;
    }

    fn finish(&self, looks: u32) -> Approach {
        Approach {
            road: self.road,
            mean: self.metre_seconds / f64::from(looks.max(1)),
            p95: percentile_95(self.seconds.iter().map(|count| u64::from(*count)), u64::from(looks)),
            max: self.max,
            spill_back: f64::from(self.spill_back),
        }
    }
}

/// The least length that at least 95 % of `all` do not exceed; those that are not in `seconds` had none.
#[expect(clippy::cast_precision_loss, reason = "a road has far fewer than 2^53 metres")]
fn percentile_95(seconds: impl DoubleEndedIterator<Item = u64> + ExactSizeIterator, all: u64) -> f64 {
    let may_exceed = all / 20;
    let mut exceeding = 0;
    for (metre, count) in seconds.enumerate().rev() {
        exceeding += count;
        if exceeding > may_exceed {
            return metre as f64;
        }
    }
    0.0
}

/// Whether somebody waits at the end of a road: at a signal, or for those with the right of way.
fn waits(network: &Network, road: EdgeId) -> bool {
    let mut links = network.edge(road).lane_ids().flat_map(|lane| network.lane(lane).link_ids());
    links.any(|link| {
        let link = network.link(link);
        link.signal.is_some() || !link.yields_to.is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{crossing, seen, travellers};
    use super::*;

    /// Three cars of 5 m, 2.5 m apart, before the stop line of a lane of 100 m; a fourth stands 30 m behind them and is no part of it.
    #[test]
    fn a_queue_reaches_to_the_rear_of_its_last_vehicle() {
        let (network, demand) = (crossing(), travellers(6));
        let mut watch = Watch::new(&network, &demand);
        let driving: Vec<_> = (0..5).map(|vehicle| seen(vehicle, 0, 1.0, 10.0)).collect();
        watch.look(&driving, false);
        let standing =
            vec![seen(3, 0, 48.0, 0.0), seen(2, 0, 85.0, 0.0), seen(1, 0, 92.5, 1.0), seen(0, 0, 100.0, 0.0)];
        watch.look(&standing, true);
        let moving: Vec<_> = (0..4).map(|vehicle| seen(vehicle, 0, 60.0, 8.0)).collect();
        watch.look(&moving, true);
        let queues = watch.finish();
        let worst = &queues.approaches[0];
        // 100 - (85 - 5) = 20 m in one of two seconds; the other approach of the crossing is empty.
        assert_eq!(
            (worst.mean.to_bits(), worst.p95.to_bits(), worst.max.to_bits()),
            (10.0_f64.to_bits(), 20.0_f64.to_bits(), 20.0_f64.to_bits())
        );
        assert_eq!((queues.vehicles.to_bits(), queues.mean.to_bits()), (1.5_f64.to_bits(), 5.0_f64.to_bits()));
        assert_eq!((queues.spill_back.to_bits(), queues.approaches.len()), (0.0_f64.to_bits(), 1));
    }

    #[test]
    fn who_halts_at_a_stop_or_has_just_set_out_is_in_no_queue() {
        let (network, demand) = (crossing(), travellers(3));
        let mut watch = Watch::new(&network, &demand);
        watch.look(&[seen(0, 0, 50.0, 10.0)], false);
        let mut halting = seen(0, 0, 60.0, 0.0);
        halting.at_stop = true;
        watch.look(&[seen(1, 0, 5.0, 0.0), halting], true);
        let queues = watch.finish();
        assert_eq!(queues, Queues::default());
    }

    /// Thirteen cars fill 100 m but for 5: nobody else fits, and who wants in stands in the junction behind.
    #[test]
    fn a_queue_that_leaves_no_room_for_a_car_spills_back() {
        let (network, demand) = (crossing(), travellers(13));
        let mut watch = Watch::new(&network, &demand);
        let column = |speed| {
            (0..13_u32)
                .rev()
                .map(|place| seen(place as usize, 0, 100.0 - 7.5 * f64::from(place), speed))
                .collect::<Vec<_>>()
        };
        watch.look(&column(9.0), true);
        watch.look(&column(0.0), true);
        watch.look(&column(0.0)[1..], true);
        let queues = watch.finish();
        assert_eq!(queues.spill_back.to_bits(), 1.0_f64.to_bits(), "{queues:?}");
        assert_eq!(queues.max.to_bits(), 95.0_f64.to_bits());
    }

    #[test]
    fn a_twentieth_of_the_seconds_may_be_worse() {
        let seconds = |worst: u64| vec![0, 0, 80, worst].into_iter();
        assert_eq!(percentile_95(seconds(5), 100).to_bits(), 2.0_f64.to_bits());
        assert_eq!(percentile_95(seconds(6), 100).to_bits(), 3.0_f64.to_bits());
        assert_eq!(percentile_95(vec![0, 4].into_iter(), 100).to_bits(), 0.0_f64.to_bits());
    }
}
