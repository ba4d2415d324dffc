//! Throws any bytes at the reader of mapping files, and asks what it made of them for topics and filters.
#![no_main]

use citytwin::telemetry::{ReadingKind, TopicMap};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(map) = TopicMap::with_file("city", &String::from_utf8_lossy(bytes)) {
        assert!(!map.filters().is_empty());
        for &kind in ReadingKind::ALL {
            assert!(!map.topic(kind, &"device-1".parse().expect("a device")).is_empty());
        }
    }
});
