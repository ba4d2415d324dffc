//! Throws any bytes at a decoder: what a client says to the listener.
#![no_main]

use citytwin::pipeline::transport::fuzz::client_bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = client_bytes(bytes);
});
