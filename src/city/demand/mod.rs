//! Who travels where and when: the fleet's types, routes, vehicles, their stops, and the detectors and stops at the kerb.
//!
//! Plain checked values over a [`Network`](crate::city::network::Network); nothing here moves.

pub mod fleet;
pub mod gtfs;
pub mod model;
pub mod od;
pub mod sampling;
pub mod sumo;
pub mod synthetic;

pub use model::*;
