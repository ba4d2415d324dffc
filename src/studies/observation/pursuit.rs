//! How close followers come to their leaders: the time in which they would collide if nobody changed speed.
//!
//! Time to collision is the gap over the difference of speeds, where the follower is the faster one (Hayward 1972, Highway Research
//! Record 384, 24). How long it lies below a threshold, as a share of the time driven, is time exposed (Minderhoud and Bovy 2001,
//! Accident Analysis and Prevention 33, 89). A leader is the next vehicle ahead on the same lane; leaders beyond the lane's end, paths
//! that cross, and vehicles with siren are left out. Models of car following never collide of themselves, so the shares compare
//! variants and count no accidents.

use crate::city::demand::Demand;
use crate::primitives::VehicleClass;
use crate::simulation::outcome::VehicleInstant;

/// Slower is standing [m/s].
const STANDING: f64 = 0.1;
/// The thresholds [s].
const CRITICAL: f64 = 1.5;
const SHORT: f64 = 3.0;

/// Seconds of driving, and how close they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pursuit {
    /// Vehicle-seconds driven at more than 0.1 m/s [s].
    pub driven: u64,
    /// Of those, with a time to collision below 1.5 s [s].
    pub critical: u64,
    /// Of those, with one below 3 s, the critical ones included [s].
    pub short: u64,
}

#[derive(Debug)]
pub(super) struct Watch {
    lengths: Vec<f64>,
    has_siren: Vec<bool>,
    seen: Pursuit,
}

impl Watch {
    pub(super) fn new(demand: &Demand) -> Self {
        let has_siren = |kind| demand.kind(kind).class == VehicleClass::Emergency;
        Self {
            lengths: super::headways::lengths(demand),
            has_siren: demand.vehicles.iter().map(|vehicle| has_siren(vehicle.kind)).collect(),
            seen: Pursuit::default(),
        }
    }

    pub(super) fn look(&mut self, vehicles: &[VehicleInstant]) {
        for lane in super::by_lane(vehicles) {
            let mut leader: Option<&VehicleInstant> = None;
            for one in lane.iter().rev() {
                let row = one.vehicle.index();
                let (Some(length), Some(false)) = (self.lengths.get(row), self.has_siren.get(row)) else { continue };
                debug_assert!(*length > 0.0);
                if one.speed > STANDING {
                    self.seen.driven += 1;
                    if let Some(time) = leader.and_then(|leader| self.time_to_collision(one, leader)) {
                        self.seen.critical += u64::from(time < CRITICAL);
                        self.seen.short += u64::from(time < SHORT);
                    }
                }
                leader = Some(one);
            }
        }
    }

    fn time_to_collision(&self, follower: &VehicleInstant, leader: &VehicleInstant) -> Option<f64> {
        let closing = follower.speed - leader.speed;
        let gap = leader.position - self.lengths[leader.vehicle.index()] - follower.position;
        (closing > 0.0).then(|| gap.max(0.0) / closing)
    }

    pub(super) fn finish(self) -> Pursuit {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{seen, travellers};
    use super::*;

    /// The leader's rear is at 45 m. From 30 m on it takes 15 m at 12 m/s more, 1.25 s; at 6 m/s more 2.5 s; at 5 m/s more 3 s.
    #[test]
    fn time_to_collision_is_gap_over_closing_speed() {
        let demand = travellers(2);
        for (speed, critical, short) in [(20.0, 1, 1), (14.0, 0, 1), (13.0, 0, 0), (8.0, 0, 0), (0.05, 0, 0)] {
            let mut watch = Watch::new(&demand);
            watch.look(&[seen(0, 0, 30.0, speed), seen(1, 0, 50.0, 8.0)]);
            let driven = 1 + u64::from(speed > STANDING);
            assert_eq!(watch.finish(), Pursuit { driven, critical, short }, "{speed} m/s");
        }
    }

    #[test]
    fn a_leader_on_another_lane_is_none() {
        let mut watch = Watch::new(&travellers(2));
        watch.look(&[seen(0, 0, 30.0, 20.0), seen(1, 1, 50.0, 0.0)]);
        assert_eq!(watch.finish(), Pursuit { driven: 1, critical: 0, short: 0 });
    }
}
