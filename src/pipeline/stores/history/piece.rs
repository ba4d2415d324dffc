//! Pieces of history: what they are called, and which records go into which.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::pipeline::stores::error::StoreError;
use crate::primitives::Timestamp;
use crate::telemetry::{ReadingKind, Record};

/// Most days for which one batch makes pieces of their own; records of older days share one without a date. Honest devices
/// report about today and yesterday; only somebody who means harm, or a recording of a whole archive, gets there.
const DAYS_MAX: usize = 31;

/// The folder of records whose day has none of its own; readers of partitioned tables know it as "no date".
const NO_DAY: &str = "__HIVE_DEFAULT_PARTITION__";

const DAY_MS: i64 = 86_400_000;

/// The messages a piece was made of: `from..to` of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The partition.
    pub partition: u16,
    /// Its first message.
    pub from: u64,
    /// The message after its last.
    pub to: u64,
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.partition, self.from, self.to)
    }
}

/// One piece of history.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Piece {
    /// Its name: `<kind>/date=<YYYY-MM-DD>/<name>.parquet`.
    pub name: String,
    /// What its records report.
    pub kind: ReadingKind,
    /// How many records it holds.
    pub rows: u64,
}

impl Piece {
    /// A piece of a kind and day; no day for the one that has none.
    pub(super) fn of(kind: ReadingKind, day: Option<i64>, name: &str, rows: u64) -> Self {
        let day =
            day.map_or_else(|| NO_DAY.to_owned(), |day| Timestamp::milliseconds(day.saturating_mul(DAY_MS)).date());
        Self { name: format!("{}/date={day}/{name}.parquet", kind.word()), kind, rows }
    }

    /// The piece of this name; none if it could not have been given by a history.
    pub(in crate::pipeline::stores) fn named(name: &str, rows: u64) -> Option<Self> {
        let mut parts = name.split('/');
        let (kind, date, file) = (parts.next()?, parts.next()?, parts.next()?);
        let plain = |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || "-_=.".contains(c)) && part != "..";
        let sound = parts.next().is_none() && date.starts_with("date=") && file.ends_with(".parquet");
        let kind = ReadingKind::from_word(kind)?;
        (sound && plain(date) && plain(file)).then(|| Self { name: name.to_owned(), kind, rows })
    }

    /// Its kind and day, as the name of its folder.
    pub fn folder(&self) -> &str {
        self.name.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Another piece of the same kind and day.
    pub(super) fn beside(&self, name: &str, rows: u64) -> Self {
        Self { name: format!("{}/{name}.parquet", self.folder()), kind: self.kind, rows }
    }
}

/// Nobody should ask for it.
pub(super) fn nothing_to_merge() -> StoreError {
    StoreError::Damaged { path: "history".into(), reason: String::from("there is nothing to merge") }
}

/// The records of one piece: kind, day (days since 1970; none for those that share a piece), rows.
type Group<'a> = (ReadingKind, Option<i64>, Vec<&'a Record>);

/// Which records go into one piece together; within each their order stays.
pub(super) fn by_day<'a>(rows: &[&'a Record]) -> Vec<Group<'a>> {
    let day = |record: &Record| record.time.as_milliseconds().div_euclid(DAY_MS);
    let mut groups = Vec::new();
    for rows in rows.chunk_by(|a, b| a.kind() == b.kind()) {
        let days: BTreeSet<i64> = rows.iter().map(|row| day(row)).collect();
        let own: BTreeSet<i64> = days.into_iter().rev().take(DAYS_MAX).collect();
        let mut by_day: BTreeMap<Option<i64>, Vec<&Record>> = BTreeMap::new();
        for row in rows {
            let day = Some(day(row)).filter(|day| own.contains(day));
            by_day.entry(day).or_default().push(row);
        }
        groups.extend(by_day.into_iter().map(|(day, group)| (rows[0].kind(), day, group)));
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_elsewhere_is_no_piece() {
        for name in [
            "position/date=2026-06-02/../../x.parquet",
            "position/../x.parquet",
            "/etc/passwd",
            "position/date=2026-06-02/a/b.parquet",
            "nothing/date=2026-06-02/a.parquet",
            "position/date=2026-06-02/a.csv",
        ] {
            assert_eq!(Piece::named(name, 1), None, "{name}");
        }
        let piece = Piece::of(ReadingKind::Air, Some(0), "0-5-9", 4);
        assert_eq!(piece.name, "air/date=1970-01-01/0-5-9.parquet");
        assert_eq!(Piece::named(&piece.name, 4), Some(piece));
    }
}
