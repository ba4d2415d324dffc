//! From the elements of a network file to the columns of a network.
//!
//! Decides what is kept, resolves every name, and orders lanes by edge and links by lane.

use std::collections::{BTreeMap, BTreeSet};

use crate::primitives::ids::{EdgeId, JunctionId, LaneId, LinkId, SignalId};
use crate::primitives::text::{Findings, Problem};
use crate::primitives::{Distance, Polyline, Speed};

use super::super::assembly::{NetworkParts, RequestRow};
use super::super::model::{Edge, EdgeKind, Junction, JunctionKind, Lane, Link, Projection, RightOfWay, Signal};
use super::junctions::{self, Way, Ways, split_lane};
use super::raw::{Function, RawConnection, RawEdge, RawNetwork, is_driven, left_out_as, unknown};
use super::signals::{rail_control, rail_program, show_heads};

/// Builds the columns; what is wrong goes to the findings, and then the columns are not to be used.
pub(super) fn build(raw: &RawNetwork<'_>, findings: &mut Findings) -> NetworkParts {
    let junction_ids = junctions::by_name(raw);
    let kept = keep(raw, findings);
    let mut columns = Columns::default();
    for edge in raw.edges.iter().filter(|edge| kept.edges.contains(edge.name.as_ref())) {
        columns.add_edge(edge, &junction_ids, findings);
    }
    let signals = gather_signals(raw, findings);
    let known = columns.add_links(raw, &kept, &signals, findings);
    let ways = by_lane(raw);
    let requests = order(raw, &ways, &known, &mut columns.links, findings);
    junctions::waiting_places(raw, &ways, &known, &mut columns.links);
    NetworkParts {
        junctions: build_junctions(raw, findings),
        requests,
        edges: columns.edges,
        lanes: columns.lanes,
        links: columns.links,
        signals: signals.all,
        projection: raw.projection.clone().unwrap_or(Projection::None),
        left_hand: raw.left_hand,
    }
}

/// Which edges and connections vehicles use.
struct Kept<'r> {
    edges: BTreeSet<&'r str>,
    connections: Vec<bool>,
}

/// Keeps the roads some vehicle may use, the connections between them, and the paths those take over junctions.
fn keep<'r>(raw: &'r RawNetwork<'_>, findings: &mut Findings) -> Kept<'r> {
    let mut by_name: BTreeMap<&str, &RawEdge<'_>> = BTreeMap::new();
    for edge in &raw.edges {
        if by_name.insert(edge.name.as_ref(), edge).is_some() {
            findings.problem(Problem::new(edge.place.clone(), format!("there are two edges '{}'", edge.name)));
        }
    }
    let mut roads = BTreeSet::new();
    for edge in raw.edges.iter().filter(|edge| edge.function != Function::Internal) {
        if edge.lanes.is_empty() {
            findings.problem(Problem::new(edge.place.clone(), format!("edge '{}' has no lane", edge.name)));
        } else if let Some(what) = left_out_as(edge) {
            findings.unsupported(what, 1);
        } else {
            roads.insert(edge.name.as_ref());
        }
    }
    let is_internal = |name: &str| by_name.get(name).is_some_and(|edge| edge.function == Function::Internal);
    let for_vehicles = |name: &str, lane: u32| match by_name.get(name) {
        // Unknown names are complained about where links are made.
        None => true,
        Some(edge) => edge.lanes.get(lane as usize).is_none_or(|lane| is_driven(lane.allowed)),
    };
    let known = |name: &str| roads.contains(name) || !by_name.contains_key(name);
    // A path is reached from a kept connection, or from the first half of a kept path; two rounds find both halves.
    let mut edges = roads.clone();
    let mut connections = vec![false; raw.connections.len()];
    loop {
        let mut grown = false;
        for (connection, kept) in raw.connections.iter().zip(&mut connections) {
            let from = connection.from.as_ref();
            let from_kept = edges.contains(from) || (!is_internal(from) && known(from));
            if *kept
                || !from_kept
                || !known(connection.to.as_ref())
                || !for_vehicles(from, connection.from_lane)
                || !for_vehicles(connection.to.as_ref(), connection.to_lane)
            {
                continue;
            }
            *kept = true;
            grown = true;
            if let Some((via, _)) = connection.via.as_deref().and_then(split_lane) {
                edges.insert(by_name.get_key_value(via).map_or(via, |(name, _)| name));
            }
        }
        if !grown {
            break;
        }
    }
    Kept { edges, connections }
}

#[derive(Default)]
struct Columns {
    edges: Vec<Edge>,
    lanes: Vec<Lane>,
    links: Vec<Link>,
    by_name: BTreeMap<String, EdgeId>,
}

impl Columns {
    fn add_edge(&mut self, raw: &RawEdge<'_>, junctions: &BTreeMap<&str, JunctionId>, findings: &mut Findings) {
        let (from, to) = if raw.function == Function::Internal {
            let own = internal_junction(raw.name.as_ref(), junctions);
            (own, own)
        } else {
            let mut end = |name: Option<&str>, what: &str| {
                let name = name.unwrap_or("");
                let found = junctions.get(name).copied();
                if found.is_none() {
                    let message = format!("edge '{}' {what} at an unknown junction '{name}'", raw.name);
                    findings.problem(unknown(&raw.place, message, name, junctions.keys().copied()));
                }
                found
            };
            (end(raw.from.as_deref(), "begins"), end(raw.to.as_deref(), "ends"))
        };
        let id = EdgeId::new(self.edges.len());
        let first = LaneId::new(self.lanes.len()).raw();
        for (lane, index) in raw.lanes.iter().zip(0_u32..) {
            self.lanes.push(Lane {
                edge: id,
                index,
                length: Distance::metres(lane.length),
                speed: Speed::metres_per_second(lane.speed),
                width: Distance::metres(lane.width),
                allowed: lane.allowed,
                change_left: lane.change_left,
                change_right: lane.change_right,
                shape: Polyline::new(lane.shape.clone()),
                links: 0..0,
                incoming: Vec::new(),
                conflicts: Vec::new(),
            });
        }
        let nowhere = JunctionId::new(0);
        self.by_name.insert(raw.name.to_string(), id);
        self.edges.push(Edge {
            name: raw.name.to_string(),
            street: raw.street.as_ref().map(ToString::to_string),
            kind: if raw.function == Function::Internal { EdgeKind::Internal } else { EdgeKind::Road },
            from: from.unwrap_or(nowhere),
            to: to.unwrap_or(nowhere),
            lanes: first..LaneId::new(self.lanes.len()).raw(),
            priority: raw.priority,
            length: raw.lanes.first().map_or(Distance::ZERO, |lane| Distance::metres(lane.length)),
            road_type: raw.road_type.as_ref().map(ToString::to_string),
        });
    }

    fn lane(&self, edge: &str, index: u32) -> Result<LaneId, String> {
        let Some(id) = self.by_name.get(edge) else { return Err(format!("an unknown edge '{edge}'")) };
        let lanes = &self.edges[id.index()];
        lanes.lane_ids().nth(index as usize).ok_or_else(|| {
            format!("lane {index} of edge '{edge}', which has only lanes 0 to {}", lanes.lane_count().saturating_sub(1))
        })
    }

    /// Makes links of the kept connections, ordered by lane; says for every connection what became of it.
    fn add_links(
        &mut self,
        raw: &RawNetwork<'_>,
        kept: &Kept<'_>,
        signals: &Signals,
        findings: &mut Findings,
    ) -> Vec<Way> {
        let mut made: Vec<(usize, Link)> = Vec::with_capacity(raw.connections.len());
        for (i, connection) in raw.connections.iter().enumerate() {
            if kept.connections[i] {
                made.extend(self.link(connection, signals, findings).map(|link| (i, link)));
            }
        }
        made.sort_by_key(|(_, link)| link.from);
        let functions: BTreeMap<&str, Function> =
            raw.edges.iter().map(|edge| (edge.name.as_ref(), edge.function)).collect();
        let function = |name: &str| functions.get(name).copied().unwrap_or(Function::Normal);
        let mut ways: Vec<Way> = raw
            .connections
            .iter()
            .map(|connection| {
                let (from, to) = (function(&connection.from), function(&connection.to));
                let off_area = from == Function::WalkingArea && to != Function::Crossing;
                Way { link: None, has_row: to != Function::WalkingArea && !off_area }
            })
            .collect();
        for (i, link) in made {
            let (id, from) = (LinkId::new(self.links.len()), link.from);
            ways[i].link = Some(id);
            let links = &mut self.lanes[from.index()].links;
            if links.start == links.end {
                links.start = id.raw();
            }
            links.end = id.raw() + 1;
            self.links.push(link);
        }
        ways
    }

    fn link(&self, raw: &RawConnection<'_>, signals: &Signals, findings: &mut Findings) -> Option<Link> {
        let mut resolve = |edge: &str, lane: u32, what: &str| {
            self.lane(edge, lane)
                .map_err(|found| {
                    let problem = Problem::new(raw.place.clone(), format!("a connection {what} {found}"));
                    let names = self.by_name.keys().map(String::as_str);
                    findings.problem(super::suggest(problem, edge, names.filter(|_| !self.by_name.contains_key(edge))));
                })
                .ok()
        };
        let from = resolve(&raw.from, raw.from_lane, "begins at");
        let to = resolve(&raw.to, raw.to_lane, "leads to");
        let via = match raw.via.as_deref() {
            None => None,
            Some(name) => {
                let Some((edge, index)) = split_lane(name) else {
                    let message = format!("a connection leads over '{name}', which is no lane's name");
                    findings.problem(Problem::new(raw.place.clone(), message));
                    return None;
                };
                Some(resolve(edge, index, "leads over")?)
            }
        };
        let (from, to) = (from?, to?);
        let signal = raw.signal.as_ref().and_then(|(name, index)| signals.head(name, *index, raw, findings));
        // A signal nobody speaks for leaves the way free.
        let unsignalled = raw.right_of_way == RightOfWay::Signal && signal.is_none();
        Some(Link {
            from,
            via,
            to,
            junction: self.edges[self.lanes[from.index()].edge.index()].to,
            turn: raw.turn,
            right_of_way: if unsignalled { RightOfWay::Major } else { raw.right_of_way },
            signal,
            request: None,
            keep_clear: raw.keep_clear,
            may_wait_inside: false,
            visibility: Distance::metres(raw.visibility),
            yields_to: Vec::new(),
        })
    }
}

/// The junction an internal edge crosses, from its name `:junction_number`.
fn internal_junction(name: &str, junctions: &BTreeMap<&str, JunctionId>) -> Option<JunctionId> {
    let mut rest = name.strip_prefix(':')?;
    while let Some((junction, _)) = rest.rsplit_once('_') {
        if let Some(&id) = junctions.get(junction) {
            return Some(id);
        }
        rest = junction;
    }
    None
}

/// Signals by name.
struct Signals {
    all: Vec<Signal>,
    by_name: BTreeMap<String, SignalId>,
}

impl Signals {
    fn head(
        &self,
        name: &str,
        index: u32,
        raw: &RawConnection<'_>,
        findings: &mut Findings,
    ) -> Option<(SignalId, u32)> {
        let Some(&id) = self.by_name.get(name) else {
            let message = format!("a connection obeys an unknown signal '{name}'");
            findings.problem(unknown(&raw.place, message, name, self.by_name.keys().map(String::as_str)));
            return None;
        };
        let heads = self.all[id.index()].programs.iter().map(|program| program.phases[0].aspects.len()).min();
        if heads.is_some_and(|heads| index as usize >= heads) {
            let message = format!("a connection obeys head {index} of signal '{name}', whose phases are shorter");
            findings.problem(Problem::new(raw.place.clone(), message));
            return None;
        }
        Some((id, index))
    }
}

fn gather_signals(raw: &RawNetwork<'_>, findings: &mut Findings) -> Signals {
    let mut signals: Vec<Signal> = Vec::new();
    let mut by_name: BTreeMap<String, SignalId> = BTreeMap::new();
    for (name, program, place) in &raw.programs {
        let id = *by_name.entry(name.clone()).or_insert_with(|| {
            signals.push(Signal { name: name.clone(), programs: Vec::new(), links: Vec::new() });
            SignalId::new(signals.len() - 1)
        });
        let programs = &mut signals[id.index()].programs;
        if programs.iter().any(|other| other.name == program.name) {
            let message = format!("signal '{name}' has two programs '{}'", program.name);
            findings.problem(Problem::new(place.clone(), message));
        }
        programs.push(program.clone());
    }
    // Signals of railways need no program in the file; how many heads they have only the connections say.
    for junction in &raw.junctions {
        let Some(control) = rail_control(&junction.kind) else { continue };
        by_name.entry(junction.name.to_string()).or_insert_with(|| {
            let programs = vec![rail_program("0".to_string(), control)];
            signals.push(Signal { name: junction.name.to_string(), programs, links: Vec::new() });
            SignalId::new(signals.len() - 1)
        });
    }
    for (name, index) in raw.connections.iter().filter_map(|connection| connection.signal.as_ref()) {
        if let Some(&id) = by_name.get(name.as_ref()) {
            signals[id.index()].programs.iter_mut().for_each(|program| show_heads(program, *index as usize + 1));
        }
    }
    Signals { all: signals, by_name }
}

/// Connections by the lane they begin on, in the order of the file.
fn by_lane<'r>(raw: &'r RawNetwork<'_>) -> Ways<'r> {
    let mut ways = Ways::new();
    for (i, connection) in raw.connections.iter().enumerate() {
        ways.entry((connection.from.as_ref(), connection.from_lane)).or_default().push(i);
    }
    ways
}

fn order(
    raw: &RawNetwork<'_>,
    ways: &Ways<'_>,
    known: &[Way],
    links: &mut [Link],
    findings: &mut Findings,
) -> Vec<Vec<RequestRow>> {
    let junctions = raw.junctions.iter().filter(|junction| junction.kind != "internal");
    junctions.map(|junction| junctions::order_requests(junction, ways, known, links, findings)).collect()
}

fn build_junctions(raw: &RawNetwork<'_>, findings: &mut Findings) -> Vec<Junction> {
    let mut names = BTreeSet::new();
    let mut built = Vec::new();
    for junction in raw.junctions.iter().filter(|junction| junction.kind != "internal") {
        if !names.insert(junction.name.as_ref()) {
            let message = format!("there are two junctions '{}'", junction.name);
            findings.problem(Problem::new(junction.place.clone(), message));
        }
        let kind = junctions::kind(&junction.kind);
        if kind == JunctionKind::Other {
            findings.unsupported(format!("junctions of type {} (run by priority)", junction.kind), 1);
        }
        built.push(Junction {
            name: junction.name.to_string(),
            kind,
            position: junction.position,
            shape: junction.shape.clone(),
            links: Vec::new(),
        });
    }
    built
}
