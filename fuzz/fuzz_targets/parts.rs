//! Throws any bytes at the reader of files of parts.
#![no_main]

use std::io::Write as _;

use citytwin::twin::read_parts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    let _ = read_parts(file.path());
});
