//! The bare map: junctions, directed roads with lanes, bans of turns, arrows and signs, as far as cars can get around.
//!
//! Roads keep the number of their way: `4567#2` is the third street of way 4567, `-4567#2` the same against the way. What cannot be
//! reached, or left again, is left out and counted. Decides no right of way: that is the junction builder's.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::BoundingBox;
use super::OsmObject;
use super::control::Control;
use super::graph::{Graph, Street};
use super::guesses::ImportReport;
use super::highway::Class;
use super::joining::Junctions;
use super::lanes::Side;
use super::restrictions::{Directed, Meets, Restrictions, RoadBans, Turns};
use crate::city::network::bare::{BareControl, BareMap, BareNode, BareRoad, Markings, Sign};
use crate::city::network::model::Projection;
use crate::primitives::{Point, Polyline, VehicleClass};

/// Ends of streets this near to the edge of the file's area lead beyond it [m].
const EDGE_REACH: f64 = 40.0;
/// Without a known area: ends this near to the edge of all roads, as a share of the map's width, if they are main roads.
const EDGE_SHARE: f64 = 0.04;
/// Who turns by more than this turns back [cosine of 150°].
const BACK_COSINE: f64 = -0.866;

/// Everything from which a map is written.
pub(super) struct Writer<'a> {
    pub graph: &'a Graph,
    pub junctions: &'a Junctions,
    pub control: &'a Control,
    pub restrictions: &'a Restrictions,
    pub bounds: Option<BoundingBox>,
    pub projection: &'a Projection,
}

/// What is known of a road beyond the map.
#[derive(Debug, Clone)]
pub(super) struct RoadFacts {
    pub class: Class,
    pub reference: Option<String>,
    /// Its ways, in its direction.
    pub ways: Vec<i64>,
    pub ring: bool,
}

/// A map, what is known of its roads, and the nodes where traffic enters and leaves.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub map: BareMap,
    /// By position in the map's roads.
    pub facts: Vec<RoadFacts>,
    /// Nodes, by position, at which roads lead beyond the map.
    pub edges: BTreeSet<usize>,
    /// By position in the map's roads: whether one gets from it to the most others without leaving the map, and back.
    pub inner: Vec<bool>,
}

/// Junctions regulated by what leads to them.
#[derive(Debug, Default)]
struct Regulated {
    ring: BTreeSet<usize>,
    all_stop: BTreeSet<usize>,
}

/// A road being written.
struct Draft {
    directed: Directed,
    from: usize,
    to: usize,
}

impl Writer<'_> {
    /// Writes.
    pub(super) fn write(&self, report: &mut ImportReport) -> Written {
        let at = self.graph.at_nodes();
        let turns = Turns { graph: self.graph, junctions: self.junctions, restrictions: self.restrictions, at: &at };
        let drafts = self.drafts();
        let mut bans = self.bans(&drafts, &turns);
        let over = over_roads(&drafts, &turns, &bans);
        turns.note_unfollowed(&over, report);
        bans.extend(over.bans);
        let edges = self.edges(&drafts, &at);
        let reach = self.reach(&drafts, &bans, &edges);
        let kept = self.connected(&drafts, largest(&reach, |road| self.metres(&drafts, road)), report);
        let mut inside = reach;
        // Without the way beyond the map, the last of the nodes.
        inside.remove_node(NodeIndex::new(drafts.len()));
        let inner = largest(&inside, |road| self.metres(&drafts, road));
        self.written(&drafts, &bans, &edges, &kept, &inner, report)
    }

    fn street(&self, (street, _): Directed) -> &Street {
        &self.graph.streets[street]
    }

    fn side(&self, (street, along): Directed) -> Option<&Side> {
        let street = &self.graph.streets[street];
        if along { street.forward.as_ref() } else { street.backward.as_ref() }
    }

    fn drafts(&self) -> Vec<Draft> {
        let mut drafts = Vec::new();
        for (index, street) in self.graph.streets.iter().enumerate() {
            if self.junctions.inside.contains(&index) {
                continue;
            }
            let (from, to) = street.ends();
            let (from, to) = (self.junctions.of_node[&from], self.junctions.of_node[&to]);
            for (along, from, to) in [(true, from, to), (false, to, from)] {
                if self.side((index, along)).is_some() {
                    drafts.push(Draft { directed: (index, along), from, to });
                }
            }
        }
        drafts
    }

    /// The centre line of a road: lanes of a two-way street lie around the street's line as a whole.
    fn line(&self, directed: Directed, left_hand: bool) -> Polyline {
        let street = self.street(directed);
        let line = self.graph.line(street);
        let line = if directed.1 { line } else { Polyline::new(line.points().iter().rev().copied().collect()) };
        let width = |along: bool| self.side((directed.0, along)).map_or(0.0, Side::width);
        if street.one_way() {
            return line;
        }
        let aside = (width(!directed.1) - width(directed.1)) / 2.0;
        if aside.abs() < 0.05 { line } else { line.offset_right(if left_hand { -aside } else { aside }) }
    }

    /// Direction of a road where it leaves a junction, and where it arrives.
    fn headings(&self, directed: Directed) -> (nalgebra::Vector2<f64>, nalgebra::Vector2<f64>) {
        let line = self.line(directed, false);
        let length = line.length();
        let chord = |from: f64, to: f64| {
            let chord = line.point_at(to) - line.point_at(from);
            if chord.norm() > 0.0 { chord.normalize() } else { line.direction_at(from) }
        };
        (chord(0.0, 15.0_f64.min(length)), chord((length - 15.0).max(0.0), length))
    }

    /// Turns from road to road that are not allowed, by position in the drafts.
    fn bans(&self, drafts: &[Draft], turns: &Turns<'_>) -> BTreeSet<(usize, usize)> {
        let mut leaving: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, draft) in drafts.iter().enumerate() {
            leaving.entry(draft.from).or_default().push(index);
        }
        let headings: Vec<_> = drafts.iter().map(|draft| self.headings(draft.directed)).collect();
        let mut bans = BTreeSet::new();
        for (from, draft) in drafts.iter().enumerate() {
            let Some(onto) = leaving.get(&draft.to) else { continue };
            let open = turns.onward(draft.directed);
            let allowed = |to: &usize| open.contains(&drafts[*to].directed);
            let back = |to: &usize| {
                drafts[*to].directed.0 == draft.directed.0 || headings[from].1.dot(&headings[*to].0) < BACK_COSINE
            };
            let another = onto.iter().any(|to| allowed(to) && !back(to));
            for to in onto {
                let twin = drafts[*to].directed.0 == draft.directed.0;
                if *to != from && (!allowed(to) || (another && back(to) && !twin)) {
                    bans.insert((from, *to));
                }
            }
        }
        bans
    }

    /// Junctions at which streets lead beyond the map.
    fn edges(&self, drafts: &[Draft], at: &BTreeMap<i64, Vec<usize>>) -> BTreeSet<usize> {
        let mut low = Point::new(f64::INFINITY, f64::INFINITY);
        let mut high = Point::new(f64::NEG_INFINITY, f64::NEG_INFINITY);
        for node in at.keys() {
            let place = self.graph.place(*node);
            low = Point::new(low.x.min(place.x), low.y.min(place.y));
            high = Point::new(high.x.max(place.x), high.y.max(place.y));
        }
        let mut reach = (high.x - low.x).max(high.y - low.y) * EDGE_SHARE;
        let known = self.bounds.and_then(|bounds| {
            let corner = |lon: f64, lat: f64| self.projection.from_lon_lat((lon, lat));
            corner(bounds.west, bounds.south).zip(corner(bounds.east, bounds.north))
        });
        if let Some(corners) = known {
            (low, high) = corners;
            reach = EDGE_REACH;
        }
        let near = |place: Point| {
            let inside = (place.x - low.x).min(high.x - place.x).min(place.y - low.y).min(high.y - place.y);
            inside < reach
        };
        let mut touching: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for draft in drafts {
            for junction in [draft.from, draft.to] {
                touching.entry(junction).or_default().insert(draft.directed.0);
            }
        }
        let mut edges = BTreeSet::new();
        for (junction, streets) in touching {
            let members = &self.junctions.members[junction];
            let [node] = members[..] else { continue };
            let Some(street) = streets.first().filter(|_| streets.len() == 1) else { continue };
            let street = &self.graph.streets[*street];
            let main = known.is_some() || street.class.rank >= 4;
            if self.graph.cut.contains(&node) || street.one_way() || (main && near(self.graph.place(node))) {
                edges.insert(junction);
            }
        }
        edges
    }

    fn cars(&self, draft: &Draft) -> bool {
        let lets_in = |side: &Side| side.lanes.iter().any(|(lane, _)| lane.allowed.contains(VehicleClass::Passenger));
        self.side(draft.directed).is_some_and(lets_in)
    }

    fn metres(&self, drafts: &[Draft], road: usize) -> f64 {
        drafts.get(road).map_or(0.0, |draft| self.graph.length(self.street(draft.directed)))
    }

    /// Which road cars can go on to from which, as a graph with one node more for everything beyond the map.
    fn reach(&self, drafts: &[Draft], bans: &BTreeSet<(usize, usize)>, edges: &BTreeSet<usize>) -> DiGraph<(), ()> {
        let mut leaving: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (road, draft) in drafts.iter().enumerate().filter(|(_, draft)| self.cars(draft)) {
            leaving.entry(draft.from).or_default().push(road);
        }
        let mut reach = DiGraph::new();
        let roads: Vec<NodeIndex> = drafts.iter().map(|_| reach.add_node(())).collect();
        let beyond = reach.add_node(());
        for (road, draft) in drafts.iter().enumerate().filter(|(_, draft)| self.cars(draft)) {
            if edges.contains(&draft.from) {
                reach.add_edge(beyond, roads[road], ());
            }
            if edges.contains(&draft.to) {
                reach.add_edge(roads[road], beyond, ());
            }
            let onto = leaving.get(&draft.to).into_iter().flatten().copied();
            let open: Vec<usize> = onto.filter(|to| !bans.contains(&(road, *to))).collect();
            let turns_back = |to: usize| drafts[to].directed.0 == draft.directed.0;
            let dead_end = open.iter().all(|to| turns_back(*to));
            for to in open.into_iter().filter(|to| dead_end || !turns_back(*to)) {
                reach.add_edge(roads[road], roads[to], ());
            }
        }
        reach
    }

    /// The roads that stay: those cars get around on, and between them those for buses only.
    fn connected(&self, drafts: &[Draft], mut kept: Vec<bool>, report: &mut ImportReport) -> Vec<bool> {
        kept.truncate(drafts.len());
        let ends = |end: fn(&Draft) -> usize| -> BTreeSet<usize> {
            drafts.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(draft, _)| end(draft)).collect()
        };
        let (arrives, leaves) = (ends(|draft| draft.to), ends(|draft| draft.from));
        for (road, draft) in drafts.iter().enumerate() {
            if !self.cars(draft) && arrives.contains(&draft.from) && leaves.contains(&draft.to) {
                kept[road] = true;
            }
            if !kept[road] {
                let way = OsmObject::Way(self.street(draft.directed).way_at(false));
                report.leave_out("roads that cannot be reached or left by car", way);
            }
        }
        kept
    }

    fn written(
        &self,
        drafts: &[Draft],
        bans: &BTreeSet<(usize, usize)>,
        edges: &BTreeSet<usize>,
        kept: &[bool],
        inner: &[bool],
        report: &mut ImportReport,
    ) -> Written {
        let left_hand = report.left_hand;
        let mut nodes = Numbers::default();
        let mut roads = Numbers::default();
        let mut map = BareMap {
            nodes: Vec::new(),
            roads: Vec::new(),
            turn_bans: Vec::new(),
            markings: Markings::default(),
            left_hand,
            projection: self.projection.clone(),
        };
        let mut facts = Vec::new();
        let names = self.names();
        for (index, draft) in drafts.iter().enumerate().filter(|(index, _)| kept[*index]) {
            let Some(side) = self.side(draft.directed) else { continue };
            let street = self.street(draft.directed);
            let number = roads.of(index);
            let lanes = side.lanes.iter().map(|(lane, _)| *lane).collect();
            for (lane, (_, arrows)) in side.lanes.iter().enumerate().filter(|(_, (_, arrows))| !arrows.is_empty()) {
                map.markings.arrows.insert((number, lane), *arrows);
            }
            let mut ways: Vec<i64> = street.stretches.iter().map(|stretch| stretch.way).collect();
            if !draft.directed.1 {
                ways.reverse();
            }
            ways.dedup();
            facts.push(RoadFacts { class: street.class, reference: street.reference.clone(), ways, ring: street.ring });
            map.roads.push(BareRoad {
                name: names[&draft.directed].clone(),
                street: street.name.clone().or_else(|| street.reference.clone()),
                from: nodes.of(draft.from),
                to: nodes.of(draft.to),
                line: self.line(draft.directed, left_hand),
                centred: street.one_way(),
                lanes,
                speed: side.speed,
                priority: i32::from(street.class.rank),
                road_type: Some(format!("highway.{}", street.class.name)),
            });
        }
        let regulated = self.regulated();
        for junction in nodes.in_order() {
            let members = &self.junctions.members[junction];
            map.nodes.push(BareNode {
                name: node_name(members),
                position: self.middle(members),
                control: self.control_of(junction, members, &regulated),
            });
        }
        map.turn_bans = bans.iter().filter_map(|(from, to)| Some((roads.get(*from)?, roads.get(*to)?))).collect();
        self.signs(drafts, &roads, &mut map);
        sum_up(&map, report);
        let edges = edges.iter().filter_map(|junction| nodes.get(*junction)).collect();
        let inner = (0..drafts.len()).filter(|road| kept[*road]).map(|road| inner[road]).collect();
        Written { map, facts, edges, inner }
    }

    /// Names of all directions: the first way, which of its streets, and a minus against the way.
    fn names(&self) -> BTreeMap<Directed, String> {
        let mut of_way: BTreeMap<i64, u32> = BTreeMap::new();
        let mut names = BTreeMap::new();
        for (index, street) in self.graph.streets.iter().enumerate() {
            let Some(first) = street.stretches.first() else { continue };
            let number = of_way.entry(first.way).or_default();
            for along in [true, false] {
                let against = if along == first.reversed { "-" } else { "" };
                names.insert((index, along), format!("{against}{}#{number}", first.way));
            }
            *number += 1;
        }
        names
    }

    fn middle(&self, members: &[i64]) -> Point {
        let count = f64::from(u32::try_from(members.len()).unwrap_or(1));
        let sum = members.iter().fold((0.0, 0.0), |sum, node| {
            let place = self.graph.place(*node);
            (sum.0 + place.x, sum.1 + place.y)
        });
        Point::new(sum.0 / count, sum.1 / count)
    }

    /// Junctions on the ring of a roundabout, and those at which everybody has a stop sign.
    fn regulated(&self) -> Regulated {
        let mut regulated = Regulated::default();
        // Streets that arrive, and how many of them stop.
        let mut arriving: BTreeMap<usize, (u32, u32)> = BTreeMap::new();
        for (index, street) in self.graph.streets.iter().enumerate() {
            if self.junctions.inside.contains(&index) {
                continue;
            }
            let (from, to) = street.ends();
            for (node, end, open) in [(to, true, street.forward.is_some()), (from, false, street.backward.is_some())] {
                let junction = self.junctions.of_node[&node];
                if street.ring {
                    regulated.ring.insert(junction);
                }
                if open {
                    let (all, stop) = arriving.entry(junction).or_default();
                    *all += 1;
                    *stop += u32::from(self.control.signs.get(&(index, end)) == Some(&Sign::Stop));
                }
            }
        }
        let stops = arriving.into_iter().filter(|(_, (all, stop))| *all > 2 && all == stop);
        regulated.all_stop.extend(stops.map(|(junction, _)| junction));
        regulated
    }

    fn control_of(&self, junction: usize, members: &[i64], regulated: &Regulated) -> BareControl {
        let any = |set: &BTreeSet<i64>| members.iter().any(|node| set.contains(node));
        if any(&self.control.signals) || any(&self.control.guessed) {
            BareControl::Signal
        } else if regulated.ring.contains(&junction) {
            BareControl::Roundabout
        } else if any(&self.control.mini_roundabouts) {
            BareControl::RightBeforeLeft
        } else if any(&self.control.all_stop) || regulated.all_stop.contains(&junction) {
            BareControl::AllwayStop
        } else {
            BareControl::Automatic
        }
    }

    /// Signs at the ends of roads; who enters a roundabout's ring yields to it.
    fn signs(&self, drafts: &[Draft], roads: &Numbers, map: &mut BareMap) {
        for (index, draft) in drafts.iter().enumerate() {
            let Some(road) = roads.get(index) else { continue };
            let street = self.street(draft.directed);
            let sign = self.control.signs.get(&draft.directed).copied();
            let enters = !street.ring && map.nodes[map.roads[road].to].control == BareControl::Roundabout;
            let sign = sign.or(if enters { Some(Sign::GiveWay) } else { None });
            if let Some(sign) = sign {
                map.markings.signs.insert(road, sign);
            }
        }
    }
}

/// What restrictions over roads between two junctions come to.
fn over_roads(drafts: &[Draft], turns: &Turns<'_>, bans: &BTreeSet<(usize, usize)>) -> RoadBans {
    let mut meets = Meets::default();
    let mut leaving: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (road, draft) in drafts.iter().enumerate() {
        leaving.entry(draft.from).or_default().push(road);
    }
    for (road, draft) in drafts.iter().enumerate() {
        for &next in leaving.get(&draft.to).into_iter().flatten() {
            meets.behind.entry(road).or_default().push(next);
            meets.before.entry(next).or_default().push(road);
        }
    }
    let roads: Vec<Directed> = drafts.iter().map(|draft| draft.directed).collect();
    turns.over_roads(&roads, bans, &meets)
}

/// The number of a junction's first node; of one that is in no file, how it came about.
fn node_name(members: &[i64]) -> String {
    let in_file = members.iter().find(|node| **node > -(1 << 60));
    in_file.map_or_else(|| format!("cut{}", members[0].wrapping_add(1 << 62)), ToString::to_string)
}

/// The map in figures.
fn sum_up(map: &BareMap, report: &mut ImportReport) {
    report.junctions = map.nodes.len();
    report.signals = map.nodes.iter().filter(|node| node.control.is_signal()).count();
    report.roads = map.roads.len();
    report.turn_bans = map.turn_bans.len();
    let lane_metres = |road: &BareRoad| road.line.length() * f64::from(u32::try_from(road.lanes.len()).unwrap_or(0));
    report.lane_km = (map.roads.iter().map(lane_metres).sum::<f64>() / 10.0).round() / 100.0;
}

/// The longest set of roads within which each can be reached from each.
fn largest(reach: &DiGraph<(), ()>, metres: impl Fn(usize) -> f64) -> Vec<bool> {
    let total = |set: &Vec<NodeIndex>| set.iter().map(|road| metres(road.index())).sum::<f64>();
    let sets = tarjan_scc(reach);
    let mut among = vec![false; reach.node_count()];
    let largest =
        sets.iter().max_by(|a, b| total(a).total_cmp(&total(b)).then_with(|| b.iter().min().cmp(&a.iter().min())));
    for road in largest.into_iter().flatten() {
        among[road.index()] = true;
    }
    among
}

/// New numbers for old ones, in the order they are first asked for.
#[derive(Debug, Default)]
struct Numbers {
    new: BTreeMap<usize, usize>,
}

impl Numbers {
    fn of(&mut self, old: usize) -> usize {
        let next = self.new.len();
        *self.new.entry(old).or_insert(next)
    }

    fn get(&self, old: usize) -> Option<usize> {
        self.new.get(&old).copied()
    }

    /// The old numbers by their new ones.
    fn in_order(&self) -> Vec<usize> {
        let mut order: Vec<(usize, usize)> = self.new.iter().map(|(old, new)| (*new, *old)).collect();
        order.sort_unstable();
        order.into_iter().map(|(_, old)| old).collect()
    }
}
