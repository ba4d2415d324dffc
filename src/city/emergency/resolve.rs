//! From what a scenario asks to a plan on the network, and a row of the demand for every ambulance.

use std::collections::BTreeSet;

use crate::city::demand::fleet::kind;
use crate::city::demand::{
    ArrivalSpeed, Demand, DepartLane, DepartPosition, DepartSpeed, Departure, Route, RouteChoice, Vehicle,
};
use crate::city::network::Network;
use crate::city::network::places::{Places, Site};
use crate::primitives::ids::{EdgeId, KindId, LaneId, RouteId, VehicleId};
use crate::primitives::random::Seed;
use crate::primitives::text::{Findings, Problem, closest};
use crate::primitives::{Distance, SimTime, Speed, VehicleClass};

use super::draw;
use super::model::{Base, EmergencyPlan, EmergencySpec, Hospital, IncidentSpec, PlannedIncident, Spot, Unit};

/// Top speed of an ambulance [km/h].
const SPEED_MAX: f64 = 140.0;
/// How fast an ambulance is when it pulls in at the kerb [m/s].
const PULL_IN: f64 = 2.0;

/// Lays a scenario's emergencies out on the network; adds a row to the demand for every ambulance, after all others.
///
/// # Errors
/// Everything that does not fit the map, at once.
pub fn resolve(
    network: &Network,
    places: Option<&Places>,
    spec: Option<&EmergencySpec>,
    incidents: &[IncidentSpec],
    span: (SimTime, SimTime),
    seed: Seed,
    demand: &mut Demand,
) -> Result<EmergencyPlan, Findings> {
    let mut findings = Findings::default();
    let mut plan = EmergencyPlan { siren: true, ..EmergencyPlan::default() };
    let mut reach = None;
    if let Some(spec) = spec {
        match places {
            Some(places) => reach = service(network, places, spec, span, seed, &mut plan, &mut findings),
            None => findings.problem(
                Problem::new(spec.place.clone(), "the map has no hospitals and ambulance stations")
                    .help("use a `city` or `osm` map, or remove `emergencies`"),
            ),
        }
    }
    for incident in incidents {
        let resolved = resolve_incident(network, incident, &mut findings);
        if let (Some(resolved), Some(reach)) = (&resolved, &reach)
            && resolved.casualties > 0
            && !reach.both_ways(resolved.edge)
        {
            let message = format!("no ambulance can get to `{}` and back", incident.road);
            findings
                .problem(Problem::new(incident.place.clone(), message).help("choose another road, or no casualties"));
        }
        plan.incidents.extend(resolved);
    }
    if let Some(spec) = spec {
        let mut chance = draw::incidents(network, spec.incidents_per_hour, span, seed);
        for incident in &mut chance {
            let helped = spec.ambulances > 0 && reach.as_ref().is_some_and(|reach| reach.both_ways(incident.edge));
            incident.casualties = if helped { incident.casualties } else { 0 };
        }
        plan.incidents.extend(chance);
    }
    if !findings.is_ok() {
        return Err(findings);
    }
    plan.incidents.sort_by_key(|incident| incident.at);
    if let Some(spec) = spec {
        add_rows(spec.ambulances, &mut plan, demand);
    }
    Ok(plan)
}

fn resolve_incident(network: &Network, spec: &IncidentSpec, findings: &mut Findings) -> Option<PlannedIncident> {
    let mut wrong = |message: String, help: String| {
        findings.problem(Problem::new(spec.place.clone(), message).help(help));
    };
    let Some(edge) = find_road(network, &spec.road) else {
        let names: BTreeSet<&str> = network
            .roads()
            .flat_map(|(_, edge)| edge.street.as_deref().into_iter().chain(std::iter::once(edge.name.as_str())))
            .collect();
        let help = closest(&spec.road, names.iter().copied())
            .map_or_else(|| "name an edge of the map or a street".to_owned(), |name| format!("did you mean `{name}`?"));
        wrong(format!("there is no road `{}`", spec.road), help);
        return None;
    };
    let lanes = draw::car_lanes(network, edge);
    let wanted = spec.lanes.unwrap_or(1) as usize;
    if wanted == 0 || wanted > lanes.len() {
        let name = &network.edge(edge).name;
        wrong(format!("`{name}` has no {wanted} lanes to block"), format!("it has {} lane(s) for cars", lanes.len()));
        return None;
    }
    let road = network.edge(edge).length;
    if spec.length > road {
        wrong(format!("a block of {:.0} m is longer than the road", spec.length.as_metres()), {
            format!("`{}` is {:.0} m long", network.edge(edge).name, road.as_metres())
        });
        return None;
    }
    Some(PlannedIncident {
        at: spec.at,
        duration: spec.duration,
        kind: spec.kind,
        edge,
        lanes: lanes[..wanted].to_vec(),
        position: draw::block_position(network, edge, spec.position, spec.length),
        length: spec.length,
        casualties: spec.casualties,
    })
}

/// The edge with a name, or the longest edge of the street with that name; the first of those alike.
fn find_road(network: &Network, name: &str) -> Option<EdgeId> {
    let named = network.find_edge(name).filter(|edge| !network.edge(*edge).is_internal());
    named.or_else(|| {
        let mut longest: Option<EdgeId> = None;
        for (id, edge) in network.roads().filter(|(_, edge)| edge.street.as_deref() == Some(name)) {
            if longest.is_none_or(|best| edge.length > network.edge(best).length) {
                longest = Some(id);
            }
        }
        longest
    })
}

/// Stations, hospitals, and the calls of the run.
fn service(
    network: &Network,
    places: &Places,
    spec: &EmergencySpec,
    span: (SimTime, SimTime),
    seed: Seed,
    plan: &mut EmergencyPlan,
    findings: &mut Findings,
) -> Option<Reach> {
    plan.siren = spec.siren;
    plan.treatment = spec.treatment;
    plan.handover = spec.handover;
    for site in &places.ambulance_stations {
        if let Some(spot) = gate(network, site, spec, "ambulance station", findings) {
            plan.bases.push(Base { name: site.name.clone(), spot });
        }
    }
    for site in &places.hospitals {
        if let Some(spot) = gate(network, site, spec, "hospital", findings) {
            plan.hospitals.push(Hospital { name: site.name.clone(), spot, bays: spec.bays });
        }
    }
    for (none, what) in [(plan.bases.is_empty(), "ambulance station"), (plan.hospitals.is_empty(), "hospital")] {
        if none && findings.is_ok() {
            let problem = Problem::new(spec.place.clone(), format!("there is no {what} on the map"));
            findings.problem(problem.help(format!("{}, or remove `emergencies`", add(what))));
        }
    }
    if !findings.is_ok() {
        return None;
    }
    let reach = Reach::new(network, plan.bases[0].spot.edge);
    for (what, spot, name) in plan
        .bases
        .iter()
        .map(|base| ("ambulance station", base.spot, &base.name))
        .chain(plan.hospitals.iter().map(|hospital| ("hospital", hospital.spot, &hospital.name)))
    {
        if !reach.both_ways(spot.edge) {
            let problem = Problem::new(spec.place.clone(), format!("{what} {name} cannot be reached from the others"));
            findings.problem(problem.help("its road leads nowhere; move its gate to another road"));
        }
    }
    let reachable = |edge: EdgeId| reach.both_ways(edge);
    plan.calls = draw::calls(network, places, &reachable, spec.calls_per_hour, span, seed);
    Some(reach)
}

/// How one gets onto a map.
fn add(what: &str) -> String {
    let tag = if what == "hospital" { "amenity=hospital" } else { "emergency=ambulance_station" };
    format!("add one to the map, in OpenStreetMap a node with `{tag}`")
}

/// Which roads an ambulance can get to from the first station and back from.
struct Reach {
    both: Vec<bool>,
}

impl Reach {
    fn new(network: &Network, home: EdgeId) -> Self {
        let edges = network.edges.len();
        let (mut onwards, mut backwards) = (vec![Vec::new(); edges], vec![Vec::new(); edges]);
        let open = |lane: LaneId| network.lane(lane).allowed.contains(VehicleClass::Emergency);
        for link in &network.links {
            let (from, to) = (network.lane(link.from).edge, network.lane(link.to).edge);
            if !network.edge(from).is_internal() && open(link.from) && open(link.to) && link.via.is_none_or(open) {
                onwards[from.index()].push(to);
                backwards[to.index()].push(from);
            }
        }
        let (there, back) = (flood(&onwards, home), flood(&backwards, home));
        Self { both: there.iter().zip(&back).map(|(there, back)| *there && *back).collect() }
    }

    fn both_ways(&self, edge: EdgeId) -> bool {
        self.both[edge.index()]
    }
}

/// Everything that can be got to from an edge along arcs.
fn flood(arcs: &[Vec<EdgeId>], from: EdgeId) -> Vec<bool> {
    let mut reached = vec![false; arcs.len()];
    let mut open = vec![from];
    reached[from.index()] = true;
    while let Some(edge) = open.pop() {
        for &next in &arcs[edge.index()] {
            if !std::mem::replace(&mut reached[next.index()], true) {
                open.push(next);
            }
        }
    }
    reached
}

fn gate(network: &Network, site: &Site, spec: &EmergencySpec, what: &str, findings: &mut Findings) -> Option<Spot> {
    let edge = network.find_edge(&site.at.road);
    let found = edge.and_then(|edge| {
        let lane = network.edge(edge).lane_ids().next()?;
        let built = network.lane(lane);
        let drawn = built.shape.length().max(1e-6);
        let along = built.shape.nearest(site.at.point).0 * built.length.as_metres() / drawn;
        draw::kerb_spot(network, edge, Distance::metres(along))
    });
    if found.is_none() {
        let message = format!("{what} {}: ambulances cannot use its road `{}`", site.name, site.at.road);
        findings.problem(Problem::new(spec.place.clone(), message));
    }
    found
}

/// Gives every ambulance a row of the demand that never departs by itself.
fn add_rows(per_station: u32, plan: &mut EmergencyPlan, demand: &mut Demand) {
    if per_station == 0 || plan.bases.is_empty() {
        return;
    }
    let mut ambulance = kind("ambulance", VehicleClass::Emergency);
    ambulance.speed_max = Speed::kilometres_per_hour(SPEED_MAX);
    let kind = KindId::new(demand.kinds.len());
    demand.kinds.push(ambulance);
    for (base, station) in plan.bases.iter().enumerate() {
        let route = RouteId::new(demand.routes.len());
        demand.routes.push(Route { edges: vec![station.spot.edge] });
        for number in 1..=per_station {
            let name = format!("ambulance-{}-{number}", base + 1);
            plan.units.push(Unit { name: name.clone(), base, vehicle: VehicleId::new(demand.vehicles.len()) });
            demand.vehicles.push(Vehicle {
                name,
                kind,
                route,
                choice: RouteChoice::Fixed,
                departure: Departure {
                    time: SimTime::MAX,
                    lane: DepartLane::Best,
                    position: DepartPosition::At(station.spot.position),
                    speed: DepartSpeed::At(Speed::ZERO),
                },
                arrival_position: Some(station.spot.position),
                arrival_speed: ArrivalSpeed::At(Speed::metres_per_second(PULL_IN)),
                stops: Vec::new(),
                line: None,
            });
        }
    }
}
