//! What a run writes comes back in: its trips, its trajectories and its counts are the input of other scenarios.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

/// Runs the program in `folder`.
fn citytwin(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_citytwin")).args(words).current_dir(folder).output().expect("the program starts")
}

fn sound(output: &Output) -> String {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{told}");
    told
}

/// A scenario on Halvermere's streets.
fn scenario(name: &str, minutes: u32, demand: &str, more: &str) -> String {
    let map = Path::new(env!("CARGO_MANIFEST_DIR")).join("maps/halvermere");
    format!(
        "citytwin: 1\nname: {name}\nmap: {{ city: {} }}\ntime: {{ start: 07:00, run: {minutes} min }}\ndemand:\n{demand}\n{more}",
        map.display()
    )
}

/// A trip of a tripinfo: type, road of departure, road of arrival and when it wished to depart [s].
type Made = (String, String, String, f64);

/// The trips of a tripinfo by vehicle.
fn made(folder: &Path, name: &str) -> BTreeMap<String, Made> {
    let text = std::fs::read_to_string(folder.join(name)).expect("a file");
    let get = |line: &str, key: &str| {
        let value = line.split(&format!(" {key}=\"")).nth(1).and_then(|rest| rest.split('"').next());
        value.unwrap_or_else(|| panic!("{key} in {line}")).to_owned()
    };
    let number = |line: &str, key: &str| get(line, key).parse::<f64>().expect("a number");
    let road = |line: &str, key: &str| get(line, key).rsplit_once('_').expect("a lane").0.to_owned();
    text.lines()
        .filter(|line| line.trim_start().starts_with("<tripinfo "))
        .map(|line| {
            let wished = number(line, "depart") - number(line, "departDelay");
            (get(line, "id"), (get(line, "vType"), road(line, "departLane"), road(line, "arrivalLane"), wished))
        })
        .collect()
}

/// 200 trips are made and recorded in every way; of each recording come the same trips.
#[test]
fn recordings_of_a_run_are_scenarios_with_the_same_trips() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("a file");
    write("truth.yaml", &scenario("Truth", 40, "  - synthetic: { flow: 400 veh/h, buses: false }", ""));
    let words = ["run", "truth.yaml", "--wire", "off", "--no-report", "--out", "truth", "--tripinfo", "trips.xml"];
    sound(&citytwin(folder, &[&words[..], &["--fcd", "seen.xml", "--edgedata", "roads.xml"]].concat()));
    let truth = made(folder, "trips.xml");
    assert!(truth.len() > 150, "{} trips", truth.len());
    write("trips.yaml", &scenario("Trips", 60, "  - trips: { tripinfo: trips.xml }", ""));
    write("seen.yaml", &scenario("Seen", 60, "  - fcd: { file: seen.xml }", ""));
    for name in ["trips", "seen"] {
        let (file, out) = (format!("{name}.yaml"), format!("{name}.tripinfo.xml"));
        sound(&citytwin(folder, &["run", &file, "--wire", "off", "--no-report", "--out", name, "--tripinfo", &out]));
        let again = made(folder, &out);
        let mut same = 0;
        for (vehicle, (kind, from, to, wished)) in &truth {
            let Some(trip) = again.get(vehicle) else { continue };
            // A recording knows when somebody entered the road, not when that was wished for.
            let late = if name == "seen" { 120.0 } else { 0.011 };
            assert!((wished - trip.3).abs() <= late, "{name}: {vehicle} at {}, not {wished}", trip.3);
            same += usize::from((kind, from, to) == (&trip.0, &trip.1, &trip.2));
        }
        // Who was last seen a step before its goal may have reached it on the next road.
        let least = if name == "seen" { truth.len() * 99 / 100 } else { truth.len() };
        assert!(same >= least, "{name}: {same} of {}", truth.len());
    }
}

/// A city is held against what a run of it counted and timed: it fits, up to the chance of another day.
#[test]
fn a_city_fits_the_results_of_its_own_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("a file");
    let demand = "  - synthetic: { flow: 400 veh/h, buses: false }";
    write("truth.yaml", &scenario("Truth", 20, demand, ""));
    let words = ["run", "truth.yaml", "--wire", "off", "--no-report", "--out", "truth", "--tripinfo", "trips.xml"];
    sound(&citytwin(folder, &[&words[..], &["--edgedata", "roads.xml"]].concat()));
    let more = "calibration: { counts: roads.xml, travel-times: trips.xml }\n\
                interventions: { calm: [change-speed: { road: Town Wall, limit: 30 km/h }] }\n\
                variants: { base: [], calm: [calm] }\n";
    write("held.yaml", &scenario("Held", 20, demand, more));
    sound(&citytwin(folder, &["compare", "held.yaml", "--seeds", "42,43", "--out", "held"]));
    let text = std::fs::read_to_string(folder.join("held/comparison.json")).expect("a comparison");
    let whole: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let fit = &whole["calibration"];
    let flows = fit["flows"].as_array().expect("flows");
    let near = flows.iter().filter(|flow| flow["geh"].as_f64().is_some_and(|geh| geh < 5.0)).count();
    assert!(flows.len() > 500 && near * 100 > flows.len() * 95, "{near} of {}", flows.len());
    let times = fit["journeys"].as_array().expect("travel times");
    let driven = times.iter().filter(|time| time["vehicles"].as_f64().is_some_and(|vehicles| vehicles > 0.0)).count();
    // One of the two days is the one that was recorded: everybody of it drives between the same roads again.
    assert!(times.len() > 50 && driven == times.len(), "{driven} of {}", times.len());
}

/// A run that is asked for it writes its tables twice, and both say the same.
#[test]
fn tables_are_also_parquet() {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::RowAccessor as _;

    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let demand = "  - synthetic: { flow: 400 veh/h, buses: false }";
    let text = scenario("Twice", 5, demand, "outputs: { tables: parquet }\n");
    std::fs::write(folder.join("twice.yaml"), text).expect("a file");
    sound(&citytwin(folder, &["run", "twice.yaml", "--wire", "off", "--no-report", "--out", "twice"]));
    for (name, at) in [("trips", 4), ("roads", 7)] {
        let table = std::fs::read_to_string(folder.join(format!("twice/{name}.csv"))).expect("a table");
        let lines: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split(',').collect()).collect();
        let file = std::fs::File::open(folder.join(format!("twice/{name}.parquet"))).expect("Parquet");
        let file = SerializedFileReader::new(file).expect("Parquet");
        let rows: Vec<_> = file.get_row_iter(None).expect("rows").map(|row| row.expect("a row")).collect();
        assert!(rows.len() == lines.len() && !rows.is_empty(), "{name}: {} of {}", rows.len(), lines.len());
        if name == "trips" {
            for (row, line) in rows.iter().zip(&lines) {
                let depart: f64 = line[at].parse().expect("a number");
                assert_eq!(row.get_string(0).expect("a text"), line[0]);
                assert!((row.get_double(at).expect("a number") - depart).abs() < 1e-9);
            }
        } else {
            let entered: i64 = rows.iter().map(|row| row.get_long(at).expect("a whole number")).sum();
            let counted: i64 = lines.iter().map(|line| line[at].parse::<i64>().expect("a whole number")).sum();
            assert!(entered == counted && counted > 0, "{entered} and {counted}");
        }
    }
}
