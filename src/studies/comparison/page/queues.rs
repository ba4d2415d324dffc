//! The queues before junctions: which approaches change most, and the longest of the base.
//!
//! Means over the runs of what was observed in each. Nothing where nobody asked for queues to be observed.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::super::analysis::{ApproachMean, VariantResult};
use super::super::files::Whole;
use crate::city::network::Network;
use crate::studies::report::markup::{escape, number};

/// Approaches in the table of a variant.
const SHOWN: usize = 10;

/// The section of the page.
pub(super) fn section(whole: &Whole<'_>, network: &Network) -> String {
    let Some((base, others)) = whole.analysis.variants.split_first() else { return String::new() };
    if whole.analysis.variants.iter().all(|result| result.approaches.is_empty()) {
        return String::new();
    }
    let mut html = String::from(
        "<section aria-labelledby=\"queues\"><h2 id=\"queues\">Queues before junctions</h2><p>From the stop line to the rear of the last \
         vehicle slower than 5 km/h, looked at every second; 95 % is the length not exceeded in 95 % of the seconds. Spill-back is the time in \
         which no car found room before the junction behind. Means over the runs, base → variant, approaches that change most first.</p>",
    );
    for (variant, result) in whole.design.variants.iter().skip(1).zip(others).filter(|(_, result)| !result.is_same()) {
        table(&mut html, &escape(&variant.name), (base, result), network);
    }
    if others.iter().all(VariantResult::is_same) {
        table(&mut html, &escape(&whole.design.base().name), (base, base), network);
    }
    html.push_str("</section>");
    html
}

fn table(html: &mut String, name: &str, (base, result): (&VariantResult, &VariantResult), network: &Network) {
    let of = |result: &VariantResult, road: &str| result.approaches.get(road).copied().unwrap_or_default();
    let roads: BTreeSet<&String> = base.approaches.keys().chain(result.approaches.keys()).collect();
    let mut rows: Vec<(&String, ApproachMean, ApproachMean)> =
        roads.into_iter().map(|road| (road, of(base, road), of(result, road))).collect();
    // Where nothing changes, the longest first.
    let change = |row: &(&String, ApproachMean, ApproachMean)| (row.2.mean - row.1.mean).abs();
    rows.sort_by(|a, b| change(b).total_cmp(&change(a)).then(b.1.mean.total_cmp(&a.1.mean)).then_with(|| a.0.cmp(b.0)));
    let _ = write!(
        html,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Queues: {name}\"><table class=\"left\"><caption><span>{name}</span>\
         </caption><thead><tr><th scope=\"col\">Approach</th><th scope=\"col\">Mean [m]</th><th scope=\"col\">95 % [m]</th>\
         <th scope=\"col\">Longest [m]</th><th scope=\"col\">Spill-back [s]</th></tr></thead><tbody>"
    );
    for (road, was, is) in rows.into_iter().take(SHOWN) {
        let both = |was: f64, is: f64, decimals| format!("{} → {}", number(was, decimals), number(is, decimals));
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            named(network, road),
            both(was.mean, is.mean, 1),
            both(was.p95, is.p95, 0),
            both(was.max, is.max, 0),
            both(was.spill_back, is.spill_back, 0),
        );
    }
    html.push_str("</tbody></table></div>");
}

/// A road by its street, with its id behind it.
pub(super) fn named(network: &Network, road: &str) -> String {
    let edge = network.find_edge(road).map(|id| network.edge(id));
    let street = edge.and_then(|edge| edge.street.as_deref()).filter(|street| !street.trim().is_empty());
    street.map_or_else(
        || escape(road),
        |street| format!("{} <span class=\"code\">{}</span>", escape(street), escape(road)),
    )
}
