//! From the elements of a network file to the columns of a network.
//!
//! Decides what is kept, resolves every name, and orders lanes by edge and links by lane.

use std::collections::{BTreeMap, BTreeSet};

use crate::primitives::ids::{EdgeId, JunctionId, LaneId, LinkId, SignalId};
use crate::primitives::text::{Findings, PROBLEMS_MAX, Place, Problem};
use crate::primitives::{Distance, Polyline, Speed};

use super::super::assembly::{NetworkParts, RequestRow};
use super::super::model::{
    Edge, EdgeKind, Junction, JunctionKind, Lane, Link, Projection, RightOfWay, Signal, SignalProgram,
};
use super::junctions::{self, Way, Ways};
use super::raw::{Function, NONE, RawConnection, RawEdge, RawLane, RawNetwork, RawVia, left_out_as, unknown};
use super::signals::{rail_control, rail_program, show_heads};

/// Builds the columns, and lists the edges that are one track with another one; what is wrong goes to the findings, and then
/// neither is to be used.
pub(super) fn build(raw: &mut RawNetwork<'_>, findings: &mut Findings) -> (NetworkParts, BTreeMap<EdgeId, EdgeId>) {
    let programs = std::mem::take(&mut raw.programs);
    let mut lanes = std::mem::take(&mut raw.lanes);
    let ends = junctions::by_name(raw);
    let by_name = edges_by_name(raw, findings);
    let ways = Ways::new(raw);
    let kept = keep(raw, &lanes, &by_name, &ways, findings);
    let mut columns = Columns { by_name: vec![NONE; raw.edge_names.len()], ..Columns::default() };
    let of_vehicles = || raw.edges.iter().filter(|edge| kept.edges[edge.name as usize]);
    columns.edges.reserve_exact(of_vehicles().count());
    columns.lanes.reserve_exact(of_vehicles().map(|edge| edge.lanes.len()).sum());
    for edge in of_vehicles() {
        let lanes = &mut lanes[edge.lanes.clone()];
        columns.add_edge(raw, edge, lanes, &ends, findings);
    }
    drop(lanes);
    let signals = gather_signals(raw, programs, findings);
    let known = columns.add_links(raw, &by_name, &kept, &signals, findings);
    let requests = order(raw, &ways, &known, &mut columns.links, findings);
    junctions::waiting_places(raw, &ways, &known, &mut columns.links);
    let single_tracks = columns.single_tracks(raw);
    let parts = NetworkParts {
        junctions: build_junctions(raw, findings),
        requests,
        edges: columns.edges,
        lanes: columns.lanes,
        links: columns.links,
        signals: signals.all,
        projection: raw.projection.take().unwrap_or(Projection::None),
        left_hand: raw.left_hand,
    };
    (parts, single_tracks)
}

/// The edge of every name, by position, or [`NONE`].
fn edges_by_name(raw: &RawNetwork<'_>, findings: &mut Findings) -> Vec<u32> {
    let mut by_name = vec![NONE; raw.edge_names.len()];
    for (edge, position) in raw.edges.iter().zip(0_u32..) {
        if std::mem::replace(&mut by_name[edge.name as usize], position) != NONE {
            let name = raw.edge_names.name(edge.name);
            findings.problem(Problem::new(edge.spot.place(), format!("there are two edges '{name}'")));
        }
    }
    by_name
}

/// Which edges, by name, and which connections vehicles use.
struct Kept {
    edges: Vec<bool>,
    connections: Vec<bool>,
}

/// Keeps the roads some vehicle may use, the connections between them, and the paths those take over junctions.
fn keep(raw: &RawNetwork<'_>, lanes: &[RawLane], by_name: &[u32], ways: &Ways, findings: &mut Findings) -> Kept {
    let mut roads = vec![false; raw.edge_names.len()];
    for edge in raw.edges.iter().filter(|edge| edge.function != Function::Internal) {
        if edge.lanes.is_empty() {
            let name = raw.edge_names.name(edge.name);
            findings.problem(Problem::new(edge.spot.place(), format!("edge '{name}' has no lane")));
        } else if let Some(what) = left_out_as(edge.function, &lanes[edge.lanes.clone()]) {
            findings.unsupported(what, 1);
        } else {
            roads[edge.name as usize] = true;
        }
    }
    // Unknown names are complained about where links are made.
    let known = |name: u32| roads[name as usize] || by_name[name as usize] == NONE;
    let for_vehicles = |name: u32, lane: u32| {
        let edge = raw.edges.get(by_name[name as usize] as usize);
        edge.and_then(|edge| lanes[edge.lanes.clone()].get(lane as usize)).is_none_or(|lane| lane.for_vehicles)
    };
    // A path is reached from a kept connection, or from the first half of a kept path: whenever an edge is found to be used,
    // what leads on from it is looked at.
    let mut edges = roads.clone();
    let mut connections = vec![false; raw.connections.len()];
    let mut reached: Vec<u32> = (0..NONE).take(edges.len()).filter(|&name| known(name)).collect();
    while let Some(name) = reached.pop() {
        for &position in ways.of_edge(name) {
            let connection = &raw.connections[position as usize];
            if connections[position as usize]
                || !known(connection.to)
                || !for_vehicles(name, connection.from_lane)
                || !for_vehicles(connection.to, connection.to_lane)
            {
                continue;
            }
            connections[position as usize] = true;
            if let RawVia::Lane(via, _) = connection.via
                && !std::mem::replace(&mut edges[via as usize], true)
            {
                reached.push(via);
            }
        }
    }
    Kept { edges, connections }
}

#[derive(Default)]
struct Columns {
    edges: Vec<Edge>,
    lanes: Vec<Lane>,
    links: Vec<Link>,
    /// The edge of every name, or [`NONE`].
    by_name: Vec<u32>,
}

impl Columns {
    fn add_edge(
        &mut self,
        network: &RawNetwork<'_>,
        raw: &RawEdge<'_>,
        lanes: &mut [RawLane],
        junctions: &[Option<JunctionId>],
        findings: &mut Findings,
    ) {
        let name = network.edge_names.name(raw.name);
        let (from, to) = if raw.function == Function::Internal {
            let own = internal_junction(name, network, junctions);
            (own, own)
        } else {
            let mut end = |number: Option<u32>, what: &str| {
                let found = number.and_then(|number| junctions[number as usize]);
                if found.is_none() {
                    let end = number.map_or("", |number| network.junction_names.name(number));
                    let message = format!("edge '{name}' {what} at an unknown junction '{end}'");
                    let names = network.junctions.iter().filter(|junction| junction.kind != "internal");
                    let names = names.map(|junction| junction.name.as_ref());
                    complain(&raw.spot.place(), message, end, names, findings);
                }
                found
            };
            (end(raw.from, "begins"), end(raw.to, "ends"))
        };
        let id = EdgeId::new(self.edges.len());
        let first = LaneId::new(self.lanes.len()).raw();
        for (lane, index) in lanes.iter_mut().zip(0_u32..) {
            self.lanes.push(Lane {
                edge: id,
                index,
                length: Distance::metres(lane.length),
                speed: Speed::metres_per_second(lane.speed),
                width: Distance::metres(lane.width),
                allowed: lane.allowed,
                change_left: lane.change_left,
                change_right: lane.change_right,
                shape: Polyline::new(std::mem::take(&mut lane.shape)),
                links: 0..0,
                incoming: 0..0,
                conflicts: 0..0,
            });
        }
        let nowhere = JunctionId::new(0);
        self.by_name[raw.name as usize] = id.raw();
        self.edges.push(Edge {
            name: name.to_owned(),
            street: raw.street.as_ref().map(ToString::to_string),
            kind: if raw.function == Function::Internal { EdgeKind::Internal } else { EdgeKind::Road },
            from: from.unwrap_or(nowhere),
            to: to.unwrap_or(nowhere),
            lanes: first..LaneId::new(self.lanes.len()).raw(),
            priority: raw.priority,
            length: lanes.first().map_or(Distance::ZERO, |lane| Distance::metres(lane.length)),
            road_type: raw.road_type.as_ref().map(ToString::to_string),
        });
    }

    /// Edges that are the same track as another one in the other direction, of those that are kept.
    fn single_tracks(&self, raw: &RawNetwork<'_>) -> BTreeMap<EdgeId, EdgeId> {
        let kept = |name: u32| Some(self.by_name[name as usize]).filter(|&edge| edge != NONE);
        let id = |edge: u32| EdgeId::new(edge as usize);
        let pair = |edge: &RawEdge<'_>| Some((id(kept(edge.name)?), id(kept(edge.bidi?)?)));
        raw.edges.iter().filter_map(pair).collect()
    }

    /// The lane of an edge's name, or what there is instead.
    fn lane(&self, raw: &RawNetwork<'_>, edge: u32, index: u32) -> Result<LaneId, String> {
        let name = raw.edge_names.name(edge);
        let Some(edge) = self.edges.get(self.by_name[edge as usize] as usize) else {
            return Err(format!("an unknown edge '{name}'"));
        };
        edge.lane_ids().nth(index as usize).ok_or_else(|| {
            format!("lane {index} of edge '{name}', which has only lanes 0 to {}", edge.lane_count().saturating_sub(1))
        })
    }

    /// Makes links of the kept connections, ordered by lane; says for every connection what became of it.
    fn add_links(
        &mut self,
        raw: &RawNetwork<'_>,
        by_name: &[u32],
        kept: &Kept,
        signals: &Signals,
        findings: &mut Findings,
    ) -> Vec<Way> {
        let mut made: Vec<Option<Link>> = Vec::with_capacity(raw.connections.len());
        let mut order: Vec<(LaneId, u32)> = Vec::with_capacity(raw.connections.len());
        for ((connection, kept), position) in raw.connections.iter().zip(&kept.connections).zip(0_u32..) {
            let link = kept.then(|| self.link(raw, connection, signals, findings)).flatten();
            order.extend(link.as_ref().map(|link| (link.from, position)));
            made.push(link);
        }
        order.sort_unstable();
        let function =
            |name: u32| raw.edges.get(by_name[name as usize] as usize).map_or(Function::Normal, |edge| edge.function);
        let mut ways: Vec<Way> = raw
            .connections
            .iter()
            .map(|connection| {
                let (from, to) = (function(connection.from), function(connection.to));
                let off_area = from == Function::WalkingArea && to != Function::Crossing;
                Way { link: None, has_row: to != Function::WalkingArea && !off_area }
            })
            .collect();
        self.links.reserve_exact(order.len());
        for (from, position) in order {
            let Some(link) = made[position as usize].take() else { continue };
            let id = LinkId::new(self.links.len());
            ways[position as usize].link = Some(id);
            let links = &mut self.lanes[from.index()].links;
            if links.start == links.end {
                links.start = id.raw();
            }
            links.end = id.raw() + 1;
            self.links.push(link);
        }
        ways
    }

    fn link(
        &self,
        network: &RawNetwork<'_>,
        raw: &RawConnection<'_>,
        signals: &Signals,
        findings: &mut Findings,
    ) -> Option<Link> {
        let mut resolve = |edge: u32, lane: u32, what: &str| {
            let found = self.lane(network, edge, lane);
            found
                .map_err(|found| {
                    let names = self.edges.iter().map(|edge| edge.name.as_str());
                    let names = names.filter(|_| self.by_name[edge as usize] == NONE);
                    let name = network.edge_names.name(edge);
                    complain(&raw.spot.place(), format!("a connection {what} {found}"), name, names, findings);
                })
                .ok()
        };
        let from = resolve(raw.from, raw.from_lane, "begins at");
        let to = resolve(raw.to, raw.to_lane, "leads to");
        let via = match &raw.via {
            RawVia::None => None,
            RawVia::Lane(edge, index) => Some(resolve(*edge, *index, "leads over")?),
            RawVia::Unreadable(name) => {
                let message = format!("a connection leads over '{name}', which is no lane's name");
                findings.problem(Problem::new(raw.spot.place(), message));
                return None;
            }
        };
        let (from, to) = (from?, to?);
        let signal = raw.signal.and_then(|(name, index)| {
            signals.head((network.signal_names.name(name), signals.of_name[name as usize], index), raw, findings)
        });
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

/// Notes a problem with a name that is not there; no suggestion is looked for that nobody would read.
fn complain<'a>(
    place: &Place,
    message: String,
    word: &str,
    names: impl IntoIterator<Item = &'a str>,
    findings: &mut Findings,
) {
    let crowded = findings.problems().len() >= PROBLEMS_MAX;
    findings.problem(if crowded { Problem::new(place.clone(), message) } else { unknown(place, message, word, names) });
}

/// The junction an internal edge crosses, from its name `:junction_number`.
fn internal_junction(name: &str, raw: &RawNetwork<'_>, junctions: &[Option<JunctionId>]) -> Option<JunctionId> {
    let mut rest = name.strip_prefix(':')?;
    while let Some((junction, _)) = rest.rsplit_once('_') {
        if let Some(id) = raw.junction_names.find(junction).and_then(|name| junctions[name as usize]) {
            return Some(id);
        }
        rest = junction;
    }
    None
}

/// Signals by the number of their name.
struct Signals {
    all: Vec<Signal>,
    /// How many heads the shortest program of each shows.
    heads: Vec<usize>,
    of_name: Vec<Option<SignalId>>,
}

impl Signals {
    fn head(
        &self,
        (name, id, index): (&str, Option<SignalId>, u32),
        raw: &RawConnection<'_>,
        findings: &mut Findings,
    ) -> Option<(SignalId, u32)> {
        let Some(id) = id else {
            let message = format!("a connection obeys an unknown signal '{name}'");
            complain(&raw.spot.place(), message, name, self.all.iter().map(|signal| signal.name.as_str()), findings);
            return None;
        };
        if index as usize >= self.heads[id.index()] {
            let message = format!("a connection obeys head {index} of signal '{name}', whose phases are shorter");
            findings.problem(Problem::new(raw.spot.place(), message));
            return None;
        }
        Some((id, index))
    }
}

fn gather_signals(
    raw: &RawNetwork<'_>,
    programs: Vec<(String, SignalProgram, Place)>,
    findings: &mut Findings,
) -> Signals {
    let mut all: Vec<Signal> = Vec::new();
    let mut by_name: BTreeMap<String, SignalId> = BTreeMap::new();
    let mut names = BTreeSet::new();
    for (name, program, place) in programs {
        let id = *by_name.entry(name).or_insert_with_key(|name| {
            all.push(Signal { name: name.clone(), programs: Vec::new(), links: Vec::new() });
            SignalId::new(all.len() - 1)
        });
        let signal = &mut all[id.index()];
        if !names.insert((id, program.name.clone())) {
            let message = format!("signal '{}' has two programs '{}'", signal.name, program.name);
            findings.problem(Problem::new(place, message));
        }
        signal.programs.push(program);
    }
    // Signals of railways need no program in the file; how many heads they have only the connections say.
    for junction in &raw.junctions {
        let Some(control) = rail_control(&junction.kind) else { continue };
        by_name.entry(junction.name.to_string()).or_insert_with_key(|name| {
            let programs = vec![rail_program("0".to_string(), control)];
            all.push(Signal { name: name.clone(), programs, links: Vec::new() });
            SignalId::new(all.len() - 1)
        });
    }
    let numbers = (0..NONE).take(raw.signal_names.len());
    let of_name: Vec<_> = numbers.map(|number| by_name.get(raw.signal_names.name(number)).copied()).collect();
    for (name, index) in raw.connections.iter().filter_map(|connection| connection.signal) {
        let heads = index as usize + 1;
        if let Some(id) = of_name[name as usize]
            && heads <= junctions::ROWS_MAX
        {
            all[id.index()].programs.iter_mut().for_each(|program| show_heads(program, heads));
        }
    }
    let shortest = |signal: &Signal| signal.programs.iter().map(|program| program.phases[0].aspects.len()).min();
    let heads = all.iter().map(|signal| shortest(signal).unwrap_or(0)).collect();
    Signals { all, heads, of_name }
}

fn order(
    raw: &RawNetwork<'_>,
    ways: &Ways,
    known: &[Way],
    links: &mut [Link],
    findings: &mut Findings,
) -> Vec<Vec<RequestRow>> {
    let junctions = raw.junctions.iter().filter(|junction| junction.kind != "internal");
    junctions.map(|junction| junctions::order_requests(junction, raw, ways, known, links, findings)).collect()
}

fn build_junctions(raw: &mut RawNetwork<'_>, findings: &mut Findings) -> Vec<Junction> {
    let mut names = BTreeSet::new();
    let mut built = Vec::new();
    for junction in raw.junctions.iter_mut().filter(|junction| junction.kind != "internal") {
        if !names.insert(junction.name.as_ref()) {
            let message = format!("there are two junctions '{}'", junction.name);
            findings.problem(Problem::new(junction.spot.place(), message));
        }
        let kind = junctions::kind(&junction.kind);
        if kind == JunctionKind::Other {
            findings.unsupported(format!("junctions of type {} (run by priority)", junction.kind), 1);
        }
        built.push(Junction {
            name: junction.name.to_string(),
            kind,
            position: junction.position,
            shape: std::mem::take(&mut junction.shape),
            links: Vec::new(),
        });
    }
    built
}
