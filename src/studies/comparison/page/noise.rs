//! The roads whose noise changes most. Nothing where nobody asked for noise.

use std::fmt::Write as _;

use super::super::files::Whole;
use super::super::wording::signed;
use super::queues::named;
use crate::city::network::Network;
use crate::studies::report::markup::{escape, number};

/// Roads in the table of a variant, louder and quieter each.
const SHOWN: usize = 5;

/// The section of the page.
pub(super) fn section(whole: &Whole<'_>, network: &Network) -> String {
    let Some((base, others)) = whole.analysis.variants.split_first().filter(|(base, _)| !base.noise.is_empty()) else {
        return String::new();
    };
    let mut html = String::new();
    for (variant, result) in whole.design.variants.iter().skip(1).zip(others) {
        let mut changes: Vec<(f64, &String, f64, f64)> = base
            .noise
            .iter()
            .filter_map(|(road, was)| result.noise.get(road).map(|is| (is - was, road, *was, *is)))
            .filter(|change| change.0 != 0.0)
            .collect();
        if changes.is_empty() {
            continue;
        }
        changes.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(b.1)));
        let name = escape(&variant.name);
        let _ = write!(
            html,
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Noise: {name}\"><table class=\"left\"><caption><span>{name}</span>\
             </caption><thead><tr><th scope=\"col\">Road</th><th scope=\"col\">Change [dB]</th><th scope=\"col\">Level at 10 m [dB(A)]</th></tr>\
             </thead><tbody>"
        );
        let quieter = changes.iter().filter(|change| change.0 < 0.0).take(SHOWN);
        let louder = changes.iter().rev().filter(|change| change.0 > 0.0).take(SHOWN);
        for (change, road, was, is) in quieter.chain(louder) {
            let _ = write!(
                html,
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{} → {}</td></tr>",
                named(network, road),
                signed(*change, 1),
                number(*was, 1),
                number(*is, 1)
            );
        }
        html.push_str("</tbody></table></div>");
    }
    if html.is_empty() {
        return html;
    }
    format!(
        "<section aria-labelledby=\"noise\"><h2 id=\"noise\">Noise beside the roads</h2><p>Mean level over the measured time, 10 m from the middle \
         of a carriageway, of that carriageway alone, over hard open ground (CNOSSOS-EU source, coefficients of 2021). It compares variants of a \
         road and is no noise map: no houses, no screens, no other road. Roads used in both, means of the runs.</p>{html}</section>"
    )
}
