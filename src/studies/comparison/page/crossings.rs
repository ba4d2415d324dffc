//! The junctions where vehicles come close on crossing paths: the most of the base, and where a variant changes it most.
//!
//! Nothing where nobody asked for safety to be observed, or nobody came close.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::super::analysis::VariantResult;
use super::super::files::Whole;
use super::super::wording::signed;
use crate::city::network::{Junction, Network};
use crate::studies::report::markup::{escape, number};

/// Junctions in the table of the base, and in that of a variant, safer and less safe each.
const SHOWN: usize = 5;
/// Streets by which a junction is named.
const STREETS: usize = 3;

/// Critical and close pairs per hour.
type Pairs = (f64, f64);

/// The section of the page.
pub(super) fn section(whole: &Whole<'_>, network: &Network) -> String {
    let Some((base, others)) = whole.analysis.variants.split_first() else { return String::new() };
    if whole.analysis.variants.iter().all(|result| result.crossings.is_empty()) {
        return String::new();
    }
    let junctions: BTreeMap<&str, &Junction> = network.junctions.iter().map(|one| (one.name.as_str(), one)).collect();
    let mut html = String::from(
        "<section aria-labelledby=\"crossings\"><h2 id=\"crossings\">Where paths cross</h2><p>How often in an hour a vehicle enters the area where \
         two paths cross soon after another has left it on the other path: less than 1.5 s after (critical) and less than 3 s after (close), by \
         junction, means over the runs. Drivers of the model keep to their gaps, so this compares variants and predicts no accidents; at one \
         junction a small difference is mostly chance.</p>",
    );
    let mut most: Vec<(&String, Pairs, Pairs)> =
        base.crossings.iter().map(|(at, pairs)| (at, *pairs, *pairs)).collect();
    most.sort_by(|a, b| b.1.0.total_cmp(&a.1.0).then(b.1.1.total_cmp(&a.1.1)).then_with(|| a.0.cmp(b.0)));
    most.truncate(SHOWN);
    let tell = |html: &mut String, caption: &str, rows: &[(&String, Pairs, Pairs)]| {
        table(html, caption, rows, &|junction| named(network, junctions.get(junction).copied(), junction));
    };
    tell(&mut html, &format!("{}: most", escape(&whole.design.base().name)), &most);
    for (variant, result) in whole.design.variants.iter().skip(1).zip(others) {
        let rows = changes(base, result);
        if !rows.is_empty() {
            tell(&mut html, &format!("{}: junctions that change most", escape(&variant.name)), &rows);
        }
    }
    html.push_str("</section>");
    html
}

/// The junctions whose critical pairs change most: those with fewer first, then those with more.
fn changes<'a>(base: &'a VariantResult, result: &'a VariantResult) -> Vec<(&'a String, Pairs, Pairs)> {
    let of = |result: &VariantResult, at: &str| result.crossings.get(at).copied().unwrap_or_default();
    let all: BTreeSet<&String> = base.crossings.keys().chain(result.crossings.keys()).collect();
    let change = |row: &(&String, Pairs, Pairs)| row.2.0 - row.1.0;
    let mut rows: Vec<(&String, Pairs, Pairs)> = all.into_iter().map(|at| (at, of(base, at), of(result, at))).collect();
    rows.sort_by(|a, b| change(a).total_cmp(&change(b)).then_with(|| a.0.cmp(b.0)));
    let fewer = rows.iter().filter(|row| change(row) < 0.0).take(SHOWN);
    let more = rows.iter().rev().filter(|row| change(row) > 0.0).take(SHOWN);
    fewer.chain(more).copied().collect()
}

fn table(html: &mut String, caption: &str, rows: &[(&String, Pairs, Pairs)], named: &dyn Fn(&str) -> String) {
    let _ = write!(
        html,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Crossing paths: {caption}\"><table class=\"left\"><caption><span>{caption}\
         </span></caption><thead><tr><th scope=\"col\">Junction</th><th scope=\"col\">Critical [per h]</th><th scope=\"col\">Close [per h]</th>\
         </tr></thead><tbody>"
    );
    for (junction, was, is) in rows {
        let both = |was: f64, is: f64| {
            if (is - was).abs() <= 0.0 {
                number(was, 1)
            } else {
                format!("{} → {} <span class=\"ends\">({})</span>", number(was, 1), number(is, 1), signed(is - was, 1))
            }
        };
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>",
            named(junction),
            both(was.0, is.0),
            both(was.1, is.1)
        );
    }
    html.push_str("</tbody></table></div>");
}

/// A junction by the streets that lead into it, with its id behind them.
fn named(network: &Network, junction: Option<&Junction>, id: &str) -> String {
    let mut streets: Vec<&str> = Vec::new();
    for &link in junction.iter().flat_map(|junction| &junction.links) {
        let street = network.edge_of(network.link(link).from).street.as_deref().unwrap_or("").trim();
        if !street.is_empty() && !streets.contains(&street) && streets.len() < STREETS {
            streets.push(street);
        }
    }
    if streets.is_empty() {
        return escape(id);
    }
    format!("{} <span class=\"code\">{}</span>", escape(&streets.join(" / ")), escape(id))
}
