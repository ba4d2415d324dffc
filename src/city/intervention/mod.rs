//! What planners change in a city: measures on roads and signals, and what they are on the network.
//!
//! A city on paper is never altered: a measure becomes a row of a [`Plan`], which says what holds from when on, or a new city made
//! from the old one. Leaving a measure out therefore gives exactly the city there was before. Runs nothing and opens no file.

mod model;
mod places;
mod plan;
mod roads;
mod rules;
#[cfg(test)]
mod tests;

pub use model::{Area, Deed, Intervention, LaneWish, Measure, RoadChoice, Window, Written};
pub use plan::{Change, Plan, plan};
