//! The figures of `docs/validation.md`: points, lines and bands on two axes, as a small SVG.
//!
//! Drawn from the same numbers the check asserts. What is committed must be what the check draws; `UPDATE_FIGURES` writes it anew.

use plotters::chart::SeriesLabelPosition;
use plotters::prelude::{
    ChartBuilder, Circle, IntoDrawingArea, IntoFont, LineSeries, PathElement, RGBColor, Rectangle, SVGBackend, WHITE,
};
use plotters::style::{BLACK, Color};

use crate::record;

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A dot per point.
    Dots,
    /// A line through the points.
    Line,
    /// A rectangle between the first and the second point: what the literature allows.
    Band,
    /// A thin grey line without a name: one vehicle of many.
    Thread,
    /// A thick red line: a signal that shows red.
    Red,
}

/// What belongs together in a figure.
#[derive(Debug, Clone)]
pub(crate) struct Series<'a> {
    /// Its name in the legend; empty for none.
    pub(crate) name: &'a str,
    /// How it is drawn.
    pub(crate) mark: Mark,
    /// Its points.
    pub(crate) points: Vec<(f64, f64)>,
}

/// A figure.
#[derive(Debug)]
pub(crate) struct Figure<'a> {
    /// File name without ending.
    pub(crate) name: &'a str,
    /// The horizontal axis: label, begin, end.
    pub(crate) x: (&'a str, f64, f64),
    /// The vertical axis.
    pub(crate) y: (&'a str, f64, f64),
    /// What is drawn, from back to front.
    pub(crate) series: Vec<Series<'a>>,
}

/// Colours told apart without red and green (Okabe and Ito 2008).
const INKS: [RGBColor; 5] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
];
const GREY: RGBColor = RGBColor(120, 120, 120);
const RED: RGBColor = RGBColor(200, 30, 30);
const BAND: RGBColor = RGBColor(255, 236, 179);

impl Figure<'_> {
    /// Holds the committed figure against this one.
    pub(crate) fn keep(&self) {
        let file = record::docs().join("figures").join(format!("{}.svg", self.name));
        let mut drawn = String::new();
        self.draw(&mut drawn).expect("a string takes any figure");
        // Plotters writes an element a line; what is left is small.
        drawn.push('\n');
        if record::updating() {
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("the folder can be made");
            std::fs::write(&file, &drawn).expect("the figure can be written");
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(kept == drawn, "{} is another figure: `UPDATE_FIGURES=1 cargo test --test field`?", file.display());
    }

    fn draw(&self, svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
        let area = SVGBackend::with_string(svg, (640, 360)).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .margin_right(28)
            .x_label_area_size(40)
            .y_label_area_size(72)
            .build_cartesian_2d(self.x.1..self.x.2, self.y.1..self.y.2)?;
        let font = || ("sans-serif", 15).into_font();
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(RGBColor(225, 225, 225))
            .x_desc(self.x.0)
            .y_desc(self.y.0)
            .x_label_formatter(&|tick| number(*tick))
            .y_label_formatter(&|tick| number(*tick))
            .label_style(font())
            .axis_desc_style(font())
            .draw()?;
        let mut inks = INKS.iter().cycle();
        let mut named = false;
        for series in &self.series {
            let ink = match series.mark {
                Mark::Thread => GREY,
                Mark::Band => BAND,
                Mark::Red => RED,
                Mark::Dots | Mark::Line => *inks.next().unwrap_or(&GREY),
            };
            let points = series.points.iter().copied();
            let drawn = match series.mark {
                Mark::Dots => chart.draw_series(points.map(|point| Circle::new(point, 3, ink.filled())))?,
                Mark::Line => chart.draw_series(LineSeries::new(points, ink.stroke_width(2)))?,
                Mark::Red => chart.draw_series(LineSeries::new(points, ink.stroke_width(4)))?,
                Mark::Thread => chart.draw_series(LineSeries::new(points, ink.stroke_width(1)))?,
                Mark::Band => {
                    chart.draw_series([Rectangle::new([series.points[0], series.points[1]], ink.filled())])?
                }
            };
            if !series.name.is_empty() {
                named = true;
                let mark = series.mark;
                drawn.label(series.name).legend(move |(x, y)| match mark {
                    Mark::Band => PathElement::new(vec![(x, y), (x + 16, y)], ink.stroke_width(9)),
                    _ => PathElement::new(vec![(x, y), (x + 16, y)], ink.stroke_width(3)),
                });
            }
        }
        if named {
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperRight)
                .background_style(WHITE.mix(0.85))
                .border_style(BLACK.mix(0.2))
                .label_font(font())
                .draw()?;
        }
        area.present()?;
        drop(chart);
        Ok(())
    }
}

/// A tick as people write it: whole where it is whole.
fn number(tick: f64) -> String {
    let text = format!("{tick:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}
