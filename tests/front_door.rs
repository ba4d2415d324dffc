//! The program as a script meets it: exit codes, what goes to which stream, and that bad input leaves no trace.

use std::path::Path;
use std::process::{Command, Output};

/// Runs the program in `folder`.
fn citytwin(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_citytwin")).args(words).current_dir(folder).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder").flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

const BAD: &str = "citytwin: 1\nname: Bad\nmap: { city: nowhere }\ntime: { start: 7 am, run: 1 h }\ndemand: []\n";

#[test]
fn a_bad_scenario_is_explained_and_leaves_no_trace() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("bad.yaml"), BAD).expect("a file");
    for words in [&["run", "bad.yaml", "--out", "here", "--tripinfo", "t.xml"][..], &["check", "bad.yaml"]] {
        let output = citytwin(folder.path(), words);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert_eq!(text(&output.stdout), "", "words for people do not go to standard output");
        for part in ["bad.yaml:3:14", "bad.yaml:4:16", "bad.yaml:5:9", "there is no file", "3 problems"] {
            assert!(told.contains(part), "{part} is missing in:\n{told}");
        }
        assert!(!told.contains('\u{1b}'), "no colours where nobody sees them");
        assert_eq!(names(folder.path()), ["bad.yaml"]);
    }
}

#[test]
fn check_lists_problems_for_programs() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("bad.yaml"), BAD).expect("a file");
    let output = citytwin(folder.path(), &["check", "bad.yaml", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let first = &list[0];
    assert_eq!(list.as_array().map(Vec::len), Some(3));
    assert_eq!((&first["file"], &first["line"], &first["column"]), (&"bad.yaml".into(), &3.into(), &14.into()));
    assert_eq!(first["severity"], "error");
}

#[test]
fn what_is_neither_scenario_nor_configuration_is_invalid() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("broken.sumocfg"), "<configuration><input>").expect("a file");
    std::fs::write(folder.path().join("a.txt"), "").expect("a file");
    for file in ["missing.yaml", "missing.sumocfg", "broken.sumocfg", "a.txt", "."] {
        for verb in ["check", "run"] {
            let output = citytwin(folder.path(), &[verb, file]);
            assert_eq!(output.status.code(), Some(2), "{verb} {file}: {}", text(&output.stderr));
            assert!(!output.stderr.is_empty() && output.stdout.is_empty());
        }
    }
    assert_eq!(names(folder.path()), ["a.txt", "broken.sumocfg"]);
}

#[test]
fn wrong_flags_are_invalid_input() {
    let folder = tempfile::tempdir().expect("a folder");
    for words in [
        &["run"][..],
        &["walk", "a.yaml"],
        &["run", "a.yaml", "--threads", "0"],
        &["run", "a.yaml", "--begin", "7 am"],
        &["run", "a.yaml", "--seed", "-1"],
        &["run", "a.yaml", "--listen", "localhost:1883"],
        &["run", "a.yaml", "--wire", "off", "--broker", "mqtt://localhost:1883"],
        &["run", "a.yaml", "--wire", "off", "--listen", "127.0.0.1:0"],
    ] {
        assert_eq!(citytwin(folder.path(), words).status.code(), Some(2), "{words:?}");
    }
}

/// What a newcomer's fingers do: every slip is answered with what to write, without a panic or a number of the system's errors.
#[test]
fn slips_of_the_hand_are_answered_with_what_to_write() {
    let folder = street();
    std::fs::create_dir(folder.path().join("folder")).expect("a folder");
    let cases: &[(&[&str], i32, &str)] = &[
        (&["rnu", "street.yaml"], 2, "a similar subcommand exists: 'run'"),
        (&["compair", "street.yaml"], 2, "'compare'"),
        (&["drive", "street.yaml"], 2, "unrecognized subcommand 'drive'"),
        (&["run", "street.yaml", "--sed", "7"], 2, "'--seed'"),
        (&["run", "street.yaml", "--seed", "seven"], 2, "write a whole number from 0"),
        (&["run", "street.yaml", "--variant", "bus"], 2, "there is no variant `bus`"),
        (&["run", "stret.yaml"], 2, "did you mean `street.yaml`?"),
        (&["run", "folder"], 2, "is a folder"),
        (&["check", "cars.rou.xml"], 2, "scenarios end in `.yaml`"),
        (&["run", "street.yaml", "--fcd", "folder"], 1, "cannot write `folder`: it is a folder; name a file"),
        (&["run", "street.yaml", "--out", "street.yaml"], 1, "there is a file of that name; name a folder"),
        (&["import", "street.net.xml", "--out", "new"], 2, "not OpenStreetMap's"),
        (&["rerun", "nowhere"], 2, "name the folder that a run or a comparison left"),
        (&["explain", "stret.yaml"], 2, "did you mean `street.yaml`?"),
    ];
    for (words, code, says) in cases {
        let output = citytwin(folder.path(), words);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(*code), "{words:?}: {told}");
        assert!(told.contains(says), "{words:?}: {told}");
        assert!(!told.contains("panicked") && !told.contains("os error"), "{words:?}: {told}");
    }
}

#[test]
fn help_version_and_schema_are_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let version = citytwin(folder.path(), &["--version"]);
    assert_eq!(text(&version.stdout), format!("citytwin {}\n", env!("CARGO_PKG_VERSION")));
    let help = citytwin(folder.path(), &["run", "--help"]);
    assert!(help.status.success() && text(&help.stdout).contains("--tripinfo"));
    let schema = citytwin(folder.path(), &["schema"]);
    assert!(schema.status.success() && schema.stderr.is_empty());
    let schema: serde_json::Value = serde_json::from_slice(&schema.stdout).expect("JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

/// A street of two roads, in SUMO's form: `a ──west──> b ──east──> c`.
const NET: &str = r#"<net version="1.20">
    <location netOffset="0.00,0.00" convBoundary="0.00,0.00,400.00,0.00" origBoundary="0,0,0,0" projParameter="!"/>
    <edge id=":b_0" function="internal">
        <lane id=":b_0_0" index="0" speed="13.89" length="10.00" shape="195.00,-1.60 205.00,-1.60"/>
    </edge>
    <edge id="west" from="a" to="b" priority="1">
        <lane id="west_0" index="0" speed="13.89" length="195.00" shape="0.00,-1.60 195.00,-1.60"/>
    </edge>
    <edge id="east" from="b" to="c" priority="1">
        <lane id="east_0" index="0" speed="13.89" length="195.00" shape="205.00,-1.60 400.00,-1.60"/>
    </edge>
    <junction id="a" type="dead_end" x="0.00" y="0.00" incLanes="" intLanes="" shape="0.00,0.00 0.00,-3.20"/>
    <junction id="b" type="priority" x="200.00" y="0.00" incLanes="west_0" intLanes=":b_0_0" shape="195.00,0.00 195.00,-3.20 205.00,-3.20">
        <request index="0" response="0" foes="0" cont="0"/>
    </junction>
    <junction id="c" type="dead_end" x="400.00" y="0.00" incLanes="east_0" intLanes="" shape="400.00,-3.20 400.00,0.00"/>
    <connection from="west" to="east" fromLane="0" toLane="0" via=":b_0_0" dir="s" state="M"/>
    <connection from=":b_0" to="east" fromLane="0" toLane="0" dir="s" state="M"/>
</net>
"#;

const CARS: &str = r#"<routes>
    <route id="through" edges="west east"/>
    <vehicle id="one" route="through" depart="0"/>
    <vehicle id="two" route="through" depart="3"/>
    <vehicle id="late" route="through" depart="290"/>
</routes>
"#;

const CONFIGURATION: &str = r#"<configuration>
    <input><net-file value="street.net.xml"/><route-files value="cars.rou.xml"/></input>
    <time><begin value="0"/><end value="300"/></time>
</configuration>
"#;

const SCENARIO: &str = "citytwin: 1
name: The street
question: Does anybody get through?
map: { sumo-net: street.net.xml }
time: { start: 00:00, run: 5 min }
demand:
  - sumo-routes: { files: [cars.rou.xml] }
outputs: { dir: results, tripinfo: tripinfo.xml, fcd: { file: fcd.xml, every: 10 s }, edgedata: { file: edges.xml }, road-interval: 1 min }
";

fn street() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let files =
        [("street.net.xml", NET), ("cars.rou.xml", CARS), ("a.sumocfg", CONFIGURATION), ("street.yaml", SCENARIO)];
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn a_scenario_leaves_a_whole_folder_and_tells_where() {
    let folder = street();
    let output = citytwin(folder.path(), &["run", "street.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let place = text(&output.stdout);
    assert!(place.starts_with("results/the-street/") && place.ends_with("-s42\n"), "{place}");
    let run = folder.path().join(place.trim_end());
    let files = ["edges.xml", "fcd.xml", "manifest.json", "report.html", "roads.csv", "trips.csv", "tripinfo.xml"];
    let wire = ["ledger.csv", "log", "stores", "tables", "truth"];
    let mut expected: Vec<String> = files.iter().chain(&wire).map(ToString::to_string).collect();
    expected.sort();
    assert_eq!(names(&run), expected, "and no unfinished file among them");
    let manifest: serde_json::Value = serde_json::from_str(&read(&run, "manifest.json")).expect("JSON");
    let results = &manifest["results"];
    assert_eq!((&results["loaded"], &results["arrived"], &results["running"]), (&3.into(), &2.into(), &1.into()));
    assert_eq!(manifest["inputs"].as_array().map(Vec::len), Some(3), "scenario, network and routes are hashed");
    assert_eq!(manifest["scenario"]["question"], "Does anybody get through?");
    assert_eq!(manifest["files"].as_array().map(Vec::len), Some(files.len() - 1), "all but itself");
    assert_eq!(read(&run, "trips.csv").lines().count(), 1 + 3);
    assert_eq!(read(&run, "tripinfo.xml").matches("<tripinfo ").count(), 2, "finished trips only, as SUMO has it");
    assert_eq!(read(&run, "fcd.xml").matches("<timestep ").count(), 30);
    assert_eq!(read(&run, "edges.xml").matches("<interval ").count(), 5);
    assert!(read(&run, "report.html").contains("Does anybody get through?"));
}

#[test]
fn a_scenario_goes_to_sumo_and_a_map_into_every_form() {
    let folder = street();
    let output = citytwin(folder.path(), &["export", "street.yaml", "--out", "there.sumocfg"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let written = ["there.add.xml", "there.net.xml", "there.rou.xml", "there.sumocfg"];
    let there: Vec<String> = names(folder.path()).into_iter().filter(|name| name.starts_with("there")).collect();
    assert_eq!(there, written, "and no unfinished file among them");
    let runs = [["run", "street.yaml", "--out", "a"], ["run", "there.sumocfg", "--out", "b"]];
    for words in runs {
        let output = citytwin(folder.path(), &words);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    assert_eq!(read(folder.path(), "a/trips.csv"), read(folder.path(), "b/trips.csv"), "the same trips either way");
    let map = citytwin(folder.path(), &["export", "there.net.xml", "--out", "again.net.xml"]);
    assert_eq!(map.status.code(), Some(0), "{}", text(&map.stderr));
    assert_eq!(read(folder.path(), "there.net.xml"), read(folder.path(), "again.net.xml"));
}

#[test]
fn what_cannot_be_exported_is_explained_and_leaves_no_trace() {
    let folder = street();
    let before = names(folder.path());
    for (words, said) in [
        (vec!["street.yaml", "--out", "x.net.xml"], "end it in one of: .sumocfg"),
        (vec!["street.net.xml", "--out", "x.txt"], "end it in one of: .osm, .net.xml, .geojson, .svg, .png"),
        (vec!["street.net.xml", "--out", "x.geojson"], "no place on earth"),
        (vec!["street.net.xml", "--out", "x.osm", "--variant", "b"], "`--variant` is for scenarios"),
        (vec!["street.yaml", "--out", "x.sumocfg", "--variant", "b"], "b"),
        (vec!["street.yaml", "--out", "street.sumocfg"], "would be written over"),
    ] {
        let words: Vec<&str> = std::iter::once("export").chain(words).collect();
        let output = citytwin(folder.path(), &words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(said), "{words:?}: {}", text(&output.stderr));
    }
    assert_eq!(names(folder.path()), before);
}

#[test]
fn a_configuration_writes_only_what_is_asked_for() {
    let folder = street();
    let before = names(folder.path());
    let output = citytwin(folder.path(), &["run", "a.sumocfg", "--json"]);
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((output.status.code(), &summary["arrived"]), (Some(0), &2.into()));
    assert_eq!(names(folder.path()), before, "nothing is written beside a configuration");
    let words = ["run", "a.sumocfg", "--out", "out", "--summary", "s.xml", "--end", "00:01", "--no-report"];
    let output = citytwin(folder.path(), &words);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "out\n".to_owned()));
    assert_eq!(names(&folder.path().join("out")), ["manifest.json", "roads.csv", "trips.csv"]);
    assert_eq!(read(folder.path(), "s.xml").matches("<step ").count(), 60);
}

#[test]
fn the_same_seed_gives_the_same_city_whatever_the_threads() {
    let folder = street();
    for (name, threads) in [("one", "1"), ("four", "4")] {
        let output =
            citytwin(folder.path(), &["run", "street.yaml", "--out", name, "--threads", threads, "--seed", "7"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    for file in ["trips.csv", "roads.csv", "tripinfo.xml", "fcd.xml", "edges.xml"] {
        let [one, four] = ["one", "four"].map(|run| read(&folder.path().join(run), file));
        assert_eq!(one, four, "{file}");
    }
}

/// A run cut in two leaves the same trips as one that was not, and says from which state it came; a state that does not fit is
/// invalid input, told in a sentence, and leaves nothing behind.
#[test]
fn a_run_goes_on_from_a_saved_state() {
    let folder = street();
    let run = |words: &[&str]| citytwin(folder.path(), &[&["run", "street.yaml", "--wire", "off"], words].concat());
    let output = run(&["--out", "whole", "--save-at", "00:00:12", "--save-at", "00:02", "--save-at", "09:00"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("over before 09:00:00: no state was saved then"), "{}", text(&output.stderr));
    let states = names(&folder.path().join("whole"));
    let states: Vec<&String> = states.iter().filter(|name| name.ends_with(".citytwin")).collect();
    assert_eq!(states, ["state-000012.citytwin", "state-000200.citytwin"]);
    let manifest: serde_json::Value =
        serde_json::from_str(&read(&folder.path().join("whole"), "manifest.json")).expect("JSON");
    assert!(manifest["files"].as_array().is_some_and(|files| files.contains(&"state-000012.citytwin".into())));
    for (state, out) in [("whole/state-000012.citytwin", "early"), ("whole/state-000200.citytwin", "late")] {
        let output = run(&["--out", out, "--from", state, "--threads", "2"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        for file in ["trips.csv", "roads.csv", "tripinfo.xml"] {
            let [whole, part] = ["whole", out].map(|run| read(&folder.path().join(run), file));
            assert_eq!(whole, part, "{file} from {state}");
        }
        let part: serde_json::Value =
            serde_json::from_str(&read(&folder.path().join(out), "manifest.json")).expect("JSON");
        assert_eq!(part["results"]["state_hash"], manifest["results"]["state_hash"]);
        assert_eq!(part["went_on_from"]["path"], state);
        assert!(read(&folder.path().join(out), "report.html").contains("Went on from"));
    }
    let refused = |words: &[&str], says: &str| {
        let output = citytwin(folder.path(), words);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(says) && told.lines().count() <= 2, "{told}");
        assert!(!folder.path().join("none").exists(), "a refused state leaves a folder");
    };
    let (state, off) =
        ("whole/state-000012.citytwin", ["run", "street.yaml", "--wire", "off", "--out", "none", "--from"]);
    refused(&[&off[..], &[state, "--seed", "7"]].concat(), "seed 42 and this one has 7");
    refused(&[&off[..], &["street.net.xml"]].concat(), "no saved state of a city");
    refused(&[&off[..], &["nowhere"]].concat(), "cannot be read");
    refused(&["run", "street.yaml", "--out", "none", "--from", state], "add `--wire off`");
    let several = ["run", "street.yaml", "--save-at", "1", "--save-at", "2", "--save-to", "x"];
    refused(&several, "leave `--save-to` out");
}

/// A road that is blocked for good: the run says where it stood still and since when, everywhere it says anything.
#[test]
fn a_run_that_cannot_finish_says_where_it_stood_still() {
    let folder = street();
    let stuck = SCENARIO.replace("run: 5 min", "run: 10 min").replace(
        "demand:",
        "last-resort-after: 1 h\nincidents:\n  \
        - { at: 00:00:20, road: east, position: 90 %, duration: 1 h, kind: roadworks }\ndemand:",
    );
    std::fs::write(folder.path().join("stuck.yaml"), stuck).expect("a file");
    let words = ["run", "stuck.yaml", "--wire", "off", "--out", "out", "--json"];
    let output = citytwin(folder.path(), &words);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("gridlock: nobody left `east` since 00:01:00; at the end 2 vehicles on 1 road"), "{told}");
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let gridlock = &summary["gridlock"];
    assert_eq!(
        (&gridlock["road"], &gridlock["since_s"], &gridlock["roads"]),
        (&"east".into(), &60.0.into(), &1.into())
    );
    let out = folder.path().join("out");
    let manifest: serde_json::Value = serde_json::from_str(&read(&out, "manifest.json")).expect("JSON");
    assert_eq!(&manifest["results"]["gridlock"], gridlock);
    let page = read(&out, "report.html");
    assert!(page.contains("Gridlock") && page.contains("since 00:01:00"), "the page says it too");
    let output = citytwin(folder.path(), &["run", "street.yaml", "--wire", "off", "--out", "free", "--json"]);
    assert!(!text(&output.stderr).contains("gridlock") && !text(&output.stdout).contains("gridlock"));
}

#[test]
fn a_full_disk_is_a_failure_that_names_the_file() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let folder = street();
    let before = names(folder.path());
    for flag in ["--tripinfo", "--summary", "--fcd", "--edgedata"] {
        let output = citytwin(folder.path(), &["run", "a.sumocfg", flag, "/dev/full"]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{flag}: {told}");
        assert!(told.contains("cannot write `/dev/full`: the disk is full"), "{flag}: {told}");
    }
    let output = citytwin(folder.path(), &["run", "a.sumocfg", "--fcd", "missing/fcd.xml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("missing/fcd.xml"));
    assert_eq!(names(folder.path()), before);
}

#[cfg(unix)]
#[test]
fn an_interrupt_finishes_the_step_and_keeps_what_there_is() {
    let folder = street();
    let words = ["run", "a.sumocfg", "--end", "5000000", "--summary", "s.xml", "--out", "out"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_citytwin"));
    let mut child = command.args(words).current_dir(folder.path()).spawn().expect("the program starts");
    // Its unfinished summary shows that the run has begun; a program that ends before that fails below.
    while !names(folder.path()).iter().any(|name| name.contains(".part")) {
        assert!(child.try_wait().expect("a child").is_none(), "it ended before it was interrupted");
        std::thread::yield_now();
    }
    let told = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(told.success());
    assert_eq!(child.wait().expect("an end").code(), Some(130));
    let manifest: serde_json::Value = serde_json::from_str(&read(folder.path(), "out/manifest.json")).expect("JSON");
    assert_eq!(manifest["results"]["interrupted"], true);
    assert!(read(folder.path(), "s.xml").ends_with("</summary>\n"), "what is there is whole");
    assert!(!names(folder.path()).iter().any(|name| name.contains(".part")));
}
