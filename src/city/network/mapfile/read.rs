//! Reading a map file: every item on its own, so that one bad road does not hide the next.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::dto;
use super::{MapFile, VERSION};
use crate::city::network::bare::{BareControl, BareLane, BareMap, BareNode, BareRoad, LaneArrows, Markings, Sign};
use crate::city::network::model::Projection;
use crate::city::network::places::{Area, BusLine, Gateway, Kerb, Places, RoadOrigin, Site, StopPlace, Zone};
use crate::primitives::text::{Findings, Place, Problem, closest};
use crate::primitives::{ClassSet, Distance, Point, Polyline, SimDuration, Speed, VehicleClass};

/// The whole file, its items not yet looked at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole<'a> {
    format: String,
    version: u32,
    name: String,
    #[serde(default)]
    left_hand: bool,
    #[serde(borrow)]
    projection: &'a RawValue,
    #[serde(borrow)]
    nodes: Vec<&'a RawValue>,
    #[serde(borrow)]
    roads: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    turn_bans: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    water: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    parks: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    quarters: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    bus_stops: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    bus_lines: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    ambulance_stations: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    hospitals: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    zones: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    gateways: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    origins: Vec<&'a RawValue>,
}

/// Reads the text of a map file; `path` is only named in complaints.
///
/// # Errors
/// Everything wrong with it at once: broken JSON (then nothing else can be said), items of the wrong form, ids used twice,
/// roads from or to nodes that do not exist, places on roads that do not exist, numbers outside their range.
pub fn parse(path: &Path, text: &str) -> Result<MapFile, Findings> {
    let mut reader = Reader { text, place: Place::file(path), findings: Findings::default() };
    let whole: Whole<'_> = match serde_json::from_str(text) {
        Ok(whole) => whole,
        Err(_) if kind_of(text).is_some_and(|kind| kind.version != VERSION || kind.format != "citytwin map") => {
            let kind = kind_of(text).unwrap_or_default();
            reader.findings.problem(other_kind(&reader.place, &kind.format, kind.version));
            return Err(reader.findings);
        }
        Err(error) => {
            let at = reader.place.at(number(error.line()), number(error.column()));
            let plain = plain(&error);
            let wanted = plain.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected "));
            let message = match wanted {
                _ if error.is_eof() => "this is no map: the file ends too early".to_owned(),
                Some((found, wanted)) => format!("this is no map: {wanted} should stand here, not {found}"),
                None if error.is_syntax() => "this is no map, which is JSON".to_owned(),
                None => format!("this is no map: {plain}"),
            };
            reader.findings.problem(Problem::new(at, message));
            return Err(reader.findings);
        }
    };
    if whole.format != "citytwin map" || whole.version != VERSION {
        reader.findings.problem(other_kind(&reader.place, &whole.format, whole.version));
        return Err(reader.findings);
    }
    let file = reader.file(&whole);
    if reader.findings.is_ok() { Ok(file) } else { Err(reader.findings) }
}

/// What a file says it is, whatever else is in it.
#[derive(Debug, Default, serde::Deserialize)]
struct Kind {
    format: String,
    version: u32,
}

fn kind_of(text: &str) -> Option<Kind> {
    serde_json::from_str(text).ok()
}

fn other_kind(file: &Place, format: &str, version: u32) -> Problem {
    let message = format!("this is \"{format}\" version {version}, not \"citytwin map\" version {VERSION}");
    Problem::new(file.clone(), message).help("make the map anew with `citytwin import` of this version")
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// An error without the position serde appends, which is relative to the item.
fn plain(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.split(" at line ").next().unwrap_or_default().to_owned()
}

struct Reader<'a> {
    text: &'a str,
    place: Place,
    findings: Findings,
}

/// Ids and their positions, for looking up and for "did you mean".
type Index = BTreeMap<String, usize>;

impl Reader<'_> {
    fn file(&mut self, whole: &Whole<'_>) -> MapFile {
        let projection = self.items(&[whole.projection]).pop().map_or(Projection::None, |(_, p)| match p {
            dto::Projection::None => Projection::None,
            dto::Projection::Utm { zone, south, offset_m } => Projection::Utm { zone, south, offset: offset_m },
            dto::Projection::Equirectangular { origin_lon_lat } => {
                Projection::Equirectangular { origin: origin_lon_lat }
            }
        });
        let mut node_index = Index::new();
        let mut nodes = Vec::new();
        for (at, node) in self.items::<dto::Node>(&whole.nodes) {
            self.register(&mut node_index, &at, "node", &node.id, nodes.len());
            nodes.push(bare_node(node));
        }
        let mut road_index = Index::new();
        let mut roads = Vec::new();
        let mut markings = Markings::default();
        for (at, road) in self.items::<dto::Road>(&whole.roads) {
            self.register(&mut road_index, &at, "road", &road.id, roads.len());
            self.marked(&at, &road, roads.len(), &mut markings);
            if let Some(road) = self.road(&at, road, &node_index, &nodes) {
                roads.push(road);
            } else {
                // Keeps positions right for the complaints that follow; the file is refused anyway.
                roads.push(placeholder());
            }
        }
        let mut turn_bans = Vec::new();
        for (at, ban) in self.items::<dto::TurnBan>(&whole.turn_bans) {
            let (from, to) =
                (self.find(&at, "road", &ban.from, &road_index), self.find(&at, "road", &ban.to, &road_index));
            turn_bans.extend(from.zip(to));
        }
        let places = self.places(whole, &road_index);
        let map = BareMap { nodes, roads, turn_bans, markings, left_hand: whole.left_hand, projection };
        MapFile { name: whole.name.clone(), map, places }
    }

    fn places(&mut self, whole: &Whole<'_>, roads: &Index) -> Places {
        let mut places = Places {
            water: self.areas(&whole.water),
            parks: self.areas(&whole.parks),
            quarters: self.areas(&whole.quarters),
            ambulance_stations: self.sites(&whole.ambulance_stations, roads),
            hospitals: self.sites(&whole.hospitals, roads),
            ..Places::default()
        };
        let mut stops = Index::new();
        for (at, stop) in self.items::<dto::BusStop>(&whole.bus_stops) {
            self.register(&mut stops, &at, "bus stop", &stop.id, places.bus_stops.len());
            self.find(&at, "road", &stop.road, roads);
            self.positive(&at, "length_m", stop.length_m);
            places.bus_stops.push(StopPlace {
                id: stop.id,
                name: stop.name,
                at: Kerb { road: stop.road, point: point(stop.at) },
                length: Distance::metres(stop.length_m),
            });
        }
        for (at, line) in self.items::<dto::BusLine>(&whole.bus_lines) {
            self.find(&at, "road", &line.origin, roads);
            self.find(&at, "road", &line.destination, roads);
            self.positive(&at, "headway_s", line.headway_s);
            places.bus_lines.push(BusLine {
                stops: line.stops.iter().filter_map(|stop| self.find(&at, "bus stop", stop, &stops)).collect(),
                name: line.name,
                origin: line.origin,
                destination: line.destination,
                headway: SimDuration::seconds(line.headway_s),
            });
        }
        for (at, zone) in self.items::<dto::Zone>(&whole.zones) {
            for (road, share) in &zone.roads {
                self.find(&at, "road", road, roads);
                self.not_negative(&at, "share", *share);
            }
            self.not_negative(&at, "population", zone.population);
            self.not_negative(&at, "jobs", zone.jobs);
            let dto::Zone { name, centroid, population, jobs, roads } = zone;
            places.zones.push(Zone { name, centroid: point(centroid), population, jobs, roads });
        }
        for (at, gateway) in self.items::<dto::Gateway>(&whole.gateways) {
            self.find(&at, "road", &gateway.inbound, roads);
            self.find(&at, "road", &gateway.outbound, roads);
            self.not_negative(&at, "share", gateway.share);
            let dto::Gateway { name, inbound, outbound, share } = gateway;
            places.gateways.push(Gateway { name, inbound, outbound, share });
        }
        for (at, origin) in self.items::<dto::Origin>(&whole.origins) {
            self.find(&at, "road", &origin.road, roads);
            let dto::Origin { road, ways, reference } = origin;
            places.origins.push(RoadOrigin { road, ways, reference });
        }
        places
    }

    /// The items of a list that have the right form, each with where it stands.
    fn items<T: DeserializeOwned>(&mut self, raw: &[&RawValue]) -> Vec<(Place, T)> {
        let mut items = Vec::new();
        for value in raw {
            // The raw value is a part of the text, so their addresses tell where it begins.
            let offset = value.get().as_ptr() as usize - self.text.as_ptr() as usize;
            let (line, column) = line_and_column(self.text, offset);
            match serde_json::from_str(value.get()) {
                Ok(item) => items.push((self.place.at(line, column), item)),
                Err(error) => {
                    let first = if error.line() <= 1 { column.saturating_sub(1) } else { 0 };
                    let at = self.place.at(line + number(error.line().max(1)) - 1, first + number(error.column()));
                    self.findings.problem(Problem::new(at, plain(&error)));
                }
            }
        }
        items
    }

    fn areas(&mut self, raw: &[&RawValue]) -> Vec<Area> {
        let areas = self.items::<dto::Area>(raw).into_iter();
        areas.map(|(_, a)| Area { name: a.name, outline: a.outline.into_iter().map(point).collect() }).collect()
    }

    fn sites(&mut self, raw: &[&RawValue], roads: &Index) -> Vec<Site> {
        let mut sites = Vec::new();
        for (at, site) in self.items::<dto::Site>(raw) {
            self.find(&at, "road", &site.road, roads);
            sites.push(Site { name: site.name, at: Kerb { road: site.road, point: point(site.at) } });
        }
        sites
    }

    /// Notes the arrows and the sign of a road.
    fn marked(&mut self, at: &Place, road: &dto::Road, number: usize, markings: &mut Markings) {
        for (index, lane) in road.lanes.iter().enumerate() {
            let Some(words) = &lane.arrows else { continue };
            let mut arrows = LaneArrows::default();
            for word in words.split(';') {
                match word {
                    "left" => arrows.left = true,
                    "through" => arrows.through = true,
                    "right" => arrows.right = true,
                    _ => self.unknown(at, "arrow", word, ["left", "through", "right"].into_iter()),
                }
            }
            markings.arrows.insert((number, index), arrows);
        }
        if let Some(sign) = road.sign {
            let sign = match sign {
                dto::Sign::GiveWay => Sign::GiveWay,
                dto::Sign::Stop => Sign::Stop,
            };
            markings.signs.insert(number, sign);
        }
    }

    fn road(&mut self, at: &Place, road: dto::Road, index: &Index, nodes: &[BareNode]) -> Option<BareRoad> {
        let from = self.find(at, "node", &road.from, index);
        let to = self.find(at, "node", &road.to, index);
        self.positive(at, "limit_kmh", road.limit_kmh);
        if road.lanes.is_empty() {
            self.findings.problem(Problem::new(at.clone(), format!("road {} has no lanes", road.id)));
        }
        let mut lanes = Vec::new();
        for lane in road.lanes {
            self.positive(at, "width_m", lane.width_m);
            lanes.push(BareLane { width: Distance::metres(lane.width_m), allowed: self.classes(at, &lane) });
        }
        let (from, to) = (from?, to?);
        let bends = road.bends.into_iter().map(point);
        let line: Vec<Point> = if road.apart {
            bends.collect()
        } else {
            std::iter::once(nodes[from].position).chain(bends).chain([nodes[to].position]).collect()
        };
        if line.len() < 2 {
            let problem = Problem::new(at.clone(), format!("the line of road {} has fewer than two points", road.id));
            self.findings.problem(problem.help("without `apart` it leads from node to node"));
            return None;
        }
        Some(BareRoad {
            name: road.id,
            street: road.street,
            from,
            to,
            line: Polyline::new(line),
            centred: road.centred,
            lanes,
            speed: Speed::kilometres_per_hour(road.limit_kmh),
            priority: road.priority,
            road_type: road.kind,
        })
    }

    fn classes(&mut self, at: &Place, lane: &dto::Lane) -> ClassSet {
        let mut set = |names: &[String]| {
            let mut classes = Vec::new();
            for name in names {
                match VehicleClass::from_name(name) {
                    Some(class) => classes.push(class),
                    None => self.unknown(at, "vehicle class", name, VehicleClass::ALL.iter().map(|c| c.name())),
                }
            }
            ClassSet::of(&classes)
        };
        match (&lane.only, &lane.all_but) {
            (Some(names), None) => set(names),
            (None, Some(names)) => set(names).complement(),
            (None, None) => ClassSet::ALL,
            (Some(_), Some(_)) => {
                self.findings
                    .problem(Problem::new(at.clone(), "a lane has both \"only\" and \"all_but\"").help("keep one"));
                ClassSet::ALL
            }
        }
    }

    fn register(&mut self, index: &mut Index, at: &Place, what: &str, id: &str, position: usize) {
        if index.insert(id.to_owned(), position).is_some() {
            self.findings.problem(Problem::new(at.clone(), format!("{what} {id} appears twice")));
        }
    }

    fn find(&mut self, at: &Place, what: &str, id: &str, index: &Index) -> Option<usize> {
        let found = index.get(id).copied();
        if found.is_none() {
            self.unknown(at, what, id, index.keys().map(String::as_str));
        }
        found
    }

    fn unknown<'c>(&mut self, at: &Place, what: &str, id: &str, known: impl Iterator<Item = &'c str>) {
        let problem = Problem::new(at.clone(), format!("there is no {what} {id}"));
        self.findings.problem(match closest(id, known) {
            Some(like) => problem.help(format!("did you mean {like}?")),
            None => problem,
        });
    }

    fn positive(&mut self, at: &Place, what: &str, value: f64) {
        if !(value.is_finite() && value > 0.0) {
            self.findings.problem(Problem::new(at.clone(), format!("{what} is {value}, but must be more than 0")));
        }
    }

    fn not_negative(&mut self, at: &Place, what: &str, value: f64) {
        if !(value.is_finite() && value >= 0.0) {
            self.findings.problem(Problem::new(at.clone(), format!("{what} is {value}, but must not be negative")));
        }
    }
}

fn point((x, y): dto::Place) -> Point {
    Point::new(x, y)
}

fn bare_node(node: dto::Node) -> BareNode {
    let control = match node.control {
        dto::Control::Automatic => BareControl::Automatic,
        dto::Control::Signal => BareControl::Signal,
        dto::Control::ActuatedSignal => BareControl::ActuatedSignal,
        dto::Control::RightBeforeLeft => BareControl::RightBeforeLeft,
        dto::Control::AllwayStop => BareControl::AllwayStop,
        dto::Control::Roundabout => BareControl::Roundabout,
    };
    BareNode { name: node.id, position: point(node.at), control }
}

fn placeholder() -> BareRoad {
    BareRoad {
        name: String::new(),
        street: None,
        from: 0,
        to: 0,
        line: Polyline::new(vec![Point::origin()]),
        centred: false,
        lanes: Vec::new(),
        speed: Speed::ZERO,
        priority: 0,
        road_type: None,
    }
}

/// Line and column, from 1, of a byte offset in a text.
fn line_and_column(text: &str, offset: usize) -> (u32, u32) {
    let before = text.get(..offset).unwrap_or_default();
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (number(line), number(column))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "{\"format\": \"citytwin map\", \"version\": 1, \"name\": \"t\", \"projection\": {\"kind\": \"none\"},\n";

    /// Where and what is complained about in a map with these nodes and roads.
    fn complaints(nodes: &str, roads: &str) -> Vec<String> {
        let text = format!("{HEAD}\"nodes\": [\n{nodes}\n],\n\"roads\": [\n{roads}\n]}}\n");
        match parse(Path::new("m.json"), &text) {
            Ok(_) => Vec::new(),
            Err(findings) => findings.problems().iter().map(ToString::to_string).collect(),
        }
    }

    const NODES: &str =
        "{\"id\": \"east\", \"at\": [0, 0]},\n{\"id\": \"west\", \"at\": [90, 0], \"control\": \"signal\"}";

    fn road(id: &str, to: &str, lanes: &str) -> String {
        format!(
            "{{\"id\": \"{id}\", \"from\": \"east\", \"to\": \"{to}\", \"limit_kmh\": 50, \"priority\": 1, \"lanes\": [{lanes}]}}"
        )
    }

    #[test]
    fn every_fault_is_named_with_its_line() {
        assert_eq!(complaints(NODES, &road("a", "west", "{\"width_m\": 3}")), Vec::<String>::new());
        let roads = [
            road("a", "wets", "{\"width_m\": 3}"),
            road("a", "west", ""),
            road("b", "west", "{\"width_m\": -3, \"only\": [\"buss\"]}"),
            road("c", "west", "{\"width_m\": 3, \"colour\": 1}"),
        ];
        let found = complaints(NODES, &roads.join(",\n"));
        let expected = [
            "m.json:7:1: there is no node wets (did you mean west?)",
            "m.json:8:1: road a appears twice",
            "m.json:8:1: road a has no lanes",
            "m.json:9:1: width_m is -3, but must be more than 0",
            "m.json:9:1: there is no vehicle class buss (did you mean bus?)",
        ];
        for (expected, found) in expected.iter().zip(found.iter().filter(|f| !f.contains("colour"))) {
            assert_eq!(expected, found);
        }
        assert!(found.iter().any(|f| f.starts_with("m.json:10:") && f.contains("colour")), "{found:#?}");
        assert_eq!(found.len(), 6);
    }

    #[test]
    fn damaged_text_is_refused_and_never_a_panic() {
        let text =
            format!("{HEAD}\"nodes\": [\n{NODES}\n],\n\"roads\": [\n{}\n]}}\n", road("a", "west", "{\"width_m\": 3}"));
        for cut in 0..text.len() - 3 {
            assert!(parse(Path::new("m.json"), &text[..cut]).is_err(), "cut at {cut}");
        }
        for at in 0..text.len() {
            for bit in 0..7 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                if let Ok(damaged) = String::from_utf8(bytes) {
                    let _ = parse(Path::new("m.json"), &damaged);
                }
            }
        }
    }
}
