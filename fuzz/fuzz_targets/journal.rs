//! Throws any bytes at the reader of journals, which a killed sender leaves behind.
#![no_main]

use std::io::Write as _;

use citytwin::studies::audit::Journal;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    let _ = Journal::read(file.path());
});
