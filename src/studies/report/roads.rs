//! The roads in figures: flow, speed and delay of each road over a stretch of the run, and the table of the worst.
//!
//! Flow and speed follow Edie (1963, "Discussion of traffic stream measurements and definitions", 2nd Int. Symp. on the
//! Theory of Traffic Flow): over a road of length `L` watched for a time `T`, flow is distance driven / (`L` `T`) and speed is
//! distance driven / time spent. Does not know how they are drawn.

use std::fmt::Write as _;
use std::ops::Range;

use crate::city::network::{Edge, Network};
use crate::primitives::ids::EdgeId;
use crate::simulation::outcome::{Outcome, RoadInterval};

use super::markup::{clock, count, escape, number};

/// One road over a stretch of the run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct RoadFigures {
    sum: RoadInterval,
    /// Length of the stretch [s].
    watched: f64,
    /// Length of the road [m].
    length: f64,
}

impl RoadFigures {
    /// Vehicles that were on the road in the stretch: those that came onto it or, where that is more, went off it; at least
    /// the mean number on it, so that a queue nobody joins or leaves still counts.
    pub(super) fn vehicles(&self) -> f64 {
        let came = self.sum.entered.saturating_add(self.sum.departed);
        let went = self.sum.left.saturating_add(self.sum.arrived);
        let present = if self.watched > 0.0 { self.sum.sampled_seconds / self.watched } else { 0.0 };
        f64::from(came.max(went)).max(present)
    }

    /// Whether anybody was on it.
    pub(super) fn is_used(&self) -> bool {
        self.sum.sampled_seconds > 0.0 && self.vehicles() > 0.0
    }

    /// Time lost per vehicle [s].
    pub(super) fn delay(&self) -> f64 {
        if self.is_used() { (self.sum.time_loss / self.vehicles()).max(0.0) } else { 0.0 }
    }

    /// Time lost by all vehicles together [s].
    pub(super) fn delay_total(&self) -> f64 {
        self.sum.time_loss
    }

    /// Time at a standstill per vehicle [s].
    pub(super) fn waiting(&self) -> f64 {
        if self.is_used() { self.sum.waiting_seconds / self.vehicles() } else { 0.0 }
    }

    /// Mean speed [km/h]; not a number where nobody was.
    pub(super) fn speed(&self) -> f64 {
        self.sum.travelled / self.sum.sampled_seconds * 3.6
    }

    /// Flow [veh/h].
    pub(super) fn flow(&self) -> f64 {
        if self.watched > 0.0 && self.length > 0.0 {
            self.sum.travelled / (self.length * self.watched) * 3600.0
        } else {
            0.0
        }
    }
}

/// When the intervals of the road table begin and end: the last one ends with the run.
fn stretch(outcome: &Outcome, intervals: &Range<usize>) -> (f64, f64) {
    let (begin, length) = (outcome.roads.begin.as_seconds(), outcome.roads.interval.as_seconds());
    #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^53 intervals")]
    let at = |interval: usize| begin + interval as f64 * length;
    let end = outcome.end.as_seconds();
    let last = at(intervals.end);
    (at(intervals.start), if end > at(intervals.start) { last.min(end) } else { last })
}

/// A stretch of intervals as clock times, `07:05–07:10`.
pub(super) fn stretch_label(outcome: &Outcome, intervals: &Range<usize>) -> String {
    let (begin, end) = stretch(outcome, intervals);
    format!("{}–{}", clock(begin), clock(end))
}

/// One road over some intervals of the road table.
pub(super) fn figures(network: &Network, outcome: &Outcome, edge: EdgeId, intervals: Range<usize>) -> RoadFigures {
    let (begin, end) = stretch(outcome, &intervals);
    let mut sum = RoadInterval::default();
    for row in outcome.roads.intervals.get(intervals).unwrap_or_default() {
        let Some(one) = row.get(edge.index()) else { continue };
        sum.sampled_seconds += one.sampled_seconds;
        sum.travelled += one.travelled;
        sum.waiting_seconds += one.waiting_seconds;
        sum.time_loss += one.time_loss;
        sum.entered = sum.entered.saturating_add(one.entered);
        sum.left = sum.left.saturating_add(one.left);
        sum.departed = sum.departed.saturating_add(one.departed);
        sum.arrived = sum.arrived.saturating_add(one.arrived);
    }
    RoadFigures { sum, watched: end - begin, length: network.edge(edge).length.as_metres() }
}

/// The speed limit of a road: that of its fastest lane [km/h].
pub(super) fn speed_limit(network: &Network, edge: &Edge) -> f64 {
    edge.lane_ids().map(|lane| network.lane(lane).speed.as_kilometres_per_hour()).fold(0.0, f64::max)
}

/// What people call a road: its street's name, or its id in files.
pub(super) fn road_name(edge: &Edge) -> &str {
    edge.street.as_deref().filter(|street| !street.trim().is_empty()).unwrap_or(&edge.name)
}

/// Each road with its figures over the whole run, the most time lost first; equals in the order of the network.
pub(super) fn worst_first(network: &Network, outcome: &Outcome) -> Vec<(EdgeId, RoadFigures)> {
    let all = 0..outcome.roads.intervals.len();
    let mut roads: Vec<(EdgeId, RoadFigures)> = network
        .roads()
        .map(|(id, _)| (id, figures(network, outcome, id, all.clone())))
        .filter(|(_, road)| road.is_used())
        .collect();
    roads.sort_by(|a, b| b.1.delay_total().total_cmp(&a.1.delay_total()).then(a.0.cmp(&b.0)));
    roads
}

/// Share of all time lost that was lost on paths across junctions, in `[0, 1]`; none where no time was lost.
pub(super) fn junction_share(network: &Network, outcome: &Outcome) -> Option<f64> {
    let all = 0..outcome.roads.intervals.len();
    let (mut inside, mut total) = (0.0, 0.0);
    for (index, edge) in network.edges.iter().enumerate() {
        let lost = figures(network, outcome, EdgeId::new(index), all.clone()).delay_total().max(0.0);
        total += lost;
        if edge.is_internal() {
            inside += lost;
        }
    }
    (total > 0.0).then(|| inside / total)
}

/// A table of roads, ranked from `first`; `drawn` gives a road's place on the map, for the button that shows it there.
pub(super) fn table(
    network: &Network,
    roads: &[(EdgeId, RoadFigures)],
    first: usize,
    caption: &str,
    drawn: &dyn Fn(EdgeId) -> Option<usize>,
) -> String {
    let mut table = format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table class=\"ranked\"><caption><span>{caption}</span></caption>\
         <thead><tr><th scope=\"col\">Rank</th><th scope=\"col\">Road</th><th scope=\"col\">Time lost<br>[veh h]</th>\
         <th scope=\"col\">Delay<br>[s/veh]</th><th scope=\"col\">Waiting<br>[s/veh]</th><th scope=\"col\">Vehicles</th>\
         <th scope=\"col\">Flow<br>[veh/h]</th><th scope=\"col\">Speed<br>[km/h]</th><th scope=\"col\">Limit<br>[km/h]</th>\
         </tr></thead><tbody>",
    );
    for (rank, (id, road)) in roads.iter().enumerate() {
        let edge = network.edge(*id);
        let (name, code) = (escape(road_name(edge)), escape(&edge.name));
        let code = if name == code { String::new() } else { format!(" <span class=\"code\">{code}</span>") };
        let show = drawn(*id).map_or_else(String::new, |place| {
            format!(" <button type=\"button\" class=\"show js-only\" data-road=\"{place}\" hidden>Show on map</button>")
        });
        let _ = write!(
            table,
            "<tr><td>{}</td><th scope=\"row\">{name}{code}{show}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td>{}</td><td>{}</td><td>{}</td></tr>",
            first + rank,
            number(road.delay_total() / 3600.0, 2),
            number(road.delay(), 1),
            number(road.waiting(), 1),
            vehicles(road),
            number(road.flow(), 0),
            number(road.speed(), 1),
            number(speed_limit(network, edge), 0),
        );
    }
    if roads.is_empty() {
        table.push_str("<tr><td colspan=\"9\" class=\"none\">nobody drove on any road</td></tr>");
    }
    table.push_str("</tbody></table></div>");
    table
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of vehicles, never negative")]
fn vehicles(road: &RoadFigures) -> String {
    count(road.vehicles().round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn road(sum: RoadInterval) -> RoadFigures {
        RoadFigures { sum, watched: 300.0, length: 200.0 }
    }

    /// A queue that stood still for five minutes is the worst there is; dividing by the nobody who passed would hide it.
    #[test]
    fn a_standing_queue_has_its_whole_delay() {
        let queue =
            RoadInterval { sampled_seconds: 6000.0, waiting_seconds: 6000.0, time_loss: 6000.0, ..Default::default() };
        assert!((road(queue).delay() - 300.0).abs() < 1e-9);
        assert!((road(queue).vehicles() - 20.0).abs() < 1e-9);
    }

    #[test]
    fn flow_and_speed_follow_edie() {
        let free = RoadInterval {
            sampled_seconds: 400.0,
            travelled: 4000.0,
            time_loss: 40.0,
            entered: 20,
            left: 20,
            ..Default::default()
        };
        let free = road(free);
        assert!((free.flow() - 240.0).abs() < 1e-9, "20 passages in 5 minutes");
        assert!((free.speed() - 36.0).abs() < 1e-9);
        assert!((free.delay() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn an_empty_road_has_no_delay() {
        let empty = RoadFigures::default();
        assert!(!empty.is_used() && empty.delay() == 0.0 && empty.flow() == 0.0 && empty.speed().is_nan());
    }
}
