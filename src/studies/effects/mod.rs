//! What traffic does to others: exhaust, noise, and how good a level of service it is, from flows and speeds.
//!
//! Pure functions with coefficients from published tables, each cited where it stands. What has no coefficients that can be
//! cited and checked has no function here, and whoever asks for it gets `None` and can say so. Knows no run and no network.

mod exhaust;
mod noise;
mod service;

pub use exhaust::{Carbon, Engine, Factor, Substance, carbon_dioxide, engine_of, factor};
pub use noise::{Category, Flow, category_of, equivalent_level, power_per_metre, vehicle_power, weighted_power};
pub use service::{Control, LevelOfService, geh, level_of_service};
