//! Right of way at junctions: which row of the matrix belongs to which link, and whom a waiting place watches.
//!
//! SUMO counts rows over the incoming lanes in the order the junction lists them, and over each lane's connections in the order
//! of the file; ways of pedestrians and trains have rows too, which are taken out here again.

use crate::primitives::ids::{JunctionId, LinkId};
use crate::primitives::text::{Findings, Problem};

use super::super::assembly::RequestRow;
use super::super::model::{JunctionKind, Link};
use super::raw::{RawJunction, RawNetwork, split_lane};

/// The most rows of a matrix, which grows with their square, and heads of a signal that trains operate; SUMO itself stops at 256.
pub(super) const ROWS_MAX: usize = 1024;

/// What the reader knows of a connection: the link it became, and whether it has a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// Its link, unless it was left out.
    pub(super) link: Option<LinkId>,
    /// Whether it has a row in the matrix; ways on to or off a walking area have none.
    pub(super) has_row: bool,
}

/// Connections by the edge and lane they begin on, in the order of the file.
pub(super) struct Ways {
    /// Where each edge name's connections begin in `connections`; one more at the end.
    first: Vec<usize>,
    /// Positions of connections, by edge and lane.
    connections: Vec<u32>,
    /// The lane each of them begins on.
    lanes: Vec<u32>,
}

impl Ways {
    pub(super) fn new(raw: &RawNetwork<'_>) -> Self {
        let mut order: Vec<(u32, u32, u32)> =
            raw.connections.iter().zip(0..).map(|(way, position)| (way.from, way.from_lane, position)).collect();
        order.sort_unstable();
        let mut first = vec![0; raw.edge_names.len() + 1];
        for &(edge, ..) in &order {
            first[edge as usize + 1] += 1;
        }
        for edge in 1..first.len() {
            first[edge] += first[edge - 1];
        }
        Self {
            first,
            connections: order.iter().map(|&(_, _, position)| position).collect(),
            lanes: order.iter().map(|&(_, lane, _)| lane).collect(),
        }
    }

    /// Positions of the connections that begin on an edge.
    pub(super) fn of_edge(&self, edge: u32) -> &[u32] {
        &self.connections[self.first[edge as usize]..self.first[edge as usize + 1]]
    }

    /// Positions of the connections that begin on a lane.
    fn of_lane(&self, (edge, lane): (u32, u32)) -> &[u32] {
        let range = self.first[edge as usize]..self.first[edge as usize + 1];
        let lanes = &self.lanes[range.clone()];
        let (begin, end) =
            (lanes.partition_point(|&other| other < lane), lanes.partition_point(|&other| other <= lane));
        &self.connections[range.start + begin..range.start + end]
    }
}

/// Lanes by their names in a list; unknown ones have no connections, so they are passed over.
fn lanes_of<'r>(list: &'r str, raw: &'r RawNetwork<'_>) -> impl Iterator<Item = (u32, u32)> + use<'r> {
    list.split_ascii_whitespace().filter_map(|name| {
        let (edge, index) = split_lane(name)?;
        Some((raw.edge_names.find(edge)?, index))
    })
}

/// Gives every entry link its row and returns the matrix without the rows of what was left out.
pub(super) fn order_requests(
    junction: &RawJunction<'_>,
    raw: &RawNetwork<'_>,
    ways: &Ways,
    known: &[Way],
    links: &mut [Link],
    findings: &mut Findings,
) -> Vec<RequestRow> {
    let requests = &raw.requests[junction.requests.clone()];
    if requests.is_empty() {
        return Vec::new();
    }
    if requests.len() > ROWS_MAX {
        let message =
            format!("junction '{}' has {} right-of-way rows, more than {ROWS_MAX}", junction.name, requests.len());
        findings.problem(Problem::new(junction.spot.place(), message));
        return Vec::new();
    }
    let rows: Vec<Option<LinkId>> = lanes_of(&junction.incoming, raw)
        .flat_map(|lane| ways.of_lane(lane))
        .map(|&connection| known[connection as usize])
        .filter(|way| way.has_row)
        .map(|way| way.link)
        .collect();
    if rows.len() > requests.len() {
        let message = format!(
            "junction '{}' has {} connections but only {} right-of-way rows",
            junction.name,
            rows.len(),
            requests.len()
        );
        findings.problem(Problem::new(junction.spot.place(), message));
        return Vec::new();
    }
    let kept: Vec<(usize, LinkId)> =
        rows.iter().enumerate().filter_map(|(row, link)| link.map(|link| (row, link))).collect();
    let mut matrix = Vec::with_capacity(kept.len());
    for (&(row, id), request) in kept.iter().zip(0_u32..) {
        let in_place = requests.get(row).filter(|raw| raw.index as usize == row);
        let Some(raw) = in_place.or_else(|| requests.iter().find(|raw| raw.index as usize == row)) else {
            let message = format!("junction '{}' has no right-of-way row {row}", junction.name);
            findings.problem(Problem::new(junction.spot.place(), message));
            return Vec::new();
        };
        // The last character is for link 0.
        let bit = |text: &[u8], column: usize| column < text.len() && text[text.len() - 1 - column] == b'1';
        let choose = |text: &str| kept.iter().map(|(column, _)| bit(text.as_bytes(), *column)).collect();
        matrix.push(RequestRow { response: choose(&raw.response), foes: choose(&raw.foes) });
        let link = &mut links[id.index()];
        link.request = Some(request);
        link.may_wait_inside = raw.cont;
    }
    matrix
}

/// For every waiting place: the entry links its inner link may have to watch.
///
/// The first incoming lane of the internal junction leads to the place; the links of the other ones count, as far as the entry
/// yields to them (which is known only once all sources are assembled).
pub(super) fn waiting_places(raw: &RawNetwork<'_>, ways: &Ways, known: &[Way], links: &mut [Link]) {
    for place in raw.junctions.iter().filter(|junction| junction.kind == "internal") {
        // The first lane is the place itself even where nothing is known of it.
        let mut names = place.incoming.split_ascii_whitespace().filter(|name| split_lane(name).is_some());
        let inner = names.next().and_then(|name| lanes_of(name, raw).next());
        let inner = inner.and_then(|lane| ways.of_lane(lane).first());
        let Some(inner) = inner.and_then(|&connection| known[connection as usize].link) else { continue };
        let watched: Vec<LinkId> = names
            .flat_map(|name| lanes_of(name, raw))
            .flat_map(|lane| ways.of_lane(lane))
            .filter_map(|&foe| known[foe as usize].link)
            .collect();
        links[inner.index()].yields_to = watched;
    }
}

/// The kind a junction's type stands for.
pub(super) fn kind(text: &str) -> JunctionKind {
    match text {
        "priority" | "priority_stop" => JunctionKind::Priority,
        "traffic_light" | "traffic_light_unregulated" | "traffic_light_right_on_red" => JunctionKind::TrafficLight,
        "right_before_left" => JunctionKind::RightBeforeLeft,
        "allway_stop" => JunctionKind::AllwayStop,
        "zipper" => JunctionKind::Zipper,
        "unregulated" => JunctionKind::Unregulated,
        "dead_end" => JunctionKind::DeadEnd,
        _ => JunctionKind::Other,
    }
}

/// The junction of every name, waiting places left out.
pub(super) fn by_name(raw: &RawNetwork<'_>) -> Vec<Option<JunctionId>> {
    let mut by_name = vec![None; raw.junction_names.len()];
    for (position, junction) in raw.junctions.iter().filter(|junction| junction.kind != "internal").enumerate() {
        if let Some(name) = raw.junction_names.find(&junction.name) {
            by_name[name as usize] = Some(JunctionId::new(position));
        }
    }
    by_name
}
