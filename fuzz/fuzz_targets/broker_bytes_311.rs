//! Throws any bytes at a decoder: what a broker of MQTT 3.1.1 says.
#![no_main]

use citytwin::pipeline::transport::fuzz::broker_bytes_311;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = broker_bytes_311(bytes);
});
