//! The fleet of synthetic demand: which vehicle types a city has, and in what shares.
//!
//! Types carry the defaults of their class as SUMO 1.28 has them; this file only names and weighs them.

use crate::primitives::{SimDuration, VehicleClass};

use super::model::VehicleKind;
use super::sumo::default_kind;

/// After how long a wait patience is gone [s]; SUMO's `time-to-impatience`.
const PATIENCE: SimDuration = SimDuration::milliseconds(180_000);

/// A vehicle type and its share of the trips.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetShare {
    /// The type.
    pub kind: VehicleKind,
    /// Its weight among the others.
    pub weight: f64,
}

/// A type with the defaults of its class.
pub fn kind(name: &str, class: VehicleClass) -> VehicleKind {
    default_kind(name, class, PATIENCE)
}

/// The class of a type that is called so: one of a town's mix, a city bus, or one named like its class.
pub(super) fn class_of(name: &str) -> Option<VehicleClass> {
    let known = town_mix().into_iter().map(|share| share.kind).chain([city_bus()]).find(|kind| kind.name == name);
    known.map(|kind| kind.class).or_else(|| VehicleClass::from_name(name))
}

/// The type of a city bus.
pub fn city_bus() -> VehicleKind {
    kind("city_bus", VehicleClass::Bus)
}

/// The private and commercial traffic of a European town: cars nine in ten, then vans, trucks and motorcycles.
pub fn town_mix() -> Vec<FleetShare> {
    [
        ("car", VehicleClass::Passenger, 0.90),
        ("van", VehicleClass::Delivery, 0.06),
        ("truck", VehicleClass::Truck, 0.025),
        ("motorcycle", VehicleClass::Motorcycle, 0.015),
    ]
    .map(|(name, class, weight)| FleetShare { kind: kind(name, class), weight })
    .to_vec()
}
