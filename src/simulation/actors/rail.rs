//! Signals that trains operate, as actors: block signals, which let one train at a time into a block, and level crossings,
//! which close a road while a train is near.
//!
//! Both look at who has announced itself and at the tracks. How long before a train a crossing closes, and how long after it
//! it opens, follows SUMO's rule for level crossings; a block is given to the nearest train that asks for it once it is free,
//! and is its own until it has entered. What they do not know: timetables, priorities between trains, and sidings.

use bevy_ecs::prelude::*;

use super::{Action, Actions, Directory, Identity, Percept};
use crate::city::network::{Aspect, Network, Signal, SignalControl};
use crate::primitives::ids::LinkId;
use crate::primitives::{SimDuration, SimTime};
use crate::simulation::traffic::facts::NONE;
use crate::simulation::traffic::rail::{Way, block, block_of, is_occupied, overlap};
use crate::simulation::traffic::road::Road;

/// A railway signal.
#[derive(Component, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct BlockSignal {
    heads: Vec<Head>,
}

/// One head of a railway signal.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Head {
    link: u32,
    /// The train that may enter the block.
    granted: Option<u32>,
    green: bool,
}

/// A level crossing.
#[derive(Component, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct LevelCrossing {
    /// Links of the road.
    heads: Vec<u32>,
    /// Links by which trains enter it.
    tracks: Vec<u32>,
    stage: Stage,
    /// When it next looks for trains.
    again: SimTime,
    time_gap: SimDuration,
    closing: SimDuration,
    opening_delay: SimDuration,
    opening: SimDuration,
    green_min: SimDuration,
}

/// What a level crossing is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Stage {
    Open,
    Closing,
    Closed,
    Opening,
}

impl BlockSignal {
    /// The actor of a signal; none for one that trains do not operate.
    pub(crate) fn new(signal: &Signal) -> Option<Self> {
        if signal.programs.last()?.control != SignalControl::Block {
            return None;
        }
        let links = signal.links.iter().flatten();
        Some(Self { heads: links.map(|link| Head { link: link.raw(), granted: None, green: false }).collect() })
    }
}

impl LevelCrossing {
    /// The actor of a signal; none for one that is no level crossing.
    pub(crate) fn new(network: &Network, signal: &Signal, now: SimTime) -> Option<Self> {
        let program = signal.programs.last()?;
        let SignalControl::LevelCrossing { time_gap, opening_delay, green_min } = program.control else { return None };
        let junctions: Vec<_> = signal.links.iter().flatten().map(|&link| network.link(link).junction).collect();
        let is_track = |id: &LinkId| {
            let link = network.link(*id);
            let from = network.lane(link.from);
            link.signal.is_none()
                && !network.edge(from.edge).is_internal()
                && from.allowed.any_on_rail()
                && !from.allowed.any_on_road()
                && junctions.contains(&link.junction)
        };
        let tracks = (0..network.links.len()).map(LinkId::new).filter(is_track).map(LinkId::raw).collect();
        Some(Self {
            heads: signal.links.iter().flatten().map(|link| link.raw()).collect(),
            tracks,
            stage: Stage::Open,
            again: now,
            time_gap,
            closing: program.phases.get(1)?.duration,
            opening_delay,
            opening: program.phases.get(3)?.duration,
            green_min,
        })
    }

    /// What it shows on every head.
    pub(crate) fn show(&self) -> Action {
        let aspect = match self.stage {
            Stage::Open => Aspect::GreenMajor,
            Stage::Closing => Aspect::YellowMinor,
            Stage::Closed => Aspect::Red,
            Stage::Opening => Aspect::RedYellow,
        };
        Action::Show { heads: self.heads.iter().map(|&link| (link, aspect)).collect() }
    }

    /// How much longer it has to be closed for the trains on it and before it; nothing where none is near.
    fn closed_for(&self, road: &Road, now: SimTime) -> SimDuration {
        let mut until = now;
        for &track in &self.tracks {
            for train in road.approaches.at(track) {
                if SimTime::seconds(train.arrival) - self.closing - now < self.time_gap {
                    until = until.max(SimTime::seconds(train.leave) + self.opening_delay);
                }
            }
            let via = road.facts.link(track).via;
            let on_it = via != NONE && !(road.lanes[via as usize].is_empty() && road.tails[via as usize].is_empty());
            if on_it {
                until = until.max(now + SimDuration::seconds(road.dt) + self.opening_delay);
            }
        }
        until - now
    }

    /// Looks for trains; tells whether it shows something else now.
    fn think(&mut self, road: &Road, now: SimTime) -> bool {
        let step = SimDuration::seconds(road.dt);
        let closed_for = self.closed_for(road, now);
        let near = closed_for > SimDuration::ZERO;
        let (stage, lasts) = match self.stage {
            Stage::Open if near => (Stage::Closing, self.closing),
            Stage::Open => (Stage::Open, step),
            Stage::Closing => (Stage::Closed, step.max(closed_for)),
            Stage::Closed | Stage::Opening if near => (Stage::Closed, closed_for),
            Stage::Closed => (Stage::Opening, self.opening),
            Stage::Opening => (Stage::Open, self.green_min),
        };
        let changed = stage != self.stage;
        self.stage = stage;
        self.again = now + lasts.max(step);
        changed
    }
}

/// Level crossings look for trains.
pub(crate) fn guard_crossings(
    percept: Res<'_, Percept>,
    mut crossings: Query<'_, '_, (&Identity, &mut LevelCrossing)>,
    mut actions: ResMut<'_, Actions>,
) {
    let mut changed: Vec<_> = Vec::new();
    for (identity, mut crossing) in &mut crossings {
        if crossing.again <= percept.now && crossing.think(&percept.road, percept.now) {
            changed.push((identity.0, crossing.show()));
        }
    }
    changed.sort_by_key(|(actor, _)| *actor);
    actions.0.extend(changed.into_iter().map(|(_, show)| show));
}

/// Block signals give their blocks to trains, in the order of the signals.
pub(crate) fn set_blocks(
    percept: Res<'_, Percept>,
    directory: Res<'_, Directory>,
    mut signals: Query<'_, '_, (&Identity, &mut BlockSignal)>,
    mut actions: ResMut<'_, Actions>,
) {
    if signals.is_empty() {
        return;
    }
    let road = &percept.road;
    let mut order: Vec<_> = signals.iter().map(|(identity, _)| identity.0).collect();
    order.sort_unstable();
    // Whoever is no longer about to pass its signal has entered, or left otherwise.
    let mut given: Vec<(u32, u32, Vec<u32>)> = Vec::new();
    for (_, mut signal) in &mut signals {
        for head in &mut signal.heads {
            head.granted = head.granted.filter(|&train| nearest(road, head.link) == Some(train));
            let entered = head.granted.and_then(|train| Some((head.link, train, block_of(road, head.link, train)?)));
            given.extend(entered);
        }
    }
    for actor in order {
        let Some(mut signal) = directory.get(actor).and_then(|entity| signals.get_mut(entity).ok()) else {
            continue;
        };
        for head in &mut signal.1.heads {
            let train = nearest(road, head.link);
            let ahead = train.and_then(|train| block_of(road, head.link, train));
            let ahead = ahead.unwrap_or_else(|| block(road, road.facts.link(head.link).after, Way::First));
            let taken = is_occupied(road, &ahead, train)
                || given.iter().any(|(link, other, block)| {
                    *link != head.link && Some(*other) != train && overlap(road, &ahead, block)
                });
            head.granted = train.filter(|_| !taken);
            if let Some(train) = head.granted {
                given.push((head.link, train, ahead));
            }
            if head.green == taken {
                head.green = !taken;
                let aspect = if taken { Aspect::Red } else { Aspect::GreenMajor };
                actions.0.push(Action::Show { heads: vec![(head.link, aspect)] });
            }
        }
    }
}

/// The train nearest to a signal, of those that have announced themselves there.
fn nearest(road: &Road, link: u32) -> Option<u32> {
    let trains = road.approaches.at(link).iter();
    trains.min_by(|a, b| a.distance.total_cmp(&b.distance).then(a.vehicle.cmp(&b.vehicle))).map(|train| train.vehicle)
}
