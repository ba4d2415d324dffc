//! The roads being worked on, in portions: what one thread does after the other, and where the bodies are meanwhile.
//!
//! The bodies of a road are taken out of it, so that its lanes can be changed while everybody may look at all other roads. Does
//! not know why anybody changes.

use crate::simulation::traffic::body::Body;
use crate::simulation::traffic::road::Road;

use super::surroundings::Surroundings;
use super::{Bench, Changes, Work, has_choice};

/// Takes the bodies of every road with several lanes out to be worked on, in portions of about `share` bodies; hands out how
/// many portions.
pub(super) fn take_edges(road: &mut Road, portions: &mut Vec<Portion>, share: usize) -> usize {
    let (mut k, mut taken, mut bodies) = (0, 0, share);
    while k < road.active.len() {
        let lane = road.facts.lane(road.active[k]);
        let (first, lanes) = road.facts.edges[lane.edge as usize];
        while k < road.active.len() && road.active[k] < first + lanes {
            k += 1;
        }
        if !has_choice(road, lane) {
            continue;
        }
        if bodies >= share {
            if portions.len() == taken {
                portions.push(Portion::default());
            }
            portions[taken].clear();
            (taken, bodies) = (taken + 1, 0);
        }
        bodies += portions[taken - 1].take(road, first, lanes);
    }
    taken
}

/// Some of the roads being worked on: one thread works on them one after the other.
#[derive(Debug, Default)]
pub(super) struct Portion {
    edges: Vec<Stretch>,
    /// The bodies of their lanes.
    lanes: Vec<Vec<Body>>,
    pub bench: Bench,
}

/// One of those roads.
#[derive(Debug)]
struct Stretch {
    /// Its first lane.
    first: u32,
    lanes: u32,
    bodies: usize,
    changes: Changes,
}

impl Portion {
    fn clear(&mut self) {
        self.edges.clear();
        self.lanes.clear();
        self.bench.elsewhere.clear();
    }

    /// Takes the bodies of one road; hands out how many.
    fn take(&mut self, road: &mut Road, first: u32, lanes: u32) -> usize {
        let taken = self.lanes.len();
        self.lanes.extend(road.lanes[first as usize..(first + lanes) as usize].iter_mut().map(std::mem::take));
        let bodies = self.lanes[taken..].iter().map(Vec::len).sum();
        self.edges.push(Stretch { first, lanes, bodies, changes: Changes::default() });
        bodies
    }

    /// Lets everybody on its roads decide.
    pub(super) fn run(&mut self, road: &Road, around: &Surroundings) {
        let mut rest = self.lanes.as_mut_slice();
        for edge in &mut self.edges {
            let (lanes, others) = rest.split_at_mut(edge.lanes as usize);
            rest = others;
            let mut work =
                Work { road, around, first: edge.first, lanes, bench: &mut self.bench, changes: Changes::default() };
            work.run(edge.bodies);
            edge.changes = work.changes;
        }
    }

    /// Gives the bodies back.
    pub(super) fn put_back(&mut self, road: &mut Road) -> Changes {
        let mut changes = Changes::default();
        let mut lanes = self.lanes.drain(..);
        for edge in &self.edges {
            let own = &mut road.lanes[edge.first as usize..(edge.first + edge.lanes) as usize];
            own.iter_mut().zip(&mut lanes).for_each(|(lane, bodies)| *lane = bodies);
            changes.add(edge.changes);
            if !edge.changes.any {
                continue;
            }
            for lane in edge.first..edge.first + edge.lanes {
                if let Some(last) = road.lanes[lane as usize].pop() {
                    // By the front door, so that the lane is known to have vehicles.
                    road.insert(lane, last);
                }
            }
        }
        changes
    }
}
