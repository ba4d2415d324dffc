//! What is written as one inject means the same wherever it stands.

use super::raw::{Cell, Origin, Raw};
use super::*;

fn origin() -> Origin {
    Origin { place: Place::file("a.csv").at(3, 0), label: "row 3, column \"Effects\": ".to_owned() }
}

#[test]
fn effects_of_a_cell_are_those_of_a_file() {
    let mut findings = Findings::default();
    let text = "close-road: Quince Bridge\n- bays: {hospital: \"Fox Hospital\", bays: 2}\n";
    let effects = effects_of(text, &origin(), &mut findings);
    assert!(findings.is_ok(), "{:?}", findings.problems());
    let lines: Vec<&str> = effects.iter().map(|effect| effect.line.as_str()).collect();
    assert_eq!(lines, ["close-road: Quince Bridge", "bays: {hospital: Fox Hospital, bays: 2}"]);
}

#[test]
fn wrong_effects_of_a_cell_are_told_with_its_row() {
    for (text, wanted) in [
        ("close-raod: Quince Bridge", "did you mean `close-road`?"),
        ("bays: {hospital: Fox Hospital}", "`bays` is missing"),
        ("the bridge is closed", "should be one of"),
        ("a: b: c", "row 3"),
        ("incident: {road: A, duration: 5}", "no unit"),
    ] {
        let mut findings = Findings::default();
        assert!(effects_of(text, &origin(), &mut findings).is_empty(), "{text}");
        let told: Vec<String> = findings.problems().iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|told| told.contains(wanted)), "{text}: {told:?}");
        assert!(told.iter().all(|told| told.starts_with("a.csv:3: row 3, column \"Effects\": ")), "{told:?}");
    }
}

#[test]
fn odd_texts_survive_being_written_as_yaml() {
    for odd in [
        "yes",
        "null",
        "07:12",
        "a: b",
        "- x",
        "\"",
        "it's",
        " #1",
        "line\nbreak",
        "é",
        "1e3",
        "~",
        "{a}",
        "[",
        "&a",
        "*a",
        "!x",
        "%",
        "@",
        "a #b",
    ] {
        let mut raw = Raw::empty(origin());
        raw.id = Some(Cell { text: "I-1".to_owned(), origin: origin() });
        raw.text = Some(Cell { text: odd.to_owned(), origin: origin() });
        let text = format!("injects:\n{}", raw.yaml());
        let mut findings = Findings::default();
        let root = tree::read(&text, &Place::file("a.yaml"), &mut findings).expect("YAML");
        assert!(findings.is_ok(), "{text}");
        let Some(tree::Value::List(list)) = raw::member(&root, "injects").map(|node| node.value.clone()) else {
            panic!("a list: {text}")
        };
        let read = raw::member(&list[0], "text").map(|node| node.value.clone());
        assert_eq!(read, Some(tree::Value::Text(odd.to_owned())), "{text}");
    }
}
