//! Right of way at junctions: which row of the matrix belongs to which link, and whom a waiting place watches.
//!
//! SUMO counts rows over the incoming lanes in the order the junction lists them, and over each lane's connections in the order
//! of the file; ways of pedestrians and trains have rows too, which are taken out here again.

use std::collections::BTreeMap;

use crate::primitives::ids::{JunctionId, LinkId};
use crate::primitives::text::{Findings, Problem};

use super::super::assembly::RequestRow;
use super::super::model::{JunctionKind, Link};
use super::raw::{RawJunction, RawNetwork};

/// What the reader knows of a connection: the link it became, and whether it has a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// Its link, unless it was left out.
    pub(super) link: Option<LinkId>,
    /// Whether it has a row in the matrix; ways on to or off a walking area have none.
    pub(super) has_row: bool,
}

/// Connections that begin on each lane, by the lane's name, in the order of the file.
pub(super) type Ways<'r> = BTreeMap<(&'r str, u32), Vec<usize>>;

/// Gives every entry link its row and returns the matrix without the rows of what was left out.
pub(super) fn order_requests(
    junction: &RawJunction<'_>,
    ways: &Ways<'_>,
    known: &[Way],
    links: &mut [Link],
    findings: &mut Findings,
) -> Vec<RequestRow> {
    if junction.requests.is_empty() {
        return Vec::new();
    }
    let rows: Vec<Option<LinkId>> = junction
        .incoming
        .split_ascii_whitespace()
        .filter_map(split_lane)
        .filter_map(|lane| ways.get(&lane))
        .flatten()
        .map(|&connection| known[connection])
        .filter(|way| way.has_row)
        .map(|way| way.link)
        .collect();
    if rows.len() > junction.requests.len() {
        let message = format!(
            "junction '{}' has {} connections but only {} right-of-way rows",
            junction.name,
            rows.len(),
            junction.requests.len()
        );
        findings.problem(Problem::new(junction.place.clone(), message));
        return Vec::new();
    }
    let kept: Vec<(usize, LinkId)> =
        rows.iter().enumerate().filter_map(|(row, link)| link.map(|link| (row, link))).collect();
    let mut matrix = Vec::with_capacity(kept.len());
    for (&(row, id), request) in kept.iter().zip(0_u32..) {
        let Some(raw) = junction.requests.iter().find(|raw| raw.index as usize == row) else {
            let message = format!("junction '{}' has no right-of-way row {row}", junction.name);
            findings.problem(Problem::new(junction.place.clone(), message));
            return Vec::new();
        };
        let choose =
            |bits: &[bool]| kept.iter().map(|(column, _)| bits.get(*column).copied().unwrap_or(false)).collect();
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
pub(super) fn waiting_places(raw: &RawNetwork<'_>, ways: &Ways<'_>, known: &[Way], links: &mut [Link]) {
    for place in raw.junctions.iter().filter(|junction| junction.kind == "internal") {
        let mut incoming = place.incoming.split_ascii_whitespace().filter_map(split_lane);
        let inner = incoming.next().and_then(|lane| ways.get(&lane)).and_then(|ways| ways.first());
        let Some(inner) = inner.and_then(|&connection| known[connection].link) else { continue };
        let watched: Vec<LinkId> =
            incoming.filter_map(|lane| ways.get(&lane)).flatten().filter_map(|&foe| known[foe].link).collect();
        links[inner.index()].yields_to = watched;
    }
}

/// Edge and index of a lane's name.
pub(super) fn split_lane(name: &str) -> Option<(&str, u32)> {
    let (edge, index) = name.rsplit_once('_')?;
    Some((edge, index.parse().ok()?))
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

/// Junctions by name, without waiting places.
pub(super) fn by_name<'r>(raw: &'r RawNetwork<'_>) -> BTreeMap<&'r str, JunctionId> {
    raw.junctions
        .iter()
        .filter(|junction| junction.kind != "internal")
        .enumerate()
        .map(|(i, junction)| (junction.name.as_ref(), JunctionId::new(i)))
        .collect()
}
