//! What a load sends and how far it sees: cities and recordings as sources, truth with labels, stores that are looked into.

#[path = "load/kept.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod kept;
#[path = "common/program.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod program;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use citytwin::pipeline::stores::{SentRow, SentTruth};
use citytwin::primitives::Timestamp;
use citytwin::primitives::random::Seed;
use citytwin::studies::audit::Ledger;
use citytwin::studies::load::{Devices, End, Faults, LoadFault, Shape, SourceAsked, StoreAsked};
use citytwin::telemetry::{Emission, Fate};
use citytwin::twin::{self, LoadSource};
use kept::{Kept, load, phase, settings};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use program::{command, text};

/// A row of a table by its columns' names, as text; what is missing is not in it.
fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let file = SerializedFileReader::new(File::open(path).expect("a table")).expect("Parquet");
    let row = |row: parquet::record::Row| {
        let fields = row.get_column_iter().filter(|(_, field)| !matches!(field, Field::Null));
        fields.map(|(name, field)| (name.clone(), field.to_string().trim_matches('"').to_owned())).collect()
    };
    file.get_row_iter(None).expect("rows").map(|found| row(found.expect("a row"))).collect()
}

/// Every row of a load's truth, the strangers' aside.
fn truth(folder: &Path) -> Vec<BTreeMap<String, String>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder.join("truth")).expect("truth") {
        let path = entry.expect("a file").path();
        assert_eq!(path.extension().and_then(|ending| ending.to_str()), Some("parquet"), "{}", path.display());
        if path.file_stem().is_some_and(|name| name != "strangers") {
            all.extend(rows(&path));
        }
    }
    all
}

fn value(message: &[u8]) -> serde_json::Value {
    serde_json::from_slice(message).unwrap_or_default()
}

/// Whoever grades a platform compares what it found with these labels: they have to be those of what was sent.
#[test]
fn the_truth_says_of_each_message_what_was_put_on_it_and_when_it_left() {
    let (folder, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let mut settings = settings(
        folder.path(),
        &format!("mqtt://{}", kept.address),
        vec![phase("whole", 1.0, Shape::Constant(1000.0))],
    );
    (settings.devices, settings.truth) = (20, true);
    settings.faults = Faults {
        doubled: 0.05,
        reordered: 0.05,
        malformed: 0.05,
        hostile: 0.05,
        drop_out: 0.05,
        frozen: 0.2,
        null_island: 0.05,
        ..Faults::default()
    };
    let report = load(&settings, &mut |_| ());
    assert_eq!((&report.end, report.emitted, report.unacknowledged()), (&End::Completed, 1000, 0), "{report}");
    let truth = truth(folder.path());
    assert_eq!(truth.len(), 1000, "a row for each record of the ledger");
    let mut told: BTreeMap<(String, u64), Vec<serde_json::Value>> = BTreeMap::new();
    let messages = kept.told();
    for message in messages.iter().map(|told| value(told)).filter(serde_json::Value::is_object) {
        let (device, sequence) = (message["device"].as_str().unwrap_or_default(), message["seq"].as_u64());
        told.entry((device.to_owned(), sequence.unwrap_or_default())).or_default().push(message);
    }
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for row in &truth {
        let words: Vec<&str> = row.get("faults").map(|words| words.split(' ').collect()).unwrap_or_default();
        for word in &words {
            *counts.entry(word).or_default() += 1;
        }
        let of = (row["device"].clone(), row["sequence"].parse().unwrap());
        let copies = told.get(&of).map_or(0, Vec::len);
        let readable = usize::from(!words.contains(&"malformed") && !words.contains(&"drop-out"));
        let expected = readable * (1 + usize::from(words.contains(&"doubled")));
        assert_eq!(copies, expected, "{row:?}");
        assert_eq!(row.contains_key("sent"), !words.contains(&"drop-out"), "{row:?}");
        assert_eq!(row["fate"] == "lost", words.contains(&"drop-out"), "{row:?}");
        if let Some(said) = told.get(&of).and_then(|told| told.first()).filter(|said| said.get("latitude").is_some()) {
            let at_home = (said["latitude"].as_f64(), said["longitude"].as_f64()) == (Some(0.0), Some(0.0));
            assert_eq!(at_home, words.contains(&"null-island"), "{row:?} {said}");
            assert!(row["latitude"].parse::<f64>().unwrap() > 51.0, "the truth stays the truth: {row:?}");
        }
    }
    for fault in LoadFault::ALL {
        assert_eq!(counts.get(fault.word()).copied().unwrap_or_default(), report.fault_counts.of(fault), "{fault:?}");
    }
    let strangers = rows(&folder.path().join("truth/strangers.parquet"));
    assert_eq!(strangers.len() as u64, report.fault_counts.hostile);
    for stranger in strangers {
        let sent = messages.iter().any(|told| blake3::hash(told).to_hex().as_str() == stranger["blake3"]);
        assert!(sent, "{stranger:?}");
    }
}

/// A small town's minute with every kind of device.
const CITY: &str = "
citytwin: 1
name: Minute
map: { city: MAP }
time: { start: 07:00, run: 1 min }
demand:
  - synthetic: { vehicles: 60, profile: flat }
sensors: { loops: { count: 20, every: 10 s }, cameras: { count: 20, every: 10 s }, parking: { count: 50 } }
";

/// A load of a city says what that city says, at the rate that is asked for, and goes on when the city's day is over.
#[test]
fn a_citys_devices_speak_at_the_schedules_pace_and_begin_anew_without_gaps() {
    let kept = Kept::new();
    let folder = tempfile::tempdir().unwrap();
    let (map, path) =
        (Path::new(env!("CARGO_MANIFEST_DIR")).join("maps/halvermere"), folder.path().join("minute.yaml"));
    std::fs::write(&path, CITY.replace("MAP", &map.display().to_string())).expect("a scenario");
    let source = twin::read_source(&SourceAsked::City(path)).expect("a city");
    let mut settings = settings(
        folder.path(),
        &format!("mqtt://{}", kept.address),
        vec![phase("whole", 2.0, Shape::Constant(2000.0))],
    );
    settings.source = source;
    let report = load(&settings, &mut |_| ());
    assert_eq!((&report.end, report.emitted, report.unacknowledged()), (&End::Completed, 4000, 0), "{report}");
    let mut next: BTreeMap<(String, u64), u64> = BTreeMap::new();
    for message in kept.told().iter().map(|told| value(told)) {
        let (device, epoch) = (message["device"].as_str().unwrap().to_owned(), message["epoch"].as_u64().unwrap());
        let next = next.entry((device, epoch)).or_default();
        assert_eq!(message["seq"].as_u64(), Some(*next), "{message}");
        *next += 1;
    }
    assert!(report.devices > 50 && next.keys().any(|(_, epoch)| *epoch > 0), "its minute is over soon: {report}");
    let ledger = Ledger::read(&folder.path().join("ledger.csv")).expect("a ledger");
    assert_eq!(ledger.emitted(), 4000);
}

#[test]
fn a_recording_is_told_in_the_order_of_its_time_and_again_in_a_new_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, table) = (folder.path().join("told.jsonl"), folder.path().join("table"));
    let devices = Devices::new(Seed(1), 3, "rec");
    // By device, as history is: the load has to bring them into the order of time.
    let mut text = String::new();
    let at =
        |device: u64, n: u64| Timestamp::milliseconds(i64::try_from(1_780_358_400_000 + n * 1000 + device).unwrap());
    let mut truth = SentTruth::create(&table).unwrap();
    for device in 0..3 {
        for n in 0..5 {
            let record = devices.record(device, 100 + n, at(device, n));
            let mut bytes = Vec::new();
            citytwin::telemetry::json::encode(&record, &mut bytes);
            text.push_str(&String::from_utf8(bytes).unwrap());
            text.push('\n');
            let emission = Emission { truth: record.reading.clone(), record, fault: None, fate: Fate::Sent };
            truth.add(&SentRow { emission, faults: String::new(), due_us: 0, sent_us: None }).unwrap();
        }
    }
    truth.finish().unwrap();
    std::fs::write(&lines, text).unwrap();
    let kept = Kept::new();
    let out = folder.path().join("out");
    let mut settings =
        settings(&out, &format!("mqtt://{}", kept.address), vec![phase("whole", 0.2, Shape::Constant(100.0))]);
    (settings.connections, settings.source) = (1, LoadSource::Recording(lines));
    let report = load(&settings, &mut |_| ());
    assert_eq!((report.emitted, report.devices, report.unacknowledged()), (20, 3, 0), "{report}");
    let told: Vec<_> = kept.told().iter().map(|told| value(told)).collect();
    let devices: Vec<&str> = told.iter().take(6).map(|told| told["device"].as_str().unwrap()).collect();
    assert_eq!(devices[..3], devices[3..], "one after the other, as in time");
    assert!(devices[0] != devices[1] && devices[1] != devices[2]);
    let last = told.last().unwrap();
    assert_eq!((last["epoch"].as_u64(), last["seq"].as_u64()), (Some(1), Some(1)), "it has begun again: {last}");
    // A table with other columns than history has is none, and neither is a folder without any.
    for (path, sentence) in [
        (table.join("position.parquet"), "has other columns"),
        (folder.path().join("none"), "cannot be opened"),
        (table, "holds no log of a run"),
    ] {
        let wrong = twin::read_source(&SourceAsked::Recording(path)).expect_err("no recording");
        assert!(wrong.problems()[0].message.contains(sentence), "{:?}", wrong.problems());
    }
}

/// The latency that users feel is that to the store. A store that appears late is late in the figures.
#[test]
fn messages_are_looked_for_in_a_store_and_a_store_that_cannot_be_read_is_unknown() {
    let (folder, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let store = folder.path().join("store");
    std::fs::create_dir(&store).unwrap();
    let phases = || vec![phase("whole", 1.0, Shape::Constant(200.0))];
    let mut settings = settings(&folder.path().join("out"), &format!("mqtt://{}", kept.address), phases());
    let asked = StoreAsked {
        at: Some(format!("parquet://{}", store.display())),
        step_ms: 20,
        every: 1,
        devices: 5,
        wait_ms: 20_000,
        ..StoreAsked::default()
    };
    settings.store = Some(asked.clone());
    // The store keeps everything it was told when the load is over, as one that keeps batches does.
    let mut written = false;
    let report = load(&settings, &mut |now| {
        if now.phase == "looking into the store" && !written {
            written = true;
            let mut table = SentTruth::create(&store).unwrap();
            for told in kept.told() {
                let record = citytwin::telemetry::json::decode(&told).unwrap();
                let emission = Emission { truth: record.reading.clone(), record, fault: None, fate: Fate::Sent };
                table.add(&SentRow { emission, faults: String::new(), due_us: 0, sent_us: None }).unwrap();
            }
            table.finish().unwrap();
        }
    });
    let seen = report.store.as_ref().expect("a store");
    assert_eq!((seen.looked_for, seen.latency.count, seen.latency.unknown), (10, 10, 0), "{report}");
    assert!(seen.latency.p50_us > Some(10_000) && seen.latency.longest_us > Some(900_000), "{report}");
    assert!(report.to_string().contains("from due to seen in parquet://"), "{report}");

    let gone = StoreAsked { at: Some("parquet:///nowhere/at/all".to_owned()), wait_ms: 0, ..asked.clone() };
    settings.store = Some(gone);
    settings.profile.expect.store_p99_us = Some(1_000_000);
    let report = load(&settings, &mut |_| ());
    let seen = report.store.as_ref().expect("a store");
    assert_eq!((&report.end, report.unacknowledged()), (&End::Completed, 0), "the load goes on: {report}");
    assert_eq!((seen.latency.p99_us, seen.latency.unknown, report.holds()), (None, 10, false), "{report}");
    assert!(seen.why.as_ref().is_some_and(|why| why.contains("cannot be read")), "{report}");

    // A program of somebody's own, which finds what it is asked for at once.
    let command = ["test", "{sequence}", "-ge", "0"].map(str::to_owned).to_vec();
    settings.store = Some(StoreAsked { at: None, command, ..asked });
    let report = load(&settings, &mut |_| ());
    let seen = report.store.as_ref().expect("a store");
    assert_eq!((seen.latency.count, report.holds()), (10, seen.latency.p99_us <= Some(1_000_000)), "{report}");
}

#[test]
fn a_bad_source_is_a_sentence_with_its_place_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("p.yaml");
    let out = folder.path().join("out");
    for (source, needle) in [
        ("{ city: none.yaml }", "none.yaml"),
        ("{ recording: none.jsonl }", "cannot be opened"),
        ("{ town: a }", "p.yaml:2:11"),
    ] {
        std::fs::write(&profile, format!("phases: [{{ constant: 1/s, for: 1 s }}]\nsource: {source}\n")).unwrap();
        let (profile, folder) = (profile.display().to_string(), out.display().to_string());
        let words = ["load", "--target", "mqtt://127.0.0.1:1", "--out", &folder, "--profile", &profile];
        let output = command(&words).output().expect("the program runs");
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(needle), "{source}: {told}");
        assert!(!out.exists(), "nothing was begun");
    }
}

/// A small one of `scenarios/loads/million.yaml` and `reconnect-storm.yaml`.
#[test]
fn many_identities_and_a_storm_of_many_connections_close_the_books() {
    let (folder, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let phases =
        vec![phase("all speak", 2.0, Shape::Constant(25_000.0)), phase("storm", 1.0, Shape::ReconnectStorm(500.0))];
    let mut settings = settings(folder.path(), &format!("mqtt://{}", kept.address), phases);
    (settings.devices, settings.connections) = (50_000, 200);
    let report = load(&settings, &mut |_| ());
    assert_eq!((&report.end, report.unacknowledged(), report.emitted), (&End::Completed, 0, 50_500), "{report}");
    let back = report.measured.reconnecting.expect("a storm");
    assert_eq!(back.count, 200, "{report}");
    let ledger = Ledger::read(&folder.path().join("ledger.csv")).expect("a ledger");
    assert_eq!((ledger.lines().len(), ledger.emitted()), (50_000, 50_500), "each has spoken");
}

#[test]
fn the_profiles_that_come_with_the_program_can_be_sent() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/loads");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("profiles") {
        let path = entry.expect("a file").path();
        let profile = twin::read_profile(&path).unwrap_or_else(|wrong| panic!("{}: {wrong:?}", path.display()));
        assert!(profile.schedule().messages() > 0 || profile.search.is_some(), "{}", path.display());
        twin::read_source(&profile.source.unwrap_or_default()).expect("its source");
        names.push(path.file_stem().unwrap_or_default().to_string_lossy().into_owned());
    }
    names.sort();
    assert_eq!(names, ["city", "hot-road", "million", "reconnect-storm", "search", "worst-day"]);
}
