//! The map of differences: roads coloured by how much longer a vehicle waits there than in the base, with the base to peek at.
//!
//! Drawn for the first variant without any script; the script shows the other variants, the delays themselves, and while a
//! button is held the base. Colours run from blue over grey to orange (safe for the colour-blind), and the
//! table beside it says the same in numbers. Only roads of the base are drawn.

use std::fmt::Write as _;

use super::super::analysis::{RoadMean, VariantResult};
use super::super::files::Whole;
use super::super::wording::signed;
use crate::city::network::{Edge, Network};
use crate::primitives::ids::EdgeId;
use crate::studies::report::map::drawing::{Sheet, road_line, scale_bar, twins};
use crate::studies::report::markup::{count_of, escape, json_text, number};

/// Limits between the classes of a difference of delay [s/veh].
const LIMITS: [f64; 6] = [-10.0, -3.0, -1.0, 1.0, 3.0, 10.0];
/// Limits between the classes of a delay [s/veh], those of a run's report.
const DELAYS: [f64; 6] = [5.0, 10.0, 20.0, 35.0, 55.0, 80.0];
/// Most roads drawn; beyond it those with the least traffic are left out, and counted.
const ROADS_MAX: usize = 12_000;
/// Most variants that the script can show.
const VARIANTS_MAX: usize = 20;
/// Roads in the table of a variant.
const WORST: usize = 5;

/// The map and what its script needs.
pub(super) struct Drawn {
    pub(super) html: String,
    /// JSON that is safe in a script element.
    pub(super) data: String,
}

/// The class of a difference of delay: 0 much less to 6 much more.
fn class(difference: f64) -> usize {
    LIMITS.iter().filter(|limit| difference > **limit).count()
}

/// The difference of delay of a road; none where it is used in one of the two only, or in neither.
fn difference(base: Option<&RoadMean>, variant: Option<&RoadMean>) -> Option<f64> {
    Some(variant?.delay()? - base?.delay()?)
}

/// The section of the page.
pub(super) fn section(whole: &Whole<'_>, network: &Network) -> Drawn {
    let Some((base, others)) = whole.analysis.variants.split_first().filter(|(_, others)| !others.is_empty()) else {
        return Drawn { html: String::new(), data: "null".to_owned() };
    };
    let others = &others[..others.len().min(VARIANTS_MAX)];
    let (roads, left_out) = drawn_roads(network, whole);
    let sheet = Sheet::around(network);
    let mut html = String::from(
        "<section aria-labelledby=\"where\"><h2 id=\"where\">Where it changes</h2><p>Time lost on a road per vehicle that used it, mean of all \
         runs: variant less base.</p><figure class=\"map-figure\">",
    );
    controls(&mut html, whole, others.len());
    let _ = write!(
        html,
        "<div class=\"map\" id=\"map\"><svg id=\"map-svg\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"Map of the city’s roads coloured by \
         change of delay; the tables below name the roads that change most.\" style=\"--px:{:.2};--lane:{:.2}\"><g id=\"roads\">",
        sheet.width(),
        sheet.height(),
        sheet.pixel(),
        sheet.lane_width()
    );
    let twins = twins(network);
    for id in &roads {
        let edge = network.edge(*id);
        let (was, is) = (base.roads.get(&edge.name), others[0].roads.get(&edge.name));
        let class = match difference(was, is) {
            Some(difference) => format!("d{}", class(difference)),
            None if was.is_some() && is.is_none() => "gone".to_owned(),
            None => "unused".to_owned(),
        };
        let lanes = edge.lane_count().clamp(1, 6);
        let _ = write!(html, "<path class=\"w{lanes} {class}\" d=\"{}\"/>", road_line(network, *id, &sheet, &twins));
    }
    html.push_str("</g>");
    html.push_str(&scale_bar(&sheet));
    html.push_str("</svg><div id=\"tip\" class=\"tip\" role=\"status\" aria-live=\"polite\" hidden></div></div>");
    legend(&mut html);
    if left_out > 0 {
        let _ =
            write!(html, "<p class=\"small\">{} roads with the least traffic are not drawn.</p>", count_of(left_out));
    }
    html.push_str("</figure>");
    tables(&mut html, whole, network);
    html.push_str("</section>");
    Drawn { html, data: data(whole, network, &roads, base, others) }
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

fn controls(html: &mut String, whole: &Whole<'_>, shown: usize) {
    html.push_str("<div class=\"toggles js-only\" hidden><div role=\"group\" aria-label=\"Variant\">");
    for (place, variant) in whole.design.variants.iter().enumerate().skip(1).take(shown) {
        let _ = write!(
            html,
            "<button type=\"button\" data-variant=\"{}\" aria-pressed=\"{}\">{}</button>",
            place - 1,
            place == 1,
            escape(&variant.name)
        );
    }
    let _ = write!(
        html,
        "</div><div role=\"group\" aria-label=\"What is shown\"><button type=\"button\" data-show=\"change\" aria-pressed=\"true\">What \
         changes</button><button type=\"button\" data-show=\"delay\" aria-pressed=\"false\">How it is</button></div>\
         <button type=\"button\" id=\"peek\">Hold to see {}</button></div>",
        escape(&whole.design.base().name)
    );
}

fn legend(html: &mut String) {
    html.push_str(
        "<div class=\"legend\"><p id=\"legend-title\"><strong>Change of delay [s/veh]</strong> blue is less, orange is more time lost than in \
         the base</p><ol class=\"scale\" id=\"legend-change\">",
    );
    for place in 0..=LIMITS.len() {
        let label = match place {
            0 => format!("{} and less", signed(LIMITS[0], 0)),
            6 => format!("{} and more", signed(LIMITS[5], 0)),
            place => format!("{} to {}", signed(LIMITS[place - 1], 0), signed(LIMITS[place], 0)),
        };
        let _ = write!(html, "<li><span class=\"swatch d{place}\"></span><span>{label}</span></li>");
    }
    html.push_str("</ol><ol class=\"scale\" id=\"legend-delay\" hidden>");
    for place in 0..=DELAYS.len() {
        let label = match place {
            0 => format!("under {}", DELAYS[0]),
            6 => format!("{} and more", DELAYS[5]),
            place => format!("{}–{}", DELAYS[place - 1], DELAYS[place]),
        };
        let _ = write!(html, "<li><span class=\"swatch c{place}\"></span><span>{label}</span></li>");
    }
    html.push_str(
        "</ol><ul class=\"keys\"><li><span class=\"swatch unused\"></span>not used, or new</li><li><span class=\"swatch gone\"></span>used in the \
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

/// What the script needs: names of the drawn roads, and delays [0.1 s] in the base and in each variant.
fn data(
    whole: &Whole<'_>,
    network: &Network,
    roads: &[EdgeId],
    base: &VariantResult,
    others: &[VariantResult],
) -> String {
    let column = |result: &VariantResult| {
        let delay = |id: &EdgeId| result.roads.get(&network.edge(*id).name).and_then(RoadMean::delay);
        let cells: Vec<String> =
            roads.iter().map(|id| delay(id).map_or(String::new(), |delay| format!("{:.0}", delay * 10.0))).collect();
        format!("\"{}\"", cells.join(","))
    };
    let names: Vec<String> = roads
        .iter()
        .map(|id| {
            let edge = network.edge(*id);
            let street = edge.street.as_deref().filter(|street| !street.trim().is_empty()).unwrap_or("");
            format!("[{},{}]", json_text(street), json_text(&edge.name))
        })
        .collect();
    let variants: Vec<String> = whole.design.variants.iter().skip(1).map(|variant| json_text(&variant.name)).collect();
    format!(
        "{{\"limits\":{LIMITS:?},\"delays\":{DELAYS:?},\"roads\":[{}],\"base\":{},\"baseName\":{},\"names\":[{}],\"variants\":[{}]}}",
        names.join(","),
        column(base),
        json_text(&whole.design.base().name),
        variants[..others.len()].join(","),
        others.iter().map(column).collect::<Vec<_>>().join(",")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_have_a_middle_and_two_sides() {
        assert_eq!([-99.0, -10.0, -2.0, 0.0, 1.0, 1.1, 10.0, 11.0].map(class), [0, 0, 2, 3, 3, 4, 5, 6]);
    }

    #[test]
    fn a_road_nobody_uses_any_more_has_no_difference() {
        let road = RoadMean { vehicles: 10.0, lost: 50.0 };
        assert_eq!(difference(Some(&road), Some(&RoadMean { lost: 80.0, ..road })), Some(3.0));
        assert_eq!(difference(Some(&road), None), None);
    }
}
