//! Throws any bytes at a decoder: the bytes of a log's segment.
#![no_main]

use citytwin::pipeline::transport::fuzz::log_segment;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = log_segment(bytes);
});
