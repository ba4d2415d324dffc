//! Lays a scenario's wishes about vehicles and drivers over the vehicle types of its demand.
//!
//! Knows which types a town has and how many of each the scenario wants; makes no vehicle.

use super::model::{Fleet, FollowingModel};
use crate::city::demand::fleet::{FleetShare, town_mix};
use crate::city::demand::{CarFollowing, Demand};
use crate::primitives::VehicleClass;

/// Krauss's imperfection where the type had none, SUMO's default.
const SIGMA: f64 = 0.5;
/// The Intelligent Driver Model's acceleration exponent δ (Treiber, Hennecke, Helbing 2000, table I).
const EXPONENT: f64 = 4.0;

/// Changes every vehicle type as the scenario asks.
pub(super) fn apply(fleet: &Fleet, demand: &mut Demand) {
    for kind in &mut demand.kinds {
        match (fleet.following, kind.following) {
            (Some(FollowingModel::Krauss), CarFollowing::Idm { .. }) => {
                kind.following = CarFollowing::Krauss { sigma: SIGMA };
            }
            (Some(FollowingModel::Idm), CarFollowing::Krauss { .. }) => {
                kind.following = CarFollowing::Idm { exponent: EXPONENT };
            }
            _ => {}
        }
        if let Some(headway) = fleet.headway {
            kind.headway = headway;
        }
        if let Some(gap) = fleet.gap {
            kind.gap_min = gap;
        }
        if let Some(speed) = fleet.speed_max {
            kind.speed_max = kind.speed_max.min(speed);
        }
        if let Some(deviation) = fleet.speed_deviation {
            kind.speed_factor.deviation = deviation;
        }
    }
}

/// A town's vehicle types with the shares the scenario asks for; cars take what is left.
pub(super) fn mix(fleet: &Fleet) -> Vec<FleetShare> {
    let mut mix = town_mix();
    let mut others = 0.0;
    for share in &mut mix {
        let wished = match share.kind.class {
            VehicleClass::Truck => fleet.trucks,
            VehicleClass::Delivery => fleet.vans,
            VehicleClass::Motorcycle => fleet.motorcycles,
            _ => continue,
        };
        share.weight = wished.unwrap_or(share.weight);
        others += share.weight;
    }
    for share in mix.iter_mut().filter(|share| share.kind.class == VehicleClass::Passenger) {
        share.weight = (1.0 - others).max(0.0);
    }
    mix
}
