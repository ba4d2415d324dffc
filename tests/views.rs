//! The same windows come out whoever the vehicles are and however they are told: as floating car data over MQTT, as a recording played
//! again, or made anew from the history.
#![cfg(unix)]

#[path = "common/program.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Output;

use citytwin::city::scenario::{self, Overrides};
use citytwin::pipeline::analytics::{PositionWindow, RoadIndex, RoadRef, RoadWindow, TravelWindow};
use citytwin::pipeline::stores::Stores;
use citytwin::primitives::Point;
use program::{Started, between, command};

const SCENARIO: &str = "
citytwin: 1
name: Views
map: { city: MAP }
time: { start: 07:00, run: 12 min }
demand:
  - synthetic: { vehicles: 150, profile: flat }
";

fn done(words: &[&str]) -> Output {
    let output = command(words).output().expect("the program runs");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A listener that closes its windows when it is interrupted.
struct Listener {
    program: Started,
    address: String,
}

impl Listener {
    fn start(out: &Path, more: &[&str]) -> Self {
        let mut words = vec!["listen", "--listen", "127.0.0.1:0", "--finish", "--out", text(out)];
        words.extend(more);
        let place = |line: &str| between(line, "mqtt://", ';').map(|place| format!("mqtt://{place}"));
        let (program, address) = Started::start(command(&words), place);
        Self { program, address }
    }

    fn end(mut self) {
        let (status, said) = self.program.interrupt();
        assert!(status.success(), "{said}");
    }
}

/// The rows of a table: key and bytes.
fn table(out: &Path, name: &str) -> BTreeMap<String, Vec<u8>> {
    let stores = Stores::open(&out.join("stores")).expect("stores");
    let mut rows = BTreeMap::new();
    let scanned = stores.tables().scan(name, "", &mut |key, json| {
        rows.insert(key.to_owned(), json.to_vec());
        ControlFlow::Continue(())
    });
    scanned.expect("a table");
    rows
}

fn rows<T: serde::de::DeserializeOwned>(out: &Path, name: &str) -> Vec<T> {
    table(out, name).values().map(|json| serde_json::from_slice(json).expect("a row")).collect()
}

/// A vehicle at an instant, as the file says it: id, second, x, y, angle, speed.
struct Seen {
    id: String,
    second: i64,
    place: (f64, f64),
    angle: f64,
    speed: f64,
}

/// Every vehicle of every step, found without reading XML.
fn seen(fcd: &str) -> Vec<Seen> {
    let value = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!(" {name}=\"")).expect("an attribute");
        rest.split('"').next().expect("a value").to_owned()
    };
    let number = |line: &str, name: &str| value(line, name).parse::<f64>().expect("a number");
    let (mut all, mut second) = (Vec::new(), 0);
    for line in fcd.lines() {
        if line.contains("<timestep ") {
            #[expect(clippy::cast_possible_truncation, reason = "whole seconds of a day")]
            {
                second = number(line, "time") as i64;
            }
        } else if line.contains("<vehicle ") {
            let place = (number(line, "x"), number(line, "y"));
            let (angle, speed) = (number(line, "angle"), number(line, "speed"));
            all.push(Seen { id: value(line, "id"), second, place, angle, speed });
        }
    }
    all
}

fn rounded(number: f64, parts: f64) -> f64 {
    (number * parts).round() / parts
}

/// What windows should say: fixes, speeds added up [1/1000 km/h], and who was there.
#[derive(Debug, Default, PartialEq)]
struct Sums {
    fixes: u64,
    speeds: i64,
    vehicles: BTreeSet<String>,
}

#[test]
#[expect(clippy::too_many_lines, reason = "one city, looked at from every side")]
fn floating_car_data_over_the_wire_gives_the_windows_that_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let map = Path::new(env!("CARGO_MANIFEST_DIR")).join("maps/halvermere");
    let city = at("views.yaml");
    std::fs::write(&city, SCENARIO.replace("MAP", text(&map))).expect("a scenario");
    let (fcd, kept, sender, again) = (at("fcd.xml"), at("kept"), at("sender"), at("again"));
    done(&["run", text(&city), "--no-report", "--out", text(&at("run")), "--fcd", text(&fcd)]);
    let listener = Listener::start(&kept, &["--scenario", text(&city)]);
    let words = ["send", text(&fcd), "--target", &listener.address, "--scenario", text(&city), "--as-fast", "--json"];
    let sent = done(&[&words[..], &["--out", text(&sender)]].concat());
    listener.end();
    let seen = seen(&std::fs::read_to_string(&fcd).expect("floating car data"));
    assert!(seen.len() > 10_000, "{} is a small city", seen.len());
    let figures: serde_json::Value = serde_json::from_slice(&sent.stdout).expect("JSON");
    assert_eq!(figures["emitted"], seen.len());
    done(&["audit", text(&sender), "--kept-in", text(&kept)]);

    let loaded = scenario::load(&city, &Overrides::default()).expect("a scenario");
    let index = RoadIndex::new(&loaded.network);
    let (mut minutes, mut roads) = (BTreeMap::<(String, i64), Sums>::new(), BTreeMap::<(String, i64), Sums>::new());
    let mut last: BTreeMap<&str, Option<RoadRef>> = BTreeMap::new();
    for Seen { id, second, place, angle, speed } in &seen {
        #[expect(clippy::cast_possible_truncation, reason = "thousandths of a speed")]
        let thousandths = (rounded(speed * 3.6, 1e3) * 1e3).round() as i64;
        let (lon, lat) = loaded.network.projection.to_lon_lat(Point::new(place.0, place.1)).expect("on earth");
        let before = last.get(id.as_str()).copied().flatten();
        let road = index.road_at(rounded(lon, 1e7), rounded(lat, 1e7), Some(rounded(*angle, 1e2) % 360.0), before);
        last.insert(id, road);
        let minute = minutes.entry((id.clone(), second / 60)).or_default();
        (minute.fixes, minute.speeds) = (minute.fixes + 1, minute.speeds + thousandths);
        if let Some(road) = road {
            let window = roads.entry((index.name(road).to_string(), second / 300)).or_default();
            (window.fixes, window.speeds) = (window.fixes + 1, window.speeds + thousandths);
            window.vehicles.insert(id.clone());
        }
    }
    let midnight = loaded.settings.midnight;
    let second = |start: citytwin::primitives::Timestamp| start.since(midnight).as_milliseconds() / 1000;
    let told: Vec<PositionWindow> = rows(&kept, "position_minutes");
    assert_eq!(told.len(), minutes.len());
    for row in &told {
        let naive = &minutes[&(row.vehicle.to_string(), second(row.start) / 60)];
        assert_eq!((row.fixes, row.without_fix), (naive.fixes, 0), "{row:?}");
        #[expect(clippy::cast_precision_loss, reason = "sums of a minute")]
        let mean = naive.speeds as f64 / 1e3 / naive.fixes as f64;
        assert!((row.speed_mean_kmh.expect("a speed") - mean).abs() < 1e-9, "{row:?}");
    }
    // Parts of roads add up, whichever partition a vehicle is in.
    let mut windows = BTreeMap::<(String, i64), (u64, i64, u64)>::new();
    for row in rows::<RoadWindow>(&kept, "road_windows") {
        let whole = windows.entry((row.road.to_string(), second(row.start) / 300)).or_default();
        let sums = &row.sums;
        *whole = (whole.0 + sums.fixes, whole.1 + sums.fix_speed_sum, whole.2 + sums.vehicles);
    }
    let naive: BTreeMap<_, _> =
        roads.iter().map(|(key, sums)| (key.clone(), (sums.fixes, sums.speeds, sums.vehicles.len() as u64))).collect();
    assert!(windows == naive, "{} windows of roads, {} by hand", windows.len(), naive.len());
    let mut travel = BTreeMap::<(String, i64), (u64, i64)>::new();
    for row in rows::<TravelWindow>(&kept, "travel_times") {
        let whole = travel.entry((row.road.to_string(), second(row.start) / 300)).or_default();
        *whole = (whole.0 + row.sums.fix_speeds, whole.1 + row.sums.fix_speed_sum);
    }
    travel.retain(|_, sums| sums.0 > 0);
    let naive: BTreeMap<_, _> = roads.iter().map(|(key, sums)| (key.clone(), (sums.fixes, sums.speeds))).collect();
    assert!(travel == naive, "{} travel times, {} by hand", travel.len(), naive.len());

    // Played again, and made anew from the history, they are the same.
    done(&["replay", text(&kept), "--out", text(&again), "--scenario", text(&city)]);
    for name in ["position_minutes", "road_windows", "road_minutes", "travel_times"] {
        let (live, replayed) = (table(&kept, name), table(&again, name));
        assert!(!live.is_empty() && live == replayed, "{name}: {} rows, {} of them again", live.len(), replayed.len());
    }
    let agreed = done(&["reconcile", text(&kept), "--scenario", text(&city), "--json"]);
    let agreed: serde_json::Value = serde_json::from_slice(&agreed.stdout).expect("JSON");
    assert_eq!(agreed["days"][0]["tables"]["position_minutes"]["equal"], told.len(), "{agreed}");
    let without = command(&["reconcile", text(&kept)]).output().expect("the program runs");
    assert!(!without.status.success(), "windows made with roads are not reconciled without");
}

/// Floating car data in degrees: vehicles of these names that are seen every ten seconds in these minutes.
fn degrees(path: &PathBuf, names: &[String], minutes: std::ops::Range<u32>) {
    let mut xml = String::from("<fcd-export>\n");
    for step in minutes.start * 6..minutes.end * 6 {
        writeln!(xml, "<timestep time=\"{}\">", 25_200 + step * 10).expect("text");
        for (n, name) in names.iter().enumerate() {
            let x = 6.9 + f64::from(step) * 1e-4;
            let y = 50.9 + f64::from(u32::try_from(n).expect("few")) * 1e-3;
            writeln!(
                xml,
                "<vehicle id=\"{name}\" x=\"{x:.6}\" y=\"{y:.6}\" angle=\"90\" type=\"car\" speed=\"11.5\"/>"
            )
            .expect("text");
        }
        xml.push_str("</timestep>\n");
    }
    xml.push_str("</fcd-export>\n");
    std::fs::write(path, xml).expect("a file");
}

#[test]
fn what_came_too_late_is_found_in_the_batch_view_and_written_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let (first, second, kept) = (at("first.xml"), at("second.xml"), at("kept"));
    let names: Vec<String> = (0..30).map(|n| format!("car-{n}")).collect();
    degrees(&first, &names, 0..40);
    degrees(&second, &["straggler".to_owned()], 0..3);
    let listener = Listener::start(&kept, &[]);
    for (file, out) in [(&first, at("a")), (&second, at("b"))] {
        done(&["send", text(file), "--target", &listener.address, "--as-fast", "--out", text(&out)]);
    }
    listener.end();
    let open = |kept: &Path| {
        // The ledger of one sender does not balance what two have sent; the windows' line is about all of it.
        let audit = command(&["audit", text(&at("a")), "--kept-in", text(kept), "--json"]).output().expect("it runs");
        let figures: serde_json::Value = serde_json::from_slice(&audit.stdout).expect("JSON");
        let count = |name: &str| figures["windows"][name].as_u64().expect("a count");
        (count("stored"), count("summed"))
    };
    assert_eq!(open(&kept), (30 * 240 + 18, 30 * 240));
    let before = table(&kept, "position_minutes");
    let found = command(&["reconcile", text(&kept), "--json"]).output().expect("the program runs");
    assert_eq!(found.status.code(), Some(1), "{}", String::from_utf8_lossy(&found.stderr));
    let found: serde_json::Value = serde_json::from_slice(&found.stdout).expect("JSON");
    let minutes = &found["days"][0]["tables"]["position_minutes"];
    let counts = ["equal", "corrected", "missing", "extra"].map(|name| minutes[name].as_u64().expect("a count"));
    assert_eq!(counts, [30 * 40, 0, 3, 0], "{found}");
    assert!(table(&kept, "position_minutes") == before, "nothing is written unasked");
    done(&["reconcile", text(&kept), "--write"]);
    done(&["reconcile", text(&kept), "--day", "2026-06-02"]);
    let after = table(&kept, "position_minutes");
    let added: Vec<&String> = after.keys().filter(|key| !before.contains_key(*key)).collect();
    assert!(added.len() == 3 && added.iter().all(|key| key.ends_with("/gps-straggler")), "{added:?}");
    assert_eq!(open(&kept), (30 * 240 + 18, 30 * 240 + 18));
}
