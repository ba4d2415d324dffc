//! What a planner reads when a scenario file is wrong: exact messages, lines, columns and help.

use std::path::Path;

use super::*;
use crate::primitives::SimDuration;

/// A folder with the files a scenario may name.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("town")).expect("a folder");
    for name in ["town/map.json", "roads.net.xml", "cars.rou.xml"] {
        std::fs::write(folder.path().join(name), "{}").expect("a file");
    }
    folder
}

/// The problems of a scenario, with the folder's name taken out.
fn problems(text: &str) -> Vec<String> {
    let folder = folder();
    let path = folder.path().join("a.yaml");
    std::fs::write(&path, text).expect("a file");
    match read(&path) {
        Ok(_) => Vec::new(),
        Err(findings) => {
            let prefix = format!("{}/", folder.path().display());
            findings.problems().iter().map(|problem| problem.to_string().replace(&prefix, "")).collect()
        }
    }
}

const GOOD: &str = "citytwin: 1
name: Morning hour
question: How long does the mean trip take?
map: { city: town }
time: { start: 2026-03-10T07:00, warmup: 10 min, run: 1 h, step: 0.5 s }
demand:
  - synthetic: { vehicles: 3500, profile: morning-peak, through-traffic: 20 %, buses: true, scale: 2 }
  - sumo-routes: { files: [cars.rou.xml] }
fleet: { car-following: idm, headway: 1.2 s, gap: 2 m, speed-max: 130 km/h, trucks: 5 %, speed-deviation: 12 % }
outputs:
  tripinfo: tripinfo.xml
  fcd: { file: fcd.xml, every: 1 s }
  edgedata: { file: edges.xml, every: 10 min }
  road-interval: 5 min
seed: 7
last-resort-after: 200 s
";

#[test]
fn a_full_scenario_means_what_it_says() {
    assert_eq!(problems(GOOD), Vec::<String>::new());
    let folder = folder();
    let path = folder.path().join("a.yaml");
    std::fs::write(&path, GOOD).expect("a file");
    let scenario = read(&path).expect("a scenario");
    assert_eq!(scenario.begin().to_string(), "06:50:00");
    assert_eq!(scenario.end().to_string(), "08:00:00");
    assert_eq!(scenario.date.as_deref(), Some("2026-03-10"));
    assert_eq!(scenario.step.as_milliseconds(), 500);
    let DemandSource::Synthetic(synthetic) = &scenario.demand[0] else { panic!("synthetic first") };
    // 3,500 in the hour, twice for `scale`.
    assert_eq!((synthetic.flow.as_vehicles_per_hour().round(), synthetic.profile), (7000.0, Profile::MorningPeak));
    assert!((synthetic.through_traffic - 0.2).abs() < 1e-12);
    assert!((scenario.fleet.speed_max.expect("given").as_kilometres_per_hour() - 130.0).abs() < 1e-9);
    assert_eq!(scenario.outputs.edgedata.as_ref().map(|s| s.every.as_seconds()), Some(600.0));
    assert_eq!((scenario.seed.0, scenario.last_resort_after.as_seconds()), (7, 200.0));
    assert_eq!(
        scenario.map,
        MapSource::City(NamedFile { path: folder.path().join("town/map.json"), place: Place::file(path).at(4, 14) })
    );
}

#[test]
fn every_mistake_is_named_at_its_place_in_one_go() {
    let text = "citytwin: 2
name: ''
map: { city: twon }
tiem: { start: 07:00 }
time: { start: 7 am, run: 30, step: 2 s }
demand:
  - sythetic: { vehicles: 3500 }
  - synthetic: { vehicles: many, profile: morning, through-traffic: 15 }
  - sumo-routes: { file: cars.rou.xml }
seed: -1
";
    let expected: &[&str] = &[
        "a.yaml:4:1: unknown key `tiem` in the file (did you mean `time`?)",
        "a.yaml:5:16: `7 am` is not a clock time (write it like `07:00`, `07:00:30` or `2026-03-10T07:00`)",
        "a.yaml:5:27: `30` has no unit, so it is not a duration (write the unit, for example `30 s`)",
        "a.yaml:7:5: unknown key `sythetic` in an entry of `demand` (did you mean `synthetic`?)",
        "a.yaml:8:28: `vehicles` should be a whole number, not the text `many` (write it like `1`, without a unit)",
        "a.yaml:8:43: `profile` cannot be `morning` (did you mean `morning-peak`?)",
        "a.yaml:8:69: `15` has no unit, so it is not a share (write the unit, for example `15 %`)",
        "a.yaml:9:20: unknown key `file` in `sumo-routes` (did you mean `files`?)",
        "a.yaml:10:7: `seed` cannot be -1 (from 0 to 18446744073709551615)",
    ];
    assert_eq!(problems(text), expected);
}

#[test]
fn wrong_values_are_named_all_at_once() {
    let text = "citytwin: 2
name: ' '
map: { city: twon }
time: { start: 7 am, run: 30, step: 2 s, warmup: 1 h }
demand:
  - synthetic: { vehicles: 3500, through-traffic: 150 %, scale: -1 }
  - sumo-routes: { files: [car.rou.xml] }
fleet: { headway: 20 s, gap: 1 km, trucks: 60 %, vans: 60 % }
outputs: { tripinfo: ../a.xml, summary: trips.csv, fcd: { file: a.xml, every: 1.5 s } }
last-resort-after: 5 mins
";
    let expected: &[&str] = &[
        "a.yaml:1:11: this program reads version 1 of the grammar, not 2 (write `citytwin: 1`)",
        "a.yaml:2:7: the scenario's name is empty (give it a name; its results are kept under it)",
        "a.yaml:3:14: there is no file `twon` (did you mean `town`? Paths are relative to the scenario file)",
        "a.yaml:4:16: `7 am` is not a clock time (write it like `07:00`, `07:00:30` or `2026-03-10T07:00`)",
        "a.yaml:4:27: `30` has no unit, so it is not a duration (write the unit, for example `30 s`)",
        "a.yaml:4:37: a step cannot be 2 s long (from 0.1 s to 1 s, and a whole number of steps in a second: 0.1 s, 0.2 s, 0.25 s, 0.5 s or 1 s)",
        "a.yaml:6:51: `through-traffic` cannot be 150 % (a share of all is from 0 % to 100 %)",
        "a.yaml:6:65: `scale` cannot be -1 (a factor from 0 to 100)",
        "a.yaml:7:28: there is no file `car.rou.xml` (did you mean `cars.rou.xml`? Paths are relative to the scenario file)",
        "a.yaml:8:19: `headway` cannot be 20 s (from 0.1 s to 10 s)",
        "a.yaml:8:30: `gap` cannot be 1000 m (from 0.1 m to 20 m)",
        "a.yaml:8:56: the fleet's shares add up to 120 % (at most 100 %; cars are the rest)",
        "a.yaml:9:22: `../a.xml` is not a file in the run's folder (write a plain name such as `tripinfo.xml`; `dir` or `--out` says where)",
        "a.yaml:9:41: `trips.csv` is written by another output (give it another name)",
        "a.yaml:9:79: `every` of 1.5 s is not a whole number of steps of 1 s (change it or `step`)",
        "a.yaml:10:20: unknown unit `mins` in `5 mins` (did you mean `min`? Units of a duration are `s`, `min`, `h`, `ms`, `d`)",
    ];
    assert_eq!(problems(text), expected);
}

/// A planner who mistypes a unit must not be sent after a second mistake that is not there.
#[test]
fn a_warm_up_that_cannot_be_read_is_one_problem_and_not_two() {
    let text = "citytwin: 1
name: a
map: { city: town }
time: { start: 07:00, warmup: 10 km, run: 1 h }
demand:
  - synthetic: { vehicles: 10 }
";
    let expected = ["a.yaml:4:31: unknown unit `km` in `10 km` (units of a duration are `s`, `min`, `h`, `ms`, `d`)"];
    assert_eq!(problems(text), expected);
}

#[test]
fn rules_between_keys_are_held() {
    let cases = [
        (
            "map: { sumo-net: roads.net.xml }\ntime: { start: 07:00, run: 1 h }\ndemand:\n  - synthetic: { vehicles: 5 }",
            "a.yaml:5:5: a SUMO network has no homes and jobs to make trips from (use `sumo-routes`, or a `city` or `osm` map)",
        ),
        (
            "map: { sumo-net: roads.net.xml }\ntime: { start: 07:00, run: 1 h }\ndemand: []",
            "a.yaml:4:9: nobody travels (name at least one source under `demand`)",
        ),
        (
            "map: { sumo-net: roads.net.xml, city: town }\ntime: { start: 07:00, run: 1 h }\ndemand:\n  - sumo-routes: { files: [cars.rou.xml] }",
            "a.yaml:2:33: `map` has both `sumo-net` and `city` (keep one of them)",
        ),
        (
            "map: { city: town }\ntime: { start: 07:00, run: 90.5 s }\ndemand:\n  - synthetic: { vehicles: 5 }",
            "a.yaml:3:28: `run` of 90.5 s is not a whole number of steps of 1 s (change it or `step`)",
        ),
        (
            "map: { city: town }\ntime: { start: 07:00, run: 1 h }\ndemand:\n  - synthetic: { vehicles: 5, flow: 3 veh/h }",
            "a.yaml:5:37: `vehicles` and `flow` are both given (keep one of the two)",
        ),
        (
            "map: { city: town }\ntime: { start: 07:00, run: 1 h }\nseed: 4\nseed: 5\ndemand:\n  - synthetic: { vehicles: 5 }",
            "a.yaml:5:1: the key `seed` is given twice (keep one of the two)",
        ),
        (
            "map: { city: town }\ntime: { start: 07:00, run: 1 h }\ndemand: everybody",
            "a.yaml:4:9: `demand` should be a list, not the text `everybody` (write `[everybody]`)",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(problems(&format!("citytwin: 1\n{text}\nname: a\n")), [expected]);
    }
}

#[test]
fn damaged_files_never_bring_the_program_down() {
    let place = Place::file("a.yaml");
    let problems = |text: &str| parse(text, &place, &mut Findings::default());
    for end in (0..GOOD.len()).step_by(7) {
        let _ = problems(&GOOD[..end]);
    }
    for (at, _) in GOOD.char_indices().step_by(19) {
        for wrong in ["\"", "{", "\t", ":", "-", "9", "&a ", "*a "] {
            let mut text = GOOD.to_owned();
            text.replace_range(at..=at, wrong);
            let _ = problems(&text);
        }
    }
}

#[test]
fn a_file_that_is_not_there_is_a_problem_not_a_crash() {
    let findings = read(Path::new("/nowhere/a.yaml")).expect_err("missing");
    let expected = "/nowhere/a.yaml: cannot be read: there is no such file (there is no folder `/nowhere`)";
    assert_eq!(findings.problems()[0].to_string(), expected);
}

#[test]
fn the_schema_knows_every_key_and_refuses_the_rest() {
    let schema = schema();
    assert_eq!(schema["additionalProperties"], false);
    for key in
        ["citytwin", "name", "question", "map", "time", "demand", "fleet", "outputs", "seed", "last-resort-after"]
    {
        assert!(schema["properties"][key].is_object(), "{key}");
        let about = schema["properties"][key]["description"].as_str();
        assert!(about.is_some(), "`{key}` is explained: {}", schema["properties"][key]);
    }
    let mut references = Vec::new();
    collect_references(&schema, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        assert!(schema.pointer(reference.trim_start_matches('#')).is_some(), "{reference} leads nowhere");
    }
}

fn collect_references(value: &serde_json::Value, into: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(map) => {
            into.extend(map.get("$ref").and_then(|r| r.as_str()).map(str::to_owned));
            map.values().for_each(|value| collect_references(value, into));
        }
        serde_json::Value::Array(list) => list.iter().for_each(|value| collect_references(value, into)),
        _ => {}
    }
}

/// Every scenario that is shipped is sound, can be laid out on its map with all its variants, and opens with the question its key
/// asks.
#[test]
fn shipped_scenarios_are_sound_and_open_with_their_question() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut paths: Vec<_> = std::fs::read_dir(folder).expect("scenarios").flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    assert!(paths.len() >= 2, "{paths:?}");
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a scenario");
        let scenario = read(&path).unwrap_or_else(|findings| panic!("{}: {:?}", path.display(), findings.problems()));
        let question = scenario.question.expect("a question");
        let comment: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("# ")).collect();
        assert!(comment.join(" ").starts_with(&question), "{} opens with its question", path.display());
        let said = |wrong: Findings| panic!("{}: {:?}", path.display(), wrong.problems());
        let loaded = load(&path, &Overrides::default()).unwrap_or_else(said);
        assert!(loaded.files.len() >= 2 && !loaded.demand.vehicles.is_empty(), "{}: nobody travels", path.display());
        for variant in &loaded.variants {
            loaded.variant(&variant.name).unwrap_or_else(said);
        }
    }
}

/// A scenario with these keys.
fn with(keys: &str) -> String {
    format!("{}{keys}", GOOD.replace("question: How long does the mean trip take?\n", ""))
}

#[test]
fn a_city_speaks_unless_it_is_told_to_keep_silent() {
    let folder = folder();
    let path = folder.path().join("a.yaml");
    let scenario = |keys: &str| {
        std::fs::write(&path, with(keys)).expect("a file");
        read(&path).unwrap_or_else(|findings| panic!("{keys}: {:?}", findings.problems()))
    };
    assert_eq!(scenario("").sensors, Some(SensorSettings::default()));
    assert_eq!(scenario("").weather, Weather::default());
    assert_eq!(scenario("sensors: { enabled: false }\n").sensors, None);
    let asked = scenario(
        "sensors:\n  trackers: { share: 25 %, every: 10 s, parked: 0 s, garbled: 0 % }\n  cameras: { count: 7, every: 5 min }\n  \
         loops: { count: 0 }\n  signals: false\n  severity: 0.5\n\
         weather: { sky: rain, precipitation: 5 mm/h, temperature: 8 °C, wind: 4 m/s, wind-from: 90, visibility: 2 km }\n",
    );
    let sensors = asked.sensors.expect("devices");
    assert!((sensors.tracker_share - 0.25).abs() < 1e-12 && sensors.garbled == 0.0 && !sensors.signals);
    assert_eq!((sensors.tracker_every.as_seconds(), sensors.tracker_parked.as_seconds()), (10.0, 0.0));
    assert_eq!((sensors.cameras.count, sensors.cameras.every.as_seconds(), sensors.loops.count), (7, 300.0, 0));
    assert_eq!(sensors.parking, SensorSettings::default().parking);
    let weather = asked.weather;
    assert_eq!((weather.sky, weather.wind_from, weather.visibility.as_metres()), (WeatherSky::Rain, 90.0, 2000.0));
    assert_eq!((weather.precipitation, weather.temperature, weather.wind.as_metres_per_second()), (5.0, 8.0, 4.0));
}

#[test]
fn devices_and_skies_that_cannot_be_are_refused_all_at_once() {
    let text = with("sensors: { camera: 3 }\nweather: { sky: rain, precipitation: 3 mm }\n");
    let expected: &[&str] = &[
        "a.yaml:16:12: unknown key `camera` in `sensors` (did you mean `cameras`?)",
        "a.yaml:17:38: unknown unit `mm` in `3 mm` (did you mean `mm/h`? Units of a rainfall are `mm/h`)",
    ];
    assert_eq!(problems(&text), expected);
    let text = with(
        "sensors: { trackers: { share: 120 %, every: 0.5 s }, loops: { count: 1000000 }, severity: 9 }\n\
         weather: { sky: dry, precipitation: 3 mm/h, temperature: 99 °C, wind-from: 400 }\n",
    );
    let expected: &[&str] = &[
        "a.yaml:16:31: `share` cannot be 120 % (a share of all is from 0 % to 100 %)",
        "a.yaml:16:45: a device cannot report every 0.5 s (whole seconds, from 1 s to 1 d)",
        "a.yaml:16:70: `loops` cannot be 1000000 devices (from 0 to 100000)",
        "a.yaml:16:91: `severity` cannot be 9 (a factor from 0 to 3)",
        "a.yaml:17:37: nothing falls from a sky that is `dry` (write `sky: rain` or `sky: snow`, or remove it)",
        "a.yaml:17:58: `temperature` cannot be 99 °C (from -60 °C to 50 °C)",
        "a.yaml:17:76: `wind-from` cannot be 400 degrees (from 0 degrees to 360 degrees)",
    ];
    assert_eq!(problems(&text), expected);
}

/// Shares, models and headways asked for are those the vehicles have.
#[test]
fn every_wish_about_the_fleet_acts() {
    use crate::city::demand::CarFollowing;
    use crate::primitives::VehicleClass;

    let map = Path::new(env!("CARGO_MANIFEST_DIR")).join("maps/halvermere");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.yaml");
    let text = format!(
        "citytwin: 1\nname: a\nmap: {{ city: {} }}\ntime: {{ start: 07:00, warmup: 10 min, run: 20 min }}\ndemand:\n  \
         - synthetic: {{ vehicles: 400, buses: false, through-traffic: 100 % }}\nfleet: {{ car-following: idm, headway: 1.4 s, \
         gap: 3 m, speed-max: 60 km/h, speed-deviation: 0 %, trucks: 100 %, vans: 0 %, motorcycles: 0 % }}\n",
        map.display()
    );
    std::fs::write(&path, text).expect("a file");
    let overrides = Overrides { end: Some(SimTime::seconds(7.25 * 3600.0)), threads: Some(3), ..Overrides::default() };
    let loaded = load(&path, &overrides).unwrap_or_else(|findings| panic!("{:?}", findings.problems()));
    let demand = &loaded.demand;
    assert_eq!(loaded.settings.begin.to_string(), "06:50:00");
    assert_eq!(loaded.settings.end, overrides.end);
    assert_eq!(loaded.settings.threads, 3);
    // 400 in twenty minutes are 500 in the ten of warm-up and fifteen of run; a trip without a way is left out.
    assert!((450..=500).contains(&demand.vehicles.len()), "{}", demand.vehicles.len());
    for vehicle in &demand.vehicles {
        let kind = demand.kind(vehicle.kind);
        assert_eq!(kind.class, VehicleClass::Truck);
        assert!(matches!(kind.following, CarFollowing::Idm { .. }));
        assert_eq!((kind.headway.as_milliseconds(), kind.gap_min.to_string()), (1400, "3.00 m".to_owned()));
        assert!(kind.speed_max.as_kilometres_per_hour() < 60.001 && kind.speed_factor.deviation < 1e-12);
    }
}

const SERVICE: &str = "citytwin: 1
name: Help
map: { city: town }
time: { start: 07:00, run: 1 h }
demand: [{ synthetic: { vehicles: 10 } }]
";

#[test]
fn emergencies_mean_what_they_say() {
    let folder = folder();
    let path = folder.path().join("a.yaml");
    let text = format!(
        "{SERVICE}emergencies: {{ ambulances: 4, calls: 12 per hour, random-incidents: 48 per day, siren: false, handover: 20 min }}
incidents:
  - {{ at: 07:20, road: High Street, lanes: 2, position: 25 %, duration: 20 min, kind: crash, casualties: 2 }}
"
    );
    std::fs::write(&path, text).expect("a file");
    let scenario = read(&path).expect("a scenario");
    let service = scenario.emergencies.expect("a service");
    assert_eq!((service.ambulances, service.siren, service.bays), (4, false, 3));
    assert!((service.calls_per_hour - 12.0).abs() < 1e-12 && (service.incidents_per_hour - 2.0).abs() < 1e-12);
    assert_eq!((service.treatment.as_seconds(), service.handover), (900.0, Some(SimDuration::seconds(1200.0))));
    let [incident] = &scenario.incidents[..] else { panic!("one incident") };
    assert_eq!((incident.at.to_string().as_str(), incident.lanes, incident.casualties), ("07:20:00", Some(2), 2));
    assert!((incident.position - 0.25).abs() < 1e-12 && (incident.length.as_metres() - 15.0).abs() < 1e-12);
}

/// A crash that never happens, or patients nobody comes for, would be found only in the results.
#[test]
fn emergencies_that_cannot_be_are_refused() {
    let cases = [
        ("incidents: [{ at: 06:59, road: a, duration: 5 min }]", "nothing is simulated at 06:59:00"),
        ("incidents: [{ at: 07:20, road: a, duration: 0 min }]", "`duration` cannot be 0 s"),
        ("incidents: [{ at: 07:20, road: a, lanes: 0, duration: 5 min }]", "an incident on no lane blocks nothing"),
        ("incidents: [{ at: 07:20, road: a, duration: 5 min, position: 120 % }]", "`position` cannot be 120 %"),
        ("incidents: [{ at: 07:20, road: a, duration: 5 min, kind: crush }]", "`kind` cannot be `crush`"),
        ("incidents: [{ at: 07:20, road: a, duration: 5 min, casualties: 1 }]", "nobody would come for the casualties"),
        ("emergencies: { calls: 6 }", "`6` has no unit, so it is not a rate"),
        ("emergencies: { calls: -1 per hour }", "`calls` cannot be -1 per hour"),
        ("emergencies: { ambulances: 0, calls: 3 per hour }", "without ambulances nobody would come"),
        ("emergencies: { bays: 0 }", "a hospital cannot have 0 bays"),
        ("emergencies: { sirens: true }", "unknown key `sirens` in `emergencies`"),
    ];
    for (line, expected) in cases {
        let found = problems(&format!("{SERVICE}{line}\n"));
        assert!(found.iter().any(|problem| problem.contains(expected)), "{line}: {found:?}");
    }
}
