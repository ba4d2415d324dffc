//! The air as the stations measured it, against what it was and against the World Health Organization's guideline.
//!
//! The guideline is for a mean of 24 hours; an hour of a morning can neither keep nor break it, and the page says so.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use crate::primitives::SimTime;

use super::super::chart::{Figure, Plot, nothing};
use super::super::markup::{NO_FIGURE, count_of, escape, key_figures, number};
use super::super::statistics::Sample;
use super::against;
use super::table::{Column, Table, figures, words};
use super::values::AirWindow;

/// Stations in the table, and in the one behind it.
const STATIONS: usize = 10;
const STATIONS_LONG: usize = 100;

/// One of the two pollutants.
struct Pollutant {
    key: &'static str,
    name: &'static str,
    /// Guideline for the mean of 24 hours [µg/m³]: WHO global air quality guidelines 2021, table 0.1.
    guideline: f64,
    measured: fn(&AirWindow) -> f64,
    truth: fn(&AirWindow) -> Option<f64>,
}

const PM2_5: Pollutant = Pollutant {
    key: "pm2-5",
    name: "PM2.5",
    guideline: 15.0,
    measured: |window| window.pm2_5,
    truth: |window| window.pm2_5_true,
};
const NO2: Pollutant = Pollutant {
    key: "no2",
    name: "NO₂",
    guideline: 25.0,
    measured: |window| window.no2,
    truth: |window| window.no2_true,
};

impl Pollutant {
    /// True and measured, where both are known [µg/m³].
    fn pair(&self, window: &AirWindow) -> Option<(f64, f64)> {
        let truth = (self.truth)(window).filter(|truth| truth.is_finite())?;
        Some((truth, (self.measured)(window))).filter(|pair| pair.1.is_finite())
    }

    fn mean<'a>(&self, windows: impl IntoIterator<Item = &'a AirWindow>) -> Option<f64> {
        Sample::new(windows.into_iter().map(|window| (self.measured)(window))).mean()
    }

    fn mean_true<'a>(&self, windows: impl IntoIterator<Item = &'a AirWindow>) -> Option<f64> {
        Sample::new(windows.into_iter().filter_map(|window| self.pair(window)).map(|pair| pair.0)).mean()
    }
}

/// The section; nothing where no station measured.
///
/// # Errors
/// When a figure cannot be drawn.
pub(super) fn section(windows: &[AirWindow]) -> io::Result<String> {
    if windows.is_empty() {
        return Ok(String::new());
    }
    let mut sorted: Vec<&AirWindow> = windows.iter().collect();
    sorted.sort_by(|a, b| a.station.cmp(&b.station).then(a.begin.cmp(&b.begin)));
    let mut html = String::from("<section aria-labelledby=\"air\"><h2 id=\"air\">Air</h2>");
    html.push_str(&key_figures(&keys(&sorted)));
    html.push_str(
        "<p>The guideline is the World Health Organization’s of 2021: a mean over <strong>24 hours</strong> of 15 µg/m³ of PM2.5 \
         and of 25 µg/m³ of NO₂, on all but three or four days of a year. It stands here for orientation. A few hours of one day, \
         let alone a rush hour, can neither keep nor break it.</p><div class=\"figures\">",
    );
    for pollutant in [&PM2_5, &NO2] {
        html.push_str(&over_time(pollutant, &sorted)?);
    }
    for pollutant in [&PM2_5, &NO2] {
        let pairs: Vec<(f64, f64)> = sorted.iter().filter_map(|window| pollutant.pair(window)).collect();
        if !pairs.is_empty() {
            let title = format!("{} measured against true", pollutant.name);
            let what = format!("{} at one station in one window [µg/m³]", pollutant.name);
            let key = format!("{}-scatter", pollutant.key);
            html.push_str(&against::scatter(&key, (&title, &what), &pairs, "µg/m³")?);
        }
    }
    html.push_str("</div>");
    html.push_str(&stations(&sorted));
    html.push_str("</section>");
    Ok(html)
}

fn keys(windows: &[&AirWindow]) -> Vec<(&'static str, String)> {
    let mut names: Vec<&str> = windows.iter().map(|window| window.station.as_str()).collect();
    names.dedup();
    let figure =
        |value: Option<f64>| value.map_or_else(|| NO_FIGURE.to_owned(), |value| format!("{} µg/m³", number(value, 1)));
    let all = || windows.iter().copied();
    vec![
        ("Stations", count_of(names.len())),
        ("PM2.5 measured, mean", figure(PM2_5.mean(all()))),
        ("PM2.5 true, mean", figure(PM2_5.mean_true(all()))),
        ("NO₂ measured, mean", figure(NO2.mean(all()))),
        ("NO₂ true, mean", figure(NO2.mean_true(all()))),
    ]
}

/// The mean of all stations by window, measured and true, and the highest station.
fn over_time(pollutant: &Pollutant, windows: &[&AirWindow]) -> io::Result<String> {
    let title = format!("{} over time", pollutant.name);
    let mut by_time: BTreeMap<(SimTime, SimTime), Vec<&AirWindow>> = BTreeMap::new();
    for window in windows {
        by_time.entry((window.begin, window.begin + window.length)).or_default().push(window);
    }
    let (Some(first), Some(last)) = (by_time.keys().next(), by_time.keys().last()) else {
        return Ok(String::new());
    };
    if by_time.len() < 2 {
        return Ok(nothing(&title, "There is only one window, and no course of time to draw."));
    }
    let line = |of: &dyn Fn(&[&AirWindow]) -> Option<f64>| -> Vec<(f64, f64)> {
        let middle = |(begin, end): &(SimTime, SimTime)| f64::midpoint(begin.as_seconds(), end.as_seconds());
        by_time.iter().filter_map(|(time, windows)| Some((middle(time), of(windows)?.max(0.0)))).collect()
    };
    let measured = line(&|windows| pollutant.mean(windows.iter().copied()));
    let highest = line(&|windows| Sample::new(windows.iter().map(|window| (pollutant.measured)(window))).max());
    let truth = line(&|windows| pollutant.mean_true(windows.iter().copied()));
    let top =
        [&measured, &highest, &truth].into_iter().flatten().map(|point| point.1).fold(pollutant.guideline, f64::max);
    let mut spoken = format!("Lines by window: mean of the stations {}", against::range(&measured, 1, "µg/m³"));
    if !truth.is_empty() {
        spoken.push_str("; as it was ");
        spoken.push_str(&against::range(&truth, 1, "µg/m³"));
    }
    spoken.push_str("; highest station ");
    spoken.push_str(&against::range(&highest, 1, "µg/m³."));
    let note = format!("{} [µg/m³]; the level rule is the WHO guideline for 24 hours.", pollutant.name);
    let legend = ["Mean of the stations", if truth.is_empty() { "" } else { "As it was" }, "Highest station"];
    let plot = Plot {
        lines: vec![measured, truth, highest],
        levels: vec![(pollutant.guideline, format!("WHO {}", number(pollutant.guideline, 0)))],
        ..Plot::over_time(first.0.as_seconds()..last.1.as_seconds(), top * 1.12)
    };
    Figure { title: &title, note: &note, legend: &legend, spoken: &spoken }.draw_described(pollutant.key, &plot)
}

/// The stations, the highest PM2.5 first.
fn stations(windows: &[&AirWindow]) -> String {
    const COLUMNS: [Column; 6] = [
        words("Station"),
        figures("PM2.5<br>[µg/m³]"),
        figures("as it was<br>[µg/m³]"),
        figures("NO₂<br>[µg/m³]"),
        figures("as it was<br>[µg/m³]"),
        figures("Windows"),
    ];
    let mut by_station: BTreeMap<&str, Vec<&AirWindow>> = BTreeMap::new();
    for window in windows {
        by_station.entry(&window.station).or_default().push(window);
    }
    let worth = |windows: &[&AirWindow]| PM2_5.mean(windows.iter().copied()).unwrap_or(-1.0);
    let mut ranked: Vec<(f64, &str, Vec<&AirWindow>)> =
        by_station.into_iter().map(|(name, windows)| (worth(&windows), name, windows)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let table = |caption: &str, part: &[(f64, &str, Vec<&AirWindow>)]| {
        let mut table = Table::new(caption, &COLUMNS);
        for (_, name, windows) in part {
            let all = || windows.iter().copied();
            let figures = [PM2_5.mean(all()), PM2_5.mean_true(all()), NO2.mean(all()), NO2.mean_true(all())];
            let mut cells = figures.map(|value| number(value.unwrap_or(f64::NAN), 1)).to_vec();
            cells.push(count_of(windows.len()));
            table.row(&escape(name), &cells);
        }
        table.end()
    };
    let (short, more) = ranked.split_at(ranked.len().min(STATIONS));
    let more = &more[..more.len().min(STATIONS_LONG - STATIONS)];
    let mut html = table("The stations with most PM2.5; means over their windows", short);
    if !more.is_empty() {
        let label = format!("Stations {} to {} of {}", STATIONS + 1, STATIONS + more.len(), count_of(ranked.len()));
        let long = table("The stations that follow, by PM2.5", more);
        let _ = write!(html, "<details><summary>{label}</summary>{long}</details>");
    }
    html
}
