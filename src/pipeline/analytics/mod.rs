//! From facts to what a city engineer asks for: minutes of vehicles, five minutes of roads, air, parking, emergencies.
//!
//! An [`Analyst`] is the second operator of a partition: a pure function of its records and watermarks, whose whole state becomes
//! bytes and comes back. What it finds leaves as [`Row`]s with keys, so that writing one twice or in a better version changes
//! nothing else. Knows the road network, if there is one; no store, no wire and no simulation.

mod air;
mod analyst;
mod chart;
mod emergencies;
mod event;
pub mod geofence;
mod health;
mod incidents;
mod journal;
mod minutes;
mod parking;
mod positions;
mod reconcile;
mod road_index;
mod roads;
mod row;
mod state;
mod trackers;
mod travel;
mod visitors;
mod watch;
mod windows;

pub use air::AirWindow;
pub use analyst::{Analyst, AnalystCounts, AnalystSettings};
pub use emergencies::{CallChain, CallStep, IncidentChain, IncidentStep};
pub use event::{Event, EventKind, Progress};
pub use geofence::{Geofence, Shape};
pub use incidents::{CITY_PARTITION, IncidentDetector};
pub use minutes::{Cell, RoadMinute, merge_minutes};
pub use parking::ParkingWindow;
pub use positions::PositionWindow;
pub use reconcile::{Agreement, BatchView, Reconciled, Reconciler, TABLES as BATCH_TABLES, reconcile};
pub use road_index::{RoadIndex, RoadRef};
pub use roads::{LaneSums, Level, RoadSums, RoadWindow, Source, merge};
pub use row::Row;
pub use state::BadState;
pub use travel::{CorridorWindow, TravelSums, TravelWindow, corridor, merge_travel};
pub use windows::WindowCounts;

#[cfg(test)]
mod tests;
