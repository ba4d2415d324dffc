//! Rules of the road that change while traffic runs: limits, and who may use a lane.
//!
//! Whoever is on a road when it is closed, or can no longer avoid it, drives on; so does whoever has no other way, for it has business
//! there. Such a driver's guide is *exempt*: to it a road that nobody of its class may use is open. A lane closed beside an open one is
//! left as soon as there is a gap.

use std::sync::Arc;

use super::facts::{NONE, RoadFacts};
use super::road::Road;
use crate::city::network::rules::LaneRule;
use crate::primitives::VehicleClass;

impl RoadFacts {
    /// Lays other rules over those the lanes have.
    pub(crate) fn set_rules(&mut self, rules: &[LaneRule]) {
        for rule in rules {
            let lane = &mut self.lanes[rule.lane.index()];
            lane.speed = rule.speed.as_metres_per_second();
            lane.allowed = rule.allowed;
            if rule.access.is_empty() {
                self.access.remove(&rule.lane.raw());
            } else {
                self.access.insert(rule.lane.raw(), rule.access);
            }
        }
        self.amended = true;
    }

    /// Whether no lane of a road is open to a class any more.
    pub(crate) fn is_barred(&self, class: VehicleClass, edge: u32) -> bool {
        let (first, lanes) = self.edges[edge as usize];
        self.amended && !(first..first + lanes).any(|lane| self.lane(lane).allowed.contains(class))
    }

    /// Whether a road that is closed to a class is open to those of it who have business there.
    pub(crate) fn has_access(&self, class: VehicleClass, edge: u32) -> bool {
        let (first, lanes) = self.edges[edge as usize];
        (first..first + lanes).any(|lane| self.access.get(&lane).is_some_and(|who| who.contains(class)))
    }

    /// Whether a class may turn from a road into another.
    fn leads(&self, class: VehicleClass, from: u32, to: u32) -> bool {
        let (first, lanes) = self.edges[from as usize];
        (first..first + lanes).any(|lane| {
            let from = self.lane(lane);
            let links = from.first_link..from.first_link + from.link_count;
            from.allowed.contains(class)
                && links.map(|link| self.link(link)).any(|link| {
                    self.lane(link.to).edge == to
                        && self.lane(link.to).allowed.contains(class)
                        && (link.via == NONE || self.lane(link.via).allowed.contains(class))
                })
        })
    }

    /// Whether a class may drive along a way from its beginning to its end.
    pub(crate) fn is_passable(&self, class: VehicleClass, way: &[u32]) -> bool {
        !self.amended
            || !way.iter().any(|&edge| self.is_barred(class, edge))
                && way.windows(2).all(|pair| self.leads(class, pair[0], pair[1]))
    }
}

impl Road {
    /// Lays other rules over those the lanes have, for everybody from now on.
    pub(crate) fn set_rules(&mut self, rules: &[LaneRule]) {
        let facts = Arc::make_mut(&mut self.facts);
        facts.set_rules(rules);
        self.guides.work_out_again(&self.facts);
    }

    /// Whether no lane of a road is open to a class any more, by rule.
    pub(crate) fn is_barred(&self, class: VehicleClass, edge: u32) -> bool {
        self.facts.is_barred(class, edge)
    }

    /// Lets a vehicle follow its route through what is closed.
    pub(crate) fn exempt(&mut self, vehicle: u32) {
        let facts = Arc::clone(&self.facts);
        self.guides.exempt(&facts, vehicle);
    }
}
