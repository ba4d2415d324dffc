//! Sessions from inside: whatever is looked at, paced, forked or gone back to, the city is the one a plain run makes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{ServeSettings, Served};
use crate::api::port::{Clock, Command, Intervention, Jump, Opening, Refused, Scene, Session, SessionInfo, Twin};
use crate::city::scenario::{self, LoadedScenario, Overrides};
use crate::simulation::City;
use crate::studies::experiment::{Destination, Program};
use crate::telemetry::TopicMap;
use crate::twin::WireSettings;

/// A small town with every kind of device, six minutes of it.
const SCENARIO: &str = "
citytwin: 1
name: Served
map: { city: MAP }
time: { start: 07:00, run: 6 min }
demand:
  - synthetic: { vehicles: 300, profile: flat, buses: true }
incidents:
  - { at: 07:02, road: High Street, duration: 2 min, kind: crash, casualties: 1 }
emergencies: { ambulances: 1, calls: 30 per hour, treatment: 1 min, handover: 1 min }
sensors: { loops: { count: 10 }, cameras: { count: 5 }, air: { count: 3 }, parking: { count: 20 } }
";

/// Seven in the morning [s after midnight].
const SEVEN: f64 = 7.0 * 3600.0;

fn loaded(folder: &Path) -> LoadedScenario {
    let map = Path::new(env!("CARGO_MANIFEST_DIR")).join("maps/halvermere");
    let path = folder.join("served.yaml");
    std::fs::write(&path, SCENARIO.replace("MAP", &map.display().to_string())).expect("a scenario");
    scenario::load(&path, &Overrides::default()).expect("a sound scenario")
}

fn settings(folder: &Path) -> ServeSettings {
    let out = folder.join("out");
    std::fs::create_dir_all(&out).expect("a folder");
    let destination = Destination { folder: Some(out.clone()), ..Destination::default() };
    let mut settings =
        ServeSettings::new(WireSettings::in_folder(&out, TopicMap::new("served")), destination, Program::default());
    (settings.paused, settings.speed, settings.outputs) = (true, None, Some(folder.join("outputs")));
    settings
}

struct Test {
    folder: tempfile::TempDir,
    loaded: LoadedScenario,
    served: Served,
}

impl Test {
    fn begin() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let loaded = loaded(folder.path());
        let served = Served::begin(&settings(folder.path()), &loaded, &|| false).expect("a served city");
        Self { folder, loaded, served }
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn live(&self) -> Arc<dyn Session> {
        self.served.session("live").expect("the live session")
    }
}

fn to(seconds: f64) -> Command {
    Command::Jump(Jump::To { time_s: SEVEN + seconds })
}

/// The hash of the plain city after so many seconds.
fn plain(loaded: &LoadedScenario, seconds: f64, closed: &[(f64, &str)]) -> String {
    let mut city = City::of_scenario(loaded);
    while !city.is_over() && city.time().as_seconds() < SEVEN + seconds {
        for (at, road) in closed {
            if (city.time().as_seconds() - SEVEN - at).abs() < 1e-9 {
                assert!(city.close_road(loaded.network.find_edge(road).expect("a road")), "a road");
            }
        }
        city.step();
    }
    city.state_hash()
}

/// The hash at the end of a served run, as its manifest has it.
fn hash_of(out: &Path) -> String {
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("manifest.json")).expect("a manifest")).expect("JSON");
    manifest["results"]["state_hash"].as_str().expect("a hash").to_owned()
}

fn scene_at(session: &Arc<dyn Session>) -> Arc<Scene> {
    Arc::clone(&session.scenes().borrow())
}

/// Waits until a fork has run ahead.
fn computed(served: &Served, id: &str) -> SessionInfo {
    let session = served.session(id).expect("the fork");
    let mut scenes = session.scenes();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("threads");
    loop {
        let info = session.info();
        let branch = info.branch.clone().expect("a branch");
        if branch.reached_s >= branch.until_s && info.paused {
            return info;
        }
        // Scenes come while either of them computes.
        drop(runtime.block_on(async { tokio::time::timeout(Duration::from_millis(200), scenes.changed()).await }));
    }
}

/// A road that somebody drives on, by its id.
fn busy_road(test: &Test) -> String {
    let scene = scene_at(&test.live());
    let network = test.served.network();
    let on_road = scene.vehicles.iter().map(|vehicle| network.lanes[vehicle.lane as usize].edge);
    let road = on_road.map(|edge| network.edge(edge)).find(|edge| !edge.is_internal()).expect("somebody on a road");
    road.name.clone()
}

#[test]
fn a_city_that_is_looked_at_is_the_one_a_run_makes() {
    let test = Test::begin();
    let live = test.live();
    live.command(&Command::Clock(Clock::Step { steps: 7 })).expect("seven steps");
    assert!((live.info().time_s - SEVEN - 7.0).abs() < 1e-9);
    live.command(&Command::Clock(Clock::Speed { factor: Some(60.0) })).expect("a pace");
    live.command(&Command::Clock(Clock::Resume)).expect("it goes on");
    let mut scenes = live.scenes();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("threads");
    while scenes.borrow_and_update().time.as_seconds() < SEVEN + 40.0 {
        runtime.block_on(scenes.changed()).expect("a scene");
    }
    let event = live.command(&Command::Jump(Jump::NextEvent)).expect("an event lies ahead");
    assert!(event.time_s > SEVEN + 40.0 && event.time_s < SEVEN + 360.0, "{event:?}");
    let back = live.command(&to(1.0)).expect_err("what was told cannot be unsaid");
    assert!(matches!(back, Refused::NotNow(_)), "{back:?}");
    live.command(&to(360.0)).expect("to the end");
    let ended = test.served.end().expect("everything is kept").expect("and nobody else waited");
    let balance = ended.1.balance().expect("it is drawn");
    assert!(balance.closes(), "{balance}");
    assert_eq!(hash_of(&test.out()), plain(&test.loaded, 360.0, &[]));
    assert_eq!(ended.0.summary.state_hash, hash_of(&test.out()));
    assert!(!ended.0.summary.interrupted);
}

#[test]
fn what_was_ordered_is_written_down_and_makes_the_same_city_again() {
    let test = Test::begin();
    let live = test.live();
    live.command(&to(30.0)).expect("ahead");
    let road = busy_road(&test);
    let done = live.command(&Command::Intervene(Intervention::CloseRoad { road: road.clone() })).expect("closed");
    assert!((done.time_s - SEVEN - 30.0).abs() < 1e-9, "{done:?}");
    assert_eq!(live.commands(), std::slice::from_ref(&done));
    let unknown = Intervention::CloseRoad { road: format!("{road}x") };
    let Err(Refused::Unknown(sentence)) = live.command(&Command::Intervene(unknown)) else { panic!("no such road") };
    assert!(sentence.contains(&format!("did you mean `{road}`")), "{sentence}");
    live.command(&to(120.0)).expect("ahead");
    test.served.end().expect("everything is kept");
    let expected = plain(&test.loaded, 120.0, &[(30.0, &road)]);
    assert_eq!(hash_of(&test.out()), expected);
    assert_ne!(expected, plain(&test.loaded, 120.0, &[]), "closing it changed nothing, so nothing was shown");
    let lines = std::fs::read_to_string(test.out().join("orders.jsonl")).expect("a diary");
    assert!(lines.contains("close-road") && lines.lines().count() == 4, "{lines}");
}

#[test]
fn a_fork_leaves_its_parent_alone_and_without_a_change_goes_the_same_way() {
    let test = Test::begin();
    let live = test.live();
    live.command(&to(60.0)).expect("ahead");
    let road = busy_road(&test);
    let fork = |interventions: Vec<Intervention>| {
        let opening = Opening::Fork { of: "live".to_owned(), name: None, interventions, ahead_s: Some(120.0) };
        test.served.open(&opening)
    };
    let same = fork(Vec::new()).expect("a fork");
    let other = fork(vec![Intervention::CloseRoad { road: road.clone() }]).expect("another");
    let same = computed(&test.served, &same.id).branch.expect("a branch");
    assert_eq!(same.differences.len(), 12);
    assert!(same.differences.iter().all(|one| one.base == one.variant), "nothing was changed");
    let info = computed(&test.served, &other.id);
    let brief = info.clone().brief().branch.expect("a branch");
    assert_eq!((brief.compared, brief.differences.len()), (12, 0));
    let late = info.clone().after(SEVEN + 150.0).branch.expect("a branch");
    assert_eq!((late.compared, late.differences.len()), (12, 3), "those of 160, 170 and 180 s");
    let branch = info.branch.expect("a branch");
    assert_eq!(branch.differences.iter().map(|one| one.base).collect::<Vec<_>>(), {
        same.differences.iter().map(|one| one.base).collect::<Vec<_>>()
    });
    assert!(branch.differences.iter().any(|one| one.base != one.variant), "a closed road changes something");
    // Its clock can be played, and goes back.
    let session = test.served.session(&other.id).expect("it is there");
    let there = scene_at(&session);
    session.command(&to(100.0)).expect("back");
    assert!(scene_at(&session).time < there.time);
    session.command(&to(180.0)).expect("and forth");
    let again = scene_at(&session);
    assert_eq!((again.time, &again.vehicles, again.totals), (there.time, &there.vehicles, there.totals));
    assert!(again.episode > there.episode);
    assert_eq!(session.commands().len(), 1);
    test.served.close(&other.id).expect("ended");
    assert!(test.served.session(&other.id).is_none());
    assert!(test.served.close("live").is_err(), "the live one stays");
    live.command(&to(360.0)).expect("to the end");
    test.served.end().expect("everything is kept");
    assert_eq!(hash_of(&test.out()), plain(&test.loaded, 360.0, &[]), "the parent knows nothing of its forks");
}

#[test]
fn roads_are_shown_as_closed_as_long_as_a_rule_closes_them() {
    const WORKS: &str = "
interventions:
  works:
    - close-road: { road: High Street, except: [bus, emergency], from: 07:01, to: 07:01:30 }
    - close-road: { road: Starling Passage, except: [bus, emergency], from: 07:01, to: 07:01:30 }
variants: { base: [], works: [works] }
";
    let folder = tempfile::tempdir().expect("a folder");
    let base = loaded(folder.path());
    let path = folder.path().join("served.yaml");
    let text = std::fs::read_to_string(&path).expect("the scenario");
    std::fs::write(&path, text + WORKS).expect("a scenario");
    let scenario = scenario::load(&path, &Overrides::default()).expect("a sound scenario");
    let works = scenario.variant("works").expect("a variant");
    let served = Served::begin(&settings(folder.path()), &works, &|| false).expect("a served city");
    let live = served.session("live").expect("the live session");
    let network = &base.network;
    let street = |name: &str| {
        network
            .roads()
            .filter(|(_, edge)| edge.street.as_deref() == Some(name))
            .map(|(id, _)| id.raw())
            .collect::<Vec<_>>()
    };
    let mut wanted: Vec<u32> = [street("High Street"), street("Starling Passage")].concat();
    wanted.sort_unstable();
    assert!(scene_at(&live).closed.is_empty() && !wanted.is_empty());
    live.command(&to(80.0)).expect("ahead");
    assert_eq!(*scene_at(&live).closed, wanted, "no car may pass, though buses may");
    live.command(&to(100.0)).expect("ahead");
    assert!(scene_at(&live).closed.is_empty(), "the works are over");
    served.end().expect("everything is kept");
}

#[test]
fn weather_is_that_of_the_session_it_was_changed_in() {
    let test = Test::begin();
    let live = test.live();
    live.command(&to(20.0)).expect("ahead");
    let sky = |sky: &str, rate_mm_h: Option<f64>, temperature_c: Option<f64>| Intervention::Weather {
        sky: sky.to_owned(),
        rate_mm_h,
        visibility_m: None,
        temperature_c,
    };
    let shown = |session: &Arc<dyn Session>| {
        let weather = scene_at(session).weather.expect("a simulated city knows its weather");
        (weather.sky, weather.precipitation_mm_h, weather.temperature_c)
    };
    assert_eq!(shown(&live), ("dry", 0.0, test.loaded.weather.temperature));
    // On a summer's day it gets cold enough for the snow that is asked for.
    let opening = Opening::Fork {
        of: "live".to_owned(),
        name: None,
        interventions: vec![sky("snow", None, None)],
        ahead_s: Some(60.0),
    };
    let fork = test.served.open(&opening).expect("a fork");
    let branch = computed(&test.served, &fork.id).branch.expect("a branch");
    let session = test.served.session(&fork.id).expect("it is there");
    let (word, falls, degrees) = shown(&session);
    assert!(word == "snow" && falls > 0.0 && degrees < 5.0, "{word}, {falls} mm/h, {degrees} °C");
    let last = branch.differences.last().expect("numbers");
    assert!(last.variant.speed_mean < last.base.speed_mean, "nobody minds the snow: {last:?}");
    assert_eq!(shown(&live), ("dry", 0.0, test.loaded.weather.temperature), "it does not snow in the other");
    // What nobody says stays as it is by now, not as it was in the morning.
    live.command(&Command::Intervene(sky("rain", Some(10.0), Some(9.0)))).expect("it rains");
    live.command(&Command::Intervene(sky("fog", None, None))).expect("it clears up into fog");
    assert_eq!(shown(&live), ("fog", 0.0, 9.0));
    test.served.end().expect("everything is kept");
}

#[test]
fn calls_wait_until_a_unit_is_sent() {
    let test = Test::begin();
    let live = test.live();
    live.command(&to(20.0)).expect("ahead");
    let road = busy_road(&test);
    // More than there are ambulances.
    for category in ["C3", "C1", "C2", "C4", "C4"] {
        let call = Intervention::Call { road: road.clone(), position_m: None, category: category.to_owned() };
        live.command(&Command::Intervene(call)).expect("somebody calls");
    }
    live.command(&Command::Clock(Clock::Step { steps: 5 })).expect("five steps");
    let scene = scene_at(&live);
    let told: Vec<(&str, &str)> = scene.waiting.iter().map(|call| (call.severity, call.kind)).collect();
    let wanted = ["critical", "high", "medium", "low", "low"].map(|severity| (severity, "medical"));
    assert_eq!(told, wanted, "the most urgent first");
    live.command(&to(100.0)).expect("ahead");
    let scene = scene_at(&live);
    let answered: Vec<u32> = scene.units.iter().filter_map(|unit| unit.call).collect();
    assert!(answered.len() == scene.units.len() && !answered.is_empty(), "{answered:?}");
    assert!(!scene.waiting.is_empty() && scene.waiting.iter().all(|call| !answered.contains(&call.call)));
    assert_eq!(scene.waiting.len() + answered.len(), scene.totals.calls_open as usize);
    test.served.end().expect("everything is kept");
}

#[test]
fn a_finished_run_is_replayed_to_the_same_end() {
    let test = Test::begin();
    let live = test.live();
    live.command(&to(45.0)).expect("ahead");
    let road = busy_road(&test);
    live.command(&Command::Intervene(Intervention::CloseRoad { road })).expect("closed");
    assert!(test.served.finished().expect("the folder is read").is_empty(), "it is not finished yet");
    live.command(&to(360.0)).expect("to the end");
    test.served.end().expect("everything is kept");
    let finished = test.served.finished().expect("the folder is read");
    let [run] = finished.as_slice() else { panic!("one run: {finished:?}") };
    assert!(run.replayable && run.kind == "run" && run.scenario == "Served", "{run:?}");
    assert!(run.files.contains(&"orders.jsonl".to_owned()) && run.files.contains(&"trips.csv".to_owned()), "{run:?}");
    let trips = test.served.file_of(&run.id, "trips.csv").expect("a file");
    assert!(trips.is_file());
    for (id, name) in [
        (run.id.as_str(), "../served.yaml"),
        (&run.id, "stores/live.redb"),
        (&run.id, "/etc/passwd"),
        ("..", "served.yaml"),
        ("", "served.yaml"),
        ("nowhere~else", "trips.csv"),
    ] {
        let refused = test.served.file_of(id, name);
        assert!(matches!(refused, Err(Refused::Unknown(_))), "{id} {name}: {refused:?}");
    }
    let info = test.served.open(&Opening::Replay { run: run.id.clone() }).expect("a replay");
    let replay = test.served.session(&info.id).expect("it is there");
    assert!((info.time_s - SEVEN).abs() < 1e-9 && info.paused, "{info:?}");
    let refused = replay.command(&Command::Intervene(Intervention::CloseRoad { road: "any".to_owned() }));
    assert!(matches!(refused, Err(Refused::NotNow(_))), "{refused:?}");
    replay.command(&to(360.0)).expect("to the end");
    let there = scene_at(&replay);
    assert!(there.over);
    assert_eq!(there.totals, scene_at(&live).totals);
    assert_eq!(there.vehicles, scene_at(&live).vehicles);
    // Forth, back and forth again is the same place.
    replay.command(&to(200.0)).expect("back");
    let middle = scene_at(&replay);
    replay.command(&to(50.0)).expect("farther back");
    replay.command(&to(200.0)).expect("forth");
    assert_eq!(scene_at(&replay).vehicles, middle.vehicles);
    assert_eq!(scene_at(&replay).totals, middle.totals);
    // What is replayed can be forked where it stands.
    let opening = Opening::Fork {
        of: info.id.clone(),
        name: Some("What if".to_owned()),
        interventions: Vec::new(),
        ahead_s: Some(60.0),
    };
    let fork = test.served.open(&opening).expect("a fork of a replay");
    let branch = computed(&test.served, &fork.id).branch.expect("a branch");
    assert_eq!(branch.differences.len(), 6);
    assert!(branch.differences.iter().all(|one| one.base == one.variant));
}
