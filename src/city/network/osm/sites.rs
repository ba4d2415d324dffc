//! Hospitals and stations of ambulances: where they are mapped, and on which roads their gates are.
//!
//! Tags as the wiki of OpenStreetMap has them: `amenity=hospital` and `healthcare=hospital`, but for those that say `emergency=no`, and
//! `emergency=ambulance_station`, once written `amenity=ambulance_station`: nodes, outlines, and relations by the outlines and nodes they
//! consist of, holes left out. The gate is a guess: the nearest point of a road that cars get to and
//! away from. Guesses no place that nobody mapped.

use std::collections::BTreeSet;

use super::BoundingBox;
use super::guesses::{ImportReport, OsmObject};
use super::map::Written;
use super::raw::{Extract, Tags};
use crate::city::network::model::Projection;
use crate::city::network::places::{Kerb, Places, Site};
use crate::primitives::{Point, VehicleClass};

/// Places of one kind nearer to each other than this are one, mapped as a point and as an outline [m].
const APART: f64 = 100.0;
/// A place farther than this from every road is on another map [m].
const GATE_MAX: f64 = 500.0;
/// Gates are on roads at least this long [m]: an ambulance that sets out must not stand in a junction.
const ROAD_MIN: f64 = 25.0;

/// What a place is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SiteKind {
    /// A hospital that takes in emergencies.
    Hospital,
    /// A hospital that says it does not.
    OtherHospital,
    /// A station of ambulances.
    Station,
}

/// A place as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawSite {
    pub object: OsmObject,
    pub kind: SiteKind,
    pub name: Option<String>,
    /// Its node, or the nodes of its outline.
    pub nodes: Vec<i64>,
    /// The ways of a relation whose nodes are still to be found.
    pub ways: Vec<i64>,
}

/// What an object with these tags is for.
pub(super) fn kind_of(tags: &Tags) -> Option<SiteKind> {
    if tags.is("emergency", "ambulance_station") || tags.is("amenity", "ambulance_station") {
        return Some(SiteKind::Station);
    }
    let hospital = tags.is("amenity", "hospital") || tags.is("healthcare", "hospital");
    hospital.then_some(if tags.is("emergency", "no") { SiteKind::OtherHospital } else { SiteKind::Hospital })
}

/// Adds the hospitals and stations to the places of a map.
pub(super) fn add(
    places: &mut Places,
    extract: &Extract,
    written: &Written,
    (projection, area): (&Projection, Option<BoundingBox>),
    report: &mut ImportReport,
) {
    let gates = gates(written);
    let mut found: Vec<(SiteKind, Point)> = Vec::new();
    for raw in &extract.sites {
        if raw.kind == SiteKind::OtherHospital {
            report.leave_out("hospitals that take in no emergencies", raw.object);
            continue;
        }
        let Some(at) = middle(raw, extract).filter(|place| area.is_none_or(|area| area.contains(*place))) else {
            continue;
        };
        let Some(at) = projection.from_lon_lat(at) else { continue };
        if found.iter().any(|(kind, other)| *kind == raw.kind && (other - at).norm() < APART) {
            report.leave_out("hospitals and ambulance stations mapped twice", raw.object);
            continue;
        }
        let Some(gate) = gate(written, &gates, at) else {
            report.leave_out("hospitals and ambulance stations far from every road", raw.object);
            continue;
        };
        found.push((raw.kind, at));
        let (sites, usual) = match raw.kind {
            SiteKind::Station => (&mut places.ambulance_stations, "Ambulance Station"),
            SiteKind::Hospital | SiteKind::OtherHospital => (&mut places.hospitals, "Hospital"),
        };
        let name = raw.name.clone().unwrap_or_else(|| format!("{usual} {}", sites.len() + 1));
        report.guess("gates of hospitals and ambulance stations on the nearest road", raw.object);
        sites.push(Site { name, at: gate });
    }
}

/// The middle of a place: its node, or the mean of its outline's [°].
fn middle(raw: &RawSite, extract: &Extract) -> Option<(f64, f64)> {
    // A closed outline has its first node twice, and one of several ways those where they meet.
    let nodes = match &raw.nodes[..] {
        [first, .., last] if first == last => &raw.nodes[1..],
        nodes => nodes,
    };
    let mut seen = BTreeSet::new();
    let nodes = nodes.iter().filter(|node| seen.insert(**node));
    let places: Vec<(f64, f64)> = nodes.filter_map(|node| extract.place_of(*node)).collect();
    let count = f64::from(u32::try_from(places.len()).ok().filter(|count| *count > 0)?);
    let sum = places.iter().fold((0.0, 0.0), |sum, place| (sum.0 + place.0, sum.1 + place.1));
    Some((sum.0 / count, sum.1 / count))
}

/// Roads on which a gate may be, by position.
fn gates(written: &Written) -> Vec<usize> {
    let open = |road: usize| {
        let road = &written.map.roads[road];
        road.line.length() >= ROAD_MIN
            && road
                .lanes
                .iter()
                .any(|lane| lane.allowed.allows_cars() && lane.allowed.contains(VehicleClass::Emergency))
    };
    (0..written.map.roads.len())
        .filter(|&road| written.inner[road] && !written.facts[road].ring && open(road))
        .collect()
}

/// The nearest point of a road, the first of those alike.
fn gate(written: &Written, gates: &[usize], at: Point) -> Option<Kerb> {
    let nearest = gates.iter().map(|&road| {
        let (along, aside) = written.map.roads[road].line.nearest(at);
        (aside, along, road)
    });
    let (aside, along, road) = nearest.min_by(|a, b| a.0.total_cmp(&b.0).then(a.2.cmp(&b.2)))?;
    let road = &written.map.roads[road];
    (aside <= GATE_MAX).then(|| Kerb { road: road.name.clone(), point: road.line.point_at(along) })
}
