//! Numbers with units as people write them: "30 km/h", "5 min", "1200 veh/h", "250 m", "5 %".
//!
//! A number without its unit is refused: 30 could be seconds or minutes, and the file would not say which. Pure text in,
//! number out; knows nothing of files.

use crate::primitives::text::closest;

/// What a unit table measures, and its units with the factor to the first of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Units {
    /// What is measured, with its article: "a duration".
    pub what: &'static str,
    /// Units and their size in the table's SI unit.
    pub table: &'static [(&'static str, f64)],
    /// How it may be written.
    pub examples: &'static [&'static str],
    /// Whether several may be added up, as in "1 h 30 min".
    pub sums: bool,
}

/// Durations [s].
pub(crate) const DURATION: Units = Units {
    what: "a duration",
    table: &[("s", 1.0), ("min", 60.0), ("h", 3600.0), ("ms", 0.001), ("d", 86_400.0)],
    examples: &["90 s", "5 min", "1 h 30 min"],
    sums: true,
};
/// Shares: 1 is everybody.
pub(crate) const SHARE: Units =
    Units { what: "a share", table: &[("%", 0.01), ("‰", 0.001)], examples: &["5 %", "12.5 %"], sums: false };
/// Speeds [m/s].
pub(crate) const SPEED: Units = Units {
    what: "a speed",
    table: &[("km/h", 1.0 / 3.6), ("m/s", 1.0), ("mph", 0.447_04)],
    examples: &["30 km/h", "13.9 m/s"],
    sums: false,
};
/// Distances [m].
pub(crate) const DISTANCE: Units = Units {
    what: "a distance",
    table: &[("m", 1.0), ("km", 1000.0), ("mi", 1609.344), ("ft", 0.3048)],
    examples: &["250 m", "1.2 km"],
    sums: false,
};
/// Flows [veh/h].
pub(crate) const FLOW: Units = Units {
    what: "a flow",
    table: &[("veh/h", 1.0), ("veh/min", 60.0), ("veh/s", 3600.0)],
    examples: &["1200 veh/h"],
    sums: false,
};

/// Rates [1/h].
pub(crate) const RATE: Units = Units {
    what: "a rate",
    table: &[("per hour", 1.0), ("per day", 1.0 / 24.0), ("/h", 1.0), ("/d", 1.0 / 24.0)],
    examples: &["6 per hour", "100 per day"],
    sums: false,
};

/// Temperatures [°C].
pub(crate) const TEMPERATURE: Units =
    Units { what: "a temperature", table: &[("°C", 1.0), ("C", 1.0)], examples: &["17 °C", "-3 °C"], sums: false };
/// Rainfall [mm/h].
pub(crate) const RAINFALL: Units =
    Units { what: "a rainfall", table: &[("mm/h", 1.0)], examples: &["2 mm/h"], sums: false };

/// Concentrations [µg/m³].
pub(crate) const CONCENTRATION: Units = Units {
    what: "a concentration",
    table: &[("ug/m3", 1.0), ("µg/m3", 1.0), ("µg/m³", 1.0), ("μg/m3", 1.0), ("μg/m³", 1.0), ("mg/m3", 1000.0)],
    examples: &["20 ug/m3"],
    sums: false,
};

/// How people spell units beside the way this program does.
const SPELLINGS: [(&str, &str); 17] = [
    ("m", "min"),
    ("mins", "min"),
    ("minute", "min"),
    ("minutes", "min"),
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("hour", "h"),
    ("hours", "h"),
    ("hr", "h"),
    ("hrs", "h"),
    ("day", "d"),
    ("days", "d"),
    ("kmh", "km/h"),
    ("kph", "km/h"),
    ("percent", "%"),
];

/// What is wrong with a written quantity, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Units {
    /// The quantity in the table's SI unit.
    ///
    /// # Errors
    /// When there is no number, no unit, an unknown unit, or a number too large to be true.
    pub(crate) fn read(&self, text: &str) -> Result<f64, Unreadable> {
        let text = text.trim();
        let mut rest = text;
        let mut sum = 0.0;
        let mut parts = 0;
        while !rest.is_empty() {
            let (number, after) = split_number(rest).ok_or_else(|| self.not_a_quantity(text))?;
            let (unit, after) = split_unit(after);
            sum += number * self.factor(unit, text)?;
            parts += 1;
            rest = after.trim_start();
        }
        if parts == 0 || (parts > 1 && !self.sums) || !sum.is_finite() {
            return Err(self.not_a_quantity(text));
        }
        Ok(sum)
    }

    fn factor(&self, unit: &str, text: &str) -> Result<f64, Unreadable> {
        let names = || self.table.iter().map(|(name, _)| *name);
        if let Some((_, factor)) = self.table.iter().find(|(name, _)| *name == unit) {
            return Ok(*factor);
        }
        if unit.is_empty() {
            let help = match text.parse::<f64>() {
                Ok(part) if self.table[0].0 == "%" && part > 0.0 && part <= 1.0 => {
                    format!("write the unit: `{} %` if it is a part of 1, or `{text} %`", part * 100.0)
                }
                _ => format!("write the unit, for example `{text} {}`", self.table[0].0),
            };
            return Err(Unreadable { message: format!("`{text}` has no unit, so it is not {}", self.what), help });
        }
        let known = names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        if unit.starts_with([',', ':']) {
            return Err(self.not_a_quantity(text));
        }
        let usual = SPELLINGS.iter().find(|(other, name)| *other == unit.to_lowercase() && names().any(|n| n == *name));
        let help = match usual.map(|(_, name)| *name).or_else(|| closest(unit, names())) {
            Some(name) => format!("did you mean `{name}`? Units of {} are {known}", self.what),
            None => format!("units of {} are {known}", self.what),
        };
        Err(Unreadable { message: format!("unknown unit `{unit}` in `{text}`"), help })
    }

    fn not_a_quantity(&self, text: &str) -> Unreadable {
        let examples = self.examples.iter().map(|e| format!("`{e}`")).collect::<Vec<_>>().join(" or ");
        let why = match text.find([',', ':']) {
            Some(at) if text[at..].starts_with(',') => "; fractions have a point",
            Some(_) if self.what == "a duration" => "; a time of day is no duration",
            _ => "",
        };
        Unreadable { message: format!("`{text}` is not {}", self.what), help: format!("write it like {examples}{why}") }
    }

    /// A regular expression for the schema: editors complain before we do.
    pub(crate) fn pattern(&self) -> String {
        let units = self.table.iter().map(|(name, _)| *name).collect::<Vec<_>>().join("|");
        let one = format!(r"[-+]?[0-9]+(\.[0-9]+)?\s*({units})");
        if self.sums { format!(r"^\s*{one}(\s*{one})*\s*$") } else { format!(r"^\s*{one}\s*$") }
    }
}

/// The number a text begins with, and what follows it.
fn split_number(text: &str) -> Option<(f64, &str)> {
    let sign = usize::from(text.starts_with(['-', '+']));
    let end = text[sign..].find(|c: char| !(c.is_ascii_digit() || c == '.')).map_or(text.len(), |end| end + sign);
    let number: f64 = text[..end].parse().ok()?;
    Some((number, &text[end..]))
}

/// The unit a text begins with, after spaces, and what follows it.
fn split_unit(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    // "per hour" is one unit of two words.
    let from = if text.starts_with("per ") { 4 } else { 0 };
    // The digit of a cubic metre belongs to its unit.
    let ends = |&(at, c): &(usize, char)| c.is_whitespace() || c.is_ascii_digit() && !text[..at].ends_with("/m");
    let end = text.char_indices().skip_while(|(at, _)| *at < from).find(ends).map_or(text.len(), |(at, _)| at);
    text.split_at(end)
}

/// A clock time `HH:MM[:SS]` as seconds after midnight, an ISO date before it split off.
///
/// Hours may go past 24, as timetables write them for the next day.
///
/// # Errors
/// When it is neither a clock time nor a date with one.
pub(crate) fn read_clock(text: &str) -> Result<(Option<String>, f64), Unreadable> {
    let text = text.trim();
    let refused = || Unreadable {
        message: format!("`{text}` is not a clock time"),
        help: "write it like `07:00`, `07:00:30` or `2026-03-10T07:00`".to_owned(),
    };
    let (date, clock) = match text.split_once(['T', ' ']) {
        Some((date, clock)) => (Some(date), clock),
        None => (None, text),
    };
    if let Some(date) = date.filter(|date| !is_date(date)) {
        let shaped = date.len() == 10 && date.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let no_day = || Unreadable {
            message: format!("there is no day `{date}`"),
            help: "write year, month and day like `2026-03-10T07:00`".to_owned(),
        };
        return Err(if shaped { no_day() } else { refused() });
    }
    let parts: Vec<&str> = clock.split(':').collect();
    let (hours, minutes, seconds) = match parts[..] {
        [hours, minutes] => (hours, minutes, "00"),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return Err(refused()),
    };
    let number = |text: &str, below: u32| {
        let digits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u32>().ok().filter(|n| digits && *n < below)
    };
    let hours_below = if date.is_some() { 24 } else { 100 };
    match (number(hours, hours_below), number(minutes, 60), number(seconds, 60)) {
        (Some(h), Some(m), Some(s)) => Ok((date.map(str::to_owned), f64::from(h * 3600 + m * 60 + s))),
        _ => Err(refused()),
    }
}

/// Whether a text is a day of the Gregorian calendar, `YYYY-MM-DD`.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    if (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return false;
    }
    let (Ok(year), Ok(month), Ok(day)) = (year.parse::<u32>(), month.parse::<u32>(), day.parse::<u32>()) else {
        return false;
    };
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => 0,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_as_they_are_written() {
        let cases = [
            (SPEED, "30 km/h", 30.0 / 3.6),
            (SPEED, "13.9 m/s", 13.9),
            (DURATION, "5 min", 300.0),
            (DURATION, "1 h", 3600.0),
            (DURATION, "90s", 90.0),
            (DURATION, " 1 h 30 min ", 5400.0),
            (DURATION, "500 ms", 0.5),
            (FLOW, "1200 veh/h", 1200.0),
            (DISTANCE, "250 m", 250.0),
            (DISTANCE, "1.2 km", 1200.0),
            (SHARE, "5 %", 0.05),
            (SHARE, "12.5%", 0.125),
        ];
        for (units, text, expected) in cases {
            let read = units.read(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
            assert!((read - expected).abs() < 1e-12, "{text}: {read}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_help() {
        let cases = [
            (DURATION, "30", "`30` has no unit, so it is not a duration", "write the unit, for example `30 s`"),
            (
                DURATION,
                "5 mins",
                "unknown unit `mins` in `5 mins`",
                "did you mean `min`? Units of a duration are `s`, `min`, `h`, `ms`, `d`",
            ),
            (DURATION, "soon", "`soon` is not a duration", "write it like `90 s` or `5 min` or `1 h 30 min`"),
            (DURATION, "", "`` is not a duration", "write it like `90 s` or `5 min` or `1 h 30 min`"),
            (SHARE, "5 % 3 %", "`5 % 3 %` is not a share", "write it like `5 %` or `12.5 %`"),
            (
                SPEED,
                "30 kmh",
                "unknown unit `kmh` in `30 kmh`",
                "did you mean `km/h`? Units of a speed are `km/h`, `m/s`, `mph`",
            ),
            (DISTANCE, "1..2 m", "`1..2 m` is not a distance", "write it like `250 m` or `1.2 km`"),
            (
                DISTANCE,
                "2,5 m",
                "`2,5 m` is not a distance",
                "write it like `250 m` or `1.2 km`; fractions have a point",
            ),
            (
                DURATION,
                "00:30",
                "`00:30` is not a duration",
                "write it like `90 s` or `5 min` or `1 h 30 min`; a time of day is no duration",
            ),
            (
                DURATION,
                "20 m",
                "unknown unit `m` in `20 m`",
                "did you mean `min`? Units of a duration are `s`, `min`, `h`, `ms`, `d`",
            ),
            (
                SHARE,
                "0.15",
                "`0.15` has no unit, so it is not a share",
                "write the unit: `15 %` if it is a part of 1, or `0.15 %`",
            ),
        ];
        for (units, text, message, help) in cases {
            let error = units.read(text).expect_err(text);
            assert_eq!((error.message.as_str(), error.help.as_str()), (message, help));
        }
    }

    #[test]
    fn clock_times_read_as_a_planner_writes_them() {
        assert_eq!(read_clock("07:00"), Ok((None, 25_200.0)));
        assert_eq!(read_clock("7:05:30"), Ok((None, 25_530.0)));
        assert_eq!(read_clock("25:00"), Ok((None, 90_000.0)));
        assert_eq!(read_clock("2026-03-10T07:00"), Ok((Some("2026-03-10".into()), 25_200.0)));
        assert_eq!(read_clock("2024-02-29 07:00"), Ok((Some("2024-02-29".into()), 25_200.0)));
        for wrong in
            ["7", "07:60", "7 am", "2026-02-29T07:00", "2026-3-1T07:00", "2026-03-10T24:00", "07:00:00:00", "", "+7:00"]
        {
            assert!(read_clock(wrong).is_err(), "{wrong}");
        }
    }
}
