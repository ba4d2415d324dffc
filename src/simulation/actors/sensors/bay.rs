//! Parking bays: who stands in them, and the sensors that notice or do not.
//!
//! The kerb is part of the world: arriving vehicles take the nearest free bay, departing ones free the nearest taken one, and
//! vehicles nobody simulates come and go. The sensors are actors: they report every change they notice at once, and a heartbeat
//! every so often, over a radio that loses messages.

use std::collections::BTreeSet;

use bevy_ecs::prelude::*;

use super::earth::Geometry;
use super::scene::Scene;
use super::{Alarm, BAYS, Device, Directory, Outbox, Percept, Watch, dice, entity, rounded};
use crate::primitives::random::{Purpose, Seed};
use crate::primitives::{Point, SimDuration, SimTime};
use crate::simulation::kernel::ActorId;
use crate::telemetry::error::bay::BaySensor;
use crate::telemetry::error::noise::exponential;
use crate::telemetry::error::radio::Channel;
use crate::telemetry::field::Text;
use crate::telemetry::reading::Parking;
use crate::telemetry::{Emission, Fate, Fault};

/// How far from its destination a driver looks for a bay [m].
const NEAR: f64 = 150.0;
/// Share of drivers who park on the street rather than on a lot of their own.
const ON_STREET: f64 = 0.35;
/// Share of bays taken at the beginning.
pub(crate) const TAKEN: f64 = 0.6;
/// Mean time that vehicles nobody simulates stay, and that a free bay waits for one [s]; together they keep that share.
const STAY: f64 = 3_600.0;
const GAP: f64 = STAY * (1.0 - TAKEN) / TAKEN;

/// A bay beside a road.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Bay {
    #[serde(skip)]
    pub at: Point,
    pub taken: bool,
    /// How often it has changed.
    changes: u64,
}

/// All bays, as they really are.
#[derive(Resource, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Kerb {
    bays: Vec<Bay>,
    /// When somebody nobody simulates comes or goes next.
    turnover: BTreeSet<(SimTime, u32)>,
    due: Vec<SimTime>,
    /// Bays that changed in this step, in order.
    changed: BTreeSet<u32>,
    seed: Seed,
}

impl Kerb {
    /// Bays at these points, taken or not by lot.
    pub(crate) fn new(points: &[Point], seed: Seed, begin: SimTime) -> Self {
        let mut kerb =
            Self { bays: Vec::new(), turnover: BTreeSet::new(), due: Vec::new(), changed: BTreeSet::new(), seed };
        for (index, &at) in (0_u32..).zip(points) {
            let taken = kerb.roll(index, 0).unit() < TAKEN;
            kerb.bays.push(Bay { at, taken, changes: 0 });
            kerb.due.push(begin);
            kerb.plan(index, begin);
        }
        kerb
    }

    /// Takes over where the bays are from the kerb of the same city.
    pub(crate) fn share(&mut self, like: &Self) {
        for (bay, known) in self.bays.iter_mut().zip(&like.bays) {
            bay.at = known.at;
        }
    }

    /// Whether it has as many bays as the kerb of the same city.
    pub(crate) fn fits(&self, like: &Self) -> bool {
        let bays = like.bays.len();
        self.bays.len() == bays
            && self.due.len() == bays
            && self
                .turnover
                .iter()
                .map(|one| one.1)
                .chain(self.changed.iter().copied())
                .all(|bay| (bay as usize) < bays)
    }

    /// Whether a bay is taken.
    pub(crate) fn taken(&self, bay: u32) -> bool {
        self.bays[bay as usize].taken
    }

    fn roll(&self, bay: u32, n: u64) -> crate::primitives::random::KeyedRng {
        dice(self.seed, Purpose::BayTurnover, ActorId::new(BAYS, bay)).roll(n)
    }

    /// Plans the next coming or going of somebody nobody simulates.
    fn plan(&mut self, index: u32, now: SimTime) {
        let bay = self.bays[index as usize];
        let mean = if bay.taken { STAY } else { GAP };
        let wait = exponential(mean, &mut self.roll(index, bay.changes + 1)).max(1.0);
        self.turnover.remove(&(self.due[index as usize], index));
        let due = now + SimDuration::seconds(wait);
        self.due[index as usize] = due;
        self.turnover.insert((due, index));
    }

    fn change(&mut self, index: u32, now: SimTime) {
        let bay = &mut self.bays[index as usize];
        bay.taken = !bay.taken;
        bay.changes += 1;
        self.changed.insert(index);
        self.plan(index, now);
    }

    /// The nearest bay that is taken or not, within a driver's reach.
    fn nearest(&self, at: Point, taken: bool) -> Option<u32> {
        let mut best: Option<(f64, u32)> = None;
        for (index, bay) in (0_u32..).zip(&self.bays) {
            let far = (bay.at - at).norm_squared();
            if bay.taken == taken && far <= NEAR * NEAR && best.is_none_or(|(least, _)| far < least) {
                best = Some((far, index));
            }
        }
        best.map(|(_, index)| index)
    }
}

/// A bay's sensor and its radio.
#[derive(Component, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct BayDevice {
    pub road: Text,
    pub sensor: BaySensor,
    pub channel: Channel,
    /// How many turns it has had.
    pub turns: u64,
}

/// The kerb after a step: who came and who went.
pub(crate) fn perceive(
    percept: Res<'_, Percept>,
    watch: Res<'_, Watch>,
    scene: Res<'_, Scene>,
    geometry: Res<'_, Geometry>,
    mut kerb: ResMut<'_, Kerb>,
) {
    let kerb = &mut *kerb;
    kerb.changed.clear();
    if kerb.bays.is_empty() {
        return;
    }
    while let Some(&(due, index)) = kerb.turnover.first()
        && due <= watch.now
    {
        kerb.change(index, watch.now);
    }
    let on_street = |vehicle: u32, kind: u32| {
        let die = watch.seed.stream(Purpose::BayTurnover, u64::from(vehicle), u64::MAX).unit();
        die < ON_STREET && scene.kinds[kind as usize].parks
    };
    for one in scene.appeared.iter().filter(|one| on_street(one.vehicle, one.kind)) {
        if let Some(bay) = kerb.nearest(geometry.point(one.lane, one.pos), true) {
            kerb.change(bay, watch.now);
        }
    }
    for one in percept.parked.iter().filter(|one| on_street(one.vehicle, one.kind)) {
        let edge = percept.road.facts.lane(one.lane).edge;
        if !geometry.leaves[edge as usize]
            && let Some(bay) = kerb.nearest(geometry.point(one.lane, one.pos), false)
        {
            kerb.change(bay, watch.now);
        }
    }
}

/// Bays with something to tell, and those whose heartbeat is due, report.
pub(crate) fn report(
    watch: Res<'_, Watch>,
    kerb: Res<'_, Kerb>,
    directory: Res<'_, Directory>,
    mut alarm: ResMut<'_, Alarm>,
    mut outbox: ResMut<'_, Outbox>,
    mut bays: Query<'_, '_, (&mut Device, &mut BayDevice)>,
) {
    let beating = alarm.woken(BAYS);
    // A vehicle that came may be heard in the bays on both sides.
    let came = kerb.changed.iter().copied().filter(|&bay| kerb.taken(bay));
    let heard: BTreeSet<u32> = came.flat_map(|bay| [bay.wrapping_sub(1), bay.wrapping_add(1)]).collect();
    let turns: BTreeSet<u32> =
        kerb.changed.iter().chain(&heard).copied().chain(beating.iter().map(|actor| actor.index())).collect();
    for index in turns {
        let actor = ActorId::new(BAYS, index);
        let Some((mut device, mut bay)) = entity(&directory, actor).and_then(|e| bays.get_mut(e).ok()) else {
            continue;
        };
        let taken = kerb.taken(index);
        let mut rng = watch.dice(Purpose::BayError, actor).roll(bay.turns);
        bay.turns += 1;
        let beats = beating.binary_search(&actor).is_ok();
        let mut tells = beats;
        if kerb.changed.contains(&index) {
            tells |= bay.sensor.event(taken, &mut rng);
        } else if heard.contains(&index) {
            tells |= bay.sensor.neighbour_came(&mut rng);
        }
        if beats {
            bay.sensor.heartbeat(taken, &mut rng);
            alarm.timers.set(watch.now + device.every, actor);
        }
        if tells {
            outbox.post(tell(&watch, actor, &mut device, &mut bay, taken));
        }
    }
}

fn tell(watch: &Watch, actor: ActorId, device: &mut Device, bay: &mut BayDevice, taken: bool) -> Emission {
    bay.sensor.spend();
    let mut radio = watch.dice(Purpose::RadioLoss, actor).roll(device.sequence);
    let fate = bay.channel.send(watch.now.as_seconds(), &mut radio);
    let reading = |occupied: bool| Parking {
        road_id: Text::clone(&bay.road),
        latitude: device.lon_lat.1,
        longitude: device.lon_lat.0,
        occupied,
        battery_v: rounded(bay.sensor.battery(), 3),
    };
    let (said, truth) = (reading(bay.sensor.believed()), reading(taken));
    let fault: Option<Fault> = bay.sensor.fault(taken);
    device.emit(watch.timestamp(), said, truth, fault, if fate == Fate::Lost { Fate::Lost } else { Fate::Sent })
}
