//! Which services run on which day: weekdays within spans, and days added and taken away.

use std::collections::{BTreeMap, BTreeSet};

use super::table::Store;
use crate::primitives::Timestamp;
use crate::primitives::text::{Findings, Problem};

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const DAY_MS: i64 = 86_400_000;

/// A day, counted from 1970-01-01, a Thursday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(pub i64);

impl Day {
    /// A day written `YYYY-MM-DD`.
    pub(super) fn of(date: &str) -> Option<Self> {
        Timestamp::midnight(date).map(|midnight| Self(midnight.as_milliseconds().div_euclid(DAY_MS)))
    }

    /// A day written `YYYYMMDD`, as feeds have it.
    fn of_feed(text: &str) -> Option<Self> {
        let plain = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..])).and_then(|date| Self::of(&date))
    }

    /// The day of the week: 0 is Monday.
    fn weekday(self) -> usize {
        usize::try_from((self.0 + 3).rem_euclid(7)).unwrap_or(0)
    }
}

/// A service's week within a span of days.
#[derive(Debug, Clone)]
struct Week {
    runs: [bool; 7],
    first: Day,
    last: Day,
}

/// All services.
#[derive(Debug, Clone, Default)]
pub(super) struct Calendar {
    weeks: BTreeMap<String, Week>,
    /// Days on which a service runs beside or in spite of its week.
    changes: BTreeMap<(String, Day), bool>,
}

impl Calendar {
    /// Reads the services of a feed.
    pub(super) fn read(store: &mut Store, findings: &mut Findings) -> Self {
        let mut calendar = Self::default();
        let (weekly, dates) = (store.has("calendar.txt"), store.has("calendar_dates.txt"));
        if !weekly && !dates {
            let problem = Problem::new(store.place("calendar.txt"), "is missing, and so is calendar_dates.txt");
            findings.problem(problem.help("one of them must say on which days services run"));
        }
        if weekly {
            let mut columns = vec!["service_id"];
            columns.extend(WEEKDAYS);
            columns.extend(["start_date", "end_date"]);
            store.each("calendar.txt", (&columns, &[]), findings, |row, findings| {
                let (first, last) = (day(row, 8, findings), day(row, 9, findings));
                if let (Some(first), Some(last)) = (first, last) {
                    let runs = std::array::from_fn(|weekday| row.get(1 + weekday) == "1");
                    calendar.weeks.insert(row.get(0).to_owned(), Week { runs, first, last });
                }
            });
        }
        if dates {
            let columns = ["service_id", "date", "exception_type"];
            store.each("calendar_dates.txt", (&columns, &[]), findings, |row, findings| {
                let runs = match row.get(2) {
                    "1" => true,
                    "2" => false,
                    other => {
                        let message = format!("`exception_type` is `{other}`");
                        findings.problem(Problem::new(row.place(), message).help("1 adds a day, 2 takes it away"));
                        return;
                    }
                };
                if let Some(day) = day(row, 1, findings) {
                    calendar.changes.insert((row.get(0).to_owned(), day), runs);
                }
            });
        }
        calendar
    }

    /// Whether a service runs on a day.
    pub(super) fn runs(&self, service: &str, day: Day) -> bool {
        let changed = self.changes.get(&(service.to_owned(), day)).copied();
        let weekly = || {
            let week = self.weeks.get(service)?;
            Some((week.first..=week.last).contains(&day) && week.runs[day.weekday()])
        };
        changed.or_else(weekly).unwrap_or(false)
    }

    /// Whether there is such a service.
    pub(super) fn knows(&self, service: &str) -> bool {
        self.weeks.contains_key(service) || self.changes.keys().any(|(name, _)| name == service)
    }

    /// Names of all services.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        self.weeks.keys().chain(self.changes.keys().map(|(name, _)| name)).map(String::as_str).collect()
    }
}

fn day(row: &super::table::Row<'_>, column: usize, findings: &mut Findings) -> Option<Day> {
    let text = row.get(column);
    let day = Day::of_feed(text);
    if day.is_none() {
        let message = format!("`{text}` is no date");
        findings.problem(Problem::new(row.place(), message).help("write it like 20260302"));
    }
    day
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_the_week_are_right() {
        for (date, weekday) in [("1970-01-01", 3), ("2026-03-02", 0), ("2024-02-29", 3), ("2026-11-22", 6)] {
            assert_eq!(Day::of(date).map(Day::weekday), Some(weekday), "{date}");
        }
        assert_eq!(Day::of_feed("20260302"), Day::of("2026-03-02"));
        for wrong in ["2026-3-2", "20261302", "x", "", "2026030é"] {
            assert_eq!(Day::of_feed(wrong), None, "{wrong}");
        }
    }
}
