//! Lane changing: for the route, to help others, for speed, and back to the kerb side.
//!
//! The hierarchy of motives is Erdmann's (2014, "Lane-changing model in SUMO", LC2013): a strategic change keeps the route
//! possible; a cooperative one clears the way for somebody who needs this lane; a tactical one gains speed; and the duty to keep
//! to the kerb side returns. Vehicles of an edge decide one after the other from the front, each on what those ahead of it
//! have just done, so that no two can take the same gap. Other edges are seen as they were when the phase began: the edges do
//! not depend on each other's decisions, and what is asked of drivers elsewhere is passed on when all have decided.

mod cooperate;
mod gap;
mod motive;
mod portion;
mod ring;
mod surroundings;

use rayon::prelude::*;

use crate::primitives::VehicleClass;

use super::body::Body;
use super::facts::{LaneFacts, NONE};
use super::road::Road;

use cooperate::{Favour, Favours, Needy, Stranded};
use gap::{Blocked, Other, Place};
use motive::{Driver, Mood, Wish};
use portion::{Portion, take_edges};
use surroundings::Surroundings;

/// Bit of [`Body::lc_wants`]: wanted to go right and could not.
const WANTS_RIGHT: u8 = 1;
/// Bit of [`Body::lc_wants`]: wanted to go left and could not.
const WANTS_LEFT: u8 = 2;
/// Bit of [`Body::lc_wants`]: had to.
const WANTS_URGENTLY: u8 = 4;

/// With fewer bodies than this a second thread costs more than it helps.
const WORTH_SHARING: usize = 1500;
/// Portions of the roads per thread: enough that threads finish together although roads differ.
const PORTIONS: usize = 8;

/// Towards the kerb or away from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Right,
    Left,
}

impl Side {
    /// Lane indices grow to the left.
    fn step(self) -> i32 {
        match self {
            Self::Right => -1,
            Self::Left => 1,
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::Right => WANTS_RIGHT,
            Self::Left => WANTS_LEFT,
        }
    }
}

/// Why a driver wants another lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Motive {
    /// It does not.
    None,
    /// It must not: the route would be lost.
    Stay,
    /// The route needs it; soon.
    Urgent,
    /// The route needs it eventually and it costs nothing.
    Early,
    /// Somebody behind the gap needs this place.
    Help,
    /// A roundabout is used better that way.
    Cooperative,
    /// Somebody with siren needs the lane.
    LeaveLane,
    /// It is faster there.
    SpeedGain,
    /// The kerb side is free.
    KeepRight,
}

/// What the phase keeps from step to step so as not to allocate: what is seen of other edges, and the roads being worked on.
#[derive(Debug, Default)]
pub(crate) struct Jams {
    around: Surroundings,
    portions: Vec<Portion>,
}

/// Who has changed lanes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Changes {
    /// Whether anybody has.
    pub any: bool,
    /// Whether anybody has who still reaches back over the start of the lane.
    pub with_tail: bool,
}

impl Changes {
    fn add(&mut self, more: Self) {
        self.any |= more.any;
        self.with_tail |= more.with_tail;
    }
}

/// Lets everybody on roads with several lanes decide, edge by edge.
pub(crate) fn change_lanes(road: &mut Road, jams: &mut Jams, pool: Option<&rayon::ThreadPool>) -> Changes {
    let Jams { around, portions } = jams;
    let pool = pool.filter(|_| road.active.len() >= WORTH_SHARING / 2);
    let bodies = around.look(road, pool);
    let pool = pool.filter(|_| bodies >= WORTH_SHARING);
    let share = pool.map_or(usize::MAX, |pool| bodies.div_ceil(PORTIONS * pool.current_num_threads()));
    let taken = take_edges(road, portions, share);
    let portions = &mut portions[..taken];
    {
        let (road, around): (&Road, &Surroundings) = (road, around);
        match pool {
            Some(pool) => pool.install(|| portions.par_iter_mut().for_each(|portion| portion.run(road, around))),
            None => portions.iter_mut().for_each(|portion| portion.run(road, around)),
        }
    }
    let mut changes = Changes::default();
    for portion in portions.iter_mut() {
        changes.add(portion.put_back(road));
    }
    for favour in portions.iter().flat_map(|portion| &portion.bench.elsewhere) {
        if let Place::Upstream(lane) = favour.place {
            let found = road.lanes[lane as usize].iter().rposition(|b| b.id == favour.id);
            if let Some(slot) = found {
                let mut bodies = std::mem::take(&mut road.lanes[lane as usize]);
                favour.grant(road, &mut bodies[slot]);
                road.lanes[lane as usize] = bodies;
            }
        }
    }
    changes
}

/// Whether there is another lane to change to: off junctions, on a road with several lanes.
fn has_choice(road: &Road, lane: &LaneFacts) -> bool {
    !lane.internal && road.facts.edges[lane.edge as usize].1 > 1
}

/// What is at hand while an edge is worked on.
#[derive(Debug, Default)]
struct Bench {
    /// One for each lane of the edge.
    desks: Vec<Desk>,
    /// Those who have decided, need another lane of the edge and are blocked.
    stranded: Stranded,
    /// Of the driver at its turn.
    notes: Notes,
    /// What is asked of drivers on other edges.
    elsewhere: Vec<Favour>,
}

/// The turn-taking on one lane of an edge.
#[derive(Debug, Clone, Copy)]
struct Desk {
    /// One past the slot of the next to decide; those from here on have decided, and are ahead of whoever is at its turn.
    next: usize,
    /// Where the next to decide is [m]; behind everything if nobody is left.
    front: f64,
    /// Room that those who have decided take up [m].
    ahead: f64,
}

impl Desk {
    /// The desk of a lane on which nobody has decided yet.
    fn new(bodies: &[Body]) -> Self {
        let front = bodies.last().map_or(f64::NEG_INFINITY, |body| body.pos);
        Self { next: bodies.len(), front, ahead: 0.0 }
    }

    /// Sees who is the next to decide.
    #[inline]
    fn look_back(&mut self, bodies: &[Body]) {
        self.front = self.next.checked_sub(1).map_or(f64::NEG_INFINITY, |slot| bodies[slot].pos);
    }
}

/// One edge being worked on.
struct Work<'a> {
    road: &'a Road,
    around: &'a Surroundings,
    /// Its first lane.
    first: u32,
    lanes: &'a mut [Vec<Body>],
    bench: &'a mut Bench,
    changes: Changes,
}

/// An edge as the driver at its turn sees it.
struct Edge<'a> {
    road: &'a Road,
    around: &'a Surroundings,
    first: u32,
    lanes: &'a [Vec<Body>],
    desks: &'a [Desk],
    stranded: &'a Stranded,
}

impl Edge<'_> {
    /// Who is ahead of the driver at its turn on another lane of the edge or beyond its end.
    #[inline]
    fn lead(&self, driver: &Driver<'_>, index: usize) -> Option<Other> {
        self.lead_from(driver, index, self.desks[index].next)
    }

    /// The body at a slot, or who is beyond the lane's end.
    #[inline]
    fn lead_from(&self, driver: &Driver<'_>, index: usize, slot: usize) -> Option<Other> {
        match self.lanes[index].get(slot) {
            Some(b) => {
                let gap = b.pos - self.road.kind(b).length - driver.body.pos - driver.kind.gap_min;
                Some(Other::body(b, Place::Here { index: index as u32, slot: slot as u32 }, gap))
            }
            None => self.around.lead_beyond(driver, index),
        }
    }

    /// Who is behind the driver at its turn on a lane of the edge or before its start.
    fn follow(&self, body: &Body, index: usize) -> Option<Other> {
        let back = body.pos - self.road.kind(body).length;
        match self.desks[index].next.checked_sub(1) {
            Some(slot) => {
                let b = &self.lanes[index][slot];
                let gap = back - b.pos - self.road.kind(b).gap_min;
                Some(Other::body(b, Place::Here { index: index as u32, slot: slot as u32 }, gap))
            }
            None => self.around.follow_upstream(self.road, self.first + index as u32, back),
        }
    }

    /// The lane on one side of another, if drivers of a class may go there.
    #[inline]
    fn neighbour(&self, facts: &LaneFacts, class: VehicleClass, side: Side) -> Option<usize> {
        let (to, may_leave) = match side {
            Side::Right => (facts.right, facts.change_right),
            Side::Left => (facts.left, facts.change_left),
        };
        let open = to != NONE && may_leave.contains(class) && self.road.facts.lane(to).allowed.contains(class);
        open.then(|| (to - self.first) as usize)
    }
}

/// Where somebody is now who was seen at a slot: whoever changes lanes later in the step moves others on.
fn find(lanes: &mut [Vec<Body>], index: usize, slot: usize, id: u32) -> Option<&mut Body> {
    if lanes[index].get(slot).is_some_and(|body| body.id == id) {
        return lanes[index].get_mut(slot);
    }
    lanes.iter_mut().flatten().find(|body| body.id == id)
}

/// What a driver would have others know.
#[derive(Debug, Default)]
struct Notes {
    favours: Favours,
    stranded: Stranded,
}

impl Notes {
    fn is_empty(&self) -> bool {
        self.favours.is_empty() && self.stranded.is_empty()
    }
}

impl Work<'_> {
    /// Lets everybody on the edge decide.
    fn run(&mut self, bodies: usize) {
        let Bench { desks, stranded, .. } = &mut *self.bench;
        stranded.clear();
        desks.clear();
        desks.extend(self.lanes.iter().map(|bodies| Desk::new(bodies)));
        for _ in 0..bodies {
            let index = self.foremost();
            let desk = &mut self.bench.desks[index];
            desk.next -= 1;
            desk.look_back(&self.lanes[index]);
            let slot = desk.next;
            let (lane, room) = self.turn(index, slot);
            self.bench.desks[lane].ahead += room;
        }
    }

    /// The lane with the foremost driver who has not decided.
    fn foremost(&self) -> usize {
        let (mut foremost, mut front) = (0, f64::NEG_INFINITY);
        for (index, desk) in self.bench.desks.iter().enumerate() {
            if desk.front > front {
                (foremost, front) = (index, desk.front);
            }
        }
        foremost
    }

    /// One driver decides, and the change is carried out. Hands out the lane it is on then and the room it takes up there [m].
    fn turn(&mut self, index: usize, slot: usize) -> (usize, f64) {
        let body = &mut self.lanes[index][slot];
        let kind = self.road.kind(body);
        let room = kind.room();
        // What was asked holds for one step; whoever still needs help asks again.
        let asked = std::mem::take(&mut body.lc_asked);
        body.lc_wants = 0;
        if body.is_standing() {
            return (index, room);
        }
        let Bench { desks, stranded, notes, .. } = &mut *self.bench;
        let edge = Edge { road: self.road, around: self.around, first: self.first, lanes: self.lanes, desks, stranded };
        let lane = self.road.facts.lane(self.first + index as u32);
        let (right, left) =
            (edge.neighbour(lane, kind.class, Side::Right), edge.neighbour(lane, kind.class, Side::Left));
        if right.is_none() && left.is_none() {
            return (index, room);
        }
        let mut driver = Driver::new(&edge, index, slot);
        driver.leader = edge.lead_from(&driver, index, slot + 1);
        let mut thought = Thought { mood: Mood::of(driver.body), driver: &driver, asked, urgent_right: false, notes };
        cooperate::let_in(&driver, &mut thought.mood);
        let change = thought.weigh(Side::Right, right).or_else(|| thought.weigh(Side::Left, left));
        let mood = thought.mood;
        if !notes.is_empty() {
            stranded.append(&mut notes.stranded);
            self.pass_on();
        }
        if let Some(to) = change {
            self.carry_out(index, slot, to);
            return (to, room);
        }
        let body = &mut self.lanes[index][slot];
        body.speed_gain = mood.speed_gain;
        body.keep_right = mood.keep_right;
        body.look_ahead_speed = mood.look_ahead;
        body.lc_speed_max = if mood.dont_brake { f64::INFINITY } else { mood.bound };
        body.lc_wants = mood.wants;
        body.lc_pace = mood.pace;
        (index, room)
    }

    /// Passes on what a driver asks of others.
    fn pass_on(&mut self) {
        let Bench { notes, elsewhere, .. } = &mut *self.bench;
        for favour in notes.favours.drain() {
            match favour.place {
                Place::Here { index, slot } => {
                    if let Some(body) = find(self.lanes, index as usize, slot as usize, favour.id) {
                        favour.grant(self.road, body);
                    }
                }
                Place::Upstream(_) => elsewhere.push(favour),
                Place::Elsewhere => {}
            }
        }
    }

    fn carry_out(&mut self, from: usize, slot: usize, to: usize) {
        let mut body = self.lanes[from].remove(slot);
        body.pos = body.pos.min(self.road.facts.lane(self.first + to as u32).length);
        body.speed_gain = 0.0;
        body.keep_right = 0.0;
        body.look_ahead_speed = 0.0;
        body.lc_pace = 0;
        if body.pos >= self.road.kind(&body).length {
            body.trail_len = 0;
        }
        self.changes.with_tail |= body.trail_len > 0;
        let bodies = &mut self.lanes[to];
        let at = bodies.partition_point(|b| b.pos < body.pos || (b.pos == body.pos && b.id > body.id));
        bodies.insert(at, body);
        for lane in [from, to] {
            self.bench.desks[lane].look_back(&self.lanes[lane]);
        }
        self.changes.any = true;
    }
}

/// What goes through a driver's head at its turn.
struct Thought<'a> {
    driver: &'a Driver<'a>,
    mood: Mood,
    /// On which side somebody would like it to go.
    asked: i8,
    /// Whether it has to go right and cannot.
    urgent_right: bool,
    notes: &'a mut Notes,
}

impl Thought<'_> {
    /// Weighs one side, if there is a lane for it; hands that out if the driver goes there.
    fn weigh(&mut self, side: Side, to: Option<usize>) -> Option<usize> {
        let to = to?;
        let Self { driver, mood, notes, .. } = self;
        let wish = driver.wish(to, side, mood, self.asked);
        if matches!(wish.motive, Motive::None | Motive::Stay) {
            return None;
        }
        let follow = driver.edge.follow(driver.body, to);
        let follow = follow.filter(|f| wish.lead.is_none_or(|l| l.id != f.id));
        let blocked = Blocked::between(driver.edge.road, driver.body, wish.lead.as_ref(), follow.as_ref());
        if blocked.is_free() {
            return Some(to);
        }
        hold_out(driver, &wish, follow.as_ref(), blocked, mood, &mut notes.favours);
        let urgent = matches!(wish.motive, Motive::Urgent | Motive::Help);
        if urgent && !(side == Side::Left && self.urgent_right) {
            notes.stranded.note(to, Needy::of(driver, &wish, mood.wants));
        }
        self.urgent_right |= urgent && side == Side::Right;
        None
    }
}

/// What a driver does who wants to change and cannot.
fn hold_out(
    driver: &Driver<'_>,
    wish: &Wish,
    follow: Option<&Other>,
    blocked: Blocked,
    mood: &mut Mood,
    favours: &mut Favours,
) {
    mood.wants |= wish.side.bit();
    match wish.motive {
        Motive::Urgent => {
            mood.wants |= WANTS_URGENTLY;
            cooperate::negotiate(driver, wish, follow, blocked, mood, favours);
            mood.pace = 1;
        }
        Motive::Early => mood.pace = 1,
        Motive::Help | Motive::Cooperative | Motive::LeaveLane => mood.pace = if blocked.by_lead { -1 } else { 1 },
        _ => {}
    }
}
