//! The map: roads as SVG with their width by lanes and their colour by delay, what lies behind them, and its legend.
//!
//! Drawn for the whole run without any script; [`data`] gives the script the other intervals and measures. Colours are
//! classes of the style sheet, so that light, dark and print each have their own scale.

mod data;
pub(crate) mod drawing;

use std::fmt::Write as _;

use crate::city::network::Network;
use crate::primitives::ids::EdgeId;
use crate::simulation::outcome::Outcome;

use super::markup::{escape, number, per_cent};
use super::roads::{RoadFigures, figures, junction_share};
use super::{Area, AreaKind, Backdrop, PlaceKind};

use drawing::{Sheet, road_line};

/// A measure a road can be coloured by.
#[derive(Debug, Clone, Copy)]
struct Measure {
    key: &'static str,
    label: &'static str,
    unit: &'static str,
    /// Limits between the classes of colour, from the best to the worst.
    limits: [f64; 6],
    /// Whether a low value is bad.
    low_is_bad: bool,
    about: &'static str,
}

const MEASURES: [Measure; 4] = [
    Measure {
        key: "delay",
        label: "Delay per vehicle",
        unit: "s/veh",
        limits: [5.0, 10.0, 20.0, 35.0, 55.0, 80.0],
        low_is_bad: false,
        about: "Simulated control delay: time lost on the road per vehicle that used it.",
    },
    Measure {
        key: "pace",
        label: "Delay per vehicle and kilometre",
        unit: "s/km",
        limits: [15.0, 30.0, 60.0, 90.0, 120.0, 180.0],
        low_is_bad: false,
        about: "Delay per vehicle divided by the road’s length, so that short and long roads compare.",
    },
    Measure {
        key: "speed",
        label: "Speed as a share of the limit",
        unit: "%",
        limits: [85.0, 70.0, 55.0, 40.0, 25.0, 10.0],
        low_is_bad: true,
        about: "Mean speed (distance driven over time spent) as a share of the speed limit.",
    },
    Measure {
        key: "flow",
        label: "Flow",
        unit: "veh/h",
        limits: [50.0, 100.0, 200.0, 400.0, 700.0, 1100.0],
        low_is_bad: false,
        about: "Vehicles per hour in the direction of the road, over all its lanes.",
    },
];

impl Measure {
    /// The class of a value, 0 (best) to 6 (worst).
    fn class(&self, value: f64) -> usize {
        self.limits.iter().filter(|limit| if self.low_is_bad { value < **limit } else { value >= **limit }).count()
    }

    /// What the legend says beside a class.
    fn class_label(&self, class: usize) -> String {
        let limit = |i: usize| number(self.limits[i], 0);
        match (class, self.low_is_bad) {
            (0, false) => format!("under {}", limit(0)),
            (6, false) => format!("{} and more", limit(5)),
            (n, false) => format!("{}–{}", limit(n - 1), limit(n)),
            (0, true) => format!("{} and more", limit(0)),
            (6, true) => format!("under {}", limit(5)),
            (n, true) => format!("{}–{}", limit(n), limit(n - 1)),
        }
    }
}

/// A map ready for the page.
#[derive(Debug)]
pub(super) struct CityMap {
    /// Roads in the order they are drawn: unused ones first, then by lanes, the worst on top.
    drawn: Vec<EdgeId>,
    html: String,
    data: String,
}

impl CityMap {
    /// Draws the map of a run.
    pub(super) fn new(network: &Network, outcome: &Outcome, backdrop: &Backdrop) -> Self {
        let all = 0..outcome.roads.intervals.len();
        let mut roads: Vec<(EdgeId, RoadFigures)> =
            network.roads().map(|(id, _)| (id, figures(network, outcome, id, all.clone()))).collect();
        roads.sort_by(|a, b| {
            let order = |road: &(EdgeId, RoadFigures)| (road.1.is_used(), network.edge(road.0).lane_count());
            order(a).cmp(&order(b)).then(a.1.delay().total_cmp(&b.1.delay())).then(a.0.cmp(&b.0))
        });
        let sheet = Sheet::around(network);
        let drawn: Vec<EdgeId> = roads.iter().map(|road| road.0).collect();
        let html = html(network, outcome, backdrop, &sheet, &roads);
        let data = data::json(network, outcome, &sheet, &drawn);
        Self { drawn, html, data }
    }

    /// The figure with its controls and legend.
    pub(super) fn html(&self) -> &str {
        &self.html
    }

    /// What the script needs, as JSON that is safe in a script element.
    pub(super) fn data(&self) -> &str {
        &self.data
    }

    /// Where each of the network's roads stands among the drawn ones.
    pub(super) fn places(&self) -> std::collections::BTreeMap<EdgeId, usize> {
        self.drawn.iter().enumerate().map(|(place, id)| (*id, place)).collect()
    }
}

fn html(
    network: &Network,
    outcome: &Outcome,
    backdrop: &Backdrop,
    sheet: &Sheet,
    roads: &[(EdgeId, RoadFigures)],
) -> String {
    let measure = MEASURES[0];
    let mut html = String::from("<figure class=\"map-figure\">");
    html.push_str(&controls(data::stretches(outcome, roads.len()).len()));
    let (width, height) = (sheet.width(), sheet.height());
    let _ = write!(
        html,
        "<div class=\"map\" id=\"map\"><svg id=\"map-svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-label=\"Map of the city’s roads coloured by delay per vehicle; the tables below give the same figures as text.\" \
         style=\"--px:{};--lane:{}\">",
        number_plain(sheet.pixel()),
        number_plain(sheet.lane_width()),
    );
    let (areas, area_names) = areas(&backdrop.areas, sheet);
    html.push_str(&areas);
    html.push_str("<g id=\"chosen\"></g><g id=\"roads\">");
    let twins = drawing::twins(network);
    for (id, road) in roads {
        let class = if road.is_used() { format!("c{}", measure.class(road.delay())) } else { "unused".to_owned() };
        let lanes = network.edge(*id).lane_count().clamp(1, 6);
        let _ = write!(html, "<path class=\"w{lanes} {class}\" d=\"{}\"/>", road_line(network, *id, sheet, &twins));
    }
    html.push_str("</g>");
    html.push_str(&area_names);
    html.push_str(&places(backdrop, sheet));
    let bar = drawing::scale_bar(sheet);
    html.push_str(&bar);
    html.push_str(
        "</svg><div class=\"zoom js-only\" hidden><button type=\"button\" data-zoom=\"in\" aria-label=\"Zoom in\">+</button>\
         <button type=\"button\" data-zoom=\"out\" aria-label=\"Zoom out\">−</button><button type=\"button\" \
         data-zoom=\"all\" aria-label=\"Show the whole map\">⤢</button></div>\
         <div id=\"tip\" class=\"tip\" role=\"status\" aria-live=\"polite\" hidden></div></div>",
    );
    html.push_str(&legend(&measure, backdrop));
    html.push_str(&notes(network, outcome));
    html.push_str("</figure>");
    html
}

fn controls(steps: usize) -> String {
    let mut html =
        String::from("<div class=\"controls js-only\" hidden><label class=\"field\">Colour by<select id=\"measure\">");
    for measure in MEASURES {
        let _ = write!(html, "<option value=\"{}\">{} [{}]</option>", measure.key, measure.label, measure.unit);
    }
    let _ = write!(
        html,
        "</select></label><label class=\"field\">Find a street<input id=\"find\" list=\"streets\" type=\"search\" \
         autocomplete=\"off\"></label><datalist id=\"streets\"></datalist><label class=\"field time\"><span>Time: <output \
         id=\"when\">whole run</output></span><input id=\"time\" type=\"range\" min=\"0\" max=\"{steps}\" step=\"1\" \
         value=\"0\"></label><button type=\"button\" id=\"whole\">Whole run</button></div>"
    );
    html
}

fn legend(measure: &Measure, backdrop: &Backdrop) -> String {
    let mut html = format!(
        "<div class=\"legend\"><p id=\"legend-title\"><strong>{} [{}]</strong> {}</p><ol id=\"legend\" class=\"scale\">",
        measure.label, measure.unit, measure.about
    );
    for class in 0..=measure.limits.len() {
        let _ =
            write!(html, "<li><span class=\"swatch c{class}\"></span><span>{}</span></li>", measure.class_label(class));
    }
    html.push_str("</ol><ul class=\"keys\"><li><span class=\"swatch unused\"></span>not used</li>");
    for (kind, label) in
        [(PlaceKind::Hospital, "hospital"), (PlaceKind::Station, "ambulance station"), (PlaceKind::Stop, "bus stop")]
    {
        if backdrop.places.iter().any(|place| place.kind == kind) {
            let _ =
                write!(html, "<li><svg viewBox=\"-9 -9 18 18\" aria-hidden=\"true\">{}</svg>{label}</li>", pin(kind));
        }
    }
    for (kind, class, label) in [(AreaKind::Water, "water", "water"), (AreaKind::Park, "park", "park")] {
        if backdrop.areas.iter().any(|area| area.kind == kind) {
            let _ = write!(html, "<li><span class=\"swatch {class}\"></span>{label}</li>");
        }
    }
    html.push_str("</ul></div>");
    html
}

fn notes(network: &Network, outcome: &Outcome) -> String {
    let mut html = String::from(
        "<figcaption><p class=\"js-only\" hidden>Point at a road for its figures. Drag to move, turn the wheel or pinch to \
         zoom. With the keyboard: arrows move, + and − zoom, 0 shows everything, N and P step through the roads from the \
         most time lost.</p>",
    );
    if let Some(share) = junction_share(network, outcome) {
        let _ = write!(
            html,
            "<p>Roads are as wide as their lanes, not to scale. {} of all time lost was lost inside junctions, which is in the \
             trip figures but not on the map.</p>",
            per_cent(share, 1.0)
        );
    }
    html.push_str("</figcaption>");
    html
}

/// The areas, which lie under the roads, and their names, which stand above them.
fn areas(areas: &[Area], sheet: &Sheet) -> (String, String) {
    let mut html = String::from("<g class=\"areas\">");
    let mut labels = String::from("<g class=\"area-names\">");
    for kind in [AreaKind::Quarter, AreaKind::Park, AreaKind::Water] {
        let class = match kind {
            AreaKind::Quarter => "quarter",
            AreaKind::Park => "park",
            AreaKind::Water => "water",
        };
        for area in areas.iter().filter(|area| area.kind == kind && area.outline.len() > 2) {
            let _ = write!(html, "<path class=\"{class}\" d=\"{}Z\"/>", sheet.path(&area.outline));
            if let Some((name, at)) = area.name.as_deref().zip(sheet.label_place(&area.outline)) {
                let _ = write!(labels, "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>", at.0, at.1, escape(name));
            }
        }
    }
    html.push_str("</g>");
    labels.push_str("</g>");
    (html, labels)
}

fn places(backdrop: &Backdrop, sheet: &Sheet) -> String {
    let mut html = String::from("<g class=\"places\">");
    for kind in [PlaceKind::Stop, PlaceKind::Station, PlaceKind::Hospital] {
        for place in backdrop.places.iter().filter(|place| place.kind == kind) {
            let Some((x, y)) = sheet.place(place.position) else { continue };
            let _ = write!(
                html,
                "<g transform=\"translate({x} {y})\"><g class=\"pin\"><title>{}</title>{}</g></g>",
                escape(&place.name),
                pin(kind)
            );
        }
    }
    html.push_str("</g>");
    html
}

/// The sign of a place, in pixels around its middle.
fn pin(kind: PlaceKind) -> &'static str {
    match kind {
        PlaceKind::Hospital => {
            "<rect class=\"hospital\" x=\"-8\" y=\"-8\" width=\"16\" height=\"16\" rx=\"3\"/>\
             <path class=\"sign\" d=\"M-3.5-4.5v9M3.5-4.5v9M-3.5 0h7\"/>"
        }
        PlaceKind::Station => {
            "<circle class=\"station\" r=\"8\"/><path class=\"sign\" d=\"M0-4.5v9M-3.9-2.2l7.8 4.4M-3.9 2.2l7.8-4.4\"/>"
        }
        PlaceKind::Stop => "<circle class=\"stop\" r=\"2.6\"/>",
    }
}

/// A number as CSS and SVG read it.
fn number_plain(value: f64) -> String {
    format!("{value:.2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_their_labels_agree() {
        let delay = MEASURES[0];
        assert_eq!([0.0, 4.9, 5.0, 79.9, 80.0, 1e9].map(|value| delay.class(value)), [0, 0, 1, 5, 6, 6]);
        assert_eq!(
            (delay.class_label(0), delay.class_label(1), delay.class_label(6)),
            ("under 5".into(), "5–10".into(), "80 and more".into())
        );
        let speed = MEASURES[2];
        assert_eq!([100.0, 85.0, 84.0, 10.0, 9.0].map(|value| speed.class(value)), [0, 0, 1, 5, 6]);
        assert_eq!(
            (speed.class_label(0), speed.class_label(1), speed.class_label(6)),
            ("85 and more".into(), "70–85".into(), "under 10".into())
        );
    }
}
