//! What drivers see of other edges: the hindmost and the foremost vehicle of each lane, and the room taken up on it, as they
//! were when the phase began.
//!
//! Frozen for the phase, so that the edges can be worked on in any order, or at once, with the same result. Does not know why
//! anybody looks.

use rayon::prelude::*;

use crate::simulation::traffic::body::Body;
use crate::simulation::traffic::facts::NONE;
use crate::simulation::traffic::guide::Onward;
use crate::simulation::traffic::road::Road;

use super::gap::{Other, Place};
use super::has_choice;
use super::motive::Driver;

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
}

impl End {
    fn of(body: &Body) -> Self {
        Self {
            id: body.id,
            kind: body.kind,
            pos: body.pos,
            speed: body.speed,
            accel: body.accel,
            factor: body.speed_factor,
            standing: body.is_standing(),
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

/// What is kept of a lane with vehicles.
#[derive(Debug, Clone, Copy)]
enum Seen {
    /// Nothing: on a junction nobody moves in this phase, so whoever asks looks there.
    Nothing,
    /// The room that its vehicles take up [m], of a road with one lane, where nobody moves either.
    Room(f64),
    /// The same and both ends, of a lane that is being worked on.
    Queue { room: f64, hindmost: End, foremost: End, waits: bool },
}

/// The lanes with vehicles as they were when the phase began.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// Of each active lane.
    seen: Vec<Seen>,
    /// By lane that is worked on: its place in `seen`; else [`NONE`].
    place: Vec<u32>,
    /// By road lane: room that its vehicles take up [m].
    room: Vec<f64>,
    filled: Vec<u32>,
}

impl Surroundings {
    /// Looks at all lanes with vehicles, over the threads of the pool if there is one. Hands out how many bodies are on the lanes
    /// to be worked on.
    pub(super) fn look(&mut self, road: &Road, pool: Option<&rayon::ThreadPool>) -> usize {
        self.place.resize(road.lanes.len(), NONE);
        self.room.resize(road.lanes.len(), 0.0);
        for lane in self.filled.drain(..) {
            self.place[lane as usize] = NONE;
            self.room[lane as usize] = 0.0;
        }
        let see = |&lane: &u32| see(road, lane);
        if let Some(pool) = pool {
            pool.install(|| {
                road.active.par_iter().with_min_len(LOOKS_MIN).map(see).collect_into_vec(&mut self.seen);
            });
        } else {
            self.seen.clear();
            self.seen.extend(road.active.iter().map(see));
        }
        let mut bodies = 0;
        for (place, (&lane, seen)) in (0..).zip(road.active.iter().zip(&self.seen)) {
            let room = match *seen {
                Seen::Nothing => continue,
                Seen::Room(room) => room,
                Seen::Queue { room, .. } => {
                    self.place[lane as usize] = place;
                    bodies += road.lanes[lane as usize].len();
                    room
                }
            };
            self.room[lane as usize] = room;
            self.filled.push(lane);
        }
        bodies
    }

    /// The hindmost vehicle of a lane.
    fn hindmost(&self, road: &Road, lane: u32) -> Option<End> {
        if !road.is_occupied(lane) {
            return None;
        }
        match self.seen.get(self.place[lane as usize] as usize) {
            Some(Seen::Queue { hindmost, .. }) => Some(*hindmost),
            _ => road.lanes[lane as usize].first().map(End::of),
        }
    }

    /// The foremost vehicle of a lane, and whether it means to stop before the junction ahead.
    fn foremost(&self, road: &Road, lane: u32) -> Option<(End, bool)> {
        if !road.is_occupied(lane) {
            return None;
        }
        match self.seen.get(self.place[lane as usize] as usize) {
            Some(Seen::Queue { foremost, waits, .. }) => Some((*foremost, *waits)),
            _ => road.lanes[lane as usize].last().map(|body| (End::of(body), road.stops_before_link(body, lane))),
        }
    }

    /// Room that vehicles take up on a lane of a road [m].
    pub(super) fn room(&self, lane: u32) -> f64 {
        self.room[lane as usize]
    }

    /// Room taken up on the lanes behind the end of lane `index` of the driver's road that it leads to without a change [m].
    pub(super) fn room_beyond(&self, way: &Onward<'_>, index: usize) -> f64 {
        way.lanes(index as u32).map(|next| self.room(next)).sum()
    }

    /// The rear end beyond the end of lane `index` of the driver's road, on the way that the lane leads it, within the driver's
    /// reach.
    #[inline]
    pub(super) fn lead_beyond(&self, driver: &Driver<'_>, index: usize) -> Option<Other> {
        let road = driver.edge.road;
        let lane = driver.edge.first + index as u32;
        if road.facts.lane(lane).length - driver.body.pos > driver.reach && !road.tails.has(lane) {
            return None;
        }
        self.lead_on_way(driver, lane)
    }

    fn lead_on_way(&self, driver: &Driver<'_>, mut lane: u32) -> Option<Other> {
        let (road, body, way) = (driver.edge.road, driver.body, &driver.way);
        if let Some(lead) = tail(road, body, lane, 0.0) {
            return Some(lead);
        }
        let mut facts = road.facts.lane(lane);
        let mut seen = facts.length - body.pos;
        let mut later = 0;
        loop {
            if seen > driver.reach && !facts.internal {
                return None;
            }
            let link = if facts.internal { facts.first_link } else { way.row(later, facts.index).link };
            if link == NONE {
                return None;
            }
            let link = road.facts.link(link);
            lane = link.after;
            if link.via == NONE {
                later += 1;
            }
            if road.is_visited(lane) {
                let hindmost = self.hindmost(road, lane).filter(|end| end.id != body.id).map(|end| {
                    let gap = seen + end.pos - road.kinds[end.kind as usize].length - driver.kind.gap_min;
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
            }
            facts = road.facts.lane(lane);
            seen += facts.length;
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
            if let Some((end, waits)) = self.foremost(road, behind) {
                let gap = distance + facts.length - end.pos - road.kinds[end.kind as usize].gap_min;
                if !waits && nearest.is_none_or(|n| gap < n.gap) {
                    *nearest = Some(end.other(gap, Place::Upstream(behind)));
                }
            } else if lanes_left > 1 && (facts.internal || distance + facts.length < FAR_BACK) {
                self.upstream(road, behind, distance + facts.length, lanes_left - 1, nearest);
            }
        }
    }
}

/// What is to be kept of an active lane.
fn see(road: &Road, lane: u32) -> Seen {
    let facts = road.facts.lane(lane);
    if facts.internal {
        return Seen::Nothing;
    }
    let bodies = &road.lanes[lane as usize];
    let room = room_on(road, lane);
    match (bodies.first(), bodies.last()) {
        (Some(hindmost), Some(foremost)) if has_choice(road, facts) => Seen::Queue {
            room,
            hindmost: End::of(hindmost),
            foremost: End::of(foremost),
            waits: road.stops_before_link(foremost, lane),
        },
        _ => Seen::Room(room),
    }
}

/// Room that vehicles take up on a lane that is not being worked on [m].
pub(super) fn room_on(road: &Road, lane: u32) -> f64 {
    road.lanes[lane as usize].iter().map(|body| road.kind(body).room()).sum()
}

/// The tail nearest to a lane's start of those whose fronts are farther on; `before` is the way from the driver to the lane's
/// start plus its position there [m].
#[inline]
fn tail(road: &Road, body: &Body, lane: u32, before: f64) -> Option<Other> {
    if road.tails.has(lane) { tail_among(road, body, lane, before) } else { None }
}

fn tail_among(road: &Road, body: &Body, lane: u32, before: f64) -> Option<Other> {
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
