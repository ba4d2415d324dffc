//! Changes the field knows, and what each means for readers: a table for each language, in both directions.

use super::*;
use crate::telemetry::schemas::own_schema;
use crate::telemetry::{ReadingKind, SchemaFormat};

/// A change, and whether the new schema reads what the old wrote, and the old what the new writes.
type Case<'a> = (&'a str, String, String, bool, bool);

fn check(format: SchemaFormat, cases: &[Case<'_>]) {
    for (name, old, new, backward, forward) in cases {
        let read = |text: &str| {
            Parsed::read(format, text, &Vec::new()).unwrap_or_else(|error| panic!("{name}: {text}: {error}"))
        };
        let (old, new) = (read(old), read(new));
        assert_eq!(unread(&new, &old).is_empty(), *backward, "{name}, backward: {:?}", unread(&new, &old));
        assert_eq!(unread(&old, &new).is_empty(), *forward, "{name}, forward: {:?}", unread(&old, &new));
        let both = between(Level::Full, &new, &old);
        assert_eq!(both.is_empty(), *backward && *forward, "{name}");
        assert_eq!(between(Level::None, &new, &old), Vec::<String>::new());
        for same in [&old, &new] {
            assert_eq!(unread(same, same), Vec::<String>::new(), "{name}: itself");
        }
    }
}

#[test]
fn avro_evolves_as_its_specification_says() {
    let of = |fields: &str| format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#);
    let field = |of: &str| format!(r#"{{"name":"a","type":{of}}}"#);
    let one = of(&field("\"int\""));
    let with = |more: &str| of(&format!("{},{more}", field("\"int\"")));
    let pair = |old: &str, new: &str| (of(&field(old)), of(&field(new)));
    let long = pair("\"int\"", "\"long\"");
    let text = pair("\"string\"", "\"bytes\"");
    let other = pair("\"int\"", "\"string\"");
    let wider = pair("\"int\"", "[\"null\",\"int\"]");
    let double = pair("\"long\"", "\"double\"");
    let symbols =
        |words: &str, rest: &str| field(&format!(r#"{{"type":"enum","name":"E","symbols":[{words}]{rest}}}"#));
    check(
        SchemaFormat::Avro,
        &[
            (
                "a field with a default is added",
                one.clone(),
                with(r#"{"name":"b","type":"int","default":0}"#),
                true,
                true,
            ),
            ("a field without a default is added", one.clone(), with(r#"{"name":"b","type":"int"}"#), false, true),
            ("a field without a default goes", with(r#"{"name":"b","type":"int"}"#), one.clone(), true, false),
            ("int to long", long.0, long.1, true, false),
            ("long to double", double.0, double.1, true, false),
            ("text to bytes", text.0, text.1, true, true),
            ("int to text", other.0, other.1, false, false),
            ("int to an optional int", wider.0, wider.1, true, false),
            ("a symbol is added", of(&symbols("\"A\"", "")), of(&symbols("\"A\",\"B\"", "")), true, false),
            (
                "a symbol is added beside a default",
                of(&symbols("\"A\"", ",\"default\":\"A\"")),
                of(&symbols("\"A\",\"B\"", ",\"default\":\"A\"")),
                true,
                true,
            ),
            ("a field is renamed", one.clone(), of(r#"{"name":"b","type":"int"}"#), false, false),
            (
                "a field is renamed with its old name beside",
                one.clone(),
                of(r#"{"name":"b","aliases":["a"],"type":"int"}"#),
                true,
                false,
            ),
            ("the record is renamed", one.clone(), one.replace("\"R\"", "\"S\""), false, false),
        ],
    );
}

#[test]
fn protobuf_evolves_by_numbers() {
    let of = |fields: &str| format!("syntax = \"proto3\"; package p; {fields}");
    let message =
        |fields: &str| of(&format!("message M {{ {fields} }} message N {{}} message O {{}} enum E {{ Z = 0; }}"));
    let case = |old: &str, new: &str| (message(old), message(new));
    let table: &[(&str, &str, &str, bool, bool)] = &[
        ("a field is added", "int32 a = 1;", "int32 a = 1; string b = 2;", true, true),
        ("a field is renamed", "int32 a = 1;", "int32 z = 1;", true, true),
        ("a number is used again for another type", "int32 a = 1;", "string a = 1;", false, false),
        ("int32 to int64", "int32 a = 1;", "int64 a = 1;", true, true),
        ("int32 to bool and enumeration", "int32 a = 1; int32 b = 2;", "bool a = 1; E b = 2;", true, true),
        ("int32 to sint32", "int32 a = 1;", "sint32 a = 1;", false, false),
        ("fixed32 to sfixed32", "fixed32 a = 1;", "sfixed32 a = 1;", true, true),
        ("fixed32 to fixed64", "fixed32 a = 1;", "fixed64 a = 1;", false, false),
        ("float to double", "float a = 1;", "double a = 1;", false, false),
        ("text to bytes", "string a = 1;", "bytes a = 1;", true, true),
        ("one number to many", "int32 a = 1;", "repeated int32 a = 1;", false, false),
        ("one text to many", "string a = 1;", "repeated string a = 1;", true, true),
        ("another message", "N a = 1;", "O a = 1;", false, false),
        ("presence", "int32 a = 1;", "optional int32 a = 1;", true, true),
        ("one field into a new oneof", "int32 a = 1;", "oneof x { int32 a = 1; string b = 2; }", true, true),
        (
            "two fields into a oneof",
            "int32 a = 1; string b = 2;",
            "oneof x { int32 a = 1; string b = 2; }",
            false,
            true,
        ),
        (
            "a field joins a oneof",
            "oneof x { int32 a = 1; } string b = 2;",
            "oneof x { int32 a = 1; string b = 2; }",
            false,
            true,
        ),
        ("a map to what it is written as", "map<string, int32> a = 1;", "map<string, string> a = 1;", false, false),
    ];
    let mut cases: Vec<Case<'_>> = table
        .iter()
        .map(|(name, old, new, backward, forward)| {
            let (old, new) = case(old, new);
            (*name, old, new, *backward, *forward)
        })
        .collect();
    cases.push(("a message goes", of("message M {} message N {}"), of("message M {}"), false, true));
    cases.push(("the package changes", of("message M {}"), "package q; message M {}".to_owned(), false, false));
    let two = |label: &str| format!("syntax = \"proto2\"; message M {{ {label} int32 a = 1; }}");
    cases.push(("a field becomes required", two("optional"), two("required"), false, true));
    check(SchemaFormat::Protobuf, &cases);
}

/// What one property was and becomes, and whether whoever reads the new form reads the old one, and the other way round.
const JSON_PROPERTIES: &[(&str, &str, &str, bool, bool)] = &[
    ("whole numbers to numbers", r#"{"type":"integer"}"#, r#"{"type":"number"}"#, true, false),
    ("a type more", r#"{"type":"string"}"#, r#"{"type":["string","null"]}"#, true, false),
    ("another type", r#"{"type":"string"}"#, r#"{"type":"boolean"}"#, false, false),
    ("a word more", r#"{"enum":["x"]}"#, r#"{"enum":["x","y"]}"#, true, false),
    ("a few words become any text", r#"{"enum":["x"]}"#, r#"{"type":"string"}"#, true, false),
    ("a constant joins others", r#"{"const":1}"#, r#"{"enum":[1,2]}"#, true, false),
    ("a higher bound", r#"{"type":"number","maximum":5}"#, r#"{"type":"number","maximum":6}"#, true, false),
    ("a bound less", r#"{"type":"number","minimum":5}"#, r#"{"type":"number"}"#, true, false),
    ("a longer text", r#"{"type":"string","maxLength":5}"#, r#"{"type":"string","maxLength":6}"#, true, false),
    ("another pattern", r#"{"type":"string","pattern":"x"}"#, r#"{"type":"string","pattern":"y"}"#, false, false),
    ("a pattern less", r#"{"type":"string","pattern":"x"}"#, r#"{"type":"string"}"#, true, false),
    ("an unknown keyword", r#"{"type":"string"}"#, r#"{"type":"string","contentEncoding":"base64"}"#, false, true),
    ("a description", r#"{"type":"string"}"#, r#"{"type":"string","description":"x","title":"y"}"#, true, true),
    ("a choice more", r#"{"type":"string"}"#, r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#, true, false),
    (
        "a choice among choices",
        r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#,
        r#"{"anyOf":[{"type":"null"},{"type":"integer"},{"type":"string"}]}"#,
        true,
        false,
    ),
    (
        "one of two that overlap",
        r#"{"type":"integer"}"#,
        r#"{"oneOf":[{"type":"integer"},{"type":"number"}]}"#,
        false,
        false,
    ),
    ("a condition more", r#"{"type":"integer"}"#, r#"{"type":"integer","allOf":[{"minimum":1}]}"#, false, true),
    (
        "items of lists",
        r#"{"type":"array","items":{"type":"integer"}}"#,
        r#"{"type":"array","items":{"type":"number"}}"#,
        true,
        false,
    ),
    ("lists of anything", r#"{"type":"array"}"#, r#"{"type":"array","items":{"type":"number"}}"#, false, true),
    ("everything", "true", r#"{"type":"string"}"#, false, true),
    ("nothing", "false", r#"{"type":"string"}"#, true, false),
];

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn json_schema_may_allow_more_but_not_less() {
    let closed = |rest: &str| format!(r#"{{"type":"object","additionalProperties":false,{rest}}}"#);
    let open = |rest: &str| format!(r#"{{"type":"object",{rest}}}"#);
    let a = |of: &str| closed(&format!(r#""properties":{{"a":{of}}}"#));
    let of = |old: &str, new: &str| (a(old), a(new));
    let mut cases: Vec<Case<'_>> = JSON_PROPERTIES
        .iter()
        .map(|(name, old, new, backward, forward)| {
            let (old, new) = of(old, new);
            (*name, old, new, *backward, *forward)
        })
        .collect();
    let two = r#""properties":{"a":{"type":"string"},"b":{"type":"string"}}"#;
    let one = r#""properties":{"a":{"type":"string"}}"#;
    let any = r#""properties":{"a":{"type":"string"},"b":true}"#;
    let needed = |of: &str| format!(r#"{of},"required":["b"]"#);
    cases.push(("an optional property is added to a closed object", closed(one), closed(two), true, false));
    cases.push(("an optional property is added to an open object", open(one), open(two), false, true));
    cases.push(("a property that may be anything is added to an open object", open(one), open(any), true, true));
    cases.push(("a property becomes required", closed(two), closed(&needed(two)), false, true));
    cases.push(("a required property is added", closed(one), closed(&needed(two)), false, false));
    cases.push(("an object is opened", closed(one), open(one), true, false));
    let by_name = |of: &str| {
        closed(&format!(r##""properties":{{"a":{{"$ref":"#/definitions/t"}}}},"definitions":{{"t":{of}}}"##))
    };
    cases.push((
        "a definition is widened",
        by_name(r#"{"type":"integer"}"#),
        by_name(r#"{"type":"number"}"#),
        true,
        false,
    ));
    let tree = |of: &str| closed(&format!(r##""properties":{{"v":{{"type":"{of}"}},"in":{{"$ref":"#"}}}}"##));
    cases.push(("a schema within itself", tree("integer"), tree("number"), true, false));
    // The same words mean another thing where what they refer to has changed.
    let widened = [("integer", "number"), ("number", "integer")];
    let by_reference = |of: &str, to: &str| format!(r#"{{{of},"definitions":{{"t":{{"type":"{to}"}}}}}}"#);
    for (name, of) in [
        ("items", r##""type":"array","items":{"$ref":"#/definitions/t"}"##),
        ("anyOf", r##""anyOf":[{"$ref":"#/definitions/t"},{"type":"null"}]"##),
        ("anyOf beside others", r##""title":"x","default":null,"anyOf":[{"$ref":"#/definitions/t"},{"type":"null"}]"##),
        ("anyOf beside a type", r##""type":["number","null"],"anyOf":[{"$ref":"#/definitions/t"},{"type":"null"}]"##),
        ("oneOf", r##""oneOf":[{"$ref":"#/definitions/t"},{"type":"null"}]"##),
        ("allOf", r##""allOf":[{"$ref":"#/definitions/t"}]"##),
        ("additionalProperties", r##""type":"object","additionalProperties":{"$ref":"#/definitions/t"}"##),
    ] {
        for (old, new) in widened {
            cases.push((name, by_reference(of, old), by_reference(of, new), new == "number", old == "number"));
        }
    }
    for (name, of) in [
        ("a definition that is left out", r##""not":{"$ref":"#/definitions/t"}"##),
        ("a definition of a pattern", r##""patternProperties":{"^x":{"$ref":"#/definitions/t"}}"##),
        ("a definition in a list of places", r##""items":[{"$ref":"#/definitions/t"}]"##),
    ] {
        cases.push((name, by_reference(of, "integer"), by_reference(of, "number"), false, false));
    }
    let text = |of: &str| of.to_owned();
    let remote = r#"{"$ref":"https://x/y"}"#;
    cases.push(("what nobody can follow", text(r#"{"type":"string"}"#), text(remote), false, false));
    cases.push(("what nobody can follow, within", a(r#"{"type":"string"}"#), a(remote), false, false));
    let anchored = |of: &str| {
        format!(r##"{{"properties":{{"a":{{"$ref":"#x"}}}},"$defs":{{"t":{{"$anchor":"x","type":"{of}"}}}}}}"##)
    };
    cases.push(("an anchor", anchored("integer"), anchored("number"), false, false));
    let pattern = r#"{"type":"object","patternProperties":{"^x":{}},"additionalProperties":false}"#;
    cases.push(("a pattern goes from a closed object", text(pattern), closed(r#""properties":{}"#), false, false));
    let typed = |more: &str| {
        format!(
            r#"{{"type":"object","patternProperties":{{"^x":{{"type":"string"}}}},"additionalProperties":false{more}}}"#
        )
    };
    cases.push((
        "a property is added that a pattern names otherwise",
        typed(""),
        typed(r#","properties":{"xa":{"type":"integer"}}"#),
        false,
        false,
    ));
    let number = text(r#"{"type":"number"}"#);
    cases.push((
        "two choices for a number",
        number.clone(),
        text(r#"{"oneOf":[{"type":"number"},{"type":"integer"}]}"#),
        false,
        true,
    ));
    cases.push((
        "a choice of another type",
        number,
        text(r#"{"oneOf":[{"type":"number"},{"type":"null"}]}"#),
        true,
        false,
    ));
    let told = |word: &str, of: &str| {
        closed(&format!(r#""required":["kind"],"properties":{{"kind":{{"const":"{word}"}},"a":{{"type":"{of}"}}}}"#))
    };
    let either = |of: &str| format!(r#"{{"oneOf":[{},{}]}}"#, told("x", of), told("y", "string"));
    cases.push(("choices told apart by a property", either("integer"), either("number"), true, false));
    check(SchemaFormat::Json, &cases);
}

/// What a name stands for may change while the name does not.
#[test]
fn what_is_referred_to_is_compared_as_well() {
    let read = |format, text: &str, name: &str, imported: &str| {
        Parsed::read(format, text, &vec![(name.to_owned(), imported.to_owned())]).expect("a schema")
    };
    let outer = r#"{"type":"record","name":"O","fields":[{"name":"r","type":"R"}]}"#;
    let inner = |of: &str| format!(r#"{{"type":"record","name":"R","fields":[{{"name":"a","type":"{of}"}}]}}"#);
    let avro = |of: &str| read(SchemaFormat::Avro, outer, "R", &inner(of));
    let file = r#"syntax = "proto3"; import "in.proto"; message O { R r = 1; }"#;
    let protobuf = |of: &str| {
        read(SchemaFormat::Protobuf, file, "in.proto", &format!("syntax = \"proto3\"; message R {{ {of} a = 1; }}"))
    };
    let json =
        |of: &str| read(SchemaFormat::Json, r#"{"$ref":"in.json"}"#, "in.json", &format!(r#"{{"type":"{of}"}}"#));
    for (name, old, new, backward, forward) in [
        ("Avro", avro("int"), avro("long"), true, false),
        ("Avro", avro("int"), avro("string"), false, false),
        ("Protobuf", protobuf("int32"), protobuf("int64"), true, true),
        ("Protobuf", protobuf("int32"), protobuf("string"), false, false),
        ("JSON Schema", json("integer"), json("number"), true, false),
    ] {
        assert_eq!(unread(&new, &old).is_empty(), backward, "{name}: {:?}", unread(&new, &old));
        assert_eq!(unread(&old, &new).is_empty(), forward, "{name}: {:?}", unread(&old, &new));
        assert_eq!(unread(&new, &new), Vec::<String>::new(), "{name}");
    }
    // Another type of the same name, in another field.
    let moved = |of: &str, place: usize| {
        let defined = inner(of);
        let fields: Vec<String> = (0..2)
            .map(|number| {
                format!(r#"{{"name":"f{number}","type":{}}}"#, if number == place { &defined } else { "\"R\"" })
            })
            .collect();
        format!(r#"{{"type":"record","name":"O","fields":[{}]}}"#, fields.join(","))
    };
    let plain = |text: &str| Parsed::read(SchemaFormat::Avro, text, &Vec::new()).expect("a schema");
    assert!(!unread(&plain(&moved("string", 0)), &plain(&moved("int", 0))).is_empty());
}

/// Whoever asks may be told everything that is wrong, but not without end.
#[test]
fn reasons_are_few_and_short() {
    let of = |of: &str| {
        let fields: Vec<String> = (0..500).map(|n| format!(r#"{{"name":"f{n}","type":"{of}"}}"#)).collect();
        let text = format!(r#"{{"type":"record","name":"R","fields":[{}]}}"#, fields.join(","));
        Parsed::read(SchemaFormat::Avro, &format!(r#"["null",{text}]"#), &Vec::new()).expect("a schema")
    };
    let closed = |of: &str| {
        let name = "n".repeat(10_000);
        let fields: Vec<String> = (0..20).map(|n| format!(r#""{name}{n}":{{"type":"{of}"}}"#)).collect();
        Parsed::read(SchemaFormat::Json, &format!(r#"{{"properties":{{{}}}}}"#, fields.join(",")), &Vec::new())
            .expect("a schema")
    };
    for (new, old) in [(of("int"), of("string")), (closed("integer"), closed("string"))] {
        let reasons = unread(&new, &old);
        assert!((1..=20).contains(&reasons.len()) && reasons.iter().all(|reason| reason.len() <= 310), "{reasons:?}");
    }
}

/// What the program writes today is what it wrote yesterday, and a field may be added tomorrow.
#[test]
fn the_schemas_of_the_records_can_evolve() {
    for kind in ReadingKind::ALL {
        for format in SchemaFormat::ALL {
            let text = own_schema(*kind, format);
            let more = match format {
                SchemaFormat::Json => text.replace(r#""properties":{"#, r#""properties":{"colour":{"type":"string"},"#),
                SchemaFormat::Avro => {
                    text.replace(r#""fields":["#, r#""fields":[{"name":"colour","type":"string","default":""},"#)
                }
                SchemaFormat::Protobuf => text.replace(" {\n", " {\n optional string colour = 90;\n"),
            };
            assert_ne!(more, text);
            check(format, &[("a field more", text, more, true, format != SchemaFormat::Json)]);
        }
    }
}

#[test]
fn another_language_is_never_compatible() {
    let read = |format, text: &str| Parsed::read(format, text, &Vec::new()).expect("a schema");
    let (avro, json) = (read(SchemaFormat::Avro, "\"string\""), read(SchemaFormat::Json, "{}"));
    assert_eq!(unread(&avro, &json).len(), 1);
    assert_eq!(between(Level::None, &avro, &json), Vec::<String>::new());
}

#[test]
fn a_hostile_json_schema_ends_in_time() {
    // Every choice holds every choice: compared one by one that would never end.
    let twice = |n: u32| {
        let inner = format!(r##"{{"$ref":"#/definitions/t{n}"}}"##);
        format!(r#""t{}":{{"anyOf":[{inner},{inner}]}}"#, n + 1)
    };
    let mut definitions: Vec<String> = (0..20).map(twice).collect();
    definitions.push(r#""t0":{"type":"string"}"#.to_owned());
    let definitions = definitions.join(",");
    let schema =
        format!(r##"{{"properties":{{"a":{{"$ref":"#/definitions/t20"}}}},"definitions":{{{definitions}}}}}"##);
    let other = schema.replace("\"string\"", "\"number\"");
    let read = |text: &str| Parsed::read(SchemaFormat::Json, text, &Vec::new()).expect("a schema");
    let too_much = |reasons: &[String]| reasons.iter().any(|reason| reason.contains("too much to compare"));
    assert!(too_much(&unread(&read(&schema), &read(&other))), "{:?}", unread(&read(&schema), &read(&other)));
    let within = r##"{"anyOf":[{"$ref":"#"},{"$ref":"#"}],"minLength":1}"##;
    assert!(!unread(&read(within), &read(r#"{"type":"string"}"#)).is_empty());
}
