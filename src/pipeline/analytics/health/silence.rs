//! How often a device speaks, learnt from itself, and how long it may be silent.
//!
//! The longest gap among its last gaps is its habit. A device that tells period after period may be silent for [`REGULAR`] times
//! that, and never less than [`FLOOR`], because radio loses messages in bursts of about a minute.
//!
//! For one that also speaks when something happens the longest of n gaps says less: of exponential gaps the next exceeds r times
//! the longest of n with a chance of n B(r + 1, n) (by integration of the maximum's distribution), which for r = 4 and n = 10 is
//! 0.1 %; and between busy times only its heartbeat is heard. So it may be silent for [`EVENTFUL`] times its longest gap, once it was
//! heard for [`EVENTFUL_SPAN`], and never less than [`EVENTFUL_FLOOR`]. What it was silent for is then part of its habit, because its
//! silence may have been its own.

use serde::{Deserialize, Serialize};

use super::state::is_default;

/// Shortest silence that is called one [ms].
pub(super) const FLOOR: i64 = 180_000;
/// Silence of a device whose habit is not known yet [ms].
const UNLEARNT: i64 = 86_400_000;
/// Gaps of a device that tells period after period that must be known.
const REGULAR_GAPS: u32 = 3;
const REGULAR: i64 = 3;
/// Gaps of another that must be known, and how long it must have been heard [ms].
const EVENTFUL_GAPS: u32 = 10;
const EVENTFUL_SPAN: i64 = 3_600_000;
const EVENTFUL: i64 = 4;
/// Shortest silence of another that is called one [ms].
const EVENTFUL_FLOOR: i64 = 1_800_000;
/// Gaps and time after which the habit is learnt anew; the one before is kept as long.
const EPOCH: u32 = 64;
const EPOCH_SPAN: i64 = EVENTFUL_SPAN;

/// How often a device speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Cadence {
    /// Gaps of this epoch, their sum and the longest [ms].
    #[serde(skip_serializing_if = "is_default")]
    gaps: u32,
    #[serde(skip_serializing_if = "is_default")]
    sum: i64,
    #[serde(skip_serializing_if = "is_default")]
    longest: i64,
    /// The same of the epoch before.
    #[serde(skip_serializing_if = "is_default")]
    before: (u32, i64, i64),
}

impl Cadence {
    /// A gap between two words [ms].
    pub(super) fn learn(&mut self, gap: i64) {
        if gap <= 0 {
            return;
        }
        if self.gaps >= EPOCH && self.sum >= EPOCH_SPAN {
            self.before = (self.gaps, self.sum, self.longest);
            (self.gaps, self.sum, self.longest) = (0, 0, 0);
        }
        self.gaps += 1;
        self.sum = self.sum.saturating_add(gap);
        self.longest = self.longest.max(gap);
    }

    /// Its mean gap [ms]; 0 of none.
    pub(super) fn usual(&self) -> i64 {
        self.sum.saturating_add(self.before.1) / i64::from(self.gaps + self.before.0).max(1)
    }

    /// How long it may be silent [ms]; `eventful` if it does not tell period after period.
    pub(super) fn tolerance(&self, eventful: bool) -> i64 {
        let (gaps, longest) = (self.gaps + self.before.0, self.longest.max(self.before.2));
        let span = self.sum.saturating_add(self.before.1);
        if !eventful && gaps >= REGULAR_GAPS {
            longest.saturating_mul(REGULAR).max(FLOOR)
        } else if eventful && gaps >= EVENTFUL_GAPS && span >= EVENTFUL_SPAN {
            longest.saturating_mul(EVENTFUL).max(EVENTFUL_FLOOR)
        } else {
            UNLEARNT
        }
    }
}
