//! The map of differences: roads coloured by how much longer a vehicle waits there than in the base, with the base to peek at.
//!
//! Drawn for the delays of the first variant without any script; the script shows the other variants and layers, the figures themselves,
//! and while a button is held the base. Colours run from blue over grey to orange (safe for the colour-blind), and the
//! tables of the page say the same in numbers. Only roads of the base are drawn.

use std::fmt::Write as _;

use super::super::analysis::{RoadMean, VariantResult};
use super::super::files::Whole;
use super::super::wording::signed;
use super::layers::{Layer, layers};
use crate::city::network::{Edge, Network};
use crate::primitives::ids::EdgeId;
use crate::studies::report::map::drawing::{Sheet, road_line, scale_bar, twins};
use crate::studies::report::markup::{count_of, escape, json_text, number};

/// Most roads drawn; beyond it those with the least traffic are left out, and counted.
const ROADS_MAX: usize = 12_000;
/// Most variants that the script can show.
const VARIANTS_MAX: usize = 20;
/// Most figures on the page, of all layers, variants and roads; beyond it the last variants are only in the tables.
const FIGURES_MAX: usize = 900_000;
/// Roads in the table of a variant.
const WORST: usize = 5;

/// The map and what its script needs.
pub(super) struct Drawn {
    pub(super) html: String,
    /// JSON that is safe in a script element.
    pub(super) data: String,
}

/// The section of the page.
pub(super) fn section(whole: &Whole<'_>, network: &Network) -> Drawn {
    let Some((base, others)) = whole.analysis.variants.split_first().filter(|(_, others)| !others.is_empty()) else {
        return Drawn { html: String::new(), data: "null".to_owned() };
    };
    let others = &others[..others.len().min(VARIANTS_MAX)];
    let (roads, left_out) = drawn_roads(network, whole);
    let names: Vec<&str> = roads.iter().map(|road| network.edge(*road).name.as_str()).collect();
    let results: Vec<&VariantResult> = std::iter::once(base).chain(others).collect();
    let mut layers = layers(&results, &names);
    let shown = (FIGURES_MAX / (names.len() * layers.len()).max(1)).saturating_sub(1).clamp(1, others.len());
    for layer in &mut layers {
        layer.truncate(shown);
    }
    let sheet = Sheet::around(network);
    let mut html = String::from(
        "<section aria-labelledby=\"where\"><h2 id=\"where\">Where it changes</h2><p>Every road of the base, mean of all runs: variant less base. \
         Without a script, the map is that of delays.</p><figure class=\"map-figure\">",
    );
    controls(&mut html, whole, shown, &layers);
    let _ = write!(
        html,
        "<div class=\"map\" id=\"map\"><svg id=\"map-svg\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"Map of the city’s roads coloured by \
         change of delay; the tables below name the roads that change most.\" style=\"--px:{:.2};--lane:{:.2}\"><g id=\"chosen\"></g><g id=\"roads\">",
        sheet.width(),
        sheet.height(),
        sheet.pixel(),
        sheet.lane_width()
    );
    let twins = twins(network);
    for (place, id) in roads.iter().enumerate() {
        let class = layers.first().map_or_else(|| "unused".to_owned(), |delay| delay.change_class(1, place));
        let lanes = network.edge(*id).lane_count().clamp(1, 6);
        let _ = write!(html, "<path class=\"w{lanes} {class}\" d=\"{}\"/>", road_line(network, *id, &sheet, &twins));
    }
    html.push_str("</g>");
    html.push_str(&scale_bar(&sheet));
    html.push_str("</svg><div id=\"tip\" class=\"tip\" role=\"status\" aria-live=\"polite\" hidden></div></div>");
    legend(&mut html, layers.first());
    if shown + 1 < whole.design.variants.len() {
        let _ = write!(html, "<p class=\"small\">The map shows the first {} variants.</p>", count_of(shown));
    }
    if left_out > 0 {
        let _ =
            write!(html, "<p class=\"small\">{} roads with the least traffic are not drawn.</p>", count_of(left_out));
    }
    html.push_str(
        "<figcaption><p class=\"js-only\" hidden>Point at a road for its figures. With the keyboard, N and P step through the roads from the \
         largest change, and Escape leaves them.</p></figcaption></figure>",
    );
    tables(&mut html, whole, network);
    html.push_str("</section>");
    Drawn { html, data: data(whole, network, &roads, &layers, shown) }
}

/// The roads to be drawn in the order of the network, and how many are not.
fn drawn_roads(network: &Network, whole: &Whole<'_>) -> (Vec<EdgeId>, usize) {
    let traffic = |edge: &Edge| -> f64 {
        whole.analysis.variants.iter().filter_map(|result| result.roads.get(&edge.name)).map(|road| road.vehicles).sum()
    };
    let mut roads: Vec<(f64, EdgeId)> = network.roads().map(|(id, edge)| (traffic(edge), id)).collect();
    roads.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let left_out = roads.len().saturating_sub(ROADS_MAX);
    roads.truncate(ROADS_MAX);
    let mut roads: Vec<EdgeId> = roads.into_iter().map(|road| road.1).collect();
    roads.sort();
    (roads, left_out)
}

fn controls(html: &mut String, whole: &Whole<'_>, shown: usize, layers: &[Layer]) {
    html.push_str("<div class=\"toggles js-only\" hidden>");
    if layers.len() > 1 {
        html.push_str("<label class=\"field\">Layer<select id=\"layer\">");
        for (place, layer) in layers.iter().enumerate() {
            let _ = write!(html, "<option value=\"{place}\">{}</option>", escape(&layer.label()));
        }
        html.push_str("</select></label>");
    }
    html.push_str("<div role=\"group\" aria-label=\"Variant\">");
    for (place, variant) in whole.design.variants.iter().enumerate().skip(1).take(shown) {
        let _ = write!(
            html,
            "<button type=\"button\" data-variant=\"{place}\" aria-pressed=\"{}\">{}</button>",
            place == 1,
            escape(&variant.name)
        );
    }
    let _ = write!(
        html,
        "</div><div role=\"group\" aria-label=\"What is shown\"><button type=\"button\" data-show=\"change\" aria-pressed=\"true\">What \
         changes</button><button type=\"button\" data-show=\"value\" aria-pressed=\"false\">How it is</button></div>\
         <button type=\"button\" id=\"peek\">Hold to see {}</button></div>",
        escape(&whole.design.base().name)
    );
}

fn legend(html: &mut String, layer: Option<&Layer>) {
    let Some(layer) = layer else { return };
    let _ = write!(
        html,
        "<div class=\"legend\"><p id=\"legend-title\" aria-live=\"polite\"><strong>Change of {}</strong> blue is less, orange is more than in the \
         base. {}</p>",
        escape(&layer.label().to_lowercase()),
        escape(layer.about())
    );
    for (id, class, hidden, labels) in
        [("legend-change", 'd', "", layer.change_labels()), ("legend-value", 'c', " hidden", layer.value_labels())]
    {
        let _ = write!(html, "<ol class=\"scale\" id=\"{id}\"{hidden}>");
        for (place, label) in labels.iter().enumerate() {
            let _ = write!(html, "<li><span class=\"swatch {class}{place}\"></span><span>{label}</span></li>");
        }
        html.push_str("</ol>");
    }
    html.push_str(
        "<ul class=\"keys\"><li><span class=\"swatch unused\"></span>no figure: not used, or new</li><li><span class=\"swatch gone\"></span>in the \
         base only</li></ul></div>",
    );
}

/// The roads that change most, for each variant: by all the time lost on them, not by vehicle, so that a lane with one car does not lead.
fn tables(html: &mut String, whole: &Whole<'_>, network: &Network) {
    let base = &whole.analysis.variants[0];
    for (variant, result) in whole.design.variants.iter().zip(&whole.analysis.variants).skip(1) {
        let mut changes: Vec<(f64, &Edge)> = network
            .roads()
            .map(|(_, edge)| (lost(result, &edge.name) - lost(base, &edge.name), edge))
            .filter(|(change, _)| *change != 0.0)
            .collect();
        changes.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.name.cmp(&b.1.name)));
        if changes.is_empty() {
            continue;
        }
        let less = changes.iter().filter(|change| change.0 < 0.0).take(WORST);
        let more = changes.iter().rev().filter(|change| change.0 > 0.0).take(WORST);
        let name = escape(&variant.name);
        let _ = write!(
            html,
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Roads that change most: {name}\"><table class=\"left\"><caption>\
             <span>{name}: roads that change most</span></caption><thead><tr><th scope=\"col\">Road</th><th scope=\"col\">Time lost \
             [veh h]</th><th scope=\"col\">Delay [s/veh]</th><th scope=\"col\">Vehicles</th></tr></thead><tbody>"
        );
        for (change, edge) in less.chain(more) {
            row(html, *change, edge, base.roads.get(&edge.name), result.roads.get(&edge.name));
        }
        html.push_str("</tbody></table></div>");
    }
}

fn lost(result: &VariantResult, road: &str) -> f64 {
    result.roads.get(road).map_or(0.0, |road| road.lost)
}

fn row(html: &mut String, change: f64, edge: &Edge, was: Option<&RoadMean>, is: Option<&RoadMean>) {
    let both = |figure: fn(&RoadMean) -> Option<f64>, decimals: usize| {
        let one = |road: Option<&RoadMean>| number(road.and_then(figure).unwrap_or(f64::NAN), decimals);
        format!("{} → {}", one(was), one(is))
    };
    let street = edge.street.as_deref().filter(|street| !street.trim().is_empty()).unwrap_or(&edge.name);
    let code = if street == edge.name {
        String::new()
    } else {
        format!(" <span class=\"code\">{}</span>", escape(&edge.name))
    };
    let _ = write!(
        html,
        "<tr><th scope=\"row\">{}{code}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
        escape(street),
        signed(change / 3600.0, 2),
        both(RoadMean::delay, 1),
        both(|road| Some(road.vehicles), 0),
    );
}

/// What the script needs: names of the drawn roads, and the layers.
fn data(whole: &Whole<'_>, network: &Network, roads: &[EdgeId], layers: &[Layer], shown: usize) -> String {
    let names: Vec<String> = roads
        .iter()
        .map(|id| {
            let edge = network.edge(*id);
            let street = edge.street.as_deref().filter(|street| !street.trim().is_empty()).unwrap_or("");
            format!("[{},{}]", json_text(street), json_text(&edge.name))
        })
        .collect();
    let variants = whole.design.variants.iter().take(shown + 1).map(|variant| json_text(&variant.name));
    format!(
        "{{\"roads\":[{}],\"names\":[{}],\"layers\":[{}]}}",
        names.join(","),
        variants.collect::<Vec<_>>().join(","),
        layers.iter().map(Layer::json).collect::<Vec<_>>().join(",")
    )
}
