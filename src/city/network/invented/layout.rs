//! Who may drive where: roundabouts, signals and one-way streets on the street graph.

use std::f64::consts::TAU;

use crate::city::network::bare::BareControl;
use crate::primitives::random::KeyedRng;
use crate::primitives::{Point, Polyline};

use super::ends::is_gateway;
use super::graph::{Graph, Link};
use super::plan::{Plan, Rank, Role, Street};
use super::reach::{Way, all_reach_all};
use super::roads::lane_count;
use super::shape::{angle_of, apart, heading, length, segment_crossing, slice};

/// Radius of a roundabout's ring [m].
const ROUNDABOUT_RADIUS: f64 = 24.0;
/// How many signals a city of this kind has.
const SIGNALS: usize = 40;
/// Share of the old town's streets that are one-way.
const ONE_WAY_SHARE: f64 = 0.6;

/// The street graph with its regulation.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub graph: Graph,
    pub streets: Vec<Street>,
    /// By node.
    pub control: Vec<BareControl>,
    /// By link: whether one may only drive from `from` to `to`.
    pub one_way: Vec<bool>,
}

impl Layout {
    /// Regulates the graph.
    pub(super) fn regulate(graph: Graph, streets: Vec<Street>, plan: &Plan, rng: &mut KeyedRng) -> Self {
        let control = vec![BareControl::Automatic; graph.nodes.len()];
        let one_way = vec![false; graph.links.len()];
        let mut layout = Self { graph, streets, control, one_way };
        layout.build_roundabouts(plan);
        layout.place_signals();
        layout.direct_old_town(rng);
        layout
    }

    /// The directed roads of the layout: link and whether it is driven from `from` to `to`.
    pub(super) fn directions(&self) -> Vec<(usize, bool)> {
        let both = |(i, one_way): (usize, &bool)| if *one_way { vec![(i, true)] } else { vec![(i, true), (i, false)] };
        self.one_way.iter().enumerate().flat_map(both).collect()
    }

    fn connected(&self) -> bool {
        let ways: Vec<Way> = self
            .directions()
            .into_iter()
            .map(|(i, forward)| {
                let link = &self.graph.links[i];
                let (from, to) = if forward { (link.from, link.to) } else { (link.to, link.from) };
                Way { from, to, street: i }
            })
            .collect();
        all_reach_all(self.graph.nodes.len(), &ways)
    }

    /// Turns up to three suburban junctions of single-lane roads into roundabouts.
    fn build_roundabouts(&mut self, plan: &Plan) {
        let size = plan.size;
        let mut centres: Vec<Point> = Vec::new();
        // From the outside inwards: the suburbs have the room.
        let out = |node: usize| apart(self.graph.nodes[node], Point::origin());
        let mut order: Vec<usize> = (0..self.graph.nodes.len()).filter(|&n| out(n) < size.built() * 0.9).collect();
        order.sort_by(|&a, &b| out(b).total_cmp(&out(a)));
        for node in order {
            let place = self.graph.nodes[node];
            let legs: Vec<(usize, Link)> = self.graph.at(node).map(|(i, link)| (i, link.clone())).collect();
            let apart_enough = centres.iter().all(|c| apart(*c, place) > size.ring() * 0.9);
            let important = legs.iter().filter(|(_, l)| l.rank >= Rank::Collector).count() >= 2;
            let roomy = legs.iter().all(|(_, l)| length(&l.line) > 110.0 && lane_count(plan, &self.streets, l) == 1);
            let (least, _) = gaps(&legs, node);
            if centres.len() < 3
                && (3..=4).contains(&legs.len())
                && apart_enough
                && important
                && roomy
                && least > 1.15
                && legs.iter().all(|(_, l)| l.from != l.to)
            {
                centres.push(place);
                self.build_roundabout(node, &legs);
            }
        }
    }

    fn build_roundabout(&mut self, centre: usize, legs: &[(usize, Link)]) {
        let place = self.graph.nodes[centre];
        let street = self.streets.len();
        let rank = legs.iter().map(|(_, l)| l.rank).max().unwrap_or(Rank::Collector);
        self.streets.push(Street { rank, role: Role::Roundabout(centre), line: vec![place, place] });
        let mut ring: Vec<(f64, usize)> = Vec::new();
        for (n, (i, link)) in legs.iter().enumerate() {
            let line = link.line_from(centre);
            let (at, entry) = leaving_circle(&line, place);
            // The first leg keeps the old node, so that no number becomes free.
            let node = if n == 0 { centre } else { self.graph.nodes.len() };
            if n == 0 {
                self.graph.nodes[centre] = entry;
                self.control[centre] = BareControl::Roundabout;
            } else {
                self.graph.nodes.push(entry);
                self.control.push(BareControl::Roundabout);
            }
            let mut line = slice(&line, at, length(&line));
            line[0] = entry;
            self.graph.links[*i] = Link { from: node, to: link.other(centre), line, ..link.clone() };
            ring.push((angle_of(entry - place), node));
        }
        ring.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (n, &(begin, from)) in ring.iter().enumerate() {
            let (end, to) = ring[(n + 1) % ring.len()];
            let sweep = if end > begin { end - begin } else { end - begin + TAU };
            let mut line: Vec<Point> =
                (0..=8).map(|i| place + heading(begin + sweep * f64::from(i) / 8.0) * ROUNDABOUT_RADIUS).collect();
            (line[0], line[8]) = (self.graph.nodes[from], self.graph.nodes[to]);
            self.graph.links.push(Link { from, to, line, rank, street });
            self.one_way.push(true);
        }
    }

    /// Signals where main roads meet, the busiest crossings first, none in sight of another.
    fn place_signals(&mut self) {
        let weight = |rank: Rank| match rank {
            Rank::Trunk => 7,
            Rank::Arterial => 5,
            Rank::Collector => 3,
            Rank::Residential => 1,
            Rank::OldTown => 0,
        };
        let mut candidates: Vec<(u32, usize)> = (0..self.graph.nodes.len())
            .filter_map(|node| {
                let mut ranks: Vec<Rank> = self.graph.at(node).map(|(_, link)| link.rank).collect();
                ranks.sort_unstable_by(|a, b| b.cmp(a));
                let free = self.control[node] == BareControl::Automatic;
                let main = ranks.len() >= 3 && ranks[0] >= Rank::Collector && ranks[1] >= Rank::Collector;
                let side = ranks.get(2).is_some_and(|r| *r >= Rank::Collector || ranks[0] >= Rank::Arterial);
                (free && main && side).then(|| (ranks.iter().map(|r| weight(*r)).sum(), node))
            })
            .collect();
        candidates.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut placed: Vec<Point> = Vec::new();
        for (_, node) in candidates {
            let place = self.graph.nodes[node];
            if placed.len() < SIGNALS && placed.iter().all(|p| apart(*p, place) > 115.0) {
                self.control[node] = BareControl::Signal;
                placed.push(place);
            }
        }
    }

    /// One-way streets in the old town, as long as everybody still reaches everything.
    fn direct_old_town(&mut self, rng: &mut KeyedRng) {
        for street in 0..self.streets.len() {
            let (chosen, with) = (rng.unit() < ONE_WAY_SHARE, rng.unit() < 0.5);
            let parts: Vec<usize> = (0..self.graph.links.len())
                .filter(|&i| self.graph.links[i].street == street && self.graph.links[i].rank == Rank::OldTown)
                .collect();
            if !chosen || parts.is_empty() {
                continue;
            }
            let before = self.clone();
            let whole = Polyline::new(self.streets[street].line.clone());
            for &i in &parts {
                let link = &mut self.graph.links[i];
                let offset = |p: Point| whole.nearest(p).0;
                let along = offset(link.line[link.line.len() - 1]) > offset(link.line[0]);
                if along != with {
                    link.line.reverse();
                    (link.from, link.to) = (link.to, link.from);
                }
                self.one_way[i] = true;
            }
            if !self.connected() {
                *self = before;
            }
        }
    }
}

/// Smallest and largest angle between neighbouring legs [rad].
fn gaps(legs: &[(usize, Link)], node: usize) -> (f64, f64) {
    let mut angles: Vec<f64> = legs.iter().map(|(_, l)| angle_of(l.leaving(node, ROUNDABOUT_RADIUS))).collect();
    angles.sort_by(f64::total_cmp);
    let wrapped = angles.iter().skip(1).copied().chain(angles.first().map(|a| a + TAU));
    angles.iter().zip(wrapped).fold((f64::INFINITY, 0.0), |(least, most), (a, b)| (least.min(b - a), most.max(b - a)))
}

/// Where a line that starts at a circle's centre leaves it: offset along the line [m] and place.
fn leaving_circle(line: &[Point], centre: Point) -> (f64, Point) {
    let mut along = 0.0;
    for pair in line.windows(2) {
        let step = apart(pair[0], pair[1]);
        if apart(pair[1], centre) >= ROUNDABOUT_RADIUS {
            // The radius grows along the segment; bisect it.
            let (mut low, mut high) = (0.0, 1.0);
            for _ in 0..40 {
                let middle = f64::midpoint(low, high);
                let inside = apart(pair[0] + (pair[1] - pair[0]) * middle, centre) < ROUNDABOUT_RADIUS;
                (low, high) = if inside { (middle, high) } else { (low, middle) };
            }
            return (along + step * low, pair[0] + (pair[1] - pair[0]) * low);
        }
        along += step;
    }
    (along, line[line.len() - 1])
}

/// Whether a link crosses the river.
pub(super) fn is_bridge(plan: &Plan, link: &Link) -> bool {
    link.line.windows(2).any(|a| plan.river.windows(2).any(|b| segment_crossing((a[0], a[1]), (b[0], b[1])).is_some()))
}

/// The nodes where main roads leave the map.
pub(super) fn gateways(graph: &Graph) -> Vec<usize> {
    (0..graph.nodes.len()).filter(|&node| is_gateway(graph, node)).collect()
}
