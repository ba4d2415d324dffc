//! The timeline: a lane for every ambulance and hospital under the injects, calls and declarations, drawn as SVG.
//!
//! A long drill is cut into panels of equal length, so that each prints on a page. Colour is never alone: height, pattern and words
//! say the same.

use std::fmt::Write as _;

use crate::simulation::outcome::UnitStatus;
use crate::studies::report::markup::{count_of, short_name, span};

use super::lanes::{HospitalLane, Step, Stretch, UnitLane};
use super::lines::{InjectLine, State};
use super::page::{Since, time_of_day};
use super::sections::share;
use super::{AfterAction, escape};

const WIDTH: f64 = 1080.0;
/// Where the time axis begins: names stand before it.
const LEFT: f64 = 128.0;
const RIGHT: f64 = WIDTH - 16.0;
/// The longest stretch of time in a panel [s].
const PANEL: f64 = 3600.0;
const ROW: f64 = 17.0;
const LANE: f64 = 22.0;
const HOSPITAL: f64 = 38.0;
/// Rows of labels in the lanes of injects and calls; what does not fit keeps its mark and loses its label.
const ROWS: usize = 4;

/// Key, panels and what they add up to.
pub(super) fn section(review: &AfterAction) -> String {
    let mut html = String::from(KEY);
    for (from, to) in panels(review.about.start_s, review.about.ended_s) {
        html.push_str(&Panel { review, from, to }.draw());
    }
    html.push_str(&sums(review));
    html
}

const KEY: &str = "<ul class=\"lane-key\"><li><svg viewBox=\"0 0 28 14\" aria-hidden=\"true\"><rect class=\"dispatched\" y=\"3\" \
    width=\"28\" height=\"8\"/></svg>sent, getting ready</li><li><svg viewBox=\"0 0 28 14\" aria-hidden=\"true\"><rect class=\"en-route\" \
    y=\"2\" width=\"28\" height=\"10\"/></svg>on the way to the scene</li><li><svg viewBox=\"0 0 28 14\" aria-hidden=\"true\"><rect \
    class=\"at-scene\" width=\"28\" height=\"14\"/></svg>at the scene</li><li><svg viewBox=\"0 0 28 14\" aria-hidden=\"true\"><rect \
    class=\"transporting\" y=\"2\" width=\"28\" height=\"10\"/></svg>on the way to hospital</li><li><svg viewBox=\"0 0 28 14\" \
    aria-hidden=\"true\"><rect class=\"at-hospital\" width=\"28\" height=\"14\"/></svg>at the hospital</li><li><svg viewBox=\"0 0 28 14\" \
    aria-hidden=\"true\"><rect class=\"returning\" y=\"5.5\" width=\"28\" height=\"3\"/></svg>on the way back, free</li><li><svg \
    viewBox=\"0 0 28 14\" aria-hidden=\"true\"><line class=\"idle\" x1=\"0\" x2=\"28\" y1=\"7\" y2=\"7\"/></svg>at its station, \
    free</li></ul><p class=\"note\">Numbers on the bars are calls. Injects: ▲ with what became of it. Calls: ◆ life-threatening (C1), ● \
    C2, ○ C3 and C4, where they rang. Hospitals: patients being taken over, in grey, against the line of bays; ambulances that wait, on \
    top in red.</p>";

/// Panels of equal length in whole minutes, as few as do.
fn panels(start: f64, end: f64) -> Vec<(f64, f64)> {
    let whole = (end - start).max(60.0);
    let number = (whole / PANEL).ceil().max(1.0);
    let each = (whole / number / 60.0).ceil() * 60.0;
    let beginnings = std::iter::successors(Some(start), |from| Some(from + each));
    beginnings
        .take_while(|from| *from < start + whole - 0.5)
        .map(|from| (from, (from + each).min(start + whole)))
        .collect()
}

/// A stretch of the drill.
struct Panel<'a> {
    review: &'a AfterAction,
    from: f64,
    to: f64,
}

/// A mark in a lane of injects, calls or declarations.
struct Mark {
    at: f64,
    shape: &'static str,
    class: &'static str,
    label: String,
    title: String,
}

impl Panel<'_> {
    fn x(&self, time_s: f64) -> f64 {
        LEFT + (time_s - self.from) / (self.to - self.from) * (RIGHT - LEFT)
    }

    fn holds(&self, time_s: f64) -> bool {
        // An instant between two panels belongs to the later one, the last instant to the last.
        (self.from..self.to).contains(&time_s)
            || (time_s - self.to).abs() < 1e-9 && self.to >= self.review.about.ended_s
    }

    fn draw(&self) -> String {
        let mut lanes = String::new();
        let mut y = 24.0;
        for (name, marks) in [("Injects", self.injects()), ("Calls", self.calls()), ("Declared", self.declarations())] {
            if !marks.is_empty() {
                y += self.marks(&mut lanes, y, name, marks);
            }
        }
        let top = y;
        for unit in &self.review.units {
            self.unit(&mut lanes, y, unit);
            y += LANE;
        }
        for hospital in &self.review.hospitals {
            self.hospital(&mut lanes, y, hospital);
            y += HOSPITAL;
        }
        for line in &self.review.declared {
            if self.holds(line.time_s) {
                let x = self.x(line.time_s);
                let _ = write!(
                    lanes,
                    "<line class=\"declaration\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top:.1}\" y2=\"{y:.1}\"/>"
                );
            }
        }
        let since = Since::start(self.review);
        let height = y + 22.0;
        format!(
            "<div class=\"scroll lanes-scroll\"><svg class=\"lanes\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"What every \
             ambulance did from {} to {}; the tables below say the same in words\">{}{lanes}</svg></div>",
            since.at(self.from),
            since.at(self.to),
            self.axis(y)
        )
    }

    /// Lines every few minutes, with the time since T+0 above and of day below.
    fn axis(&self, bottom: f64) -> String {
        let length = self.to - self.from;
        let step = [60.0, 120.0, 300.0, 600.0, 900.0].into_iter().find(|step| length / step <= 13.0).unwrap_or(1800.0);
        let since = Since::start(self.review);
        let start = self.review.about.start_s;
        let first = ((self.from - start) / step - 1e-9).ceil();
        let mut svg = String::new();
        let ticks = std::iter::successors(Some(first), |n| Some(n + 1.0)).map(|n| start + n * step);
        for tick in ticks.take_while(|tick| *tick <= self.to + 1e-6) {
            let x = self.x(tick);
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"18\" y2=\"{bottom:.1}\"/><text class=\"tick\" x=\"{x:.1}\" \
                 y=\"12\">{}</text><text class=\"tick day\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
                since.at(tick),
                bottom + 15.0,
                &time_of_day(tick)[..5]
            );
        }
        svg
    }

    fn injects(&self) -> Vec<Mark> {
        let since = Since::start(self.review);
        let mark = |inject: &InjectLine| {
            let at = inject.delivered_s.filter(|at| self.holds(*at))?;
            let (class, word) = match inject.state {
                State::Met => ("met", " met"),
                State::Late => ("late", " late"),
                State::Missed => ("missed", " missed"),
                State::Open | State::Told | State::Off => ("told", ""),
            };
            let title = format!("{} at {}: {}", inject.inject, since.at(at), inject.text);
            Some(Mark { at, shape: "▲", class, label: format!("{}{word}", short_name(&inject.inject, 12)), title })
        };
        self.review.injects.iter().filter_map(mark).collect()
    }

    fn calls(&self) -> Vec<Mark> {
        let since = Since::start(self.review);
        let calls = self.review.calls.iter().filter(|call| self.holds(call.rang_s));
        calls
            .map(|call| {
                let (shape, class) = match call.category {
                    "C1" => ("◆", "k1"),
                    "C2" => ("●", "k2"),
                    _ => ("○", "k3"),
                };
                let title =
                    format!("Call {}, {}, {} at {}", call.call, call.category, call.road, since.at(call.rang_s));
                Mark { at: call.rang_s, shape, class, label: call.call.to_string(), title }
            })
            .collect()
    }

    fn declarations(&self) -> Vec<Mark> {
        let since = Since::start(self.review);
        let declared = self.review.declared.iter().filter(|line| self.holds(line.time_s));
        declared
            .map(|line| {
                let title = format!("{} at {} by {}", line.what, since.at(line.time_s), line.person);
                Mark { at: line.time_s, shape: "⚑", class: "declared", label: short_name(&line.what, 24), title }
            })
            .collect()
    }

    /// Marks with their labels in as many rows as they need; how high that is.
    fn marks(&self, svg: &mut String, top: f64, name: &str, mut marks: Vec<Mark>) -> f64 {
        marks.sort_by(|a, b| a.at.total_cmp(&b.at));
        let mut ends: Vec<f64> = Vec::new();
        let mut drawn = String::new();
        for mark in &marks {
            let x = self.x(mark.at);
            #[expect(clippy::cast_precision_loss, reason = "a label of a few characters")]
            let width = 14.0 + mark.label.chars().count() as f64 * 6.2 + 8.0;
            // A label that would leave the drawing stands before its mark.
            let (from, to, turned) =
                if x + width > WIDTH { (x + 8.0 - width, x + 8.0, true) } else { (x - 6.0, x - 6.0 + width, false) };
            let free = ends.iter().position(|end| *end <= from);
            let row = free.or_else(|| (ends.len() < ROWS).then_some(ends.len()));
            if free.is_none() && row.is_some() {
                ends.push(f64::MIN);
            }
            #[expect(clippy::cast_precision_loss, reason = "a handful of rows")]
            let y = top + ROW * (row.unwrap_or(ROWS - 1) as f64 + 0.5) + 4.0;
            let _ = write!(
                drawn,
                "<g class=\"point {}\"><title>{}</title><text class=\"shape\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
                mark.class,
                escape(&mark.title),
                mark.shape
            );
            if let Some(row) = row {
                ends[row] = to;
                let (at, class) = if turned { (x - 7.0, "label before") } else { (x + 7.0, "label") };
                let _ =
                    write!(drawn, "<text class=\"{class}\" x=\"{at:.1}\" y=\"{y:.1}\">{}</text>", escape(&mark.label));
            }
            drawn.push_str("</g>");
        }
        #[expect(clippy::cast_precision_loss, reason = "a handful of rows")]
        let height = ROW * ends.len().max(1) as f64 + 6.0;
        let _ = write!(
            svg,
            "<text class=\"lane-name strong\" x=\"0\" y=\"{:.1}\">{name}</text><line class=\"rule\" x1=\"0\" x2=\"{WIDTH}\" y1=\"{:.1}\" \
             y2=\"{:.1}\"/>{drawn}",
            top + ROW * 0.5 + 4.0,
            top + height,
            top + height
        );
        height
    }

    fn name(svg: &mut String, y: f64, name: &str) {
        let _ = write!(svg, "<text class=\"lane-name\" x=\"0\" y=\"{y:.1}\">{}</text>", escape(&short_name(name, 18)));
    }

    fn unit(&self, svg: &mut String, top: f64, unit: &UnitLane) {
        let middle = top + LANE / 2.0;
        Self::name(svg, middle + 4.0, &unit.unit);
        for stretch in unit.stretches.iter().filter(|stretch| stretch.to_s > self.from && stretch.from_s < self.to) {
            self.stretch(svg, middle, unit, stretch);
        }
    }

    fn stretch(&self, svg: &mut String, middle: f64, unit: &UnitLane, stretch: &Stretch) {
        let (from, to) = (self.x(stretch.from_s.max(self.from)), self.x(stretch.to_s.min(self.to)));
        let (height, doing) = match stretch.status {
            UnitStatus::Available => {
                let _ = write!(
                    svg,
                    "<line class=\"idle\" x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>"
                );
                return;
            }
            UnitStatus::Dispatched => (10.0, "sent"),
            UnitStatus::EnRoute => (12.0, "on the way"),
            UnitStatus::AtScene => (16.0, "at the scene"),
            UnitStatus::Transporting => (12.0, "to hospital"),
            UnitStatus::AtHospital => (16.0, "at the hospital"),
            UnitStatus::Returning => (3.0, "on the way back"),
        };
        let since = Since::start(self.review);
        let call = stretch.call.map_or_else(String::new, |call| format!(", call {call}"));
        let width = (to - from).max(0.5);
        let _ = write!(
            svg,
            "<g><title>{} {doing}{call}: {} to {}</title><rect class=\"{}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{width:.1}\" \
             height=\"{height}\"/>",
            escape(&unit.unit),
            since.at(stretch.from_s),
            since.at(stretch.to_s),
            stretch.status.name(),
            middle - height / 2.0
        );
        // Once a drive and once a stay: the bars in between say the same call.
        if let (Some(call), UnitStatus::EnRoute | UnitStatus::AtScene | UnitStatus::AtHospital) =
            (stretch.call, stretch.status)
            && width > 20.0
        {
            let _ = write!(
                svg,
                "<text class=\"on-{}\" x=\"{:.1}\" y=\"{:.1}\">{call}</text>",
                stretch.status.name(),
                f64::midpoint(from, to),
                middle + 3.6
            );
        }
        svg.push_str("</g>");
    }

    /// Patients being taken over against the bays, and ambulances that wait on top.
    fn hospital(&self, svg: &mut String, top: f64, hospital: &HospitalLane) {
        let most =
            hospital.steps.iter().map(|step| step.bays.max(step.taking_over) + step.waiting).max().unwrap_or(0).max(1);
        let bottom = top + HOSPITAL - 6.0;
        let unit = (HOSPITAL - 10.0) / f64::from(most);
        Self::name(svg, bottom - 8.0, &hospital.hospital);
        let _ =
            write!(svg, "<line class=\"idle\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{bottom:.1}\" y2=\"{bottom:.1}\"/>");
        let ends = hospital.steps.iter().skip(1).map(|step| step.at_s).chain([self.review.about.ended_s]);
        let since = Since::start(self.review);
        for (step, end) in hospital.steps.iter().zip(ends).filter(|(step, end)| *end > self.from && step.at_s < self.to)
        {
            let (from, to) = (self.x(step.at_s.max(self.from)), self.x(end.min(self.to)));
            let Step { taking_over, waiting, bays, .. } = *step;
            let level = |patients: u32| bottom - f64::from(patients) * unit;
            let width = (to - from).max(0.5);
            let _ = write!(
                svg,
                "<g><title>{}: {taking_over} of {bays} bays taken, {waiting} waiting: {} to {}</title>",
                escape(&hospital.hospital),
                since.at(step.at_s),
                since.at(end)
            );
            for (class, low, high) in [("taken", 0, taking_over), ("waits", taking_over, taking_over + waiting)] {
                if high > low {
                    let _ = write!(
                        svg,
                        "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{:.1}\"/>",
                        level(high),
                        level(low) - level(high)
                    );
                }
            }
            let bays = level(bays);
            let _ = write!(
                svg,
                "<line class=\"bays\" x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{bays:.1}\" y2=\"{bays:.1}\"/></g>"
            );
        }
    }
}

/// How busy units and hospitals were, in words.
fn sums(review: &AfterAction) -> String {
    let units: Vec<String> =
        review.units.iter().map(|unit| format!("{} {}", escape(&unit.unit), share(unit.busy))).collect();
    let hospitals: Vec<String> = review
        .hospitals
        .iter()
        .map(|hospital| {
            let waited = match hospital.most_waiting {
                0 => "nobody waited".to_owned(),
                most => format!("at most {} waited", count_of(most as usize)),
            };
            format!("{}: every bay taken for {}, {waited}", escape(&hospital.hospital), span(hospital.full_s))
        })
        .collect();
    let mut html = String::new();
    if !units.is_empty() {
        let _ = write!(
            html,
            "<p class=\"note\"><strong>At work for a call, share of the drill:</strong> {}.</p>",
            units.join(", ")
        );
    }
    if !hospitals.is_empty() {
        let _ = write!(html, "<p class=\"note\"><strong>Hospitals:</strong> {}.</p>", hospitals.join("; "));
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_drill_is_cut_into_equal_panels() {
        assert_eq!(panels(100.0, 2800.0), [(100.0, 2800.0)]);
        assert_eq!(panels(0.0, 5400.0), [(0.0, 2700.0), (2700.0, 5400.0)]);
        assert_eq!(panels(0.0, 3601.0), [(0.0, 1860.0), (1860.0, 3601.0)]);
        // Nothing was played: an axis of one minute.
        assert_eq!(panels(500.0, 500.0), [(500.0, 560.0)]);
    }
}
