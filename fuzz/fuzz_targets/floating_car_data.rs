//! Throws any bytes at the reader of SUMO's floating car data; every record it makes must be understood when it is sent.
#![no_main]

use std::io::Cursor;

use citytwin::primitives::{Point, Timestamp};
use citytwin::studies::load::FcdReader;
use citytwin::telemetry::json;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let place = |point: Point| Some((point.x, point.y));
    let midnight = Timestamp::milliseconds(1_780_383_600_000);
    let source = Cursor::new(bytes.to_vec());
    let Ok(mut reader) = FcdReader::new("fcd.xml".into(), source, midnight, &place) else { return };
    let mut written = Vec::new();
    while let Ok(Some(record)) = reader.read() {
        written.clear();
        json::encode(&record, &mut written);
        assert_eq!(json::decode(&written).as_ref(), Ok(&record));
    }
});
