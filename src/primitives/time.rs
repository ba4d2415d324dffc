//! Simulated time as whole milliseconds, so that no two runs can disagree about an instant.
//!
//! Knows no wall clock: an instant counts from the scenario's midnight.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// An instant of simulated time: milliseconds since the scenario's midnight [ms].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct SimTime(i64);

/// A span of simulated time [ms]; may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct SimDuration(i64);

impl SimTime {
    /// The scenario's midnight.
    pub const ZERO: Self = Self(0);
    /// Later than every instant a run can reach.
    pub const MAX: Self = Self(i64::MAX / 4);

    /// The instant this many milliseconds after midnight.
    pub const fn milliseconds(ms: i64) -> Self {
        Self(ms)
    }

    /// The instant this many seconds after midnight, rounded to the millisecond.
    pub fn seconds(seconds: f64) -> Self {
        Self(round_to_ms(seconds))
    }

    /// Milliseconds since midnight [ms].
    pub const fn as_milliseconds(self) -> i64 {
        self.0
    }

    /// Seconds since midnight [s].
    #[expect(clippy::cast_precision_loss, reason = "a run lasts far less than 2^53 ms")]
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl SimDuration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span given in milliseconds.
    pub const fn milliseconds(ms: i64) -> Self {
        Self(ms)
    }

    /// A span given in seconds, rounded to the millisecond.
    pub fn seconds(seconds: f64) -> Self {
        Self(round_to_ms(seconds))
    }

    /// The number of milliseconds [ms].
    pub const fn as_milliseconds(self) -> i64 {
        self.0
    }

    /// The number of seconds [s].
    #[expect(clippy::cast_precision_loss, reason = "a run lasts far less than 2^53 ms")]
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

#[expect(clippy::cast_possible_truncation, reason = "float casts saturate, and the limit is 292 million years")]
fn round_to_ms(seconds: f64) -> i64 {
    (seconds * 1000.0).round().clamp(-9.0e15, 9.0e15) as i64
}

impl Add<SimDuration> for SimTime {
    type Output = Self;
    fn add(self, span: SimDuration) -> Self {
        Self(self.0 + span.0)
    }
}

impl AddAssign<SimDuration> for SimTime {
    fn add_assign(&mut self, span: SimDuration) {
        self.0 += span.0;
    }
}

impl Sub for SimTime {
    type Output = SimDuration;
    fn sub(self, earlier: Self) -> SimDuration {
        SimDuration(self.0 - earlier.0)
    }
}

impl Sub<SimDuration> for SimTime {
    type Output = Self;
    fn sub(self, span: SimDuration) -> Self {
        Self(self.0 - span.0)
    }
}

impl Add for SimDuration {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for SimDuration {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sub for SimDuration {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl fmt::Display for SimTime {
    /// Clock time, `07:30:05`, with milliseconds only where there are some; hours go past 24 on later days.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let ms = self.0.unsigned_abs();
        let (s, rest) = (ms / 1000, ms % 1000);
        write!(f, "{sign}{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)?;
        if rest != 0 {
            write!(f, ".{rest:03}")?;
        }
        Ok(())
    }
}

impl fmt::Display for SimDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.as_seconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_time_reads_as_a_planner_writes_it() {
        assert_eq!(SimTime::seconds(27_005.0).to_string(), "07:30:05");
        assert_eq!(SimTime::seconds(90_000.25).to_string(), "25:00:00.250");
        assert_eq!(SimTime::seconds(10.0) - SimTime::seconds(12.5), SimDuration::seconds(-2.5));
    }
}
