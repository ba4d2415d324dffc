//! Counting what happens on the roads, per interval.

use std::sync::Arc;

use crate::primitives::{SimDuration, SimTime};
use crate::simulation::outcome::{RoadInterval, RoadTable};

use super::following::{HALTING, least, most};
use super::road::Road;

/// The table of the roads while it is being filled.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Meter {
    interval: SimDuration,
    begin: SimTime,
    edges: usize,
    /// One row per interval; those of the past are shared with forks, the present one is copied by who writes first.
    rows: Vec<Arc<Vec<RoadInterval>>>,
}

impl Meter {
    pub(crate) fn new(edges: usize, begin: SimTime, interval: SimDuration) -> Self {
        Self { interval, begin, edges, rows: Vec::new() }
    }

    /// The row of the interval that an instant lies in.
    pub(crate) fn row(&mut self, now: SimTime) -> &mut [RoadInterval] {
        let since = (now - self.begin).as_milliseconds().max(0);
        let index = usize::try_from(since / self.interval.as_milliseconds().max(1)).unwrap_or(0);
        while self.rows.len() <= index {
            self.rows.push(Arc::new(vec![RoadInterval::default(); self.edges]));
        }
        let row: &mut Vec<RoadInterval> = Arc::make_mut(&mut self.rows[index]);
        row
    }

    /// Adds one step of everybody on the road.
    pub(crate) fn sample(&mut self, road: &Road, now: SimTime) {
        let dt = road.dt;
        let row = self.row(now);
        for &lane in &road.active {
            let facts = road.facts.lane(lane);
            let cell = &mut row[facts.edge as usize];
            let mut sum = *cell;
            for body in road.lanes[lane as usize].iter().filter(|b| !road.is_block(b)) {
                sum.sampled_seconds += dt;
                sum.travelled += body.speed * dt;
                if body.is_standing() {
                    continue;
                }
                if body.speed <= HALTING {
                    sum.waiting_seconds += dt;
                }
                let wished = least(facts.speed * body.speed_factor, road.kind(body).speed_max);
                if wished > 0.0 {
                    sum.time_loss += dt * most(wished - body.speed, 0.0) / wished;
                }
            }
            *cell = sum;
        }
    }

    pub(crate) fn finish(self) -> RoadTable {
        let intervals = self.rows.into_iter().map(Arc::unwrap_or_clone).collect();
        RoadTable { interval: self.interval, begin: self.begin, intervals }
    }
}
