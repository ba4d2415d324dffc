//! Where one may drive, and what one pays, at a time of departure: what drivers know who plan their way.
//!
//! The rules at the departure count for the whole trip; a road that closes while somebody is on the way is driven round during the
//! run. Charges count in time, as they do for those who choose at departure.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::city::network::rules::LaneRule;
use crate::city::routing::{Delays, Journey, Router};
use crate::city::scenario::LoadedScenario;
use crate::primitives::ids::{EdgeId, LaneId};
use crate::primitives::{ClassSet, SimDuration, SimTime, VehicleClass};

/// What holds from an instant on.
#[derive(Debug, Clone)]
struct Period {
    from: SimTime,
    router: Arc<Router>,
    /// What is paid on paths over junctions: by whom, and what it is worth in time [s].
    charges: BTreeMap<EdgeId, (ClassSet, f64)>,
}

/// What holds when.
#[derive(Debug, Clone)]
pub struct Rules {
    /// In order of time; the first holds from the beginning.
    periods: Vec<Period>,
}

impl Rules {
    /// The rules of a city, with everything its plan changes in the course of the run.
    pub fn of(loaded: &LoadedScenario) -> Self {
        let router = Arc::new(Router::new(&loaded.network));
        let mut periods = vec![Period { from: SimTime::ZERO, router: Arc::clone(&router), charges: BTreeMap::new() }];
        let (mut router, mut laid): (_, BTreeMap<LaneId, LaneRule>) = (router, BTreeMap::new());
        for change in &loaded.plan.changes {
            if !change.lanes.is_empty() {
                laid.extend(change.lanes.iter().map(|rule| (rule.lane, *rule)));
                let rules: Vec<LaneRule> = laid.values().copied().collect();
                router = Arc::new(Router::new(&loaded.network.with_rules(&rules)));
            }
            let mut charges: BTreeMap<EdgeId, (ClassSet, f64)> = BTreeMap::new();
            for toll in &change.tolls {
                let cell = charges.entry(toll.path).or_insert((toll.classes, 0.0));
                *cell = (cell.0.union(toll.classes), cell.1 + toll.seconds);
            }
            periods.push(Period { from: change.at, router: Arc::clone(&router), charges });
        }
        Self { periods }
    }

    /// What finds ways by the rules at an instant.
    pub fn router(&self, instant: SimTime) -> &Router {
        &self.at(instant).router
    }

    fn at(&self, instant: SimTime) -> &Period {
        let next = self.periods.partition_point(|period| period.from <= instant);
        &self.periods[next.saturating_sub(1)]
    }

    /// The fastest way of a journey by the rules at its departure.
    pub(super) fn fastest(&self, journey: &Journey<'_>, delays: &Delays) -> Option<Vec<EdgeId>> {
        self.fastest_at(journey, journey.departs, delays)
    }

    /// The fastest way of a journey by the rules at another instant.
    pub(super) fn fastest_at(&self, journey: &Journey<'_>, at: SimTime, delays: &Delays) -> Option<Vec<EdgeId>> {
        let period = self.at(at);
        period.router.fastest_by_departure(journey, delays, |edge| period.charge(edge, journey.class))
    }

    /// How long a journey takes along a way by the rules at an instant.
    pub(super) fn time(
        &self,
        way: &[EdgeId],
        journey: &Journey<'_>,
        at: SimTime,
        delays: &Delays,
    ) -> Option<SimDuration> {
        let period = self.at(at);
        period.router.time_by_departure(way, journey, delays, |edge| period.charge(edge, journey.class))
    }
}

impl Period {
    fn charge(&self, edge: EdgeId, class: VehicleClass) -> f64 {
        self.charges.get(&edge).filter(|(classes, _)| classes.contains(class)).map_or(0.0, |(_, seconds)| *seconds)
    }
}
