//! What every device may see of a step: where each vehicle is, who has appeared, what was emitted on each road.
//!
//! One walk over the bodies a step serves all devices. Part of the world, not of a device: it holds no error.

use bevy_ecs::prelude::*;

use super::exhaust::{Emitted, Exhaust};
use super::{Percept, Watch};
use crate::primitives::SimTime;
use crate::simulation::traffic::body::Body;
use crate::simulation::traffic::facts::NONE;
use crate::telemetry::field::Text;

/// What devices know of a vehicle type.
#[derive(Debug, Clone)]
pub(crate) struct KindTraits {
    /// Name of its class.
    pub class: Text,
    /// Which of a camera's classes it belongs to.
    pub camera_class: usize,
    /// Whether a loop may take it for two.
    pub long: bool,
    /// Whether it parks in a bay.
    pub parks: bool,
    /// What it emits.
    pub exhaust: Exhaust,
}

/// Where a vehicle is on the road: lane and place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Whereabouts {
    pub lane: u32,
    pub slot: u32,
    /// The step it was seen in.
    seen: u32,
}

/// Where a vehicle parked at the end of its trip.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct ParkedAt {
    pub lane: u32,
    pub pos: f64,
    pub since: SimTime,
}

/// A vehicle that has just appeared on the road.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Appeared {
    pub vehicle: u32,
    pub kind: u32,
    pub lane: u32,
    pub pos: f64,
}

/// What there is to see.
#[derive(Resource, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Scene {
    /// Vehicle types, by their number; shared with every fork, and not in a saved state.
    #[serde(skip)]
    pub kinds: std::sync::Arc<Vec<KindTraits>>,
    /// By vehicle.
    whereabouts: Vec<Whereabouts>,
    /// Where each vehicle parked, once it has.
    parked: Vec<Option<ParkedAt>>,
    /// Who appeared in this step, in lane order.
    pub appeared: Vec<Appeared>,
    /// What was emitted on each edge since the beginning [g].
    pub emitted: Vec<Emitted>,
    /// Whether anybody measures the air.
    pub measures_air: bool,
    step: u32,
}

impl Scene {
    /// The scene before the first step.
    pub(crate) fn new(kinds: Vec<KindTraits>, vehicles: usize, edges: usize, measures_air: bool) -> Self {
        Self {
            kinds: std::sync::Arc::new(kinds),
            whereabouts: vec![Whereabouts { lane: NONE, slot: 0, seen: 0 }; vehicles],
            parked: vec![None; vehicles],
            appeared: Vec::new(),
            emitted: vec![Emitted::default(); edges],
            measures_air,
            step: 0,
        }
    }

    /// Takes over what is known of vehicle types from a scene of the same city.
    pub(crate) fn share(&mut self, like: &Self) {
        self.kinds = std::sync::Arc::clone(&like.kinds);
    }

    /// Whether its columns are as long as those of a scene of the same city.
    pub(crate) fn fits(&self, like: &Self) -> bool {
        self.whereabouts.len() == like.whereabouts.len()
            && self.parked.len() == like.parked.len()
            && self.emitted.len() == like.emitted.len()
    }

    /// Where a vehicle is; none while it is not on the road.
    pub(crate) fn find(&self, vehicle: u32) -> Option<Whereabouts> {
        self.whereabouts.get(vehicle as usize).copied().filter(|at| at.seen == self.step && at.lane != NONE)
    }

    /// Where a vehicle parked, once it has arrived.
    pub(crate) fn parked(&self, vehicle: u32) -> Option<ParkedAt> {
        self.parked.get(vehicle as usize).copied().flatten()
    }
}

/// Looks over the road as the step left it.
pub(crate) fn observe(percept: Res<'_, Percept>, watch: Res<'_, Watch>, mut scene: ResMut<'_, Scene>) {
    let (road, dt, scene) = (&percept.road, percept.road.dt, &mut *scene);
    scene.step += 1;
    scene.appeared.clear();
    for one in &percept.parked {
        scene.parked[one.vehicle as usize] = Some(ParkedAt { lane: one.lane, pos: one.pos, since: watch.now });
    }
    for &lane in &road.active {
        let edge = road.facts.lane(lane).edge as usize;
        let mut sum = Emitted::default();
        // What blocks a lane is no vehicle.
        let bodies = (0_u32..).zip(&road.lanes[lane as usize]).filter(|(_, body)| !road.is_block(body));
        for (slot, body) in bodies {
            let at = &mut scene.whereabouts[body.id as usize];
            // Ambulances come and go from their stations all day, and tell of themselves by the control room.
            if at.lane == NONE && !road.is_on_call(body.id) {
                let Body { id: vehicle, kind, pos, .. } = *body;
                scene.appeared.push(Appeared { vehicle, kind, lane, pos });
            }
            *at = Whereabouts { lane, slot, seen: scene.step };
            if scene.measures_air {
                sum.add(scene.kinds[body.kind as usize].exhaust.emit(body.speed, body.accel, dt));
            }
        }
        scene.emitted[edge].add(sum);
    }
}
