//! What drivers see of other edges: the hindmost and the foremost vehicle of each lane, and the room taken up on it, as they
//! were when the phase began.
//!
//! Frozen for the phase, so that the edges can be worked on in any order, or at once, with the same result. Does not know why
//! anybody looks.

use rayon::prelude::*;

use crate::simulation::traffic::body::Body;
use crate::simulation::traffic::facts::{NONE, count};
use crate::simulation::traffic::following::brake_gap;
use crate::simulation::traffic::road::Road;

use super::gap::{Other, Place};

/// How many lanes back somebody coming from behind is looked for.
const LANES_BACK: usize = 4;
/// Lanes that a thread looks at at least before another helps.
const LOOKS_MIN: usize = 128;
/// How far back [m]: farther away nobody in city traffic has to brake for a driver who cuts in.
const FAR_BACK: f64 = 150.0;

/// One end of a lane's queue.
#[derive(Debug, Clone, Copy)]
struct End {
    id: u32,
    kind: u32,
    pos: f64,
    speed: f64,
    accel: f64,
    factor: f64,
    standing: bool,
    /// Whether it means to stop before the junction ahead.
    waits: bool,
}

impl End {
    fn of(road: &Road, body: &Body, lane: u32) -> Self {
        Self {
            id: body.id,
            kind: body.kind,
            pos: body.pos,
            speed: body.speed,
            accel: body.accel,
            factor: body.speed_factor,
            standing: body.is_standing(),
            waits: road.stops_before_link(body, lane),
        }
    }

    fn other(&self, gap: f64, place: Place) -> Other {
        Other {
            place,
            id: self.id,
            gap,
            speed: self.speed,
            kind: self.kind,
            accel: self.accel,
            factor: self.factor,
            standing: self.standing,
        }
    }
}

/// What is to be seen of a lane with vehicles.
#[derive(Debug, Clone, Copy)]
struct Seen {
    hindmost: End,
    foremost: End,
}

/// The lanes with vehicles as they were when the phase began.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// Of each active lane: the room that its vehicles take up [m], and its ends.
    seen: Vec<Option<(f64, Seen)>>,
    /// By lane: its place in `seen`, or [`NONE`].
    place: Vec<u32>,
    /// By lane: room that its vehicles take up [m].
    room: Vec<f64>,
    filled: Vec<u32>,
}

impl Surroundings {
    /// Looks at all lanes with vehicles, over the threads of the pool if there is one.
    pub(super) fn look(&mut self, road: &Road, pool: Option<&rayon::ThreadPool>) {
        self.place.resize(road.lanes.len(), NONE);
        self.room.resize(road.lanes.len(), 0.0);
        for lane in self.filled.drain(..) {
            self.place[lane as usize] = NONE;
            self.room[lane as usize] = 0.0;
        }
        let see = |&lane: &u32| {
            let bodies = &road.lanes[lane as usize];
            let room = bodies.iter().map(|b| road.kind(b).room()).sum();
            let (hindmost, foremost) = (bodies.first()?, bodies.last()?);
            let seen = Seen { hindmost: End::of(road, hindmost, lane), foremost: End::of(road, foremost, lane) };
            Some((room, seen))
        };
        if let Some(pool) = pool {
            pool.install(|| {
                road.active.par_iter().with_min_len(LOOKS_MIN).map(see).collect_into_vec(&mut self.seen);
            });
        } else {
            self.seen.clear();
            self.seen.extend(road.active.iter().map(see));
        }
        self.filled.extend_from_slice(&road.active);
        for (place, (&lane, seen)) in (0..).zip(road.active.iter().zip(&self.seen)) {
            if let Some((room, _)) = seen {
                self.place[lane as usize] = place;
                self.room[lane as usize] = *room;
            }
        }
    }

    fn lane(&self, lane: u32) -> Option<&Seen> {
        self.seen.get(self.place[lane as usize] as usize)?.as_ref().map(|(_, seen)| seen)
    }

    /// Room that vehicles take up on a lane [m].
    pub(super) fn room(&self, lane: u32) -> f64 {
        self.room[lane as usize]
    }

    /// Room taken up on the lanes behind the end of lane `index` of the driver's road that it leads to without a change [m].
    pub(super) fn room_beyond(&self, road: &Road, body: &Body, index: usize) -> f64 {
        road.guides.way(body.itinerary, body.leg, count(index)).map(|next| self.room(next)).sum()
    }

    /// The rear end beyond the end of a lane, on the way that the lane leads the driver, within its braking distance.
    pub(super) fn lead_beyond(&self, road: &Road, body: &Body, lane: u32) -> Option<Other> {
        let kind = road.kind(body);
        if let Some(lead) = tail(road, body, lane, 0.0) {
            return Some(lead);
        }
        let reach = brake_gap(body.speed, kind.decel, kind.tau, road.dt) + kind.gap_min;
        let mut seen = road.facts.lane(lane).length - body.pos;
        let (mut leg, mut lane) = (body.leg, lane);
        loop {
            let facts = road.facts.lane(lane);
            if seen > reach && !facts.internal {
                return None;
            }
            let link =
                if facts.internal { facts.first_link } else { road.guides.row(body.itinerary, leg, facts.index).link };
            if link == NONE {
                return None;
            }
            let link = road.facts.link(link);
            lane = link.after;
            if link.via == NONE {
                leg += 1;
            }
            let hindmost = self.lane(lane).map(|s| &s.hindmost).filter(|end| end.id != body.id).map(|end| {
                let gap = seen + end.pos - road.kinds[end.kind as usize].length - kind.gap_min;
                end.other(gap, Place::Elsewhere)
            });
            let tail = tail(road, body, lane, seen + body.pos);
            let lead = match (hindmost, tail) {
                (Some(a), Some(b)) => Some(if b.gap < a.gap { b } else { a }),
                (a, b) => a.or(b),
            };
            if lead.is_some() {
                return lead;
            }
            seen += road.facts.lane(lane).length;
        }
    }

    /// The nearest front on the lanes that lead into this one; `back` is the driver's rear end on it [m].
    pub(super) fn follow_upstream(&self, road: &Road, lane: u32, back: f64) -> Option<Other> {
        let mut nearest = None;
        self.upstream(road, lane, back, LANES_BACK, &mut nearest);
        nearest
    }

    fn upstream(&self, road: &Road, lane: u32, distance: f64, lanes_left: usize, nearest: &mut Option<Other>) {
        for &behind in road.facts.feeders(lane) {
            let facts = road.facts.lane(behind);
            if let Some(seen) = self.lane(behind) {
                let end = &seen.foremost;
                let gap = distance + facts.length - end.pos - road.kinds[end.kind as usize].gap_min;
                if !end.waits && nearest.is_none_or(|n| gap < n.gap) {
                    *nearest = Some(end.other(gap, Place::Upstream(behind)));
                }
            } else if lanes_left > 1 && (facts.internal || distance + facts.length < FAR_BACK) {
                self.upstream(road, behind, distance + facts.length, lanes_left - 1, nearest);
            }
        }
    }
}

/// The tail nearest to a lane's start of those whose fronts are farther on; `before` is the way from the driver to the lane's
/// start plus its position there [m].
fn tail(road: &Road, body: &Body, lane: u32, before: f64) -> Option<Other> {
    let tail = road.tails[lane as usize].iter().filter(|t| t.id != body.id).min_by(|a, b| a.back.total_cmp(&b.back))?;
    Some(Other {
        place: Place::Elsewhere,
        id: tail.id,
        gap: before + tail.back - body.pos - road.kind(body).gap_min,
        speed: tail.speed,
        kind: tail.kind,
        accel: 0.0,
        factor: 1.0,
        standing: tail.standing,
    })
}
