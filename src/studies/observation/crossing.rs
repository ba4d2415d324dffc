//! How soon after one vehicle another comes where their paths cross: post-encroachment time.
//!
//! It runs from the moment at which the rear of the first leaves the area that both paths share to the moment at which the front of the
//! second enters it (Allen, Shin and Cooper 1978, "Analysis of traffic conflicts and collisions", Transportation Research Record 667, 67).
//! Areas are those of the network (`city/network/assembly/conflicts.rs`); paths that merge or part are left out, as are vehicles with siren
//! and on rails. Who leaves an area is paired with the next who enters it on the other path, and with nobody else. Vehicles are shown
//! once a second; between two seconds they are taken to move evenly, so moments are off by some tenths of a second. Who enters before
//! the other has left is told as zero.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::city::demand::Demand;
use crate::city::network::{Conflict, Network};
use crate::primitives::ids::{JunctionId, LaneId};
use crate::primitives::{SimTime, VehicleClass};
use crate::simulation::outcome::VehicleInstant;

/// The thresholds [s], those of the time to collision.
const CRITICAL: f64 = 1.5;
const SHORT: f64 = 3.0;
/// Lanes that a vehicle may pass in a second.
const LANES_MAX: usize = 8;
/// No conflict.
const NONE: u32 = u32::MAX;

/// How often vehicles came close where paths cross.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Crossings {
    /// How long was watched [s].
    pub seconds: u32,
    /// Pairs with a post-encroachment time below 1.5 s.
    pub critical: u32,
    /// Pairs with one below 3 s, the critical ones included.
    pub short: u32,
    /// The same by junction, critical and short, in the order of the network; those without a pair are not there.
    pub junctions: BTreeMap<JunctionId, (u32, u32)>,
}

/// An area in which a vehicle is.
#[derive(Debug, Clone, Copy)]
struct Inside {
    /// The conflict of its path.
    conflict: u32,
    /// How far its front has to go until its rear is out [m].
    left: f64,
}

/// Somebody enters or leaves an area.
#[derive(Debug, Clone, Copy)]
struct Event {
    time: f64,
    conflict: u32,
    enters: bool,
}

/// A stretch of a lane that was driven within a second.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    lane: LaneId,
    from: f64,
    to: f64,
}

#[derive(Debug)]
pub(super) struct Watch {
    conflicts: Arc<[Conflict]>,
    /// By conflict, that of the other path in the same area; none where paths do not cross.
    twins: Vec<u32>,
    /// By conflict, how many are inside, and when somebody left it for whom nobody has come since [s].
    areas: Vec<(u32, Option<f64>)>,
    /// Length of a vehicle, by its row [m], and whether it counts.
    lengths: Vec<f64>,
    counts: Vec<bool>,
    /// When and where a vehicle was seen last, by its row.
    last: Vec<Option<(SimTime, LaneId, f64)>>,
    inside: BTreeMap<usize, Vec<Inside>>,
    events: Vec<Event>,
    seen: Crossings,
}

/// Whether two paths cross and go on.
const fn crosses(conflict: &Conflict) -> bool {
    !conflict.merges && !conflict.diverges
}

impl Watch {
    pub(super) fn new(network: &Network, demand: &Demand) -> Self {
        let mut twins = vec![NONE; network.conflicts.len()];
        for (lane, own) in network.lanes.iter().enumerate() {
            for at in own.conflicts.clone() {
                let conflict = &network.conflicts[at as usize];
                let others = network.lane(conflict.foe()).conflicts.clone();
                let is_twin = |other: &u32| {
                    let other = &network.conflicts[*other as usize];
                    other.foe_lane as usize == lane && crosses(other)
                };
                if crosses(conflict) {
                    twins[at as usize] = others.into_iter().find(is_twin).unwrap_or(NONE);
                }
            }
        }
        let counts = |kind| {
            let class = demand.kind(kind).class;
            class != VehicleClass::Emergency && !class.is_rail()
        };
        Self {
            conflicts: Arc::clone(&network.conflicts),
            areas: vec![(0, None); twins.len()],
            twins,
            lengths: super::headways::lengths(demand),
            counts: demand.vehicles.iter().map(|vehicle| counts(vehicle.kind)).collect(),
            last: vec![None; demand.vehicles.len()],
            inside: BTreeMap::new(),
            events: Vec::new(),
            seen: Crossings::default(),
        }
    }

    pub(super) fn look(&mut self, network: &Network, time: SimTime, vehicles: &[VehicleInstant], counts: bool) {
        for one in vehicles {
            let row = one.vehicle.index();
            let Some(last) = self.last.get_mut(row).filter(|_| self.counts[row]) else { continue };
            let before = last.replace((time, one.lane, one.position));
            let Some((since, lane, position)) = before else { continue };
            let at_junction = self.inside.contains_key(&row) || lane != one.lane || !is_path_free(network, one.lane);
            // Who was away for longer than a second has come back elsewhere.
            let driven = if at_junction && (time - since).as_milliseconds() == 1000 {
                driven(network, (lane, position), (one.lane, one.position))
            } else {
                Vec::new()
            };
            if driven.is_empty() {
                self.forget(row);
            } else {
                self.advance(network, row, since.as_seconds(), &driven);
            }
        }
        self.leave_the_vanished(time);
        let mut events = std::mem::take(&mut self.events);
        // Who leaves at the moment another enters has left.
        events
            .sort_by(|a, b| a.time.total_cmp(&b.time).then(a.enters.cmp(&b.enters)).then(a.conflict.cmp(&b.conflict)));
        for event in events.drain(..) {
            self.happen(network, event, counts);
        }
        self.events = events;
        self.seen.seconds += u32::from(counts);
    }

    /// Moves a vehicle along what it drove from `since` [s] on.
    fn advance(&mut self, network: &Network, row: usize, since: f64, driven: &[Stretch]) {
        let total: f64 = driven.iter().map(|stretch| stretch.to - stretch.from).sum();
        if total <= 0.0 {
            return;
        }
        let moment = |distance: f64| since + distance / total;
        let mut inside = self.inside.remove(&row).unwrap_or_default();
        for area in &mut inside {
            if area.left <= total {
                self.events.push(Event { time: moment(area.left), conflict: area.conflict, enters: false });
            }
            area.left -= total;
        }
        let mut before = 0.0;
        for stretch in driven {
            let lane = network.lane(stretch.lane);
            for at in lane.conflicts.clone().filter(|at| self.twins[*at as usize] != NONE) {
                let conflict = &self.conflicts[at as usize];
                let start = conflict.start.clamp(0.0, (lane.length.as_metres() - 1e-6).max(0.0));
                if stretch.from > start || start >= stretch.to {
                    continue;
                }
                let entered = before + start - stretch.from;
                let rear = entered + (conflict.start + conflict.size - start).max(0.0) + self.lengths[row];
                self.events.push(Event { time: moment(entered), conflict: at, enters: true });
                if rear <= total {
                    self.events.push(Event { time: moment(rear), conflict: at, enters: false });
                } else {
                    inside.push(Inside { conflict: at, left: rear - total });
                }
            }
            before += stretch.to - stretch.from;
        }
        inside.retain(|area| area.left > 0.0);
        if !inside.is_empty() {
            self.inside.insert(row, inside);
        }
    }

    /// Frees the areas of a vehicle that did not drive out of them.
    fn forget(&mut self, row: usize) {
        for area in self.inside.remove(&row).into_iter().flatten() {
            let (inside, _) = &mut self.areas[area.conflict as usize];
            *inside = inside.saturating_sub(1);
        }
    }

    fn leave_the_vanished(&mut self, time: SimTime) {
        let gone = |row: &usize| self.last[*row].is_none_or(|(seen, ..)| seen != time);
        let gone: Vec<usize> = self.inside.keys().copied().filter(gone).collect();
        for row in gone {
            self.forget(row);
        }
    }

    fn happen(&mut self, network: &Network, event: Event, counts: bool) {
        let own = event.conflict as usize;
        if !event.enters {
            let (inside, left) = &mut self.areas[own];
            *inside = inside.saturating_sub(1);
            *left = Some(event.time);
            return;
        }
        self.areas[own].0 += 1;
        let (inside, left) = &mut self.areas[self.twins[own] as usize];
        let post = if *inside > 0 { Some(0.0) } else { left.take().map(|left| event.time - left) };
        if let Some(post) = post.filter(|post| counts && *post < SHORT) {
            let critical = u32::from(post < CRITICAL);
            self.seen.critical += critical;
            self.seen.short += 1;
            let at = network.link(self.conflicts[own].entry()).junction;
            let here = self.seen.junctions.entry(at).or_default();
            here.0 += critical;
            here.1 += 1;
        }
    }

    pub(super) fn finish(self) -> Crossings {
        self.seen
    }
}

/// Whether a lane crosses no other path.
fn is_path_free(network: &Network, lane: LaneId) -> bool {
    network.lane(lane).conflicts.is_empty()
}

/// What a vehicle drove from one place to another: the lanes between by the fewest links, from the lane itself or, where it has changed
/// lanes as well, from one beside it. Nothing where no way is found.
fn driven(network: &Network, (from, begin): (LaneId, f64), (to, end): (LaneId, f64)) -> Vec<Stretch> {
    if network.lane(from).edge == network.lane(to).edge {
        return vec![Stretch { lane: to, from: begin, to: end.max(begin) }];
    }
    let beside = network.edge_of(from).lane_ids().filter(|lane| *lane != from);
    let Some(lanes) = std::iter::once(from).chain(beside).find_map(|lane| way(network, lane, to)) else {
        return Vec::new();
    };
    let last = lanes.len() - 1;
    let stretch = |(place, lane): (usize, LaneId)| {
        let length = network.lane(lane).length.as_metres();
        let from = if place == 0 { begin.min(length) } else { 0.0 };
        Stretch { lane, from, to: if place == last { end } else { length } }
    };
    lanes.into_iter().enumerate().map(stretch).collect()
}

/// The lanes from one to another, both included, over the fewest links; first come, first served.
fn way(network: &Network, from: LaneId, to: LaneId) -> Option<Vec<LaneId>> {
    let mut ways = vec![vec![from]];
    for _ in 1..LANES_MAX {
        let mut longer = Vec::new();
        for way in &ways {
            for link in network.lane(*way.last()?).link_ids() {
                let next = network.lane_after(link);
                let mut way = way.clone();
                way.push(next);
                if next == to {
                    return Some(way);
                }
                // Roads so short that one drives over them within a second are few; a way through a long one is none.
                if network.lane(next).length.as_metres() < 40.0 {
                    longer.push(way);
                }
            }
        }
        ways = longer;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{cross, seen, travellers};
    use super::*;

    /// The front of a vehicle on a path of 20 m with what is before and after it, by how far it is from the path's beginning.
    fn at(network: &Network, path: usize, car: usize, metres: f64) -> VehicleInstant {
        let lane = |name: &str| network.find_lane(name).expect(name).index();
        let (before, on, after) = [("west_0", ":J_0_0", "east_0"), ("south_0", ":J_1_0", "north_0")][path];
        if metres < 0.0 {
            seen(car, lane(before), 100.0 + metres, 10.0)
        } else if metres < 20.0 {
            seen(car, lane(on), metres, 10.0)
        } else {
            seen(car, lane(after), metres - 20.0, 10.0)
        }
    }

    /// Two cars of 5 m cross at 10 m/s, the second of them `later` seconds after the first.
    fn crossed(later: f64) -> Crossings {
        let network = cross();
        let mut watch = Watch::new(&network, &travellers(2));
        for second in 0..12 {
            let now = f64::from(second);
            let mut both = [at(&network, 0, 0, 10.0 * now - 25.0), at(&network, 1, 1, 10.0 * (now - later) - 25.0)];
            both.sort_by_key(|one| one.lane);
            watch.look(&network, SimTime::seconds(now), &both, true);
        }
        watch.finish()
    }

    /// The area has the length of a lane's width, w, on both paths. The front of the first enters it at t, and its rear has left it w + 5 m
    /// later; the front of the second enters it `later` seconds after t. So the time between them is `later` - (w + 5) / 10.
    #[test]
    fn time_runs_from_the_rear_of_the_first_to_the_front_of_the_second() {
        let network = cross();
        let conflict = network.conflicts(network.find_lane(":J_0_0").expect("a path"))[0];
        let whole = (conflict.size + 5.0) / 10.0;
        assert!(crosses(&conflict) && conflict.size > 2.0);
        for (post, critical, short) in [(0.2, 1, 1), (1.4, 1, 1), (1.6, 0, 1), (2.9, 0, 1), (3.1, 0, 0)] {
            let found = crossed(whole + post);
            assert_eq!((found.critical, found.short), (critical, short), "{post} s");
            let junctions: Vec<(&str, (u32, u32))> =
                found.junctions.iter().map(|(at, pairs)| (network.junction(*at).name.as_str(), *pairs)).collect();
            assert_eq!(
                (found.seconds, junctions),
                (12, if short > 0 { vec![("J", (critical, short))] } else { Vec::new() })
            );
        }
        // Who enters before the other has left is as close as can be.
        assert_eq!(crossed(whole - 0.3).critical, 1);
        // And the other way round, the second before the first.
        assert_eq!(crossed(-(whole + 2.0)).short, 1);
    }

    #[test]
    fn one_who_leaves_is_met_once_and_sirens_are_not_counted() {
        let network = cross();
        let mut watch = Watch::new(&network, &travellers(3));
        for second in 0..14 {
            let now = f64::from(second);
            let mut all = vec![
                at(&network, 0, 0, 10.0 * now - 25.0),
                at(&network, 1, 1, 10.0 * (now - 1.5) - 25.0),
                at(&network, 1, 2, 10.0 * (now - 3.0) - 25.0),
            ];
            all.sort_by_key(|one| one.lane);
            watch.look(&network, SimTime::seconds(now), &all, true);
        }
        assert_eq!(watch.finish().short, 1, "the third follows the second, and crosses nobody");
        let mut watch = Watch::new(&network, &travellers(2));
        watch.counts[0] = false;
        for second in 0..12 {
            let now = f64::from(second);
            let mut both = [at(&network, 0, 0, 10.0 * now - 25.0), at(&network, 1, 1, 10.0 * (now - 1.5) - 25.0)];
            both.sort_by_key(|one| one.lane);
            watch.look(&network, SimTime::seconds(now), &both, true);
        }
        assert_eq!(watch.finish().short, 0);
    }

    #[test]
    fn what_happened_before_the_measured_time_is_known_and_not_counted() {
        let network = cross();
        let mut watch = Watch::new(&network, &travellers(2));
        for second in 0..12 {
            let now = f64::from(second);
            let mut both = [at(&network, 0, 0, 10.0 * now - 25.0), at(&network, 1, 1, 10.0 * (now - 1.5) - 25.0)];
            both.sort_by_key(|one| one.lane);
            watch.look(&network, SimTime::seconds(now), &both, second > 8);
        }
        assert_eq!(watch.finish(), Crossings { seconds: 3, ..Crossings::default() });
    }
}
