//! Where a run stood still at its end, and since when: why its trips could not finish.
//!
//! A road is stuck in an interval of the road table when somebody was on it the whole time, nearly all of that time at a
//! standstill in traffic, and nobody left it. A red light lasts a minute or two and an interval several, so that a queue at a
//! signal is not taken for gridlock. Knows what the roads counted, not why.

use serde::{Deserialize, Serialize};

use crate::city::network::Network;
use crate::primitives::SimTime;
use crate::primitives::ids::EdgeId;
use crate::simulation::outcome::{Outcome, RoadInterval};

/// Share of the time on a stuck road that is spent at a standstill, at least.
const STANDING_MIN: f64 = 0.9;
/// How long a road must have been stuck at the end of a run, at least [s].
const STUCK_MIN: f64 = 300.0;

/// Roads that were stuck at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gridlock {
    /// The road that was stuck first, by its id.
    pub road: String,
    /// Its street, or its id again.
    pub street: String,
    /// Since when, seconds after midnight.
    pub since_s: f64,
    /// How many roads were stuck at the end.
    pub roads: usize,
    /// How many vehicles stood on them.
    pub vehicles: f64,
}

impl Gridlock {
    /// Where and since when, and how much stood at the end: "High Street (`high-street-3`) since 07:25:00; 14 vehicles on 3 roads".
    pub fn sentence(&self) -> String {
        let many = |count: f64, one: &str, more: &str| {
            if (count - 1.0).abs() < 0.5 { format!("1 {one}") } else { format!("{count:.0} {more}") }
        };
        #[expect(clippy::cast_precision_loss, reason = "no city has 2^53 roads")]
        let roads = many(self.roads as f64, "road", "roads");
        let since = SimTime::seconds(self.since_s);
        let vehicles = many(self.vehicles, "vehicle", "vehicles");
        let road = match &self.street {
            street if *street == self.road => format!("`{street}`"),
            street => format!("{street} (`{}`)", self.road),
        };
        format!("{road} since {since}; at the end {vehicles} on {roads}")
    }
}

/// What is stuck at the end of a run, if anything is.
pub fn find(network: &Network, outcome: &Outcome) -> Option<Gridlock> {
    let table = &outcome.roads;
    let interval = table.interval.as_seconds();
    let intervals = table.intervals.len();
    if intervals == 0 || interval <= 0.0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^53 intervals")]
    let begins = |at: usize| table.begin.as_seconds() + at as f64 * interval;
    let mut first: Option<(usize, EdgeId)> = None;
    let (mut roads, mut vehicles) = (0, 0.0);
    for (id, _) in network.roads() {
        let cell = |at: usize| table.intervals.get(at).and_then(|row| row.get(id.index()));
        let lasted = |at: usize| (outcome.end.as_seconds() - begins(at)).min(interval);
        let stuck = |at: &usize| cell(*at).is_some_and(|cell| is_stuck(cell, lasted(*at)));
        let trailing = (0..intervals).rev().take_while(stuck).count();
        let since = intervals - trailing;
        if trailing == 0 || outcome.end.as_seconds() - begins(since) < STUCK_MIN {
            continue;
        }
        roads += 1;
        let last = intervals - 1;
        vehicles += cell(last).map_or(0.0, |cell| cell.sampled_seconds / lasted(last).max(1.0));
        if first.is_none_or(|(earliest, _)| since < earliest) {
            first = Some((since, id));
        }
    }
    let (since, road) = first?;
    let edge = network.edge(road);
    let street = edge.street.clone().filter(|street| !street.trim().is_empty()).unwrap_or_else(|| edge.name.clone());
    Some(Gridlock { road: edge.name.clone(), street, since_s: begins(since), roads, vehicles: vehicles.round() })
}

fn is_stuck(cell: &RoadInterval, lasted: f64) -> bool {
    lasted > 0.0
        && cell.sampled_seconds >= 0.99 * lasted
        && cell.waiting_seconds >= STANDING_MIN * cell.sampled_seconds
        && cell.left == 0
        && cell.arrived == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A queue that moves up at every green is no gridlock, however long it is; neither is an empty road.
    #[test]
    fn only_what_stands_and_leaves_nobody_out_is_stuck() {
        let queue = RoadInterval { sampled_seconds: 3000.0, waiting_seconds: 2900.0, ..RoadInterval::default() };
        assert!(is_stuck(&queue, 300.0));
        for moving in [
            RoadInterval { left: 1, ..queue },
            RoadInterval { arrived: 1, ..queue },
            RoadInterval { waiting_seconds: 2000.0, ..queue },
            RoadInterval { sampled_seconds: 200.0, waiting_seconds: 200.0, ..queue },
            RoadInterval::default(),
        ] {
            assert!(!is_stuck(&moving, 300.0), "{moving:?}");
        }
    }
}
