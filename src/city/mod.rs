//! The city on paper: roads, who travels on them, which way, and what is asked of it. Nothing here moves.

pub mod demand;
pub mod emergency;
pub mod intervention;
pub mod network;
pub mod project;
pub mod routing;
pub mod scenario;
