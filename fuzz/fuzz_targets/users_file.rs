//! Throws any bytes at a decoder: a users file.
#![no_main]

use citytwin::pipeline::transport::fuzz::users_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = users_file(bytes);
});
