//! Flows and speeds as the city's own sensors saw them, over time and against what was so.
//!
//! Sensors stand at spots and hear some vehicles; the truth beside them is Edie's flow and speed over the whole road. The two
//! differ even with perfect sensors, and the page says so.

use std::collections::BTreeMap;
use std::io;

use crate::primitives::SimTime;

use super::super::ReportInput;
use super::super::chart::{Figure, Plot, nothing};
use super::super::markup::{NO_FIGURE, count_of, key_figures, number};
use super::super::statistics::Sample;
use super::truth::{Compared, compare};
use super::values::{Congestion, RoadWindow};
use super::{against, roads};

/// The section.
///
/// # Errors
/// When a figure cannot be drawn.
pub(super) fn section(windows: &[RoadWindow], input: &ReportInput<'_>) -> io::Result<String> {
    let mut html = String::from(
        "<section aria-labelledby=\"heard\"><h2 id=\"heard\">Flows and speeds as the sensors saw them</h2>",
    );
    if windows.is_empty() {
        html.push_str("<p class=\"none\">No loop, camera or tracker told of any road.</p></section>");
        return Ok(html);
    }
    let compared = compare(windows, input.network, input.outcome);
    html.push_str(&key_figures(&keys(&compared)));
    html.push_str(
        "<p>Sensors count at a spot and see some of the vehicles; what was so is the simulation’s own road table, after Edie \
         (1963) over the whole road. So the two differ a little even where nothing errs: trips begin and end along a road, and a \
         mean of speeds at a spot lies above the mean over a stretch (Wardrop 1952).</p><div class=\"figures\">",
    );
    html.push_str(&over_time("flow-over-time", &FLOW, &compared)?);
    html.push_str(&over_time("speed-over-time", &SPEED, &compared)?);
    html.push_str(&scatter("flow-scatter", &FLOW, &compared)?);
    html.push_str(&scatter("speed-scatter", &SPEED, &compared)?);
    html.push_str("</div>");
    html.push_str(&roads::tables(&compared, input.network));
    html.push_str("</section>");
    Ok(html)
}

/// One of the two things compared.
struct Measure {
    title: &'static str,
    name: &'static str,
    unit: &'static str,
    decimals: usize,
    both: fn(&Compared<'_>) -> Option<(f64, f64)>,
}

const FLOW: Measure =
    Measure { title: "Flow", name: "flow", unit: "veh/h", decimals: 0, both: |compared| compared.flows() };
const SPEED: Measure =
    Measure { title: "Speed", name: "speed", unit: "km/h", decimals: 1, both: |compared| compared.speeds() };

fn keys(compared: &[Compared<'_>]) -> Vec<(&'static str, String)> {
    let mut names: Vec<&str> = compared.iter().map(|one| one.heard.road.as_str()).collect();
    names.dedup();
    let flow = Sample::new(compared.iter().filter_map(Compared::flow)).mean();
    let speed = Sample::new(compared.iter().filter_map(Compared::speed)).mean();
    let slow = compared.iter().filter(|one| one.heard.congestion >= Some(Congestion::Heavy)).count();
    let figure = |value: Option<f64>, decimals, unit| {
        value.map_or_else(|| NO_FIGURE.to_owned(), |value| format!("{} {unit}", number(value, decimals)))
    };
    let error = |measure: &Measure| {
        let pairs: Vec<(f64, f64)> = compared.iter().filter_map(|one| (measure.both)(one)).collect();
        against::errors(&pairs)
            .map_or_else(|| NO_FIGURE.to_owned(), |errors| format!("{} {}", number(errors.mean, 1), measure.unit))
    };
    vec![
        ("Roads heard of", count_of(names.len())),
        ("Mean flow", figure(flow, 0, "veh/h")),
        ("Flow, mean error", error(&FLOW)),
        ("Mean speed", figure(speed, 1, "km/h")),
        ("Speed, mean error", error(&SPEED)),
        ("Windows heavy or stopped", format!("{} of {}", count_of(slow), count_of(compared.len()))),
    ]
}

/// The mean over the roads that have both figures, window by window.
fn over_time(key: &str, measure: &Measure, compared: &[Compared<'_>]) -> io::Result<String> {
    let title = format!("{} over time", measure.title);
    let mut windows: BTreeMap<(SimTime, SimTime), Vec<(f64, f64)>> = BTreeMap::new();
    for one in compared {
        if let Some(both) = (measure.both)(one) {
            windows.entry((one.heard.begin, one.heard.begin + one.heard.length)).or_default().push(both);
        }
    }
    let (Some(first), Some(last)) = (windows.keys().next(), windows.keys().last()) else {
        return Ok(nothing(&title, "No window has both what was heard and what was so."));
    };
    if windows.len() < 2 {
        return Ok(nothing(&title, "There is only one window, and no course of time to draw."));
    }
    let line = |of: fn(&(f64, f64)) -> f64| -> Vec<(f64, f64)> {
        let middle = |(begin, end): &(SimTime, SimTime)| f64::midpoint(begin.as_seconds(), end.as_seconds());
        let mean = |pairs: &[(f64, f64)]| Sample::new(pairs.iter().map(of)).mean().unwrap_or(0.0);
        windows.iter().map(|(window, pairs)| (middle(window), mean(pairs))).collect()
    };
    let (heard, truth) = (line(|pair| pair.1), line(|pair| pair.0));
    let highest = heard.iter().chain(&truth).map(|point| point.1).fold(1.0, f64::max);
    let spoken = format!(
        "Lines of the mean {} by window: heard {}; true {}.",
        measure.name,
        against::range(&heard, measure.decimals, measure.unit),
        against::range(&truth, measure.decimals, measure.unit)
    );
    let note = format!("Mean {} of the roads that have both figures [{}].", measure.name, measure.unit);
    let x = first.0.as_seconds()..last.1.as_seconds();
    let plot = Plot { lines: vec![heard, truth], ..Plot::over_time(x, highest * 1.06) };
    Figure { title: &title, note: &note, legend: &["As heard", "As it was"], spoken: &spoken }
        .draw_described(key, &plot)
}

/// Each road and window as a point: what was so to the right, what was heard upwards.
fn scatter(key: &str, measure: &Measure, compared: &[Compared<'_>]) -> io::Result<String> {
    let pairs: Vec<(f64, f64)> = compared.iter().filter_map(|one| (measure.both)(one)).collect();
    let title = format!("{} heard against true", measure.title);
    let what = format!("{} of one road in one window [{}]", measure.title, measure.unit);
    against::scatter(key, (&title, &what), &pairs, measure.unit)
}
