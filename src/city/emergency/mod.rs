//! Emergencies on paper: which roads are blocked when, who calls for help, and which ambulances and hospitals there are.
//!
//! Everything chance decides beforehand is drawn here, so that the fleet and the blocks are known before anything moves:
//! every ambulance gets a row of the demand that departs only when its crew says so. Knows no vehicle in motion.

mod draw;
mod model;
mod resolve;

pub use draw::{block_position, car_lanes, kerb_spot, usual_length};
pub use model::{Base, EmergencyPlan, EmergencySpec, Hospital, IncidentSpec, PlannedCall, PlannedIncident, Spot, Unit};
pub use resolve::resolve;

#[cfg(test)]
mod tests;
