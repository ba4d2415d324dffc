//! Incidents happen and are cleared away by hand.

use std::fmt::Write;
use std::sync::Arc;

use super::live::Live;
use super::{place_on, road_of};
use crate::city::emergency::{PlannedIncident, Spot, block_position, car_lanes, usual_length};
use crate::primitives::ids::EdgeId;
use crate::primitives::{Distance, IncidentKind, SimDuration};
use crate::simulation::City;
use crate::simulation::actors::emergency::ambulance::Ambulance;
use crate::simulation::actors::emergency::incident::{Phase, Scene};
use crate::simulation::actors::emergency::{AMBULANCES, INCIDENTS, way_to};
use crate::simulation::actors::{Directory, Percept, Wayfinding, actor};
use crate::simulation::emergency;
use crate::simulation::ledger::Ledger;

/// How long an incident may last [s].
const DURATION: std::ops::RangeInclusive<f64> = 10.0..=86_400.0;
/// The most people that may be hurt in one.
const CASUALTIES_MAX: u32 = 50;
/// The most incidents and calls that may be made by hand in one city.
pub(super) const BROUGHT_MAX: u32 = 10_000;

/// An incident that is wanted.
pub(super) struct Wanted {
    pub road: EdgeId,
    pub kind: IncidentKind,
    pub position: Option<Distance>,
    pub lanes: u32,
    pub duration: SimDuration,
    pub casualties: u32,
}

/// Lets something happen on a road.
pub(super) fn happen(city: &mut City, wanted: &Wanted) -> Result<String, String> {
    let planned = plan(city, wanted)?;
    let network = Arc::clone(&city.origin.network);
    emergency::prepare(&mut city.world, &network, city.settings.seed);
    let (incident, calls) = emergency::raise(&mut city.world, &planned);
    city.world.get_resource_or_init::<Live>().brought += 1 + planned.casualties;
    let name = &network.edge(planned.edge).name;
    let (lanes, lasts) = (planned.lanes.len(), planned.duration.as_seconds());
    let mut said = format!("incident {incident}: {} on {lanes} lane(s) of `{name}` for {lasts:.0} s", planned.kind);
    match calls.as_slice() {
        [] => {}
        [call] => _ = write!(said, "; one is hurt, call {call}"),
        [first, .., last] => _ = write!(said, "; {} are hurt, calls {first} to {last}", calls.len()),
    }
    Ok(said)
}

/// What is wanted as a plan would have it.
fn plan(city: &City, wanted: &Wanted) -> Result<PlannedIncident, String> {
    let network = &city.origin.network;
    let edge = road_of(city, wanted.road)?;
    let (name, road) = (&edge.name, edge.length);
    let lanes = car_lanes(network, wanted.road);
    let many = wanted.lanes as usize;
    if many == 0 || many > lanes.len() {
        return Err(match lanes.len() {
            0 => format!("no cars drive on `{name}`; choose another road"),
            have => format!("`{name}` has {have} lane(s) for cars, {many} cannot be blocked; say 1 to {have}"),
        });
    }
    let length = usual_length(wanted.kind);
    if length > road {
        let (takes, has) = (length.as_metres(), road.as_metres());
        return Err(format!("{} takes up {takes:.0} m and `{name}` has {has:.0} m; choose a longer road", wanted.kind));
    }
    let lasts = wanted.duration.as_seconds();
    if !DURATION.contains(&lasts) {
        return Err(format!("an incident lasts 10 s to 86400 s, not {lasts} s; say how long within that"));
    }
    if wanted.casualties > CASUALTIES_MAX {
        return Err(format!(
            "at most {CASUALTIES_MAX} people can be hurt at once, not {}; say fewer",
            wanted.casualties
        ));
    }
    room_for(city, 1 + wanted.casualties)?;
    let middle = place_on(edge, wanted.position)?;
    let far = (middle + length * 0.5).as_metres() / road.as_metres();
    let planned = PlannedIncident {
        at: city.time(),
        duration: wanted.duration,
        kind: wanted.kind,
        edge: wanted.road,
        lanes: lanes[..many].to_vec(),
        position: block_position(network, wanted.road, far, length),
        length,
        casualties: wanted.casualties,
    };
    if wanted.casualties > 0 {
        help_for(city, &emergency::beside(&planned), name)?;
    }
    Ok(planned)
}

/// Whether so many more incidents and calls may be made by hand.
pub(super) fn room_for(city: &City, more: u32) -> Result<(), String> {
    let so_far = city.world.get_resource::<Live>().map_or(0, |live| live.brought);
    if so_far.saturating_add(more) > BROUGHT_MAX {
        return Err(format!(
            "{so_far} incidents and calls were made by hand, and {BROUGHT_MAX} is the most; begin anew"
        ));
    }
    Ok(())
}

/// Whether an ambulance gets to a place and back home.
pub(super) fn help_for(city: &City, spot: &Spot, road: &str) -> Result<(), String> {
    let world = &city.world;
    let ambulance = world
        .get_resource::<Directory>()
        .and_then(|directory| directory.column(AMBULANCES).next())
        .and_then(|(_, entity)| world.get::<Ambulance>(entity));
    let (Some(ambulance), Some(ways)) = (ambulance, world.get_resource::<Wayfinding>()) else {
        let why = "nobody would come to whoever is hurt";
        return Err(format!("this city has no ambulances, {why}; give its scenario `emergencies` with some"));
    };
    let facts = &world.resource::<Percept>().road.facts;
    let home = ambulance.home();
    let there =
        |from: &Spot, to: &Spot| way_to(ways, facts, (from.edge.raw(), from.position.as_metres()), to).is_some();
    if there(&home, spot) && there(spot, &home) {
        Ok(())
    } else {
        Err(format!("no ambulance can get to `{road}` and back; choose another road"))
    }
}

/// Clears an incident away at once.
pub(super) fn clear(city: &mut City, number: u32) -> Result<String, String> {
    let now = city.time();
    let known = city.world.get_resource::<Ledger>().map_or(0, Ledger::incidents_known);
    let entity = city.world.get_resource::<Directory>().and_then(|directory| directory.get(actor(INCIDENTS, number)));
    let scene = entity.and_then(|entity| city.world.get_mut::<Scene>(entity));
    let Some(mut scene) = scene else {
        return Err(match known {
            0 => format!("there is no incident {number}, and none at all in this city"),
            _ => format!("there is no incident {number}; they are numbered 0 to {}", known - 1),
        });
    };
    match scene.phase {
        Phase::ToCome => Err(format!("incident {number} has not begun yet; clear it once it has")),
        Phase::Over => Err(format!("incident {number} is cleared already; choose one that is open")),
        Phase::Blocking | Phase::Held if scene.ends <= now && scene.helpers == 0 => {
            Err(format!("incident {number} is being cleared this very moment"))
        }
        Phase::Blocking | Phase::Held => {
            scene.ends = now;
            scene.helpers = 0;
            Ok(format!("incident {number} is cleared away"))
        }
    }
}
