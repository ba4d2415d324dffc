//! What we learn from the city: one run with its manifest, the report a planner looks at, and whether the books balance.

pub mod access;
pub mod audit;
pub mod comparison;
pub mod drill;
pub mod effects;
pub mod equilibrium;
pub mod experiment;
pub mod forecast;
pub mod load;
pub mod observation;
pub mod report;
