//! Movement: every driver plans, announces what it means to do, decides on what everybody announced, and moves.
//!
//! The lanes are cut into portions of about as many bodies each, so that threads share the work evenly, and what a portion works
//! out lies in a few columns of its own. Nothing that comes out depends on where the cuts are. Knows neither rules nor actors:
//! those are in [`super::traffic`] and [`super::actors`].

use std::ops::Range;

use rayon::prelude::*;

use super::traffic::approach::Approach;
use super::traffic::body::Body;
use super::traffic::drive::{LaneStep, Step, drive};
use super::traffic::item::PlanItem;
use super::traffic::plan::plan;
use super::traffic::rescue;
use super::traffic::road::Road;

/// With fewer bodies than this a second thread costs more than it helps.
const WORTH_SHARING: usize = 2000;
/// Portions per thread: enough that threads finish together although bodies differ.
const PORTIONS: usize = 4;

/// What is kept from step to step.
#[derive(Debug, Default)]
pub(crate) struct Movement {
    portions: Vec<Portion>,
    /// How many of them are in use.
    used: usize,
}

/// Some of the lanes with vehicles, and what their drivers mean to do.
#[derive(Debug, Default)]
struct Portion {
    /// Which of the active lanes.
    lanes: Range<usize>,
    /// What the drivers found at the links ahead, in the order of lanes and then of slots.
    items: Vec<PlanItem>,
    /// Where each driver's items end.
    ends: Vec<u32>,
    /// What they announce, with the link.
    announcements: Vec<(u32, Approach)>,
    /// Whether any of them drives with siren.
    loud: bool,
    /// The bodies while they are moved.
    bodies: Vec<Vec<Body>>,
    /// Lanes on which somebody has come to stand at a planned stop.
    stops: Vec<u32>,
    tally: LaneStep,
    moved: u64,
}

/// What happened to all bodies.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    pub tally: LaneStep,
    /// How many bodies moved or stood.
    pub bodies: u64,
    /// Lanes on which somebody has come to stand at a planned stop, ascending.
    pub stops: Vec<u32>,
}

impl Movement {
    /// Plans, announces, decides and moves.
    pub(crate) fn run(&mut self, road: &mut Road, step: &Step, pool: Option<&rayon::ThreadPool>) -> Moves {
        let pool = pool.filter(|_| road.active.len() >= WORTH_SHARING / 2);
        self.cut(road, pool.map_or(1, |pool| PORTIONS * pool.current_num_threads()));
        let portions = &mut self.portions[..self.used];
        {
            let road: &Road = road;
            spread(pool, portions, |portion| portion.plan(road, step));
        }
        if !road.rescue.is_empty() {
            rescue::announce(road, step.now);
        }
        let loud = portions.iter().any(|portion| portion.loud);
        road.approaches.publish(loud, portions.iter().map(|portion| portion.announcements.as_slice()));
        for portion in portions.iter_mut() {
            portion.take(road);
        }
        {
            let road: &Road = road;
            spread(pool, portions, |portion| portion.drive(road, step));
        }
        let mut moves = Moves::default();
        for portion in portions.iter_mut() {
            portion.put_back(road, &mut moves);
        }
        moves
    }

    /// Cuts the active lanes into at most `most` portions of about as many bodies each.
    fn cut(&mut self, road: &Road, most: usize) {
        let lanes = road.active.len();
        let weight = |k: usize| 1 + road.lanes[road.active[k] as usize].len();
        let share = if most > 1 { (0..lanes).map(weight).sum::<usize>().div_ceil(most) } else { usize::MAX };
        let (mut cut, mut from) = (0, 0);
        while from < lanes {
            let mut to = lanes;
            if most > 1 {
                let mut taken = 0;
                to = from;
                while to < lanes && taken < share {
                    taken += weight(to);
                    to += 1;
                }
            }
            if self.portions.len() == cut {
                self.portions.push(Portion::default());
            }
            self.portions[cut].lanes = from..to;
            (cut, from) = (cut + 1, to);
        }
        self.used = cut;
    }
}

impl Portion {
    /// What every driver would do at the links ahead, and what it announces.
    fn plan(&mut self, road: &Road, step: &Step) {
        self.items.clear();
        self.ends.clear();
        self.announcements.clear();
        self.loud = false;
        for &lane in &road.active[self.lanes.clone()] {
            let bodies = &road.lanes[lane as usize];
            for (slot, body) in bodies.iter().enumerate() {
                self.loud |= body.siren;
                let first = self.items.len();
                plan(road, lane, bodies, slot, step, &mut self.items);
                self.ends.push(index(self.items.len()));
                for item in self.items[first..].iter().filter(|item| item.announced) {
                    self.announcements.push((item.link, item.announcement(road, body)));
                }
            }
        }
    }

    /// Takes its bodies off the road.
    fn take(&mut self, road: &mut Road) {
        let Road { active, lanes, .. } = road;
        let taken = active[self.lanes.clone()].iter().map(|&lane| std::mem::take(&mut lanes[lane as usize]));
        self.bodies.extend(taken);
    }

    /// Moves its bodies by their plans.
    fn drive(&mut self, road: &Road, step: &Step) {
        self.tally = LaneStep::default();
        self.moved = 0;
        self.stops.clear();
        let mut ends = self.ends.iter();
        let mut first = 0;
        for (&lane, bodies) in road.active[self.lanes.clone()].iter().zip(&mut self.bodies) {
            self.moved += bodies.len() as u64;
            let stopped = self.tally.stops_reached;
            for (body, &end) in bodies.iter_mut().zip(ends.by_ref()) {
                drive(road, lane, body, &self.items[first..end as usize], step, &mut self.tally);
                first = end as usize;
            }
            if self.tally.stops_reached > stopped {
                self.stops.push(lane);
            }
        }
    }

    /// Puts its bodies back on the road.
    fn put_back(&mut self, road: &mut Road, moves: &mut Moves) {
        let Road { active, lanes, .. } = road;
        for (&lane, bodies) in active[self.lanes.clone()].iter().zip(self.bodies.drain(..)) {
            lanes[lane as usize] = bodies;
        }
        moves.bodies += self.moved;
        moves.tally.emergency_brakings += self.tally.emergency_brakings;
        moves.tally.jumps += self.tally.jumps;
        moves.tally.stops_reached += self.tally.stops_reached;
        moves.stops.extend_from_slice(&self.stops);
    }
}

/// Runs `work` on every portion, over the threads of the pool if there is one.
fn spread(pool: Option<&rayon::ThreadPool>, portions: &mut [Portion], work: impl Fn(&mut Portion) + Sync + Send) {
    match pool {
        Some(pool) => pool.install(|| portions.par_iter_mut().with_max_len(1).for_each(work)),
        None => portions.iter_mut().for_each(work),
    }
}

fn index(n: usize) -> u32 {
    u32::try_from(n).expect("a city's plans number fewer than 2^32")
}
