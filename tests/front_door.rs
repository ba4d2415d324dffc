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
    ] {
        assert_eq!(citytwin(folder.path(), words).status.code(), Some(2), "{words:?}");
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
