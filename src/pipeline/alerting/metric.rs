//! What a rule may look at: every number of the window tables, counts of events, and how the pipeline itself fares.
//!
//! One table says each metric's name, unit and meaning; rules are read against it, windows are read through it, and people get it
//! printed. Knows no rule.

use std::fmt::Write as _;

use crate::pipeline::analytics::{AirWindow, Level, ParkingWindow, PositionWindow, RoadWindow};
use crate::primitives::text::closest;
use crate::primitives::units::Units;

/// Where a metric's numbers come from.
#[derive(Clone, Copy)]
pub(crate) enum Column {
    /// Five minutes of a road, all partitions together.
    Road(fn(&RoadWindow) -> Option<f64>),
    /// A minute of a vehicle.
    Vehicle(fn(&PositionWindow) -> Option<f64>),
    /// A quarter of an hour of an air-quality station.
    Air(fn(&AirWindow) -> Option<f64>),
    /// The parking bays of a road at the end of five minutes, all partitions together.
    Parking(fn(&ParkingWindow) -> Option<f64>),
    /// How many events there were.
    Events,
    /// What the pipeline says of itself; by the wall's clock.
    Pipeline,
}

/// The kinds of sources, without what is taken of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stream {
    Road,
    Vehicle,
    Air,
    Parking,
    Events,
    Pipeline,
}

impl Stream {
    /// The table its windows lie in; none where there are no windows.
    pub(crate) const fn table(self) -> Option<&'static str> {
        match self {
            Self::Road => Some("road_windows"),
            Self::Vehicle => Some("position_minutes"),
            Self::Air => Some("air_windows"),
            Self::Parking => Some("parking_windows"),
            Self::Events | Self::Pipeline => None,
        }
    }

    /// Length of its shortest window [ms].
    pub(crate) const fn window(self) -> i64 {
        match self {
            Self::Vehicle | Self::Events | Self::Pipeline => 60_000,
            Self::Road | Self::Parking => 300_000,
            Self::Air => 900_000,
        }
    }

    /// What may stand under `where` in a rule about it.
    pub(crate) const fn filters(self) -> &'static [&'static str] {
        match self {
            Self::Road | Self::Parking => &["road"],
            Self::Vehicle => &["device", "road", "geofence"],
            Self::Air | Self::Pipeline => &["device"],
            Self::Events => &["kind", "severity", "road", "device", "geofence", "status"],
        }
    }

    /// In words.
    const fn says(self) -> &'static str {
        match self {
            Self::Road => "a road, every 5 min (road_windows)",
            Self::Vehicle => "a tracker, every minute (position_minutes)",
            Self::Air => "an air-quality station, every 15 min (air_windows)",
            Self::Parking => "the bays of a road, every 5 min (parking_windows)",
            Self::Events => "events (events), counted by the minute",
            Self::Pipeline => "the pipeline itself, by the minute of the clock on the wall",
        }
    }
}

/// A number that a rule may look at.
#[derive(Clone, Copy)]
pub struct Metric {
    /// Its name in rules.
    pub name: &'static str,
    /// Its unit; empty if it has none.
    pub unit: &'static str,
    /// What it says, in one sentence.
    pub says: &'static str,
    /// How thresholds of it are written; none for bare numbers.
    units: Option<Units>,
    pub(crate) column: Column,
}

impl std::fmt::Debug for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Metric({})", self.name)
    }
}

impl PartialEq for Metric {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

const KMH: Units = Units {
    what: "a speed",
    table: &[("km/h", 1.0), ("m/s", 3.6), ("mph", 1.609_344)],
    examples: &["30 km/h", "8 m/s"],
    sums: false,
};
const FLOW: Units = Units {
    what: "a flow",
    table: &[("veh/h", 1.0), ("veh/min", 60.0), ("veh/s", 3600.0)],
    examples: &["1200 veh/h"],
    sums: false,
};
const PERCENT: Units =
    Units { what: "a share", table: &[("%", 1.0), ("‰", 0.1)], examples: &["80 %", "12.5 %"], sums: false };
const MICROGRAMS: Units = Units {
    what: "a concentration",
    table: &[("µg/m³", 1.0), ("mg/m³", 1000.0)],
    examples: &["25 µg/m³", "0.18 mg/m³"],
    sums: false,
};
const MILLIGRAMS: Units =
    Units {
        what: "a concentration", table: &[("mg/m³", 1.0), ("µg/m³", 0.001)], examples: &["10 mg/m³"], sums: false
    };
const SECONDS: Units = Units {
    what: "a duration",
    table: &[("s", 1.0), ("min", 60.0), ("h", 3600.0), ("ms", 0.001), ("d", 86_400.0)],
    examples: &["90 s", "5 min"],
    sums: true,
};
const METRES: Units =
    Units { what: "a distance", table: &[("m", 1.0), ("km", 1000.0)], examples: &["250 m", "1.2 km"], sums: false };

#[expect(clippy::cast_precision_loss, reason = "counts of a window")]
const fn number(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts of a window")]
fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| 100.0 * part as f64 / whole as f64)
}

/// The words of congestion levels and their numbers.
pub(crate) const LEVELS: [(&str, f64); 4] = [("free", 0.0), ("moderate", 1.0), ("heavy", 2.0), ("stopped", 3.0)];

const fn level(level: Level) -> f64 {
    match level {
        Level::Free => 0.0,
        Level::Moderate => 1.0,
        Level::Heavy => 2.0,
        Level::Stopped => 3.0,
    }
}

const fn metric(
    name: &'static str,
    unit: &'static str,
    units: Option<Units>,
    says: &'static str,
    column: Column,
) -> Metric {
    Metric { name, unit, says, units, column }
}

/// Every metric, by source.
pub const METRICS: &[Metric] = &[
    metric("road.speed_kmh", "km/h", Some(KMH), "Mean speed on a road.", Column::Road(|row| row.speed_kmh)),
    metric(
        "road.speed_percent",
        "%",
        Some(PERCENT),
        "Mean speed on a road as a share of its speed limit.",
        Column::Road(|row| {
            row.speed_kmh.zip(row.free_speed_kmh).filter(|both| both.1 > 0.0).map(|(speed, free)| 100.0 * speed / free)
        }),
    ),
    metric(
        "road.travel_time_ratio",
        "",
        None,
        "Travel time over the road by that on the empty road, which is 1 (travel time index: Schrank and Lomax 2009).",
        Column::Road(|row| row.free_speed_kmh.zip(row.speed_kmh).map(|(free, speed)| free / speed.max(SPEED_LEAST))),
    ),
    metric("road.flow_veh_h", "veh/h", Some(FLOW), "Vehicles on all lanes of a road.", Column::Road(|r| r.flow_veh_h)),
    metric(
        "road.occupancy_percent",
        "%",
        Some(PERCENT),
        "Share of time in which a vehicle stood over a loop of the road.",
        Column::Road(|row| row.occupancy_percent),
    ),
    metric(
        "road.level",
        "",
        None,
        "Congestion: free 0, moderate 1, heavy 2, stopped 3; the words may be written.",
        Column::Road(|row| row.level.map(level)),
    ),
    metric(
        "road.vehicles",
        "",
        None,
        "Distinct trackers seen on a road.",
        Column::Road(|row| Some(number(row.sums.vehicles))),
    ),
    metric(
        "road.trucks_percent",
        "%",
        Some(PERCENT),
        "Share of trucks among the vehicles the cameras of a road counted.",
        Column::Road(|row| percent(row.sums.trucks, row.sums.camera_count())),
    ),
    metric(
        "vehicle.speed_mean_kmh",
        "km/h",
        Some(KMH),
        "Mean speed of a vehicle.",
        Column::Vehicle(|row| row.speed_mean_kmh),
    ),
    metric(
        "vehicle.speed_max_kmh",
        "km/h",
        Some(KMH),
        "Highest speed a vehicle's tracker told.",
        Column::Vehicle(|row| row.speed_max_kmh),
    ),
    metric(
        "vehicle.distance_m",
        "m",
        Some(METRES),
        "How far a vehicle came.",
        Column::Vehicle(|row| Some(row.distance_m)),
    ),
    metric(
        "vehicle.without_fix",
        "",
        None,
        "Readings of a tracker that knew no position.",
        Column::Vehicle(|row| Some(number(row.without_fix))),
    ),
    metric("air.pm2_5", "µg/m³", Some(MICROGRAMS), "Fine particles below 2.5 µm.", Column::Air(|row| Some(row.pm2_5))),
    metric("air.pm10", "µg/m³", Some(MICROGRAMS), "Particles below 10 µm.", Column::Air(|row| Some(row.pm10))),
    metric("air.no2", "µg/m³", Some(MICROGRAMS), "Nitrogen dioxide.", Column::Air(|row| Some(row.no2))),
    metric("air.o3", "µg/m³", Some(MICROGRAMS), "Ozone.", Column::Air(|row| Some(row.o3))),
    metric("air.co", "mg/m³", Some(MILLIGRAMS), "Carbon monoxide.", Column::Air(|row| Some(row.co))),
    metric(
        "parking.taken_percent",
        "%",
        Some(PERCENT),
        "Share of a road's parking bays that are taken.",
        Column::Parking(|row| percent(row.taken, row.bays)),
    ),
    metric("parking.taken", "", None, "Bays of a road that are taken.", Column::Parking(|row| Some(number(row.taken)))),
    metric(
        "parking.free",
        "",
        None,
        "Bays of a road that are free.",
        Column::Parking(|row| Some(number(row.bays.saturating_sub(row.taken)))),
    ),
    metric(
        "parking.bays",
        "",
        None,
        "Bays of a road that tell anything.",
        Column::Parking(|row| Some(number(row.bays))),
    ),
    metric("events.count", "", None, "How many events there were; 0 counts too.", Column::Events),
    metric(
        "pipeline.lag_s",
        "s",
        Some(SECONDS),
        "How old what is being stored is, by partition; 0 where nothing waits.",
        Column::Pipeline,
    ),
    metric(
        "pipeline.waiting",
        "",
        None,
        "Messages in the log that wait for their worker, by partition.",
        Column::Pipeline,
    ),
    metric("pipeline.quarantined", "", None, "Messages that were no records, so far.", Column::Pipeline),
    metric("pipeline.late", "", None, "Records that came after their windows had closed, so far.", Column::Pipeline),
    metric("pipeline.missing", "", None, "Sequences of devices that never came, so far.", Column::Pipeline),
    metric("pipeline.silent_sensors", "", None, "Devices that should tell something and do not.", Column::Pipeline),
    metric("pipeline.undelivered", "", None, "Notices that wait to be delivered.", Column::Pipeline),
    metric("pipeline.dead_letters", "", None, "Notices given up and not taken up again.", Column::Pipeline),
];

/// Speeds below count as this one for travel times, so that a standing queue has one [km/h].
const SPEED_LEAST: f64 = 1.0;

/// A threshold that cannot be read: what is wrong, and what to do.
pub(crate) type Unreadable = (String, String);

impl Metric {
    /// The metric of this name.
    pub fn of_name(name: &str) -> Option<&'static Self> {
        METRICS.iter().find(|metric| metric.name == name)
    }

    /// The name most like this one, for "did you mean"; the part behind the dot may be all that was written.
    pub(crate) fn like(name: &str) -> Option<&'static str> {
        let last = |full: &'static str| full.split_once('.').map_or(full, |(_, last)| last);
        let tail = name.rsplit('.').next().unwrap_or(name);
        METRICS
            .iter()
            .map(|metric| metric.name)
            .find(|full| last(full) == tail)
            .or_else(|| closest(name, METRICS.iter().map(|metric| metric.name)))
            .or_else(|| {
                let like = closest(tail, METRICS.iter().map(|metric| last(metric.name)))?;
                METRICS.iter().map(|metric| metric.name).find(|full| last(full) == like)
            })
    }

    /// What it is about.
    pub(crate) const fn stream(&self) -> Stream {
        match self.column {
            Column::Road(_) => Stream::Road,
            Column::Vehicle(_) => Stream::Vehicle,
            Column::Air(_) => Stream::Air,
            Column::Parking(_) => Stream::Parking,
            Column::Events => Stream::Events,
            Column::Pipeline => Stream::Pipeline,
        }
    }

    /// A threshold as it is written in a rule, in the metric's unit.
    pub(crate) fn threshold(&self, text: &str) -> Result<f64, Unreadable> {
        if self.name == "road.level"
            && let Some(level) = LEVELS.iter().find(|level| level.0 == text.trim())
        {
            return Ok(level.1);
        }
        if let Some(units) = self.units {
            // Keyboards have no superscripts, and two different letters look like micro.
            let plain = text.replace("m3", "m³").replace(['\u{3bc}'], "µ").replace("ug/", "µg/");
            return units.read(&plain).map_err(|wrong| (wrong.message, wrong.help));
        }
        match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => {
                let help = if self.name == "road.level" {
                    "write `free`, `moderate`, `heavy` or `stopped`".to_owned()
                } else {
                    format!("`{}` has no unit; write it like `3`", self.name)
                };
                Err((format!("`{text}` is not a number"), help))
            }
        }
    }

    /// A number of it as people read it, with its unit.
    pub(crate) fn told(&self, value: f64) -> String {
        if self.name == "road.level"
            && let Some(level) = LEVELS.iter().find(|level| (level.1 - value).abs() < 0.005)
        {
            return level.0.to_owned();
        }
        let number =
            if (value - libm::round(value)).abs() < 0.005 { format!("{value:.0}") } else { format!("{value:.2}") };
        if self.unit.is_empty() { number } else { format!("{number} {}", self.unit) }
    }
}

/// All metrics as a table for people.
pub fn table() -> String {
    let mut text = String::new();
    let mut last = None;
    for metric in METRICS {
        let stream = metric.stream();
        if last.replace(stream) != Some(stream) {
            let filters = stream.filters().join(", ");
            let gap = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}About {}; where: {filters}", stream.says());
        }
        let _ = writeln!(text, "  {:<24} {:<7} {}", metric.name, metric.unit, metric.says);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_read_with_their_units() {
        let check = |name: &str, text: &str, expected: f64| {
            let metric = Metric::of_name(name).expect("a metric");
            let read = metric.threshold(text).unwrap_or_else(|wrong| panic!("{name} {text}: {wrong:?}"));
            assert!((read - expected).abs() < 1e-9, "{name} {text}: {read}");
        };
        check("road.speed_kmh", "10 m/s", 36.0);
        check("air.pm2_5", "25 ug/m3", 25.0);
        check("air.pm2_5", "25 µg/m³", 25.0);
        check("air.pm2_5", "25 \u{3bc}g/m3", 25.0);
        check("air.no2", "0.2 mg/m3", 200.0);
        check("air.co", "4 mg/m3", 4.0);
        check("road.level", "heavy", 2.0);
        check("road.level", "2", 2.0);
        check("parking.taken_percent", "90 %", 90.0);
        check("pipeline.lag_s", "1 min 30 s", 90.0);
        for (name, text) in
            [("road.speed_kmh", "10"), ("events.count", "3 km/h"), ("road.level", "bad"), ("air.o3", "NaN")]
        {
            assert!(Metric::of_name(name).expect("a metric").threshold(text).is_err(), "{name} {text}");
        }
    }

    #[test]
    fn names_are_unique_and_what_is_like_them_is_found() {
        let mut names: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METRICS.len());
        for (written, meant) in [
            ("road.sped_kmh", "road.speed_kmh"),
            ("pm2_5", "air.pm2_5"),
            ("air.pm25", "air.pm2_5"),
            ("flow_veh_h", "road.flow_veh_h"),
        ] {
            assert_eq!(Metric::like(written), Some(meant), "{written}");
        }
        assert!(METRICS.iter().all(|metric| table().contains(metric.name)));
    }
}
