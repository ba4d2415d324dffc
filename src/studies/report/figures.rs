//! The figures of the traffic: trip times, speeds and vehicles over time, departures against arrivals.
//!
//! Says what is drawn and in which words it is told to a listener; how it is drawn is the chart's.

use std::fmt::Write as _;
use std::io;

use crate::simulation::outcome::{CityInstant, Outcome};

use super::chart::{Figure, Plot, decimals, nothing};
use super::markup::{count_of, number, span};
use super::statistics::{Sample, round_step};

/// Points of a line: more would not be seen, and a day in steps of a second has 86,400.
const POINTS_MAX: usize = 360;

/// The four figures of a run.
///
/// # Errors
/// When plotters cannot draw, which a string as its canvas gives no occasion for.
pub(super) fn section(outcome: &Outcome, duration: &Sample) -> io::Result<String> {
    let mut html = String::from("<div class=\"figures\">");
    html.push_str(&trip_times(duration)?);
    let city: Vec<&CityInstant> = thinned(&outcome.city);
    html.push_str(&speeds(&city)?);
    html.push_str(&vehicles(&city)?);
    html.push_str(&departures(&city)?);
    html.push_str("</div>");
    Ok(html)
}

fn trip_times(duration: &Sample) -> io::Result<String> {
    let (Some(median), Some(p90), Some(mean), Some(most)) =
        (duration.percentile(0.5), duration.percentile(0.9), duration.mean(), duration.percentile(0.995))
    else {
        return Ok(nothing("Trip times", "No trip was finished."));
    };
    let width = round_step(most.max(60.0) / 60.0 / 30.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "about 30 classes")]
    let bins = (most.max(60.0) / 60.0 / width).ceil() as usize;
    let counts = Sample::new(duration.values().iter().map(|seconds| seconds / 60.0)).histogram(width, bins);
    #[expect(clippy::cast_precision_loss, reason = "about 30 classes")]
    let bars: Vec<_> = (0..bins).map(|i| (i as f64 * width, (i + 1) as f64 * width, f64::from(counts[i]))).collect();
    let highest = bars.iter().map(|bar| bar.2).fold(1.0, f64::max);
    let end = bars.last().map_or(1.0, |bar| bar.1);
    let beyond = duration.values().iter().filter(|seconds| **seconds / 60.0 >= end).count();
    let mut note = format!("Number of finished trips by trip time [min], in classes of {} min.", decimals(width));
    if beyond > 0 {
        let _ = write!(note, " The last class also holds the {} longer ones.", count_of(beyond));
    }
    let rules = vec![
        ((median / 60.0).min(end), format!("median {}", span(median))),
        ((p90 / 60.0).min(end), format!("p90 {}", span(p90))),
    ];
    let plot = Plot { whole_numbers: true, bars, rules, ..Plot::new(0.0..end, highest * 1.22) };
    let spoken = format!(
        "Histogram of {} trip times: mean {}, median {}, nine in ten within {}.",
        count_of(duration.len()),
        span(mean),
        span(median),
        span(p90)
    );
    Figure { title: "Trip times", note: &note, legend: &[], spoken: &spoken }.draw(&plot)
}

fn speeds(city: &[&CityInstant]) -> io::Result<String> {
    let line: Vec<(f64, f64)> = city
        .iter()
        .filter(|instant| instant.running > 0 && instant.speed_mean.is_finite())
        .map(|instant| (instant.time.as_seconds(), instant.speed_mean.max(0.0) * 3.6))
        .collect();
    let range = |pick: fn(f64, f64) -> f64, from: f64| number(line.iter().map(|point| point.1).fold(from, pick), 1);
    let spoken = format!(
        "Line of the mean speed over time, between {} and {} km/h.",
        range(f64::min, f64::INFINITY),
        range(f64::max, 0.0)
    );
    let note = "Mean speed of the vehicles on the road [km/h].";
    over_time(("Speed over time", note, &spoken), city, &[], vec![line], false)
}

fn vehicles(city: &[&CityInstant]) -> io::Result<String> {
    let line = |figure: fn(&CityInstant) -> u32| -> Vec<(f64, f64)> {
        city.iter().map(|instant| (instant.time.as_seconds(), f64::from(figure(instant)))).collect()
    };
    let most =
        |figure: fn(&CityInstant) -> u32| number(f64::from(city.iter().map(|i| figure(i)).max().unwrap_or(0)), 0);
    let spoken = format!(
        "Lines of vehicles over time: at most {} on the road, {} of them halting, and {} waiting to enter.",
        most(|i| i.running),
        most(|i| i.halting),
        most(|i| i.waiting_to_enter)
    );
    let legend = ["On the road", "of which halting", "Waiting to enter"];
    let lines = vec![line(|i| i.running), line(|i| i.halting), line(|i| i.waiting_to_enter)];
    over_time(("Vehicles over time", "Number of vehicles.", &spoken), city, &legend, lines, true)
}

fn departures(city: &[&CityInstant]) -> io::Result<String> {
    let line = |figure: fn(&CityInstant) -> u32| -> Vec<(f64, f64)> {
        city.iter().map(|instant| (instant.time.as_seconds(), f64::from(figure(instant)))).collect()
    };
    let last = |figure: fn(&CityInstant) -> u32| number(f64::from(city.last().map_or(0, |i| figure(i))), 0);
    let spoken = format!(
        "Lines of vehicles so far: by the end {} were due, {} had entered and {} had arrived.",
        last(|i| i.loaded),
        last(|i| i.inserted),
        last(|i| i.arrived)
    );
    let legend = ["Entered", "Arrived", "Due to depart"];
    let lines = vec![line(|i| i.inserted), line(|i| i.arrived), line(|i| i.loaded)];
    let note = "Vehicles so far; the gap between entered and arrived is the number on the road.";
    over_time(("Departures and arrivals", note, &spoken), city, &legend, lines, true)
}

/// A figure over the whole time of the run, with its title, its note and what a listener is told of it.
fn over_time(
    (title, note, spoken): (&str, &str, &str),
    city: &[&CityInstant],
    legend: &[&str],
    lines: Vec<Vec<(f64, f64)>>,
    whole_numbers: bool,
) -> io::Result<String> {
    let time = |instant: Option<&&CityInstant>| instant.map_or(0.0, |instant| instant.time.as_seconds());
    let (begin, end) = (time(city.first()), time(city.last()));
    if begin >= end || lines.iter().all(|line| line.len() < 2) {
        return Ok(nothing(title, "There are not enough instants to draw."));
    }
    let highest = lines.iter().flatten().map(|point| point.1).fold(1.0, f64::max);
    let plot = Plot { whole_numbers, lines, ..Plot::over_time(begin..end, highest * 1.06) };
    Figure { title, note, legend, spoken }.draw(&plot)
}

/// Every n-th instant, so many that the line can still be drawn; the last one always.
fn thinned(city: &[CityInstant]) -> Vec<&CityInstant> {
    let stride = city.len().div_ceil(POINTS_MAX).max(1);
    let mut kept: Vec<&CityInstant> = city.iter().step_by(stride).collect();
    if let Some(last) = city.last()
        && !(city.len() - 1).is_multiple_of(stride)
    {
        kept.push(last);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A marker colour left in a figure would be black on the dark page.
    #[test]
    fn no_marker_colour_is_left() {
        let html = trip_times(&Sample::new((0..500).map(f64::from))).expect("drawn");
        assert!(!html.contains("#0000") && !html.contains("#000") && html.contains("var(--bars)"), "{html}");
        assert!(html.contains("median 4 min 10 s"));
    }
}
