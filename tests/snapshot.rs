//! A city saved, restored and forked: whatever is done with its state, it goes on as if nothing had been done; and a state that
//! is damaged or of another city is refused in a sentence, without a trace.

#[path = "common/town.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod town;

use std::sync::Arc;

use citytwin::city::demand::{Demand, RouteChoice, Stop};
use citytwin::city::emergency::{EmergencyPlan, EmergencySpec, IncidentSpec, resolve};
use citytwin::city::network::Network;
use citytwin::city::network::places::{Kerb, Places, Site, Zone};
use citytwin::city::scenario::settings::RunSettings;
use citytwin::city::scenario::{SensorSettings, Weather, WeatherSky};
use citytwin::primitives::ids::EdgeId;
use citytwin::primitives::random::Seed;
use citytwin::primitives::text::Place;
use citytwin::primitives::{Distance, IncidentKind, Point, SimDuration, SimTime};
use citytwin::simulation::outcome::LawCounts;
use citytwin::simulation::{City, StateError};
use citytwin::telemetry::{Digest, json};
use town::{Peopled, Town};

/// A town in which everything there is happens: halts, routes chosen at departure, actuated signals, closed roads, ambulances.
struct Everything {
    town: Peopled,
    plan: EmergencyPlan,
}

const CENTRE: Town = Town { columns: 5, rows: 4, block: 120.0, lanes: 2, seed: 12 };
const END: f64 = 420.0;

fn settings(threads: usize) -> RunSettings {
    let (end, last_resort_after) = (Some(SimTime::seconds(END)), Some(SimDuration::seconds(60.0)));
    RunSettings { end, seed: Seed(5), threads, last_resort_after, ..RunSettings::default() }
}

fn site(network: &Network, edge: EdgeId) -> Site {
    let lane = network.edge(edge).lane_ids().next().expect("a lane");
    let middle = network.lane(lane).shape.point_at(network.lane(lane).shape.length() / 2.0);
    let road = network.edge(edge).name.clone();
    Site { name: format!("at {road}"), at: Kerb { road, point: middle } }
}

fn places(network: &Network) -> Places {
    let roads: Vec<(EdgeId, String)> = network.roads().map(|(id, edge)| (id, edge.name.clone())).collect();
    let share = 1.0 / f64::from(u32::try_from(roads.len()).expect("few roads"));
    Places {
        ambulance_stations: vec![site(network, roads[0].0)],
        hospitals: vec![site(network, roads[roads.len() / 2].0)],
        zones: vec![Zone {
            name: "everywhere".to_owned(),
            centroid: Point::origin(),
            population: 10_000.0,
            jobs: 0.0,
            roads: roads.into_iter().map(|(_, road)| (road, share)).collect(),
        }],
        ..Places::default()
    }
}

fn incident(road: &str, at: f64, lasts: f64, lanes: u32) -> IncidentSpec {
    IncidentSpec {
        place: Place::file("test"),
        at: SimTime::seconds(at),
        road: road.to_owned(),
        lanes: Some(lanes),
        position: 0.5,
        length: Distance::metres(10.0),
        duration: SimDuration::seconds(lasts),
        kind: IncidentKind::Crash,
        casualties: 1,
    }
}

/// Every third vehicle chooses its way, every fifth halts half-way along the second road of its route.
fn enliven(network: &Network, demand: &mut Demand) {
    let routes = demand.routes.clone();
    for (row, vehicle) in demand.vehicles.iter_mut().enumerate() {
        let edges = &routes[vehicle.route.index()].edges;
        if row % 5 == 0 && edges.len() > 2 {
            let lane = network.edge(edges[1]).lane_ids().next().expect("a lane");
            let position = network.lane(lane).length * 0.5;
            vehicle.stops.push(Stop {
                lane,
                position,
                start: position - Distance::metres(10.0),
                at: None,
                duration: SimDuration::seconds(20.0),
                until: None,
                parking: false,
            });
        } else if row % 3 == 0 {
            vehicle.choice = RouteChoice::FastestAtDeparture { via: Vec::new() };
        }
    }
}

fn everything() -> Everything {
    let mut town = CENTRE.peopled(420, SimDuration::seconds(300.0));
    let network = Arc::clone(&town.network);
    let mut demand = (*town.demand).clone();
    enliven(&network, &mut demand);
    let spec = EmergencySpec {
        place: Place::file("test"),
        ambulances: 2,
        calls_per_hour: 90.0,
        incidents_per_hour: 0.0,
        siren: true,
        treatment: SimDuration::seconds(30.0),
        handover: Some(SimDuration::seconds(30.0)),
        bays: 1,
    };
    let road = &network.edge(busiest(&town)).name;
    let incidents = [incident(road, 60.0, 200.0, 2)];
    let span = (SimTime::ZERO, SimTime::seconds(END));
    let plan = resolve(&network, Some(&places(&network)), Some(&spec), &incidents, span, Seed(5), &mut demand);
    town.demand = Arc::new(demand);
    Everything { town, plan: plan.expect("a plan") }
}

/// The road that most routes lead over.
fn busiest(town: &Peopled) -> EdgeId {
    let mut uses = vec![0_u32; town.network.edges.len()];
    for route in &town.demand.routes {
        for edge in route.edges.iter().take(route.edges.len() - 1).skip(1) {
            uses[edge.index()] += 1;
        }
    }
    let most = (0..uses.len()).max_by_key(|&edge| uses[edge]).expect("roads");
    EdgeId::new(most)
}

impl Everything {
    fn city(&self, threads: usize, watched: bool) -> City {
        let (network, demand) = (&self.town.network, &self.town.demand);
        let mut city = City::assemble(network, demand, settings(threads));
        city.bring_emergencies(network, &self.plan);
        if watched {
            city.install_sensors(network, demand, &SensorSettings::default(), &Weather::under(WeatherSky::Rain));
            city.open_control_room(network, &self.plan);
        }
        city
    }
}

/// One step, and a hash of what is told in it.
fn step(city: &mut City) -> String {
    city.step();
    let (mut digest, mut bytes) = (Digest::default(), Vec::new());
    for emission in city.take_emissions() {
        bytes.clear();
        json::encode(&emission.record, &mut bytes);
        digest.add(&bytes);
    }
    format!("{digest:?}")
}

fn saved(city: &City) -> Vec<u8> {
    let mut bytes = Vec::new();
    city.save(&mut bytes).expect("memory takes everything");
    bytes
}

/// Where the city is after a step, and what it told in it.
type Trace = Vec<(String, String)>;

/// A saved state is the whole city: whoever goes on from it, on however many threads, is step by step where the run that never
/// stopped is, and tells the same, record for record.
#[test]
fn a_restored_city_goes_on_as_if_it_had_never_stopped() {
    let everything = everything();
    let mut city = everything.city(1, true);
    let mut states = Vec::new();
    let mut trace: Trace = Vec::new();
    while !city.is_over() {
        let number = trace.len();
        // Every step of a stretch in which calls come in, a road is closed and drivers hear of it; then now and then.
        if (80..125).contains(&number) || number.is_multiple_of(60) {
            states.push((number, saved(&city)));
        }
        let told = step(&mut city);
        trace.push((city.state_hash(), told));
    }
    let whole = city.finish(false);
    assert!(whole.arrived > 100 && whole.calls.len() > 3, "too little happened: {} arrived", whole.arrived);
    for (turn, (number, state)) in states.iter().enumerate() {
        let mut other = everything.city(1 + turn % 3, true);
        other.restore(state).unwrap_or_else(|error| panic!("the state of step {number}: {error}"));
        assert!(saved(&other) == *state, "the state of step {number} is not what was restored");
        // The first and the last to the end, the others a little way.
        let far = if turn == 0 || turn + 1 == states.len() || *number == 120 { trace.len() } else { number + 8 };
        for (at, expected) in trace.iter().enumerate().take(far.min(trace.len())).skip(*number) {
            let told = step(&mut other);
            assert_eq!(other.state_hash(), expected.0, "saved at step {number}, after step {at}");
            assert_eq!(told, expected.1, "saved at step {number}, told in step {at}");
        }
        if far == trace.len() {
            let outcome = other.finish(false);
            assert!(outcome == whole, "the run restored at step {number} left something else");
        }
    }
}

/// Devices change nothing: a city goes on the same without them, but they cannot begin in the middle.
#[test]
fn a_watched_city_may_go_on_unwatched_and_not_the_other_way_round() {
    let everything = everything();
    let (mut watched, mut unwatched) = (everything.city(1, true), everything.city(1, false));
    for _ in 0..90 {
        step(&mut watched);
    }
    unwatched.restore(&saved(&watched)).expect("the same city");
    for _ in 0..30 {
        step(&mut watched);
        assert_eq!(step(&mut unwatched), format!("{:?}", Digest::default()), "nobody watches and somebody tells");
        assert_eq!(watched.state_hash(), unwatched.state_hash());
    }
    let refused = watched.restore(&saved(&unwatched)).expect_err("nobody knows what its devices had counted");
    assert!(refused.to_string().contains("without devices"), "{refused}");
}

/// Two branches from one city: where a road is closed things change, where nobody intervenes nothing does.
#[test]
fn a_branch_with_a_closed_road_leaves_the_other_alone() {
    let town = CENTRE.peopled(600, SimDuration::seconds(300.0));
    let mut city = City::assemble(&town.network, &town.demand, settings(1));
    for _ in 0..120 {
        city.step();
    }
    let (mut twin, mut closed) = (city.fork(), city.fork());
    let road = busiest(&town);
    assert!(closed.close_road(road), "there is such a road");
    assert!(!closed.close_road(EdgeId::new(town.network.edges.len())), "there is no such road");
    assert!(saved(&twin) == saved(&city), "a fork is not where its city is");
    let mut went_apart = false;
    let mut through = 0;
    let beyond = 0.5 * town.network.edge(road).length.as_metres();
    while !city.is_over() {
        let before: Vec<_> = on(&closed, &town.network, road);
        city.step();
        twin.step();
        closed.step();
        assert_eq!(city.state_hash(), twin.state_hash(), "at {}", city.time());
        went_apart |= city.state_hash() != closed.state_hash();
        if city.time() > SimTime::seconds(180.0) {
            let passed = |now: &(u32, f64)| now.1 > beyond && before.iter().any(|b| b.0 == now.0 && b.1 <= beyond);
            through += on(&closed, &town.network, road).iter().filter(|now| passed(now)).count();
        }
        // A fork of a fork, and a state of a fork.
        if city.time() == SimTime::seconds(200.0) {
            twin = twin.fork();
            let state = saved(&closed);
            closed = City::assemble(&town.network, &town.demand, settings(2));
            closed.restore(&state).expect("a state with a closed road");
        }
    }
    assert!(went_apart, "a closed road changed nothing");
    assert_eq!(through, 0, "somebody drove through the barrier");
    let (city, twin, closed) = (city.finish(false), twin.finish(false), closed.finish(false));
    assert!(city == twin, "the untouched branch left something else");
    assert_eq!((city.laws, closed.laws), (LawCounts::default(), LawCounts::default()));
}

/// Vehicles on a road: who, and where on it [m].
fn on(city: &City, network: &Network, road: EdgeId) -> Vec<(u32, f64)> {
    let vehicles = city.vehicles().into_iter().filter(|one| network.lane(one.lane).edge == road);
    vehicles.map(|one| (one.vehicle.raw(), one.position)).collect()
}

/// A state of a small town, and that town.
fn small() -> (Peopled, City, Vec<u8>) {
    let town = Town { columns: 2, rows: 2, block: 100.0, lanes: 1, seed: 3 }.peopled(12, SimDuration::seconds(20.0));
    let mut city = City::assemble(&town.network, &town.demand, settings(1));
    for _ in 0..15 {
        city.step();
    }
    let state = saved(&city);
    (town, city, state)
}

/// Half a file and a file with one wrong bit are no state, wherever the bit is; the city they were to be put into is as it was.
#[test]
fn every_flipped_byte_and_every_truncation_is_refused() {
    let (_, mut city, state) = small();
    let before = city.state_hash();
    for at in 0..state.len() {
        let mut damaged = state.clone();
        damaged[at] ^= 1 << (at % 8);
        assert!(city.restore(&damaged).is_err(), "byte {at} of {} may be wrong", state.len());
        assert!(city.restore(&state[..at]).is_err(), "{at} of {} bytes are enough", state.len());
    }
    let longer = [&state[..], &[0]].concat();
    assert_eq!(city.restore(&longer), Err(StateError::Damaged));
    assert_eq!(city.restore(b"<net/>"), Err(StateError::NotAState));
    assert_eq!(city.state_hash(), before);
    city.restore(&state).expect("the whole state");
}

/// A forger who mends the checksum gets no further: no length in the file is believed, and what comes out must be what went in,
/// or what was there before (a departure at -0 m/s is one at 0 m/s).
#[test]
fn a_forged_state_is_refused_without_harm() {
    let (_, mut city, state) = small();
    let end = state.len() - blake3::OUT_LEN;
    for at in 12..end {
        for wrong in [0xff, 0x80, 0x01] {
            let mut forged = state[..end].to_vec();
            forged[at] ^= wrong;
            let checksum = blake3::hash(&forged);
            forged.extend_from_slice(checksum.as_bytes());
            let same = city.restore(&forged).is_err() || saved(&city) == state;
            assert!(same, "byte {at} may be forged by {wrong:#x}");
        }
    }
}

/// A state belongs to one map, one demand, one seed and one way to run; whatever differs is named.
#[test]
fn a_state_of_another_city_is_refused_by_name() {
    let (town, _, state) = small();
    let refused = |mut city: City| city.restore(&state).expect_err("a foreign state").to_string();
    let with = |settings: RunSettings| City::assemble(&town.network, &town.demand, settings);
    let far = Town { columns: 2, rows: 2, block: 110.0, lanes: 1, seed: 3 }.peopled(12, SimDuration::seconds(20.0));
    let few = Town { columns: 2, rows: 2, block: 100.0, lanes: 1, seed: 3 }.peopled(11, SimDuration::seconds(20.0));
    let base = settings(1);
    let named = |city: City, says: &str| {
        let sentence = refused(city);
        assert!(sentence.contains(says), "{sentence}");
    };
    named(City::assemble(&far.network, &far.demand, base), "with another map");
    named(City::assemble(&town.network, &few.demand, base), "with other travellers");
    named(with(RunSettings { seed: Seed(6), ..base }), "seed 5 and this one has 6");
    named(with(RunSettings { step: SimDuration::seconds(0.5), ..base }), "steps of 1 s and this one has 0.5 s");
    named(with(RunSettings { begin: SimTime::seconds(60.0), ..base }), "its begin at");
    named(with(RunSettings { last_resort_after: None, ..base }), "a last resort after 60 s and this one has none");
    let mut emergencies = with(base);
    emergencies.bring_emergencies(&town.network, &EmergencyPlan::default());
    assert!(refused(emergencies).contains("with other emergencies"));
    with(RunSettings { end: Some(SimTime::seconds(9_999.0)), threads: 2, ..base })
        .restore(&state)
        .expect("the same city");
}
