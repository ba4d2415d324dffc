//! Throws any bytes at a decoder: a client's certificate, in DER.
#![no_main]

use citytwin::pipeline::transport::fuzz::certificate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = certificate(bytes);
});
