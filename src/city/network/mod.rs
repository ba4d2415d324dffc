//! The road graph: junctions, edges, lanes and the links between them, with their right of way and signals.
//!
//! Dense columns indexed by typed ids. Importers and the junction builder gather [`NetworkParts`]; [`assemble`] makes them a
//! [`Network`], which nobody changes afterwards. Knows nothing of time, vehicles in motion or demand.

pub mod assembly;
pub mod bare;
pub mod cache;
pub mod check;
pub mod dispersion;
pub mod geojson;
pub mod invented;
mod junction_builder;
pub mod mapfile;
pub mod model;
mod names;
pub mod osm;
pub mod picture;
pub mod places;
pub mod projection;
mod reach;
pub mod rules;
pub mod sumo;
pub mod webster;
pub(crate) mod xml;

pub use assembly::{NetworkParts, RequestRow, assemble};
pub use model::*;
pub use reach::Reach;
