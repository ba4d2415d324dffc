//! A record is the same record in every form, and whatever is not one has its reason.

use base64::Engine as _;
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::prost_types::UninterpretedOption;
use prost_reflect::prost_types::uninterpreted_option::NamePart;

use super::*;
use crate::telemetry::json;
use crate::telemetry::tests::any_record;

/// A record framed in a format.
fn framed(record: &Record, format: SchemaFormat) -> Vec<u8> {
    let (mut canonical, mut payload) = (Vec::new(), Vec::new());
    json::encode(record, &mut canonical);
    book::encode(record, format, &canonical, &mut payload);
    payload
}

fn of_any_format() -> impl Strategy<Value = SchemaFormat> {
    prop::sample::select(SchemaFormat::ALL.to_vec())
}

/// Types that a field of a schema of others may have.
const FOREIGN: [&str; 9] = [
    r#""bytes""#,
    r#"["null","string","long"]"#,
    r#"{"type":"enum","name":"E","symbols":["A","B"]}"#,
    r#"{"type":"fixed","name":"F","size":16}"#,
    r#"{"type":"fixed","name":"F","size":9223372036854775807}"#,
    r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}"#,
    r#"{"type":"bytes","logicalType":"big-decimal"}"#,
    r#"{"type":"fixed","name":"F","size":12,"logicalType":"duration"}"#,
    r#"{"type":"string","logicalType":"uuid"}"#,
];

proptest! {
    #[test]
    fn every_format_gives_back_every_record_to_the_last_bit(kind in 0..ReadingKind::ALL.len(), dice in prop::collection::vec(any::<u64>(), 16), epoch: u32) {
        let record = Record { epoch, ..any_record(ReadingKind::ALL[kind], &dice) };
        let book = SchemaBook::default();
        let mut expected = Vec::new();
        json::encode(&record, &mut expected);
        prop_assert_eq!(&book.decode(&expected), &Ok(record.clone()));
        for format in SchemaFormat::ALL {
            let read = book.decode(&framed(&record, format));
            prop_assert_eq!(&read, &Ok(record.clone()), "{:?}", format);
            let mut canonical = Vec::new();
            json::encode(&read.expect("a record"), &mut canonical);
            prop_assert_eq!(&canonical, &expected);
        }
    }

    #[test]
    fn no_frame_makes_the_decoder_panic(id in 0..40_u32, bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut payload = vec![0];
        payload.extend(id.to_be_bytes());
        payload.extend(&bytes);
        if let Ok(record) = SchemaBook::default().decode(&payload) {
            prop_assert!(record.reading.out_of_range().is_none());
        }
    }

    #[test]
    fn no_message_by_the_schema_of_others_makes_the_decoder_panic(
        of in prop::sample::select(FOREIGN.to_vec()), bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let book = SchemaBook::default();
        let text = format!(
            r#"{{"type":"record","name":"Health","namespace":"citytwin.telemetry","fields":[{{"name":"f","type":{of}}},
            {{"name":"device","type":"string"}},{{"name":"epoch","type":"int"}},{{"name":"seq","type":"long"}},
            {{"name":"timestamp","type":"long"}},{{"name":"uptime_s","type":"int"}}]}}"#
        );
        book.add(1000, SchemaFormat::Avro, &text, &[]);
        if let Ok(record) = book.decode(&[&[0, 0, 0, 3, 0xe8][..], &bytes].concat()) {
            prop_assert!(record.reading.out_of_range().is_none());
        }
    }

    #[test]
    fn a_frame_cut_short_is_refused_and_one_with_a_flipped_byte_refused_or_read(
        kind in 0..ReadingKind::ALL.len(), format in of_any_format(), dice in prop::collection::vec(any::<u64>(), 16),
        at in any::<prop::sample::Index>(), byte: u8,
    ) {
        let book = SchemaBook::default();
        let mut payload = framed(&any_record(ReadingKind::ALL[kind], &dice), format);
        let at = at.index(payload.len());
        prop_assert!(book.decode(&payload[..at]).is_err(), "{:?} cut at {}", format, at);
        payload[at] = byte;
        if let Ok(record) = book.decode(&payload) {
            prop_assert!(record.reading.out_of_range().is_none());
        }
    }
}

/// The ids are part of every message ever sent.
#[test]
fn an_id_means_the_same_for_ever() {
    let told: Vec<(u32, String)> = own_schemas().into_iter().map(|own| (own.id, own.subject)).collect();
    assert_eq!(told.len(), 36);
    assert!(told.iter().zip(1..).all(|((id, _), expected)| *id == expected));
    for (id, subject) in [
        (1, "citytwin.telemetry.Position-json"),
        (2, "citytwin.telemetry.Position-avro"),
        (3, "citytwin.telemetry.Position-protobuf"),
        (5, "citytwin.telemetry.LoopCount-avro"),
        (8, "citytwin.telemetry.CameraCount-avro"),
        (11, "citytwin.telemetry.Air-avro"),
        (14, "citytwin.telemetry.Weather-avro"),
        (17, "citytwin.telemetry.Parking-avro"),
        (20, "citytwin.telemetry.Signal-avro"),
        (23, "citytwin.telemetry.Incident-avro"),
        (26, "citytwin.telemetry.Call-avro"),
        (29, "citytwin.telemetry.Unit-avro"),
        (32, "citytwin.telemetry.Hospital-avro"),
        (36, "citytwin.telemetry.Health-protobuf"),
    ] {
        assert!(told.contains(&(id, subject.to_owned())), "{id} {subject}");
    }
    assert!(told.last().is_some_and(|(id, _)| *id < FIRST_FOREIGN_ID));
}

/// Written by hand from the specifications: what others write, we read, and the other way round.
#[test]
fn the_bytes_are_those_of_the_specifications() {
    let text = br#"{"type":"health","device":"d","epoch":1,"seq":2,"timestamp":"1970-01-01T00:00:00.003Z","battery_v":1.5,"uptime_s":300}"#;
    let record = json::decode(text).expect("a record");
    // Avro: lengths and numbers in zigzag, a union's branch before its value, doubles little-endian.
    let mut avro = vec![0, 0, 0, 0, 35, 2, b'd', 2, 4, 6, 2];
    avro.extend(1.5_f64.to_le_bytes());
    avro.extend([0xd8, 0x04, 0]);
    assert_eq!(framed(&record, SchemaFormat::Avro), avro);
    // Protobuf: the first message; field 1 double, 2 varint, 201 to 204 with tags of two bytes.
    let mut protobuf = vec![0, 0, 0, 0, 36, 0, 0x09];
    protobuf.extend(1.5_f64.to_le_bytes());
    protobuf.extend([0x10, 0xac, 0x02, 0xca, 0x0c, 1, b'd', 0xd0, 0x0c, 1, 0xd8, 0x0c, 2, 0xe0, 0x0c, 3]);
    assert_eq!(framed(&record, SchemaFormat::Protobuf), protobuf);
    let json = framed(&record, SchemaFormat::Json);
    assert_eq!((&json[..5], &json[5..]), (&[0, 0, 0, 0, 34][..], &text[..]));
}

#[test]
fn whatever_is_no_record_has_its_reason() {
    let record = any_record(ReadingKind::Health, &[7; 16]);
    let book = SchemaBook::default();
    book.add(1000, SchemaFormat::Avro, r#"{"type":"record","name":"Order","namespace":"acme","fields":[]}"#, &[]);
    book.add(1001, SchemaFormat::Protobuf, "syntax = \"proto3\"; message A { message B {} }", &[]);
    book.add(1002, SchemaFormat::Avro, "nonsense", &[]);
    let nested = r#"{"type":"record","name":"Health","namespace":"citytwin.telemetry","fields":[
        {"name":"all","type":{"type":"array","items":"null"}}]}"#;
    book.add(1003, SchemaFormat::Avro, nested, &[]);
    // Whoever asks for the memory first has none left for anything else.
    let huge = r#"{"type":"fixed","name":"F","size":4611686018427387904}"#;
    for (id, of) in [
        (1004, huge.to_owned()),
        (1005, format!(r#"["null",{huge}]"#)),
        (
            1006,
            r#"{"type":"fixed","name":"F","size":4611686018427387904,"logicalType":"decimal","precision":4}"#
                .to_owned(),
        ),
    ] {
        let text = format!(
            r#"{{"type":"record","name":"Health","namespace":"citytwin.telemetry","fields":[{{"name":"f","type":{of}}}]}}"#
        );
        book.add(id, SchemaFormat::Avro, &text, &[]);
    }
    let avro = framed(&record, SchemaFormat::Avro);
    let with_id = |id: u32, rest: &[u8]| [&[0], &id.to_be_bytes()[..], rest].concat();
    let longer = [&avro[..], &[0]].concat();
    for (payload, expected) in [
        (vec![0, 0, 0], "bad_frame"),
        (with_id(999, &avro[5..]), "unknown_schema"),
        (with_id(u32::MAX, &[]), "unknown_schema"),
        (with_id(34, &avro[5..]), "not_a_record"),
        (with_id(36, &[4, 2, 0]), "bad_frame"),
        (with_id(36, &[0]), "not_a_record"),
        (longer, "not_a_reading"),
        (with_id(1000, &[]), "unknown_type"),
        (with_id(1001, &[0]), "unknown_type"),
        (with_id(1001, &[4, 0, 0]), "unknown_type"),
        (with_id(1002, &[]), "unknown_type"),
        (with_id(1003, &[0]), "unknown_type"),
        (with_id(1004, &[0]), "unknown_type"),
        (with_id(1005, &[2, 0]), "unknown_type"),
        (with_id(1006, &[0]), "unknown_type"),
        (with_id(35, &vec![0; json::MESSAGE_MAX]), "too_long"),
        // An epoch of 2³² and an instant of the year 292 million, which Avro can write.
        (with_id(35, &[2, b'd', 0x80, 0x80, 0x80, 0x80, 0x20, 0, 0, 0, 0, 0]), "not_a_record"),
        (with_id(35, &[&[2, b'd', 0, 0][..], &[0xff; 9], &[1, 0, 0, 0]].concat()), "bad_timestamp"),
        (with_id(35, &[2, b'/', 0, 0, 0, 0, 0, 0]), "bad_device"),
        (with_id(35, &[2, b'd', 0, 0, 0, 0, 1, 0]), "not_a_reading"),
        // A text that claims to have 2³⁰ bytes.
        (with_id(35, &[0x80, 0x80, 0x80, 0x80, 0x08, b'd']), "not_a_reading"),
    ] {
        let found = book.decode(&payload).map_err(|error| error.word().to_owned());
        assert_eq!(found, Err(expected.to_owned()), "{payload:?}");
    }
}

/// A device that writes by a later version of a schema, or an earlier one, is understood.
#[test]
fn what_another_version_of_a_schema_wrote_is_read() {
    let record = json::decode(
        br#"{"type":"health","device":"d","epoch":0,"seq":2,"timestamp":"1970-01-01T00:00:00.003Z","uptime_s":300}"#,
    )
    .expect("a record");
    let (mut book, health) = (SchemaBook::default(), ReadingKind::Health);
    // A field of its own in front, the seconds as an `int`, no message.
    let later = r#"{"type":"record","name":"Health","namespace":"citytwin.telemetry","fields":[
        {"name":"colour","type":"string"},{"name":"device","type":"string"},{"name":"epoch","type":"int"},
        {"name":"seq","type":"long"},{"name":"timestamp","type":"long"},{"name":"uptime_s","type":"int"}]}"#;
    book.add(1000, SchemaFormat::Avro, later, &[]);
    let avro = [0, 0, 0, 3, 0xe8, 4, b'r', b'd', 2, b'd', 0, 4, 6, 0xd8, 0x04];
    assert_eq!(book.decode(&avro), Ok(record.clone()));
    // The message is the second of its file, and has a field nobody here knows.
    let file = own_schema(health, SchemaFormat::Protobuf);
    let later = file.replace("message Health {", "message Other {}\nmessage Health {\n  optional string colour = 50;");
    book.add(1001, SchemaFormat::Protobuf, &later, &[]);
    let message = framed(&record, SchemaFormat::Protobuf);
    let protobuf = [&[0, 0, 0, 3, 0xe9, 2, 2][..], &message[6..], &[0x92, 0x03, 1, b'r']].concat();
    assert_eq!(book.decode(&protobuf), Ok(record));
    // What is known stays.
    book.add(1001, SchemaFormat::Json, "{}", &[]);
    assert!(book.decode(&protobuf).is_ok());
    book = SchemaBook::default();
    assert_eq!(book.decode(&protobuf), Err(DecodeError::UnknownSchema(1001)));
}

#[test]
fn a_protobuf_file_is_the_same_file_as_text_and_as_descriptor() {
    let deep = r#"syntax = "proto2";
        package a.b;
        import "google/protobuf/timestamp.proto";
        import "other.proto";
        message M {
          enum E { option allow_alias = true; ZERO = 0; NIL = 0; MINUS = -1; }
          required string name = 1 [json_name = "n", default = "a\"b"];
          optional E e = 2 [default = MINUS];
          repeated int32 many = 3 [packed = true];
          map<string, M> by_name = 4;
          oneof one { bytes x = 5; google.protobuf.Timestamp at = 6 [deprecated = true]; }
          optional Other other = 7;
          message Inner { optional sint64 deep = 536870911; }
          reserved 10 to 20;
          reserved "gone";
          optional string accent = 8 [json_name = "é", default = "é\t'\""];
          optional bytes raw = 9 [default = "\000\377\"\\"];
        }
        option java_package = "org.é"; option java_multiple_files = true; option optimize_for = SPEED;"#;
    let imports = [("other.proto".to_owned(), "syntax = \"proto3\"; package a.b; message Other {}".to_owned())];
    let mut texts = vec![(deep.to_owned(), &imports[..])];
    texts.extend(ReadingKind::ALL.iter().map(|kind| (own_schema(*kind, SchemaFormat::Protobuf), &[][..])));
    for (text, imports) in texts {
        let file = ProtoFile::parse(&text, imports).unwrap_or_else(|error| panic!("{text}: {error}"));
        let packed = ProtoFile::parse(&file.to_base64(), imports).expect("its own descriptor");
        assert_eq!(packed.canonical(), file.canonical());
        let written = ProtoFile::parse(packed.text(), imports);
        let written = written.unwrap_or_else(|error| panic!("{}: {error}", packed.text()));
        assert_eq!(written.canonical(), file.canonical(), "{}", packed.text());
        assert_eq!(file.text(), text);
    }
    for bad in ["", "syntax = ", "message A { B b = 1; }", "import \"no.proto\";", &"message A {".repeat(5000), "AAAA"]
    {
        let parsed = ProtoFile::parse(bad, &[]);
        assert!(parsed.is_err() || bad.is_empty(), "{bad:.40}");
    }
    // What no text of ours says is kept as it came.
    for text in [
        r#"syntax = "proto2"; message C { optional group G = 1 { optional int32 g = 2; } }"#,
        r#"syntax = "proto2"; message C { extensions 100 to 200; } extend C { optional int32 x = 100; }"#,
        r#"syntax = "proto3"; message D {} service S { rpc Ask(D) returns (stream D); }"#,
    ] {
        let file = ProtoFile::parse(text, &[]).expect("a file");
        let packed = ProtoFile::parse(&file.to_base64(), &[]).expect("its own descriptor");
        assert_eq!((packed.text(), packed.canonical()), (&*file.to_base64(), file.canonical()));
    }
}

/// Options that nobody has looked up are read by calls within calls: a descriptor may not hide them deeper than a text.
#[test]
fn a_descriptor_hides_no_deep_options() {
    let value = |depth: usize| UninterpretedOption {
        name: vec![NamePart { name_part: "x".to_owned(), is_extension: true }],
        aggregate_value: Some("r{//}\n".repeat(depth) + &"}".repeat(depth)),
        ..UninterpretedOption::default()
    };
    for place in 0..3 {
        let file = ProtoFile::parse("syntax = \"proto2\"; message M { enum E { Z = 0; } optional int32 a = 1; }", &[]);
        let mut file = file.expect("a file").descriptor().clone();
        let message = &mut file.message_type[0];
        match place {
            0 => message.options.get_or_insert_default().uninterpreted_option.push(value(20_000)),
            1 => message.field[0].options.get_or_insert_default().uninterpreted_option.push(value(20_000)),
            _ => message.enum_type[0].value[0].options.get_or_insert_default().uninterpreted_option.push(value(20_000)),
        }
        let text = base64::engine::general_purpose::STANDARD.encode(file.encode_to_vec());
        let error = ProtoFile::parse(&text, &[]).expect_err("too deep").to_string();
        assert!(error.contains("within the value of an option"), "{error}");
    }
}
