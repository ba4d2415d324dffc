//! A city changed while it runs: every change has its effect and is told, none leaves a trace where it is refused, and whatever is
//! done to a city, it is saved, forked and kept to its laws like any other.

#[path = "common/town.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod town;

#[path = "common/staffed.rs"]
mod staffed;

use std::sync::Arc;

use citytwin::city::network::bare::{BareControl, BareMap, BareNode, Markings};
use citytwin::city::network::{Edge, Network, Projection};
use citytwin::city::scenario::settings::RunSettings;
use citytwin::city::scenario::{SensorSettings, Weather, WeatherSky};
use citytwin::primitives::ids::{EdgeId, SignalId, VehicleId};
use citytwin::primitives::random::Seed;
use citytwin::primitives::{Category, Distance, IncidentKind, Point, SimDuration, SimTime, Speed};
use citytwin::simulation::City;
use citytwin::simulation::change::Change;
use citytwin::simulation::outcome::{LawCounts, Outcome, Stage};
use citytwin::simulation::views::VehicleStage;
use citytwin::telemetry::reading::CallStatus;
use citytwin::telemetry::{Digest, Reading, json};
use staffed::Staffed;
use town::{Peopled, Town};

/// Three streets in a row, `a--b`, `b--c` and `c--d`, 300 m each with `lanes` lanes and a signal at `b`, and a car every five seconds.
fn corridor(lanes: usize) -> Peopled {
    let node = |(n, name): (usize, &str)| BareNode {
        name: name.to_owned(),
        position: Point::new(300.0 * town::metres(n), 0.0),
        control: BareControl::Automatic,
    };
    let nodes: Vec<BareNode> = ["a", "b", "c", "d"].into_iter().enumerate().map(node).collect();
    let limit = Speed::kilometres_per_hour(50.0);
    let roads = (0..3).map(|n| town::road(&nodes, (n, n + 1), lanes, limit, 3)).collect();
    let map = BareMap {
        nodes,
        roads,
        turn_bans: Vec::new(),
        markings: Markings::default(),
        left_hand: false,
        projection: Projection::None,
    };
    let network = map.build().expect("a sound corridor");
    let rows: Vec<_> = (0..100).map(|n| ("a--b", "c--d", 5.0 * town::metres(n))).collect();
    let demand = town::cars(&network, &rows);
    Peopled { network: Arc::new(network), demand: Arc::new(demand) }
}

fn settings(threads: usize, end: f64) -> RunSettings {
    RunSettings { end: Some(SimTime::seconds(end)), seed: Seed(5), threads, ..RunSettings::default() }
}

fn road(network: &Network, name: &str) -> EdgeId {
    network.find_edge(name).unwrap_or_else(|| panic!("no road {name}"))
}

fn run(city: &mut City, seconds: f64) {
    let until = city.time() + SimDuration::seconds(seconds);
    while city.time() < until {
        city.step();
    }
}

/// How many vehicles are on a road.
fn on(city: &City, network: &Network, road: EdgeId) -> usize {
    city.vehicles().iter().filter(|one| network.lane(one.lane).edge == road).count()
}

/// What is refused names what to do, and leaves the city as it was.
fn refused(city: &mut City, change: &Change, reason: &str) {
    let before = city.state_hash();
    let said = city.intervene(change.clone()).expect_err("refused");
    assert!(said.contains(reason), "{change:?}: {said}");
    assert_eq!(city.state_hash(), before, "a refused {change:?} left something behind");
}

fn is_lawful(outcome: &Outcome) {
    assert_eq!(outcome.laws, LawCounts::default(), "a law was broken");
    assert_eq!(outcome.inserted, outcome.arrived + outcome.running, "vehicles vanish or multiply");
}

#[test]
fn a_queue_stands_behind_a_closed_road_and_flows_when_it_is_opened() {
    let Peopled { network, demand } = corridor(1);
    let mut city = City::assemble(&network, &demand, settings(1, 3000.0));
    let middle = road(&network, "b--c");
    run(&mut city, 120.0);
    let free = on(&city, &network, middle);
    assert!(city.intervene(Change::CloseRoad { road: middle }).expect("closed").contains("`b--c`"));
    run(&mut city, 180.0);
    let (queued, arrived) = (on(&city, &network, middle), city.instant().arrived);
    assert!(queued > free + 10, "{queued} stand where {free} drove");
    let view = city.road(middle).expect("a road");
    assert!(
        view.closed && view.blocked.len() == 1 && view.halting > 10 && view.vehicles as usize == queued,
        "{view:?}"
    );
    assert_eq!(city.shut_roads(), [middle]);
    run(&mut city, 60.0);
    assert_eq!(city.instant().arrived, arrived, "somebody got through");
    city.intervene(Change::OpenRoad { road: middle }).expect("open");
    assert!(city.shut_roads().is_empty());
    run(&mut city, 120.0);
    assert!(city.instant().arrived > arrived + 20, "nobody drives on");
    city.intervene(Change::CloseRoad { road: middle }).expect("closed once more");
    run(&mut city, 60.0);
    city.intervene(Change::OpenRoad { road: middle }).expect("open once more");
    while city.instant().arrived < 100 && !city.is_over() {
        city.step();
    }
    assert_eq!(city.instant().arrived, 100, "somebody is still there at {}", city.time());
    is_lawful(&city.finish(false));
}

#[test]
fn an_incident_blocks_its_lanes_is_told_and_is_cleared() {
    let Peopled { network, demand } = corridor(2);
    let mut city = City::assemble(&network, &demand, settings(1, 3000.0));
    city.install_sensors(&network, &demand, &SensorSettings::default(), &Weather::default());
    run(&mut city, 100.0);
    drop(city.take_emissions());
    let (middle, kind) = (road(&network, "b--c"), IncidentKind::Breakdown);
    let (position, duration) = (Some(Distance::metres(200.0)), SimDuration::seconds(100.0));
    let happens = |lanes| Change::Incident { road: middle, kind, position, lanes, duration, casualties: 0 };
    city.intervene(happens(2)).expect("it happens");
    run(&mut city, 90.0);
    assert_eq!((city.shut_roads(), city.closed_roads()), (vec![middle], Vec::new()), "it takes up both lanes");
    let arrived = city.instant().arrived;
    let beyond = |city: &City| {
        city.vehicles().iter().filter(|v| network.lane(v.lane).edge == middle && v.position > 205.0).count()
    };
    assert_eq!(beyond(&city), 0, "somebody drives through it");
    run(&mut city, 60.0);
    assert!(beyond(&city) > 0 || city.instant().arrived > arrived, "it does not end by itself");
    city.intervene(happens(1)).expect("it happens again");
    run(&mut city, 30.0);
    assert!(city.shut_roads().is_empty(), "one lane of two is open");
    assert!(city.intervene(Change::ClearIncident { incident: 1 }).expect("cleared").contains("incident 1"));
    run(&mut city, 2.0);
    refused(&mut city, &Change::ClearIncident { incident: 1 }, "cleared already");
    refused(&mut city, &Change::ClearIncident { incident: 7 }, "numbered 0 to 1");
    let told: Vec<(String, String)> = city
        .take_emissions()
        .into_iter()
        .filter_map(|emission| match emission.record.reading {
            Reading::Incident(said) => Some((said.incident_id.to_string(), format!("{:?}", said.status))),
            _ => None,
        })
        .collect();
    let told: Vec<(&str, &str)> = told.iter().map(|(id, status)| (id.as_str(), status.as_str())).collect();
    assert_eq!(told, [("0", "Reported"), ("0", "Cleared"), ("1", "Reported"), ("1", "Cleared")]);
    let outcome = city.finish(true);
    assert_eq!(outcome.incidents.len(), 2);
    is_lawful(&outcome);
}

#[test]
fn what_cannot_be_done_is_refused_without_a_trace() {
    let Peopled { network, demand } = corridor(2);
    let mut city = City::assemble(&network, &demand, settings(1, 3000.0));
    run(&mut city, 60.0);
    let middle = road(&network, "b--c");
    let nowhere = EdgeId::new(network.edges.len() + 3);
    refused(&mut city, &Change::CloseRoad { road: nowhere }, "no road number");
    let path = network.edges.iter().position(Edge::is_internal);
    if let Some(path) = path {
        refused(&mut city, &Change::CloseRoad { road: EdgeId::new(path) }, "no road number");
    }
    refused(&mut city, &Change::OpenRoad { road: middle }, "has no barriers");
    refused(&mut city, &Change::ClearIncident { incident: 0 }, "none at all");
    let whole = |lanes, lasts, casualties, position: Option<f64>| Change::Incident {
        road: middle,
        kind: IncidentKind::Crash,
        position: position.map(Distance::metres),
        lanes,
        duration: SimDuration::seconds(lasts),
        casualties,
    };
    refused(&mut city, &whole(3, 60.0, 0, None), "say 1 to 2");
    refused(&mut city, &whole(0, 60.0, 0, None), "say 1 to 2");
    refused(&mut city, &whole(1, 1.0, 0, None), "10 s to 86400 s");
    refused(&mut city, &whole(1, 60.0, 51, None), "at most 50");
    refused(&mut city, &whole(1, 60.0, 0, Some(1e9)), "is not on it");
    refused(&mut city, &whole(1, 60.0, 0, Some(f64::NAN)), "is not on it");
    refused(&mut city, &whole(1, 60.0, 1, None), "no ambulances");
    city.intervene(Change::CloseRoad { road: middle }).expect("closed");
    refused(&mut city, &Change::CloseRoad { road: middle }, "closed already");
}

/// A town of 4 by 3 crossings with two ambulances.
fn centre() -> Staffed {
    staffed::staffed(Town { columns: 4, rows: 3, block: 150.0, lanes: 2, seed: 12 }, 200, 2)
}

/// When a signal's phases begin within some time [s], and what it shows in them.
fn phases(city: &mut City, signal: SignalId, seconds: f64) -> Vec<(usize, SimTime, String)> {
    let mut seen: Vec<(usize, SimTime, String)> = Vec::new();
    let until = city.time() + SimDuration::seconds(seconds);
    while city.time() < until {
        city.step();
        let view = city.signal(signal).expect("a signal");
        let (phase, since) = view.phase.expect("a program");
        if seen.last().is_none_or(|last| last.1 != since) {
            seen.push((phase, since, view.letters));
        }
    }
    seen
}

#[test]
fn a_retimed_signal_keeps_its_order_its_yellow_and_its_new_round() {
    let town = centre();
    let mut city = town.city(settings(1, 4000.0), false);
    let views = (0..town.network.signals.len()).filter_map(|n| city.signal(SignalId::new(n)));
    let (clockwork, actuated): (Vec<_>, Vec<_>) = views.filter(|view| view.phase.is_some()).partition(|v| !v.actuated);
    let (signal, built) = (clockwork[0].signal, clockwork[0].durations.clone());
    run(&mut city, 47.0);
    let green = |at: usize| {
        let phases = &town.network.signals[signal.index()].programs.last().expect("a program").phases;
        phases[at].aspects.iter().any(|a| matches!(a.letter(), 'G' | 'g'))
            && !phases[at].aspects.iter().any(|a| matches!(a.letter(), 'y' | 'u'))
    };
    let seconds = SimDuration::seconds;
    let durations: Vec<SimDuration> =
        built.iter().enumerate().map(|(at, (long, _))| if green(at) { seconds(10.5) } else { *long }).collect();
    // What is no whole number of steps lasts a whole number all the same.
    let asked = durations;
    let durations: Vec<SimDuration> = asked.iter().map(|long| seconds(long.as_seconds().ceil())).collect();
    let round = durations.iter().fold(SimDuration::ZERO, |sum, one| sum + *one);
    let retime =
        |durations: &[SimDuration], offset| Change::RetimeSignal { signal, durations: durations.to_vec(), offset };
    let first = city.intervene(retime(&asked, None)).expect("retimed");
    assert!(first.contains(&format!("{} s for a round", round.as_seconds())), "{first}");
    let seen = phases(&mut city, signal, 300.0);
    for pair in seen.windows(2).skip(1) {
        assert_eq!(pair[1].0, (pair[0].0 + 1) % durations.len(), "phases in another order");
        assert_eq!(pair[1].1 - pair[0].1, durations[pair[0].0], "phase {} lasts otherwise", pair[0].0);
    }
    let phase = |at: usize| &town.network.signals[signal.index()].programs.last().expect("a program").phases[at];
    for (at, _, letters) in &seen {
        assert_eq!(*letters, phase(*at).aspects.iter().map(|aspect| aspect.letter()).collect::<String>());
    }
    // With an offset it is in step with the clock after a few longer greens, and no phase is skipped on the way.
    let offset = seconds(17.0);
    city.intervene(retime(&durations, Some(offset))).expect("retimed");
    let seen = phases(&mut city, signal, 600.0);
    for pair in seen.windows(2).skip(1) {
        let lasted = (pair[1].1 - pair[0].1).as_seconds();
        let long = durations[pair[0].0].as_seconds();
        assert_eq!(pair[1].0, (pair[0].0 + 1) % durations.len(), "a phase is skipped");
        let most = if green(pair[0].0) { 1.5 * long } else { long };
        assert!((long..=most + 1.0).contains(&lasted), "phase {} lasts {lasted} s", pair[0].0);
    }
    let last = seen.iter().rfind(|one| one.0 == 0).expect("a round");
    let late = (last.1 - SimTime::ZERO - offset).as_milliseconds().rem_euclid(round.as_milliseconds());
    assert_eq!(late, 0, "its first phase begins at {}", last.1);
    assert_eq!(city.signal(signal).expect("a signal").behind, SimDuration::ZERO);
    // What is unsafe or makes no sense is refused.
    refused(&mut city, &retime(&durations[1..], None), "give a duration for each");
    refused(&mut city, &retime(&vec![seconds(601.0); durations.len()], None), "1 to 600 s");
    refused(&mut city, &retime(&vec![seconds(1.0); durations.len()], None), "clears the junction");
    refused(&mut city, &retime(&durations, Some(seconds(1e9))), "within a day");
    let nowhere = SignalId::new(town.network.signals.len());
    refused(&mut city, &Change::RetimeSignal { signal: nowhere, durations, offset: None }, "no signal number");
    // One that goes by who comes has no offset, and its shortest greens stay.
    let by_need = &actuated[0];
    let most: Vec<_> = by_need.durations.iter().map(|(_, most)| *most).collect();
    let retime =
        |durations: Vec<SimDuration>, offset| Change::RetimeSignal { signal: by_need.signal, durations, offset };
    refused(&mut city, &retime(most.clone(), Some(offset)), "keeps no round");
    refused(&mut city, &retime(vec![seconds(1.0); most.len()], None), "lasts at least");
    let shorter =
        by_need.durations.iter().map(|(least, most)| if least == most { *most } else { *least + seconds(3.0) });
    let shorter: Vec<_> = shorter.collect();
    city.intervene(retime(shorter.clone(), None)).expect("retimed");
    let seen = phases(&mut city, by_need.signal, 300.0);
    assert!(seen.len() > 4, "it stands still");
    for pair in seen.windows(2).skip(1) {
        assert!(pair[1].1 - pair[0].1 <= shorter[pair[0].0], "phase {} lasts longer than it may", pair[0].0);
    }
    is_lawful(&city.finish(true));
}

#[test]
fn snow_slows_everybody_down_and_goes_again() {
    let Peopled { network, demand } = corridor(2);
    let mut dry = City::assemble(&network, &demand, settings(1, 3000.0));
    run(&mut dry, 100.0);
    let mut snow = dry.fork();
    let fallen = snow.weather_under(WeatherSky::Snow, Some(20.0), None, None);
    assert!(snow.intervene(Change::Weather(fallen)).expect("it snows").contains("snow"));
    assert_eq!((snow.weather().sky, dry.weather().sky), (WeatherSky::Snow, WeatherSky::Dry));
    run(&mut dry, 230.0);
    run(&mut snow, 230.0);
    let wished = |city: &City| -> f64 {
        let wished: Vec<f64> =
            city.vehicles().iter().map(|one| city.vehicle(one.vehicle).expect("a row").wished_speed).collect();
        wished.iter().sum::<f64>() / town::metres(wished.len())
    };
    let (fast, slow) = (wished(&dry), wished(&snow));
    assert!((0.80..0.90).contains(&(slow / fast)), "wished {slow} m/s in heavy snow, {fast} m/s on a dry day");
    let back = snow.weather_under(WeatherSky::Dry, None, None, Some(17.0));
    snow.intervene(Change::Weather(back)).expect("it clears up");
    run(&mut dry, 200.0);
    run(&mut snow, 200.0);
    let late = |city: City| {
        let outcome = city.finish(true);
        is_lawful(&outcome);
        let lost: f64 = outcome.trips.iter().map(|trip| trip.duration.as_seconds()).sum();
        (lost, outcome.trips.last().map(|trip| (trip.vehicle, trip.speed_factor)))
    };
    let ((quick, last), (slow, last_in_snow)) = (late(dry), late(snow));
    assert!(slow > 1.05 * quick, "{slow} s on the road in snow, {quick} s without");
    assert_eq!(last, last_in_snow, "whoever leaves after the snow does not drive as ever");
}

#[test]
fn weather_that_cannot_be_is_refused() {
    let Peopled { network, demand } = corridor(1);
    let mut city = City::assemble(&network, &demand, settings(1, 100.0));
    run(&mut city, 10.0);
    let under =
        |sky, falls, temperature| Change::Weather(city.weather_under(sky, Some(falls), None, Some(temperature)));
    let wrong = [
        (under(WeatherSky::Dry, 3.0, 10.0), "nothing falls"),
        (under(WeatherSky::Snow, 3.0, 17.0), "does not snow"),
        (under(WeatherSky::Rain, f64::NAN, 17.0), "0 to 200 mm/h"),
        (under(WeatherSky::Rain, 1.0, f64::INFINITY), "-60 to 50"),
    ];
    for (change, reason) in wrong {
        refused(&mut city, &change, reason);
    }
}

/// Runs on until a call has reached a stage.
fn until(city: &mut City, call: u32, stage: Stage) {
    while city.call(call).is_none_or(|known| known.at(stage).is_none()) {
        assert!(!city.is_over(), "call {call} never reached {stage:?}: {:?}", city.call(call));
        city.step();
    }
}

#[test]
fn a_call_by_hand_is_answered_and_told_like_any_other() {
    let town = centre();
    let mut city = town.city(settings(1, 4000.0), true);
    run(&mut city, 50.0);
    drop(city.take_emissions());
    let roads = town.roads();
    let ring = |road, position| Change::Call { road, position, category: Category::C1 };
    refused(&mut city, &ring(EdgeId::new(town.network.edges.len()), None), "no road number");
    refused(&mut city, &ring(roads[3], Some(Distance::metres(-1.0))), "is not on it");
    refused(&mut city, &Change::SendUnit { unit: 0, call: 0 }, "no call 0 has come in");
    assert!(city.intervene(ring(roads[roads.len() / 3], None)).expect("it rings").contains("call 0"));
    until(&mut city, 0, Stage::Arrive);
    assert_eq!(city.open_calls().len(), 1);
    until(&mut city, 0, Stage::Clear);
    assert_eq!(city.calls_open(), 0);
    let (crash, hurt) = (IncidentKind::Crash, 2);
    let incident = Change::Incident {
        road: roads[roads.len() / 4],
        kind: crash,
        position: None,
        lanes: 1,
        duration: SimDuration::seconds(60.0),
        casualties: hurt,
    };
    let said = city.intervene(incident).expect("it happens");
    assert!(said.contains("2 are hurt, calls 1 to 2"), "{said}");
    run(&mut city, 2.0);
    let open = city.open_incidents();
    assert_eq!((open.len(), open[0].severity.word(), open[0].helpers), (1, "critical", 2));
    until(&mut city, 1, Stage::Clear);
    until(&mut city, 2, Stage::Clear);
    run(&mut city, 61.0);
    assert_eq!(city.open_incidents(), []);
    let mut told = std::collections::BTreeMap::<String, Vec<String>>::new();
    for emission in city.take_emissions() {
        if let Reading::Call(said) = emission.record.reading {
            told.entry(said.call_id.to_string()).or_default().push(format!("{:?}", said.status));
        }
    }
    assert_eq!(told.keys().collect::<Vec<_>>(), ["0", "1", "2"]);
    assert!(told.values().all(|said| said[0] == "Received" && said[said.len() - 1] == "Closed"), "{told:?}");
    let outcome = city.finish(true);
    assert_eq!(outcome.calls.len(), 3);
    is_lawful(&outcome);
}

#[test]
fn an_ambulance_is_called_away_and_everybody_is_helped_all_the_same() {
    let town = staffed::staffed(Town { columns: 5, rows: 4, block: 400.0, lanes: 1, seed: 4 }, 60, 2);
    let mut city = town.city(settings(1, 6000.0), true);
    run(&mut city, 30.0);
    let roads = town.roads();
    let ring = |road| Change::Call { road, position: None, category: Category::C2 };
    city.intervene(ring(roads[roads.len() - 1])).expect("it rings");
    refused(&mut city, &Change::SendUnit { unit: 0, call: 0 }, "no call 0 has come in");
    city.step();
    refused(&mut city, &Change::SendUnit { unit: 0, call: 0 }, "still being answered");
    city.intervene(ring(roads[roads.len() - 9])).expect("it rings");
    until(&mut city, 0, Stage::EnRoute);
    until(&mut city, 1, Stage::EnRoute);
    run(&mut city, 5.0);
    let crew = |city: &City, call: u32| city.call(call).and_then(|call| call.unit).expect("somebody");
    let (first, second) = (crew(&city, 0), crew(&city, 1));
    assert_ne!(first, second);
    refused(&mut city, &Change::SendUnit { unit: first, call: 0 }, "on its way to call 0 already");
    refused(&mut city, &Change::SendUnit { unit: 9, call: 0 }, "no ambulance number 9");
    drop(city.take_emissions());
    // The first drives to the second call, whose own is stood down and then sent to the first call.
    let said = city.intervene(Change::SendUnit { unit: first, call: 1 }).expect("sent");
    assert!(said.contains("call 0 waits again") && said.contains("is stood down"), "{said}");
    refused(&mut city, &Change::SendUnit { unit: first, call: 0 }, "after the next step");
    run(&mut city, 10.0);
    assert_eq!((crew(&city, 0), crew(&city, 1)), (second, first));
    until(&mut city, 1, Stage::Arrive);
    refused(&mut city, &Change::SendUnit { unit: second, call: 1 }, "somebody is with call 1");
    until(&mut city, 0, Stage::Clear);
    until(&mut city, 1, Stage::Clear);
    refused(&mut city, &Change::SendUnit { unit: second, call: 1 }, "somebody is with call 1");
    let statuses: Vec<_> = city
        .take_emissions()
        .into_iter()
        .filter_map(|emission| match emission.record.reading {
            Reading::Call(said) if &*said.call_id == "0" => {
                Some((said.status, said.unit_id.map(|unit| unit.to_string())))
            }
            _ => None,
        })
        .collect();
    let name = |unit: u32| city.unit_name(unit).expect("a name").to_owned();
    assert_eq!(statuses[0], (CallStatus::Queued, None));
    assert_eq!(statuses[1], (CallStatus::Dispatched, Some(name(second))));
    assert_eq!(city.unit_named(&name(second)), Some(second));
    is_lawful(&city.finish(true));
}

/// One step, and a hash of what is told in it.
fn step(city: &mut City) -> (String, String) {
    city.step();
    let (mut digest, mut bytes) = (Digest::default(), Vec::new());
    for emission in city.take_emissions() {
        bytes.clear();
        json::encode(&emission.record, &mut bytes);
        digest.add(&bytes);
    }
    (city.state_hash(), format!("{digest:?}"))
}

/// In the midst of every change the city is saved, put into one that was just assembled, and forked; all go on alike and tell the same.
#[test]
fn a_changed_city_is_saved_and_forked_like_any_other() {
    let town = staffed::staffed(Town { columns: 4, rows: 3, block: 150.0, lanes: 2, seed: 12 }, 200, 3);
    let mut city = town.city(settings(1, 900.0), true);
    run(&mut city, 40.0);
    drop(city.take_emissions());
    let roads = town.roads();
    let signals: Vec<usize> = (0..town.network.signals.len())
        .filter(|&n| city.signal(SignalId::new(n)).is_some_and(|view| view.phase.is_some() && !view.actuated))
        .collect();
    let mut offset = town.longer(&city, signals[0], 4.0).expect("a signal");
    if let Change::RetimeSignal { offset, .. } = &mut offset {
        *offset = Some(SimDuration::seconds(23.0));
    }
    let busy = roads[roads.len() / 2 + 3];
    let kind = IncidentKind::Crash;
    let duration = SimDuration::seconds(90.0);
    let changes = [
        Change::CloseRoad { road: busy },
        Change::Incident { road: roads[5], kind, position: None, lanes: 1, duration, casualties: 1 },
        Change::Weather(Weather { precipitation: 8.0, ..Weather::under(WeatherSky::Rain) }),
        offset,
        Change::Call { road: roads[9], position: None, category: Category::C3 },
        Change::OpenRoad { road: busy },
        Change::SendUnit { unit: 0, call: 1 },
        Change::ClearIncident { incident: 0 },
        Change::CloseRoad { road: busy },
        Change::Weather(Weather::default()),
    ];
    let mut sent = false;
    for (number, change) in changes.into_iter().enumerate() {
        if let Change::SendUnit { call, .. } = change {
            until(&mut city, call, Stage::EnRoute);
            sent = (0..3).any(|unit| city.intervene(Change::SendUnit { unit, call }).is_ok());
        } else {
            city.intervene(change.clone()).unwrap_or_else(|why| panic!("{change:?}: {why}"));
        }
        drop(city.take_emissions());
        let mut bytes = Vec::new();
        city.save(&mut bytes).expect("memory takes everything");
        let mut restored = town.city(settings(2, 900.0), true);
        restored.restore(&bytes).unwrap_or_else(|why| panic!("after {change:?}: {why}"));
        let mut again = Vec::new();
        restored.save(&mut again).expect("memory takes everything");
        assert!(again == bytes, "after {change:?} it is not what was restored");
        let mut fork = city.fork();
        assert_eq!(fork.weather(), restored.weather());
        for at in 0..25 + number {
            let expected = step(&mut city);
            assert_eq!(step(&mut restored), expected, "restored, {at} steps after {change:?}");
            assert_eq!(step(&mut fork), expected, "forked, {at} steps after {change:?}");
        }
    }
    assert!(sent, "nobody could be sent");
    assert_eq!(city.closed_roads(), [busy]);
    let outcome = city.finish(true);
    assert_eq!((outcome.incidents.len(), outcome.calls.len()), (1, 2));
    is_lawful(&outcome);
}

/// Whoever shows the city sees what is there.
#[test]
fn views_agree_with_each_other() {
    let town = centre();
    let mut city = town.city(settings(1, 900.0), false);
    let mut letters = Vec::new();
    assert!(city.letters(&mut letters) && !city.letters(&mut letters));
    for _ in 0..150 {
        city.step();
        let before = letters.clone();
        assert_eq!(city.letters(&mut letters), letters != before);
        for (n, letters) in letters.iter().enumerate() {
            assert_eq!(city.signal(SignalId::new(n)).expect("a signal").letters, *letters);
        }
    }
    let (vehicles, mut seen) = (city.vehicles(), Vec::new());
    city.each_vehicle(|one| seen.push(one));
    assert_eq!(vehicles.len(), seen.len());
    assert_eq!(city.class_counts().values().sum::<u32>(), city.instant().running);
    let speeds = city.relative_speeds();
    assert_eq!(speeds.len(), town.network.edges.len());
    for (old, new) in vehicles.iter().zip(&seen) {
        assert_eq!((old.vehicle, old.lane, old.at_stop), (new.vehicle, new.lane, new.at_stop));
        let facts = city.vehicle(old.vehicle).expect("a row");
        assert_eq!((facts.stage, facts.place), (VehicleStage::OnRoad, Some((old.lane, old.position))));
        assert_eq!(facts.class, new.class);
        assert!(facts.entered.is_some() && facts.arrived.is_none() && !facts.route.is_empty());
        assert_eq!(facts.route.last(), Some(&facts.destination.0));
        let edge = town.network.lane(old.lane).edge;
        assert!(speeds[edge.index()].is_some_and(|speed| (0.0..2.0).contains(&speed)));
    }
    let roads = (0..town.network.edges.len()).map(|n| city.road(EdgeId::new(n)).expect("an edge"));
    let (on_roads, waiting) = roads.fold((0, 0), |sum, road| (sum.0 + road.vehicles, sum.1 + road.waiting_to_enter));
    assert_eq!((on_roads, waiting), (city.instant().running, city.instant().waiting_to_enter));
    let driving: std::collections::BTreeSet<EdgeId> = vehicles.iter().map(|v| town.network.lane(v.lane).edge).collect();
    assert_eq!(speeds.iter().flatten().count(), driving.len());
    let stages = (0..town.demand.vehicles.len()).map(|n| city.vehicle(VehicleId::new(n)).expect("a row").stage);
    let stages: Vec<VehicleStage> = stages.collect();
    let count = |stage| u32::try_from(stages.iter().filter(|&&one| one == stage).count()).expect("few");
    let now = city.instant();
    assert_eq!(count(VehicleStage::OnRoad), now.running);
    assert_eq!(count(VehicleStage::Waiting), now.waiting_to_enter);
    assert_eq!(count(VehicleStage::Arrived), now.arrived);
    assert_eq!(count(VehicleStage::Standby), 2);
    assert!(count(VehicleStage::ToCome) > 0);
    assert_eq!(city.vehicle(VehicleId::new(stages.len())), None);
}
