//! Writing a network as `.osm`, so that it can be looked at, edited in JOSM, and read back.
//!
//! Two directions of a street become one way. Lanes, their users and arrows, limits, signals, signs and forbidden turns are written
//! as tags and restrictions; a network without a place on earth is put at 0° north, 0° east. What carries no motor traffic is left
//! out. Knows the built network only: shapes of junctions are built anew by whoever reads the file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::highway::Class;
use crate::city::network::model::{Edge, JunctionKind, Lane, Network, Projection, RightOfWay, Turn};
use crate::primitives::ids::{EdgeId, LaneId};
use crate::primitives::{Point, Polyline, VehicleClass};

/// The text of a network as an `.osm` file; the same network always gives the same bytes.
pub fn write(network: &Network) -> String {
    let mut writer = Writer {
        network,
        drawing: Projection::Equirectangular { origin: (0.0, 0.0) },
        nodes: String::new(),
        ways: String::new(),
        way_of: BTreeMap::new(),
        rings: network.roundabouts.clone(),
        pairs: network.roads().map(|(_, edge)| (edge.from.index(), edge.to.index())).collect(),
        next_node: i64::try_from(network.junctions.len()).unwrap_or(i64::MAX / 2),
        next_way: 0,
    };
    writer.junctions();
    writer.find_rings();
    writer.streets();
    let restrictions = writer.restrictions();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<osm version=\"0.6\" generator=\"citytwin\">\n{}{}{restrictions}</osm>\n",
        writer.nodes, writer.ways
    )
}

struct Writer<'n> {
    network: &'n Network,
    /// For a network that is a drawing.
    drawing: Projection,
    nodes: String,
    ways: String,
    way_of: BTreeMap<EdgeId, i64>,
    /// Roads that form the rings of roundabouts.
    rings: BTreeSet<EdgeId>,
    /// Junctions between which roads lead.
    pairs: BTreeSet<(usize, usize)>,
    next_node: i64,
    next_way: i64,
}

/// A ring is no longer than this around [m], and has no more roads.
const RING_LENGTH_MAX: f64 = 500.0;
const RING_ROADS_MAX: usize = 32;

/// Tags of one object.
type Tags = Vec<(String, String)>;

fn tag(key: &str, value: impl Into<String>) -> (String, String) {
    (key.to_owned(), value.into())
}

fn carries_motors(lane: &Lane) -> bool {
    lane.allowed.contains(VehicleClass::Passenger) || lane.allowed.contains(VehicleClass::Bus)
}

impl Writer<'_> {
    fn node(&mut self, id: i64, point: Point, tags: &Tags) {
        let place = self.network.projection.to_lon_lat(point).or_else(|| self.drawing.to_lon_lat(point));
        let (lon, lat) = place.unwrap_or_default();
        let _ = write!(self.nodes, " <node id=\"{id}\" version=\"1\" lat=\"{lat:.8}\" lon=\"{lon:.8}\"");
        self.nodes.push_str(&closing("node", tags));
    }

    fn junctions(&mut self) {
        let mut number = 0;
        for junction in &self.network.junctions {
            number += 1;
            let tags = match junction.kind {
                JunctionKind::TrafficLight => vec![tag("highway", "traffic_signals")],
                JunctionKind::AllwayStop => vec![tag("highway", "stop"), tag("stop", "all")],
                _ => Vec::new(),
            };
            self.node(number, junction.position, &tags);
        }
    }

    /// Lanes of an edge for motor vehicles, from the kerb.
    fn lanes(&self, edge: &Edge) -> Vec<LaneId> {
        edge.lane_ids().filter(|lane| carries_motors(self.network.lane(*lane))).collect()
    }

    /// Finds rings that the network does not name: one-way roads around, to which everybody yields who comes in.
    fn find_rings(&mut self) {
        let roads: Vec<EdgeId> = self.network.roads().map(|(id, _)| id).collect();
        let mut arriving: BTreeMap<usize, Vec<EdgeId>> = BTreeMap::new();
        for id in &roads {
            arriving.entry(self.network.edge(*id).to.index()).or_default().push(*id);
        }
        for first in roads {
            if self.rings.contains(&first) {
                continue;
            }
            let mut ring = vec![first];
            let mut length = self.network.edge(first).length.as_metres();
            while let Some(next) = ring.last().and_then(|last| self.goes_on(*last)).filter(|next| *next != first) {
                ring.push(next);
                length += self.network.edge(next).length.as_metres();
                if ring.len() > RING_ROADS_MAX || length > RING_LENGTH_MAX {
                    break;
                }
            }
            let closed = ring.last().and_then(|last| self.goes_on(*last)) == Some(first);
            let short = ring.len() > 1 && ring.len() <= RING_ROADS_MAX && length <= RING_LENGTH_MAX;
            let yielded = |road: &EdgeId| {
                let others =
                    arriving[&self.network.edge(*road).to.index()].iter().filter(|other| !ring.contains(other));
                others.clone().all(|other| self.sign(*other).is_some())
            };
            if closed && short && ring.iter().all(yielded) {
                self.rings.extend(ring);
            }
        }
    }

    /// The one-way road of the same street that a one-way road leads on to, bending least.
    fn goes_on(&self, road: EdgeId) -> Option<EdgeId> {
        let edge = self.network.edge(road);
        let one_way = |id: EdgeId| {
            let edge = self.network.edge(id);
            !self.pairs.contains(&(edge.to.index(), edge.from.index()))
        };
        let links = edge.lane_ids().flat_map(|lane| self.network.lane(lane).link_ids());
        let mut onto: Vec<EdgeId> = links.map(|link| self.network.lane(self.network.link(link).to).edge).collect();
        onto.sort_unstable();
        onto.dedup();
        let same = |id: &EdgeId| {
            let next = self.network.edge(*id);
            next.street == edge.street && next.road_type == edge.road_type && one_way(*id)
        };
        let bend = |id: &EdgeId| self.angle(road, *id).abs();
        if !one_way(road) {
            return None;
        }
        onto.into_iter().filter(same).min_by(|a, b| bend(a).total_cmp(&bend(b)))
    }

    fn streets(&mut self) {
        let roads: Vec<EdgeId> =
            self.network.roads().filter(|(_, edge)| !self.lanes(edge).is_empty()).map(|(id, _)| id).collect();
        let mut by_ends: BTreeMap<(usize, usize), Vec<EdgeId>> = BTreeMap::new();
        for id in &roads {
            let edge = self.network.edge(*id);
            by_ends.entry((edge.from.index(), edge.to.index())).or_default().push(*id);
        }
        for id in roads {
            if self.way_of.contains_key(&id) {
                continue;
            }
            let edge = self.network.edge(id);
            let back = by_ends.get(&(edge.to.index(), edge.from.index())).into_iter().flatten().copied();
            let twin =
                back.filter(|twin| *twin != id && !self.way_of.contains_key(twin)).find(|twin| self.beside(id, *twin));
            self.way(id, twin);
        }
    }

    /// Whether two roads in opposite directions are one street: their median lanes lie side by side.
    fn beside(&self, road: EdgeId, twin: EdgeId) -> bool {
        let median = |road: EdgeId| self.lanes(self.network.edge(road)).last().map(|lane| self.network.lane(*lane));
        let (Some(own), Some(other)) = (median(road), median(twin)) else { return false };
        let gap = (own.width + other.width).as_metres() / 2.0 + 1.5;
        let half = own.shape.length() / 2.0;
        other.shape.nearest(own.shape.point_at(half)).1 < gap
            && self.network.edge(road).street == self.network.edge(twin).street
    }

    /// The middle of all lanes of a street, along the first road.
    fn middle(&self, road: EdgeId, twin: Option<EdgeId>) -> Polyline {
        let to_kerb = if self.network.left_hand { -1.0 } else { 1.0 };
        let lanes = self.lanes(self.network.edge(road));
        let width = |road: EdgeId| -> f64 {
            self.lanes(self.network.edge(road)).iter().map(|lane| self.network.lane(*lane).width.as_metres()).sum()
        };
        let Some(median) = lanes.last().map(|lane| self.network.lane(*lane)) else {
            return Polyline::new(vec![Point::origin()]);
        };
        let (own, other) = (width(road), twin.map_or(0.0, width));
        // From the middle of the median lane to the middle of the street.
        let aside = -median.width.as_metres() / 2.0 + (own - other) / 2.0;
        median.shape.offset_right(to_kerb * aside)
    }

    fn way(&mut self, road: EdgeId, twin: Option<EdgeId>) {
        self.next_way += 1;
        let way = self.next_way;
        self.way_of.insert(road, way);
        self.way_of.extend(twin.map(|twin| (twin, way)));
        let edge = self.network.edge(road);
        let line = self.middle(road, twin);
        let ends = [edge.from.index(), edge.to.index()].map(|junction| i64::try_from(junction + 1).unwrap_or(0));
        let mut refs = vec![ends[0]];
        let last = line.points().len() - 1;
        for (position, point) in line.points().iter().enumerate() {
            self.next_node += 1;
            let mut tags = Tags::new();
            let forward = self.sign(road).filter(|_| position == last).map(|sign| (sign, "forward"));
            let backward =
                twin.and_then(|twin| self.sign(twin)).filter(|_| position == 0).map(|sign| (sign, "backward"));
            if let Some((sign, direction)) = forward.or(backward) {
                tags.extend([tag("highway", sign), tag("direction", direction)]);
            }
            self.node(self.next_node, *point, &tags);
            refs.push(self.next_node);
        }
        refs.push(ends[1]);
        let _ = write!(self.ways, " <way id=\"{way}\" version=\"1\">");
        for node in refs {
            let _ = write!(self.ways, "<nd ref=\"{node}\"/>");
        }
        for (key, value) in self.way_tags(road, twin) {
            let _ = write!(self.ways, "<tag k=\"{}\" v=\"{}\"/>", escaped(&key), escaped(&value));
        }
        self.ways.push_str("</way>\n");
    }

    fn way_tags(&self, road: EdgeId, twin: Option<EdgeId>) -> Tags {
        let edge = self.network.edge(road);
        let mut tags = vec![tag("highway", class_name(edge))];
        if let Some(street) = &edge.street {
            tags.push(tag("name", street.as_str()));
        }
        if self.rings.contains(&road) {
            tags.push(tag("junction", "roundabout"));
        }
        if self.network.left_hand {
            tags.push(tag("driving_side", "left"));
        }
        let names = std::iter::once(road).chain(twin).map(|id| self.network.edge(id).name.as_str());
        tags.push(tag("citytwin:id", names.collect::<Vec<_>>().join(";")));
        let count = |road: EdgeId| self.lanes(self.network.edge(road)).len();
        match twin {
            None => {
                tags.extend([tag("oneway", "yes"), tag("lanes", count(road).to_string())]);
                self.side_tags(road, "", &mut tags);
            }
            Some(twin) => {
                tags.push(tag("oneway", "no"));
                tags.push(tag("lanes", (count(road) + count(twin)).to_string()));
                tags.push(tag("lanes:forward", count(road).to_string()));
                tags.push(tag("lanes:backward", count(twin).to_string()));
                self.side_tags(road, ":forward", &mut tags);
                self.side_tags(twin, ":backward", &mut tags);
            }
        }
        tags
    }

    /// Limit, widths, users and arrows of one direction.
    fn side_tags(&self, road: EdgeId, suffix: &str, tags: &mut Tags) {
        let mut lanes: Vec<&Lane> =
            self.lanes(self.network.edge(road)).into_iter().map(|lane| self.network.lane(lane)).collect();
        if !self.network.left_hand {
            lanes.reverse();
        }
        let mut list = |key: &str, value: &dyn Fn(&Lane) -> String| {
            let values: Vec<String> = lanes.iter().map(|lane| value(lane)).collect();
            tags.push(tag(&format!("{key}{suffix}"), values.join("|")));
        };
        list("width:lanes", &|lane| number(lane.width.as_metres()));
        let reserved = |lane: &&Lane| !lane.allowed.contains(VehicleClass::Passenger);
        if lanes.iter().any(reserved) {
            let word = |class: VehicleClass| {
                move |lane: &Lane| (if lane.allowed.contains(class) { "yes" } else { "no" }).to_owned()
            };
            list("motor_vehicle:lanes", &word(VehicleClass::Passenger));
            list("bus:lanes", &word(VehicleClass::Bus));
            list("taxi:lanes", &word(VehicleClass::Taxi));
            list("bicycle:lanes", &word(VehicleClass::Bicycle));
        }
        let arrows: Vec<String> = lanes.iter().map(|lane| self.arrows(lane)).collect();
        if lanes.len() > 1 && arrows.iter().any(|arrow| arrow != &arrows[0]) {
            tags.push(tag(&format!("turn:lanes{suffix}"), arrows.join("|")));
        }
        let speed = lanes.iter().map(|lane| lane.speed.as_kilometres_per_hour()).fold(0.0, f64::max);
        tags.push(tag(&format!("maxspeed{suffix}"), number(speed)));
    }

    fn arrows(&self, lane: &Lane) -> String {
        let turns: Vec<Turn> = lane.link_ids().map(|link| self.network.link(link).turn).collect();
        let any = |kinds: &[Turn]| turns.iter().any(|turn| kinds.contains(turn));
        let words = [
            (any(&[Turn::Left, Turn::SlightLeft]), "left"),
            (any(&[Turn::Straight]), "through"),
            (any(&[Turn::Right, Turn::SlightRight]), "right"),
        ];
        let painted: Vec<&str> = words.iter().filter(|(there, _)| *there).map(|(_, word)| *word).collect();
        if painted.is_empty() { "none".to_owned() } else { painted.join(";") }
    }

    /// The sign at the end of a road, where priority is not that of its class alone.
    fn sign(&self, road: EdgeId) -> Option<&'static str> {
        let edge = self.network.edge(road);
        if self.network.junction(edge.to).kind != JunctionKind::Priority {
            return None;
        }
        let links = || edge.lane_ids().flat_map(|lane| self.network.lane(lane).link_ids());
        let ways = || links().map(|link| self.network.link(link).right_of_way);
        if ways().any(|right| right == RightOfWay::Stop) {
            return Some("stop");
        }
        let yields = ways().any(|right| right == RightOfWay::Minor) && !ways().any(|right| right == RightOfWay::Major);
        yields.then_some("give_way")
    }

    /// Turns that are not possible at a junction, as restrictions.
    fn restrictions(&self) -> String {
        let mut text = String::new();
        let mut leaving: BTreeMap<usize, Vec<EdgeId>> = BTreeMap::new();
        for id in self.way_of.keys() {
            leaving.entry(self.network.edge(*id).from.index()).or_default().push(*id);
        }
        let mut number = 0;
        for (from, way) in &self.way_of {
            let edge = self.network.edge(*from);
            let links = edge.lane_ids().flat_map(|lane| self.network.lane(lane).link_ids());
            let reached: Vec<EdgeId> = links.map(|link| self.network.lane(self.network.link(link).to).edge).collect();
            for to in leaving.get(&edge.to.index()).into_iter().flatten() {
                let onto = self.way_of[to];
                if reached.contains(to) || onto == *way {
                    continue;
                }
                number += 1;
                let _ = writeln!(
                    text,
                    " <relation id=\"{number}\" version=\"1\"><member type=\"way\" ref=\"{way}\" role=\"from\"/>\
                     <member type=\"node\" ref=\"{}\" role=\"via\"/><member type=\"way\" ref=\"{onto}\" role=\"to\"/>\
                     <tag k=\"type\" v=\"restriction\"/><tag k=\"restriction\" v=\"{}\"/></relation>",
                    edge.to.index() + 1,
                    self.forbidden(*from, *to)
                );
            }
        }
        text
    }

    /// By how much one turns from a road to another, positive to the left [rad].
    fn angle(&self, from: EdgeId, to: EdgeId) -> f64 {
        let shape = |road: EdgeId| {
            let lane = self.network.edge(road).lane_ids().next_back();
            lane.map(|lane| &self.network.lane(lane).shape)
        };
        let (Some(before), Some(after)) = (shape(from), shape(to)) else { return 0.0 };
        let (a, b) = (before.direction_at(f64::MAX), after.direction_at(0.0));
        libm::atan2(a.perp(&b), a.dot(&b))
    }

    fn forbidden(&self, from: EdgeId, to: EdgeId) -> &'static str {
        match self.angle(from, to) {
            angle if angle.abs() > 2.6 => "no_u_turn",
            angle if angle > 0.6 => "no_left_turn",
            angle if angle < -0.6 => "no_right_turn",
            _ => "no_straight_on",
        }
    }
}

/// The class of a road: that of its type if it comes from OpenStreetMap, or else the one of like importance.
fn class_name(edge: &Edge) -> &'static str {
    let named = edge.road_type.as_deref().and_then(|kind| Class::of(kind.strip_prefix("highway.").unwrap_or(kind)));
    let plain = ["service", "service", "living_street", "residential", "unclassified", "unclassified", "tertiary"];
    let like = usize::try_from(edge.priority.max(0)).unwrap_or(0);
    let higher = match edge.priority {
        7..=8 => "secondary",
        9..=10 => "primary",
        _ => "trunk",
    };
    named.map_or_else(|| plain.get(like).copied().unwrap_or(higher), |class| class.name)
}

/// A number to a hundredth, without zeros at the end.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn closing(name: &str, tags: &Tags) -> String {
    if tags.is_empty() {
        return "/>\n".to_owned();
    }
    let mut text = ">".to_owned();
    for (key, value) in tags {
        let _ = write!(text, "<tag k=\"{}\" v=\"{}\"/>", escaped(key), escaped(value));
    }
    let _ = writeln!(text, "</{name}>");
    text
}

/// Text within an attribute; characters that XML cannot hold are left out.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' | '\t' => safe.push(' '),
            other if other.is_control() => {}
            other => safe.push(other),
        }
    }
    safe
}
