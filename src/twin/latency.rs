//! How long a record takes from its device to the live state, and to the stores: measured record by record, against the device's clock.
//!
//! Means something where the devices' clocks are right and the city is not faster than the clock on the wall; what lies outside
//! [`BELIEVED`] is counted apart.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::primitives::Timestamp;

/// Latencies that are believed [ms]: from a clock a little ahead to an hour late.
const BELIEVED: std::ops::Range<i64> = -1_000..3_600_000;

/// Latencies of many records.
#[derive(Debug, Clone)]
pub struct Latency {
    /// Milliseconds; three digits are kept. None only if its constant bounds were wrong.
    histogram: Option<Histogram<u32>>,
    /// Records whose own time cannot be believed.
    disbelieved: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { histogram: Histogram::new_with_bounds(1, 3_600_000, 3).ok(), disbelieved: 0 }
    }
}

impl Latency {
    /// Notes a record of this time that has arrived now.
    pub(crate) fn note(&mut self, time: Timestamp, now: Timestamp) {
        let late = now.since(time).as_milliseconds();
        match &mut self.histogram {
            Some(histogram) if BELIEVED.contains(&late) => {
                histogram.saturating_record(u64::try_from(late.max(1)).unwrap_or(1));
            }
            _ => self.disbelieved += 1,
        }
    }

    /// Adds another's.
    pub(crate) fn add(&mut self, other: &Self) {
        if let (Some(histogram), Some(other)) = (&mut self.histogram, &other.histogram) {
            // Both have the same bounds.
            let _ = histogram.add(other);
        }
        self.disbelieved += other.disbelieved;
    }

    /// Records whose latency is known.
    pub fn count(&self) -> u64 {
        self.histogram.as_ref().map_or(0, Histogram::len)
    }

    /// Records whose own time lies more than an hour back, or ahead.
    pub fn disbelieved(&self) -> u64 {
        self.disbelieved
    }

    /// The latency that this share of the records does not exceed; none without records.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let histogram = self.histogram.as_ref().filter(|histogram| !histogram.is_empty())?;
        Some(Duration::from_millis(histogram.value_at_quantile(share)))
    }
}

impl std::fmt::Display for Latency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |share| self.quantile(share).map_or(0, |latency| latency.as_millis());
        write!(
            f,
            "p50 {} ms, p99 {} ms, p99.9 {} ms, longest {} ms over {} records",
            at(0.5),
            at(0.99),
            at(0.999),
            at(1.0),
            self.count()
        )?;
        if self.disbelieved > 0 {
            write!(f, "; {} came more than an hour late or from the future", self.disbelieved)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_what_was_noted() {
        let mut latency = Latency::default();
        let now = Timestamp::milliseconds(1_780_358_400_000);
        for ms in 1..=1000 {
            latency.note(Timestamp::milliseconds(now.as_milliseconds() - ms), now);
        }
        latency.note(Timestamp::milliseconds(0), now);
        assert_eq!((latency.count(), latency.disbelieved()), (1000, 1));
        assert_eq!(latency.quantile(0.5), Some(Duration::from_millis(500)));
        assert_eq!(latency.quantile(1.0), Some(Duration::from_secs(1)));
        let mut twice = latency.clone();
        twice.add(&latency);
        assert_eq!((twice.count(), twice.disbelieved()), (2000, 2));
    }
}
