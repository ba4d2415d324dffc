//! From the regulated street graph to a bare map: names, lanes, limits and priorities of every directed road.

use std::collections::BTreeMap;

use crate::city::network::bare::{BareLane, BareMap, BareNode, BareRoad, Markings};
use crate::city::network::model::Projection;
use crate::primitives::{ClassSet, Distance, Point, Polyline, Speed, VehicleClass};

use super::graph::Link;
use super::layout::{Layout, is_bridge};
use super::names::Names;
use super::plan::{Plan, Rank, Role, Street};
use super::shape::{angle_of, apart, length, point_at, reversed};

/// Longitude and latitude of every invented city's centre [°]: open water of the North Sea, so that nobody mistakes it for
/// a real one.
const ORIGIN: (f64, f64) = (4.0, 55.6);

/// How a stretch of street is built, in one direction.
#[derive(Debug)]
struct Section {
    lanes: Vec<BareLane>,
    /// Speed limit [km/h].
    limit: f64,
    priority: i32,
    road_type: &'static str,
}

/// Who may use a bus lane.
pub(super) fn bus_lane_users() -> ClassSet {
    ClassSet::of(&[
        VehicleClass::Bus,
        VehicleClass::Coach,
        VehicleClass::Taxi,
        VehicleClass::Emergency,
        VehicleClass::Authority,
        VehicleClass::Bicycle,
    ])
}

/// The bare map, and for each of its roads the link it is a direction of.
pub(super) fn bare_map(layout: &Layout, plan: &Plan, names: &mut Names) -> (BareMap, Vec<usize>) {
    let nodes = layout
        .graph
        .nodes
        .iter()
        .zip(&layout.control)
        .enumerate()
        .map(|(i, (p, control))| BareNode { name: format!("j{:03}", i + 1), position: rounded(*p), control: *control })
        .collect();
    let streets = street_names(layout, plan, names);
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let stems: Vec<String> = (0..layout.graph.links.len())
        .map(|i| {
            let count = counts.entry(&streets[i]).or_default();
            *count += 1;
            format!("{}-{count}", streets[i].to_lowercase().replace(' ', "-"))
        })
        .collect();
    let mut roads = Vec::new();
    let mut links = Vec::new();
    for (i, forward) in layout.directions() {
        let link = &layout.graph.links[i];
        let section = section(plan, &layout.streets, link);
        let (from, to) = if forward { (link.from, link.to) } else { (link.to, link.from) };
        let line = if forward { link.line.clone() } else { reversed(&link.line) };
        roads.push(BareRoad {
            name: if forward { stems[i].clone() } else { format!("{}-back", stems[i]) },
            street: Some(streets[i].clone()),
            from,
            to,
            line: Polyline::new(line.into_iter().map(rounded).collect()),
            centred: layout.one_way[i],
            lanes: section.lanes,
            speed: Speed::kilometres_per_hour(section.limit),
            priority: section.priority,
            road_type: Some(section.road_type.to_owned()),
        });
        links.push(i);
    }
    let projection = Projection::Equirectangular { origin: ORIGIN };
    (
        BareMap { nodes, roads, turn_bans: Vec::new(), markings: Markings::default(), left_hand: false, projection },
        links,
    )
}

/// To the centimetre, as map files keep it.
pub(super) fn rounded(p: Point) -> Point {
    let centimetres = |v: f64| (v * 100.0).round() / 100.0 + 0.0;
    Point::new(centimetres(p.x), centimetres(p.y))
}

/// Lanes per direction, bus lanes included.
pub(super) fn lane_count(plan: &Plan, streets: &[Street], link: &Link) -> usize {
    section(plan, streets, link).lanes.len()
}

/// How far out a link lies: its middle's distance from the centre [m].
fn out(link: &Link) -> f64 {
    apart(Point::origin(), point_at(&link.line, length(&link.line) / 2.0))
}

fn section(plan: &Plan, streets: &[Street], link: &Link) -> Section {
    let lane = |width: f64, allowed: ClassSet| BareLane { width: Distance::metres(width), allowed };
    let any = |count: usize, width: f64| vec![lane(width, ClassSet::ALL); count];
    let size = plan.size;
    let out = out(link);
    let (lanes, limit, priority, road_type) = match (streets[link.street].role, link.rank) {
        (Role::Roundabout(_), _) => (any(1, 4.2), 30.0, 8, "roundabout"),
        (_, Rank::Trunk) => {
            let motor =
                ClassSet::of(&[VehicleClass::Bicycle, VehicleClass::Pedestrian, VehicleClass::Moped]).complement();
            (vec![lane(3.5, motor); 2], 80.0, 9, "trunk")
        }
        (Role::Ring, Rank::Arterial) => (any(2, 3.25), 50.0, 8, "arterial"),
        // The two roads along which the city grew carry a bus lane between the old town and the suburbs.
        (Role::Radial(0 | 6), Rank::Arterial) if out < size.ring() => {
            let mut lanes = vec![lane(3.5, bus_lane_users())];
            lanes.extend(any(2, 3.25));
            (lanes, 50.0, 7, "arterial")
        }
        (_, Rank::Arterial) if out < size.ring() * 1.15 => (any(2, 3.25), 50.0, 7, "arterial"),
        (Role::Radial(2 | 4 | 6), Rank::Arterial) if out < size.built() => (any(2, 3.25), 50.0, 7, "arterial"),
        (_, Rank::Arterial) => (any(1, 3.5), if out < size.built() { 50.0 } else { 70.0 }, 7, "arterial"),
        // A boulevard since the wall came down: with one lane, every left turn into the old town would hold up the whole loop,
        // and a loop that is held up all the way round never clears again.
        (Role::Wall, Rank::Collector) => (any(2, 3.0), 50.0, 5, "collector"),
        (Role::High(_), Rank::Collector) => (any(1, 3.25), 30.0, 4, "high_street"),
        (_, Rank::Collector) => (any(1, 3.25), 50.0, 5, "collector"),
        (_, Rank::Residential) => (any(1, 3.0), 30.0, 3, "residential"),
        (_, Rank::OldTown) => (any(1, 3.0), 30.0, 2, "old_town"),
    };
    Section { lanes, limit, priority, road_type }
}

/// A name for every link: one per street, and one per bridge.
fn street_names(layout: &Layout, plan: &Plan, names: &mut Names) -> Vec<String> {
    let mut by_street: BTreeMap<usize, String> = BTreeMap::new();
    layout
        .graph
        .links
        .iter()
        .map(|link| {
            if link.rank < Rank::Trunk && is_bridge(plan, link) {
                return names.with_ending(&["Bridge"]);
            }
            let street = &layout.streets[link.street];
            by_street.entry(link.street).or_insert_with(|| name_of(street, link, plan, names)).clone()
        })
        .collect()
}

fn name_of(street: &Street, link: &Link, plan: &Plan, names: &mut Names) -> String {
    match street.role {
        Role::Ring => "Ring Road".to_owned(),
        Role::Wall => "Town Wall".to_owned(),
        Role::Bypass => {
            let middle = angle_of(point_at(&street.line, length(&street.line) / 2.0) - Point::origin());
            let sides = ["Western", "Southern", "Eastern", "Northern", "Western"];
            let quarter = [-2.356, -0.785, 0.785, 2.356].iter().filter(|edge| middle > **edge).count();
            format!("{} Bypass", sides[quarter])
        }
        Role::Radial(_) => format!("{} Road", names.town()),
        Role::High(0) => "High Street".to_owned(),
        Role::High(_) => "Broad Street".to_owned(),
        Role::Roundabout(_) => names.with_ending(&["Roundabout", "Circus"]),
        Role::Common => match link.rank {
            Rank::OldTown => names.with_ending(&["Lane", "Row", "Passage", "Street", "Court", "Alley"]),
            Rank::Collector => names.with_ending(&["Avenue", "Road", "Way"]),
            _ if (point_at(&street.line, 0.0) - plan.works).norm() < plan.size.ring() * 0.45 => {
                names.with_ending(&["Works", "Yard", "Wharf"])
            }
            _ => {
                names.with_ending(&["Street", "Close", "Gardens", "Walk", "Grove", "Hill", "Rise", "Drive", "Crescent"])
            }
        },
    }
}
