//! A record is the same record in every profile, and whatever is not one has its reason.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::super::field::{ColumnType, Value};
use super::super::reading::{Reading, ReadingKind};
use super::models::{derived, model};
use super::*;
use crate::telemetry::tests::any_record;

const PROFILES: [PayloadFormat; 3] =
    [PayloadFormat::NgsiLd, PayloadFormat::NgsiLdKeyValues, PayloadFormat::GtfsRealtime];

fn payload(record: &Record, format: PayloadFormat) -> Vec<u8> {
    let mut payload = Vec::new();
    encode(record, format, &mut payload);
    payload
}

/// The profiles that carry a kind.
fn profiles(kind: ReadingKind) -> impl Iterator<Item = PayloadFormat> {
    PROFILES.into_iter().filter(move |format| format.carries(kind))
}

/// A record whose free texts are this one.
fn with_text(record: &Record, text: &str) -> Record {
    let kind = record.kind();
    let values = record.reading.values();
    let replaced: Vec<Value<'_>> = kind
        .columns()
        .iter()
        .zip(values)
        .map(|(column, value)| match value {
            Value::Text(_) if column.holds == ColumnType::Text && column.words.is_empty() => Value::Text(text),
            other => other,
        })
        .collect();
    Record { reading: Reading::from_values(kind, &replaced).expect("texts for texts"), ..record.clone() }
}

fn record_of(text: &str) -> Record {
    json::decode(text.as_bytes()).expect("a record")
}

fn bus() -> Record {
    record_of(
        r#"{"type":"position","device":"gps-bus-7-3","epoch":1,"seq":31,"timestamp":"2026-06-02T07:02:35.250Z","vehicle_id":"bus-7-3","vehicle_class":"bus","ignition":true,"fix":"3d","latitude":55.585603,"longitude":4.004111,"speed":36.0,"direction":330.7,"hdop":1.0}"#,
    )
}

proptest! {
    #[test]
    fn every_profile_gives_back_every_record_to_the_last_bit(
        kind in 0..ReadingKind::ALL.len(), dice in prop::collection::vec(any::<u64>(), 16), epoch: u32, text in "\\PC{0,40}",
    ) {
        let plain = Record { epoch, ..any_record(ReadingKind::ALL[kind], &dice) };
        for record in [with_text(&plain, &text), plain] {
            let mut expected = Vec::new();
            json::encode(&record, &mut expected);
            prop_assert_eq!(&decode(&expected), &Ok(record.clone()));
            for format in profiles(record.kind()) {
                let payload = payload(&record, format);
                let read = decode(&payload);
                prop_assert_eq!(&read, &Ok(record.clone()), "{}", String::from_utf8_lossy(&payload));
                let mut canonical = Vec::new();
                json::encode(&read.expect("a record"), &mut canonical);
                prop_assert_eq!(&canonical, &expected);
            }
        }
    }

    #[test]
    fn a_message_cut_short_is_refused_and_one_with_a_flipped_byte_refused_or_read(
        kind in 0..ReadingKind::ALL.len(), dice in prop::collection::vec(any::<u64>(), 16),
        at in any::<prop::sample::Index>(), byte: u8,
    ) {
        let record = any_record(ReadingKind::ALL[kind], &dice);
        for format in profiles(record.kind()) {
            let mut payload = payload(&record, format);
            let at = at.index(payload.len());
            prop_assert!(decode(&payload[..at]).is_err(), "{:?} cut at {}", format, at);
            payload[at] = byte;
            if let Ok(record) = decode(&payload) {
                prop_assert!(record.reading.out_of_range().is_none());
            }
        }
    }

    #[test]
    fn no_bytes_behind_the_first_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for begin in [&b"{\"id\":\"urn:ngsi-ld:"[..], b"\n", b"\n\r\n\x032.0\x10\x01\x18\x00\x12"] {
            prop_assert!(decode(&[begin, &bytes].concat()).is_err());
        }
    }

    /// Whoever passes an entity on writes its members in an order of their own and numbers anew.
    #[test]
    fn what_a_broker_passes_on_is_the_same_record(kind in 0..ReadingKind::ALL.len(), dice in prop::collection::vec(0..50_u64, 16)) {
        let record = rounded(&any_record(ReadingKind::ALL[kind], &dice));
        for format in [PayloadFormat::NgsiLd, PayloadFormat::NgsiLdKeyValues] {
            let Json::Object(entity) = serde_json::from_slice::<Json>(&payload(&record, format)).expect("JSON") else {
                return Err(TestCaseError::fail("no object"));
            };
            let backwards: Vec<String> = entity.iter().rev().map(|(name, value)| format!("{}: {value}", json!(name))).collect();
            let passed = format!(" {{ {} }}", backwards.join(" , "));
            prop_assert_eq!(decode(passed.as_bytes()), Ok(record.clone()), "{}", passed);
        }
    }
}

/// The same with numbers of as many digits as devices report.
fn rounded(record: &Record) -> Record {
    let values = record.reading.values().into_iter();
    let values: Vec<Value<'_>> = values
        .map(|value| match value {
            Value::Number(number) => Value::Number((number * 10.0).round() / 10.0),
            other => other,
        })
        .collect();
    Record { reading: Reading::from_values(record.kind(), &values).expect("numbers for numbers"), ..record.clone() }
}

#[test]
fn every_column_has_its_place_in_its_model_and_no_name_is_used_twice() {
    for &kind in ReadingKind::ALL {
        let model = model(kind);
        let columns: BTreeSet<&str> = kind.columns().iter().map(|column| column.name).collect();
        let mut placed: Vec<&str> = model.attributes.iter().map(|attribute| attribute.column).collect();
        placed.extend(["latitude", "longitude"].iter().filter(|name| columns.contains(*name)));
        assert_eq!(placed.len(), columns.len(), "{kind:?}");
        assert_eq!(placed.into_iter().collect::<BTreeSet<_>>(), columns, "{kind:?}");
        let derived = derived(&any_record(kind, &[7; 16]));
        let mut names: Vec<&str> = model.attributes.iter().map(|attribute| attribute.name).collect();
        names.extend(derived.iter().map(|(name, _)| *name));
        names.extend([model.time, "id", "type", "location", "readingType", "deviceEpoch", "deviceSequence"]);
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{kind:?}: {names:?}");
    }
}

/// Written by hand from the model.
#[test]
fn a_bus_is_a_vehicle_of_the_public_model() {
    let observed = "2026-06-02T07:02:35.250Z";
    let property = |value: Json| json!({ "type": "Property", "value": value, "observedAt": observed });
    let measured = |value: Json, unit: &str| json!({ "type": "Property", "value": value, "unitCode": unit, "observedAt": observed });
    let expected = json!({
        "id": "urn:ngsi-ld:Vehicle:gps-bus-7-3",
        "type": "Vehicle",
        "observationDateTime": property(json!({ "@type": "DateTime", "@value": observed })),
        "readingType": property(json!("position")),
        "deviceEpoch": property(json!(1)),
        "deviceSequence": property(json!(31)),
        "vehicleType": property(json!("bus")),
        "category": property(json!(["tracked"])),
        "fleetVehicleId": property(json!("bus-7-3")),
        "vehicleClass": property(json!("bus")),
        "ignitionStatus": property(json!(true)),
        "gnssFix": property(json!("3d")),
        "speed": measured(json!(36.0), "KMH"),
        "heading": measured(json!(330.7), "DD"),
        "hdop": property(json!(1.0)),
        "location": {
            "type": "GeoProperty",
            "value": { "type": "Point", "coordinates": [4.004_111, 55.585_603] },
            "observedAt": observed,
        },
        "@context": [
            "https://raw.githubusercontent.com/smart-data-models/dataModel.Transportation/master/context.jsonld",
            "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld",
        ],
    });
    let written: Json = serde_json::from_slice(&payload(&bus(), PayloadFormat::NgsiLd)).expect("JSON");
    assert_eq!(written, expected);
}

#[test]
fn units_and_words_are_those_of_the_models() {
    let pairs = |text: &str| -> Json {
        serde_json::from_slice(&payload(&record_of(text), PayloadFormat::NgsiLdKeyValues)).expect("JSON")
    };
    let flow = pairs(
        r#"{"type":"loop","device":"loop-1","epoch":0,"seq":12,"timestamp":"2026-06-02T07:02:41.000Z","road_id":"Main St/2","lane":0,"latitude":55.6,"longitude":4.0,"period_s":60,"count":11,"occupancy":12.9,"speed":34.6}"#,
    );
    assert_eq!(flow["refRoadSegment"], "urn:ngsi-ld:RoadSegment:Main%20St%2F2");
    assert_eq!((&flow["laneId"], &flow["intensity"], &flow["occupancy"]), (&json!(1), &json!(11), &json!(0.129)));
    assert_eq!(flow["dateObservedFrom"], "2026-06-02T07:01:41.000Z");
    assert_eq!(flow["location"], json!({ "type": "Point", "coordinates": [4.0, 55.6] }));
    let camera = pairs(
        r#"{"type":"camera","device":"cam-1","epoch":0,"seq":12,"timestamp":"2026-06-02T07:02:59.000Z","road_id":"r","latitude":55.6,"longitude":4.0,"period_s":60,"cars":9,"vans":1,"trucks":0,"buses":1,"motorcycles":0,"others":0}"#,
    );
    assert_eq!(
        (&camera["intensity"], &camera["carCount"], &camera["averageVehicleSpeed"]),
        (&json!(11), &json!(9), &Json::Null)
    );
    let bay = pairs(
        r#"{"type":"parking","device":"bay-1","epoch":0,"seq":6,"timestamp":"2026-06-02T07:03:58.000Z","road_id":"r","latitude":55.6,"longitude":4.0,"occupied":true,"battery_v":3.4}"#,
    );
    assert_eq!((&bay["status"], &bay["refParkingSite"]), (&json!("occupied"), &json!("urn:ngsi-ld:OnStreetParking:r")));
    // Who stands has no direction; who has no fix has neither speed nor place.
    let told = String::from_utf8(payload(&bus(), PayloadFormat::NgsiLdKeyValues)).expect("UTF-8");
    let mut standing = bus();
    let Reading::Position(reading) = &mut standing.reading else { panic!("a position") };
    (reading.direction, reading.speed) = (None, Some(0.0));
    let text = String::from_utf8(payload(&standing, PayloadFormat::NgsiLdKeyValues)).expect("UTF-8");
    assert!(told.contains("\"heading\":330.7") && text.contains("\"heading\":-1"), "{text}");
    let Reading::Position(reading) = &mut standing.reading else { panic!("a position") };
    (reading.speed, reading.latitude, reading.longitude) = (None, None, None);
    let text = String::from_utf8(payload(&standing, PayloadFormat::NgsiLdKeyValues)).expect("UTF-8");
    assert!(!text.contains("heading") && !text.contains("location") && !text.contains("speed"), "{text}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn an_entity_that_is_no_record_has_its_reason() {
    let normalized = String::from_utf8(payload(&bus(), PayloadFormat::NgsiLd)).expect("UTF-8");
    let pairs = String::from_utf8(payload(&bus(), PayloadFormat::NgsiLdKeyValues)).expect("UTF-8");
    let mut half = bus();
    let Reading::Position(reading) = &mut half.reading else { panic!("a position") };
    (reading.longitude, reading.direction) = (None, None);
    let alone = String::from_utf8(payload(&half, PayloadFormat::NgsiLd)).expect("UTF-8");
    assert_eq!(decode(alone.as_bytes()), Ok(half.clone()));
    // A broker writes numbers in its own way.
    assert!(alone.contains("\"value\":-1,"), "{alone}");
    assert_eq!(decode(alone.replacen("\"value\":-1,", "\"value\":-1.0,", 1).as_bytes()), Ok(half));
    let long = format!("\"fleetVehicleId\":\"{}\"", "x".repeat(300));
    for (text, from, to, reason, needle) in [
        (&pairs, "\"readingType\":\"position\",", "", "not_a_record", "`readingType` is missing"),
        (&pairs, "\"deviceEpoch\":1,", "", "not_a_reading", "`deviceEpoch` is missing"),
        (&pairs, "\"deviceSequence\":31", "\"deviceSequence\":-1", "not_a_reading", "deviceSequence"),
        (&pairs, "\"readingType\":\"position\"", "\"readingType\":\"wealth\"", "unknown_type", "wealth"),
        (
            &pairs,
            "\"readingType\":\"position\"",
            "\"readingType\":\"air\"",
            "not_a_reading",
            "travel as `AirQualityObserved`",
        ),
        (&pairs, "\"type\":\"Vehicle\"", "\"type\":\"Tram\"", "not_a_reading", "is of type `Tram`"),
        (&pairs, "urn:ngsi-ld:Vehicle:gps", "urn:ngsi-ld:Car:gps", "bad_device", "urn:ngsi-ld:Vehicle:"),
        (&pairs, "Vehicle:gps-bus", "Vehicle:gps/bus", "bad_device", "1 to 64"),
        (&pairs, "\"2026-06-02T07:02:35.250Z\"", "\"today\"", "bad_timestamp", "observationDateTime"),
        (&pairs, "\"speed\":36.0", "\"speed\":\"fast\"", "not_a_reading", "`speed`"),
        (&pairs, "\"speed\":36.0", "\"speed\":3600", "out_of_range", "speed 3600"),
        (&pairs, "\"fleetVehicleId\":\"bus-7-3\"", &long, "out_of_range", "300 bytes"),
        (&pairs, "\"gnssFix\":\"3d\"", "\"gnssFix\":\"2d\"", "not_a_reading", "`2d`"),
        (
            &pairs,
            "\"vehicleType\":\"bus\"",
            "\"vehicleType\":\"car\"",
            "not_a_reading",
            "`vehicleType` does not follow",
        ),
        (&pairs, "[\"tracked\"]", "[\"nonTracked\"]", "not_a_reading", "`category` does not follow"),
        (&pairs, "\"Point\"", "\"LineString\"", "not_a_reading", "no point"),
        (&pairs, "[4.004111,55.585603]", "[4.0]", "not_a_reading", "no point"),
        (&pairs, "[4.004111,55.585603]", "[55.6,104.0]", "out_of_range", "latitude 104"),
        (&normalized, "KMH", "KNT", "not_a_reading", "`speed` is said in `KNT`; here it is read in `KMH`"),
        (&normalized, "\"value\":36.0,", "", "not_a_reading", "without a value"),
        (
            &normalized,
            "\"unitCode\":\"DD\",\"observedAt\":\"2026",
            "\"unitCode\":\"DD\",\"observedAt\":\"2025",
            "not_a_reading",
            "`heading` was observed at another time",
        ),
        (&pairs, "}", "", "not_a_record", "EOF"),
        (&pairs, "\"speed\":36.0", "\"speed\":36.0,\"speed\":37.0", "not_a_record", "`speed` is there twice"),
        (&pairs, "\"speed\":36.0", "\"latitude\":1.0,\"speed\":36.0", "not_a_reading", "`latitude` is not that of"),
        (
            &normalized,
            "\"value\":330.7,\"unitCode\":\"DD\"",
            "\"value\":-1,\"unitCode\":\"C81\"",
            "not_a_reading",
            "`C81`",
        ),
        (&alone, "\"unitCode\":\"DD\"", "\"unitCode\":\"C81\"", "not_a_reading", "`latitude` is said in `C81`"),
        (
            &alone,
            "\"unitCode\":\"DD\",\"observedAt\":\"2026",
            "\"unitCode\":\"DD\",\"observedAt\":\"2025",
            "not_a_reading",
            "`latitude` was observed at another time",
        ),
    ] {
        let damaged = if to.is_empty() && from == "}" {
            text[..text.len() - 1].to_owned()
        } else {
            assert!(text.contains(from), "{from} in {text}");
            text.replacen(from, to, 1)
        };
        let error = decode(damaged.as_bytes()).expect_err(&damaged);
        assert!(
            error.word() == reason && error.to_string().contains(needle),
            "{from} -> {to}: {error} ({})",
            error.word()
        );
    }
    let mut missing = pairs.replace("\"hdop\":1.0", "\"hdop\":null,\"name\":\"number 7\",\"owner\":[\"x\"]");
    let Ok(record) = decode(missing.as_bytes()) else { panic!("{missing}") };
    assert!(matches!(&record.reading, Reading::Position(reading) if reading.hdop.is_none()));
    missing = format!("{}{}", pairs, " ".repeat(json::MESSAGE_MAX));
    assert_eq!(decode(missing.as_bytes()).map_err(|error| error.word()), Err("too_long"));
}

#[test]
fn a_feed_that_is_no_record_has_its_reason() {
    use prost::Message as _;

    use crate::telemetry::gtfs::FeedMessage;

    type Change = fn(&mut FeedMessage);

    let good = FeedMessage::decode(&payload(&bus(), PayloadFormat::GtfsRealtime)[..]).expect("a feed");
    let vehicle = good.entity[0].vehicle.clone().expect("a vehicle");
    let place = vehicle.position.clone().expect("a place");
    assert_eq!((good.header.incrementality, good.header.timestamp), (Some(1), Some(1_780_383_755)));
    assert_eq!((place.latitude.to_bits(), place.speed), (55.585_6_f32.to_bits(), Some(10.0)));
    assert_eq!(vehicle.trip.and_then(|trip| trip.route_id).as_deref(), Some("7"));
    let told = |change: Change| {
        let mut feed = good.clone();
        change(&mut feed);
        decode(&feed.encode_to_vec()).map(|record| record.sequence).map_err(|error| (error.word(), error.to_string()))
    };
    assert_eq!(told(|_| ()), Ok(31));
    let cases: [(Change, &str, &str); 9] = [
        (|feed| feed.entity.clear(), "not_a_record", "0 entities"),
        (|feed| feed.entity.push(feed.entity[0].clone()), "not_a_record", "2 entities"),
        (|feed| feed.entity[0].record = None, "not_a_record", "without the field 9000"),
        (|feed| feed.entity[0].record = Some(vec![7]), "not_a_reading", "position"),
        (|feed| feed.entity[0].vehicle = None, "not_a_reading", "not the one of its record"),
        (|feed| feed.entity[0].id.push('x'), "not_a_reading", "not the one of its record"),
        (|feed| feed.header.timestamp = Some(1), "not_a_reading", "not the one of its record"),
        (|feed| feed.header.incrementality = Some(0), "not_a_reading", "not the one of its record"),
        (
            |feed| feed.entity[0].vehicle.iter_mut().for_each(|vehicle| vehicle.position = None),
            "not_a_reading",
            "not the one of its record",
        ),
    ];
    for (change, reason, needle) in cases {
        let found = told(change).expect_err(needle);
        assert!(found.0 == reason && found.1.contains(needle), "{found:?}");
    }
    let long = [&b"\n\x05"[..], &vec![0; json::MESSAGE_MAX]].concat();
    assert_eq!(decode(&long).map_err(|error| error.word()), Err("too_long"));
    // A line feed before an object is JSON.
    let mut canonical = vec![b'\n'];
    json::encode(&bus(), &mut canonical);
    assert_eq!(decode(&canonical), Ok(bus()));
}
