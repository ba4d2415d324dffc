//! What we learn from the city: one run with its manifest, and the report a planner looks at.

pub mod audit;
pub mod experiment;
pub mod report;
