//! The elements of a network file as they stand there, each with its place.
//!
//! Every name becomes a number on the way in, so that nothing after this compares texts. Resolves no names; only numbers and
//! words are checked here.

use std::borrow::Cow;
use std::ops::Range;

use crate::primitives::text::{Findings, Place, Problem};
use crate::primitives::{ClassSet, Point, VehicleClass};

use super::super::model::{Projection, RightOfWay, SignalProgram, Turn};
use super::super::names::Names;
use super::super::xml::{Element, Item, Source, Spot, parse_number, walk};
use super::parse_classes;
use super::signals::ProgramReader;

/// SUMO's letters for ways to turn.
const TURNS: [(&str, Turn); 10] = [
    ("s", Turn::Straight),
    ("r", Turn::Right),
    ("R", Turn::SlightRight),
    ("l", Turn::Left),
    ("L", Turn::SlightLeft),
    ("t", Turn::Back),
    ("T", Turn::Back),
    ("invalid", Turn::Straight),
    ("none", Turn::Straight),
    ("", Turn::Straight),
];
/// SUMO's letters for the right of way.
const STATES: [(&str, RightOfWay); 11] = [
    ("M", RightOfWay::Major),
    ("m", RightOfWay::Minor),
    ("=", RightOfWay::Equal),
    ("s", RightOfWay::Stop),
    ("w", RightOfWay::AllwayStop),
    ("Z", RightOfWay::Zipper),
    ("o", RightOfWay::Signal),
    ("O", RightOfWay::Signal),
    ("t", RightOfWay::Signal),
    ("-", RightOfWay::DeadEnd),
    ("", RightOfWay::Major),
];
/// Width of a lane that gives none [m] (SUMO).
const LANE_WIDTH: f64 = 3.2;
/// From how far crossing traffic is seen where a connection does not say [m] (SUMO).
const VISIBILITY: f64 = 4.5;
/// The same where two lanes become one in turn: from there on their drivers adapt to each other [m] (SUMO).
const VISIBILITY_ZIPPER: f64 = 100.0;
/// Shortest lane [m]; shorter ones would stop the clockwork of moving from lane to lane.
const LANE_LENGTH_MIN: f64 = 0.1;

/// What an edge element is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Normal,
    Internal,
    Crossing,
    WalkingArea,
}

/// "No such element".
pub(super) const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(super) struct RawEdge<'s> {
    pub(super) spot: Spot<'s>,
    /// Its number in [`RawNetwork::edge_names`].
    pub(super) name: u32,
    pub(super) function: Function,
    /// Numbers in [`RawNetwork::junction_names`].
    pub(super) from: Option<u32>,
    pub(super) to: Option<u32>,
    pub(super) priority: i32,
    pub(super) street: Option<Cow<'s, str>>,
    pub(super) road_type: Option<Cow<'s, str>>,
    /// The edge that is the same track in the other direction: its number in [`RawNetwork::edge_names`].
    pub(super) bidi: Option<u32>,
    /// Positions in [`RawNetwork::lanes`].
    pub(super) lanes: Range<usize>,
}

#[derive(Debug)]
pub(super) struct RawLane {
    pub(super) allowed: ClassSet,
    pub(super) change_left: ClassSet,
    pub(super) change_right: ClassSet,
    /// Whether somebody drives on it, on wheels or on rails.
    pub(super) for_vehicles: bool,
    pub(super) speed: f64,
    pub(super) length: f64,
    pub(super) width: f64,
    pub(super) shape: Vec<Point>,
}

#[derive(Debug)]
pub(super) struct RawJunction<'s> {
    pub(super) spot: Spot<'s>,
    pub(super) name: Cow<'s, str>,
    pub(super) kind: Cow<'s, str>,
    pub(super) position: Point,
    pub(super) shape: Vec<Point>,
    pub(super) incoming: Cow<'s, str>,
    /// Positions in [`RawNetwork::requests`].
    pub(super) requests: Range<usize>,
}

/// A row of a right-of-way matrix; both texts are made of 0 and 1, the last for link 0.
#[derive(Debug)]
pub(super) struct RawRequest<'s> {
    pub(super) index: u32,
    pub(super) response: Cow<'s, str>,
    pub(super) foes: Cow<'s, str>,
    pub(super) cont: bool,
}

/// The internal lane a connection leads over.
#[derive(Debug)]
pub(super) enum RawVia<'s> {
    None,
    /// Its edge's number in [`RawNetwork::edge_names`], and its place on it.
    Lane(u32, u32),
    /// What is no lane's name.
    Unreadable(Cow<'s, str>),
}

#[derive(Debug)]
pub(super) struct RawConnection<'s> {
    pub(super) spot: Spot<'s>,
    /// Numbers in [`RawNetwork::edge_names`].
    pub(super) from: u32,
    pub(super) from_lane: u32,
    pub(super) to: u32,
    pub(super) to_lane: u32,
    pub(super) via: RawVia<'s>,
    /// Number in [`RawNetwork::signal_names`], and the head.
    pub(super) signal: Option<(u32, u32)>,
    pub(super) turn: Turn,
    pub(super) right_of_way: RightOfWay,
    pub(super) keep_clear: bool,
    pub(super) visibility: f64,
}

/// A network file's elements.
#[derive(Debug, Default)]
pub(super) struct RawNetwork<'s> {
    pub(super) edges: Vec<RawEdge<'s>>,
    pub(super) lanes: Vec<RawLane>,
    pub(super) junctions: Vec<RawJunction<'s>>,
    pub(super) requests: Vec<RawRequest<'s>>,
    pub(super) connections: Vec<RawConnection<'s>>,
    pub(super) programs: Vec<(String, SignalProgram, Place)>,
    pub(super) projection: Option<Projection>,
    pub(super) left_hand: bool,
    /// Names of the edges of roundabouts.
    pub(super) roundabouts: Vec<String>,
    /// Every name used for an edge, whether there is one or not.
    pub(super) edge_names: Names<'s>,
    /// Every name of a junction and of the end of an edge, without waiting places.
    pub(super) junction_names: Names<'s>,
    /// Every name used for a signal by connections.
    pub(super) signal_names: Names<'s>,
}

/// Gathers a file's elements.
pub(super) fn gather<'s>(source: &'s Source, findings: &mut Findings) -> RawNetwork<'s> {
    let mut raw = RawNetwork::default();
    let mut program = ProgramReader::default();
    walk(source, findings, |item, findings| {
        match item {
            Item::Open(element) => return raw.open(element, &mut program, findings),
            Item::Close("tlLogic") => raw.programs.extend(program.finish(findings)),
            Item::Close(_) => {}
        }
        true
    });
    raw
}

impl<'s> RawNetwork<'s> {
    /// Takes in one element; says whether what lies in it is wanted.
    fn open(&mut self, element: &Element<'s>, program: &mut ProgramReader, findings: &mut Findings) -> bool {
        match element.name {
            "net" if element.depth == 0 => {
                self.left_hand = element.flag("lefthand", findings).unwrap_or(false);
            }
            _ if element.depth == 0 => {
                let message = format!("the file is no SUMO network: it holds <{}> instead of <net>", element.name);
                findings.problem(element.problem(message));
                return false;
            }
            "edge" => self.read_edge(element, findings),
            "lane" => {
                if let (Some(edge), Some(lane)) = (self.edges.last_mut(), read_lane(element, findings)) {
                    self.lanes.push(lane);
                    edge.lanes.end = self.lanes.len();
                }
            }
            "junction" => {
                let at = self.requests.len();
                let junction = read_junction(element, at, findings);
                if let Some(junction) = junction.as_ref().filter(|junction| junction.kind != "internal") {
                    self.junction_names.intern(junction.name.clone());
                }
                self.junctions.extend(junction);
            }
            "request" => {
                if let (Some(junction), Some(request)) = (self.junctions.last_mut(), read_request(element, findings)) {
                    self.requests.push(request);
                    junction.requests.end = self.requests.len();
                }
            }
            "connection" => {
                self.read_connection(element, findings);
            }
            "location" => self.projection = Some(read_location(element, findings)),
            "tlLogic" | "phase" | "param" => program.open(element, findings),
            // They say again what requests say, or only describe types.
            "type" | "prohibition" => return false,
            "roundabout" => {
                let edges = element.get("edges").unwrap_or_default();
                self.roundabouts.extend(edges.split_whitespace().map(str::to_string));
            }
            other => {
                findings.unsupported(format!("<{other}> in the network"), 1);
                return false;
            }
        }
        true
    }

    fn read_edge(&mut self, element: &Element<'s>, findings: &mut Findings) {
        let Some(name) = element.required("id", findings) else { return };
        let function = match element.get("function") {
            None | Some("normal" | "connector") => Function::Normal,
            Some("internal") => Function::Internal,
            Some("crossing") => Function::Crossing,
            Some("walkingarea") => Function::WalkingArea,
            Some(other) => {
                findings.problem(element.problem(format!("edge '{name}' has an unknown function '{other}'")));
                return;
            }
        };
        let priority = element.get("priority").map_or(Some(-1), |text| text.trim().parse().ok());
        if priority.is_none() {
            findings.problem(element.problem(format!("the priority of edge '{name}' is not a whole number")));
        }
        let bidi = element.text("bidi").filter(|other| !other.is_empty());
        let mut end = |attribute: &str| element.text(attribute).map(|name| self.junction_names.intern(name));
        self.edges.push(RawEdge {
            spot: element.spot(),
            name: self.edge_names.intern(name),
            function,
            from: end("from"),
            to: end("to"),
            priority: priority.unwrap_or(-1),
            street: element.text("name").filter(|street| !street.trim().is_empty()),
            road_type: element.text("type").filter(|kind| !kind.is_empty()),
            bidi: bidi.map(|other| self.edge_names.intern(other)),
            lanes: self.lanes.len()..self.lanes.len(),
        });
    }

    fn read_connection(&mut self, element: &Element<'s>, findings: &mut Findings) -> Option<()> {
        let (from, to) = (element.required("from", findings), element.required("to", findings));
        let mut lane = |name: &str| {
            element.required(name, findings)?;
            element.whole(name, findings)
        };
        let (from_lane, to_lane) = (lane("fromLane"), lane("toLane"));
        let signal = match element.text("tl").filter(|name| !name.is_empty()) {
            // At a railway crossing the ways without a head of the signal have index -1.
            Some(_) if element.get("linkIndex") == Some("-1") => None,
            Some(name) if element.get("linkIndex").is_some() => {
                Some((self.signal_names.intern(name), element.whole("linkIndex", findings)?))
            }
            Some(name) => {
                findings.problem(element.problem(format!("a connection under signal '{name}' has no linkIndex")));
                None
            }
            None => None,
        };
        let via = match element.text("via").filter(|via| !via.is_empty()) {
            None => RawVia::None,
            Some(via) => match split_lane(&via) {
                None => RawVia::Unreadable(via),
                Some((edge, index)) => RawVia::Lane(self.edge_names.intern(cut(&via, edge.len())), index),
            },
        };
        let right_of_way = element.word("state", &STATES, findings).unwrap_or(RightOfWay::Major);
        let visibility = if right_of_way == RightOfWay::Zipper { VISIBILITY_ZIPPER } else { VISIBILITY };
        self.connections.push(RawConnection {
            spot: element.spot(),
            from: self.edge_names.intern(from?),
            from_lane: from_lane?,
            to: self.edge_names.intern(to?),
            to_lane: to_lane?,
            via,
            signal,
            turn: element.word("dir", &TURNS, findings).unwrap_or(Turn::Straight),
            right_of_way,
            keep_clear: element.flag("keepClear", findings).unwrap_or(true),
            visibility: element.number("visibility", findings).unwrap_or(visibility),
        });
        Some(())
    }
}

/// The first `length` bytes of a text, borrowed where the text is.
fn cut<'s>(text: &Cow<'s, str>, length: usize) -> Cow<'s, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..length]),
        Cow::Owned(text) => Cow::Owned(text[..length].to_owned()),
    }
}

/// Edge and index of a lane's name.
pub(super) fn split_lane(name: &str) -> Option<(&str, u32)> {
    let (edge, index) = name.rsplit_once('_')?;
    Some((edge, index.parse().ok()?))
}

fn read_lane(element: &Element<'_>, findings: &mut Findings) -> Option<RawLane> {
    let mut complaints = Vec::new();
    let mut classes = |allow: &str, disallow: Option<&str>| {
        let disallow = disallow.and_then(|name| element.get(name));
        parse_classes(element.get(allow), disallow, |p| complaints.push(p), |message| element.problem(message))
    };
    let allowed = classes("allow", Some("disallow"));
    let (change_left, change_right) = (classes("changeLeft", None), classes("changeRight", None));
    for problem in complaints {
        findings.problem(problem);
    }
    let name = element.get("id").unwrap_or("?");
    let mut positive = |attribute: &str, default: Option<f64>| {
        if element.get(attribute).is_none() {
            if default.is_none() {
                findings.problem(element.problem(format!("lane '{name}' has no {attribute}")));
            }
            return default;
        }
        let value = element.number(attribute, findings)?;
        if value <= 0.0 {
            findings.problem(element.problem(format!("the {attribute} of lane '{name}' is not positive: {value}")));
        }
        Some(value)
    };
    let (speed, length) = (positive("speed", None), positive("length", None));
    let width = positive("width", Some(LANE_WIDTH));
    let shape = read_shape(element, findings).unwrap_or_default();
    if shape.is_empty() {
        findings.problem(element.problem(format!("lane '{name}' has no shape")));
        return None;
    }
    Some(RawLane {
        allowed,
        change_left,
        change_right,
        for_vehicles: is_driven(allowed),
        speed: speed?,
        length: length?.max(LANE_LENGTH_MIN),
        width: width?,
        shape,
    })
}

fn read_junction<'s>(element: &Element<'s>, first_request: usize, findings: &mut Findings) -> Option<RawJunction<'s>> {
    let name = element.required("id", findings)?;
    let (x, y) = (element.number("x", findings), element.number("y", findings));
    Some(RawJunction {
        spot: element.spot(),
        name,
        kind: element.text("type").unwrap_or(Cow::Borrowed("")),
        position: Point::new(x.unwrap_or(0.0), y.unwrap_or(0.0)),
        shape: read_shape(element, findings).unwrap_or_default(),
        incoming: element.text("incLanes").unwrap_or_default(),
        requests: first_request..first_request,
    })
}

fn read_request<'s>(element: &Element<'s>, findings: &mut Findings) -> Option<RawRequest<'s>> {
    let bits = |name: &str, findings: &mut Findings| {
        let text = element.required(name, findings)?;
        if text.bytes().all(|bit| matches!(bit, b'0' | b'1')) {
            return Some(text);
        }
        findings.problem(element.problem(format!("'{name}' of a right-of-way row is not made of 0 and 1")));
        None
    };
    let (response, foes) = (bits("response", findings), bits("foes", findings));
    Some(RawRequest {
        index: element.whole("index", findings)?,
        response: response?,
        foes: foes?,
        cont: element.flag("cont", findings).unwrap_or(false),
    })
}

/// The points of a `shape`; heights are left out.
fn read_shape(element: &Element<'_>, findings: &mut Findings) -> Option<Vec<Point>> {
    let text = element.get("shape")?;
    let point = |word: &str| {
        let mut numbers = word.split(',');
        let (x, y) = (parse_number(numbers.next()?)?, parse_number(numbers.next()?)?);
        (x.is_finite() && y.is_finite()).then(|| Point::new(x, y))
    };
    let room = 1 + text.bytes().filter(|&byte| byte == b' ').count();
    let mut points = Vec::with_capacity(room);
    for word in text.split_ascii_whitespace() {
        let Some(point) = point(word) else {
            let name = element.get("id").unwrap_or("?");
            findings.problem(element.problem(format!("the shape of '{name}' is not a list of points 'x,y'")));
            return None;
        };
        points.push(point);
    }
    Some(points)
}

fn read_location(element: &Element<'_>, findings: &mut Findings) -> Projection {
    let parameters = element.get("projParameter").unwrap_or("!").trim();
    let offset = element.get("netOffset").and_then(|text| {
        let (x, y) = text.split_once(',')?;
        Some((x.trim().parse::<f64>().ok()?, y.split(',').next()?.trim().parse::<f64>().ok()?))
    });
    if parameters == "!" || parameters.is_empty() {
        return Projection::None;
    }
    let value = |key: &str| parameters.split_ascii_whitespace().find_map(|word| word.strip_prefix(key));
    let zone = value("+zone=").and_then(|zone| zone.parse::<u8>().ok()).filter(|zone| (1..=60).contains(zone));
    match (value("+proj="), zone, offset) {
        (Some("utm"), Some(zone), Some(offset)) if offset.0.is_finite() && offset.1.is_finite() => {
            let south = parameters.split_ascii_whitespace().any(|word| word == "+south");
            Projection::Utm { zone, south, offset }
        }
        (Some("eqc"), _, Some((x, y))) if x.to_bits() | y.to_bits() == 0 => {
            equirectangular(value).unwrap_or_else(|| unread(parameters, findings))
        }
        _ => unread(parameters, findings),
    }
}

fn unread(parameters: &str, findings: &mut Findings) -> Projection {
    findings.unsupported(format!("map projection '{parameters}'"), 1);
    Projection::None
}

/// The projection of maps of this program: true to scale at its origin, on a sphere of WGS 84's equatorial radius.
fn equirectangular<'v>(value: impl Fn(&str) -> Option<&'v str>) -> Option<Projection> {
    let degrees = |key: &str| value(key)?.parse::<f64>().ok().filter(|degrees| degrees.abs() <= 180.0);
    let (lon, lat, scale) = (degrees("+lon_0=")?, degrees("+lat_0=")?, degrees("+lat_ts=")?);
    let fits = scale.to_bits() == lat.to_bits() && lat.abs() < 90.0 && value("+R=") == Some("6378137");
    fits.then_some(Projection::Equirectangular { origin: (lon, lat) })
}

/// A problem at a place that speaks of a name that is not there, with the likeliest meant.
pub(super) fn unknown<'a>(
    place: &Place,
    message: String,
    word: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Problem {
    super::suggest(Problem::new(place.clone(), message), word, names)
}

/// What an edge that is left out was for; none where vehicles use it.
pub(super) fn left_out_as(function: Function, lanes: &[RawLane]) -> Option<&'static str> {
    match function {
        Function::Crossing => return Some("pedestrian crossings"),
        Function::WalkingArea => return Some("walking areas"),
        Function::Normal | Function::Internal => {}
    }
    if lanes.iter().any(|lane| lane.for_vehicles) {
        return None;
    }
    let on_foot = |class| lanes.iter().any(|lane| lane.allowed.contains(class));
    Some(if on_foot(VehicleClass::Pedestrian) || on_foot(VehicleClass::Wheelchair) {
        "footways"
    } else if lanes.iter().all(|lane| lane.allowed.is_empty()) {
        "edges closed to everybody"
    } else {
        "waterways and airways"
    })
}

/// Whether somebody drives on a lane, on wheels or on rails.
fn is_driven(allowed: ClassSet) -> bool {
    allowed.any_on_road() || allowed.any_on_rail()
}
