//! Cuts the warm-up off an outcome: what happened before the city is measured fills the roads and is not counted.
//!
//! A trip counts when its vehicle entered the road at or after the measured start. Counters of the whole run (loaded, laws,
//! last-resort moves) stay whole: they judge the run, not the city.

use crate::primitives::SimTime;
use crate::simulation::outcome::{Outcome, Stage};

/// The outcome from `from` on.
pub(super) fn from(mut outcome: Outcome, from: SimTime) -> Outcome {
    if from <= outcome.begin {
        return outcome;
    }
    outcome.trips.retain(|trip| trip.depart >= from);
    outcome.calls.retain(|call| call.at(Stage::Call) >= Some(from));
    outcome.incidents.retain(|incident| incident.cleared.is_none_or(|cleared| cleared >= from));
    outcome.left_stops.retain(|left| left.at >= from);
    outcome.city.retain(|instant| instant.time >= from);
    while !outcome.roads.intervals.is_empty() && outcome.roads.begin < from {
        outcome.roads.intervals.remove(0);
        outcome.roads.begin += outcome.roads.interval;
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::SimDuration;
    use crate::simulation::outcome::RoadTable;

    #[test]
    fn the_warm_up_leaves_no_trace_in_the_road_table() {
        let interval = SimDuration::seconds(300.0);
        let roads = RoadTable { interval, begin: SimTime::seconds(600.0), intervals: vec![Vec::new(); 4] };
        let outcome =
            Outcome { begin: SimTime::seconds(600.0), end: SimTime::seconds(1800.0), roads, ..Outcome::default() };
        let cut = from(outcome.clone(), SimTime::seconds(1200.0));
        assert_eq!((cut.roads.begin, cut.roads.intervals.len()), (SimTime::seconds(1200.0), 2));
        assert_eq!(from(outcome.clone(), outcome.begin), outcome);
    }
}
