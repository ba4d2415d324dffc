//! What is asked of the city: a file turned into a checked value.

pub mod sumocfg;
