//! The fastest way for somebody who sets out at a given time, where delays change while it drives.
//!
//! Delays are known by road and by the time of entering it. Whoever enters later never leaves earlier (first in, first out), so the
//! earliest arrival is found by settling roads in the order of arrival (Dreyfus 1969, "An appraisal of some shortest-path
//! algorithms", Operations Research 17, 395; Kaufman and Smith 1993, "Fastest paths in time-dependent networks for intelligent
//! vehicle-highway systems application", IVHS Journal 1, 1). Knows no vehicle; whoever has measured delays brings them.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::search::{Reached, Router, Waiting, trace};
use crate::primitives::ids::EdgeId;
use crate::primitives::{SimDuration, SimTime, Speed, VehicleClass};

/// The longest delay on one road [s]: where nobody moves for hours, nobody is sent.
const DELAY_MAX: f64 = 3600.0;

/// Delays against free flow, by edge (paths over junctions are edges too) and time of entering.
#[derive(Debug, Clone, PartialEq)]
pub struct Delays {
    /// When the first interval begins [s].
    begin: f64,
    /// Length of an interval [s].
    interval: f64,
    /// By edge, the delay in the middle of each interval [s]; empty where there is none.
    columns: Vec<Vec<f64>>,
}

impl Delays {
    /// A network of so many edges without traffic.
    pub fn none(edges: usize) -> Self {
        Self { begin: 0.0, interval: 1.0, columns: vec![Vec::new(); edges] }
    }

    /// Delays by edge for intervals of one length from `begin` on; a column without entries is a road without delay.
    ///
    /// A delay holds in the middle of its interval, in between it changes evenly, and before the first and after the last it stays.
    /// What is no delay (negative, or no number) counts as none, more than an hour as an hour, and a delay that falls faster than
    /// time passes is made to fall as fast, so that nobody overtakes by waiting.
    pub fn new(begin: SimTime, interval: SimDuration, mut columns: Vec<Vec<f64>>) -> Self {
        let interval = interval.as_seconds().max(0.001);
        for column in &mut columns {
            let mut before = 0.0_f64;
            for delay in column.iter_mut() {
                let sound = if *delay > 0.0 { delay.min(DELAY_MAX) } else { 0.0 };
                *delay = sound.max(before - interval);
                before = *delay;
            }
        }
        Self { begin: begin.as_seconds(), interval, columns }
    }

    /// The delay of whoever enters an edge at an instant [s].
    pub fn at(&self, edge: EdgeId, entering: SimTime) -> SimDuration {
        SimDuration::seconds(self.delay(edge, entering.as_seconds()))
    }

    pub(super) fn delay(&self, edge: EdgeId, entering: f64) -> f64 {
        let column = self.columns.get(edge.index()).map_or(&[][..], Vec::as_slice);
        let (Some(&first), Some(&last)) = (column.first(), column.last()) else { return 0.0 };
        let place = (entering - self.begin) / self.interval - 0.5;
        if place <= 0.0 {
            return first;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, and compared before use"
        )]
        let index = place.min(1e9) as usize;
        match (column.get(index), column.get(index + 1)) {
            (Some(&low), Some(&high)) => low + (high - low) * (place - place.floor()),
            _ => last,
        }
    }
}

/// A trip that looks for its way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Journey<'a> {
    /// Its first road.
    pub from: EdgeId,
    /// Roads to pass, in order.
    pub via: &'a [EdgeId],
    /// Its last road.
    pub to: EdgeId,
    /// What drives.
    pub class: VehicleClass,
    /// How fast that can be [m/s].
    pub speed_max: Speed,
    /// When it enters its first road [s].
    pub departs: SimTime,
}

impl Router {
    /// The way of earliest arrival for a journey, all its roads included; none where one of its legs has no way.
    ///
    /// Time on a road is that of [`Router::shortest`] plus the delay for whoever enters it then; on the path over a junction, the delay
    /// or the 1.5 s for yielding, whichever is more. What is charged for a path counts as time, on the clock of the search too.
    pub fn fastest_by_departure(
        &self,
        journey: &Journey<'_>,
        delays: &Delays,
        charge: impl Fn(EdgeId) -> f64,
    ) -> Option<Vec<EdgeId>> {
        let clock = Clock { journey, delays, charge: &charge };
        let (mut here, mut now) = (journey.from, journey.departs.as_seconds());
        let mut way = vec![here];
        for &next in journey.via.iter().chain(std::iter::once(&journey.to)) {
            let (leg, entering) = self.leg(&clock, here, next, now)?;
            way.extend_from_slice(&leg[1..]);
            (here, now) = (next, entering);
        }
        Some(way)
    }

    /// How long a journey takes along a way, from entering its first to leaving its last road, charges included; none where it is no way for
    /// its class. Counts as [`Router::fastest_by_departure`] does.
    pub fn time_by_departure(
        &self,
        way: &[EdgeId],
        journey: &Journey<'_>,
        delays: &Delays,
        charge: impl Fn(EdgeId) -> f64,
    ) -> Option<SimDuration> {
        let clock = Clock { journey, delays, charge: &charge };
        let departs = journey.departs.as_seconds();
        let mut now = departs;
        for (place, &edge) in way.iter().enumerate() {
            now = self.leaving(&clock, edge, now)?;
            if let Some(&next) = way.get(place + 1) {
                let turns = self.graph.turns_from(edge, journey.class).filter(|turn| turn.to == next);
                now = turns.map(|turn| clock.over(turn, now)).min_by(f64::total_cmp)?;
            }
        }
        Some(SimDuration::seconds(now - departs))
    }

    /// How long it takes to the end of every road from entering `from` at `departs`, by edge [s]; infinite where there is no way, or none
    /// within `within`. Charges do not count. Found by settling roads in the order of arrival, as [`Router::fastest_by_departure`] does.
    pub fn times_by_departure(
        &self,
        (from, departs): (EdgeId, SimTime),
        (class, speed_max): (VehicleClass, Speed),
        delays: &Delays,
        within: SimDuration,
    ) -> Vec<f64> {
        let journey = Journey { from, via: &[], to: from, class, speed_max, departs };
        let clock = Clock { journey: &journey, delays, charge: &|_: EdgeId| 0.0 };
        let (start, within) = (departs.as_seconds(), within.as_seconds());
        let mut left = vec![f64::INFINITY; self.graph.nodes.len()];
        let mut settled = vec![false; left.len()];
        let mut queue = BinaryHeap::new();
        if let Some(leaving) = self.leaving(&clock, from, start) {
            left[from.index()] = leaving;
            queue.push(Waiting { estimate: leaving, edge: from });
        }
        while let Some(Waiting { estimate: now, edge }) = queue.pop() {
            if now - start > within {
                break;
            }
            if std::mem::replace(&mut settled[edge.index()], true) {
                continue;
            }
            for turn in self.graph.turns_from(edge, class) {
                let to = turn.to.index();
                let Some(leaving) = self.leaving(&clock, turn.to, clock.over(turn, now)) else { continue };
                if !settled[to] && leaving < left[to] {
                    left[to] = leaving;
                    queue.push(Waiting { estimate: leaving, edge: turn.to });
                }
            }
        }
        let known = settled.into_iter().zip(left);
        known.map(|(settled, left)| if settled { left - start } else { f64::INFINITY }).collect()
    }

    /// When whoever enters an edge at `now` reaches its end [s]; none where the class may not.
    fn leaving<C: Fn(EdgeId) -> f64>(&self, clock: &Clock<'_, C>, edge: EdgeId, now: f64) -> Option<f64> {
        let free = self.graph.nodes.get(edge.index())?.time(clock.journey.class, clock.speed_max())?;
        Some(now + free + clock.delays.delay(edge, now))
    }

    /// The way of earliest arrival from one edge, entered at `departs`, to another, and when that is entered [s].
    fn leg<C: Fn(EdgeId) -> f64>(
        &self,
        clock: &Clock<'_, C>,
        from: EdgeId,
        to: EdgeId,
        departs: f64,
    ) -> Option<(Vec<EdgeId>, f64)> {
        let nodes = &self.graph.nodes;
        let goal = nodes.get(to.index())?.end;
        let scale = self.graph.bee_line_factor / clock.speed_max().min(self.graph.speed_limit_max);
        let mut reached = vec![Reached { cost: f64::INFINITY, before: None, settled: false }; nodes.len()];
        let mut queue = BinaryHeap::new();
        self.leaving(clock, from, departs)?;
        reached[from.index()].cost = departs;
        queue.push(Waiting { estimate: departs, edge: from });
        while let Some(Waiting { edge, .. }) = queue.pop() {
            let here = &mut reached[edge.index()];
            if here.settled {
                continue;
            }
            here.settled = true;
            let entering = here.cost;
            if edge == to {
                return Some((trace(&reached, edge), entering));
            }
            let Some(leaving) = self.leaving(clock, edge, entering) else { continue };
            for turn in self.graph.turns_from(edge, clock.journey.class) {
                let cost = clock.over(turn, leaving);
                let Some(along) = self.leaving(clock, turn.to, cost) else { continue };
                let next = &mut reached[turn.to.index()];
                let tied = cost.total_cmp(&next.cost) == Ordering::Equal && next.before > Some(edge);
                if !next.settled && (cost < next.cost || tied) {
                    next.cost = cost;
                    next.before = Some(edge);
                    let rest = (goal - nodes[turn.to.index()].end).norm() * scale;
                    queue.push(Waiting { estimate: along + rest, edge: turn.to });
                }
            }
        }
        None
    }
}

/// How time passes on a journey.
struct Clock<'a, C> {
    journey: &'a Journey<'a>,
    delays: &'a Delays,
    charge: &'a C,
}

impl<C: Fn(EdgeId) -> f64> Clock<'_, C> {
    fn speed_max(&self) -> f64 {
        self.journey.speed_max.as_metres_per_second()
    }

    /// When whoever reaches a junction at `now` is over it [s].
    fn over(&self, turn: &super::graph::Turn, now: f64) -> f64 {
        turn.over(now, self.speed_max(), |edge, at| self.delays.delay(edge, at), self.charge)
    }
}
