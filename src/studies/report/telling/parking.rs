//! How full the parking bays were over time, as the bays told it.

use std::io;

use super::super::chart::{Figure, Plot, nothing};
use super::super::markup::{clock, count, key_figures, per_cent};
use super::against;
use super::values::ParkingInstant;

/// Points of a line: more would not be seen.
const POINTS_MAX: usize = 360;

/// The section; nothing where no bay told anything.
///
/// # Errors
/// When the figure cannot be drawn.
pub(super) fn section(instants: &[ParkingInstant]) -> io::Result<String> {
    let mut sorted: Vec<ParkingInstant> = instants.iter().copied().filter(|instant| instant.bays > 0).collect();
    sorted.sort_by_key(|instant| instant.time);
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return Ok(String::new()) };
    let fullest = sorted.iter().fold(first, |best, next| if full(next) > full(best) { next } else { best });
    let bays = sorted.iter().map(|instant| instant.bays).max().unwrap_or(0);
    let taken = |instant: &ParkingInstant| per_cent(f64::from(instant.occupied), f64::from(instant.bays));
    let mut html = String::from("<section aria-labelledby=\"parking\"><h2 id=\"parking\">Parking</h2>");
    html.push_str(&key_figures(&[
        ("Bays that tell", count(bays)),
        ("Taken at the beginning", taken(first)),
        ("Taken at the end", taken(last)),
        ("Fullest", format!("{} at {}", taken(fullest), clock(fullest.time.as_seconds()))),
    ]));
    html.push_str("<div class=\"figures\">");
    html.push_str(&over_time(&sorted)?);
    html.push_str("</div></section>");
    Ok(html)
}

/// Share of the bays that are taken [%].
fn full(instant: &ParkingInstant) -> f64 {
    f64::from(instant.occupied) / f64::from(instant.bays.max(1)) * 100.0
}

fn over_time(instants: &[ParkingInstant]) -> io::Result<String> {
    const TITLE: &str = "Bays taken over time";
    let (Some(first), Some(last)) = (instants.first(), instants.last()) else { return Ok(String::new()) };
    if first.time == last.time {
        return Ok(nothing(TITLE, "There is only one instant, and no course of time to draw."));
    }
    let stride = instants.len().div_ceil(POINTS_MAX);
    let mut drawn: Vec<&ParkingInstant> = instants.iter().step_by(stride).collect();
    if !(instants.len() - 1).is_multiple_of(stride) {
        drawn.push(last);
    }
    let told: Vec<(f64, f64)> = drawn.iter().map(|instant| (instant.time.as_seconds(), full(instant))).collect();
    let truth = |instant: &&ParkingInstant| {
        let taken = instant.occupied_true?;
        Some((instant.time.as_seconds(), f64::from(taken) / f64::from(instant.bays.max(1)) * 100.0))
    };
    let truth: Vec<(f64, f64)> = drawn.iter().filter_map(truth).collect();
    let mut spoken = format!("Lines of the share of bays taken: as told {}", against::range(&told, 0, "%"));
    if !truth.is_empty() {
        spoken.push_str("; as it was ");
        spoken.push_str(&against::range(&truth, 0, "%"));
    }
    spoken.push('.');
    let top = told.iter().chain(&truth).map(|point| point.1).fold(1.0, f64::max);
    let note = "Share of the bays that told of themselves [%].";
    let x = first.time.as_seconds()..last.time.as_seconds();
    let legend = ["As told", if truth.is_empty() { "" } else { "As it was" }];
    let plot = Plot { lines: vec![told, truth], ..Plot::over_time(x, (top * 1.06).clamp(10.0, 100.0)) };
    Figure { title: TITLE, note, legend: &legend, spoken: &spoken }.draw_described("parking-over-time", &plot)
}
