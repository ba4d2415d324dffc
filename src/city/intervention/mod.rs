//! What planners change in a city: measures on roads and signals, and what they are on the network.
//!
//! A city on paper is never altered: a measure becomes a row of a [`Plan`], which says what holds from when on, or a new city made
//! from the old one. Leaving a measure out therefore gives exactly the city there was before. Runs nothing and opens no file.

mod built;
mod charge;
mod demand;
mod junctions;
mod lines;
mod model;
pub mod parking;
mod places;
mod plan;
mod ring;
mod roads;
mod rules;
mod signals;
mod transplant;

pub use built::{Rebuilt, rebuild};
pub use demand::travellers;
pub use model::{AdviceTimes, Area, Deed, Intervention, LaneWish, Measure, RoadChoice, Window, Written};
pub use plan::{Advice, Change, Closures, Plan, Toll, plan};
pub use transplant::Transplant;
