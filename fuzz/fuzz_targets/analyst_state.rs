//! Throws any bytes at the readers of the analyst's and the detector's checkpoints; what they take must be worked from.
#![no_main]

use citytwin::pipeline::analytics::{Analyst, AnalystSettings, IncidentDetector};
use citytwin::primitives::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(mut analyst) = Analyst::restore(AnalystSettings::new(0, None), bytes) {
        analyst.finish();
        drop(analyst.take_rows());
    }
    if let Ok(mut detector) = IncidentDetector::restore(bytes) {
        drop(detector.minute(Timestamp::milliseconds(1_780_383_600_000), &[]));
        assert!(IncidentDetector::restore(&detector.state()).is_ok());
    }
});
