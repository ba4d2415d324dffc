//! The figures: trip times, speeds and vehicles over time, departures against arrivals, drawn by plotters as SVG.
//!
//! Each figure is drawn twice, for a wide and for a narrow page, and the style sheet shows one of them. Plotters draws in
//! marker colours that are then replaced by the page's CSS variables, so that the same figure serves light, dark and print.

use std::fmt::Write as _;
use std::io;
use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::{
    ChartBuilder, IntoDrawingArea, IntoFont, LineSeries, PathElement, RGBColor, Rectangle, SVGBackend,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, TextStyle};

use crate::simulation::outcome::{CityInstant, Outcome};

use super::markup::{clock, count_of, escape, number, span};
use super::statistics::{Sample, round_step};

/// Marker colours and what the page puts in their place; no two attributes of a figure share a marker by chance, because
/// plotters is given no other colour.
const TEXT: RGBColor = RGBColor(0, 0, 1);
const AXIS: RGBColor = RGBColor(0, 0, 2);
const GRID: RGBColor = RGBColor(0, 0, 3);
const BARS: RGBColor = RGBColor(0, 0, 4);
const RULE: RGBColor = RGBColor(0, 0, 5);
const SERIES: [RGBColor; 3] = [RGBColor(0, 1, 0), RGBColor(0, 2, 0), RGBColor(0, 3, 0)];
const REPLACED: [(&str, &str); 11] = [
    ("fill=\"#000001\"", "fill=\"currentColor\""),
    ("stroke=\"#000002\"", "stroke=\"var(--axis)\""),
    ("stroke=\"#000003\"", "stroke=\"var(--grid)\""),
    ("fill=\"#000004\"", "fill=\"var(--bars)\""),
    ("stroke=\"#000005\"", "stroke=\"currentColor\" stroke-dasharray=\"2 3\""),
    ("fill=\"#000005\"", "fill=\"currentColor\" class=\"mark\""),
    ("stroke=\"#000100\"", "stroke=\"var(--series-1)\""),
    ("stroke=\"#000200\"", "stroke=\"var(--series-2)\" stroke-dasharray=\"7 3\""),
    ("stroke=\"#000300\"", "stroke=\"var(--series-3)\" stroke-dasharray=\"2 2.5\""),
    // The page has its own font and needs no name space.
    (" font-family=\"sans-serif\"", ""),
    (" opacity=\"1\"", ""),
];

/// Points of a line: more would not be seen, and a day in steps of a second has 86,400.
const POINTS_MAX: usize = 360;

/// Text size of plotters that gives 12 px; the SVG backend divides it by 1.24.
const TEXT_SIZE: f64 = 14.9;

/// The two sizes each figure is drawn in [px], with how many ticks fit its horizontal axis.
const SIZES: [(&str, u32, u32, usize); 2] = [("wide", 540, 270, 8), ("narrow", 340, 250, 5)];

/// What a figure shows, before it has a size.
#[derive(Debug)]
struct Plot {
    x: Range<f64>,
    x_ticks: fn(&Range<f64>, usize) -> Vec<f64>,
    x_label: fn(&f64) -> String,
    /// The vertical axis begins at zero and ends here.
    y_max: f64,
    whole_numbers: bool,
    /// Left edge, right edge and height.
    bars: Vec<(f64, f64, f64)>,
    lines: Vec<Vec<(f64, f64)>>,
    /// Where a vertical rule stands, and its label.
    rules: Vec<(f64, String)>,
}

/// An axis that carries exactly the ticks it is given; plotters' own would put clock times at odd seconds.
#[derive(Debug, Clone)]
struct Scale {
    range: Range<f64>,
    ticks: Vec<f64>,
}

impl Ranged for Scale {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    #[expect(clippy::cast_possible_truncation, reason = "a place in a figure of a few hundred pixels")]
    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (value - self.range.start) / (self.range.end - self.range.start);
        limit.0 + (f64::from(limit.1 - limit.0) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

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
    let plot = Plot {
        x: 0.0..end,
        x_ticks: number_ticks,
        x_label: |value| decimals(*value),
        y_max: highest * 1.22,
        whole_numbers: true,
        bars,
        lines: Vec::new(),
        rules: vec![
            ((median / 60.0).min(end), format!("median {}", span(median))),
            ((p90 / 60.0).min(end), format!("p90 {}", span(p90))),
        ],
    };
    let spoken = format!(
        "Histogram of {} trip times: mean {}, median {}, nine in ten within {}.",
        count_of(duration.len()),
        span(mean),
        span(median),
        span(p90)
    );
    figure("Trip times", &note, &[], &spoken, &plot)
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
    let plot = Plot {
        x: begin..end,
        x_ticks: time_ticks,
        x_label: |seconds| clock(*seconds),
        y_max: highest * 1.06,
        whole_numbers,
        bars: Vec::new(),
        lines,
        rules: Vec::new(),
    };
    figure(title, note, legend, spoken, &plot)
}

fn figure(title: &str, note: &str, legend: &[&str], spoken: &str, plot: &Plot) -> io::Result<String> {
    let mut html = format!("<figure class=\"figure\"><figcaption><h3>{title}</h3><p>{note}</p>");
    if !legend.is_empty() {
        html.push_str("<ul class=\"legend-lines\">");
        for (i, label) in legend.iter().enumerate() {
            let _ = write!(
                html,
                "<li><svg viewBox=\"0 0 28 8\" aria-hidden=\"true\"><line class=\"series-{}\" x1=\"0\" y1=\"4\" x2=\"28\" \
                 y2=\"4\"/></svg>{label}</li>",
                i + 1
            );
        }
        html.push_str("</ul>");
    }
    html.push_str("</figcaption>");
    for (name, width, height, ticks) in SIZES {
        let drawn = draw(plot, (width, height), ticks)?;
        let body = drawn.split_once('>').map_or("", |(_, body)| body);
        let body = REPLACED.iter().fold(body.to_owned(), |text, (marker, value)| text.replace(marker, value));
        let _ = write!(
            html,
            "<svg class=\"{name}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">{body}",
            escape(spoken)
        );
    }
    html.push_str("</figure>");
    Ok(html)
}

fn nothing(title: &str, why: &str) -> String {
    format!("<figure class=\"figure\"><figcaption><h3>{title}</h3></figcaption><p class=\"none\">{why}</p></figure>")
}

fn draw(plot: &Plot, size: (u32, u32), ticks: usize) -> io::Result<String> {
    let mut svg = String::new();
    paint(plot, size, ticks, &mut svg).map_err(|fault| io::Error::other(fault.to_string()))?;
    Ok(svg)
}

fn paint(plot: &Plot, size: (u32, u32), ticks: usize, svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let label = |color: &'static RGBColor| TextStyle::from(("sans-serif", TEXT_SIZE).into_font()).color(color);
    let area = SVGBackend::with_string(svg, size).into_drawing_area();
    let mut y_ticks = number_ticks(&(0.0..plot.y_max), 5);
    if plot.whole_numbers {
        y_ticks.retain(|tick| (tick - tick.round()).abs() < 1e-9);
    }
    let widest = y_ticks.iter().map(|tick| decimals(*tick).len()).max().unwrap_or(1);
    let mut chart = ChartBuilder::on(&area)
        .margin_top(8)
        .margin_right(18)
        .x_label_area_size(28)
        .y_label_area_size(u32::try_from(14 + widest * 7).unwrap_or(60))
        .build_cartesian_2d(
            Scale { range: plot.x.clone(), ticks: (plot.x_ticks)(&plot.x, ticks) },
            Scale { range: 0.0..plot.y_max, ticks: y_ticks },
        )?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID)
        .axis_style(AXIS)
        .label_style(label(&TEXT))
        .x_label_formatter(&plot.x_label)
        .y_label_formatter(&|value| decimals(*value))
        .draw()?;
    chart.draw_series(plot.bars.iter().filter(|bar| bar.2 > 0.0).map(|bar| {
        let mut element = Rectangle::new([(bar.0, 0.0), (bar.1, bar.2)], BARS.filled());
        element.set_margin(0, 0, 0, 1);
        element
    }))?;
    // The last series lies underneath: it is the outline the others fall away from.
    for (line, ink) in plot.lines.iter().zip(SERIES).rev() {
        chart.draw_series(LineSeries::new(line.iter().copied(), ink.stroke_width(2)))?;
    }
    for (i, (at, text)) in plot.rules.iter().enumerate() {
        let top = plot.y_max * if i == 0 { 1.0 } else { 0.91 };
        chart.draw_series([PathElement::new(vec![(*at, 0.0), (*at, top)], RULE)])?;
        let (anchor, gap) = if *at > plot.x.end * 0.6 { (HPos::Right, -5) } else { (HPos::Left, 5) };
        let style = label(&RULE).pos(Pos::new(anchor, VPos::Top));
        let element = plotters::element::EmptyElement::at((*at, top))
            + plotters::element::Text::new(text.clone(), (gap, 0), style);
        chart.draw_series([element])?;
    }
    area.present()?;
    drop(chart);
    Ok(())
}

/// A number without decimals it does not need.
fn decimals(value: f64) -> String {
    let needed = [0, 1, 2].into_iter().find(|&n| {
        let scale = [1.0, 10.0, 100.0][n];
        (value * scale - (value * scale).round()).abs() < 1e-6
    });
    number(value, needed.unwrap_or(2))
}

fn number_ticks(range: &Range<f64>, most: usize) -> Vec<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a handful of ticks")]
    let step = round_step((range.end - range.start) / most.max(1) as f64);
    multiples(range, step)
}

/// Ticks at round clock times: the shortest step of which at most `most` fit.
fn time_ticks(range: &Range<f64>, most: usize) -> Vec<f64> {
    const STEPS: [f64; 14] = [
        60.0, 120.0, 300.0, 600.0, 900.0, 1200.0, 1800.0, 3600.0, 7200.0, 10_800.0, 14_400.0, 21_600.0, 43_200.0,
        86_400.0,
    ];
    #[expect(clippy::cast_precision_loss, reason = "a handful of ticks")]
    let rough = (range.end - range.start) / most.max(1) as f64;
    let step = STEPS.into_iter().find(|step| *step >= rough).unwrap_or_else(|| 86_400.0 * (rough / 86_400.0).ceil());
    multiples(range, step)
}

fn multiples(range: &Range<f64>, step: f64) -> Vec<f64> {
    let first = (range.start / step - 1e-9).ceil();
    std::iter::successors(Some(first), |n| Some(n + 1.0))
        .map(|n| n * step)
        .take_while(|tick| *tick <= range.end + step * 1e-9)
        .take(50)
        .collect()
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

    #[test]
    fn ticks_are_round_clock_times() {
        assert_eq!(time_ticks(&(25_200.0..28_800.0), 8).len(), 7, "every ten minutes from 07:00 to 08:00");
        assert_eq!(time_ticks(&(0.0..86_400.0), 5), [0.0, 21_600.0, 43_200.0, 64_800.0, 86_400.0]);
        assert_eq!(number_ticks(&(0.0..1220.0), 5), [0.0, 500.0, 1000.0]);
    }

    /// A marker colour left in a figure would be black on the dark page.
    #[test]
    fn no_marker_colour_is_left() {
        let html = trip_times(&Sample::new((0..500).map(f64::from))).expect("drawn");
        assert!(!html.contains("#0000") && !html.contains("#000") && html.contains("var(--bars)"), "{html}");
        assert!(html.contains("median 4 min 10 s"));
    }
}
