//! Calendar instants, as devices write them into their messages: whole milliseconds of UTC.
//!
//! Simulated time counts from the scenario's midnight; a timestamp is what it becomes once the scenario's day is known. Reads
//! no clock.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveTime, SecondsFormat, Timelike as _};

use super::{SimDuration, SimTime};

/// An instant of the calendar [ms since 1970-01-01T00:00:00Z].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest instant that can be written, the beginning of the year 1.
    pub const MIN: Self = Self(-62_135_596_800_000);
    /// The latest instant that can be written, the end of the year 9999.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// The instant this many milliseconds after 1970-01-01T00:00:00Z, held within what can be written.
    #[must_use]
    pub fn milliseconds(ms: i64) -> Self {
        Self(ms.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// Midnight of a day given as `YYYY-MM-DD`; none if there is no such day.
    pub fn midnight(date: &str) -> Option<Self> {
        let day: NaiveDate = date.parse().ok()?;
        let at = Self(day.and_time(NaiveTime::MIN).and_utc().timestamp_millis());
        (Self::MIN..=Self::MAX).contains(&at).then_some(at)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z [ms].
    pub const fn as_milliseconds(self) -> i64 {
        self.0
    }

    /// The instant of simulated time `time` of the day that begins here.
    #[must_use]
    pub fn at(self, time: SimTime) -> Self {
        Self::milliseconds(self.0.saturating_add(time.as_milliseconds()))
    }

    /// This instant, later by `span`.
    #[must_use]
    pub fn later(self, span: SimDuration) -> Self {
        Self::milliseconds(self.0.saturating_add(span.as_milliseconds()))
    }

    /// How long after `earlier` this is; negative if before it.
    pub const fn since(self, earlier: Self) -> SimDuration {
        SimDuration::milliseconds(self.0 - earlier.0)
    }

    /// The last multiple of `span` since 1970 not after this instant; where windows of that length begin.
    #[must_use]
    pub fn floor(self, span: SimDuration) -> Self {
        let span = span.as_milliseconds().max(1);
        Self::milliseconds(self.0.div_euclid(span) * span)
    }

    /// The day, `YYYY-MM-DD`.
    pub fn date(self) -> String {
        DateTime::from_timestamp_millis(self.0).map_or_else(String::new, |at| at.format("%Y-%m-%d").to_string())
    }
}

impl fmt::Display for Timestamp {
    /// As RFC 3339 with milliseconds, in UTC: `2026-06-02T07:00:05.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = DateTime::from_timestamp_millis(self.0).unwrap_or_default();
        let Some(year) = u32::try_from(at.year()).ok().filter(|year| *year < 10_000) else {
            return f.write_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true));
        };
        // Written digit by digit: every message has one, and a general formatter costs more than the rest of it.
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let parts = [
            (0..4, year),
            (5..7, at.month()),
            (8..10, at.day()),
            (11..13, at.hour()),
            (14..16, at.minute()),
            (17..19, at.second()),
            // A leap second counts on beyond its last millisecond; our instants have none.
            (20..23, at.timestamp_subsec_millis().min(999)),
        ];
        for (place, mut number) in parts {
            for digit in text[place].iter_mut().rev() {
                *digit += u8::try_from(number % 10).unwrap_or(0);
                number /= 10;
            }
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// A text that is not a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 timestamp such as 2026-06-02T07:00:05.000Z")]
pub struct NotATimestamp;

impl FromStr for Timestamp {
    type Err = NotATimestamp;

    /// Reads RFC 3339 with any offset; parts of a millisecond are cut off.
    fn from_str(text: &str) -> Result<Self, NotATimestamp> {
        let at = Self(DateTime::parse_from_rfc3339(text).map_err(|_| NotATimestamp)?.timestamp_millis());
        if (Self::MIN..=Self::MAX).contains(&at) { Ok(at) } else { Err(NotATimestamp) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let seven = Timestamp::midnight("2026-06-02").expect("a day").at(SimTime::seconds(7.0 * 3600.0 + 5.25));
        assert_eq!(seven.to_string(), "2026-06-02T07:00:05.250Z");
        assert_eq!(seven.to_string().parse(), Ok(seven));
        assert_eq!("2026-06-02T09:00:05.250+02:00".parse(), Ok(seven));
        assert_eq!(seven.date(), "2026-06-02");
        for extreme in [Timestamp::MIN, Timestamp::MAX] {
            assert_eq!(extreme.to_string().parse(), Ok(extreme));
        }
        for ms in [0, -1, 999, 951_782_399_999, 951_827_696_789, 253_402_300_799_999, -62_135_596_800_000] {
            let at = DateTime::from_timestamp_millis(ms).expect("a date");
            let general = at.to_rfc3339_opts(SecondsFormat::Millis, true);
            assert_eq!(Timestamp::milliseconds(ms).to_string(), general);
        }
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in ["", "yesterday", "2026-02-30T00:00:00Z", "2026-06-02 07:00", "2026-06-02T07:00:05", "1748847605"] {
            assert_eq!(text.parse::<Timestamp>(), Err(NotATimestamp), "{text}");
        }
        assert_eq!(Timestamp::midnight("2026-02-30"), None);
    }

    #[test]
    fn windows_begin_at_multiples_before_and_after_1970() {
        let minute = SimDuration::seconds(60.0);
        assert_eq!(Timestamp::milliseconds(61_000).floor(minute), Timestamp::milliseconds(60_000));
        assert_eq!(Timestamp::milliseconds(-1).floor(minute), Timestamp::milliseconds(-60_000));
    }
}
