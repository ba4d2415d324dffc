//! Drill files as a trainer meets them: what is shipped is sound, a spreadsheet says the same as the file, and everything wrong is told at
//! once.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use citytwin::city::scenario::Overrides;
use citytwin::primitives::text::Findings;
use citytwin::studies::drill::file::{self, LoadedDrill};
use citytwin::studies::drill::model::{Expected, InjectKind, Power, Sight, Standard};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn shipped() -> PathBuf {
    root().join("scenarios/drills/quince_bridge.yaml")
}

fn load(path: &Path) -> Result<LoadedDrill, Findings> {
    file::load(path, &Overrides::default(), None)
}

fn sound(path: &Path) -> LoadedDrill {
    load(path).unwrap_or_else(|findings| panic!("{}: {:#?}", path.display(), findings.problems()))
}

fn citytwin(folder: &Path, words: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_citytwin");
    Command::new(program)
        .args(words)
        .current_dir(folder)
        .env("CITYTWIN_CACHE", "")
        .output()
        .expect("the program starts")
}

/// The complaints about a drill, in words.
fn told(path: &Path) -> Vec<String> {
    let findings = load(path).expect_err("something is wrong");
    findings.problems().iter().map(ToString::to_string).collect()
}

/// A folder with a small scenario and a drill in it.
fn folder_with(drill: &str, sheet: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let map = root().join("maps/halvermere");
    let scenario = format!(
        "citytwin: 1\nname: Small\nmap: {{ city: {:?} }}\ntime: {{ start: 07:00, run: 1 h }}\n\
         demand: [{{ synthetic: {{ vehicles: 20 }} }}]\nemergencies: {{ ambulances: 1 }}\n",
        map.display().to_string()
    );
    std::fs::write(folder.path().join("small.yaml"), scenario).expect("a scenario");
    std::fs::write(folder.path().join("drill.yaml"), drill).expect("a drill");
    std::fs::write(folder.path().join("injects.csv"), sheet).expect("a sheet");
    folder
}

const HEAD: &str = "citytwin: 1\nname: D\nscenario: small.yaml\nstart: 07:10\nlength: 30 min\nobjectives:\n  - { id: O-1, text: Do it. }\n";

/// The shipped drill tells the story that its first lines promise.
#[test]
fn the_shipped_drill_is_sound_and_has_its_story() {
    let loaded = sound(&shipped());
    let drill = &loaded.drill;
    let text = std::fs::read_to_string(shipped()).expect("the drill");
    let comment: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("# ")).collect();
    assert!(comment.join(" ").starts_with(drill.question.as_deref().expect("a question")));
    assert!((30..=40).contains(&(drill.length.as_milliseconds() / 60_000)));
    assert_eq!(drill.standards, [Standard::Nfpa1710, Standard::NhsArp]);
    assert!(loaded.remarks.is_empty(), "{:?}", loaded.remarks);
    let kinds: Vec<InjectKind> = drill.injects.iter().map(|inject| inject.kind).collect();
    for kind in [InjectKind::Informational, InjectKind::Event, InjectKind::Media, InjectKind::Contingency] {
        assert!(kinds.contains(&kind), "{kind:?}");
    }
    let of = |id: &str| drill.injects.iter().find(|inject| inject.id == id).unwrap_or_else(|| panic!("{id}"));
    assert_eq!(of("I-03").effects.len(), 2, "the bridge is closed in both directions");
    assert!(format!("{:?}", of("I-05").effects).contains("casualties: 12"));
    assert_eq!(of("I-07").trigger.unless, drill.injects.iter().position(|inject| inject.id == "I-06"));
    let assigned = of("I-05").expect.as_ref().map(|expect| &expect.what);
    assert_eq!(assigned, Some(&Expected::Assign { units: 4, category: None }));
    assert_eq!(of("I-05").expect.as_ref().and_then(|expect| expect.role), Some(0), "who gets it is to do it");
    assert_eq!(loaded.files[0].path, shipped());
    assert!(drill.injects.iter().all(|inject| inject.objective.is_some() && inject.responsible.is_some()));
}

#[test]
fn built_in_roles_are_changed_and_others_added() {
    let roles = "roles:\n  - { role: dispatcher, seats: 1, title: Desk }\n  - { role: hospital-desk, sees: [hospitals], may: [say] }\n\
                 injects:\n  - { id: A, at: T+0, to: hospital-desk, text: Hello. }\n";
    let folder = folder_with(&format!("{HEAD}{roles}"), "");
    let drill = sound(&folder.path().join("drill.yaml")).drill;
    let [dispatcher, controller, desk] = &drill.roles[..] else { panic!("{:?}", drill.roles) };
    assert_eq!((dispatcher.title.as_str(), dispatcher.seats), ("Desk", 1));
    assert!(dispatcher.may.contains(&Power::Assign) && !dispatcher.sees.contains(&Sight::Truth));
    assert!(controller.sees.contains(&Sight::Truth) && controller.may.contains(&Power::Clock));
    assert!(!controller.may.contains(&Power::Assign), "whoever may assign stops the built-in dispatcher by joining");
    assert_eq!((desk.title.as_str(), desk.seats, &desk.may[..]), ("Hospital desk", 1, &[Power::Say][..]));
    assert_eq!(drill.injects[0].to, Some(2));
}

/// File to spreadsheet and back: the injects are the same, by the drill that names the sheet and by the sheet written as YAML.
#[test]
fn a_drill_goes_to_a_spreadsheet_and_back() {
    let loaded = sound(&shipped());
    let text = std::fs::read_to_string(shipped()).expect("the drill");
    let (head, _) = text.split_once("\ninjects:").expect("injects");
    let head = head.replace("../drill_city.yaml", &root().join("scenarios/drill_city.yaml").display().to_string());
    let folder = tempfile::tempdir().expect("a folder");
    let sheet = folder.path().join("injects.csv");
    std::fs::write(&sheet, loaded.msel()).expect("a sheet");
    let named = folder.path().join("named.yaml");
    std::fs::write(&named, format!("{head}\nmsel: injects.csv\n")).expect("a drill");
    let by_sheet = sound(&named);
    assert_eq!(by_sheet.drill.injects, loaded.drill.injects);
    assert_eq!(by_sheet.files[1].path, sheet);
    assert_eq!(by_sheet.msel(), loaded.msel());
    let back = file::injects_of_msel(&sheet).unwrap_or_else(|findings| panic!("{:?}", findings.problems()));
    let written = folder.path().join("written.yaml");
    std::fs::write(&written, format!("{head}\n{back}")).expect("a drill");
    assert_eq!(sound(&written).drill.injects, loaded.drill.injects);
}

/// Everything wrong with a drill in one go, each with its line and what to write.
/// The program writes nothing and ends with 2.
fn the_program_says_the_same(folder: &Path, problems: usize) {
    let output = citytwin(folder, &["drill", "check", "drill.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("there is no role `dispacher`") && said.contains(&format!("{problems} problems")), "{said}");
    let output = citytwin(folder, &["drill", "check", "drill.yaml", "--json"]);
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(list.as_array().map(Vec::len), Some(problems));
}

#[test]
fn everything_wrong_with_a_drill_is_told_at_once() {
    let injects = "injects:
  - { id: I-01, at: T+00:01:00, to: dispacher, text: Hello., expect: acknowledge within 1 min }
  - { id: I-02, at: T+00:02:00, text: Full., effects: [{ bays: { hospital: Fox Hopsital, bays: 0 } }] }
  - { id: I-03, at: 06:50, to: dispatcher, text: Early. }
  - { id: I-04, at: T-00:05, to: dispatcher, text: Earlier. }
  - { id: I-05, at: T+02:00, to: dispatcher, text: Late. }
  - { id: I-06, at: T+00:03:00, unless: I-99, to: dispatcher, text: Nobody knows. }
  - { id: I-07, when: [delivered I-08], to: dispatcher, text: One. }
  - { id: I-08, when: [delivered I-07], to: dispatcher, text: Other. }
  - { id: I-09, at: 5 min, unless: I-09, to: dispatcher, text: Itself., expect: acknowledge within 1 min }
  - { id: I-10, at: 5 min, to: dispatcher, text: Too many., expect: assign 9 units within 5 min }
  - { id: I-11, at: 5 min, to: dispatcher, text: Powers., expect: assign 1 unit within 5 min by controller }
  - { id: I-12, at: 29 min, to: dispatcher, text: Too late., expect: acknowledge within 5 min }
  - { id: I-13, at: 5 min, to: dispatcher, text: Words., expect: asign a unit within 5 min, objective: O-9 }
  - { id: I-13, to: dispatcher, text: Twice and never. }
  - { id: I-15, at: noon, when: [unit-free < 2, load of Fox Hospital > 80], text: Roads.,
      effects: [{ close-road: Quinze Bridge }, { incident: { road: high-street-1, lanes: 5, duration: 1 s, casualties: 99 } }, { clear: I-01 }] }
  - { id: I-16, at: 5 min, unless: I-06, to: dispatcher, text: Nothing is expected. }
  - { id: I-17, at: 5 min, kind: contingency, to: dispatcher, text: In any case. }
  - { id: I-18, at: 5 min, text: To nobody., expect: acknowledge within 1 min }
  - { id: I-19, at: 5 min, txt: Typing., by: pigeon, to: dispatcher, text: Hm. }
";
    let folder = folder_with(&format!("{HEAD}{injects}"), "");
    let all = told(&folder.path().join("drill.yaml"));
    let text = all.join("\n");
    for (line, message, help) in [
        (9, "there is no role `dispacher`", "did you mean `dispatcher`?"),
        (10, "there is no hospital `Fox Hopsital` on the map", "did you mean `Fox Hospital`?"),
        (10, "a hospital cannot have 0 bays", "from 1 to 50"),
        (11, "`06:50` is before the drill starts, at 07:10:00", "write `T+` before"),
        (12, "`T-00:05` is before the drill starts", "from `T+00:00:00` to `T+00:30:00`"),
        (13, "`T+02:00` is after the drill ends, at 07:40:00", "from `T+00:00:00`"),
        (14, "there is no inject `I-99`", "did you mean `I-09`?"),
        (15, "`I-07` waits for `I-08` waits for `I-07`", "let one of them come at a time"),
        (17, "`I-09` cannot wait for itself", "name the inject"),
        (18, "9 units are expected, and the city has 3", "expect fewer"),
        (19, "the role `controller` may not do that: it takes `may: [assign]`", "`dispatcher`"),
        (20, "the time for this is up at 07:44:00, after the drill ends", "give less time"),
        (21, "`asign a unit` is nothing the program can see being done", "did you mean `assign`?"),
        (21, "there is no objective `O-9`", "did you mean `O-1`?"),
        (22, "the number `I-13` is given twice", "the first is in line 21"),
        (22, "nothing says when this inject comes", "at: T+00:12:00"),
        (23, "`noon` is not a time", "T+00:12:00"),
        (23, "`unit-free` is nothing one can wait for", "did you mean `units-free`?"),
        (23, "`80` has no unit", "80 %"),
        (24, "there is no road `Quinze Bridge`", "did you mean `Quince Bridge`?"),
        (24, "has no 5 lane(s) to block", "it has 1 lane(s) for cars"),
        (24, "no incident lasts so long", "10 s"),
        (24, "99 people cannot be hurt at once", "at most 50"),
        (24, "`I-01` brings no incident that could be cleared", "`incident`"),
        (25, "`I-06` expects nothing of anybody", "`expect`"),
        (26, "the contingency `I-17` would come in any case", "unless"),
        (27, "the inject `I-18` reaches nobody and changes nothing", "`to`"),
        (27, "nobody gets this message", "`to`"),
        (28, "unknown key `txt`", "did you mean `text`?"),
        (28, "cannot be `pigeon`", "`phone`"),
    ] {
        let place = format!("drill.yaml:{line}:");
        let found = all.iter().any(|told| told.contains(&place) && told.contains(message) && told.contains(help));
        assert!(found, "line {line}: {message} ({help}) is missing in:\n{text}");
    }
    // One mistake is told once, and not again by what follows from it.
    assert_eq!(text.matches("nobody gets this message").count(), 1, "{text}");
    the_program_says_the_same(folder.path(), all.len());
}

#[test]
fn what_is_wrong_around_the_injects_is_told_too() {
    let drill = "citytwin: 2\nname: '!'\nscenario: smal.yaml\nstart: 05:00\nlength: 13 h\nstandards: [nfpa]\nmsel: inject.csv\n\
                 roles: [{ role: Über, seats: 900, sees: [cals] }]\n";
    let folder = folder_with(drill, "");
    let text = told(&folder.path().join("drill.yaml")).join("\n");
    for wanted in [
        "version 1 of the grammar",
        "neither letter nor digit",
        "there is no scenario",
        "a drill cannot last 46800 s",
        "cannot be `nfpa`",
        "inject.csv",
        "`Über` cannot be the word of a role",
        "cannot be `cals`",
    ] {
        assert!(text.contains(wanted), "{wanted} is missing in:\n{text}");
    }
    let folder = folder_with("citytwin: 1\nname: D\nscenario: small.yaml\nstart: 05:00\nlength: 10 min\n", "");
    let text = told(&folder.path().join("drill.yaml")).join("\n");
    assert!(
        text.contains("when the scenario's city is not running") && text.contains("it runs from 07:00:00 to 08:00:00"),
        "{text}"
    );
    // What is wrong with the scenario is told with what is wrong with the drill.
    let folder = folder_with("citytwin: 1\nname: D\nscenario: broken.yaml\nstart: 7 am\nlength: 10 min\n", "");
    std::fs::write(folder.path().join("broken.yaml"), "citytwin: 1\nname: B\n").expect("a file");
    let text = told(&folder.path().join("drill.yaml")).join("\n");
    assert!(
        text.contains("`7 am` is not a clock time") && text.contains("broken.yaml:1:1: `map` is missing"),
        "{text}"
    );
    for (nothing, wanted) in [("", "says nothing"), ("[", "bracket"), ("- a", "keys and values")] {
        let folder = folder_with(nothing, "");
        let text = told(&folder.path().join("drill.yaml")).join("\n");
        assert!(text.contains(wanted), "{nothing:?}: {text}");
    }
}

/// The faults of a spreadsheet, those of its cells and those that take a city to see, at once and by row and column.
#[test]
fn everything_wrong_with_a_spreadsheet_is_told_at_once() {
    let sheet = "Number;Time;To;Description;Expected action;Effects;Colour\r\n\
                 1;T+00:05;dispatcher;Hello;;;\r\n\
                 1;06:00;dispacher;Hello again;;close-road: Quinze Bridge;red\r\n\
                 3;;dispatcher;Merged;;;\r\n\
                 4;T+00:09 unless 77;dispatcher;;assign 40 units within 1 min;;\r\n";
    let folder = folder_with(&format!("{HEAD}msel: injects.csv\n"), sheet);
    let text = told(&folder.path().join("drill.yaml")).join("\n");
    for wanted in [
        "injects.csv:1:52: row 1, column G: there is no column `Colour`",
        "row 4, column \"Time\": the cell is empty",
        "row 5, column \"Description\": the cell is empty",
        "row 3, column \"Number\": the number `1` is given twice (the first is in row 2",
        "row 3, column \"Time\": `06:00` is before the drill starts",
        "row 3, column \"To\": there is no role `dispacher` (did you mean `dispatcher`?)",
        "row 3, column \"Effects\": there is no road `Quinze Bridge`",
        "row 5, column \"Time\": there is no inject `77`",
        "row 5, column \"Expected action\": 40 units are expected",
    ] {
        assert!(text.contains(wanted), "{wanted} is missing in:\n{text}");
    }
    assert!(!text.contains("nothing says when"), "what a cell lacks is told once:\n{text}");
    let output = citytwin(folder.path(), &["drill", "msel", "injects.csv"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
}

#[test]
fn the_program_writes_sheets_and_overwrites_nothing() {
    let injects = "injects: [{ id: A, at: T+0, to: dispatcher, text: 'Hello; all' }]\n";
    let folder = folder_with(&format!("{HEAD}{injects}"), "");
    let output = citytwin(folder.path(), &["drill", "msel", "drill.yaml", "--out", "new.csv"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let sheet = std::fs::read_to_string(folder.path().join("new.csv")).expect("a sheet");
    assert!(sheet.starts_with(
        "\u{feff}No.,Time,Type,Method,From,To,Description,Expected action,Responsible,Objective,Notes,Effects\r\n"
    ));
    assert!(sheet.contains("A,T+0,,,,dispatcher,\"Hello; all\""), "{sheet}");
    let again = citytwin(folder.path(), &["drill", "msel", "drill.yaml", "--out", "new.csv"]);
    assert_eq!(again.status.code(), Some(2));
    assert_eq!(std::fs::read_to_string(folder.path().join("new.csv")).expect("a sheet"), sheet);
    let back = citytwin(folder.path(), &["drill", "msel", "new.csv"]);
    assert_eq!(
        String::from_utf8_lossy(&back.stdout),
        "injects:\n  - id: A\n    at: T+0\n    to: dispatcher\n    text: \"Hello; all\"\n"
    );
    let check = citytwin(folder.path(), &["drill", "check", "drill.yaml"]);
    assert!(check.status.success());
    assert!(
        String::from_utf8_lossy(&check.stderr)
            .contains("1 inject in 30 min from 07:10:00 on, 2 roles with 4 seats; nothing is wrong")
    );
}

/// Damaged files are refused or understood, and nothing panics.
#[test]
fn a_damaged_drill_is_told_and_never_ends_in_a_panic() {
    let text = std::fs::read_to_string(shipped()).expect("the drill").replace("../drill_city.yaml", "nowhere.yaml");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("drill.yaml");
    let letters: Vec<char> = text.chars().collect();
    for number in 0..300_usize {
        let mut damaged = letters.clone();
        let at = number * 7_919 % damaged.len();
        match number % 4 {
            0 => drop(damaged.drain(at..(at + 1 + number % 40).min(letters.len()))),
            1 => damaged[at] = ['\u{0}', '"', '{', '-', ':', '9', 'é'][number % 7],
            2 => damaged.truncate(at),
            _ => damaged.swap(at, (at * 31 + number) % letters.len()),
        }
        std::fs::write(&path, damaged.into_iter().collect::<String>()).expect("a file");
        assert!(load(&path).is_err(), "there is no such scenario");
    }
}

/// Every key of the grammar stands in the document, and the document's numbers are the program's.
#[test]
fn the_document_knows_every_key() {
    let schema = file::schema();
    let output = citytwin(root(), &["schema", "drill"]);
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(printed, schema);
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let document = std::fs::read_to_string(root().join("docs/drill.md")).expect("the document");
    let mut keys = Vec::new();
    gather(&schema, &mut keys);
    assert!(keys.len() > 50, "{keys:?}");
    for key in keys {
        assert!(
            document.contains(&format!("`{key}`")) || document.contains(&format!("`{key}:")),
            "`{key}` is not in docs/drill.md"
        );
    }
    let required = schema["required"].as_array().expect("required keys").len();
    assert_eq!(required, 5, "citytwin, name, scenario, start, length");
    assert!(document.contains(&format!("at most {} with those of `msel`", file::INJECTS_MAX)));
}

/// Names of keys, and words of a list.
fn gather(schema: &serde_json::Value, keys: &mut Vec<String>) {
    match schema {
        serde_json::Value::Object(map) => {
            if let Some(serde_json::Value::Object(properties)) = map.get("properties") {
                keys.extend(properties.keys().cloned());
            }
            keys.extend(map.get("const").and_then(|word| word.as_str()).map(str::to_owned));
            map.values().for_each(|value| gather(value, keys));
        }
        serde_json::Value::Array(list) => list.iter().for_each(|value| gather(value, keys)),
        _ => {}
    }
}
