//! Two demands over the same roads become one.
//!
//! Ids of the second are shifted behind those of the first; vehicles are put in the order of departure, the first demand's before
//! the second's in the same instant. Knows no files.

use crate::city::demand::Demand;
use crate::primitives::ids::{KindId, RouteId, StopId};

/// Both demands as one.
pub(super) fn join(mut first: Demand, second: Demand) -> Demand {
    if first == Demand::default() {
        return second;
    }
    let (kinds, routes, stops) = (first.kinds.len(), first.routes.len(), first.bus_stops.len());
    let shifted_stop = |id: StopId| StopId::new(id.index() + stops);
    first.kinds.extend(second.kinds);
    first.routes.extend(second.routes);
    first.detectors.extend(second.detectors);
    first.bus_stops.extend(second.bus_stops);
    for (name, id) in second.bus_stop_by_name {
        // Where both have a stop of that name, lookups by name keep finding the first's; stops themselves go by id.
        first.bus_stop_by_name.entry(name).or_insert(shifted_stop(id));
    }
    for mut vehicle in second.vehicles {
        vehicle.kind = KindId::new(vehicle.kind.index() + kinds);
        vehicle.route = RouteId::new(vehicle.route.index() + routes);
        for stop in &mut vehicle.stops {
            stop.at = stop.at.map(shifted_stop);
        }
        first.vehicles.push(vehicle);
    }
    first.vehicles.sort_by_key(|vehicle| vehicle.departure.time);
    first
}
