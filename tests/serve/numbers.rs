//! The same figure is the same wherever it is read: on the map, out of the stores, and in what the run leaves in its folder.

#[path = "../common/watcher.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod watcher;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use citytwin::primitives::{SimTime, Timestamp};
use serde_json::{Value, json};

use super::SEVEN;
use super::server::{Server, until};
use super::{command, scenario_in, text};
use watcher::{Heard, Watcher};

/// What the map is told of a city that stands still.
struct Map {
    state: Value,
    /// Vehicles in the whole city, as a frame says it.
    vehicles: u32,
    /// Vehicles that are drawn.
    drawn: usize,
    time_s: f64,
}

impl Map {
    fn look(server: &Server) -> Self {
        let mut watcher = Watcher::connect(server.address.parse().expect("an address"), None).expect("let in");
        watcher.watch("live");
        let (mut state, mut frame) = (None, None);
        while state.is_none() || frame.is_none() {
            match watcher.hear() {
                Heard::Words(words) if words["type"] == "state" => state = Some(words),
                Heard::Frame(head, _) => frame = Some(head),
                Heard::Closed(why) => panic!("closed: {why:?}"),
                Heard::Words(_) | Heard::Roads(_) => {}
            }
        }
        let head = frame.expect("a frame");
        Self {
            state: state.expect("a state"),
            vehicles: head.vehicles,
            drawn: watcher.seen().len(),
            time_s: head.time_s,
        }
    }

    fn total(&self, name: &str) -> f64 {
        self.state["totals"][name].as_f64().unwrap_or_else(|| panic!("{name} in {}", self.state))
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("a list, not {value}"))
}

/// A time of the wire as the city's [s after midnight].
fn seconds(server: &Server, at: &Value) -> f64 {
    let at: Timestamp = at.as_str().and_then(|at| at.parse().ok()).unwrap_or_else(|| panic!("a time, not {at}"));
    let midnight = server.get("/api/v1/sessions/live")["midnight_ms"].as_i64().expect("a day");
    (SimTime::ZERO + at.since(Timestamp::milliseconds(midnight))).as_seconds()
}

/// Every indicator that has a value.
fn indicators(server: &Server) -> BTreeMap<String, f64> {
    let all = server.get("/api/v1/indicators");
    let each = list(&all).iter().filter_map(|one| Some((one["name"].as_str()?.to_owned(), one["value"].as_f64()?)));
    each.collect()
}

/// The first of these that are not the same, by name.
fn same(pairs: &[(&str, f64, f64)]) -> Result<(), String> {
    // Indicators have six digits after the point; a number that is missing is like no other.
    let alike = |(_, one, other): &&(&str, f64, f64)| (one - other).abs() <= 1e-6;
    match pairs.iter().find(|pair| !alike(pair)) {
        Some((name, one, other)) => Err(format!("{name}: {one} and {other}")),
        None => Ok(()),
    }
}

/// The map and the stores of a city that stands still, without which there would be nothing to hold against each other.
fn now(server: &Server, map: &Map) -> Result<(), String> {
    let known = indicators(server);
    let of = |name: &str| known.get(name).copied().unwrap_or(f64::NAN);
    let active = server.get("/api/emergencies/active");
    let samples = server.get("/api/v1/sessions/live/samples");
    let sample = &list(&samples).last().expect("numbers over time")["totals"];
    if *sample != map.state["totals"] {
        return Err(format!("{sample} over time, {} on the map", map.state["totals"]));
    }
    let (calls, waiting) = (list(&active["calls"]), list(&map.state["waiting"]));
    let incidents = list(&map.state["incidents"]);
    let count = |n: usize| f64::from(u32::try_from(n).expect("few"));
    same(&[
        ("vehicles in a frame", f64::from(map.vehicles), map.total("running")),
        ("vehicles drawn", count(map.drawn), map.total("running")),
        ("vehicles by the model", of("model.running"), map.total("running")),
        ("entered and arrived", map.total("inserted"), map.total("running") + map.total("arrived")),
        ("calls open in the tables", of("emergencies.calls_open"), map.total("calls_open")),
        ("calls that are listed", count(calls.len()), map.total("calls_open")),
        ("calls waiting in the tables", of("emergencies.calls_waiting"), count(waiting.len())),
        ("incidents open in the tables", of("safety.incidents_open"), count(incidents.len())),
        ("ambulances that spoke", of("emergencies.units"), map.total("units")),
        (
            "ambulances busy, by what they said",
            of("emergencies.units_busy_percent"),
            100.0 * map.total("units_busy") / map.total("units"),
        ),
    ])?;
    // Not only as many, but the same ones.
    let told = |one: &Value, id: &str, chain: &Value| {
        format!("{} {} since {:.1}", one[id], one["severity"], seconds(server, &chain[0]["at"]))
    };
    let shown = |one: &Value, id: &str| {
        format!("\"{}\" {} since {:.1}", one[id], one["severity"], one["since_s"].as_f64().unwrap_or(f64::NAN))
    };
    let without = |call: &&Value| list(&call["chain"]).iter().all(|step| step["status"] != "dispatched");
    let pairs: [(BTreeSet<String>, BTreeSet<String>); 2] = [
        (
            calls.iter().filter(without).map(|call| told(call, "call", &call["chain"])).collect(),
            waiting.iter().map(|call| shown(call, "call")).collect(),
        ),
        (
            list(&active["incidents"]).iter().map(|one| told(one, "incident", &one["chain"])).collect(),
            incidents.iter().map(|one| shown(one, "incident")).collect(),
        ),
    ];
    for (stored, shown) in pairs {
        if stored != shown {
            return Err(format!("{stored:?} in the stores, {shown:?} on the map"));
        }
    }
    let mut duties: BTreeMap<String, u64> = BTreeMap::new();
    for unit in list(&map.state["units"]) {
        let duty = unit["duty"].as_str().expect("a word").replace('-', "_").replace("turning_out", "dispatched");
        *duties.entry(duty).or_default() += 1;
    }
    if active["units"] != json!(duties) {
        return Err(format!("{} said, {duties:?} on the map", active["units"]));
    }
    Ok(())
}

/// The rows of a table of the folder, each by its columns' names; none where there is no such table, because nothing was in it.
fn table(path: &Path) -> Vec<BTreeMap<String, String>> {
    let Ok(text) = std::fs::read_to_string(path) else { return Vec::new() };
    let mut lines = rows(&text).into_iter();
    let names = lines.next().unwrap_or_default();
    lines.map(|row| names.iter().cloned().zip(row).collect()).collect()
}

/// Fields of lines with commas between them, some in quotation marks.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut all, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => field.extend(letters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                all.push(std::mem::take(&mut row));
            }
            other => field.push(other),
        }
    }
    all
}

fn number(row: &BTreeMap<String, String>, name: &str) -> Option<f64> {
    row.get(name)?.parse().ok()
}

/// How many rows a list of the API has, page by page.
fn counted(server: &Server, path: &str) -> usize {
    let (mut count, mut at) = (0, format!("{path}?limit=200"));
    loop {
        let page = server.get(&at);
        count += list(&page["items"]).len();
        match page["next"].as_str() {
            Some(next) => at = format!("{path}?limit=200&cursor={next}"),
            None => return count,
        }
    }
}

/// The times of a chain of the tables by their words [s after midnight].
fn chain(server: &Server, row: &BTreeMap<String, String>) -> BTreeMap<String, f64> {
    let chain: Value = serde_json::from_str(&row["chain"]).expect("JSON");
    let step = |step: &Value| (step["status"].as_str().expect("a word").to_owned(), seconds(server, &step["at"]));
    list(&chain).iter().map(step).collect()
}

/// What calls and incidents the folder has: in the report's tables, in those of the stores, and by the API.
fn emergencies(server: &Server, out: &Path, map: &Map) {
    const STAGES: [(&str, &str); 11] = [
        ("t_call_s", "received"),
        ("t_answer_s", "answered"),
        ("t_queue_s", "queued"),
        ("t_dispatch_s", "dispatched"),
        ("t_enroute_s", "en_route"),
        ("t_arrive_s", "at_scene"),
        ("t_patient_s", "with_patient"),
        ("t_depart_s", "transporting"),
        ("t_hospital_s", "at_hospital"),
        ("t_handover_s", "handed_over"),
        ("t_clear_s", "closed"),
    ];
    let (report, stored) = (table(&out.join("calls.csv")), table(&out.join("tables/calls.csv")));
    assert!(report.len() > 2 && report.len() == stored.len(), "{} and {} calls", report.len(), stored.len());
    for call in &report {
        let row = stored.iter().find(|row| row["call"] == call["call"]).expect("in the stores as well");
        let said = chain(server, row);
        for (column, word) in STAGES {
            let (report, said) = (number(call, column), said.get(word).copied());
            assert!(
                report.zip(said).map_or(report == said, |(a, b)| (a - b).abs() < 1e-6),
                "{column}: {call:?} {row:?}"
            );
        }
    }
    let open = report.iter().filter(|call| number(call, "t_clear_s").is_none()).count();
    same(&[("calls open at the end", f64::from(u32::try_from(open).expect("few")), map.total("calls_open"))])
        .expect("the same");
    let (report, stored) = (table(&out.join("incidents.csv")), table(&out.join("tables/incidents.csv")));
    assert!(report.len() == 1 && stored.len() == 1, "{report:?} {stored:?}");
    let said = chain(server, &stored[0]);
    assert_eq!(number(&report[0], "began_s"), said.get("reported").copied());
    assert_eq!(number(&report[0], "cleared_s"), said.get("cleared").copied());
    assert_eq!((&report[0]["kind"], &report[0]["edge"]), (&stored[0]["kind"], &stored[0]["road"]));
}

/// What traffic the folder has, beside the last of the map.
fn traffic(out: &Path, map: &Map) {
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(out.join("manifest.json")).expect("a manifest")).expect("JSON");
    let trips = table(&out.join("trips.csv"));
    let (done, under_way): (Vec<_>, Vec<_>) = trips.iter().partition(|trip| trip["finished"] == "true");
    let count = |n: usize| f64::from(u32::try_from(n).expect("few"));
    let durations: f64 = done.iter().filter_map(|trip| number(trip, "duration_s")).sum();
    let of = |name: &str| manifest["results"][name].as_f64().unwrap_or(f64::NAN);
    same(&[
        ("entered", of("inserted"), map.total("inserted")),
        ("arrived", of("arrived"), map.total("arrived")),
        ("under way", of("running"), map.total("running")),
        ("waiting to enter", of("waiting_to_enter"), map.total("waiting_to_enter")),
        ("trips that ended", count(done.len()), map.total("arrived")),
        ("trips under way", count(under_way.len()), map.total("running")),
    ])
    .expect("the same");
    assert!(done.len() > 50, "a comparison of nothing");
    // Durations are written with two digits.
    let mean = durations / count(done.len());
    assert!((mean - map.total("travel_time_mean")).abs() < 0.005, "{mean} and {}", map.total("travel_time_mean"));
    let page = std::fs::read_to_string(out.join("report.html")).expect("a report");
    let says = format!("{} of {} trips finished", done.len(), trips.len());
    assert!(page.contains(&says), "the report does not say `{says}`");
}

/// What the API answers out of the stores beside what they left in the folder.
fn answers(server: &Server, out: &Path) {
    let cities = server.get("/api/v1/cities");
    let city = cities[0]["id"].as_str().expect("a city");
    for name in ["events", "alerts"] {
        let rows = table(&out.join(format!("tables/{name}.csv"))).len();
        assert_eq!(counted(server, &format!("/api/v1/cities/{city}/{name}")), rows, "{name}");
        assert!(rows > 0, "no {name} to be counted");
    }
    // Every device's records: sent, by the ledger, and kept, by the stores.
    let mut sent: BTreeMap<String, u64> = BTreeMap::new();
    for row in table(&out.join("ledger.csv")) {
        let of = |name: &str| row[name].parse::<u64>().expect("a count");
        *sent.entry(row["kind"].clone()).or_default() += of("emitted") - of("lost") - of("garbled");
    }
    let kept = server.get("/api/stats")["records"].clone();
    for (kind, sent) in &sent {
        assert_eq!(kept[kind], json!(sent), "records of {kind}");
    }
    assert!(sent.len() > 6, "{sent:?}");
    // The newest five minutes of roads.
    let mut newest: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for row in table(&out.join("tables/road_windows.csv")) {
        if newest.get(&row["road"]).is_none_or(|known| known["start"] < row["start"]) {
            newest.insert(row["road"].clone(), row);
        }
    }
    assert!(newest.len() > 50, "{} roads", newest.len());
    for (road, row) in newest.iter().take(50) {
        let told = server.get(&format!("/api/traffic/live/{road}"));
        for name in ["speed_kmh", "flow_veh_h"] {
            let (said, kept) = (told[name].as_f64(), number(row, name));
            assert!(said.zip(kept).map_or(said == kept, |(a, b)| (a - b).abs() < 1e-6), "{name}: {told} {row:?}");
        }
        assert_eq!(told["start"].as_str(), row.get("start").map(String::as_str));
    }
}

#[test]
fn the_map_the_stores_and_the_report_say_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let (scenario, out) = (scenario_in(folder.path()).display().to_string(), folder.path().join("out"));
    let parts: PathBuf = folder.path().join("parts.yaml");
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/alerts.yaml");
    std::fs::write(&parts, format!("alerts: '{}'\n", rules.display())).expect("room");
    let words = [&parts, &out].map(|path| path.display().to_string());
    let server = Server::start(&[
        &scenario, "--parts", &words[0], "--out", &words[1], "--end", "07:10", "--speed", "max", "--paused",
    ]);
    // While the crash is there and calls wait.
    server.jump(170.0);
    server.settled();
    let map = Map::look(&server);
    assert!((map.time_s - SEVEN - 170.0).abs() < 1e-9);
    assert!(map.total("running") > 50.0 && map.total("calls_open") > 0.0, "{}", map.state);
    assert_eq!(list(&map.state["incidents"]).len(), 1, "{}", map.state);
    until("the stores say what the map says", || now(&server, &map));
    server.jump(600.0);
    until("the run is written down", || {
        let info = server.get("/api/v1/sessions/live");
        let written = info["over"] == json!(true) && out.join("manifest.json").exists();
        if written { Ok(()) } else { Err(info.to_string()) }
    });
    server.settled();
    let map = Map::look(&server);
    until("the stores say what the map says", || now(&server, &map));
    traffic(&out, &map);
    emergencies(&server, &out, &map);
    answers(&server, &out);
    let (status, said) = server.interrupt();
    assert!(status.success(), "{said}");
    let output = command(&["audit", &words[1]]).output().expect("the program runs");
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}
