//! `citytwin compare` and `rerun` as a script meets them: exit codes, a kill in the middle, shares, and the same bytes again.
//!
//! ```text
//!   A ──west (300 m)──> J ──east (300 m)──> B      cars by chance, a bus now and then
//! ```
#![expect(clippy::disallowed_methods, reason = "the deadline of a wait is real time")]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const NET: &str = r#"<net version="1.20">
    <edge id=":J_0" function="internal"><lane id=":J_0_0" index="0" speed="13.9" length="4" shape="298,-1.6 302,-1.6"/></edge>
    <edge id="west" from="A" to="J" priority="1"><lane id="west_0" index="0" speed="13.9" length="298" shape="0,-1.6 298,-1.6"/></edge>
    <edge id="east" from="J" to="B" priority="1"><lane id="east_0" index="0" speed="13.9" length="298" shape="302,-1.6 600,-1.6"/></edge>
    <junction id="A" type="dead_end" x="0" y="0" incLanes="" intLanes="" shape="0,0"/>
    <junction id="J" type="priority" x="300" y="0" incLanes="west_0" intLanes=":J_0_0" shape="298,0 302,0">
        <request index="0" response="0" foes="0" cont="0"/></junction>
    <junction id="B" type="dead_end" x="600" y="0" incLanes="east_0" intLanes="" shape="600,0"/>
    <connection from="west" to="east" fromLane="0" toLane="0" via=":J_0_0" dir="s" state="M"/>
    <connection from=":J_0" to="east" fromLane="0" toLane="0" dir="s" state="M"/></net>"#;

const ROUTES: &str = r#"<routes>
    <vType id="car" vClass="passenger"/><vType id="bus" vClass="bus"/><route id="through" edges="west east"/>
    <flow id="cars" type="car" route="through" begin="0" end="900" probability="0.2"/>
    <flow id="buses" type="bus" route="through" begin="0" end="900" period="70"/></routes>"#;

/// What is expected of the street at 20 km/h: it takes longer, and buses do not get faster.
const EXPECTED: &str = "expect:\n  - { variant: slow, measure: travel-time, change: \"> 10 %\" }\n  \
                        - { variant: slow, measure: travel-time.bus, change: \"< 0 %\" }\n";

fn street(folder: &Path, expected: &str) {
    let scenario = format!(
        "citytwin: 1\nname: Street\nmap: {{ sumo-net: street.net.xml }}\ntime: {{ start: 00:00, run: 20 min }}\n\
         demand:\n  - sumo-routes: {{ files: [street.rou.xml] }}\ninterventions:\n  slow:\n    - change-speed: {{ road: east, limit: 20 km/h }}\n\
         variants: {{ base: [], slow: [slow], same: [] }}\n{expected}"
    );
    for (name, text) in [("street.net.xml", NET), ("street.rou.xml", ROUTES), ("street.yaml", &scenario)] {
        std::fs::write(folder.join(name), text).expect("a file");
    }
}

fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_citytwin"));
    command.args(words).current_dir(folder);
    command
}

fn citytwin(folder: &Path, words: &[&str]) -> Output {
    command(folder, words).output().expect("the program starts")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn records(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder.join("runs")).map(|entries| entries.flatten().collect::<Vec<_>>());
    let names = entries.unwrap_or_default().into_iter().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_record = |name: &String| !name.contains("details") && !name.starts_with('.');
    names.filter(is_record).count()
}

#[test]
fn what_does_not_hold_ends_with_three_and_rerun_finds_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    street(folder.path(), EXPECTED);
    let output = citytwin(folder.path(), &["compare", "street.yaml", "--seeds", "1..3", "--jobs", "2"]);
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "outputs/street/comparison");
    for part in [
        "expected of slow: travel-time > 10 %: holds",
        "expected of slow: travel-time.bus < 0 %: does not hold",
        "same: exactly the same in every run and every measure.",
    ] {
        assert!(told(&output).contains(part), "{part} is missing in:\n{}", told(&output));
    }
    let again = citytwin(folder.path(), &["rerun", "outputs/street/comparison", "--jobs", "1"]);
    assert_eq!(again.status.code(), Some(0), "{}", told(&again));
    assert_eq!(String::from_utf8_lossy(&again.stdout).trim(), "the same");
    std::fs::write(folder.path().join("outputs/street/comparison/runs.csv"), "other").expect("damage");
    let other = citytwin(folder.path(), &["rerun", "outputs/street/comparison"]);
    assert_eq!((other.status.code(), String::from_utf8_lossy(&other.stdout).trim()), (Some(1), "not the same"));
}

/// After a kill no run is made twice, and it comes to the bytes of one that was not killed; shares come to them, too.
#[cfg(unix)]
#[test]
fn a_killed_comparison_goes_on_and_shares_come_to_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    street(folder.path(), "");
    let words = |out: &'static str| ["compare", "street.yaml", "--seeds", "1..4", "--jobs", "1", "--out", out];
    let whole = citytwin(folder.path(), &words("whole"));
    assert_eq!(whole.status.code(), Some(0), "{}", told(&whole));

    let killed = folder.path().join("killed");
    let mut child = command(folder.path(), &words("killed")).stderr(Stdio::null()).spawn().expect("the program starts");
    let deadline = Instant::now() + Duration::from_mins(2);
    while records(&killed) < 2 && child.try_wait().expect("a child").is_none() && Instant::now() < deadline {
        std::thread::yield_now();
    }
    // SIGKILL: nothing is flushed and nothing is said.
    child.kill().expect("killed");
    child.wait().expect("gone");
    let before = records(&killed);
    assert!(before >= 2, "nothing was kept");
    let went_on = citytwin(folder.path(), &words("killed"));
    assert_eq!(went_on.status.code(), Some(0), "{}", told(&went_on));
    if before < 12 {
        let expected = format!("{before} runs are there already; {} to be made", 12 - before);
        assert!(told(&went_on).contains(&expected), "{expected} is missing in:\n{}", told(&went_on));
    }

    for share in ["1/2", "2/2"] {
        let mut more = words("shares").to_vec();
        more.extend(["--index", share]);
        let output = citytwin(folder.path(), &more);
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    }
    assert_eq!(records(&folder.path().join("shares")), 12);
    assert!(!folder.path().join("shares/comparison.json").exists());
    let gathered = citytwin(folder.path(), &words("shares"));
    assert_eq!(gathered.status.code(), Some(0), "{}", told(&gathered));

    for name in ["comparison.json", "comparison.csv", "runs.csv", "report.html"] {
        let bytes = |out: &str| std::fs::read(folder.path().join(out).join(name)).expect(name);
        assert!(bytes("whole") == bytes("killed") && bytes("whole") == bytes("shares"), "{name} differs");
    }
}

#[test]
fn a_run_can_be_made_again_too() {
    let folder = tempfile::tempdir().expect("a folder");
    street(folder.path(), "");
    let run = citytwin(folder.path(), &["run", "street.yaml", "--wire", "off", "--out", "run", "--seed", "5"]);
    assert_eq!(run.status.code(), Some(0), "{}", told(&run));
    let again = citytwin(folder.path(), &["rerun", "run"]);
    assert_eq!(
        (again.status.code(), told(&again).contains("trips.csv: the same bytes")),
        (Some(0), true),
        "{}",
        told(&again)
    );
    let nothing = citytwin(folder.path(), &["rerun", "."]);
    assert_eq!(nothing.status.code(), Some(2), "{}", told(&nothing));
}

#[test]
fn wrong_words_are_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    street(folder.path(), "expect: [{ variant: slwo, measure: stops, change: \"< 0 %\" }]\n");
    for words in [
        &["compare", "street.yaml"][..],
        &["compare", "street.yaml", "--seeds", "3..1"],
        &["compare", "street.yaml", "--index", "3/2"],
        &["compare", "nowhere.yaml"],
    ] {
        let output = citytwin(folder.path(), words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", told(&output));
    }
    assert!(!folder.path().join("outputs").exists());
}
