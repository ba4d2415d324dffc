//! `docs/telemetry.md` and `docs/entities.md` say what the program says: written from the readings' own columns, with a message of
//! every kind, as JSON and as entities of NGSI-LD.
//!
//! `UPDATE_GOLDEN=1 cargo test --test telemetry_doc` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use citytwin::primitives::Timestamp;
use citytwin::telemetry::{ColumnType, DeviceId, PayloadFormat, ReadingKind, TopicMap, json};

/// A message of every kind, as it travels.
const MESSAGES: [&str; 12] = [
    r#"{"type":"position","device":"gps-trip-04081","epoch":0,"seq":31,"timestamp":"2026-06-02T07:02:35.000Z","vehicle_id":"trip-04081","vehicle_class":"passenger","ignition":true,"fix":"3d","latitude":55.585603,"longitude":4.004111,"speed":46.6,"direction":330.7,"hdop":1.0}"#,
    r#"{"type":"loop","device":"loop-station-road-2_0","epoch":0,"seq":12,"timestamp":"2026-06-02T07:02:41.000Z","road_id":"station-road-2","lane":0,"latitude":55.604461,"longitude":3.994265,"period_s":60,"count":11,"occupancy":12.9,"speed":34.6}"#,
    r#"{"type":"camera","device":"cam-station-road-2","epoch":0,"seq":12,"timestamp":"2026-06-02T07:02:59.000Z","road_id":"station-road-2","latitude":55.602331,"longitude":4.020815,"period_s":60,"cars":9,"vans":1,"trucks":0,"buses":1,"motorcycles":0,"others":0,"speed":12.9}"#,
    r#"{"type":"air","device":"air-031","epoch":0,"seq":2,"timestamp":"2026-06-02T07:04:58.000Z","latitude":55.613106,"longitude":4.001611,"pm2_5":14.3,"pm10":19.3,"no2":22.7,"o3":51.3,"co":0.308,"temperature":17.4,"humidity":53.0}"#,
    r#"{"type":"weather","device":"wx-006","epoch":0,"seq":2,"timestamp":"2026-06-02T07:03:54.000Z","latitude":55.599428,"longitude":3.976157,"sky":"dry","temperature":15.6,"humidity":60.0,"wind_speed":3.6,"wind_direction":256.0,"precipitation":0.0,"visibility":28970.0}"#,
    r#"{"type":"parking","device":"bay-0146","epoch":0,"seq":6,"timestamp":"2026-06-02T07:03:58.000Z","road_id":"town-wall-14","latitude":55.597452,"longitude":3.998642,"occupied":true,"battery_v":3.443}"#,
    r#"{"type":"signal","device":"tls-j031","epoch":0,"seq":86,"timestamp":"2026-06-02T07:03:12.000Z","junction_id":"j031","latitude":55.604149,"longitude":3.99485,"phase":2,"state":"rrrGGgrrrGGg"}"#,
    r#"{"type":"incident","device":"inc-0003","epoch":0,"seq":0,"timestamp":"2026-06-02T07:11:04.000Z","incident_id":"0003","incident_kind":"crash","status":"reported","severity":"high","road_id":"station-road-2","latitude":55.602331,"longitude":4.020815,"lanes_blocked":1,"casualties":1}"#,
    r#"{"type":"call","device":"call-0007","epoch":0,"seq":3,"timestamp":"2026-06-02T07:12:40.000Z","call_id":"0007","status":"dispatched","severity":"critical","latitude":55.602331,"longitude":4.020815,"incident_id":"0003","unit_id":"north-1"}"#,
    r#"{"type":"unit","device":"amb-north-1","epoch":0,"seq":214,"timestamp":"2026-06-02T07:14:05.000Z","unit_id":"north-1","status":"en_route","siren":true,"latitude":55.604149,"longitude":3.99485,"speed":62.3,"call_id":"0007"}"#,
    r#"{"type":"hospital","device":"hosp-st-anne","epoch":0,"seq":4,"timestamp":"2026-06-02T07:20:00.000Z","hospital_id":"st-anne","latitude":55.609149,"longitude":3.98485,"bays":6,"bays_taken":2,"ambulances_waiting":0}"#,
    r#"{"type":"health","device":"dev-air-031","epoch":0,"seq":0,"timestamp":"2026-06-02T07:00:00.000Z","battery_v":3.6,"uptime_s":3600}"#,
];

fn document() -> String {
    let mut text = "# What the city says\n\nWritten by `UPDATE_GOLDEN=1 cargo test --test telemetry_doc`; a test holds it to the program.\n\n\
         One message is one flat JSON object. The first fields are the same for all: `type`, `device` (1 to 64 of `A-Z a-z 0-9 . _ -`, \
         unique in its city), `epoch` (how often the device has started anew), `seq` (counts a device's records from 0 without gaps), \
         `timestamp` (RFC 3339 in UTC with milliseconds; the device's own clock, which shows the scenario's local time as UTC). A \
         record is identified by (`device`, `epoch`, `seq`). Optional fields are left out when there is no value.\n"
        .to_owned();
    let topics = TopicMap::new("city");
    for (&kind, message) in ReadingKind::ALL.iter().zip(MESSAGES) {
        let device: DeviceId = json::decode(message.as_bytes()).expect("a message").device;
        let topic = topics.topic(kind, &device).replace(device.as_str(), "{device}");
        let _ = write!(text, "\n## `{}`\n\nTopic unless a mapping says otherwise: `{topic}`.\n\n", kind.word());
        text.push_str("| field | holds | unit | range | what it says |\n|---|---|---|---|---|\n");
        for column in kind.columns() {
            let holds = match column.holds {
                ColumnType::Text => "text",
                ColumnType::Number => "number",
                ColumnType::Whole => "whole number",
                ColumnType::Flag => "true or false",
            };
            let optional = if column.optional { ", optional" } else { "" };
            let range = match column.holds {
                ColumnType::Number | ColumnType::Whole => format!("{} to {}", column.range.start(), column.range.end()),
                _ => String::new(),
            };
            let _ = writeln!(
                text,
                "| `{}` | {holds}{optional} | {} | {range} | {} |",
                column.name, column.unit, column.says
            );
        }
        let _ = write!(text, "\n```json\n{message}\n```\n");
    }
    text
}

/// The same messages as entities, an attribute a line.
fn entities() -> String {
    let mut text = "# What the city says, as entities of NGSI-LD\n\nWritten by `UPDATE_GOLDEN=1 cargo test --test telemetry_doc`; a test holds \
         it to the program, and `cargo xtask schemas` to the public models. What is what: `docs/schemas.md`.\n"
        .to_owned();
    for (&kind, message) in ReadingKind::ALL.iter().zip(MESSAGES) {
        let _ = write!(text, "\n## `{}`\n", kind.word());
        for format in [PayloadFormat::NgsiLd, PayloadFormat::NgsiLdKeyValues] {
            let map = TopicMap::new("city").in_format(format);
            let record = json::decode(message.as_bytes()).expect("a message");
            let entity = map.payload(&record, message.as_bytes());
            assert_eq!(map.decode(&entity), Ok(record), "{}", String::from_utf8_lossy(&entity));
            let _ = write!(text, "\n`{}`:\n\n```json\n{}\n```\n", format.word(), lines(&entity));
        }
    }
    text
}

/// An object of JSON with a line for each of its members.
fn lines(object: &[u8]) -> String {
    let mut text = String::new();
    let (mut depth, mut quoted) = (0, false);
    for letter in String::from_utf8_lossy(object).chars() {
        quoted ^= letter == '"';
        depth += i32::from(!quoted && matches!(letter, '{' | '[')) - i32::from(!quoted && matches!(letter, '}' | ']'));
        text.push(letter);
        if !quoted && letter == ',' && depth == 1 {
            text.push_str("\n ");
        }
    }
    text
}

#[test]
fn the_documentation_says_what_the_program_says() {
    for (name, found) in [("telemetry", document()), ("entities", entities())] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/{name}.md"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, &found).expect("the document can be written");
        }
        let written = std::fs::read_to_string(&file).unwrap_or_default();
        let differs = written.lines().zip(found.lines()).find(|(old, new)| old != new);
        assert!(written == found, "{name}: {differs:?}; meant? then UPDATE_GOLDEN=1 cargo test --test telemetry_doc");
    }
}

#[test]
fn every_example_is_a_message_of_its_kind_to_the_last_byte() {
    for (&kind, message) in ReadingKind::ALL.iter().zip(MESSAGES) {
        let record = json::decode(message.as_bytes()).unwrap_or_else(|error| panic!("{message}: {error}"));
        assert_eq!(record.kind(), kind);
        assert!(record.time > Timestamp::MIN && record.device.as_str().starts_with(kind.device_prefix()));
        let mut again = Vec::new();
        json::encode(&record, &mut again);
        assert_eq!(String::from_utf8(again).expect("text"), message);
    }
}
