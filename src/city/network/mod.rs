//! The road graph: junctions, edges, lanes and the links between them, with their right of way and signals.
//!
//! Dense columns indexed by typed ids. Importers and the junction builder gather [`NetworkParts`]; [`assemble`] makes them a
//! [`Network`], which nobody changes afterwards. Knows nothing of time, vehicles in motion or demand.

pub mod assembly;
pub mod bare;
pub mod model;
pub mod projection;
pub mod sumo;
pub(crate) mod xml;

pub use assembly::{NetworkParts, RequestRow, assemble};
pub use model::*;
