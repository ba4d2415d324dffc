//! Who may use whom: the one table of rooms, held against the source text.
//!
//! A room may use itself and the rooms of its row, nothing else. Paths are read from `use` lines and from the middle of code,
//! through `crate::`, `super::` and `self::`. What breaks the table today stands in `OWED` with its reason, and the test fails
//! as well when such a debt is paid but still listed. `cargo xtask arch --write` copies the table into ARCHITECTURE.md.

#[path = "common/paths.rs"]
mod paths;
#[path = "common/source.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use paths::named_paths;

/// A room: its path under `crate::`, the rooms it may use, and what it must not touch.
struct Room {
    path: &'static str,
    may_use: &'static [&'static str],
    must_not: &'static str,
}

const fn room(path: &'static str, may_use: &'static [&'static str], must_not: &'static str) -> Room {
    Room { path, may_use, must_not }
}

const CITY: [&str; 5] = ["primitives", "city/network", "city/demand", "city/routing", "city/scenario"];

/// The table, in reading order. A path belongs to the room with the longest name that begins it.
const ROOMS: &[Room] = &[
    room("primitives", &[], "anything else; std's exp, ln, pow, sin in state; generators with hidden state"),
    room("city/network", &["primitives"], "time, vehicles; petgraph stays inside"),
    room("city/routing", &["primitives", "city/network"], "behaviour, the simulation"),
    room("city/demand", &["primitives", "city/network", "city/routing"], "behaviour, the simulation"),
    room("city/emergency", &["primitives", "city/network", "city/demand"], "anything in motion"),
    room(
        "city/intervention",
        &["primitives", "city/network", "city/demand", "city/routing"],
        "files and their grammar; anything in motion",
    ),
    room(
        "city/scenario",
        &["primitives", "city/network", "city/demand", "city/routing", "city/emergency", "city/intervention"],
        "running anything",
    ),
    room("city/project", &["primitives", "city/network", "city/demand", "city/routing"], "writing, running anything"),
    room("telemetry", &["primitives"], "IO, tokio, who listens; any simulation"),
    room("simulation/outcome", &["primitives"], "file formats; anything but plain values"),
    room("simulation/kernel", &["primitives"], "any traffic noun, wall clock, IO"),
    room("simulation/traffic", &["primitives", "city/network", "simulation/kernel"], "why anybody drives; IO"),
    room(
        "simulation/actors",
        &[
            "primitives",
            "city/network",
            "city/routing",
            "city/emergency",
            "telemetry",
            "simulation/outcome",
            "simulation/kernel",
            "simulation/traffic",
        ],
        "another actor's state, IO",
    ),
    room(
        "simulation",
        &[
            CITY[0],
            CITY[1],
            CITY[2],
            CITY[3],
            CITY[4],
            "city/emergency",
            "city/intervention",
            "telemetry",
            "simulation/outcome",
            "simulation/kernel",
            "simulation/traffic",
            "simulation/actors",
        ],
        "wall clock, sockets, files",
    ),
    room("pipeline/transport", &["primitives", "telemetry"], "decoding payloads, simulation"),
    room("pipeline/registry", &["primitives", "telemetry"], "HTTP, tokio; whose messages are described"),
    room("pipeline/ingest", &["primitives", "telemetry"], "city, simulation, stores; IO"),
    room("pipeline/analytics", &["primitives", "city/network", "telemetry"], "transport, stores, simulation; IO"),
    room("pipeline/stores", &["primitives", "telemetry"], "computing indicators, simulation"),
    room(
        "pipeline/alerting",
        &["primitives", "telemetry", "pipeline/analytics", "pipeline/stores"],
        "transport, ingest, simulation; what time it is, except as it is told",
    ),
    room(
        "api",
        &[
            "primitives",
            "telemetry",
            "city/network",
            "pipeline/registry",
            "pipeline/analytics",
            "pipeline/stores",
            "pipeline/alerting",
        ],
        "the simulation, transport; doing itself what the port orders",
    ),
    room(
        "studies/audit",
        &[
            "primitives",
            "telemetry",
            "pipeline/transport",
            "pipeline/stores",
            "pipeline/analytics",
            "pipeline/alerting",
        ],
        "the pipeline's own counters",
    ),
    room("studies/effects", &["primitives"], "any run, any network; coefficients without a source"),
    room(
        "studies/equilibrium",
        &[CITY[0], CITY[1], CITY[2], CITY[3], CITY[4], "simulation", "simulation/outcome"],
        "the inside of the simulation, files, what a result means",
    ),
    room(
        "studies/forecast",
        &[
            CITY[0],
            CITY[1],
            CITY[2],
            CITY[3],
            CITY[4],
            "city/intervention",
            "simulation",
            "simulation/outcome",
            "studies/equilibrium",
        ],
        "the inside of the simulation, files, who follows advice",
    ),
    room(
        "studies/access",
        &[CITY[0], CITY[1], CITY[2], CITY[3], CITY[4], "simulation/outcome", "studies/equilibrium"],
        "any other run, files, pages",
    ),
    room(
        "studies/experiment",
        &[
            CITY[0],
            CITY[1],
            CITY[2],
            CITY[3],
            CITY[4],
            "city/emergency",
            "telemetry",
            "simulation",
            "simulation/outcome",
            "studies/equilibrium",
            "studies/forecast",
            "studies/report",
        ],
        "the inside of the simulation",
    ),
    room("studies/report", &["primitives", "studies/experiment"], "computing anything new"),
    room("studies/load", &["primitives", "telemetry", "studies/report"], "simulation; clocks and sockets"),
    room(
        "studies/drill",
        &[
            "primitives",
            "city/network",
            "city/scenario",
            "city/emergency",
            "telemetry",
            "simulation",
            "simulation/outcome",
            "studies/experiment",
            "studies/report",
        ],
        "what time it is, sockets, stores; the inside of the simulation",
    ),
    room(
        "studies/observation",
        &["primitives", "city/network", "city/demand", "simulation/outcome", "studies/effects"],
        "scenario files, pages; changing what it sees",
    ),
    room(
        "studies/comparison",
        &[
            "primitives",
            "city/network",
            "city/scenario",
            "simulation/outcome",
            "studies/access",
            "studies/observation",
            "studies/effects",
            "studies/experiment",
            "studies/forecast",
            "studies/report",
        ],
        "what time it is, how a city is loaded, the inside of the simulation",
    ),
    room(
        "twin",
        &[
            CITY[0],
            CITY[1],
            CITY[2],
            CITY[3],
            CITY[4],
            "telemetry",
            "simulation",
            "simulation/outcome",
            "pipeline/transport",
            "pipeline/registry",
            "pipeline/ingest",
            "pipeline/analytics",
            "pipeline/stores",
            "pipeline/alerting",
            "api",
            "studies/audit",
            "studies/drill",
            "studies/experiment",
            "studies/load",
            "studies/report",
        ],
        "domain logic",
    ),
    room(
        "cli",
        &[
            CITY[0],
            CITY[1],
            CITY[2],
            CITY[3],
            CITY[4],
            "city/project",
            "telemetry",
            "simulation",
            "simulation/outcome",
            "studies/comparison",
            "studies/drill",
            "studies/experiment",
            "studies/load",
            "studies/report",
            "api",
            "twin",
        ],
        "logic of any kind",
    ),
];

/// What breaks the table today: room, room used, and why it is still so.
const OWED: &[(&str, &str, &str)] = &[
    (
        "simulation/traffic",
        "city/demand",
        "bodies take their constants, and guides their routes and stops, from the demand's types",
    ),
    ("simulation/traffic", "simulation/outcome", "the meter writes the rows of the road table directly"),
    ("simulation/actors", "city/demand", "a vehicle's itinerary holds the stops of its row"),
    ("studies/report", "city/network", "the page draws the roads"),
    ("studies/report", "city/demand", "the page names types and classes"),
    ("studies/report", "simulation/outcome", "the page is drawn from the outcome, not from a study of it"),
];

/// Rooms where values become text and back.
const SERDE: &[&str] = &[
    "studies/load",
    "telemetry",
    "pipeline/registry",
    "pipeline/ingest",
    "pipeline/analytics",
    "pipeline/stores",
    "pipeline/alerting",
    "studies/audit",
    "api",
    "twin",
    "city/network",
    "city/demand",
    "city/scenario",
    "studies/experiment",
    "studies/report",
    "studies/drill",
    "studies/comparison",
    "cli",
];

/// Rooms whose values are parts of a saved state; they derive its form and never write one.
const SAVED: &[&str] = &[
    "primitives",
    "city/emergency",
    "simulation",
    "simulation/outcome",
    "simulation/kernel",
    "simulation/traffic",
    "simulation/actors",
];

/// Rooms that read and write tables.
const TABLES: &[&str] =
    &["city/demand", "pipeline/stores", "studies/audit", "studies/experiment", "studies/report", "studies/comparison"];

const SERDE_OR_SAVED: &[&str] = &{
    let mut rooms = [""; SERDE.len() + SAVED.len()];
    let (serde, saved) = rooms.split_at_mut(SERDE.len());
    serde.copy_from_slice(SERDE);
    saved.copy_from_slice(SAVED);
    rooms
};

/// A crate, or a part of std, and the rooms whose code may name it; tests are free.
const FENCES: &[(&str, &[&str])] = &[
    ("tokio", &["pipeline/transport", "pipeline/stores", "api", "twin"]),
    ("actix", &["twin"]),
    ("actix_web", &["api"]),
    ("actix_tls", &["api"]),
    ("actix_ws", &["api"]),
    ("utoipa", &["api"]),
    ("async_graphql", &["api"]),
    ("prost", &["telemetry", "api"]),
    ("apache_avro", &["telemetry", "pipeline/registry"]),
    ("prost_reflect", &["telemetry", "pipeline/registry"]),
    ("protox", &["telemetry"]),
    ("prometheus_client", &["api"]),
    ("jsonwebtoken", &["api"]),
    ("ulid", &["api", "twin"]),
    ("subtle", &["api"]),
    ("rumqttc", &["pipeline/transport"]),
    ("rdkafka", &["pipeline/transport"]),
    ("mqtt_protocol_core", &["pipeline/transport"]),
    ("redb", &["pipeline/stores"]),
    ("parquet", &["pipeline/stores", "studies/experiment", "studies/audit"]),
    ("redis", &["pipeline/stores"]),
    ("object_store", &["pipeline/stores"]),
    ("postgres", &["pipeline/stores"]),
    ("rustls", &["pipeline/transport", "pipeline/stores", "pipeline/alerting", "api", "twin"]),
    ("tokio_rustls", &["pipeline/transport"]),
    ("argon2", &["pipeline/transport", "twin"]),
    ("ureq", &["pipeline/alerting", "api", "twin"]),
    ("lettre", &["pipeline/alerting"]),
    ("hmac", &["pipeline/alerting", "api"]),
    ("hdrhistogram", &["twin", "studies/load"]),
    ("chrono", &["primitives"]),
    ("bevy_ecs", &["simulation", "simulation/actors"]),
    ("postcard", &["simulation"]),
    ("rayon", &["city/demand", "simulation", "simulation/traffic"]),
    ("petgraph", &["city/network", "city/routing"]),
    ("quick_xml", &["city/network", "studies/experiment", "studies/load"]),
    ("flate2", &["city/network", "pipeline/stores", "studies/load", "api"]),
    ("zip", &["city/demand"]),
    ("schemars", &["city/scenario", "studies/drill"]),
    (
        "serde_saphyr",
        &["primitives", "city/scenario", "telemetry", "pipeline/alerting", "studies/drill", "api", "twin"],
    ),
    ("strsim", &["primitives"]),
    ("serde", SERDE_OR_SAVED),
    ("serde_json", SERDE),
    ("csv", TABLES),
    ("plotters", &["studies/report"]),
    ("clap", &["cli"]),
    ("ctrlc", &["cli"]),
    ("indicatif", &["cli"]),
    ("miette", &["cli"]),
    ("anyhow", &["cli"]),
    (
        "rand_distr",
        &["city/demand", "city/network", "telemetry", "simulation", "simulation/traffic", "simulation/actors"],
    ),
    ("crc32fast", &["pipeline/transport"]),
    (
        "std::fs",
        &[
            "city/network",
            "city/demand",
            "city/scenario",
            "pipeline/transport",
            "pipeline/registry",
            "pipeline/stores",
            "pipeline/alerting",
            "studies/audit",
            "studies/experiment",
            "studies/drill",
            "studies/comparison",
            "api",
            "twin",
            "cli",
        ],
    ),
    ("std::net", &["pipeline/transport", "pipeline/alerting", "api", "twin", "cli"]),
    ("std::process", &["primitives", "studies/experiment", "twin", "cli"]),
    ("std::env", &["studies/experiment", "cli"]),
    (
        "std::time",
        &["pipeline/transport", "pipeline/stores", "pipeline/alerting", "studies/experiment", "api", "twin", "cli"],
    ),
];

/// Doorways: they open rooms and hold nothing.
const DOORWAYS: &[&str] =
    &["src/lib.rs", "src/main.rs", "src/city/mod.rs", "src/pipeline/mod.rs", "src/studies/mod.rs"];

/// The room with the longest name that begins the path.
fn room_of(path: &str) -> Option<&'static Room> {
    let inside =
        |room: &&Room| path == room.path || path.strip_prefix(room.path).is_some_and(|rest| rest.starts_with('/'));
    ROOMS.iter().filter(inside).max_by_key(|room| room.path.len())
}

/// A file's module: `src/city/network/model.rs` is `city/network/model`.
fn module_of(file: &str) -> String {
    let path = file.strip_prefix("src/").unwrap_or(file).trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" || path == "main" { String::new() } else { path.to_owned() }
}

/// What one file breaks: the place and the rule in words, and whether it is owed.
fn breaches(file: &str, text: &str) -> Vec<(Option<(&'static str, &'static str)>, String)> {
    let code = source::code(text);
    let module = module_of(file);
    if DOORWAYS.contains(&file) {
        return Vec::new();
    }
    let Some(room) = room_of(&module) else {
        return vec![(None, format!("{file}:1: stands in no room of the table"))];
    };
    let mut broken = Vec::new();
    for (line, path) in named_paths(&module, &code) {
        let Some(used) = room_of(&path) else {
            broken.push((
                None,
                format!("{file}:{line}: `crate::{}` names no room; name the room itself", path.replace('/', "::")),
            ));
            continue;
        };
        // A room's inner rooms are its own where it has opened them.
        if used.path != room.path && !room.may_use.contains(&used.path) {
            let owed =
                OWED.iter().find(|(by, of, _)| *by == room.path && *of == used.path).map(|(by, of, _)| (*by, *of));
            let rule = format!(
                "{file}:{line}: {} may not use {} (it may use: {})",
                room.path,
                used.path,
                if room.may_use.is_empty() { "nothing".to_owned() } else { room.may_use.join(", ") }
            );
            broken.push((owed, rule));
        }
    }
    if !is_test_file(file) {
        let code = source::without_tests(&code);
        for (fenced, rooms) in FENCES.iter().filter(|(_, rooms)| !rooms.contains(&room.path)) {
            for at in source::places_of(&code, fenced) {
                if code[at + fenced.len()..].starts_with("::") && !code[..at].ends_with("::") {
                    let line = source::line_of(&code, at);
                    let allowed = if rooms.is_empty() { "nowhere".to_owned() } else { rooms.join(", ") };
                    broken.push((None, format!("{file}:{line}: {fenced} is fenced in: {allowed}")));
                }
            }
        }
    }
    broken
}

/// Files that are compiled for tests only, by their name.
fn is_test_file(file: &str) -> bool {
    let name = Path::new(file).file_stem().and_then(|name| name.to_str()).unwrap_or("");
    name == "tests" || name == "fixture" || file.contains("/tests/")
}

#[test]
fn nobody_reaches_past_the_table() {
    let mut paid: BTreeSet<(&str, &str)> = OWED.iter().map(|(by, of, _)| (*by, *of)).collect();
    let mut complaints = String::new();
    for file in source::files("src", "rs") {
        let name = file.to_string_lossy().replace('\\', "/");
        for (owed, complaint) in breaches(&name, &source::text(&file)) {
            match owed {
                Some(debt) => drop(paid.remove(&debt)),
                None => writeln!(complaints, "{complaint}").expect("text grows"),
            }
        }
    }
    for (by, of) in paid {
        writeln!(complaints, "{by} no longer uses {of}; strike it from OWED").expect("text grows");
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}

#[test]
fn the_table_only_looks_back() {
    let order: BTreeMap<&str, usize> = ROOMS.iter().enumerate().map(|(i, room)| (room.path, i)).collect();
    for room in ROOMS {
        for used in room.may_use {
            let place = order.get(used).unwrap_or_else(|| panic!("{}: {used} is no room", room.path));
            // Experiments hand their numbers to the page they write; the page knows the experiment's figures.
            let pair = room.path == "studies/experiment" && *used == "studies/report";
            assert!(*place < order[room.path] || pair, "{} stands before {used} and cannot use it", room.path);
        }
    }
}

/// Every way of naming another room is seen, and prose is not taken for code.
#[test]
fn a_bad_use_is_found_with_its_line_and_rule() {
    let check = |file: &str, text: &str, expected: &[&str]| {
        let found: Vec<String> = breaches(file, text).into_iter().map(|(_, complaint)| complaint).collect();
        let heads: Vec<&str> = found.iter().map(|complaint| complaint.split(" (").next().unwrap_or_default()).collect();
        assert_eq!(heads, expected, "{file}:\n{text}");
    };
    let network = "src/city/network/model.rs";
    check(network, "use crate::primitives::Point;", &[]);
    check(network, "\nuse crate::simulation::City;", &[&format!("{network}:2: city/network may not use simulation")]);
    check(
        network,
        "use crate::{primitives::ids::{LaneId, LinkId}, city::demand::Route};",
        &[&format!("{network}:1: city/network may not use city/demand")],
    );
    check(network, "fn f() { let _ = crate::cli::main(); }", &[&format!("{network}:1: city/network may not use cli")]);
    check(
        network,
        "use super::super::demand::Vehicle;",
        &[&format!("{network}:1: city/network may not use city/demand")],
    );
    check(network, "use super::bare::BareMap as Map;", &[]);
    check(network, "mod tests { use super::*; use super::super::bare::BareMap; }", &[]);
    check(
        network,
        "mod tests { use super::super::super::demand::Stop; }",
        &[&format!("{network}:1: city/network may not use city/demand")],
    );
    check(
        network,
        "// use crate::cli;\n/* crate::cli::x */ const A: &str = \"crate::cli::x\"; const B: &str = r#\"crate::cli::y\"#;",
        &[],
    );
    check(network, "use crate::city;", &[&format!("{network}:1: `crate::city` names no room; name the room itself")]);
    check(
        "src/simulation/kernel/mail.rs",
        "use crate::city::network::Lane;",
        &["src/simulation/kernel/mail.rs:1: simulation/kernel may not use city/network"],
    );
    check(
        "src/primitives/ids.rs",
        "use crate::city::network::Lane;",
        &["src/primitives/ids.rs:1: primitives may not use city/network"],
    );
    check("src/dashboard/mod.rs", "", &["src/dashboard/mod.rs:1: stands in no room of the table"]);
    check(
        "src/simulation/step.rs",
        "use std::time::Instant;",
        &[
            "src/simulation/step.rs:1: std::time is fenced in: pipeline/transport, pipeline/stores, pipeline/alerting, studies/experiment, api, twin, cli",
        ],
    );
    check(
        "src/city/demand/model.rs",
        "fn f() { petgraph::algo::x(); }",
        &["src/city/demand/model.rs:1: petgraph is fenced in: city/network, city/routing"],
    );
    check("src/city/demand/model.rs", "#[cfg(test)]\nmod tests { use petgraph::x; }", &[]);
    check("src/city/demand/tests.rs", "use petgraph::x;", &[]);
}

/// The table as ARCHITECTURE.md shows it.
fn rendered() -> String {
    let mut text = String::from("| room | may use | must not touch |\n|---|---|---|\n");
    for room in ROOMS {
        let used = if room.may_use.is_empty() { "-".to_owned() } else { room.may_use.join(", ") };
        writeln!(text, "| {} | {used} | {} |", room.path, room.must_not).expect("text grows");
    }
    text.push_str("\nWhat breaks the table today, and why:\n\n| room | uses | because |\n|---|---|---|\n");
    for (by, of, why) in OWED {
        writeln!(text, "| {by} | {of} | {why} |").expect("text grows");
    }
    text.push_str("\nFences: what may be named only there (tests are free).\n\n| crate | rooms |\n|---|---|\n");
    for (fenced, rooms) in FENCES {
        let rooms = if rooms.is_empty() { "nowhere".to_owned() } else { rooms.join(", ") };
        writeln!(text, "| `{fenced}` | {rooms} |").expect("text grows");
    }
    text
}

const BEGIN: &str = "<!-- rooms: written by `cargo xtask arch --write` -->\n";
const END: &str = "<!-- end of rooms -->";

/// The document shows the table the test holds; `UPDATE_ARCHITECTURE=1` writes it.
#[test]
fn architecture_md_shows_this_table() {
    let (file, wanted) = (Path::new("ARCHITECTURE.md"), rendered());
    let text = source::text(file);
    let (before, rest) = text.split_once(BEGIN).expect("ARCHITECTURE.md marks where the table begins");
    let (shown, after) = rest.split_once(END).expect("ARCHITECTURE.md marks where the table ends");
    if std::env::var_os("UPDATE_ARCHITECTURE").is_some() {
        let whole = format!("{before}{BEGIN}{wanted}{END}{after}");
        std::fs::write(source::root().join(file), whole).expect("ARCHITECTURE.md can be written");
    } else {
        assert!(shown == wanted, "ARCHITECTURE.md shows another table; run `cargo xtask arch --write`");
    }
}
