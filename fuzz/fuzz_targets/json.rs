//! Throws any bytes at the decoder of records; what it takes must come back the same after being written again.
#![no_main]

use citytwin::telemetry::json;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = json::decode(bytes) {
        let mut written = Vec::new();
        json::encode(&record, &mut written);
        assert_eq!(json::decode(&written).as_ref(), Ok(&record));
    }
});
