//! The registry as others see it: a client that nobody here wrote registers, reads, encodes and decodes by it, and a listener beside it
//! reads what that client wrote. Requests by hand show what is refused, and with which number.
#![cfg(feature = "schemas")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use apache_avro::types::Value;
use citytwin::api::guard::{Role, new_key, read_access};
use citytwin::api::server::ServeSettings;
use citytwin::telemetry::schemas::{FIRST_FOREIGN_ID, full_name, own_id, own_schema};
use citytwin::telemetry::{PayloadFormat, ReadingKind, SchemaBook, SchemaFormat, TopicMap, json};
use citytwin::twin::RegistryServer;
use schema_registry_converter::blocking::avro::{AvroDecoder, AvroEncoder};
use schema_registry_converter::blocking::proto_decoder::ProtoDecoder;
use schema_registry_converter::blocking::proto_raw::ProtoRawEncoder;
use schema_registry_converter::blocking::schema_registry::{
    SrSettings, get_all_subjects, get_all_versions, get_schema_by_id, get_schema_by_subject, is_compatible_schema,
    post_schema,
};
use schema_registry_converter::schema_registry_common::{
    SchemaType, SubjectNameStrategy, SuppliedReference, SuppliedSchema,
};
use serde_json::{Value as Json, json};

/// A reading of each kind would do; this one has every type of field but a flag.
const POSITION: &str = r#"{"type":"position","device":"gps-7","epoch":0,"seq":31,"timestamp":"2026-06-02T07:02:35.000Z","vehicle_id":"7","vehicle_class":"bus","ignition":true,"fix":"3d","latitude":55.585603,"longitude":4.004111,"speed":46.6,"hdop":1.0}"#;
const KIND: ReadingKind = ReadingKind::Position;

/// The client of others leaves it to its process whose encryption it uses; only the first call counts.
fn name_a_provider() {
    drop(rustls::crypto::ring::default_provider().install_default());
}

fn serve(folder: &Path, book: &Arc<SchemaBook>) -> (RegistryServer, SrSettings) {
    let settings = ServeSettings::new(vec![SocketAddr::from(([127, 0, 0, 1], 0))]);
    let server = RegistryServer::begin(folder, book, &settings).expect("a registry");
    name_a_provider();
    let client = SrSettings::new_builder(format!("http://{}", server.address)).no_proxy().build().expect("a client");
    (server, client)
}

fn of(kind: SchemaType, text: &str) -> SuppliedSchema {
    SuppliedSchema::new(Some(full_name(KIND)), kind, text.to_owned())
}

/// The field of a record of Avro.
fn field<'a>(record: &'a Value, name: &str) -> &'a Value {
    let Value::Record(fields) = record else { panic!("{record:?} is no record") };
    &fields.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no {name}")).1
}

#[test]
fn a_client_of_others_and_our_decoder_understand_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let topics = TopicMap::new("c");
    let (_server, client) = serve(folder.path(), topics.schemas());
    let record = json::decode(POSITION.as_bytes()).expect("a record");
    let sent = |format| topics.clone().in_format(PayloadFormat::Framed(format)).payload(&record, POSITION.as_bytes());
    // They read what we write.
    let avro = AvroDecoder::new(client.clone()).decode(Some(&sent(SchemaFormat::Avro)[..])).expect("decoded");
    assert_eq!(avro.name.map(|name| name.fullname(None)), Some(full_name(KIND)));
    assert_eq!(field(&avro.value, "latitude"), &Value::Union(1, Box::new(Value::Double(55.585_603))));
    assert_eq!(field(&avro.value, "direction"), &Value::Union(0, Box::new(Value::Null)));
    assert_eq!(field(&avro.value, "timestamp"), &Value::TimestampMillis(record.time.as_milliseconds()));
    let protobuf = ProtoDecoder::new(client.clone()).decode(Some(&sent(SchemaFormat::Protobuf)[..])).expect("decoded");
    let message = protobuf.as_message().expect("a message");
    assert_eq!(message.get_field_by_name("speed").and_then(|speed| speed.as_f64()), Some(46.6));
    assert_eq!(message.get_field_by_name("seq").and_then(|seq| seq.as_u64()), Some(31));
    assert!(!message.has_field_by_name("direction"));
    // We read what they write, by a schema of theirs that has a field more.
    let schema = own_schema(KIND, SchemaFormat::Avro)
        .replace(r#""fields":["#, r#""fields":[{"name":"colour","type":"string","default":"red"},"#);
    let strategy =
        SubjectNameStrategy::TopicNameStrategyWithSchema("gps".to_owned(), false, of(SchemaType::Avro, &schema));
    let text = |text: &str| Value::String(text.to_owned());
    let some = |value| Value::Union(1, Box::new(value));
    let fields = vec![
        ("colour", text("blue")),
        ("device", text("gps-7")),
        ("epoch", Value::Long(0)),
        ("seq", Value::Long(31)),
        ("timestamp", Value::TimestampMillis(record.time.as_milliseconds())),
        ("vehicle_id", text("7")),
        ("vehicle_class", text("bus")),
        ("ignition", Value::Boolean(true)),
        ("fix", text("3d")),
        ("latitude", some(Value::Double(55.585_603))),
        ("longitude", some(Value::Double(4.004_111))),
        ("speed", some(Value::Double(46.6))),
        ("direction", Value::Union(0, Box::new(Value::Null))),
        ("hdop", some(Value::Double(1.0))),
    ];
    let theirs = AvroEncoder::new(client.clone()).encode(fields, &strategy).expect("encoded");
    assert_eq!(theirs[..5], [&[0_u8][..], &FIRST_FOREIGN_ID.to_be_bytes()].concat());
    assert_eq!(topics.decode(&theirs).as_ref(), Ok(&record));
    let file = own_schema(KIND, SchemaFormat::Protobuf).replace("message P", "message First {}\nmessage P");
    let strategy =
        SubjectNameStrategy::TopicNameStrategyWithSchema("other".to_owned(), false, of(SchemaType::Protobuf, &file));
    let plain = sent(SchemaFormat::Protobuf)[6..].to_vec();
    let theirs = ProtoRawEncoder::new(client).encode(&plain, &full_name(KIND), &strategy).expect("encoded");
    assert_eq!(theirs[1..5], (FIRST_FOREIGN_ID + 1).to_be_bytes());
    assert_eq!(topics.decode(&theirs).as_ref(), Ok(&record));
    // Whoever reads the folder later knows them too; whoever does not says so.
    let book = SchemaBook::default();
    assert_eq!(book.decode(&theirs).map_err(|error| error.word()), Err("unknown_schema"));
    citytwin::pipeline::registry::fill(folder.path(), &book).expect("read");
    assert_eq!(book.decode(&theirs).as_ref(), Ok(&record));
}

#[test]
fn a_client_of_others_registers_evolves_and_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, client) = serve(folder.path(), &Arc::default());
    let post = |subject: &str, schema| post_schema(&client, subject.to_owned(), schema);
    for (format, kind) in [
        (SchemaFormat::Avro, SchemaType::Avro),
        (SchemaFormat::Json, SchemaType::Json),
        (SchemaFormat::Protobuf, SchemaType::Protobuf),
    ] {
        let subject = format!("topic-{}-value", format.word());
        let text = own_schema(KIND, format);
        // What is ours keeps its id under every subject.
        assert_eq!(post(&subject, of(kind.clone(), &text)).map(|found| found.id), Ok(own_id(KIND, format)));
        let back = get_schema_by_id(own_id(KIND, format), &client).expect("found");
        assert_eq!((back.schema, back.schema_type), (text.clone(), kind.clone()));
        let (more, less) = match format {
            SchemaFormat::Avro => (
                text.replace(r#""fields":["#, r#""fields":[{"name":"colour","type":"string","default":""},"#),
                text.replace(r#""fields":["#, r#""fields":[{"name":"colour","type":"string"},"#),
            ),
            SchemaFormat::Json => (
                text.replace(r#""properties":{"#, r#""properties":{"colour":{"type":"string"},"#),
                text.replace(r#""required":["#, r#""required":["hdop","#),
            ),
            SchemaFormat::Protobuf => (
                text.replace(" {\n", " {\n  optional string colour = 90;\n"),
                text.replace("optional double latitude", "optional string latitude"),
            ),
        };
        assert_eq!(is_compatible_schema(&client, subject.clone(), of(kind.clone(), &more)), Ok(true), "{subject}");
        assert_eq!(is_compatible_schema(&client, subject.clone(), of(kind.clone(), &less)), Ok(false), "{subject}");
        let refused = post(&subject, of(kind.clone(), &less)).expect_err("incompatible");
        assert!(format!("{refused}").contains("409"), "{refused}");
        let second = post(&subject, of(kind.clone(), &more)).expect("compatible");
        assert_eq!(post(&subject, of(kind, &more)).map(|again| again.id), Ok(second.id));
        assert_eq!(get_all_versions(&client, subject.clone()), Ok(vec![1, 2]));
        let latest = get_schema_by_subject(&client, &SubjectNameStrategy::RecordNameStrategy(subject)).expect("found");
        assert_eq!((latest.id, latest.schema), (second.id, more));
    }
    let inner = r#"{"type":"record","name":"In","fields":[]}"#;
    let reference = SuppliedReference::new("In".to_owned(), "in-value".to_owned(), inner.to_owned());
    let outer = of(SchemaType::Avro, r#"{"type":"record","name":"Out","fields":[{"name":"in","type":"In"}]}"#);
    let outer = outer.with_references(vec![reference]);
    let found = post("out-value", outer).expect("registered with what it refers to");
    assert_eq!(get_schema_by_id(found.id, &client).expect("found").references.len(), 1);
    let subjects = get_all_subjects(&client).expect("listed");
    assert_eq!(subjects.len(), 36 + 5);
}

/// A request by hand: the status, and what came back.
fn ask(address: SocketAddr, method: &str, path: &str, more: &str, body: &str) -> (u16, Json) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/vnd.schemaregistry.v1+json\r\nContent-Length: {length}\r\n{more}\r\n{body}"
    )
    .expect("written");
    let mut told = String::new();
    drop(stream.read_to_string(&mut told));
    let status = told.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = told.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or_else(|_| json!(body)))
}

#[test]
fn every_refusal_has_its_status_and_number() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, _) = serve(folder.path(), &Arc::default());
    let at = server.address;
    let schema = |fields: &str| {
        json!({ "schema": format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#) }).to_string()
    };
    let (a, c) = (schema(r#"{"name":"a","type":"int"}"#), schema(r#"{"name":"c","type":"int"}"#));
    assert_eq!(ask(at, "POST", "/subjects/s/versions", "", &a).0, 200);
    let long = json!({ "schema": "x".repeat(300 << 10), "schemaType": "JSON" }).to_string();
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    for (method, path, body, status, code) in [
        ("GET", "/subjects/none/versions", "", 404, 40401),
        ("GET", "/subjects/s/versions/7", "", 404, 40402),
        ("GET", "/subjects/s/versions/zero", "", 422, 42202),
        ("GET", "/schemas/ids/7000", "", 404, 40403),
        ("GET", "/schemas/ids/x", "", 404, 40403),
        ("POST", "/subjects/s", c.as_str(), 404, 40403),
        ("POST", "/subjects/s/versions", c.as_str(), 409, 409),
        ("POST", "/subjects/s/versions", "{\"schema\":\"{\"}", 422, 42201),
        ("POST", "/subjects/s/versions", "{\"schema\":\"{}\",\"schemaType\":\"XML\"}", 422, 42201),
        ("POST", "/subjects/s/versions", "{}", 422, 422),
        ("POST", "/subjects/s/versions", "nonsense", 422, 422),
        ("POST", "/subjects/s/versions", "{\"schema\":\"{}\",\"ruleSet\":{}}", 422, 422),
        ("POST", "/subjects/s/versions", long.as_str(), 422, 42201),
        ("PUT", "/config", "{\"compatibility\":\"SIDEWAYS\"}", 422, 42203),
        ("PUT", "/mode", "{\"mode\":\"IMPORT\"}", 422, 42204),
        ("GET", "/config/s", "", 404, 40408),
        ("GET", "/mode/s", "", 404, 40409),
        ("DELETE", "/subjects/s?permanent=true", "", 404, 40405),
        ("PATCH", "/config", "", 405, 405),
    ] {
        let (found, told) = ask(at, method, path, "", body);
        assert_eq!((found, told["error_code"].as_u64()), (status, Some(code)), "{method} {path}: {told}");
        assert!(told["message"].as_str().is_some_and(|message| !message.is_empty()), "{told}");
    }
    assert_eq!(ask(at, "POST", "/subjects/s/versions", "", &deep).0, 400);
    assert_eq!(ask(at, "GET", "/subjects", "", "").1.as_array().map(Vec::len), Some(37));
    assert_eq!(ask(at, "GET", "/subjects/s/versions/latest/schema", "", "").1["name"], "R");
    assert_eq!(ask(at, "GET", "/schemas/types", "", "").1, json!(["JSON", "AVRO", "PROTOBUF"]));
    assert_eq!(ask(at, "PUT", "/config/s", "", "{\"compatibility\":\"none\"}").1, json!({ "compatibility": "NONE" }));
    assert_eq!(ask(at, "POST", "/subjects/s/versions", "", &c).1["version"], 2);
    let verbose = ask(at, "POST", "/compatibility/subjects/s/versions/1?verbose=true", "", &c).1;
    assert_eq!(verbose, json!({ "is_compatible": true, "messages": [] }));
    assert_eq!(ask(at, "DELETE", "/subjects/s", "", "").1, json!([1, 2]));
    assert_eq!(ask(at, "DELETE", "/subjects/s", "", "").1["error_code"], 40404);
    // A page of another name that means this machine is not answered.
    let (status, _) =
        ask(at, "GET", "/subjects", "X-Forwarded-Host: evil.example\r\nOrigin: http://evil.example\r\n", "");
    assert_eq!(status, 200, "reading is allowed, the browser keeps it from the page");
    let foreign = ask(at, "POST", "/subjects/t/versions", "Origin: http://evil.example\r\n", &a);
    assert_eq!(foreign.0, 403);
}

#[test]
fn names_are_read_as_what_they_mean_and_lists_have_an_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, _) = serve(folder.path(), &Arc::default());
    let at = server.address;
    let schema = json!({ "schema": "\"string\"" }).to_string();
    assert_eq!(ask(at, "POST", "/subjects/a%2Bb/versions", "", &schema).0, 200);
    assert_eq!(ask(at, "POST", "/subjects/caf%C3%A9%20%3A/versions", "", &schema).0, 200);
    assert_eq!(ask(at, "GET", "/subjects?subjectPrefix=a", "", "").1, json!(["a+b"]));
    assert_eq!(ask(at, "GET", "/subjects?subjectPrefix=caf", "", "").1, json!(["caf\u{e9} :"]));
    assert_eq!(ask(at, "GET", "/subjects/a+b/versions", "", "").1, json!([1]));
    assert_eq!(ask(at, "GET", "/subjects/a%2fb/versions", "", "").0, 400);
    // One schema under many subjects is kept once, but would be told every time.
    let text = format!(r#"{{"description":"{}"}}"#, "x".repeat(250 << 10));
    let large = json!({ "schema": text, "schemaType": "JSON" }).to_string();
    for number in 0..140 {
        assert_eq!(ask(at, "POST", &format!("/subjects/l{number}/versions"), "", &large).0, 200);
    }
    let (status, told) = ask(at, "GET", "/schemas?subjectPrefix=l", "", "");
    assert_eq!((status, told["error_code"].as_u64()), (422, Some(422)));
    assert_eq!(ask(at, "GET", "/schemas?subjectPrefix=l&limit=2", "", "").1.as_array().map(Vec::len), Some(2));
}

#[test]
fn with_keys_nobody_comes_in_without_and_a_key_may_what_its_role_may() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = ["viewer", "trainer", "operator"].map(|word| {
        let role = Role::of(word).expect("a role");
        new_key(word, role).expect("a key")
    });
    let file = folder.path().join("access.yaml");
    let lines = keys.iter().map(|made| format!("  {}", made.line)).collect::<Vec<_>>().join("\n");
    std::fs::write(&file, format!("keys:\n{lines}")).expect("written");
    let access = read_access(&file, &|_| None).expect("read");
    let mut settings = ServeSettings::new(vec![SocketAddr::from(([127, 0, 0, 1], 0))]);
    settings.guard = access.guard;
    let server = RegistryServer::begin(&folder.path().join("r"), &Arc::default(), &settings).expect("a registry");
    let bearer = |n: usize| format!("Authorization: Bearer {}\r\n", keys[n].key);
    let schema = json!({ "schema": "\"string\"" }).to_string();
    for (methods, paths) in [
        ("GET", "/schemas/types /schemas/ids/1 /schemas/ids/1/schema /schemas/ids/1/subjects /schemas/ids/1/versions"),
        (
            "GET",
            "/schemas /subjects /subjects/s/versions /subjects/s/versions/1/schema /subjects/s/versions/1/referencedby",
        ),
        ("GET DELETE", "/subjects/s/versions/1"),
        ("GET PUT DELETE", "/config /config/s /mode /mode/s"),
        ("POST", "/subjects/s/versions /compatibility/subjects/s/versions /compatibility/subjects/s/versions/1"),
        ("POST DELETE", "/subjects/s"),
    ] {
        for (method, path) in methods.split(' ').flat_map(|method| paths.split(' ').map(move |path| (method, path))) {
            assert_eq!(ask(server.address, method, path, "", &schema).0, 401, "{method} {path}");
        }
    }
    for (key, method, path, body, status) in [
        (Some(0), "GET", "/subjects", "", 200),
        (Some(0), "POST", "/subjects/s/versions", schema.as_str(), 403),
        (Some(1), "POST", "/subjects/s/versions", schema.as_str(), 200),
        (Some(0), "POST", "/subjects/s", schema.as_str(), 200),
        (Some(0), "POST", "/compatibility/subjects/s/versions/latest", schema.as_str(), 200),
        (Some(1), "DELETE", "/subjects/s", "", 403),
        (Some(1), "PUT", "/config", "{\"compatibility\":\"NONE\"}", 403),
        (Some(2), "PUT", "/config", "{\"compatibility\":\"NONE\"}", 200),
        (Some(2), "DELETE", "/subjects/s", "", 200),
    ] {
        let shown = key.map_or_else(String::new, bearer);
        let (found, told) = ask(server.address, method, path, &shown, body);
        assert_eq!(found, status, "{key:?} {method} {path}: {told}");
    }
    // As most clients show a key: as the password of a login.
    // Whoever has both reqwest's clients without a provider of their own names one; only the first call in a process counts.
    drop(rustls::crypto::ring::default_provider().install_default());
    name_a_provider();
    let client = SrSettings::new_builder(format!("http://{}", server.address))
        .set_basic_authorization("anybody", Some(&keys[0].key))
        .no_proxy()
        .build()
        .expect("a client");
    assert_eq!(get_all_subjects(&client).map(|subjects| subjects.len()), Ok(36));
}
