//! Throws any bytes at the reader of intake's checkpoints; what it takes must come back the same, and be worked from.
#![no_main]

use citytwin::pipeline::ingest::Intake;
use citytwin::telemetry::TopicMap;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(mut intake) = Intake::restore(bytes) {
        let state = intake.state();
        assert_eq!(Intake::restore(&state).map(|intake| intake.state()).as_ref(), Ok(&state));
        let _ = intake.take(0, "gps_data/a", b"{}", &TopicMap::new("city"));
        intake.finish();
        while intake.decided().is_some() {}
    }
});
