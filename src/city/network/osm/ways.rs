//! Which ways become streets: roads for motor traffic within the area asked for, with their lanes.
//!
//! What carries no motor traffic here is left out and counted. Knows single ways; not where they meet.

use std::collections::{BTreeMap, BTreeSet};

use super::BoundingBox;
use super::access::is_for_business;
use super::country::Country;
use super::graph::{Street, Stretch};
use super::guesses::{ImportReport, OsmObject};
use super::highway::Class;
use super::lanes::{self, Way};
use super::raw::{Extract, RawWay, Tags};
use crate::city::network::model::Projection;
use crate::primitives::Point;

/// Roads for motor traffic, not yet cut where they meet.
#[derive(Debug, Clone, Default)]
pub(super) struct Chosen {
    /// Every node of a street [m].
    pub places: BTreeMap<i64, Point>,
    pub streets: Vec<Street>,
    /// Nodes at which something bars the way.
    pub blocked: BTreeSet<i64>,
    /// Ends where the area was cut out.
    pub cut: BTreeSet<i64>,
}

/// What decides about ways.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    pub country: &'a Country,
    pub left_hand: bool,
    pub area: Option<BoundingBox>,
    pub projection: &'a Projection,
}

/// Nodes of cut ends that are in no file are numbered from here on, upwards.
const CUT_FIRST: i64 = -(1 << 61);

/// Chooses.
pub(super) fn choose(extract: &Extract, rules: &Rules<'_>, report: &mut ImportReport) -> Chosen {
    let mut chosen = Chosen::default();
    for way in &extract.ways {
        let Some(class) = class_of(way, report) else { continue };
        let object = OsmObject::Way(way.id);
        let directions = lanes::directions(&way.tags, class);
        let known =
            Way { id: way.id, tags: &way.tags, class, country: rules.country, left_hand: rules.left_hand, directions };
        let runs = runs(way, extract, rules, &mut chosen);
        if runs.is_empty() {
            continue;
        }
        let (forward, backward) = lanes::sides(&known, report);
        if forward.is_none() && backward.is_none() {
            report.leave_out("roads closed to motor vehicles", object);
            continue;
        }
        note_rules(&way.tags, object, report);
        for nodes in runs {
            chosen.streets.push(Street {
                nodes,
                stretches: vec![Stretch { way: way.id, start: 0, reversed: false }],
                forward: forward.clone(),
                backward: backward.clone(),
                class,
                name: way.tags.get("name").map(str::to_owned),
                reference: way.tags.get("ref").map(str::to_owned),
                ring: lanes::is_ring(&way.tags),
            });
        }
    }
    for (node, tags) in &extract.tagged {
        if bars(tags) && chosen.places.contains_key(node) {
            chosen.blocked.insert(*node);
            report.guess("barriers that let no motor vehicle pass", OsmObject::Node(*node));
        }
    }
    chosen
}

/// The class of a way that carries motor traffic.
fn class_of(way: &RawWay, report: &mut ImportReport) -> Option<Class> {
    let tags = &way.tags;
    let object = OsmObject::Way(way.id);
    let highway = tags.get("highway")?;
    let Some(class) = Class::of(highway) else {
        let kind = match highway {
            "footway" | "path" | "steps" | "pedestrian" | "cycleway" | "bridleway" | "corridor" => {
                "ways for walking, cycling or riding"
            }
            "construction" | "proposed" | "planned" => "roads that are not open yet",
            _ => "tracks and other ways without town traffic",
        };
        report.leave_out(kind, object);
        return None;
    };
    if tags.yes("area") {
        report.leave_out("areas without lanes", object);
        return None;
    }
    let minor = ["driveway", "parking_aisle", "drive-through", "emergency_access", "slipway"];
    if class.name == "service" && tags.get("service").is_some_and(|service| minor.contains(&service)) {
        report.leave_out("driveways and parking aisles", object);
        return None;
    }
    if class.is_motorway() && tags.get("oneway").is_none() && class.is_link() {
        report.guess("motorway ramps without a direction, one-way as drawn", object);
    }
    Some(class)
}

/// Rules a map cannot hold.
fn note_rules(tags: &Tags, object: OsmObject, report: &mut ImportReport) {
    let of_traffic = |key: &str| key.ends_with(":conditional") && !key.starts_with("parking:");
    if tags.iter().any(|(key, _)| of_traffic(key)) {
        report.leave_out("rules for certain hours or vehicles (`:conditional`)", object);
    }
    let business = ["access", "vehicle", "motor_vehicle", "motorcar"];
    if business.iter().any(|key| tags.get(key).is_some_and(is_for_business)) {
        report.guess("roads for residents and deliveries, open to all", object);
    }
    if matches!(tags.get("oneway"), Some("reversible" | "alternating")) {
        report.guess("roads that change direction, as drawn", object);
    }
    if tags.first(&["maxweight", "maxheight", "maxwidth", "maxlength"]).is_some() {
        report.leave_out("limits of weight and size", object);
    }
}

/// Whether a node lets no motor vehicle pass.
fn bars(tags: &Tags) -> bool {
    let Some(barrier) = tags.get("barrier") else { return false };
    let let_in = ["motorcar", "motor_vehicle", "vehicle", "access"].iter().find_map(|key| tags.get(key));
    match let_in {
        Some("no" | "private" | "forestry" | "agricultural" | "emergency") => true,
        Some(_) => false,
        None => matches!(
            barrier,
            "bollard"
                | "block"
                | "cycle_barrier"
                | "jersey_barrier"
                | "planter"
                | "log"
                | "chain"
                | "wall"
                | "fence"
                | "debris"
                | "full-height_turnstile"
                | "turnstile"
                | "motorcycle_barrier"
                | "kissing_gate"
                | "stile"
        ),
    }
}

/// The stretches of a way whose nodes are known and within the area; where it is cut, a new node stands on the edge.
fn runs(way: &RawWay, extract: &Extract, rules: &Rules<'_>, chosen: &mut Chosen) -> Vec<Vec<i64>> {
    let mut runs: Vec<Vec<i64>> = Vec::new();
    let mut run: Vec<i64> = Vec::new();
    let mut before: Option<(f64, f64)> = None;
    let mut missing = false;
    let inside = |place: (f64, f64)| rules.area.is_none_or(|area| area.contains(place));
    let mut finish = |run: &mut Vec<i64>| {
        if run.len() > 1 {
            runs.push(std::mem::take(run));
        }
        run.clear();
    };
    for &node in &way.nodes {
        let place = extract.place_of(node);
        let (Some(place), true) = (place, run.last() != Some(&node)) else {
            if place.is_none() {
                // The way goes on beyond the extract.
                chosen.cut.extend(run.last().filter(|_| run.len() > 1));
                finish(&mut run);
                (before, missing) = (None, true);
            }
            continue;
        };
        let was_inside = before.is_some_and(inside);
        if inside(place) {
            if let (false, Some(outside)) = (was_inside, before) {
                run.push(edge(rules, outside, place, chosen));
            }
            if let Some(point) = rules.projection.from_lon_lat(place) {
                chosen.places.insert(node, point);
                run.push(node);
                if std::mem::take(&mut missing) {
                    chosen.cut.insert(node);
                }
            }
        } else {
            if let (true, Some(outside)) = (was_inside, before) {
                run.push(edge(rules, outside, place, chosen));
            }
            finish(&mut run);
        }
        before = Some(place);
    }
    finish(&mut run);
    runs
}

/// A new node where a way crosses the edge of the area.
fn edge(rules: &Rules<'_>, from: (f64, f64), to: (f64, f64), chosen: &mut Chosen) -> i64 {
    let id = CUT_FIRST + i64::try_from(chosen.cut.len()).unwrap_or(0);
    let place = rules.area.map_or(to, |area| area.cut(from, to));
    if let Some(point) = rules.projection.from_lon_lat(place) {
        chosen.places.insert(id, point);
    }
    chosen.cut.insert(id);
    id
}
