//! Lays a scenario's wishes about vehicles and drivers over the vehicle types of its demand.
//!
//! Touches types only; the shares of trucks, vans and motorcycles belong to whoever makes the vehicles.

use super::model::{Fleet, FollowingModel};
use crate::city::demand::{CarFollowing, Demand};

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
