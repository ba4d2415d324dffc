//! From what an operator asks for to a change in the simulated city.
//!
//! Names are looked up here, and what is not there is refused with what was probably meant; what a change comes to is the
//! simulation's to say.

use super::cast::{Cast, meant, shown};
use crate::api::port::{Intervention, Refused};
use crate::primitives::ids::EdgeId;
use crate::simulation::City;

/// Changes a city, between two steps; what was done, in a sentence. Nothing has changed where it is refused.
pub(super) fn carry_out(city: &mut City, cast: &Cast, change: &Intervention) -> Result<String, Refused> {
    match change {
        Intervention::CloseRoad { road } => {
            let edge = road_of(cast, road)?;
            if city.close_road(edge) {
                Ok(format!("`{road}` is closed"))
            } else {
                Err(Refused::Invalid(format!(
                    "`{}` is a path across a junction; close a road that leads to it",
                    shown(road)
                )))
            }
        }
        _ => Err(Refused::Invalid("this city cannot be changed so while it runs; change its scenario".to_owned())),
    }
}

/// The road of a name.
fn road_of(cast: &Cast, road: &str) -> Result<EdgeId, Refused> {
    let network = cast.network();
    network.find_edge(road).ok_or_else(|| {
        let names = network.edges.iter().filter(|edge| !edge.is_internal()).map(|edge| edge.name.as_str());
        Refused::Unknown(format!("there is no road `{}`{}", shown(road), meant(road, names)))
    })
}
