//! Roads are closed and opened: a barrier across each lane, which is a block like that of an incident.

use std::sync::Arc;

use super::live::{Barriers, Live};
use super::road_of;
use crate::primitives::ids::EdgeId;
use crate::simulation::City;
use crate::simulation::actors::Percept;
use crate::simulation::emergency;

/// How much of a lane the barrier of a closed road takes up [m].
const BARRIER: f64 = 3.0;
/// The most roads that may be closed at a time.
const CLOSED_MAX: usize = 1_000;

/// Closes a road from now on.
pub(crate) fn close(city: &mut City, road: EdgeId) -> Result<String, String> {
    let network = Arc::clone(&city.origin.network);
    let edge = road_of(city, road)?;
    let name = edge.name.clone();
    let (lanes, position) = (edge.lane_ids(), 0.5 * edge.length.as_metres());
    if let Some(live) = city.world.get_resource::<Live>() {
        let closed = |edge: u32| live.barriers.get(&edge).is_some_and(|barriers| barriers.closed);
        if closed(road.raw()) {
            return Err(format!("`{name}` is closed already; open it, or close another road"));
        }
        if live.barriers.values().filter(|barriers| barriers.closed).count() >= CLOSED_MAX {
            return Err(format!("{CLOSED_MAX} roads are closed, and no more can be; open one first"));
        }
    }
    emergency::prepare(&mut city.world, &network, city.settings.seed);
    let known = city.world.get_resource_or_init::<Live>().barriers.remove(&road.raw());
    let at = &mut city.world.resource_mut::<Percept>().road;
    let ids = known.map_or_else(
        || lanes.map(|lane| (at.reserve_block(lane.raw(), BARRIER.min(position)), lane.raw())).collect::<Vec<_>>(),
        |known| known.ids,
    );
    for &(id, lane) in &ids {
        at.block(id, lane, position);
    }
    let many = ids.len();
    city.world.get_resource_or_init::<Live>().barriers.insert(road.raw(), Barriers { ids, closed: true });
    Ok(format!("`{name}` is closed: barriers on {many} lane(s)"))
}

/// Opens a road that was closed by hand.
pub(crate) fn open(city: &mut City, road: EdgeId) -> Result<String, String> {
    let name = road_of(city, road)?.name.clone();
    let live = city.world.get_resource_mut::<Live>();
    let Some(mut live) = live.filter(|live| live.barriers.get(&road.raw()).is_some_and(|barriers| barriers.closed))
    else {
        let why = "only what was closed while the city runs can be opened";
        return Err(format!("`{name}` has no barriers; {why}"));
    };
    let Some(barriers) = live.barriers.get_mut(&road.raw()) else { return Err(format!("`{name}` has no barriers")) };
    barriers.closed = false;
    let ids = barriers.ids.clone();
    let at = &mut city.world.resource_mut::<Percept>().road;
    for (id, _) in ids {
        at.unblock(id);
    }
    at.refresh_active();
    at.refresh_tails();
    Ok(format!("`{name}` is open again"))
}
