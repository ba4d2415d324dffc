//! Throws any bytes at a decoder: a confirmation and its response topic.
#![no_main]

use citytwin::pipeline::transport::fuzz::confirmation;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = confirmation(bytes);
});
