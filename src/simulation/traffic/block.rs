//! Blocks: a stretch of lane closed by an incident, as a body that stands.
//!
//! To everybody else a block is a standing vehicle: they stop before it, change lanes past it, and queue. It is put down only
//! where nobody is: until then the traffic behind its place is flagged down and the traffic on it drives off. Ids of blocks
//! follow those of the demand's vehicles.

use super::body::{Body, Halt, KindFacts};
use super::facts::count;
use super::insertion::fits;
use super::road::Road;
use crate::primitives::VehicleClass;

/// How far behind a block's place drivers are flagged down [m].
const FLAGGED: f64 = 60.0;

/// From how far drivers on other lanes slow down beside a block [m] ...
const LOOKED_AT: f64 = 40.0;
/// ... and to which speed [m/s]: 30 km/h. An assumption; open lanes beside an accident carry about a third less than their
/// share (Highway Capacity Manual 2000, exhibit 22-6).
const LOOKING_SPEED: f64 = 30.0 / 3.6;

/// A block that is wanted now.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Block {
    /// Its id as a body.
    pub id: u32,
    /// Where.
    pub lane: u32,
    /// Its far end [m] from the lane's start.
    pub position: f64,
    /// Whether it stands on the road yet.
    pub stands: bool,
}

impl Road {
    /// Makes room for a block of a length [m] that may be asked for later; hands out its id.
    pub(crate) fn reserve_block(&mut self, lane: u32, length: f64) -> u32 {
        let id = count(self.arrival_position.len());
        self.first_block = self.first_block.min(id);
        self.arrival_position.push(f64::INFINITY);
        self.arrival_speed.push(f64::NAN);
        let kind = KindFacts::block(length);
        self.guides.reserve(&self.facts, id, self.facts.lane(lane).edge, kind.class);
        self.block_kinds.push(count(self.kinds.len()));
        self.kinds.push(kind);
        id
    }

    /// Whether a body is a block and no vehicle.
    pub(crate) fn is_block(&self, body: &Body) -> bool {
        body.id >= self.first_block
    }

    /// Whether room was made for a block of this id.
    pub(crate) fn has_block(&self, id: u32) -> bool {
        id.checked_sub(self.first_block).is_some_and(|place| (place as usize) < self.block_kinds.len())
    }

    /// Wants a block from now on.
    pub(crate) fn block(&mut self, id: u32, lane: u32, position: f64) {
        self.blocks.push(Block { id, lane, position, stands: false });
    }

    /// Takes a block away.
    pub(crate) fn unblock(&mut self, id: u32) {
        if let Some(at) = self.blocks.iter().position(|b| b.id == id) {
            let block = self.blocks.remove(at);
            self.lanes[block.lane as usize].retain(|b| b.id != id);
        }
    }

    /// Blocks that stand on the road.
    pub(crate) fn standing_blocks(&self) -> usize {
        self.blocks.iter().filter(|b| b.stands).count()
    }

    /// Whether a road is closed to a class, by rule or because every lane that it may use is blocked.
    pub(crate) fn is_closed(&self, class: VehicleClass, edge: u32) -> bool {
        self.is_barred(class, edge) || self.is_blocked(class, edge)
    }

    /// Whether every lane of a road that a class may use is blocked.
    fn is_blocked(&self, class: VehicleClass, edge: u32) -> bool {
        let (first, lanes) = self.facts.edges[edge as usize];
        let blocked = |lane: u32| self.blocks.iter().any(|b| b.lane == lane);
        !self.blocks.is_empty()
            && (first..first + lanes).any(blocked)
            && (first..first + lanes).all(|lane| blocked(lane) || !self.facts.lane(lane).allowed.contains(class))
    }

    /// The same for the class of a body.
    pub(crate) fn is_closed_to(&self, body: &Body, edge: u32) -> bool {
        (!self.blocks.is_empty() || self.facts.amended) && self.is_closed(self.kind(body).class, edge)
    }
}

/// Drivers on the lanes beside a block slow down to look, and because others weave.
pub(crate) fn look_at(road: &mut Road) {
    for k in 0..road.blocks.len() {
        let block = road.blocks[k];
        let edge = road.facts.lane(block.lane).edge;
        let (first, lanes) = road.facts.edges[edge as usize];
        for lane in first..first + lanes {
            for body in &mut road.lanes[lane as usize] {
                if (block.position - LOOKED_AT..block.position).contains(&body.pos) && !body.siren {
                    body.lc_speed_max = body.lc_speed_max.min(LOOKING_SPEED);
                }
            }
        }
    }
}

/// Puts down every block whose place is free, and flags down the traffic behind the others; tells whether any was put down.
pub(crate) fn put_down(road: &mut Road) -> bool {
    let mut any = false;
    for k in 0..road.blocks.len() {
        let block = road.blocks[k];
        if block.stands {
            continue;
        }
        let kind = road.block_kinds[(block.id - road.first_block) as usize];
        let mut body = Body::new(block.id, kind, road.guides.of_vehicle(block.id), 1.0);
        body.halt = Halt::Standing;
        body.pos = block.position;
        if fits(road, block.lane, &body, block.position, 0.0, true).is_some() {
            road.insert(block.lane, body);
            road.blocks[k].stands = true;
            any = true;
        } else {
            let back = block.position - road.kinds[kind as usize].length;
            flag_down(road, block.lane, back);
        }
    }
    any
}

/// The first driver behind a place who can still stop before it does.
pub(crate) fn flag_down(road: &mut Road, lane: u32, place: f64) {
    let dt = road.dt;
    let found = road.lanes[lane as usize].iter().rposition(|b| {
        let kind = &road.kinds[b.kind as usize];
        let gap = place - b.pos - kind.gap_min;
        (0.0..FLAGGED).contains(&gap) && gap >= super::following::brake_gap(b.speed, kind.decel, kind.tau, dt)
    });
    if let Some(slot) = found {
        let body = &mut road.lanes[lane as usize][slot];
        let kind = &road.kinds[body.kind as usize];
        let speed = kind.stop_speed(body.speed, place - body.pos - kind.gap_min, dt);
        body.lc_speed_max = body.lc_speed_max.min(speed);
    }
}
