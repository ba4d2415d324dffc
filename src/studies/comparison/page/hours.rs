//! Small multiples over the day: each variant beside the base, by speed, vehicles on the road and time lost per kilometre.
//!
//! Means over all runs, interval by interval of the road table. Draws what the analysis found.

use std::fmt::Write as _;
use std::io;

use super::super::analysis::HourMean;
use super::super::files::Whole;
use crate::studies::report::chart::{Figure, Plot};
use crate::studies::report::markup::escape;

/// Most points of a line; beyond it every n-th is drawn.
const POINTS_MAX: usize = 300;
/// Most variants with figures of their own; a page of more would be too large.
const VARIANTS_MAX: usize = 12;

/// A figure over the day: its name, its note and what it draws.
type Drawn = (&'static str, &'static str, fn(&HourMean) -> f64);

const DRAWN: [Drawn; 3] = [
    ("Speed on the road", "Distance driven over time spent [km/h].", |hour| hour.speed),
    ("Vehicles on the road", "Mean of each interval [veh].", |hour| hour.vehicles),
    ("Time lost per kilometre", "Against driving at the wished speed [s/km].", |hour| hour.lost),
];

/// The section of the page.
///
/// # Errors
/// When a figure cannot be drawn.
pub(super) fn section(whole: &Whole<'_>) -> io::Result<String> {
    let base = &whole.analysis.variants[0].hours;
    if base.len() < 2 {
        return Ok(String::new());
    }
    let name = escape(&whole.design.base().name);
    let others = whole.design.variants.iter().zip(&whole.analysis.variants).skip(1);
    let others: Vec<_> = others.filter(|(_, result)| !result.is_same()).collect();
    if others.is_empty() {
        return Ok(String::new());
    }
    let left_out = others.len().saturating_sub(VARIANTS_MAX);
    let mut html = String::from(
        "<section aria-labelledby=\"over-time\"><h2 id=\"over-time\">Over the day</h2><p>Means over all runs; the base is dashed.</p>",
    );
    for (variant, result) in others.into_iter().take(VARIANTS_MAX) {
        let _ = write!(html, "<div class=\"figures three\" role=\"group\" aria-label=\"{}\">", escape(&variant.name));
        for (title, note, figure) in DRAWN {
            let title = format!("{}: {title}", escape(&variant.name));
            let lines = vec![line(&result.hours, figure), line(base, figure)];
            let highest = lines.iter().flatten().map(|point| point.1).fold(1.0, f64::max);
            let begin = base[0].begin_s;
            let end = base.last().map_or(begin + 1.0, |hour| hour.begin_s).max(begin + 1.0);
            let plot = Plot { lines, ..Plot::over_time(begin..end, highest * 1.06) };
            let own = escape(&variant.name);
            let legend = [own.as_str(), name.as_str()];
            let spoken = format!("{title} over the day, beside the base.");
            html.push_str(&Figure { title: &title, note, legend: &legend, spoken: &spoken }.draw(&plot)?);
        }
        html.push_str("</div>");
    }
    if left_out > 0 {
        let _ = write!(html, "<p>Only the first {VARIANTS_MAX} variants are drawn.</p>");
    }
    html.push_str("</section>");
    Ok(html)
}

fn line(hours: &[HourMean], figure: fn(&HourMean) -> f64) -> Vec<(f64, f64)> {
    let stride = hours.len().div_ceil(POINTS_MAX).max(1);
    hours.iter().step_by(stride).map(|hour| (hour.begin_s, figure(hour))).collect()
}
