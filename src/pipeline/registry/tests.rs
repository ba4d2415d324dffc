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
    // The last alone, or all of them, in both directions.
    let two = r#"{"name":"b","type":"int","default":0}"#;
    let three = r#"{"name":"a","type":"string","default":""},{"name":"b","type":"int","default":0}"#;
    for (level, expected) in [
        (Level::Backward, 0),
        (Level::BackwardTransitive, 409),
        (Level::Forward, 0),
        (Level::ForwardTransitive, 409),
        (Level::Full, 0),
        (Level::FullTransitive, 409),
    ] {
        // The second has a field less, whose type the third may choose anew: of the last alone, both ways.
        let one = A.replace('}', r#","default":0}"#);
        let folder = folder();
        let registry = open(&folder);
        registry.set_level(None, Some(level)).expect("set");
        registry.register("s", avro(&one)).expect("the first");
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
fn what_was_referred_to_and_deleted_for_good_does_not_keep_a_registry_from_opening() {
    let folder = folder();
    let registry = open(&folder);
    registry.register("inner", avro(A)).expect("registered");
    let reference = Reference { name: "R".to_owned(), subject: "inner".to_owned(), version: 1 };
    let outer = Schema {
        format: SchemaFormat::Avro,
        text: r#"{"type":"record","name":"Outer","fields":[{"name":"r","type":"R"}]}"#.to_owned(),
        references: vec![reference],
    };
    let id = registry.register("outer", outer.clone()).expect("registered").id;
    assert_eq!(registry.delete_subject("outer", false), Ok(vec![1]));
    assert_eq!(registry.delete_subject("inner", false), Ok(vec![1]));
    assert_eq!(registry.delete_subject("inner", true), Ok(vec![1]));
    assert_eq!(code(registry.versions("inner", true)), 40401);
    assert_eq!(code(registry.register("other", outer.clone())), 42201, "nothing new refers to it");
    drop(registry);
    let registry = open(&folder);
    assert_eq!(registry.schema(id).map(|schema| (*schema).clone()), Ok(outer.clone()));
    assert_eq!(registry.look_up("outer", &outer, true).map(|found| found.id), Ok(id));
    assert_eq!(registry.imports_of(&outer).map(|imports| imports.len()), Ok(1));
    assert!(fill(folder.path(), &SchemaBook::default()).is_ok());
    // A version deleted for good by itself leaves as much.
    registry.register("s", avro(A)).expect("registered");
    registry.register("s", avro(B)).expect("registered");
    assert_eq!(registry.delete_version("s", Versions::Number(1), false), Ok(1));
    assert_eq!(registry.delete_version("s", Versions::Number(1), true), Ok(1));
    assert_eq!(code(registry.version("s", Versions::Number(1), true)), 40402);
    drop(registry);
    // Until now such a version was forgotten: those folders open as well.
    let index = folder.path().join("index.json");
    let mut told: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&index).expect("an index")).expect("JSON");
    assert_eq!(told["subjects"]["inner"]["versions"]["1"]["gone"], true);
    told["subjects"]["inner"]["versions"] = serde_json::json!({});
    std::fs::write(&index, told.to_string()).expect("written");
    assert_eq!(open(&folder).schema(id).map(|schema| (*schema).clone()), Ok(outer));
}

/// What Confluent's serialiser of Python sends.
#[test]
fn a_descriptor_keeps_its_id_when_the_registry_is_opened_again() {
    let folder = folder();
    let described = |text: &str| {
        let file =
            crate::telemetry::schemas::ProtoFile::parse(text, &[]).unwrap_or_else(|error| panic!("{text}: {error}"));
        Schema { format: SchemaFormat::Protobuf, text: file.to_base64(), references: Vec::new() }
    };
    let files = [
        r#"syntax = "proto3"; option java_package = "org.acme"; option go_package = "acme/x"; message A { int32 a = 1; }"#,
        r#"syntax = "proto2"; message B { optional string b = 1 [default = "é\"\n"]; optional bytes c = 2 [default = "\377\"x"]; }"#,
        r#"syntax = "proto2"; message C { optional group G = 1 { optional int32 g = 2; } extensions 100 to 200; } extend C { optional int32 x = 100; }"#,
        r#"syntax = "proto3"; message D { option deprecated = true; } service S { rpc Ask(D) returns (stream D); }"#,
    ];
    let ids = |registry: &Registry| -> Vec<u32> {
        let registered = files.iter().enumerate().map(|(number, text)| {
            let (subject, sent) = (format!("s{number}"), described(text));
            let found = registry.register(&subject, sent.clone()).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((found.version, registry.look_up(&subject, &sent, false)), (1, Ok(found.clone())), "{text}");
            // The text it was made from is the same file.
            let text = Schema { text: (*text).to_owned(), ..sent };
            assert_eq!(registry.look_up(&subject, &text, false).map(|same| same.id), Ok(found.id), "{text:?}");
            found.id
        });
        registered.collect()
    };
    let registry = open(&folder);
    let first = ids(&registry);
    let text = registry.schema(first[0]).expect("there").text.clone();
    assert!(text.contains("option java_package = \"org.acme\";"), "{text}");
    drop(registry);
    let book = Arc::new(SchemaBook::default());
    let registry = Registry::open(folder.path(), &book).expect("opened");
    assert_eq!(ids(&registry), first);
    assert_eq!(book.len(), SchemaBook::default().len() + files.len());
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
    // A value of an option that holds a value of its own type, so deep that whoever reads it would have no stack left.
    let aggregate = |within: &str, name: &str, depth: usize| {
        let open = format!("r{{{within}").repeat(depth);
        format!(
            r#"syntax = "proto2"; import "google/protobuf/descriptor.proto";
            message R {{ optional R r = 1; }} extend google.protobuf.MessageOptions {{ optional R {name} = 50000; }}
            message M {{ option ({name}) = {{ {open}{} }}; }}"#,
            "}".repeat(depth)
        )
    };
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
        (SchemaFormat::Protobuf, &aggregate(" ", "x", 5000)),
        (SchemaFormat::Protobuf, &aggregate("//}\n", "y", 5000)),
    ] {
        assert_eq!(code(registry.register("s", of(format, text))), 42201, "{text:.60}");
    }
    // Brackets in comments and texts are none, and a few are no trouble.
    let commented = format!("syntax = \"proto3\"; /* {} */ message A {{}}", "<({[".repeat(100));
    for (number, text) in [commented, aggregate(" ", "x", 10)].iter().enumerate() {
        assert_eq!(code(registry.register(&format!("t{number}"), of(SchemaFormat::Protobuf, text))), 0, "{text}");
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
fn references_are_few_named_once_and_counted() {
    let folder = folder();
    let registry = open(&folder);
    registry.register("inner", avro(A)).expect("registered");
    let refers =
        |name: &str, subject: &str| Reference { name: name.to_owned(), subject: subject.to_owned(), version: 1 };
    let with = |references| Schema { format: SchemaFormat::Avro, text: "\"string\"".to_owned(), references };
    let many: Vec<Reference> = (0..65).map(|number| refers(&number.to_string(), "inner")).collect();
    for (references, expected) in [
        (vec![refers("R", "inner"), refers("R", &"x".repeat(1 << 20))], 42208),
        (vec![refers("R", "inner"), refers("R", "inner")], 42201),
        (vec![refers(&"x".repeat(2_000), "inner")], 42201),
        (vec![refers("R", "nobody")], 42201),
        (many, 42201),
        (vec![refers("R", "inner")], 0),
    ] {
        assert_eq!(code(registry.register("s", with(references))), expected);
    }
    let sizes = with(vec![refers("abc", "inner")]).size();
    assert_eq!(sizes, 8 + 3 + 5 + 4);
}

#[test]
fn a_subject_that_is_read_only_keeps_what_it_has() {
    let folder = folder();
    let registry = open(&folder);
    registry.register("s", avro(A)).expect("registered");
    registry.set_mode(Some("s"), Some(Mode::ReadOnly)).expect("set");
    assert_eq!(code(registry.delete_version("s", Versions::Latest, false)), 42205);
    assert_eq!(code(registry.delete_subject("s", false)), 42205);
    registry.set_mode(Some("s"), Some(Mode::ReadWrite)).expect("set");
    registry.set_level(Some("s"), Some(Level::Full)).expect("set");
    assert_eq!(registry.delete_version("s", Versions::Latest, false), Ok(1));
    // What was said of a subject goes with its last version.
    assert_eq!((registry.level(Some("s")), registry.mode(Some("s"))), (None, None));
}

#[test]
fn the_latest_is_the_newest_that_was_not_deleted() {
    let folder = folder();
    let registry = open(&folder);
    registry.register("s", avro(A)).expect("registered");
    registry.register("s", avro(B)).expect("registered");
    assert_eq!(registry.delete_version("s", Versions::Latest, false), Ok(2));
    assert_eq!(registry.delete_version("s", Versions::Latest, false), Ok(1));
    assert_eq!(code(registry.delete_version("s", Versions::Latest, false)), 40401);
    assert_eq!(registry.delete_version("s", Versions::Latest, true), Ok(2));
    // Anything may be the first of a subject; a version that is not there is not there.
    assert_eq!(registry.test("s", Some(Versions::Latest), &avro(C)), Ok(Vec::new()));
    assert_eq!(code(registry.test("s", Some(Versions::Number(1)), &avro(C))), 40402);
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
