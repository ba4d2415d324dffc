//! The wire from outside: whatever is killed, restarted, replayed or thrown at it, every record is accounted for and the stores
//! hold the same.

#[path = "common/program.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod program;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use citytwin::city::scenario::{LoadedScenario, Overrides};
use citytwin::pipeline::stores::{Area, Stores};
use citytwin::studies::experiment::{self, Destination, Program, Wire, WireError};
use citytwin::studies::report::telling::Telling;
use citytwin::telemetry::{ReadingKind, TopicMap};
use citytwin::twin::{TwinWire, WireSettings};
use program::{Started, between, command, text};
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};

/// A small town with every kind of device, ten minutes of it.
const SCENARIO: &str = "
citytwin: 1
name: Wire
map: { city: MAP }
time: { start: 07:00, run: 10 min }
demand:
  - synthetic: { vehicles: 400, profile: flat, buses: true }
incidents:
  - { at: 07:02, road: High Street, duration: 3 min, kind: crash, casualties: 1 }
emergencies: { ambulances: 1, calls: 30 per hour, treatment: 1 min, handover: 1 min }
sensors: { loops: { count: 20 }, cameras: { count: 20 }, air: { count: 5 }, parking: { count: 50 } }
";

fn scenario(folder: &Path) -> PathBuf {
    let map = Path::new(env!("CARGO_MANIFEST_DIR")).join("maps/halvermere");
    let path = folder.join("wire.yaml");
    std::fs::write(&path, SCENARIO.replace("MAP", &map.display().to_string())).expect("a scenario");
    path
}

fn run(scenario: &Path, out: &Path, more: &[&str]) -> Output {
    let (scenario, out) = (scenario.display().to_string(), out.display().to_string());
    let mut words = vec!["run", &scenario, "--out", &out, "--no-report"];
    words.extend(more);
    command(&words).output().expect("the program runs")
}

fn audit(out: &Path) -> Output {
    command(&["audit", &out.display().to_string()]).output().expect("the program runs")
}

/// Every file of the history with its bytes.
fn history(run: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let root = run.join("stores/history");
    let (mut files, mut folders) = (BTreeMap::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&root).expect("inside").to_owned();
                files.insert(name, std::fs::read(&path).expect("a file"));
            }
        }
    }
    files
}

/// What the stores hold besides the history: rows, last words and quarantine, without the places in the log.
#[derive(Debug, PartialEq)]
struct Content {
    rows: BTreeMap<(String, String), String>,
    live: Vec<String>,
    quarantine: Vec<(String, Vec<u8>, String)>,
}

fn content(run: &Path) -> Content {
    let stores = Stores::open(&run.join("stores")).expect("stores");
    let mut rows = BTreeMap::new();
    for table in stores.tables().names().expect("names") {
        let each = &mut |key: &str, json: &[u8]| {
            rows.insert((table.clone(), key.to_owned()), text(json));
            ControlFlow::Continue(())
        };
        stores.tables().scan(&table, "", each).expect("rows");
    }
    let mut live = Vec::new();
    for &kind in ReadingKind::ALL {
        let each = &mut |record| {
            live.push(format!("{record:?}"));
            ControlFlow::Continue(())
        };
        stores.live().scan(kind, &Area::Everywhere, each).expect("last words");
    }
    live.sort();
    let mut quarantine = Vec::new();
    let each = &mut |message: citytwin::pipeline::stores::Kept| {
        quarantine.push((message.topic, message.payload, message.reason));
        ControlFlow::Continue(())
    };
    stores.quarantine().scan(each).expect("quarantine");
    quarantine.sort();
    Content { rows, live, quarantine }
}

/// A run that listens on a port it chooses, and its address as it tells it.
fn started(scenario: &Path, out: &Path) -> (Started, String) {
    let (scenario, out) = (scenario.display().to_string(), out.display().to_string());
    let words =
        ["run", &scenario, "--out", &out, "--no-report", "--listen", "127.0.0.1:0", "--checkpoint-every", "200"];
    Started::start(command(&words), |line| between(line, "mqtt://", ';').map(str::to_owned))
}

fn subscriber(address: &str, filter: &str) -> (Client, rumqttc::Connection) {
    let (host, port) = address.rsplit_once(':').expect("host and port");
    let mut options = MqttOptions::new("test-subscriber", host, port.parse().expect("a port"));
    options.set_keep_alive(Duration::from_secs(30));
    let (client, connection) = Client::new(options, 10);
    client.subscribe(filter, QoS::AtMostOnce).expect("room");
    (client, connection)
}

#[test]
fn a_run_killed_and_started_again_ends_up_with_the_stores_of_one_that_was_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = scenario(folder.path());
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    let output = run(&scenario, &whole, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));

    let (mut program, address) = started(&scenario, &killed);
    let (_client, mut connection) = subscriber(&address, "#");
    let mut seen = 0;
    for event in connection.iter() {
        match event.expect("the city speaks") {
            Event::Incoming(Packet::Publish(_)) => seen += 1,
            _ => continue,
        }
        if seen == 1000 {
            break;
        }
    }
    program.kill();
    assert!(!killed.join("ledger.csv").exists(), "killed before its end");

    let output = run(&scenario, &killed, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told = audit(&killed);
    assert!(told.status.success(), "{}", text(&told.stdout));
    // The log of the killed one holds what was sent twice; the stores do not.
    let of_stores = |told: &Output| text(&told.stdout).split("log:").next().map(str::to_owned);
    assert_eq!(of_stores(&told), of_stores(&audit(&whole)));
    assert!(history(&whole) == history(&killed), "the Parquet files differ");
    let expected = content(&whole);
    assert_eq!(expected, content(&killed));

    // A run that is whole may be started again as well: everything is recognised.
    let output = run(&scenario, &whole, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(history(&whole) == history(&killed), "the Parquet files differ");
    assert_eq!(expected, content(&whole));
}

#[test]
fn the_same_seed_gives_the_same_files_on_two_threads_and_from_a_recording() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = scenario(folder.path());
    let (one, two, again) = (folder.path().join("one"), folder.path().join("two"), folder.path().join("again"));
    for (out, threads) in [(&one, "1"), (&two, "2")] {
        let output = run(&scenario, out, &["--threads", threads]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    assert!(history(&one).len() > 5, "something was kept");
    assert!(history(&one) == history(&two), "the Parquet files differ between 1 and 2 threads");
    assert_eq!(
        std::fs::read(one.join("ledger.csv")).expect("a ledger"),
        std::fs::read(two.join("ledger.csv")).expect("a ledger")
    );
    let words = [&one, &again, &scenario].map(|path| path.display().to_string());
    let output = command(&["replay", &words[0], "--out", &words[1], "--scenario", &words[2]])
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(history(&one) == history(&again), "the Parquet files differ between the run and its recording");
    assert_eq!(content(&one), content(&again));
}

#[test]
fn another_scenario_is_not_mixed_into_a_runs_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = scenario(folder.path());
    let out = folder.path().join("out");
    let output = run(&scenario, &out, &["--end", "07:01"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let before = history(&out);
    let output = run(&scenario, &out, &["--end", "07:01", "--seed", "7"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("another"), "{}", text(&output.stderr));
    assert!(before == history(&out), "the refused run changed something");
}

#[test]
fn a_worker_that_dies_is_started_again_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = scenario(folder.path());
    let loaded = citytwin::city::scenario::load(&scenario, &Overrides::default()).expect("a scenario");
    let program = Program { command: Vec::new(), began: std::time::UNIX_EPOCH, loading_cpu_s: None, from: None };
    let mut files = Vec::new();
    for dies_after in [None, Some(3000)] {
        let out = folder.path().join(format!("dies-{dies_after:?}"));
        let mut settings = WireSettings::in_folder(&out, TopicMap::new(&loaded.name));
        settings.worker_dies_after = dies_after;
        settings.batch_messages = 500;
        let mut wire = TwinWire::lay(&settings, &loaded).expect("a wire");
        let speak: Option<&mut dyn Wire> = Some(&mut wire);
        experiment::run(&loaded, &Destination::default(), &program, speak, &|| false, &mut |_| ()).expect("a run");
        assert_eq!(wire.restarts().values().sum::<u32>(), u32::from(dies_after.is_some()));
        assert!(wire.balance().is_some_and(citytwin::studies::audit::Balance::closes));
        files.push(history(&out));
    }
    assert!(files[0] == files[1], "the Parquet files differ");
}

/// A wire that is cut at once.
#[derive(Debug)]
struct Cut;

impl Wire for Cut {
    fn send(&mut self, _told: Vec<citytwin::telemetry::Emission>) -> Result<(), WireError> {
        Err(WireError("cut".to_owned()))
    }

    fn close(&mut self, _loaded: &LoadedScenario, _interrupted: bool) -> Result<Option<Telling>, WireError> {
        Err(WireError("cut".to_owned()))
    }
}

#[test]
fn nothing_of_an_earlier_run_vouches_for_one_that_is_cut_short() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = scenario(folder.path());
    let loaded = citytwin::city::scenario::load(&scenario, &Overrides::default()).expect("a scenario");
    let out = folder.path().join("out");
    std::fs::create_dir(&out).expect("a folder");
    for stale in ["manifest.json", "ledger.csv"] {
        std::fs::write(out.join(stale), "of an earlier run").expect("room");
    }
    let settings = WireSettings::in_folder(&out, TopicMap::new(&loaded.name));
    drop(TwinWire::lay(&settings, &loaded).expect("a wire"));
    let program = Program { command: Vec::new(), began: std::time::UNIX_EPOCH, loading_cpu_s: None, from: None };
    let destination = Destination { folder: Some(out.clone()), ..Destination::default() };
    experiment::run(&loaded, &destination, &program, Some(&mut Cut), &|| false, &mut |_| ()).expect_err("a cut wire");
    assert!(!out.join("manifest.json").exists(), "a folder with a manifest is a whole run");
    let output = audit(&out);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("run it again"), "{}", text(&output.stderr));
}

#[test]
fn looking_for_a_run_where_there_is_none_leaves_the_folder_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let (empty, out) = (folder.path().join("empty"), folder.path().join("out"));
    std::fs::create_dir(&empty).expect("a folder");
    let words = [&empty, &out].map(|path| path.display().to_string());
    for words in [&["audit", &words[0]][..], &["replay", &words[0], "--out", &words[1]]] {
        let output = command(words).output().expect("the program runs");
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert!(text(&output.stderr).contains("name the folder of a run"), "{}", text(&output.stderr));
        assert_eq!(std::fs::read_dir(&empty).expect("a folder").count(), 0, "{words:?}");
    }
}

#[test]
fn a_city_without_devices_tells_only_what_its_control_room_knows() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = scenario(folder.path());
    let yaml = std::fs::read_to_string(&path).expect("a scenario");
    let (before, _) = yaml.split_once("sensors:").expect("devices");
    std::fs::write(&path, format!("{before}sensors: {{ enabled: false }}\n")).expect("room");
    let out = folder.path().join("out");
    let output = run(&path, &out, &["--end", "07:04"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let ledger = std::fs::read_to_string(out.join("ledger.csv")).expect("a ledger");
    let mut kinds: Vec<&str> = ledger.lines().skip(1).filter_map(|line| line.split(',').nth(1)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert!(kinds.contains(&"incident"), "{kinds:?}");
    assert!(kinds.iter().all(|kind| ["call", "hospital", "incident", "unit"].contains(kind)), "{kinds:?}");
}

#[test]
fn a_mapping_with_mistakes_is_found_by_checking_the_scenario() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = scenario(folder.path());
    let yaml = std::fs::read_to_string(&path).expect("a scenario");
    std::fs::write(&path, format!("{yaml}telemetry: {{ topics: topics.yaml }}\n")).expect("room");
    std::fs::write(folder.path().join("topics.yaml"), "positon: a/{device}\nair: b\n").expect("room");
    let output = command(&["check", &path.display().to_string()]).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.contains("did you mean `position`?") && told.contains("2 problems"), "{told}");
}
