//! What was seen of a load in a store: how long after it was due a message could be found there.

use serde::Serialize;

use super::figures::{Quantiles, duration};

/// What looking into a store showed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoreMeasured {
    /// Which store, without user and password.
    pub store: String,
    /// From due to first seen; messages that were looked for and never seen count as longer than any other.
    pub latency: Quantiles,
    /// How often it was to be looked [ms].
    pub step_ms: u64,
    /// From one look to the next: by so much a message may have been there before it was seen.
    pub resolution: Quantiles,
    /// Messages that were looked for.
    pub looked_for: u64,
    /// Messages that were not, because too many were looked for already.
    pub left_out: u64,
    /// Looks that were answered.
    pub looks: u64,
    /// Looks that were not.
    pub failed: u64,
    /// Why the latest of those was not.
    pub why: Option<String>,
}

impl std::fmt::Display for StoreMeasured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { store, latency, resolution, looked_for, looks, .. } = self;
        write!(f, "from due to seen in {store}: {latency}, of {looked_for} looked for in {looks} looks")?;
        if resolution.count > 0 {
            let (half, most) = (duration(resolution.p50_us), duration(resolution.p99_us));
            write!(f, " {half} apart, 99 of 100 within {most}")?;
        }
        if latency.unknown > 0 {
            write!(f, "\n    NOT seen: {}; they count as slower than any other", latency.unknown)?;
        }
        if let Some(why) = &self.why {
            write!(f, "\n    {} looks were not answered, the latest because {why}", self.failed)?;
        }
        Ok(())
    }
}
