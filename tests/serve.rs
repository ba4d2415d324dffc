//! Serving from outside: a city that is served, ordered about, killed and started again leaves what a run leaves.
#![expect(clippy::disallowed_methods, reason = "deadlines are real time")]

#[path = "serve/network.rs"]
mod network;
#[path = "serve/numbers.rs"]
mod numbers;
#[path = "serve/outages.rs"]
mod outages;
#[path = "common/program.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod program;
#[path = "serve/server.rs"]
mod server;

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Output;

use citytwin::city::scenario::{self, Overrides};
use citytwin::pipeline::stores::{Area, Stores};
use citytwin::primitives::ids::EdgeId;
use citytwin::simulation::City;
use citytwin::telemetry::ReadingKind;
use program::{command, text};
use server::Server;

/// A small town with every kind of device, five minutes of it.
const SCENARIO: &str = "
citytwin: 1
name: Serve
map: { city: MAP }
time: { start: 07:00, run: 5 min }
demand:
  - synthetic: { vehicles: 300, profile: flat, buses: true }
incidents:
  - { at: 07:01, road: High Street, duration: 2 min, kind: crash, casualties: 1 }
emergencies: { ambulances: 1, calls: 30 per hour, treatment: 1 min, handover: 1 min }
sensors: { loops: { count: 10 }, cameras: { count: 5 }, air: { count: 3 }, parking: { count: 20 } }
";

/// Seven in the morning [s after midnight].
const SEVEN: f64 = 7.0 * 3600.0;

fn scenario_in(folder: &Path) -> PathBuf {
    let map = Path::new(env!("CARGO_MANIFEST_DIR")).join("maps/halvermere");
    let path = folder.join("serve.yaml");
    std::fs::write(&path, SCENARIO.replace("MAP", &map.display().to_string())).expect("a scenario");
    path
}

fn hash_of(out: &Path) -> String {
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("manifest.json")).expect("a manifest")).expect("JSON");
    manifest["results"]["state_hash"].as_str().expect("a hash").to_owned()
}

/// A road that somebody drives on after so many seconds, and the hash of the city's end when it is closed then.
fn closed_at(scenario: &Path, seconds: f64) -> (String, String) {
    let loaded = scenario::load(scenario, &Overrides::default()).expect("a sound scenario");
    let mut city = City::of_scenario(&loaded);
    let mut road: Option<EdgeId> = None;
    while !city.is_over() {
        if road.is_none() && city.time().as_seconds() >= SEVEN + seconds {
            let edges = city.vehicles().into_iter().map(|one| loaded.network.lane(one.lane).edge);
            road = edges.into_iter().find(|&edge| !loaded.network.edge(edge).is_internal());
            assert!(city.close_road(road.expect("somebody on a road")));
        }
        city.step();
    }
    (loaded.network.edge(road.expect("a road")).name.clone(), city.state_hash())
}

/// What the stores hold, without what depends on when somebody looked: places in the log, states of operators.
fn content(run: &Path) -> BTreeMap<String, Vec<String>> {
    let stores = Stores::open(&run.join("stores")).expect("stores");
    let mut content: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for table in stores.tables().names().expect("names") {
        let rows = content.entry(table.clone()).or_default();
        let each = &mut |key: &str, json: &[u8]| {
            rows.push(format!("{key} {}", text(json)));
            ControlFlow::Continue(())
        };
        stores.tables().scan(&table, "", each).expect("rows");
    }
    for &kind in ReadingKind::ALL {
        let mut records = Vec::new();
        stores
            .scan(kind, &mut |record| {
                records.push(format!("{record:?}"));
                ControlFlow::Continue(())
            })
            .expect("records");
        records.sort();
        content.insert(format!("records of {}", kind.word()), records);
        let live = content.entry(format!("last words of {}", kind.word())).or_default();
        let each = &mut |record| {
            live.push(format!("{record:?}"));
            ControlFlow::Continue(())
        };
        stores.live().scan(kind, &Area::Everywhere, each).expect("last words");
        live.sort();
    }
    // Pieces of the detector's state are cut where they were written.
    content.remove("detector");
    content
}

fn run(scenario: &Path, out: &Path) -> Output {
    command(&["run", &scenario.display().to_string(), "--out", &out.display().to_string(), "--no-report"])
        .output()
        .expect("the program runs")
}

#[test]
fn a_served_city_leaves_what_a_run_leaves() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = scenario_in(folder.path());
    let (ran, out) = (folder.path().join("ran"), folder.path().join("served"));
    let output = run(&scenario, &ran);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let (file, outs) = (scenario.display().to_string(), out.display().to_string());
    let server = Server::start(&[&file, "--out", &outs, "--speed", "max", "--paused", "--no-report"]);
    assert!(server.time().abs() < 1e-9);
    server.jump(300.0);
    let pipeline = server.json("GET", "/api/v1/pipeline", "");
    assert_eq!(pipeline["troubles"], serde_json::json!([]), "{pipeline}");
    let (status, said) = server.interrupt();
    assert!(status.success(), "{said}");
    assert_eq!(hash_of(&out), hash_of(&ran));
    for name in ["trips.csv", "roads.csv", "calls.csv", "incidents.csv"] {
        let (one, other) = (std::fs::read(ran.join(name)), std::fs::read(out.join(name)));
        assert_eq!(one.expect("a table"), other.expect("a table"), "{name}");
    }
    let (ran, served) = (content(&ran), content(&out));
    assert_eq!(ran.keys().collect::<Vec<_>>(), served.keys().collect::<Vec<_>>());
    for (what, rows) in &ran {
        assert_eq!(rows, &served[what], "{what}");
    }
    assert!(ran["records of position"].len() > 1_000, "a comparison of nothing");
}

#[test]
fn a_city_whose_server_was_killed_goes_on_where_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = scenario_in(folder.path());
    let out = folder.path().join("out");
    let (road, expected) = closed_at(&scenario, 40.0);
    let (file, outs) = (scenario.display().to_string(), out.display().to_string());
    let words = [file.as_str(), "--out", &outs, "--speed", "max", "--paused", "--no-report"];
    let server = Server::start(&words);
    server.jump(40.0);
    let order = format!("{{\"kind\":\"close-road\",\"road\":\"{road}\"}}");
    server.json("POST", "/api/v1/sessions/live/interventions", &order);
    server.jump(90.0);
    server.kill();
    assert!(!out.join("manifest.json").exists());
    // What was being written when the power went is no line.
    let mut diary = std::fs::OpenOptions::new().append(true).open(out.join("orders.jsonl")).expect("a diary");
    diary.write_all(b"{\"number\":9,\"time_ms\":2").expect("written");
    let server = Server::start(&words);
    while server.time() < 90.0 {
        std::thread::yield_now();
    }
    let made = server.json("GET", "/api/v1/sessions/live/interventions", "");
    assert_eq!(made.as_array().or_else(|| made["items"].as_array()).map(Vec::len), Some(1), "{made}");
    server.jump(300.0);
    let (status, said) = server.interrupt();
    assert!(status.success(), "{said}");
    assert_eq!(hash_of(&out), expected);
    let output = command(&["audit", &outs]).output().expect("the program runs");
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    // A finished run is not gone on with, but replayed.
    let output = command(&["serve", &file, "--out", &outs, "--port", "0"]).output().expect("the program runs");
    assert!(!output.status.success() && text(&output.stderr).contains("is over"), "{}", text(&output.stderr));
}

#[test]
fn a_real_city_is_served_by_what_its_devices_tell() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("real").display().to_string();
    let map = scenario_in(folder.path()).display().to_string();
    let server = Server::start(&["--real", &out, "--scenario", &map, "--mqtt", "127.0.0.1:0"]);
    let session = server.json("GET", "/api/v1/sessions/live", "");
    assert_eq!(session["simulated"], serde_json::json!(false), "{session}");
    let (status, body) = server.ask("PUT", "/api/v1/sessions/live/clock", "\"pause\"");
    assert!((400..500).contains(&status) && body.contains("real city"), "{status} {body}");
    let (status, said) = server.interrupt();
    assert!(status.success(), "{said}");
}
