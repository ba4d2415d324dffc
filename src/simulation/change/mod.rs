//! Changes made in a city while it runs: what somebody at a desk does to it, between two steps.
//!
//! A change is looked at as a whole before anything is touched, and then made by the means that the city's own people have: a closed
//! road is barriers, an incident is an incident as a plan would have it, a call rings at the dispatcher's. So it is saved, forked,
//! told by the control room and held to the laws like everything else. What no other part remembers is in `live::Live`, which a
//! city has from its first change on.

mod calls;
mod desk;
mod incidents;
pub(crate) mod live;
mod roads;
mod signals;
pub(crate) mod weather;

use crate::primitives::ids::{EdgeId, SignalId};
use crate::primitives::{Category, Distance, IncidentKind, SimDuration};

use super::City;
use crate::city::scenario::Weather;
use live::Live;

/// A change in a running city, from now on. Roads and signals by their ids in the network, incidents, calls and ambulances by their
/// numbers in the city.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Barriers across all lanes of a road, as soon as nobody stands in their place; drivers hear of it within half a minute.
    CloseRoad {
        /// Which.
        road: EdgeId,
    },
    /// The barriers are taken away again.
    OpenRoad {
        /// Which.
        road: EdgeId,
    },
    /// Something blocks lanes of a road for a while.
    Incident {
        /// The road.
        road: EdgeId,
        /// What it is.
        kind: IncidentKind,
        /// Where its middle is, from the road's start [m]; the middle of the road if none.
        position: Option<Distance>,
        /// How many lanes for cars it blocks, from the kerb.
        lanes: u32,
        /// How long it lasts at least [s]; 10 s to a day.
        duration: SimDuration,
        /// How many people are hurt, at most 50; each makes a call.
        casualties: u32,
    },
    /// An incident is cleared away; who is still being helped is helped beside the road.
    ClearIncident {
        /// Its number.
        incident: u32,
    },
    /// A signal gets other durations of its phases; their order and what they show stays.
    RetimeSignal {
        /// Which.
        signal: SignalId,
        /// How long each phase of its program lasts [s]; for an actuated one how long it may last at most. 1 s to 600 s each.
        durations: Vec<SimDuration>,
        /// Shift of its cycle against midnight, if it is to have a certain one [s].
        offset: Option<SimDuration>,
    },
    /// The weather turns.
    Weather(Weather),
    /// Somebody calls for an ambulance.
    Call {
        /// The road at which they are.
        road: EdgeId,
        /// Where, from its start [m]; its middle if none.
        position: Option<Distance>,
        /// How urgent it is.
        category: Category,
    },
    /// An ambulance that is free, or on its way to another call, is sent to a call to which nobody else has come yet.
    SendUnit {
        /// Its number.
        unit: u32,
        /// The call's number.
        call: u32,
    },
    /// Ambulances are sent by hand from now on, and every call waits for it; or the city's own dispatcher sends them again.
    Dispatch {
        /// Whether by hand.
        by_hand: bool,
    },
    /// An ambulance that has not arrived at its call yet is called back; the call waits again.
    StandDown {
        /// Its number.
        unit: u32,
    },
    /// An ambulance that has a call and has not left for a hospital brings its patient to this one, if to any; where none is
    /// named the city's own dispatcher names one.
    NameHospital {
        /// The ambulance's number.
        unit: u32,
        /// The hospital's number.
        hospital: u32,
    },
    /// A hospital has other bays from now on; who is being taken over is taken over.
    Bays {
        /// Its number.
        hospital: u32,
        /// How many, 0 to 1000.
        bays: u32,
    },
}

/// Makes a change, or says what is in its way; what was done, in a sentence.
pub(crate) fn make(city: &mut City, change: Change) -> Result<String, String> {
    let said = match change {
        Change::CloseRoad { road } => roads::close(city, road),
        Change::OpenRoad { road } => roads::open(city, road),
        Change::Incident { road, kind, position, lanes, duration, casualties } => {
            incidents::happen(city, &incidents::Wanted { road, kind, position, lanes, duration, casualties })
        }
        Change::ClearIncident { incident } => incidents::clear(city, incident),
        Change::RetimeSignal { signal, durations, offset } => signals::retime(city, signal, &durations, offset),
        Change::Weather(weather) => weather::turn(city, weather),
        Change::Call { road, position, category } => calls::ring(city, road, position, category),
        Change::SendUnit { unit, call } => calls::send(city, unit, call),
        Change::Dispatch { by_hand } => desk::dispatch(city, by_hand),
        Change::StandDown { unit } => desk::stand_down(city, unit),
        Change::NameHospital { unit, hospital } => desk::direct(city, unit, hospital),
        Change::Bays { hospital, bays } => desk::bays(city, hospital, bays),
    }?;
    city.world.get_resource_or_init::<Live>().made += 1;
    city.learn_of_changes();
    Ok(said)
}

/// A road of the map that is no path across a junction.
fn road_of(city: &City, road: EdgeId) -> Result<&crate::city::network::Edge, String> {
    let edge = city.origin.network.edges.get(road.index()).filter(|edge| !edge.is_internal());
    edge.ok_or_else(|| format!("the map has no road number {}; name one of its roads", road.raw()))
}

/// A place on a road that somebody named, or its middle [m].
fn place_on(road: &crate::city::network::Edge, position: Option<Distance>) -> Result<Distance, String> {
    let place = position.unwrap_or(road.length * 0.5);
    let fits = (0.0..=road.length.as_metres()).contains(&place.as_metres());
    fits.then_some(place).ok_or_else(|| {
        let (length, at) = (road.length.as_metres(), place.as_metres());
        format!("`{}` is {length:.0} m long; {at} m is not on it, say 0 to {length:.0} m", road.name)
    })
}
