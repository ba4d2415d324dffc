//! How often a device speaks, learnt from itself, and how long it may be silent.
//!
//! The longest gap among its last gaps is its habit. A regular device may be silent for [`REGULAR`] times that. For one that
//! speaks when something happens the longest of n gaps says less: of exponential gaps the next exceeds r times the longest of n with
//! a chance of n B(r + 1, n) (by integration of the maximum's distribution), which for r = 4 and n = 20 is 0.01 %; so such a
//! device may be silent for [`IRREGULAR`] times its longest gap, once [`IRREGULAR_GAPS`] are known. Never less than
//! [`FLOOR`], because radio loses messages in bursts of about a minute.

use serde::{Deserialize, Serialize};

use super::state::is_default;

/// Shortest silence that is called one [ms].
pub(super) const FLOOR: i64 = 180_000;
/// Silence of a device whose habit is not known yet [ms].
const UNLEARNT: i64 = 86_400_000;
/// Gaps of a regular device that must be known.
const REGULAR_GAPS: u32 = 3;
/// A device is regular if its longest gap is at most this many mean gaps.
const SPREAD_MAX: i64 = 2;
const REGULAR: i64 = 3;
const IRREGULAR: i64 = 4;
const IRREGULAR_GAPS: u32 = 20;
/// Gaps after which the habit is learnt anew; the one before is kept as long.
const EPOCH: u32 = 64;

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
        if self.gaps >= EPOCH {
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

    /// How long it may be silent [ms].
    pub(super) fn tolerance(&self) -> i64 {
        let (gaps, longest) = (self.gaps + self.before.0, self.longest.max(self.before.2));
        let factor = if gaps >= REGULAR_GAPS && longest <= SPREAD_MAX * self.usual() {
            REGULAR
        } else if gaps >= IRREGULAR_GAPS {
            IRREGULAR
        } else {
            return UNLEARNT;
        };
        longest.saturating_mul(factor).max(FLOOR)
    }
}
