//! Zones on the roads: where the trips of a zone begin and end.
//!
//! A road belongs to the zone that its middle lies in, the first of the file if there are several. Zones without roads may be tied
//! to the border of the map. Knows no trips.

use rayon::prelude::*;

use super::frame::Frame;
use super::zones::{Zone, Zones};
use crate::city::network::places::Places;
use crate::city::network::{Network, Reach};
use crate::primitives::ids::EdgeId;
use crate::primitives::text::{Findings, Problem, closest};
use crate::primitives::{Point, VehicleClass};

/// Trips do not begin or end on roads shorter than this where there are others [m].
const ROAD_MIN: f64 = 15.0;
/// How far from the map's rectangle a dead end still lies on its border, as a share of the shorter side.
const BORDER: f64 = 0.05;

/// Roads with running sums of their weights.
#[derive(Debug, Clone, Default)]
pub(super) struct Kerbs {
    pub(super) edges: Vec<EdgeId>,
    sums: Vec<f64>,
}

impl Kerbs {
    fn new(network: &Network, edges: Vec<EdgeId>) -> Self {
        let mut sum = 0.0;
        let sums = edges.iter().map(|edge| {
            sum += network.edge(*edge).length.as_metres().max(1.0);
            sum
        });
        Self { sums: sums.collect(), edges }
    }

    /// A few roads that stand for all of them, with weights.
    pub(super) fn few(&self) -> Vec<(EdgeId, f64)> {
        if self.edges.len() <= 4 {
            let before = std::iter::once(0.0).chain(self.sums.iter().copied());
            return self
                .edges
                .iter()
                .zip(&self.sums)
                .zip(before)
                .map(|((edge, sum), before)| (*edge, sum - before))
                .collect();
        }
        let mut few: Vec<EdgeId> = [1.0 / 6.0, 0.5, 5.0 / 6.0].into_iter().filter_map(|draw| self.pick(draw)).collect();
        few.dedup();
        few.into_iter().map(|edge| (edge, 1.0)).collect()
    }

    /// The road at a share `draw` in `[0, 1)` of the length; none if there is none.
    pub(super) fn pick(&self, draw: f64) -> Option<EdgeId> {
        let total = self.sums.last()?;
        let at = self.sums.partition_point(|sum| *sum <= draw * total);
        self.edges.get(at.min(self.edges.len() - 1)).copied()
    }
}

/// A road that enters the map, and the one beside it that leaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Gate {
    pub(super) inbound: Option<EdgeId>,
    pub(super) outbound: Option<EdgeId>,
    /// Where it crosses the border, on the plane.
    pub(super) at: Point,
    /// Its speed limit [m/s].
    pub(super) speed: f64,
}

/// Where the trips of a zone begin and end.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// On roads inside.
    Inside(Kerbs),
    /// Beyond the map, around this point of the plane.
    Beyond(Point),
    /// Nowhere.
    Nowhere,
}

/// The ends of all zones for one class of vehicles.
#[derive(Debug)]
pub(super) struct Ends<'a> {
    pub(super) zones: Vec<End>,
    pub(super) gates: Vec<Gate>,
    pub(super) reach: Reach,
    frame: Frame<'a>,
}

impl Ends<'_> {
    /// The gate by which one comes from beyond the map to a road: the one with the least time if the whole way, as the crow flies, were
    /// driven at the limit of the road at the border.
    pub(super) fn entry(&self, away: Point, goal: EdgeId) -> Option<EdgeId> {
        let there = self.frame.middle(goal);
        let gates = self.gates.iter().filter_map(|gate| Some((gate, gate.inbound?)));
        let open = gates.filter(|(_, inbound)| *inbound != goal && self.reach.leads(*inbound, goal));
        let best = open.min_by(|a, b| a.0.time(away, there).total_cmp(&b.0.time(away, there)));
        best.map(|(_, inbound)| inbound)
    }

    /// The gate by which one leaves a road for beyond the map.
    pub(super) fn exit(&self, start: EdgeId, away: Point) -> Option<EdgeId> {
        let here = self.frame.middle(start);
        let gates = self.gates.iter().filter_map(|gate| Some((gate, gate.outbound?)));
        let open = gates.filter(|(_, outbound)| *outbound != start && self.reach.leads(start, *outbound));
        let best = open.min_by(|a, b| a.0.time(here, away).total_cmp(&b.0.time(here, away)));
        best.map(|(_, outbound)| outbound)
    }

    /// The gates by which one passes through from one place beyond the map to another.
    pub(super) fn passage(&self, from: Point, to: Point) -> Option<(EdgeId, EdgeId)> {
        let mut order: Vec<usize> = (0..self.gates.len()).collect();
        order.sort_by(|a, b| self.gates[*a].time(from, to).total_cmp(&self.gates[*b].time(from, to)));
        order.iter().find_map(|&first| {
            let inbound = self.gates[first].inbound?;
            let others = self.gates.iter().enumerate().filter(|(at, _)| *at != first);
            let open = others.filter_map(|(_, gate)| Some((gate, gate.outbound?)));
            let open = open.filter(|(_, outbound)| *outbound != inbound && self.reach.leads(inbound, *outbound));
            let at = self.gates[first].at;
            let best = open.min_by(|a, b| a.0.time(at, to).total_cmp(&b.0.time(at, to)));
            best.map(|(_, outbound)| (inbound, outbound))
        })
    }
}

impl Gate {
    /// Time from one point to another past here at the limit of its road [s].
    fn time(&self, from: Point, to: Point) -> f64 {
        ((self.at - from).norm() + (to - self.at).norm()) / self.speed
    }
}

/// Roads of every zone, whoever may use them.
#[derive(Debug)]
pub(super) struct Inside<'a> {
    network: &'a Network,
    frame: Frame<'a>,
    zones: &'a Zones,
    roads: Vec<Vec<EdgeId>>,
    /// Roads by which the map's own gateways are entered and left.
    gateways: Vec<(EdgeId, EdgeId)>,
}

impl<'a> Inside<'a> {
    /// Finds the roads of every zone; names of roads that do not exist and coordinates that are on no earth are noted.
    pub(super) fn new(
        network: &'a Network,
        places: Option<&Places>,
        zones: &'a Zones,
        findings: &mut Findings,
    ) -> Self {
        let frame = Frame::new(network);
        check_coordinates(&frame, zones, findings);
        let outlines = Outlines::new(&frame, zones);
        let all: Vec<EdgeId> = network.roads().map(|(edge, _)| edge).collect();
        let owners: Vec<Option<usize>> = all.par_iter().map(|&edge| outlines.of(frame.middle(edge))).collect();
        let mut roads = vec![Vec::new(); zones.list.len()];
        for (edge, owner) in all.into_iter().zip(owners) {
            if let Some(zone) = owner {
                roads[zone].push(edge);
            }
        }
        for (zone, roads) in zones.list.iter().zip(&mut roads).filter(|(zone, _)| !zone.roads.is_empty()) {
            *roads = tied(network, zones, zone, findings);
        }
        let gateways = places.map_or(&[][..], |places| &places.gateways).iter();
        let pair = |inbound: &str, outbound: &str| Some((network.find_edge(inbound)?, network.find_edge(outbound)?));
        let gateways = gateways.filter_map(|gateway| pair(&gateway.inbound, &gateway.outbound)).collect();
        Self { network, frame, zones, roads, gateways }
    }

    /// How many zones have a road.
    pub(super) fn with_roads(&self) -> usize {
        self.roads.iter().filter(|roads| !roads.is_empty()).count()
    }

    /// The ends for a class; zones without a road inside lie beyond the map where `rim` says so.
    pub(super) fn ends(&self, class: VehicleClass, rim: bool) -> Ends<'a> {
        let reach = self.network.reach(class);
        let gates = self.gates(class);
        let zones = self.zones.list.iter().zip(&self.roads);
        let zones = zones.map(|(zone, roads)| {
            let kerbs = self.kerbs(roads, class, &reach, !zone.roads.is_empty());
            if !kerbs.is_empty() {
                End::Inside(Kerbs::new(self.network, kerbs))
            } else if rim && roads.is_empty() && !gates.is_empty() {
                End::Beyond(Outline::new(&self.frame, zone).centroid())
            } else {
                End::Nowhere
            }
        });
        let zones = zones.collect();
        Ends { zones, gates, reach, frame: self.frame }
    }

    /// Of the roads of a zone the most fitting kind that there is.
    fn kerbs(&self, roads: &[EdgeId], class: VehicleClass, reach: &Reach, tied: bool) -> Vec<EdgeId> {
        let usable: Vec<EdgeId> = roads.iter().copied().filter(|&edge| self.network.edge_allows(edge, class)).collect();
        if tied {
            return usable;
        }
        let core: Vec<EdgeId> = usable.iter().copied().filter(|&edge| reach.in_core(edge)).collect();
        let street: Vec<EdgeId> = core.iter().copied().filter(|&edge| self.is_street(edge)).collect();
        [street, core, usable].into_iter().find(|kind| !kind.is_empty()).unwrap_or_default()
    }

    /// Whether a trip may begin or end on a road at all: not on motorways, slip roads and rings, nor on the shortest pieces.
    fn is_street(&self, id: EdgeId) -> bool {
        let edge = self.network.edge(id);
        let kind = edge.road_type.as_deref().unwrap_or_default();
        let fast = kind.contains("motorway") || kind.ends_with("_link");
        !fast && !self.network.roundabouts.contains(&id) && edge.length.as_metres() >= ROAD_MIN
    }

    /// Where the map is entered and left: its own gateways, or dead ends at its rectangle.
    fn gates(&self, class: VehicleClass) -> Vec<Gate> {
        let open = |edge: &EdgeId| self.network.edge_allows(*edge, class);
        let gate = |inbound: Option<EdgeId>, outbound: Option<EdgeId>| {
            let (inbound, outbound) = (inbound.filter(&open), outbound.filter(&open));
            let one = inbound.or(outbound)?;
            let at = inbound.map_or_else(|| self.frame.end(one), |edge| self.frame.start(edge));
            let lanes = self.network.edge(one).lane_ids();
            let speed = lanes.map(|lane| self.network.lane(lane).speed.as_metres_per_second()).fold(1.0, f64::max);
            Some(Gate { inbound, outbound, at, speed })
        };
        if !self.gateways.is_empty() {
            return self
                .gateways
                .iter()
                .filter_map(|&(inbound, outbound)| gate(Some(inbound), Some(outbound)))
                .collect();
        }
        let (low, high) = self.network.bounds();
        let near = BORDER * (high.x - low.x).min(high.y - low.y);
        let at_border = |edge: EdgeId, end: bool| {
            let shape = &self
                .network
                .lane(crate::primitives::ids::LaneId::new(self.network.edge(edge).lanes.start as usize))
                .shape;
            let point = if end { shape.points()[shape.points().len() - 1] } else { shape.points()[0] };
            let gap = (point.x - low.x).min(high.x - point.x).min(point.y - low.y).min(high.y - point.y);
            gap <= near
        };
        let (entered, left) = self.continued();
        let roads = self.network.roads().map(|(edge, _)| edge);
        let ends = roads.filter_map(|edge| {
            let inbound = !entered[edge.index()] && at_border(edge, false);
            let outbound = !left[edge.index()] && at_border(edge, true);
            if inbound || outbound { gate(inbound.then_some(edge), outbound.then_some(edge)) } else { None }
        });
        ends.collect()
    }

    /// For every edge whether another than its own opposite leads into it, and whether it leads into such.
    fn continued(&self) -> (Vec<bool>, Vec<bool>) {
        let network = self.network;
        let (mut entered, mut left) = (vec![false; network.edges.len()], vec![false; network.edges.len()]);
        for link in &network.links {
            let (from, to) = (network.lane(link.from).edge, network.lane(link.to).edge);
            let (a, b) = (network.edge(from), network.edge(to));
            if !a.is_internal() && (a.from != b.to || a.to != b.from) {
                entered[to.index()] = true;
                left[from.index()] = true;
            }
        }
        (entered, left)
    }
}

/// The roads a zone is tied to by name: ids of edges, or streets.
fn tied(network: &Network, zones: &Zones, zone: &Zone, findings: &mut Findings) -> Vec<EdgeId> {
    let mut roads = Vec::new();
    for name in &zone.roads {
        let before = roads.len();
        roads.extend(network.find_edge(name).filter(|&edge| !network.edge(edge).is_internal()));
        if roads.len() == before {
            let street = network.roads().filter(|(_, edge)| edge.street.as_deref() == Some(name.as_str()));
            roads.extend(street.map(|(edge, _)| edge));
        }
        if roads.len() == before {
            let names: std::collections::BTreeSet<&str> = network
                .roads()
                .flat_map(|(_, edge)| edge.street.as_deref().into_iter().chain(std::iter::once(edge.name.as_str())))
                .collect();
            let help = closest(name, names).map_or_else(
                || "name an edge of the map or a street".to_owned(),
                |like| format!("did you mean `{like}`?"),
            );
            let message = format!("the zone `{}` is tied to `{name}`, which is no road", zone.name);
            findings.problem(Problem::new(zones.place.at(zone.line, 0), message).help(help));
        }
    }
    roads.sort_unstable();
    roads.dedup();
    roads
}

/// Notes the first zone whose coordinates cannot be longitude and latitude on a map that has a place on earth.
fn check_coordinates(frame: &Frame<'_>, zones: &Zones, findings: &mut Findings) {
    let on_earth = |zone: &&Zone| zone.rings.iter().flatten().all(|[x, y]| x.abs() <= 180.0 && y.abs() <= 90.0);
    if !frame.on_earth() {
        return;
    }
    if let Some(zone) = zones.list.iter().find(|zone| !on_earth(zone)) {
        let message = format!("the zone `{}` is not drawn in longitude and latitude", zone.name);
        let help = "the map has a place on earth: export the zones in WGS 84, longitude first, as RFC 7946 asks";
        findings.problem(Problem::new(zones.place.at(zone.line, 0), message).help(help));
    }
}

/// All zones on the plane.
#[derive(Debug)]
pub(super) struct Outlines(Vec<Outline>);

impl Outlines {
    pub(super) fn new(frame: &Frame<'_>, zones: &Zones) -> Self {
        Self(zones.list.iter().map(|zone| Outline::new(frame, zone)).collect())
    }

    /// The first zone a point of the plane lies in.
    pub(super) fn of(&self, point: Point) -> Option<usize> {
        self.0.iter().position(|outline| outline.contains(point))
    }
}

/// A zone on the plane.
#[derive(Debug)]
struct Outline {
    rings: Vec<Vec<Point>>,
    low: Point,
    high: Point,
}

impl Outline {
    fn new(frame: &Frame<'_>, zone: &Zone) -> Self {
        let rings: Vec<Vec<Point>> =
            zone.rings.iter().map(|ring| ring.iter().map(|corner| frame.plane(*corner)).collect()).collect();
        let mut low = Point::new(f64::INFINITY, f64::INFINITY);
        let mut high = Point::new(f64::NEG_INFINITY, f64::NEG_INFINITY);
        for point in rings.iter().flatten() {
            low = Point::new(low.x.min(point.x), low.y.min(point.y));
            high = Point::new(high.x.max(point.x), high.y.max(point.y));
        }
        Self { rings, low, high }
    }

    /// Whether a line from a point to the east crosses the outlines an odd number of times (Shimrat 1962, "Algorithm 112: Position of
    /// point relative to polygon", Comm. ACM 5, 434).
    fn contains(&self, point: Point) -> bool {
        if point.x < self.low.x || point.x > self.high.x || point.y < self.low.y || point.y > self.high.y {
            return false;
        }
        let mut inside = false;
        for ring in &self.rings {
            let mut before = ring[ring.len() - 1];
            for &corner in ring {
                if (corner.y > point.y) != (before.y > point.y) {
                    let x = corner.x + (point.y - corner.y) / (before.y - corner.y) * (before.x - corner.x);
                    inside ^= point.x < x;
                }
                before = corner;
            }
        }
        inside
    }

    /// The centre of gravity of its largest ring.
    fn centroid(&self) -> Point {
        let twice_area = |ring: &[Point]| {
            let next = ring.iter().cycle().skip(1);
            ring.iter().zip(next).map(|(a, b)| a.x * b.y - b.x * a.y).sum::<f64>()
        };
        let largest = self.rings.iter().max_by(|a, b| twice_area(a).abs().total_cmp(&twice_area(b).abs()));
        let Some(ring) = largest else { return Point::origin() };
        let area = twice_area(ring);
        if area.abs() < 1e-9 {
            return ring[0];
        }
        let next = ring.iter().cycle().skip(1);
        let (x, y) = ring.iter().zip(next).fold((0.0, 0.0), |sum, (a, b)| {
            let cross = a.x * b.y - b.x * a.y;
            (sum.0 + (a.x + b.x) * cross, sum.1 + (a.y + b.y) * cross)
        });
        Point::new(x / (3.0 * area), y / (3.0 * area))
    }
}
