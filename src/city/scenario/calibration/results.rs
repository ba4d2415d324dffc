//! SUMO's results in place of the tables: counts and times of roads from edge data and loops, times of whole trips from a tripinfo.

use std::collections::BTreeMap;

use super::{Calibration, Counted, Reader, Timed};
use crate::city::demand::sumo::{RoadRow, read_roads, read_trips};
use crate::city::network::xml::Source;
use crate::city::scenario::model::NamedFile;
use crate::primitives::SimDuration;
use crate::primitives::ids::EdgeId;
use crate::primitives::text::{Place, Problem};

/// What rows of roads are taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Counted flows.
    Counts,
    /// Travel times.
    Times,
}

impl Reader<'_> {
    /// Rows of edge data, or of loops.
    pub(super) fn roads(
        &mut self,
        file: &NamedFile,
        detectors: Option<&NamedFile>,
        what: What,
        calibration: &mut Calibration,
    ) {
        let rows = match read_roads(&file.path, detectors.map(|file| file.path.as_path()), self.network) {
            Ok((rows, left_out)) => {
                self.findings.absorb(left_out);
                rows
            }
            Err(wrong) => return self.findings.absorb(wrong.told_at(&file.place, &file.path)),
        };
        let says = |row: &RoadRow| match what {
            What::Counts => row.vehicles,
            What::Times => row.seconds,
        };
        if rows.iter().all(|row| says(row).is_none()) {
            let (message, help) = match what {
                What::Counts => {
                    ("the file says of no road how many vehicles used it", "edge data need `entered` and `left`")
                }
                What::Times => ("the file says of no road how long it took to drive", "edge data need `traveltime`"),
            };
            return self.findings.problem(Problem::new(file.place.clone(), message).help(help));
        }
        let place = Place::file(&file.path);
        let grid = self.measured.interval.as_milliseconds().max(1);
        for row in &rows {
            let Some(figure) = says(row) else { continue };
            if row.begin < self.measured.from || row.end > self.measured.until {
                calibration.outside += 1;
                continue;
            }
            let road = self.network.edge(row.road).name.clone();
            let off = [row.begin, row.end]
                .into_iter()
                .find(|time| (*time - self.measured.from).as_milliseconds() % grid != 0);
            match (what, off) {
                (What::Counts, Some(time)) => {
                    let message =
                        format!("{time} does not fall on the end of a road interval of {}", self.measured.interval);
                    let help = "set `road-interval` under `outputs` so that it divides the times of the file";
                    // The others have the same intervals.
                    return self.findings.problem(Problem::new(place.at(row.line, 0), message).help(help));
                }
                (What::Counts, None) => {
                    calibration.counts.push(Counted { road, begin: row.begin, end: row.end, count: figure });
                }
                (What::Times, _) => calibration.times.push(Timed {
                    from: road.clone(),
                    to: road,
                    begin: row.begin,
                    end: row.end,
                    seconds: figure,
                    whole_trips: false,
                }),
            }
        }
    }

    /// Times of whole trips, a row for each pair of roads, or times of roads from edge data.
    pub(super) fn measured_times(&mut self, file: &NamedFile, calibration: &mut Calibration) {
        let of_trips = Source::open(&file.path).is_ok_and(|source| {
            let head: String = source.text.chars().take(4096).collect();
            head.contains("<tripinfos")
        });
        if !of_trips {
            return self.roads(file, None, What::Times, calibration);
        }
        let trips = match read_trips(&file.path, self.network) {
            Ok((trips, left_out)) => {
                self.findings.absorb(left_out);
                trips
            }
            Err(wrong) => return self.findings.absorb(wrong.told_at(&file.place, &file.path)),
        };
        let (begin, end) = (self.measured.from, self.measured.until);
        let mut pairs: BTreeMap<(EdgeId, EdgeId), (f64, f64)> = BTreeMap::new();
        for trip in &trips {
            let Some(duration) = trip.duration.filter(|duration| *duration > SimDuration::ZERO) else { continue };
            if trip.depart < begin || trip.depart >= end {
                calibration.outside += 1;
                continue;
            }
            let sum = pairs.entry((trip.from, trip.to)).or_default();
            *sum = (sum.0 + 1.0, sum.1 + duration.as_seconds());
        }
        let name = |edge: EdgeId| self.network.edge(edge).name.clone();
        calibration.times.extend(pairs.into_iter().map(|((from, to), (trips, seconds))| Timed {
            from: name(from),
            to: name(to),
            begin,
            end,
            seconds: seconds / trips,
            whole_trips: true,
        }));
    }
}
