//! The vehicle as an actor: follows its trip and decides how long to halt at its planned stops.
//!
//! Driving itself is the body's business; the actor hears from the road when the body stands at a stop and lets it drive on
//! when the halt is over.

use bevy_ecs::prelude::*;

use super::{Action, Actions, Directory, Identity, Mailbox, Notice, Percept, Wakes, Wayfinding, Woken};
use crate::city::demand::Stop;
use crate::primitives::ids::EdgeId;
use crate::primitives::{SimDuration, SimTime, Speed};
use crate::simulation::traffic::road::Road;

/// How many times longer a closed road seems to whoever looks for a way.
const CLOSED: f64 = 1000.0;

/// A vehicle's trip: the halts still ahead.
#[derive(Component, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Itinerary {
    /// Planned stops, in order.
    pub stops: Vec<Stop>,
    /// The next of them.
    pub next: usize,
    /// When the halt it is at is over.
    pub leaves_at: Option<SimTime>,
    /// Whether it has just heard that a road of its way is closed.
    pub roads_closed: bool,
}

/// A way to the end of a route that begins with `committed` and avoids the closed roads; none where there is no such way.
pub(crate) fn way_round(
    ways: &Wayfinding,
    road: &Road,
    kind: u32,
    committed: &[u32],
    route: &[u32],
) -> Option<Vec<u32>> {
    let kind = &road.kinds[kind as usize];
    let closed = |edge: u32| road.is_closed(kind.class, edge);
    // Whoever wants to a closed road goes as far as the last open one on the way there, and walks.
    let (&from, &to) = (committed.last()?, route.iter().rev().find(|&&edge| !closed(edge))?);
    if closed(from) {
        return None;
    }
    let factor = |edge: EdgeId| {
        let seems = if closed(edge.raw()) { CLOSED } else { 1.0 };
        seems * ways.times.factor(edge.index(), kind.speed_max, 1.0)
    };
    let (from, to) = (EdgeId::new(from as usize), EdgeId::new(to as usize));
    let speed = Speed::metres_per_second(kind.speed_max);
    let way = ways.router.shortest_in_traffic(from, to, kind.class, speed, factor)?;
    let way: Vec<u32> = way.iter().map(|edge| edge.raw()).collect();
    let open = !way.iter().any(|&edge| closed(edge));
    open.then(|| [&committed[..committed.len() - 1], way.as_slice()].concat())
}

/// Drivers who have heard that their way is closed take another, if there is one; whoever has halts to make stays on its way.
pub(crate) fn avoid(
    percept: Res<'_, Percept>,
    ways: Option<Res<'_, Wayfinding>>,
    mut vehicles: Query<'_, '_, (&Identity, &mut Itinerary), Changed<Itinerary>>,
    mut actions: ResMut<'_, Actions>,
) {
    let Some(ways) = ways else { return };
    let road = &percept.road;
    // By actor: guides are numbered as they are made, and the order of the table depends on who has left the city before.
    let mut heard: Vec<_> = vehicles.iter_mut().filter(|one| one.1.roads_closed).collect();
    heard.sort_unstable_by_key(|one| one.0.0);
    for (identity, mut itinerary) in heard {
        itinerary.bypass_change_detection().roads_closed = false;
        let vehicle = identity.0.index();
        let Some(at) = road.find(vehicle).filter(|_| itinerary.stops.is_empty()) else { continue };
        let route = road.guides.edges(road.guides.of_vehicle(vehicle));
        let committed = road.committed(vehicle, &at);
        if let Some(way) = way_round(&ways, road, at.kind, &committed, route) {
            let to_position = road.arrival_position[vehicle as usize];
            actions.0.push(Action::Divert { vehicle, way, to_position, siren: false });
        }
    }
}

/// Until when a halt that began at `since` lasts: its duration, and not before the timetable says.
pub(crate) fn halt_ends(stop: &Stop, since: SimTime) -> SimTime {
    let shortest = since + stop.duration.max(SimDuration::ZERO);
    stop.until.map_or(shortest, |until| shortest.max(until))
}

/// Vehicles read their mail: a body that stands at its stop starts the halt.
pub(crate) fn read_mail(
    mut vehicles: Query<'_, '_, (&Identity, &mut Mailbox, &mut Itinerary), Changed<Mailbox>>,
    mut wakes: ResMut<'_, Wakes>,
) {
    for (identity, mut mailbox, mut itinerary) in &mut vehicles {
        for letter in std::mem::take(&mut mailbox.bypass_change_detection().0) {
            let Notice::ReachedStop { at } = letter.message else {
                itinerary.roads_closed |= letter.message == Notice::RoadsClosed;
                continue;
            };
            let Some(stop) = itinerary.stops.get(itinerary.next) else { continue };
            let ends = halt_ends(stop, at);
            itinerary.leaves_at = Some(ends);
            wakes.0.set(ends, identity.0);
        }
    }
}

/// Vehicles whose halt is over drive on.
pub(crate) fn drive_on(
    woken: Res<'_, Woken>,
    percept: Res<'_, Percept>,
    directory: Res<'_, Directory>,
    mut vehicles: Query<'_, '_, &mut Itinerary>,
    mut actions: ResMut<'_, Actions>,
) {
    for &actor in &woken.0 {
        let Some(mut itinerary) = directory.get(actor).and_then(|e| vehicles.get_mut(e).ok()) else { continue };
        if itinerary.leaves_at.is_some_and(|at| at <= percept.now) {
            itinerary.leaves_at = None;
            itinerary.next += 1;
            actions.0.push(Action::DriveOn { vehicle: actor.index() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::Distance;
    use crate::primitives::ids::LaneId;

    #[test]
    fn a_halt_waits_for_the_timetable() {
        let stop = |until: Option<f64>| Stop {
            lane: LaneId::new(0),
            position: Distance::metres(10.0),
            start: Distance::ZERO,
            at: None,
            duration: SimDuration::seconds(20.0),
            until: until.map(SimTime::seconds),
            parking: false,
        };
        let since = SimTime::seconds(100.0);
        assert_eq!(halt_ends(&stop(None), since), SimTime::seconds(120.0));
        assert_eq!(halt_ends(&stop(Some(110.0)), since), SimTime::seconds(120.0));
        assert_eq!(halt_ends(&stop(Some(300.0)), since), SimTime::seconds(300.0));
    }
}
