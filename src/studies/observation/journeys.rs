//! How long vehicles take from the beginning of one road to the end of another, as a survey of travel times would have it.
//!
//! A vehicle is timed from the first second in which it is seen on the first road, having come there from another, to the first in
//! which it is seen beyond the last one. Who sets out on the first road or stays on the last is not timed. Times are those of whole
//! seconds, each up to a second late at both ends, so their mean is not shifted.

use std::collections::BTreeMap;

use crate::city::network::Network;
use crate::primitives::SimTime;
use crate::primitives::ids::EdgeId;
use crate::simulation::outcome::VehicleInstant;

/// A stretch that is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The road at whose beginning it begins.
    pub from: EdgeId,
    /// The road at whose end it ends.
    pub to: EdgeId,
    /// Vehicles that begin it from then on count [s].
    pub begin: SimTime,
    /// And those that begin it before then [s].
    pub end: SimTime,
}

/// Those who drove a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Journeys {
    /// How many.
    pub count: u32,
    /// Their time, summed [s].
    pub seconds: f64,
}

#[derive(Debug)]
pub(super) struct Watch {
    stretches: Vec<Stretch>,
    begins: BTreeMap<EdgeId, Vec<usize>>,
    ends: BTreeMap<EdgeId, Vec<usize>>,
    edge_of: Vec<EdgeId>,
    /// The edge every vehicle was seen on last, by its row.
    last: Vec<Option<EdgeId>>,
    /// Since when a vehicle has been on a stretch.
    under_way: BTreeMap<(usize, usize), SimTime>,
    driven: Vec<Journeys>,
}

impl Watch {
    pub(super) fn new(network: &Network, vehicles: usize, stretches: Vec<Stretch>) -> Self {
        let (mut begins, mut ends): (BTreeMap<EdgeId, Vec<usize>>, BTreeMap<EdgeId, Vec<usize>>) = Default::default();
        for (place, stretch) in stretches.iter().enumerate() {
            begins.entry(stretch.from).or_default().push(place);
            ends.entry(stretch.to).or_default().push(place);
        }
        Self {
            begins,
            ends,
            edge_of: network.lanes.iter().map(|lane| lane.edge).collect(),
            last: vec![None; vehicles],
            under_way: BTreeMap::new(),
            driven: vec![Journeys::default(); stretches.len()],
            stretches,
        }
    }

    pub(super) fn look(&mut self, time: SimTime, vehicles: &[VehicleInstant]) {
        for one in vehicles {
            let row = one.vehicle.index();
            let edge = self.edge_of[one.lane.index()];
            let Some(last) = self.last.get_mut(row) else { continue };
            let Some(before) = last.replace(edge).filter(|before| *before != edge) else { continue };
            for &place in self.ends.get(&before).into_iter().flatten() {
                let Some(since) = self.under_way.remove(&(row, place)) else { continue };
                let Stretch { begin, end, .. } = self.stretches[place];
                if since >= begin && since < end {
                    self.driven[place].count += 1;
                    self.driven[place].seconds += (time - since).as_seconds();
                }
            }
            for &place in self.begins.get(&edge).into_iter().flatten() {
                self.under_way.insert((row, place), time);
            }
        }
    }

    pub(super) fn finish(self) -> Vec<Journeys> {
        self.driven
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{crossing, seen};
    use super::*;

    #[test]
    fn a_stretch_is_timed_from_its_beginning_to_its_end() {
        let network = crossing();
        let road = |name: &str| network.find_edge(name).expect(name);
        let lane = |name: &str| network.find_lane(name).expect(name).index();
        let (west, east, path) = (lane("west_0"), lane("east_0"), lane(":J_0_0"));
        let stretch = |from, to, until: f64| Stretch { from, to, begin: SimTime::ZERO, end: SimTime::seconds(until) };
        let stretches = vec![
            stretch(road("east"), road("east"), 100.0),
            stretch(road("west"), road("east"), 100.0),
            stretch(road("east"), road("east"), 5.0),
        ];
        let mut watch = Watch::new(&network, 2, stretches);
        // From west, where it sets out, over the crossing at 9 s, onto east at 10 s, and off it at 17 s.
        for second in 0..20_u32 {
            let on = match second {
                9 => path,
                10..17 => east,
                _ => west,
            };
            watch.look(SimTime::seconds(f64::from(second)), &[seen(0, on, 1.0, 10.0)]);
        }
        let seven = Journeys { count: 1, seconds: 7.0 };
        assert_eq!(watch.finish(), [seven, Journeys::default(), Journeys::default()]);
    }
}
