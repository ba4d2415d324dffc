//! Devices against the truth: on an invented town, errors as large as the models say and no larger, and a city that does not
//! notice that it is watched.

#[path = "common/town.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod town;

use std::collections::BTreeMap;

use citytwin::city::scenario::settings::RunSettings;
use citytwin::city::scenario::{SensorSettings, Weather, WeatherSky};
use citytwin::primitives::ids::LaneId;
use citytwin::primitives::random::Seed;
use citytwin::primitives::{SimDuration, SimTime, Timestamp};
use citytwin::simulation::City;
use citytwin::telemetry::error::{gnss, radio};
use citytwin::telemetry::reading::Fix;
use citytwin::telemetry::{DeviceId, Digest, Emission, Fate, Fault, Reading, ReadingKind, json};
use town::{Peopled, Town};

/// Far apart crossings: the sky is open everywhere.
const SUBURB: Town = Town { columns: 4, rows: 3, block: 500.0, lanes: 2, seed: 11 };
/// Crossings close together: street canyons.
const CENTRE: Town = Town { columns: 6, rows: 6, block: 90.0, lanes: 2, seed: 12 };
/// Metres of a degree on the equator, where a drawing is put.
const METRES: f64 = 6_378_137.0 * std::f64::consts::PI / 180.0;

fn settings() -> RunSettings {
    RunSettings { end: Some(SimTime::seconds(900.0)), seed: Seed(5), ..RunSettings::default() }
}

fn people(town: Town) -> Peopled {
    town.peopled(400, SimDuration::seconds(600.0))
}

fn every(seconds: f64) -> SimDuration {
    SimDuration::seconds(seconds)
}

/// Everything the devices tell in a run.
fn watch(town: &Peopled, run: RunSettings, sensors: &SensorSettings, weather: &Weather) -> Vec<Emission> {
    let mut city = City::assemble(&town.network, &town.demand, run);
    city.install_sensors(&town.network, &town.demand, sensors, weather);
    let mut all = Vec::new();
    while !city.is_over() {
        city.step();
        all.extend(city.take_emissions());
    }
    assert_eq!(city.emissions_discarded(), 0);
    all
}

fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).expect("small"))
}

#[test]
fn a_watched_city_moves_as_one_that_is_not_and_tells_the_same_on_two_threads() {
    let town = people(CENTRE);
    let run = |watched: bool, threads: usize| {
        let mut city = City::assemble(&town.network, &town.demand, RunSettings { threads, ..settings() });
        if watched {
            let sensors = SensorSettings::default();
            city.install_sensors(&town.network, &town.demand, &sensors, &Weather::under(WeatherSky::Rain));
        }
        let (mut digest, mut bytes) = (Digest::default(), Vec::new());
        while !city.is_over() {
            city.step();
            for emission in city.take_emissions() {
                bytes.clear();
                json::encode(&emission.record, &mut bytes);
                digest.add(&bytes);
            }
        }
        (city.state_hash(), digest)
    };
    let (unwatched, silence) = run(false, 1);
    let (state, told) = run(true, 1);
    assert_eq!(state, unwatched);
    assert_eq!(silence.count, 0);
    assert!(told.count > 10_000, "{told}");
    assert_eq!(run(true, 2), (state, told));
}

#[test]
fn every_device_counts_without_gaps_and_says_nothing_impossible() {
    let all = watch(&people(CENTRE), settings(), &SensorSettings::default(), &Weather::default());
    let mut next: BTreeMap<&str, (u64, Timestamp, ReadingKind)> = BTreeMap::new();
    for emission in &all {
        let record = &emission.record;
        let fresh = (0, Timestamp::MIN, record.kind());
        let (sequence, before, kind) = next.insert(record.device.as_str(), fresh).unwrap_or(fresh);
        assert_eq!((record.sequence, record.epoch, record.kind()), (sequence, 0, kind), "{record:?}");
        assert!(record.time >= before, "{record:?}");
        next.insert(record.device.as_str(), (sequence + 1, record.time, kind));
        assert_eq!(record.reading.out_of_range(), None);
        assert_eq!(emission.truth.out_of_range(), None);
        assert_eq!(emission.truth.kind(), record.kind());
    }
    let kinds: std::collections::BTreeSet<ReadingKind> = next.values().map(|one| one.2).collect();
    assert_eq!(kinds.len(), 7, "{kinds:?}");
    // Devices do not report all at once: no step has more than a third of an even share of ten steps.
    let mut steps: BTreeMap<Timestamp, usize> = BTreeMap::new();
    for emission in all.iter().filter(|one| one.record.kind() == ReadingKind::CameraCount) {
        *steps.entry(emission.record.time).or_default() += 1;
    }
    let most = steps.values().max().copied().unwrap_or(0);
    let cameras = next.values().filter(|one| one.2 == ReadingKind::CameraCount).count();
    assert!(most * 5 < cameras, "{most} of {cameras} cameras report at once");
}

/// How far off a fix is, east and north [m].
fn off(emission: &Emission) -> Option<(f64, f64)> {
    let (Reading::Position(said), Reading::Position(truth)) = (&emission.record.reading, &emission.truth) else {
        return None;
    };
    Some(((said.longitude? - truth.longitude?) * METRES, (said.latitude? - truth.latitude?) * METRES))
}

/// The worst weather a scenario may ask for, measured three times as badly as usual, still gives messages one may send.
#[test]
fn the_worst_of_everything_stays_within_what_a_message_may_say() {
    let mut worst = Weather::under(WeatherSky::Rain);
    (worst.precipitation, worst.temperature, worst.humidity) = (200.0, 50.0, 1.0);
    worst.wind = citytwin::primitives::Speed::metres_per_second(60.0);
    let coldest = Weather { sky: WeatherSky::Snow, temperature: -60.0, ..worst };
    let mut sensors = SensorSettings { severity: 3.0, ..SensorSettings::default() };
    (sensors.air.every, sensors.weather.every, sensors.loops.every) = (every(5.0), every(5.0), every(1.0));
    let run = RunSettings { end: Some(SimTime::seconds(200.0)), ..settings() };
    for weather in [worst, coldest] {
        for emission in watch(&people(CENTRE), run, &sensors, &weather) {
            assert_eq!(emission.record.reading.out_of_range(), None);
            assert_eq!(emission.truth.out_of_range(), None);
        }
    }
}

#[test]
fn under_open_sky_the_fleet_is_off_by_what_the_model_says() {
    let none =
        SensorSettings { tracker_every: every(5.0), tracker_parked: SimDuration::ZERO, ..SensorSettings::default() };
    let all = watch(&people(SUBURB), settings(), &none, &Weather::default());
    let positions: Vec<&Emission> = all.iter().filter(|one| one.record.kind() == ReadingKind::Position).collect();
    // One fix of every vehicle: those of one vehicle hang together.
    let mut squares = Vec::new();
    for emission in positions.iter().filter(|one| one.record.sequence == 13) {
        if let Some((east, north)) = off(emission) {
            squares.extend([east * east, north * north]);
        }
    }
    let variance = squares.iter().sum::<f64>() / count(squares.len());
    let stated = gnss::open_sky_variance(1.0);
    // Five deviations of a variance from this many draws.
    let margin = 5.0 * stated * (2.0 / count(squares.len())).sqrt();
    assert!(squares.len() > 300, "{}", squares.len());
    assert!((variance - stated).abs() < margin, "{variance} instead of {stated} ± {margin}");
    // No reflections; a cold start is over after a minute and a report.
    for emission in &positions {
        match emission.fault {
            None => {}
            Some(Fault::Outage) => assert!(emission.record.sequence <= 13, "{emission:?}"),
            other => assert_eq!(other, Some(Fault::Garbled)),
        }
    }
    let cold = positions.iter().filter(|one| one.record.sequence == 2 && one.fault == Some(Fault::Outage)).count();
    let started = positions.iter().filter(|one| one.record.sequence == 2).count();
    let share = count(cold) / count(started);
    assert!((share - 0.3).abs() < 5.0 * (0.3 * 0.7 / count(started)).sqrt(), "{share}");
}

#[test]
fn between_buildings_the_fleet_is_off_by_more_and_sometimes_silent() {
    let all = watch(&people(CENTRE), settings(), &SensorSettings::default(), &Weather::default());
    let positions: Vec<&Emission> = all.iter().filter(|one| one.record.kind() == ReadingKind::Position).collect();
    let share = |wanted: Fault| {
        count(positions.iter().filter(|one| one.fault == Some(wanted)).count()) / count(positions.len())
    };
    assert!((0.05..0.5).contains(&share(Fault::Reflections)), "{}", share(Fault::Reflections));
    assert!((0.01..0.3).contains(&share(Fault::Outage)), "{}", share(Fault::Outage));
    let rms = |fault: Option<Fault>| {
        let squares: Vec<f64> = positions
            .iter()
            .filter(|one| one.fault == fault)
            .filter_map(|one| off(one))
            .map(|(e, n)| e * e + n * n)
            .collect();
        (squares.iter().sum::<f64>() / count(squares.len())).sqrt()
    };
    assert!(rms(Some(Fault::Reflections)) > 1.5 * rms(None), "{} {}", rms(Some(Fault::Reflections)), rms(None));
    assert!(rms(Some(Fault::Reflections)) < 30.0);
    for emission in positions.iter().filter(|one| one.fault == Some(Fault::Outage)) {
        let Reading::Position(said) = &emission.record.reading else { continue };
        assert_eq!((said.fix, said.latitude, said.speed), (Fix::None, None, None));
    }
}

/// What passes over loops at these places, seen from outside from step to step: fronts that pass, and steps at whose end a vehicle
/// stands over two metres of road from there on.
fn passages(town: &Peopled, run: RunSettings, places: &BTreeMap<usize, f64>) -> BTreeMap<usize, (u32, u32)> {
    let mut city = City::assemble(&town.network, &town.demand, run);
    let mut before: BTreeMap<usize, (usize, f64)> = BTreeMap::new();
    let mut passed: BTreeMap<usize, (u32, u32)> = BTreeMap::new();
    let edge = |lane: usize| town.network.lanes[lane].edge;
    while !city.is_over() {
        city.step();
        let mut now = BTreeMap::new();
        for one in city.vehicles() {
            let (vehicle, here) = (one.vehicle.index(), one.lane.index());
            now.insert(vehicle, (here, one.position));
            let length = town.demand.kind(town.demand.vehicles[vehicle].kind).length.as_metres();
            if let Some(&place) = places.get(&here)
                && one.position > place
                && one.position - length < place + 2.0
            {
                passed.entry(here).or_default().1 += 1;
            }
            let Some(&(lane, old)) = before.get(&vehicle) else { continue };
            let Some(&place) = places.get(&lane) else { continue };
            let left = edge(lane) != edge(here);
            if old < place && (left || lane == here && one.position >= place) {
                passed.entry(lane).or_default().0 += 1;
            }
        }
        before = now;
    }
    passed
}

#[test]
fn loops_know_the_truth_and_say_it_within_a_few_per_cent() {
    let town = people(SUBURB);
    let sensors = SensorSettings { tracker_share: 0.0, ..SensorSettings::default() };
    let all = watch(&town, settings(), &sensors, &Weather::default());
    let mut loops: BTreeMap<&str, (u32, u32, bool)> = BTreeMap::new();
    let mut occupied = 0.0;
    for emission in &all {
        let (Reading::LoopCount(said), Reading::LoopCount(truth)) = (&emission.record.reading, &emission.truth) else {
            continue;
        };
        let sums = loops.entry(emission.record.device.as_str()).or_default();
        *sums = (sums.0 + said.count, sums.1 + truth.count, sums.2 || emission.fault.is_some());
        assert_eq!(truth.count > 0, truth.speed.is_some());
        occupied += truth.occupancy / 100.0 * f64::from(truth.period_s);
    }
    assert!(loops.len() >= 40, "{}", loops.len());
    let healthy = loops.values().filter(|sums| !sums.2);
    let (said, truth) = healthy.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let wrong = f64::from(said) / f64::from(truth) - 1.0;
    assert!(truth > 500 && wrong.abs() < 0.03, "{said} of {truth}: {wrong}");
    // The truth itself, against what is seen from outside; a loop lies 40 m before the stop line.
    let lanes = town.network.lanes.iter().enumerate();
    let watched = lanes.filter(|(lane, _)| {
        let name = town.network.lane_name(LaneId::new(*lane));
        loops.contains_key(DeviceId::of(ReadingKind::LoopCount, &name).as_str())
    });
    let places: BTreeMap<usize, f64> = watched
        .map(|(lane, facts)| (lane, facts.length.as_metres()))
        .map(|(lane, length)| (lane, (length - 40.0).max(length / 2.0)))
        .collect();
    assert_eq!(places.len(), loops.len());
    let (fronts, covered) =
        passages(&town, settings(), &places).values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let known: u32 = loops.values().map(|sums| sums.1).sum();
    // A loop misses what passes before its first whole minute and after its last.
    let share = f64::from(known) / f64::from(fronts);
    assert!((0.85..=1.0).contains(&share), "{known} of {fronts}");
    let occupied = occupied / (f64::from(covered) * share);
    assert!((0.9..1.1).contains(&occupied), "covered for {occupied} of the time seen from outside");
}

fn camera_total(reading: &Reading) -> Option<u32> {
    let Reading::CameraCount(one) = reading else { return None };
    Some(one.cars + one.vans + one.trucks + one.buses + one.motorcycles + one.others)
}

#[test]
fn cameras_know_who_left_their_road_and_err_as_light_and_weather_have_it() {
    let town = people(CENTRE);
    let mut sensors = SensorSettings { tracker_share: 0.0, ..SensorSettings::default() };
    // Reports every second leave nothing out at either end.
    sensors.cameras.every = every(1.0);
    let sums = |weather: &Weather| {
        let all = watch(&town, settings(), &sensors, weather);
        let mut sums: BTreeMap<String, (u32, u32)> = BTreeMap::new();
        for emission in &all {
            let (Some(said), Some(truth)) = (camera_total(&emission.record.reading), camera_total(&emission.truth))
            else {
                continue;
            };
            let Reading::CameraCount(one) = &emission.truth else { continue };
            let sum = sums.entry(one.road_id.to_string()).or_default();
            *sum = (sum.0 + said, sum.1 + truth);
            assert_eq!(emission.fault, Some(Fault::PoorSight), "it is night");
        }
        sums
    };
    let dry = sums(&Weather::default());
    let mut city = City::assemble(&town.network, &town.demand, settings());
    while !city.is_over() {
        city.step();
    }
    let roads = city.finish(false).roads;
    assert!(dry.len() > 50);
    for (road, &(_, truth)) in &dry {
        let edge = town.network.find_edge(road).expect("a road").index();
        let left: u32 = roads.intervals.iter().map(|row| row[edge].left).sum();
        assert_eq!(truth, left, "{road}");
    }
    let ratio = |sums: &BTreeMap<String, (u32, u32)>| {
        let (said, truth) = sums.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        (f64::from(said) / f64::from(truth), f64::from(truth))
    };
    // Night misses 5 %, and a crossing full of vehicles some more.
    let (clear, n) = ratio(&dry);
    assert!((0.75..0.96).contains(&clear), "{clear} of {n}");
    // Two millimetres of rain by night: some 20 % of the calls are false, 0.26 for every vehicle.
    let (wet, _) = ratio(&sums(&Weather::under(WeatherSky::Rain)));
    assert!((0.15..0.40).contains(&(wet - clear)), "{wet} after {clear}");
    let (fog, _) = ratio(&sums(&Weather::under(WeatherSky::Fog)));
    assert!(fog < clear - 0.2, "{fog} after {clear}");
}

#[test]
fn without_severity_what_is_said_is_the_truth() {
    let sensors = SensorSettings { severity: 0.0, ..SensorSettings::default() };
    let all = watch(&people(CENTRE), settings(), &sensors, &Weather::under(WeatherSky::Snow));
    for emission in &all {
        assert_eq!((emission.fault, emission.fate), (None, Fate::Sent));
        match (&emission.record.reading, &emission.truth) {
            (Reading::Position(said), Reading::Position(truth)) => {
                assert_eq!((said.latitude, said.longitude, said.speed), (truth.latitude, truth.longitude, truth.speed));
            }
            (said, truth) => assert_eq!(said, truth),
        }
    }
}

#[test]
fn the_air_is_worse_beside_the_streets_that_are_driven_on() {
    let mut sensors = SensorSettings { tracker_share: 0.0, severity: 0.0, ..SensorSettings::default() };
    sensors.air.every = every(60.0);
    let all = watch(&people(CENTRE), settings(), &sensors, &Weather::default());
    let no2: Vec<f64> =
        all.iter().filter_map(|one| if let Reading::Air(air) = &one.truth { Some(air.no2) } else { None }).collect();
    let (least, most) = no2.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), &one| (low.min(one), high.max(one)));
    assert!(no2.len() > 300 && most > least + 5.0 && most < least + 500.0, "{least} to {most} of {}", no2.len());
}

#[test]
fn bays_fill_and_empty_and_their_radio_loses_what_it_is_said_to_lose() {
    let mut sensors = SensorSettings { tracker_share: 0.0, ..SensorSettings::default() };
    sensors.parking.every = every(10.0);
    let town = people(SUBURB);
    let all = watch(&town, settings(), &sensors, &Weather::default());
    let bays: Vec<&Emission> = all.iter().filter(|one| one.record.kind() == ReadingKind::Parking).collect();
    let share = |n: usize| count(n) / count(bays.len());
    let lost = share(bays.iter().filter(|one| one.fate == Fate::Lost).count());
    // Few gateways for 15 minutes: bursts make it anything from the good state's loss to some times the mean.
    assert!(lost > 0.002 && lost < 5.0 * radio::loss_mean(1.0), "{lost}");
    let wrong = share(bays.iter().filter(|one| one.fault == Some(Fault::MissedEvent)).count());
    assert!(wrong > 0.0 && wrong < 0.05, "{wrong}");
    let mut states: BTreeMap<&str, (bool, u32)> = BTreeMap::new();
    for emission in &bays {
        let Reading::Parking(truth) = &emission.truth else { continue };
        let state = states.entry(emission.record.device.as_str()).or_insert((truth.occupied, 0));
        state.1 += u32::from(state.0 != truth.occupied);
        state.0 = truth.occupied;
    }
    let changes: u32 = states.values().map(|one| one.1).sum();
    assert!(changes > 50, "{changes}");
}

#[test]
fn what_finds_no_place_is_said() {
    let town = people(SUBURB);
    let mut city = City::assemble(&town.network, &town.demand, settings());
    let mut sensors = SensorSettings::default();
    sensors.cameras.count = 10_000;
    let short = city.install_sensors(&town.network, &town.demand, &sensors, &Weather::default());
    let missing = short["cameras without a place"];
    assert!((9_900..10_000).contains(&missing), "{short:?}");
    assert!(short.contains_key("map without a place on earth, put at 0° east 0° north"));
}

/// What traffic adds to the air is reckoned twice, by the stations from every second and by a comparison from hours and engines, with the
/// same dispersion: with every second vehicle left out, both say about half of it.
#[test]
fn stations_and_comparisons_say_the_same_of_half_the_traffic() {
    use citytwin::studies::effects::Engine;
    use citytwin::studies::observation::{AirWanted, Observer, Wanted};
    let town = people(SUBURB);
    let weather = Weather::default();
    let silent = citytwin::city::scenario::sensors::Devices { count: 0, every: every(300.0) };
    let sensors = SensorSettings {
        loops: silent,
        cameras: silent,
        parking: silent,
        tracker_share: 0.0,
        ..SensorSettings::default()
    };
    let added = |keep: usize| {
        let mut demand = (*town.demand).clone();
        // Who stays at home keeps its place, so that the stations stand where they stood.
        for vehicle in demand.vehicles.iter_mut().enumerate().filter(|(row, _)| row % keep > 0).map(|one| one.1) {
            vehicle.departure.time = SimTime::MAX;
        }
        let demand = std::sync::Arc::new(demand);
        let mut city = City::assemble(&town.network, &demand, settings());
        city.install_sensors(&town.network, &demand, &sensors, &weather);
        let air = AirWanted {
            engines: vec![Some(Engine::DieselCarEuro5); demand.kinds.len()],
            wind: weather.wind,
            wind_from: weather.wind_from,
        };
        let wanted = Wanted { air: Some(air), ..Wanted::default() };
        let mut observer = Observer::new(&town.network, &demand, SimTime::ZERO, wanted);
        let mut stations: BTreeMap<String, f64> = BTreeMap::new();
        while city.time() < SimTime::seconds(900.0) {
            city.step();
            observer.look(city.time(), &city.vehicles());
            for emission in city.take_emissions() {
                if let Reading::Air(air) = &emission.truth {
                    *stations.entry(emission.record.device.to_string()).or_default() += air.no2;
                }
            }
        }
        let beside = observer.finish().air.expect("it was wanted").roads;
        let total: f64 = beside.iter().map(|road| road.added[0].nox * road.length.as_metres()).sum();
        (stations, total)
    };
    // Over what is left of one in ten, the background of the stations falls out.
    let (few, least) = added(10);
    let (all, whole) = added(1);
    let (half, less) = added(2);
    assert!(few.len() > 10 && few.keys().eq(all.keys()) && few.keys().eq(half.keys()));
    let streets = |stations: &BTreeMap<String, f64>| stations.iter().map(|(name, sum)| sum - few[name]).sum::<f64>();
    let (of_stations, of_comparison) = (streets(&half) / streets(&all), (less - least) / (whole - least));
    assert!(streets(&all) > 1.0 && (0.3..0.6).contains(&of_stations), "{of_stations}");
    assert!(
        (of_stations - of_comparison).abs() < 0.1,
        "{of_stations} at the stations, {of_comparison} beside the roads"
    );
}
