//! Throws any bytes at the reader of ledgers.
#![no_main]

use std::io::Write as _;

use citytwin::studies::audit::Ledger;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    let _ = Ledger::read(file.path());
});
