//! What is seen of the roads while a run goes: queues, the headways of buses, how close followers come to their leaders and to each other where
//! their paths cross, how loud the
//! roads are, what engines add to the air beside them, and how long vehicles take over a stretch.
//!
//! An [`Observer`] is shown every vehicle once in a second of simulated time and keeps sums only, so that what it costs is one
//! walk over the vehicles and what it keeps does not grow with the length of the run. It changes nothing in the city, and counts
//! from the measured start on; before that it only learns who has been driving. Knows no scenario file and no page.

mod air;
mod crossing;
mod headways;
mod journeys;
mod passing;
mod pursuit;
mod queues;

#[cfg(test)]
mod fixture;

pub use air::{Air, AirWanted, Burden, RoadAir};
pub use crossing::Crossings;
pub use headways::Headways;
pub use journeys::{Journeys, Stretch};
pub use passing::Noise;
pub use pursuit::Pursuit;
pub use queues::{Approach, Queues};

use std::sync::Arc;

use crate::city::demand::Demand;
use crate::city::network::Network;
use crate::primitives::SimTime;
use crate::simulation::outcome::VehicleInstant;

/// What is to be observed.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "what is observed are independent choices")]
pub struct Wanted {
    /// Queues before junctions.
    pub queues: bool,
    /// Headways of buses at their stops.
    pub headways: bool,
    /// Time to collision between followers and leaders, and post-encroachment time where paths cross.
    pub safety: bool,
    /// Noise of the roads.
    pub noise: bool,
    /// What engines add to the air beside the roads.
    pub air: Option<AirWanted>,
    /// Stretches on which vehicles are timed.
    pub stretches: Vec<Stretch>,
}

impl Wanted {
    /// Whether nothing is.
    pub const fn is_nothing(&self) -> bool {
        !(self.queues || self.headways || self.safety || self.noise) && self.air.is_none() && self.stretches.is_empty()
    }
}

/// What was observed; nothing where it was not wanted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observed {
    /// Queues before junctions.
    pub queues: Option<Queues>,
    /// Headways of buses at their stops.
    pub headways: Option<Headways>,
    /// How close followers came to their leaders.
    pub safety: Option<Pursuit>,
    /// How soon after one another vehicles came where their paths cross.
    pub crossings: Option<Crossings>,
    /// How loud the roads are.
    pub noise: Option<Noise>,
    /// The air beside the roads.
    pub air: Option<Air>,
    /// Who drove the stretches, in their order.
    pub journeys: Vec<Journeys>,
}

/// Sees every vehicle once a second.
#[derive(Debug)]
pub struct Observer {
    network: Arc<Network>,
    from: SimTime,
    queues: Option<queues::Watch>,
    headways: Option<headways::Watch>,
    safety: Option<pursuit::Watch>,
    crossings: Option<crossing::Watch>,
    noise: Option<passing::Watch>,
    air: Option<air::Watch>,
    journeys: Option<journeys::Watch>,
}

impl Observer {
    /// An observer of a city; what happens before `from` is not counted.
    pub fn new(network: &Arc<Network>, demand: &Demand, from: SimTime, wanted: Wanted) -> Self {
        Self {
            network: Arc::clone(network),
            from,
            queues: wanted.queues.then(|| queues::Watch::new(network, demand)),
            headways: wanted.headways.then(|| headways::Watch::new(demand)),
            safety: wanted.safety.then(|| pursuit::Watch::new(demand)),
            crossings: wanted.safety.then(|| crossing::Watch::new(network, demand)),
            noise: wanted.noise.then(|| passing::Watch::new(network, demand)),
            air: wanted.air.map(|air| air::Watch::new(network, demand, from, &air)),
            journeys: (!wanted.stretches.is_empty())
                .then(|| journeys::Watch::new(network, demand.vehicles.len(), wanted.stretches)),
        }
    }

    /// Looks at the city: `vehicles` by lane, on each from its start, as [`crate::simulation::outcome::VehicleInstant`]s come from
    /// a city. Instants between two whole seconds are passed over.
    pub fn look(&mut self, time: SimTime, vehicles: &[VehicleInstant]) {
        if time.as_milliseconds() % 1000 != 0 {
            return;
        }
        let counts = time >= self.from;
        if let Some(queues) = &mut self.queues {
            queues.look(vehicles, counts);
        }
        if let Some(headways) = &mut self.headways {
            headways.look(time, vehicles, counts);
        }
        if let Some(safety) = &mut self.safety
            && counts
        {
            safety.look(vehicles);
        }
        if let Some(crossings) = &mut self.crossings {
            crossings.look(&self.network, time, vehicles, counts);
        }
        if let Some(noise) = &mut self.noise
            && counts
        {
            noise.look(vehicles);
        }
        if let Some(air) = &mut self.air
            && counts
        {
            air.look(time, vehicles);
        }
        if let Some(journeys) = &mut self.journeys {
            journeys.look(time, vehicles);
        }
    }

    /// What was seen.
    pub fn finish(self) -> Observed {
        Observed {
            queues: self.queues.map(queues::Watch::finish),
            headways: self.headways.map(headways::Watch::finish),
            safety: self.safety.map(pursuit::Watch::finish),
            crossings: self.crossings.map(crossing::Watch::finish),
            noise: self.noise.map(passing::Watch::finish),
            air: self.air.map(|air| air.finish(&self.network)),
            journeys: self.journeys.map(journeys::Watch::finish).unwrap_or_default(),
        }
    }
}

/// The vehicles of one lane after the other: those that stand side by side in the list and are on the same lane.
fn by_lane(vehicles: &[VehicleInstant]) -> impl Iterator<Item = &[VehicleInstant]> {
    vehicles.chunk_by(|one, next| one.lane == next.lane)
}
