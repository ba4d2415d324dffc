//! Where the bodies are: every lane's vehicles in driving order, the tails that reach back over lanes, and the rear ends
//! that followers from upstream see.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::city::demand::{Demand, Vehicle};

use super::approach::Approaches;
use super::block::Block;
use super::body::{Body, KindFacts};
use super::facts::{NONE, RoadFacts, count};
use super::following::brake_gap;
use super::grouped::Grouped;
use super::guide::Guides;
use super::heads::Heads;
use super::rescue::Passing;

/// Nearer to a junction than this a driver keeps to the next road of its way [m]: there is no room left to change lanes.
const COMMITTED: f64 = 100.0;

/// The tail of a vehicle whose front is on a lane farther on.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Tail {
    /// Who.
    pub id: u32,
    /// The lane its front is on.
    pub front_lane: u32,
    /// Where its back is on this lane [m]; negative where it reaches back farther.
    pub back: f64,
    /// Its speed [m/s].
    pub speed: f64,
    /// Its type.
    pub kind: u32,
    /// Since when it is standing [s of waiting].
    pub waiting: f64,
    /// Whether it stands at a planned stop.
    pub standing: bool,
    pub entered_junction: f64,
    pub entered_first: f64,
    pub entered_conflict: f64,
}

/// The hindmost vehicle end on a lane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rear {
    /// Who.
    pub id: u32,
    /// Where its back is, from the lane's start [m]; negative where it reaches back onto the lane before.
    pub back: f64,
    /// The lane its back is on.
    pub back_lane: u32,
    /// Its speed [m/s].
    pub speed: f64,
    /// How hard it may brake [m/s²].
    pub decel: f64,
}

/// All bodies on the road and what they show each other.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Road {
    /// The network; shared with every fork, and not in a saved state.
    #[serde(skip)]
    pub facts: Arc<RoadFacts>,
    pub kinds: Vec<KindFacts>,
    pub guides: Guides,
    pub heads: Heads,
    pub approaches: Approaches,
    /// Vehicles of each lane, hindmost first.
    pub lanes: Vec<Vec<Body>>,
    /// Tails on each lane.
    pub tails: Grouped<Tail>,
    /// Tails while they are being looked for, each with its lane.
    found: Vec<(u32, Tail)>,
    /// Lanes with vehicles, ascending.
    pub active: Vec<u32>,
    /// One bit per lane: set wherever there is a vehicle, and for a while where there was one.
    occupied: Vec<u64>,
    /// Where each vehicle arrives on its last edge [m]; infinite for the lane's end.
    pub arrival_position: Vec<f64>,
    /// How fast each vehicle must arrive [m/s]; NaN for "as it comes".
    pub arrival_speed: Vec<f64>,
    /// Length of a step [s].
    pub dt: f64,
    /// Those with siren who are passing others, see [`super::rescue`].
    pub rescue: Vec<Passing>,
    /// Blocks wanted now, see [`super::block`].
    pub blocks: Vec<Block>,
    /// The first id that is a block's; above every vehicle's.
    pub first_block: u32,
    /// The types of the blocks, by id from the first.
    pub block_kinds: Vec<u32>,
    /// The first row of those who set out when they are called.
    pub first_on_call: u32,
    /// The row behind their last.
    pub end_on_call: u32,
}

/// Where a vehicle is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Whereabouts {
    /// The lane its front is on; for somebody on a rescue lane, the one beside it.
    pub lane: u32,
    /// Its front [m] from the lane's start.
    pub pos: f64,
    /// Speed [m/s].
    pub speed: f64,
    /// Which edge of its route it is on, or has just left.
    pub leg: u32,
    /// Its type.
    pub kind: u32,
}

impl Road {
    /// An empty road.
    pub(crate) fn new(facts: RoadFacts, guides: Guides, heads: Heads, demand: &Demand, dt: f64) -> Self {
        let lanes = facts.lanes.len();
        let links = facts.links.len();
        let of = |f: fn(&Vehicle) -> f64| demand.vehicles.iter().map(f).collect::<Vec<_>>();
        Self {
            kinds: demand.kinds.iter().map(KindFacts::new).collect(),
            guides,
            heads,
            approaches: Approaches::new(links),
            lanes: vec![Vec::new(); lanes],
            tails: Grouped::new(lanes),
            found: Vec::new(),
            active: Vec::new(),
            occupied: vec![0; lanes.div_ceil(64)],
            arrival_position: of(|v| {
                v.arrival_position.map_or(f64::INFINITY, crate::primitives::quantity::Distance::as_metres)
            }),
            arrival_speed: of(|v| match v.arrival_speed {
                crate::city::demand::ArrivalSpeed::Current => f64::NAN,
                crate::city::demand::ArrivalSpeed::At(speed) => speed.as_metres_per_second(),
            }),
            facts: Arc::new(facts),
            dt,
            rescue: Vec::new(),
            blocks: Vec::new(),
            first_block: u32::MAX,
            block_kinds: Vec::new(),
            first_on_call: u32::MAX,
            end_on_call: u32::MAX,
        }
    }

    /// Takes over what assembly makes the same way every time from a road of the same city; `rules` lays over it what holds now, where
    /// that is not what holds there.
    pub(crate) fn share(&mut self, like: &Self, rules: Option<impl FnOnce(&mut Self)>) {
        self.facts = Arc::clone(&like.facts);
        let alike = rules.is_none();
        if let Some(lay_over) = rules {
            lay_over(self);
        }
        self.guides.share(&self.facts, &like.guides, alike);
    }

    /// Whether its columns are as long as those of a road of the same city, and every body is of a type and has a guide.
    pub(crate) fn fits(&self, like: &Self) -> bool {
        let lanes = like.facts.lanes.len();
        let known =
            |body: &Body| (body.kind as usize) < self.kinds.len() && (body.id as usize) < self.arrival_speed.len();
        self.lanes.len() == lanes
            && self.tails.fits(&like.tails)
            && self.approaches.fits(&like.approaches)
            && self.guides.fits(&like.guides)
            && self.occupied.len() == like.occupied.len()
            && self.active.iter().all(|&lane| (lane as usize) < lanes)
            && self.heads.states().len() == like.heads.states().len()
            && self.arrival_position.len() == self.arrival_speed.len()
            && self.lanes.iter().flatten().chain(self.rescue.iter().map(|passing| &passing.body)).all(known)
    }

    /// The constants of a vehicle's type.
    #[inline]
    pub(crate) fn kind(&self, body: &Body) -> &KindFacts {
        &self.kinds[body.kind as usize]
    }

    /// The driver's wished speed on a lane [m/s].
    #[inline]
    pub(crate) fn wished_speed(&self, body: &Body, lane: u32) -> f64 {
        (self.facts.lane(lane).speed * body.speed_factor).min(self.kind(body).speed_max)
    }

    /// Whether the front body of a lane means to stop before a junction, and still can; on the junction it no longer can.
    pub(crate) fn stops_before_link(&self, body: &Body, lane: u32) -> bool {
        let facts = self.facts.lane(lane);
        let brakes_in = || brake_gap(body.speed, self.kind(body).decel, 0.0, self.dt);
        !facts.internal && (body.waits_at_link || body.speed < 1.0) && facts.length - body.pos >= brakes_in()
    }

    /// Whether a vehicle is one of those who set out when they are called.
    pub(crate) fn is_on_call(&self, vehicle: u32) -> bool {
        vehicle >= self.first_on_call && vehicle < self.end_on_call
    }

    /// Where a vehicle is; none off the road. Looks at everybody: for the few who ask about themselves.
    pub(crate) fn find(&self, vehicle: u32) -> Option<Whereabouts> {
        let seen = |lane: u32, b: &Body| Whereabouts { lane, pos: b.pos, speed: b.speed, leg: b.leg, kind: b.kind };
        let passing = self.rescue.iter().find(|p| p.body.id == vehicle).map(|p| seen(p.lane, &p.body));
        passing.or_else(|| {
            self.active.iter().find_map(|&lane| {
                self.lanes[lane as usize].iter().find(|b| b.id == vehicle).map(|body| seen(lane, body))
            })
        })
    }

    /// Where those who set out when they are called are, of those who are on the road; by one look at everybody.
    pub(crate) fn those_on_call(&self) -> BTreeMap<u32, Whereabouts> {
        if self.first_on_call == u32::MAX {
            return BTreeMap::new();
        }
        let seen =
            |lane: u32, b: &Body| (b.id, Whereabouts { lane, pos: b.pos, speed: b.speed, leg: b.leg, kind: b.kind });
        let on_lanes = self.active.iter().flat_map(|&lane| self.lanes[lane as usize].iter().map(move |b| (lane, b)));
        let beside = self.rescue.iter().map(|passing| (passing.lane, &passing.body));
        on_lanes.chain(beside).filter(|(_, b)| self.is_on_call(b.id)).map(|(lane, b)| seen(lane, b)).collect()
    }

    /// The body of a vehicle on the road.
    pub(crate) fn body_mut(&mut self, vehicle: u32) -> Option<&mut Body> {
        if let Some(at) = self.rescue.iter().position(|p| p.body.id == vehicle) {
            return Some(&mut self.rescue[at].body);
        }
        let lane = self.find(vehicle)?.lane;
        self.lanes[lane as usize].iter_mut().find(|b| b.id == vehicle)
    }

    /// The edges of its route that a vehicle on the road can no longer avoid: the one it is on and, near a junction or on
    /// it, the next.
    pub(crate) fn committed(&self, vehicle: u32, at: &Whereabouts) -> Vec<u32> {
        let facts = self.facts.lane(at.lane);
        let edges = self.guides.edges(self.guides.of_vehicle(vehicle));
        let leg = at.leg as usize;
        // On a road with one lane every way on begins at its end, so only the braking distance counts.
        let room = if self.facts.edges[facts.edge as usize].1 == 1 {
            let kind = &self.kinds[at.kind as usize];
            brake_gap(at.speed, kind.decel, kind.tau, self.dt) + 5.0
        } else {
            COMMITTED
        };
        let near = facts.internal || facts.length - at.pos < room;
        edges[leg..(leg + 1 + usize::from(near)).min(edges.len())].to_vec()
    }

    /// Puts a vehicle that is on the road on another way; `way` begins with the edge it is on (or has just left) and goes on with
    /// those it is committed to.
    pub(crate) fn divert(&mut self, vehicle: u32, way: Vec<u32>) {
        let Some(at) = self.find(vehicle) else { return };
        let class = self.body_mut(vehicle).map(|b| b.kind).map(|k| self.kinds[k as usize].class);
        let Some(class) = class else { return };
        debug_assert!(way.starts_with(&self.committed(vehicle, &at)), "a way must begin where its vehicle is");
        self.guides.reroute(&self.facts, vehicle, way, class);
        let itinerary = self.guides.of_vehicle(vehicle);
        if let Some(body) = self.body_mut(vehicle) {
            body.itinerary = itinerary;
            body.leg = 0;
        }
    }

    /// Puts a body on a lane at its position.
    pub(crate) fn insert(&mut self, lane: u32, body: Body) {
        let bodies = &mut self.lanes[lane as usize];
        let at = bodies.partition_point(|b| b.pos < body.pos || (b.pos == body.pos && b.id > body.id));
        bodies.insert(at, body);
        self.occupied[lane as usize / 64] |= 1 << (lane % 64);
    }

    /// Lists the lanes with vehicles, ascending.
    pub(crate) fn refresh_active(&mut self) {
        self.active.clear();
        for (word, bits) in self.occupied.iter_mut().enumerate() {
            let mut left = *bits;
            while left != 0 {
                let bit = left.trailing_zeros();
                left &= left - 1;
                let lane = count(word * 64) + bit;
                if self.lanes[lane as usize].is_empty() {
                    *bits &= !(1 << bit);
                } else {
                    self.active.push(lane);
                }
            }
        }
    }

    /// Looks anew for tails that reach back over lane ends.
    pub(crate) fn refresh_tails(&mut self) {
        self.found.clear();
        for &lane in &self.active {
            for body in &self.lanes[lane as usize] {
                let length = self.kinds[body.kind as usize].length;
                if body.pos >= length {
                    break;
                }
                let mut back = body.pos - length;
                for &behind in body.trail() {
                    back += self.facts.lane(behind).length;
                    let tail = Tail {
                        id: body.id,
                        front_lane: lane,
                        back,
                        speed: body.speed,
                        kind: body.kind,
                        waiting: body.waiting,
                        standing: body.is_standing(),
                        entered_junction: body.entered_junction,
                        entered_first: body.entered_first,
                        entered_conflict: body.entered_conflict,
                    };
                    self.found.push((behind, tail));
                    if back >= 0.0 {
                        break;
                    }
                }
            }
        }
        self.tails.refill(std::iter::once(self.found.as_slice()));
    }

    /// Whether there may be a front or a tail on a lane: where not, nobody need look. Cheap, for whoever asks about many lanes.
    #[inline]
    pub(crate) fn is_visited(&self, lane: u32) -> bool {
        self.is_occupied(lane) || self.tails.has(lane)
    }

    /// Whether there may be a front on a lane.
    #[inline]
    pub(crate) fn is_occupied(&self, lane: u32) -> bool {
        self.occupied[lane as usize / 64] & (1 << (lane % 64)) != 0
    }

    /// The hindmost vehicle end on a lane, as seen from upstream.
    pub(crate) fn rear(&self, lane: u32) -> Option<Rear> {
        if !self.is_visited(lane) {
            return None;
        }
        let mut rear = self.lanes[lane as usize].first().map(|body| {
            let kind = self.kind(body);
            let back = body.pos - kind.length;
            Rear { id: body.id, back, back_lane: self.back_lane(body, lane), speed: body.speed, decel: kind.decel }
        });
        if !self.tails.has(lane) {
            return rear;
        }
        for tail in &self.tails[lane as usize] {
            if rear.is_none_or(|r| tail.back < r.back) {
                let back_lane = if tail.back >= 0.0 { lane } else { NONE };
                let decel = self.kinds[tail.kind as usize].decel;
                rear = Some(Rear { id: tail.id, back: tail.back, back_lane, speed: tail.speed, decel });
            }
        }
        rear
    }

    /// The lane a body's back is on.
    fn back_lane(&self, body: &Body, lane: u32) -> u32 {
        let mut back = body.pos - self.kind(body).length;
        if back >= 0.0 {
            return lane;
        }
        for &behind in body.trail() {
            back += self.facts.lane(behind).length;
            if back >= 0.0 {
                return behind;
            }
        }
        body.trail().last().copied().unwrap_or(lane)
    }

    /// The end ahead of the vehicle at `slot` of a lane, on the same lane: the next body or a tail.
    pub(crate) fn leader_on_lane(&self, lane: u32, slot: usize) -> Option<Rear> {
        let bodies = &self.lanes[lane as usize];
        if let Some(ahead) = bodies.get(slot + 1) {
            let kind = self.kind(ahead);
            let back = ahead.pos - kind.length;
            return Some(Rear { id: ahead.id, back, back_lane: lane, speed: ahead.speed, decel: kind.decel });
        }
        if !self.tails.has(lane) {
            return None;
        }
        let own = bodies[slot].id;
        let mut leader: Option<Rear> = None;
        for tail in self.tails[lane as usize].iter().filter(|t| t.id != own) {
            if leader.is_none_or(|l| tail.back < l.back) {
                let decel = self.kinds[tail.kind as usize].decel;
                leader = Some(Rear { id: tail.id, back: tail.back, back_lane: lane, speed: tail.speed, decel });
            }
        }
        leader
    }
}
