//! The cheapest way under a cost.
//!
//! [`Router`] answers by A* over edges with the turns each vehicle class may make. Cost is free-flow travel time as SUMO
//! counts it. Knows no traffic; whoever knows it passes a factor per edge, or [`Delays`] by the time of entering.

mod by_departure;
mod graph;
mod search;
mod tree;

pub use by_departure::{Delays, Journey};
pub use search::Router;
pub use tree::Tree;

#[cfg(test)]
mod tests;
