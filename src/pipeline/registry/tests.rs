//! What a registry promises: ids for ever, versions in order, nothing half-written, and a limit on everything.

use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::telemetry::schemas::{FIRST_FOREIGN_ID, own_schemas};
use crate::telemetry::{SchemaBook, SchemaFormat};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn open(folder: &TempDir) -> Registry {
    Registry::open(folder.path(), &Arc::default()).expect("a registry")
}

fn avro(fields: &str) -> Schema {
    let text = format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#);
    Schema { format: SchemaFormat::Avro, text, references: Vec::new() }
}

const A: &str = r#"{"name":"a","type":"int"}"#;
const B: &str = r#"{"name":"a","type":"int"},{"name":"b","type":"int","default":0}"#;
const C: &str = r#"{"name":"a","type":"int"},{"name":"c","type":"int"}"#;

fn code<T>(result: Result<T, RegistryError>) -> u32 {
    result.err().map_or(0, |error| error.code())
}

#[test]
fn versions_follow_each_other_and_a_schema_has_one_id() {
    let folder = folder();
    let registry = open(&folder);
    let first = registry.register("s", avro(A)).expect("registered");
    assert_eq!((first.id, first.version), (FIRST_FOREIGN_ID, 1));
    // The same in another layout is the same.
    let spaced = Schema { text: avro(A).text.replace(',', " ,\n "), ..avro(A) };
    assert_eq!(registry.register("s", spaced.clone()), Ok(first.clone()));
    let second = registry.register("s", avro(B)).expect("may follow");
    assert_eq!((second.id, second.version), (FIRST_FOREIGN_ID + 1, 2));
    assert_eq!(code(registry.register("s", avro(C))), 409);
    let elsewhere = registry.register("t", avro(B)).expect("registered");
    assert_eq!((elsewhere.id, elsewhere.version), (second.id, 1));
    assert_eq!(registry.look_up("s", &spaced, false), Ok(first));
    assert_eq!(registry.places_of(second.id, false), Ok(vec![("s".to_owned(), 2), ("t".to_owned(), 1)]));
    assert_eq!(registry.version("s", Versions::Latest, false).map(|found| found.version), Ok(2));
    assert_eq!(registry.versions("s", false), Ok(vec![1, 2]));
    assert_eq!(code(registry.look_up("t", &avro(A), false)), 40403);
    assert_eq!(code(registry.look_up("u", &avro(A), false)), 40401);
    assert_eq!(code(registry.version("s", Versions::Number(3), false)), 40402);
    assert_eq!(code(registry.schema(999)), 40403);
    for (word, expected) in [("0", 42202), ("x", 42202), ("2147483648", 42202), ("7", 0), ("latest", 0), ("-1", 0)] {
        assert_eq!(code(Versions::read(word)), expected, "{word}");
    }
}

#[test]
fn levels_say_what_may_follow_what() {
    // A, then B (reads A), then A again, then C (reads neither) is tried at every level.
    for (level, back, gone, other) in [
        ("NONE", true, true, true),
        ("backward", true, true, false),
        ("FORWARD", true, true, true),
        ("FULL", true, true, false),
        ("BACKWARD_TRANSITIVE", true, true, false),
        ("FORWARD_TRANSITIVE", true, true, true),
        ("FULL_TRANSITIVE", true, true, false),
    ] {
        let folder = folder();
        let registry = open(&folder);
        registry.set_level(Some("s"), Level::from_word(level)).expect("set");
        registry.register("s", avro(A)).expect("the first");
        let rest = |schema| registry.test("s", None, &schema).expect("tested").is_empty();
        assert_eq!(rest(avro(B)), back, "{level}");
        registry.register("s", avro(B)).expect("the second");
        assert_eq!(rest(avro(A)), gone, "{level}");
        assert_eq!(rest(avro(C)), other, "{level}");
        assert_eq!(registry.register("s", avro(C)).is_ok(), other, "{level}");
    }
    // The last alone, or all of them.
    let two = r#"{"name":"b","type":"int","default":0}"#;
    let three = r#"{"name":"a","type":"string","default":""},{"name":"b","type":"int","default":0}"#;
    for (level, expected) in [(Level::Backward, 0), (Level::BackwardTransitive, 409)] {
        let folder = folder();
        let registry = open(&folder);
        registry.set_level(None, Some(level)).expect("set");
        registry.register("s", avro(A)).expect("the first");
        registry.register("s", avro(two)).expect("the second");
        assert_eq!(code(registry.register("s", avro(three))), expected, "{level:?}");
        let first = registry.test("s", Some(Versions::Number(1)), &avro(three)).expect("tested");
        assert!(!first.is_empty(), "the first alone is asked for");
    }
    assert_eq!(Level::from_word("SIDEWAYS"), None);
}

#[test]
fn what_is_deleted_goes_in_two_steps_and_stays_readable_by_id() {
    let folder = folder();
    let registry = open(&folder);
    let id = registry.register("s", avro(A)).expect("registered").id;
    registry.register("s", avro(B)).expect("registered");
    assert_eq!(code(registry.delete_version("s", Versions::Number(1), true)), 40407);
    assert_eq!(registry.delete_version("s", Versions::Number(1), false), Ok(1));
    assert_eq!(code(registry.delete_version("s", Versions::Number(1), false)), 40406);
    assert_eq!((registry.versions("s", false), registry.versions("s", true)), (Ok(vec![2]), Ok(vec![1, 2])));
    assert_eq!(registry.delete_version("s", Versions::Number(1), true), Ok(1));
    assert_eq!(registry.versions("s", true), Ok(vec![2]));
    assert_eq!(code(registry.delete_subject("s", true)), 40405);
    assert_eq!(registry.delete_subject("s", false), Ok(vec![2]));
    assert_eq!(code(registry.delete_subject("s", false)), 40404);
    assert_eq!(code(registry.versions("s", false)), 40401);
    assert!(
        !registry.subjects("", false).contains(&"s".to_owned())
            && registry.subjects("", true).contains(&"s".to_owned())
    );
    assert_eq!(registry.delete_subject("s", true), Ok(vec![2]));
    assert_eq!(code(registry.delete_subject("s", true)), 40401);
    assert_eq!(registry.schema(id).map(|schema| schema.text.clone()), Ok(avro(A).text));
    // No number is given twice, and nothing stands in the way any more.
    let again = registry.register("s", avro(C)).expect("registered");
    assert_eq!(again.version, 3);
}

#[test]
fn references_lead_to_earlier_schemas_and_hold_them() {
    let folder = folder();
    let registry = open(&folder);
    registry.register("inner", avro(A)).expect("registered");
    let refers = |name: &str, version| vec![Reference { name: name.to_owned(), subject: "inner".to_owned(), version }];
    let outer = |version| Schema {
        format: SchemaFormat::Avro,
        text: r#"{"type":"record","name":"Outer","fields":[{"name":"r","type":"R"}]}"#.to_owned(),
        references: refers("R", version),
    };
    assert_eq!(code(registry.register("outer", outer(2))), 42201);
    let id = registry.register("outer", outer(1)).expect("registered").id;
    assert_eq!(registry.referred_by("inner", Versions::Latest), Ok(vec![id]));
    assert_eq!(code(registry.delete_subject("inner", false)), 42206);
    assert_eq!(code(registry.delete_version("inner", Versions::Latest, false)), 42206);
    let proto = |text: &str, references| Schema { format: SchemaFormat::Protobuf, text: text.to_owned(), references };
    registry.register("proto", proto("syntax = \"proto3\"; message In {}", Vec::new())).expect("registered");
    let importing = proto("syntax = \"proto3\"; import \"in.proto\"; message Out { In in = 1; }", Vec::new());
    assert_eq!(code(registry.register("importing", importing.clone())), 42201);
    let reference = Reference { name: "in.proto".to_owned(), subject: "proto".to_owned(), version: 1 };
    let importing = Schema { references: vec![reference], ..importing };
    registry.register("importing", importing).expect("its import is there");
    drop(registry);
    assert_eq!(open(&folder).referred_by("inner", Versions::Latest), Ok(vec![id]));
}

#[test]
fn a_registry_opened_again_is_the_same_and_nobody_else_may_open_it() {
    let folder = folder();
    let registry = open(&folder);
    for (subject, fields) in [("s", A), ("s", B), ("t", C)] {
        registry.register(subject, avro(fields)).expect("registered");
    }
    registry.set_level(Some("s"), Some(Level::Full)).expect("set");
    registry.set_mode(None, Some(Mode::ReadOnly)).expect("set");
    assert_eq!(code(registry.register("u", avro(A))), 42205);
    assert!(registry.register("s", avro(A)).is_ok(), "what is there is found");
    let all = registry.all("", true, false);
    let sentence = Registry::open(folder.path(), &Arc::default()).expect_err("in use").to_string();
    assert!(sentence.contains("in use by another process"), "{sentence}");
    drop(registry);
    let book = Arc::new(SchemaBook::default());
    let registry = Registry::open(folder.path(), &book).expect("opened");
    assert_eq!(registry.all("", true, false), all);
    assert_eq!((registry.level(Some("s")), registry.level(Some("t"))), (Some(Level::Full), None));
    assert_eq!((registry.mode(None), registry.mode(Some("s"))), (Some(Mode::ReadOnly), None));
    assert_eq!(book.len(), SchemaBook::default().len() + 3);
    let beside = SchemaBook::default();
    fill(folder.path(), &beside).expect("read while it is open");
    assert_eq!(beside.len(), book.len());
    assert!(fill(&folder.path().join("none"), &beside).is_ok() && !is_in(&folder.path().join("none")));
}

/// Whatever a crash leaves: files beside their places, a schema that no index names.
#[test]
fn what_a_crash_leaves_is_passed_over_and_damage_is_told() {
    let folder = folder();
    let registry = open(&folder);
    registry.register("s", avro(A)).expect("registered");
    drop(registry);
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("index.json.new"), b"{").expect("written");
    std::fs::write(at("schemas/0000001001.json"), b"half").expect("written");
    let registry = open(&folder);
    assert_eq!(registry.register("s", avro(B)).map(|found| found.id), Ok(FIRST_FOREIGN_ID + 1));
    drop(registry);
    assert_eq!(open(&folder).versions("s", false), Ok(vec![1, 2]));
    for (file, text) in [
        ("schemas/0000001000.json", "half"),
        ("schemas/0000001000.json", r#"{"schemaType":"XML","schema":""}"#),
        ("schemas/0000001000.json", r#"{"schemaType":"AVRO","schema":"nonsense"}"#),
        ("index.json", "{"),
        (
            "index.json",
            r#"{"form":2,"next_id":1000,"own":36,"level":"NONE","mode":"READWRITE","levels":{},"modes":{},"subjects":{}}"#,
        ),
    ] {
        std::fs::write(at(file), text).expect("written");
        let error = Registry::open(folder.path(), &Arc::default()).expect_err(text);
        assert!(matches!(error.code(), 50001 | 42201), "{error}");
    }
}

#[test]
fn the_schemas_of_the_records_are_there_from_the_beginning() {
    let folder = folder();
    let registry = open(&folder);
    assert_eq!(registry.subjects("citytwin.telemetry.", false).len(), 36);
    for own in own_schemas() {
        let found = registry.version(&own.subject, Versions::Latest, false).expect("there");
        assert_eq!((found.id, &found.schema.text), (own.id, &own.text));
        // Registered by whoever writes under a topic of its own, it keeps its id.
        let schema = Schema { format: own.format, text: own.text, references: Vec::new() };
        assert_eq!(registry.register(&format!("topic-{}-value", own.id), schema).map(|found| found.id), Ok(own.id));
    }
}

#[test]
fn hostile_schemas_and_names_are_refused() {
    let folder = folder();
    let registry = open(&folder);
    let of = |format, text: &str| Schema { format, text: text.to_owned(), references: Vec::new() };
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(5000), close.repeat(5000));
    for (format, text) in [
        (SchemaFormat::Avro, ""),
        (SchemaFormat::Avro, "{"),
        (SchemaFormat::Avro, r#"{"type":"record","name":"R"}"#),
        (SchemaFormat::Avro, r#"{"type":"record","name":"R","fields":[{"name":"a","type":"Nobody"}]}"#),
        (SchemaFormat::Avro, &deep("[", "]")),
        (SchemaFormat::Json, "7"),
        (SchemaFormat::Json, r#"{"type":"wrong"}"#),
        (SchemaFormat::Json, r#"{"properties":{"a":{"required":"b"}}}"#),
        (SchemaFormat::Json, r#"{"properties":[]}"#),
        (SchemaFormat::Json, &deep(r#"{"not":"#, "}")),
        (SchemaFormat::Protobuf, "message"),
        (SchemaFormat::Protobuf, "syntax = \"proto3\"; message A { Nobody a = 1; }"),
        (SchemaFormat::Protobuf, "syntax = \"proto3\"; message A { int32 a = 1; int32 b = 1; }"),
        (SchemaFormat::Protobuf, &deep("message A {", "}")),
    ] {
        assert_eq!(code(registry.register("s", of(format, text))), 42201, "{text:.60}");
    }
    let long = format!(r#"{{"description":"{}"}}"#, "x".repeat(256 << 10));
    assert_eq!(code(registry.register("s", of(SchemaFormat::Json, &long))), 42201);
    for name in ["", "a\nb", "\u{7f}", &"x".repeat(250)] {
        assert_eq!(code(registry.register(name, avro(A))), 42208, "{name:?}");
        assert_eq!(code(registry.set_level(Some(name), Some(Level::None))), 42208, "{name:?}");
    }
    assert_eq!(registry.subjects("s", true), Vec::<String>::new(), "nothing is left of them");
}

#[test]
fn a_subject_has_a_limited_number_of_versions() {
    let folder = folder();
    let registry = open(&folder);
    registry.register("s", avro(A)).expect("registered");
    let index = folder.path().join("index.json");
    drop(registry);
    let text = std::fs::read_to_string(&index).expect("an index");
    let at_limit = format!("\"last\": {}", super::catalogue::VERSIONS_MAX);
    let place = text.rfind("\"last\": 1").expect("the last subject");
    std::fs::write(&index, format!("{}{at_limit}{}", &text[..place], &text[place + 9..])).expect("written");
    assert_eq!(code(open(&folder).register("s", avro(B))), 42205);
}
