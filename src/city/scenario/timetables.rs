//! The source `buses`: bus lines from the timetables of a feed (GTFS).
//!
//! Knows the keys and their bounds; what is in a feed is found when it is read.

use schemars::JsonSchema;
use serde::Deserialize;

use super::check::Checker;
use super::model::{DemandSource, NamedFile};
use super::quantity::{At, WrittenDistance, WrittenDuration};
use super::tree::Spot;
use crate::primitives::text::Place;
use crate::primitives::{Distance, SimDuration, Timestamp};

/// The most lines named.
const LINES_MAX: usize = 1000;

/// Bus lines from timetables.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct BusesKey {
    /// The feed: a folder with `stops.txt`, `routes.txt`, `trips.txt`, `stop_times.txt` and `calendar.txt` or `calendar_dates.txt`, or a ZIP
    /// archive of them, relative to the scenario file.
    pub gtfs: At<String>,
    /// The day whose timetable runs, `2026-03-02`. The day of `time.start` unless given.
    pub date: Option<At<String>>,
    /// Shortest halt at a stop; nobody leaves before its time. 20 s unless given.
    pub dwell: Option<At<WrittenDuration>>,
    /// Which lines, by short name, long name or id. All unless given.
    pub lines: Option<At<Vec<At<String>>>>,
    /// How far a stop may be from the lane it is on; beyond, it is off the map. 40 m unless given.
    pub within: Option<At<WrittenDistance>>,
}

/// Bus lines from timetables.
#[derive(Debug, Clone, PartialEq)]
pub struct Timetables {
    /// Where the scenario asks for them.
    pub place: Place,
    /// The feed.
    pub feed: NamedFile,
    /// The day, `YYYY-MM-DD`: its own, or that of the scenario.
    pub date: Option<String>,
    /// Shortest halt [s].
    pub dwell: SimDuration,
    /// Lines and where they are named; all where none is.
    pub lines: Vec<(String, Place)>,
    /// How far a stop may be from its lane [m].
    pub within: Distance,
}

impl Checker<'_> {
    /// Timetables without a day of their own are of the day of the scenario, if it has one.
    pub(super) fn days_of_timetables(&mut self, demand: &mut [DemandSource], day: Option<&str>) {
        for source in demand {
            let DemandSource::Timetables(timetables) = source else { continue };
            if timetables.date.is_none() {
                timetables.date = day.map(str::to_owned);
            }
            if timetables.date.is_none() {
                let spot = Spot { line: timetables.feed.place.line, column: timetables.feed.place.column };
                let help = "add `date: 2026-03-02`, or start at `2026-03-02T07:00`";
                self.wrong(spot, "timetables are of a day", help);
            }
        }
    }

    /// Bus lines of a source.
    pub(super) fn timetables(&mut self, key: &BusesKey, place: Place) -> Option<Timetables> {
        let feed = self.named(&key.gtfs);
        let date = key.date.as_ref().map(|date| date.value.trim().to_owned());
        if let Some(key) = key.date.as_ref().filter(|date| Timestamp::midnight(date.value.trim()).is_none()) {
            self.wrong(key.spot, format!("`{}` is no date", key.value), "write it like 2026-03-02");
        }
        let dwell = match &key.dwell {
            Some(dwell) => self.span(dwell, "`dwell`", 1.0, 600.0),
            None => Some(SimDuration::seconds(20.0)),
        };
        let within = match &key.within {
            Some(key) => {
                let within = self.read(key.spot, key.value.read())?;
                self.within(key.spot, "`within`", within.as_metres(), 1.0, 500.0, "m").then_some(within)
            }
            None => Some(Distance::metres(40.0)),
        };
        let named = key.lines.as_ref().map_or(&[][..], |lines| &lines.value);
        if let Some(lines) = key.lines.as_ref().filter(|lines| lines.value.is_empty() || lines.value.len() > LINES_MAX)
        {
            self.wrong(
                lines.spot,
                format!("{} lines are named", named.len()),
                "name some, or leave `lines` out for all",
            );
        }
        let lines = named.iter().map(|line| (line.value.trim().to_owned(), line.spot.of_file(self.place))).collect();
        Some(Timetables { place, feed, date, dwell: dwell?, lines, within: within? })
    }
}
