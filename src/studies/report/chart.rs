//! How a figure is drawn: bars, lines, points and lanes on two axes, by plotters as SVG.
//!
//! Each figure is drawn twice, for a wide and for a narrow page, and the style sheet shows one of them. Plotters draws in
//! marker colours that are then replaced by the page's CSS variables, so that the same figure serves light, dark and print.
//! Does not know what a figure is about.

use std::fmt::Write as _;
use std::io;
use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::{
    ChartBuilder, Circle, DrawingArea, EmptyElement, IntoDrawingArea, IntoFont, LineSeries, PathElement, RGBColor,
    Rectangle, SVGBackend, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, TextStyle};

use super::markup::{clock, escape, number};
use super::statistics::round_step;

/// Marker colours and what the page puts in their place; no two attributes of a figure share a marker by chance, because
/// plotters is given no other colour.
const TEXT: RGBColor = RGBColor(0, 0, 1);
const AXIS: RGBColor = RGBColor(0, 0, 2);
const GRID: RGBColor = RGBColor(0, 0, 3);
const BARS: RGBColor = RGBColor(0, 0, 4);
const RULE: RGBColor = RGBColor(0, 0, 5);
const TICK: RGBColor = RGBColor(0, 0, 6);
const POINT: RGBColor = RGBColor(0, 0, 7);
const SERIES: [RGBColor; 3] = [RGBColor(0, 1, 0), RGBColor(0, 2, 0), RGBColor(0, 3, 0)];
const PHASES: [RGBColor; 5] =
    [RGBColor(1, 0, 0), RGBColor(2, 0, 0), RGBColor(3, 0, 0), RGBColor(4, 0, 0), RGBColor(5, 0, 0)];
const REPLACED: [(&str, &str); 21] = [
    ("fill=\"#000001\"", "fill=\"currentColor\""),
    ("stroke=\"#000002\"", "stroke=\"var(--axis)\""),
    ("stroke=\"#000003\"", "stroke=\"var(--grid)\""),
    ("fill=\"#000004\"", "fill=\"var(--bars)\""),
    ("stroke=\"#000005\"", "stroke=\"currentColor\" stroke-dasharray=\"2 3\""),
    ("fill=\"#000005\"", "fill=\"currentColor\" class=\"mark\""),
    ("stroke=\"#000006\"", "stroke=\"currentColor\""),
    ("fill=\"#000007\"", "fill=\"var(--series-1)\" fill-opacity=\".6\""),
    ("stroke=\"#000100\"", "stroke=\"var(--series-1)\""),
    ("stroke=\"#000200\"", "stroke=\"var(--series-2)\" stroke-dasharray=\"7 3\""),
    ("stroke=\"#000300\"", "stroke=\"var(--series-3)\" stroke-dasharray=\"2 2.5\""),
    ("fill=\"#000100\"", "fill=\"var(--series-1)\""),
    ("fill=\"#000200\"", "fill=\"var(--series-2)\""),
    ("fill=\"#000300\"", "fill=\"var(--series-3)\""),
    ("fill=\"#010000\"", "fill=\"var(--phase-1)\""),
    ("fill=\"#020000\"", "fill=\"var(--phase-2)\""),
    ("fill=\"#030000\"", "fill=\"var(--phase-3)\""),
    ("fill=\"#040000\"", "fill=\"var(--phase-4)\""),
    ("fill=\"#050000\"", "fill=\"var(--phase-5)\""),
    // The page has its own font and needs no name space.
    (" font-family=\"sans-serif\"", ""),
    (" opacity=\"1\"", ""),
];

/// Text size of plotters that gives 12 px; the SVG backend divides it by 1.24.
const TEXT_SIZE: f64 = 14.9;

/// The two sizes a figure is drawn in [px], with how many ticks fit its horizontal axis.
const SIZES: [Size; 2] = [("wide", 540, 270, 8), ("narrow", 340, 250, 5)];

/// Name, width [px], height [px], most ticks.
type Size = (&'static str, u32, u32, usize);

/// Height of a lane of a timetable, and of what stands around the lanes [px].
const LANE_HEIGHT: u32 = 22;
const AROUND_LANES: u32 = 40;

/// How high the phases of a lane are, as a share of it: they differ in height so that colour is not all that tells them apart.
const PHASE_HEIGHTS: [f64; 5] = [0.3, 0.85, 0.55, 0.85, 0.3];

/// What a figure shows, before it has a size.
#[derive(Debug)]
pub(crate) struct Plot {
    pub(crate) x: Range<f64>,
    pub(crate) x_ticks: fn(&Range<f64>, usize) -> Vec<f64>,
    pub(crate) x_label: fn(&f64) -> String,
    /// The vertical axis begins at zero and ends here.
    pub(crate) y_max: f64,
    pub(crate) whole_numbers: bool,
    /// Left edge, right edge and height.
    pub(crate) bars: Vec<(f64, f64, f64)>,
    pub(crate) lines: Vec<Vec<(f64, f64)>>,
    pub(crate) points: Vec<(f64, f64)>,
    /// Where a vertical rule stands, and its label.
    pub(crate) rules: Vec<(f64, String)>,
    /// How high a horizontal rule lies, and its label.
    pub(crate) levels: Vec<(f64, String)>,
    /// Whether a rule marks where both axes show the same value.
    pub(crate) diagonal: bool,
    /// Names of the lanes of a timetable, from the top; none in other figures.
    pub(crate) lanes: Vec<String>,
    /// What fills the lanes.
    pub(crate) stretches: Vec<Stretch>,
    /// Instants marked in a lane: which one, and when.
    pub(crate) ticks: Vec<(usize, f64)>,
}

/// A stretch of time in a lane of a timetable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stretch {
    /// Which lane, from the top.
    pub(crate) lane: usize,
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// Which of the five phases.
    pub(crate) phase: usize,
}

impl Plot {
    /// An empty figure over numbers.
    pub(crate) fn new(x: Range<f64>, y_max: f64) -> Self {
        Self {
            x,
            x_ticks: number_ticks,
            x_label: |value| decimals(*value),
            y_max,
            whole_numbers: false,
            bars: Vec::new(),
            lines: Vec::new(),
            points: Vec::new(),
            rules: Vec::new(),
            levels: Vec::new(),
            diagonal: false,
            lanes: Vec::new(),
            stretches: Vec::new(),
            ticks: Vec::new(),
        }
    }

    /// An empty figure over clock times [s].
    pub(crate) fn over_time(x: Range<f64>, y_max: f64) -> Self {
        Self { x_ticks: time_ticks, x_label: |seconds| clock(*seconds), ..Self::new(x, y_max) }
    }

    fn y_ticks(&self) -> Vec<f64> {
        if !self.lanes.is_empty() {
            #[expect(clippy::cast_precision_loss, reason = "a few dozen lanes")]
            return (0..self.lanes.len()).map(|lane| lane as f64 + 0.5).collect();
        }
        let mut ticks = number_ticks(&(0.0..self.y_max), 5);
        if self.whole_numbers {
            ticks.retain(|tick| (tick - tick.round()).abs() < 1e-9);
        }
        ticks
    }

    /// What the vertical axis says at a tick: a number, or the name of a lane.
    fn y_label(&self, tick: f64) -> String {
        if self.lanes.is_empty() {
            return decimals(tick);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a lane's number")]
        let lane = tick.floor().max(0.0) as usize;
        self.lanes.get(lane).cloned().unwrap_or_default()
    }

    fn sizes(&self) -> [Size; 2] {
        if self.lanes.is_empty() {
            return SIZES;
        }
        let lanes = u32::try_from(self.lanes.len()).unwrap_or(1000);
        let height = AROUND_LANES + lanes * LANE_HEIGHT;
        [("wide", 1104, height, 12), ("narrow", 340, height, 4)]
    }
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

/// A figure with everything said about it.
#[derive(Debug)]
pub(crate) struct Figure<'a> {
    pub(crate) title: &'a str,
    /// What is drawn, with units; may hold tags, no names.
    pub(crate) note: &'a str,
    /// The names of the lines or phases, or none; an empty one is left out.
    pub(crate) legend: &'a [&'a str],
    /// What a listener is told.
    pub(crate) spoken: &'a str,
}

impl Figure<'_> {
    /// The figure in both sizes.
    ///
    /// # Errors
    /// When plotters cannot draw, which a string as its canvas gives no occasion for.
    pub(crate) fn draw(&self, plot: &Plot) -> io::Result<String> {
        let mut html = self.caption("figure", "series");
        for (name, width, height, ticks) in plot.sizes() {
            let body = drawn(plot, (width, height), ticks)?;
            let _ = write!(
                html,
                "<svg class=\"{name}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">{body}",
                escape(self.spoken)
            );
        }
        html.push_str("</figure>");
        Ok(html)
    }

    /// The figure in both sizes, its title and description inside the drawing; `key` is its own on the page.
    ///
    /// # Errors
    /// When plotters cannot draw, which a string as its canvas gives no occasion for.
    pub(crate) fn draw_described(&self, key: &str, plot: &Plot) -> io::Result<String> {
        let (class, kind) = if plot.lanes.is_empty() { ("figure", "series") } else { ("figure full", "phase") };
        let mut html = self.caption(class, kind);
        for (name, width, height, ticks) in plot.sizes() {
            let body = drawn(plot, (width, height), ticks)?;
            let id = format!("{key}-{name}");
            let _ = write!(
                html,
                "<svg class=\"{name}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"{id}-title\" \
                 aria-describedby=\"{id}-desc\"><title id=\"{id}-title\">{}</title><desc id=\"{id}-desc\">{}</desc>{body}",
                escape(self.title),
                escape(self.spoken)
            );
        }
        html.push_str("</figure>");
        Ok(html)
    }

    fn caption(&self, class: &str, kind: &str) -> String {
        let mut html = format!("<figure class=\"{class}\"><figcaption><h3>{}</h3><p>{}</p>", self.title, self.note);
        if !self.legend.is_empty() {
            html.push_str("<ul class=\"legend-lines\">");
            for (i, label) in self.legend.iter().enumerate().filter(|(_, label)| !label.is_empty()) {
                let i = i + 1;
                let _ = write!(
                    html,
                    "<li><svg viewBox=\"0 0 28 8\" aria-hidden=\"true\"><line class=\"{kind}-{i}\" x1=\"0\" y1=\"4\" \
                     x2=\"28\" y2=\"4\"/></svg>{label}</li>",
                );
            }
            html.push_str("</ul>");
        }
        html.push_str("</figcaption>");
        html
    }
}

/// A figure that cannot be drawn, and why.
pub(crate) fn nothing(title: &str, why: &str) -> String {
    format!("<figure class=\"figure\"><figcaption><h3>{title}</h3></figcaption><p class=\"none\">{why}</p></figure>")
}

/// What stands inside the `svg` element, its end included.
fn drawn(plot: &Plot, size: (u32, u32), ticks: usize) -> io::Result<String> {
    let mut svg = String::new();
    paint(plot, size, ticks, &mut svg).map_err(|fault| io::Error::other(fault.to_string()))?;
    let body = svg.split_once('>').map_or("", |(_, body)| body);
    Ok(REPLACED.iter().fold(body.to_owned(), |text, (marker, value)| text.replace(marker, value)))
}

type Fault = Box<dyn std::error::Error>;
type Chart<'a, 'b> =
    plotters::chart::ChartContext<'a, SVGBackend<'b>, plotters::coord::cartesian::Cartesian2d<Scale, Scale>>;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "plotters ties the life of a style to that of its colour")]
fn label(color: &'static RGBColor) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", TEXT_SIZE).into_font()).color(color)
}

fn paint(plot: &Plot, size: (u32, u32), ticks: usize, svg: &mut String) -> Result<(), Fault> {
    let area = SVGBackend::with_string(svg, size).into_drawing_area();
    let mut chart = axes(plot, &area, ticks)?;
    chart.draw_series(plot.bars.iter().filter(|bar| bar.2 > 0.0).map(|bar| {
        let mut element = Rectangle::new([(bar.0, 0.0), (bar.1, bar.2)], BARS.filled());
        element.set_margin(0, 0, 0, 1);
        element
    }))?;
    timetable(plot, &mut chart)?;
    chart.draw_series(plot.points.iter().map(|point| Circle::new(*point, 3, POINT.filled())))?;
    // The last series lies underneath: it is the outline the others fall away from.
    for (line, ink) in plot.lines.iter().zip(SERIES).rev() {
        // Where nothing is known there is no line, and none leads over it.
        for run in line.split(|(_, y)| !y.is_finite()).filter(|run| !run.is_empty()) {
            if let [alone] = run {
                chart.draw_series([Circle::new(*alone, 1, ink.filled())])?;
            } else {
                chart.draw_series(LineSeries::new(run.iter().copied(), ink.stroke_width(2)))?;
            }
        }
    }
    rules(plot, &mut chart)?;
    area.present()?;
    drop(chart);
    Ok(())
}

fn axes<'a, 'b>(
    plot: &Plot,
    area: &'a DrawingArea<SVGBackend<'b>, plotters::coord::Shift>,
    ticks: usize,
) -> Result<Chart<'a, 'b>, Fault> {
    let y_ticks = plot.y_ticks();
    let widest = y_ticks.iter().map(|tick| plot.y_label(*tick).chars().count()).max().unwrap_or(1);
    // The lanes of a timetable are read from the top.
    let y = if plot.lanes.is_empty() { 0.0..plot.y_max } else { plot.y_max..0.0 };
    let mut chart = ChartBuilder::on(area)
        .margin_top(8)
        .margin_right(18)
        .x_label_area_size(28)
        .y_label_area_size(u32::try_from(14 + widest * 7).unwrap_or(60))
        .build_cartesian_2d(
            Scale { range: plot.x.clone(), ticks: (plot.x_ticks)(&plot.x, ticks) },
            Scale { range: y, ticks: y_ticks },
        )?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID)
        .axis_style(AXIS)
        .label_style(label(&TEXT))
        .x_label_formatter(&plot.x_label)
        .y_label_formatter(&|value| plot.y_label(*value))
        .draw()?;
    Ok(chart)
}

/// The phases and marks in the lanes of a timetable.
#[expect(clippy::cast_precision_loss, reason = "a few dozen lanes")]
fn timetable(plot: &Plot, chart: &mut Chart<'_, '_>) -> Result<(), Fault> {
    for stretch in &plot.stretches {
        let phase = stretch.phase.min(PHASES.len() - 1);
        let (middle, half) = (stretch.lane as f64 + 0.5, PHASE_HEIGHTS[phase] / 2.0);
        let corners = [(stretch.from, middle - half), (stretch.to, middle + half)];
        chart.draw_series([Rectangle::new(corners, PHASES[phase].filled())])?;
    }
    chart.draw_series(plot.ticks.iter().map(|(lane, at)| {
        let lane = *lane as f64;
        PathElement::new(vec![(*at, lane + 0.15), (*at, lane + 0.85)], TICK.stroke_width(2))
    }))?;
    Ok(())
}

/// The vertical rules, the horizontal ones and the diagonal, with their labels.
fn rules(plot: &Plot, chart: &mut Chart<'_, '_>) -> Result<(), Fault> {
    for (i, (at, text)) in plot.rules.iter().enumerate() {
        let top = plot.y_max * if i == 0 { 1.0 } else { 0.91 };
        chart.draw_series([PathElement::new(vec![(*at, 0.0), (*at, top)], RULE)])?;
        let (anchor, gap) = if *at > plot.x.end * 0.6 { (HPos::Right, -5) } else { (HPos::Left, 5) };
        let style = label(&RULE).pos(Pos::new(anchor, VPos::Top));
        let element = EmptyElement::at((*at, top)) + Text::new(text.clone(), (gap, 0), style);
        chart.draw_series([element])?;
    }
    for (level, text) in &plot.levels {
        chart.draw_series([PathElement::new(vec![(plot.x.start, *level), (plot.x.end, *level)], RULE)])?;
        let style = label(&RULE).pos(Pos::new(HPos::Left, VPos::Bottom));
        let element = EmptyElement::at((plot.x.start, *level)) + Text::new(text.clone(), (5, -3), style);
        chart.draw_series([element])?;
    }
    if plot.diagonal {
        let end = plot.x.end.min(plot.y_max);
        chart.draw_series([PathElement::new(vec![(0.0, 0.0), (end, end)], RULE)])?;
    }
    Ok(())
}

/// A number without decimals it does not need.
pub(crate) fn decimals(value: f64) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_clock_times() {
        assert_eq!(time_ticks(&(25_200.0..28_800.0), 8).len(), 7, "every ten minutes from 07:00 to 08:00");
        assert_eq!(time_ticks(&(0.0..86_400.0), 5), [0.0, 21_600.0, 43_200.0, 64_800.0, 86_400.0]);
        assert_eq!(number_ticks(&(0.0..1220.0), 5), [0.0, 500.0, 1000.0]);
    }

    /// Names of lanes come from files by anybody.
    #[test]
    fn a_lane_s_name_cannot_act_or_pass_for_a_colour() {
        let stretches = vec![Stretch { lane: 0, from: 1.0, to: 2.0, phase: 9 }];
        let lanes = vec!["<script>\"".to_owned(), "fill=\"#000001\"".to_owned()];
        let plot = Plot { lanes, stretches, ticks: vec![(1, 5.0)], ..Plot::over_time(0.0..60.0, 2.0) };
        let figure = Figure { title: "Lanes", note: "", legend: &["a"], spoken: "<b>" };
        let html = figure.draw_described("lanes", &plot).expect("drawn");
        assert!(html.contains("&lt;script&gt;&quot;") && html.contains("fill=&quot;#000001&quot;"), "{html}");
        assert!(html.contains("<desc id=\"lanes-wide-desc\">&lt;b&gt;</desc>") && html.contains("var(--phase-5)"));
        assert!(!html.contains("\"#0"), "a marker colour is left");
    }

    /// Everything a figure can hold leaves no marker colour, which would be black on the dark page.
    #[test]
    fn no_marker_colour_is_left() {
        let plot = Plot {
            bars: vec![(0.0, 1.0, 2.0)],
            lines: vec![vec![(0.0, 1.0), (9.0, 2.0)]; 3],
            points: vec![(1.0, 1.0)],
            rules: vec![(5.0, "rule".to_owned())],
            levels: vec![(5.0, "level".to_owned())],
            diagonal: true,
            ..Plot::new(0.0..10.0, 10.0)
        };
        let html = Figure { title: "", note: "", legend: &[], spoken: "" }.draw_described("all", &plot).expect("drawn");
        assert!(!html.contains("\"#0") && html.contains("var(--series-3)") && html.contains("fill-opacity"), "{html}");
    }

    /// A line drawn over an outage would say that nothing happened.
    #[test]
    fn no_line_leads_over_what_is_not_known() {
        let lines = |unknown: &[usize]| {
            let y = |n: u32| if unknown.contains(&(n as usize)) { f64::NAN } else { 1.0 };
            let line = (0..9).map(|n| (f64::from(n), y(n))).collect();
            let plot = Plot { lines: vec![line], ..Plot::new(0.0..10.0, 10.0) };
            let figure = Figure { title: "", note: "", legend: &[], spoken: "" };
            let html = figure.draw_described("gap", &plot).expect("drawn");
            assert!(!html.contains("\"#0"), "a marker colour is left");
            html.matches("stroke=\"var(--series-1)\"").count() + html.matches("fill=\"var(--series-1)\"").count()
        };
        let whole = lines(&[]);
        assert!(whole > 0, "each size of the picture has its line");
        assert_eq!(lines(&[4]), 2 * whole);
        assert_eq!(lines(&[1, 4]), 3 * whole, "one that stands alone is a point");
        assert_eq!(lines(&[0, 8]), whole);
    }
}
