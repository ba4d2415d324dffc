//! What was so beside what was heard: the simulation's own figures of a road in a sensor's window.
//!
//! A window has a truth only where the intervals of the road table fill it exactly; a part of an interval would be a guess.

use std::ops::Range;

use crate::city::network::Network;
use crate::primitives::ids::EdgeId;
use crate::simulation::outcome::Outcome;

use super::super::roads::{self, RoadFigures};
use super::values::RoadWindow;

/// A road's window as it was heard, and as it was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compared<'a> {
    /// What was heard.
    pub(super) heard: &'a RoadWindow,
    /// The road, if the network has one of that name.
    pub(super) edge: Option<EdgeId>,
    /// What was so.
    truth: Option<RoadFigures>,
}

impl Compared<'_> {
    /// Flow heard [veh/h].
    pub(super) fn flow(&self) -> Option<f64> {
        self.heard.flow.filter(|flow| flow.is_finite())
    }

    /// Speed heard [km/h].
    pub(super) fn speed(&self) -> Option<f64> {
        self.heard.speed.filter(|speed| speed.is_finite())
    }

    /// Flow as it was [veh/h].
    pub(super) fn flow_true(&self) -> Option<f64> {
        self.truth.map(|road| road.flow()).filter(|flow| flow.is_finite())
    }

    /// Speed as it was [km/h]; none where nobody drove.
    pub(super) fn speed_true(&self) -> Option<f64> {
        self.truth.filter(RoadFigures::is_used).map(|road| road.speed()).filter(|speed| speed.is_finite())
    }

    /// Flow as it was and as heard, where both are known [veh/h].
    pub(super) fn flows(&self) -> Option<(f64, f64)> {
        self.flow_true().zip(self.flow())
    }

    /// Speed as it was and as heard, where both are known [km/h].
    pub(super) fn speeds(&self) -> Option<(f64, f64)> {
        self.speed_true().zip(self.speed())
    }
}

/// Puts the truth beside each window; by road, then by time.
pub(super) fn compare<'a>(windows: &'a [RoadWindow], network: &Network, outcome: &Outcome) -> Vec<Compared<'a>> {
    let mut sorted: Vec<&RoadWindow> = windows.iter().collect();
    sorted.sort_by(|a, b| a.road.cmp(&b.road).then(a.begin.cmp(&b.begin)));
    let beside = |heard: &'a RoadWindow| {
        let edge = network.find_edge(&heard.road).filter(|edge| edge.index() < network.edges.len());
        let intervals = intervals(heard, outcome);
        let truth = edge.zip(intervals).map(|(edge, part)| roads::figures(network, outcome, edge, part));
        Compared { heard, edge, truth }
    };
    sorted.into_iter().map(beside).collect()
}

/// The intervals of the road table that fill a window, if they fill it exactly.
fn intervals(window: &RoadWindow, outcome: &Outcome) -> Option<Range<usize>> {
    let table = &outcome.roads;
    let step = table.interval.as_milliseconds();
    let (since, length) = ((window.begin - table.begin).as_milliseconds(), window.length.as_milliseconds());
    if step <= 0 || length <= 0 || since < 0 || since % step != 0 || length % step != 0 {
        return None;
    }
    let first = usize::try_from(since / step).ok()?;
    let last = first.checked_add(usize::try_from(length / step).ok()?)?;
    (last <= table.intervals.len() && window.begin + window.length <= outcome.end).then_some(first..last)
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::Town;
    use super::*;
    use crate::primitives::{SimDuration, SimTime};

    fn window(road: &str, begin: f64, length: f64) -> RoadWindow {
        RoadWindow {
            road: road.to_owned(),
            begin: SimTime::seconds(begin),
            length: SimDuration::seconds(length),
            flow: Some(f64::NAN),
            speed: Some(30.0),
            occupancy: None,
            congestion: None,
            loops: 1,
            cameras: 0,
            trackers: 0,
        }
    }

    /// A sensor judged against the wrong five minutes would look broken when it is right.
    #[test]
    fn the_truth_is_of_the_same_stretch_or_absent() {
        let town = Town::new(4, 3, 50, 6);
        let road = |interval: usize| town.outcome.roads.intervals[interval][0];
        let check = |window: &RoadWindow, expected: Option<f64>| {
            let windows = [window.clone()];
            let compared = compare(&windows, &town.network, &town.outcome);
            match (compared[0].flow_true(), expected) {
                (Some(found), Some(wanted)) => assert!((found - wanted).abs() < 1e-6, "{found} {wanted}"),
                (found, wanted) => assert_eq!(found, wanted, "{window:?}"),
            }
            assert_eq!(compared[0].flows(), None, "a flow that is no number was heard");
        };
        let length = town.network.edges[0].length.as_metres();
        let flow = |travelled: f64, seconds: f64| Some(travelled / length / seconds * 3600.0);
        check(&window("e0", 25_500.0, 300.0), flow(road(1).travelled, 300.0));
        check(&window("e0", 25_500.0, 600.0), flow(road(1).travelled + road(2).travelled, 600.0));
        for (name, begin, length) in [
            ("e0", 25_510.0, 300.0),
            ("e0", 25_500.0, 200.0),
            ("e0", 24_900.0, 300.0),
            ("e0", 27_000.0, 300.0),
            ("e0", 26_700.0, 600.0),
            ("e0", 25_500.0, -300.0),
            ("nowhere", 25_500.0, 300.0),
        ] {
            check(&window(name, begin, length), None);
        }
    }
}
