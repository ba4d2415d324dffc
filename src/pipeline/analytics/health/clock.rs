//! Clocks that are wrong: a device whose times differ from its partition's by about the same every time.
//!
//! A device that empties a buffer is late by less and less, and a network that is slow delays everybody; a wrong clock differs by
//! a constant. So a clock is wrong if [`RUN`] readings in a row, over at least [`SPAN`] of the partition's time, were late, or
//! ahead of the watermark by more than [`AHEAD`], and by the same up to [`SPREAD`], while others told at least [`OTHERS`] readings
//! between each two. What is farther ahead than the intake believes never comes here, and is found in quarantine.

use serde::{Deserialize, Serialize};

use super::state::is_default;
use super::{Complaint, Finding};

/// Readings in a row.
const RUN: u32 = 8;
/// Shortest time over which they are spread [ms].
const SPAN: i64 = 240_000;
/// By how much their differences may differ [ms].
const SPREAD: i64 = 60_000;
/// How far ahead of the watermark a healthy device is at most [ms]: the watermark is half a minute behind, and devices tell
/// periods of minutes.
const AHEAD: i64 = 120_000;
/// Readings of others between two of the device.
const OTHERS: u64 = 20;

/// A device's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ClockWatch {
    /// Readings in a row on the same wrong side; negative if late.
    #[serde(skip_serializing_if = "is_default")]
    run: i32,
    /// Least and greatest difference among them [ms].
    #[serde(skip_serializing_if = "is_default")]
    least: i64,
    #[serde(skip_serializing_if = "is_default")]
    most: i64,
    /// The partition's time when the run began [ms].
    #[serde(skip_serializing_if = "is_default")]
    since: i64,
    /// Readings the partition had seen at the last one.
    #[serde(skip_serializing_if = "is_default")]
    seen: u64,
}

impl ClockWatch {
    /// A reading that differs from the watermark by `offset`, when the watermark was `now` [ms] and the partition had seen
    /// `observed` readings; what that says, if anything.
    pub(super) fn see(&mut self, offset: i64, now: i64, observed: u64) -> Option<Finding> {
        let others = observed.saturating_sub(self.seen) >= OTHERS;
        self.seen = observed;
        let side = if offset < 0 { -1 } else { i32::from(offset > AHEAD) };
        if side == 0 {
            self.run = 0;
            return Some((Complaint::ClockWrong, None));
        }
        let (least, most) = (self.least.min(offset), self.most.max(offset));
        if !others || self.run.signum() != side || most - least > SPREAD {
            (self.run, self.least, self.most, self.since) = (side, offset, offset, now);
            return None;
        }
        (self.run, self.least, self.most) = (self.run.saturating_add(side), least, most);
        (self.run.unsigned_abs() >= RUN && now - self.since >= SPAN).then(|| {
            let (way, seconds) = if side < 0 { ("behind", -most / 1000) } else { ("ahead of", least / 1000) };
            let says = format!("its clock has been {way} the others' by {seconds} s or more in {RUN} readings");
            (Complaint::ClockWrong, Some(says))
        })
    }
}
