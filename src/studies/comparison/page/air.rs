//! The air beside the roads: where it changes most, what is highest, and what that can be held against.
//!
//! Nothing where nobody asked for the air to be observed.

use std::fmt::Write as _;

use super::super::air::{DIOXIDE_DAY, DIOXIDE_HOUR, FINE_DAY};
use super::super::analysis::{AirMean, VariantResult};
use super::super::files::Whole;
use super::super::wording::signed;
use super::queues::named;
use crate::city::network::Network;
use crate::studies::report::markup::{NO_FIGURE, escape, number};

/// Roads in the table of a variant, better and worse each.
const SHOWN: usize = 5;
/// Roads in the table of the base.
const HIGHEST: usize = 5;

/// The section of the page.
pub(super) fn section(whole: &Whole<'_>, network: &Network) -> String {
    let Some((base, others)) = whole.analysis.variants.split_first().filter(|(base, _)| !base.air.is_empty()) else {
        return String::new();
    };
    let mut html = String::from(
        "<section aria-labelledby=\"air\"><h2 id=\"air\">Air beside the roads</h2><p>What the exhaust of the stated engines adds 10 m from the \
         middle of a carriageway, halfway along, on the side where there is more: emissions of the EMEP/EEA guidebook by mean speed on each \
         road, carried by the scenario’s wind as by a line source over open ground (Briggs’s urban dispersion). Houses, street canyons, cold \
         starts, and vehicles without a stated engine are left out. Hours count from the start of the measured time; means over the runs.</p>",
    );
    limits(&mut html, whole);
    let mut roads: Vec<(&String, &AirMean)> = base.air.iter().collect();
    roads.sort_by(|a, b| b.1.highest.total_cmp(&a.1.highest).then_with(|| a.0.cmp(b.0)));
    let name = escape(&whole.design.base().name);
    let rows: Vec<(&String, AirMean, AirMean)> =
        roads.into_iter().take(HIGHEST).map(|(road, air)| (road, *air, *air)).collect();
    table(&mut html, &format!("{name}: highest"), &rows, network);
    for (variant, result) in whole.design.variants.iter().skip(1).zip(others) {
        let rows = changes(base, result);
        if !rows.is_empty() {
            table(&mut html, &format!("{}: roads that change most", escape(&variant.name)), &rows, network);
        }
    }
    html.push_str("</section>");
    html
}

/// What the figures may be held against, and what not.
fn limits(html: &mut String, whole: &Whole<'_>) {
    let effects = &whole.design.rules.effects;
    match effects.dioxide {
        Some(stated) => {
            let _ = write!(
                html,
                "<p>Nitrogen dioxide is told from {} µg/m³ of it and {} µg/m³ of ozone in the background and a primary share of {} % by the \
                 ozone limiting method, which takes the reaction as finished at the kerb and so tells rather too much. An hour of it is held against {} µg/m³ (Directive 2008/50/EC, which \
                 lets it be exceeded 18 times a year), 24 hours against {} µg/m³ (WHO 2021).",
                number(stated.background, 1),
                number(stated.ozone, 1),
                number(stated.primary * 100.0, 0),
                number(DIOXIDE_HOUR, 0),
                number(DIOXIDE_DAY, 0),
            );
        }
        None => html.push_str(
            "<p>Neither background nor primary share is stated, so nitrogen oxides are told as they are, and held against nothing: limits are \
             for nitrogen dioxide.",
        ),
    }
    if let Some(fine) = effects.fine {
        let _ = write!(
            html,
            " Exhaust particles with {} µg/m³ of the background are held against {} µg/m³ in 24 hours (WHO 2021); they leave out what brakes, tyres \
             and roads give off, so they are too few.",
            number(fine, 1),
            number(FINE_DAY, 0)
        );
    }
    html.push_str(" Guidelines and limits for a year cannot be held against a day that is simulated.</p>");
}

/// The roads whose highest hour changes most: those that get better first, then those that get worse.
fn changes<'a>(base: &'a VariantResult, result: &VariantResult) -> Vec<(&'a String, AirMean, AirMean)> {
    let mut rows: Vec<(&String, AirMean, AirMean)> = base
        .air
        .iter()
        .filter_map(|(road, was)| result.air.get(road).map(|is| (road, *was, *is)))
        .filter(|(_, was, is)| (was.highest - is.highest).abs() > 0.0)
        .collect();
    let change = |row: &(&String, AirMean, AirMean)| row.2.highest - row.1.highest;
    rows.sort_by(|a, b| change(a).total_cmp(&change(b)).then_with(|| a.0.cmp(b.0)));
    let less = rows.iter().filter(|row| change(row) < 0.0).take(SHOWN);
    let more = rows.iter().rev().filter(|row| change(row) > 0.0).take(SHOWN);
    less.chain(more).copied().collect()
}

fn table(html: &mut String, caption: &str, rows: &[(&String, AirMean, AirMean)], network: &Network) {
    let _ = write!(
        html,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Air: {caption}\"><table class=\"left\"><caption><span>{caption}</span>\
         </caption><thead><tr><th scope=\"col\">Road</th><th scope=\"col\">NOx added, highest hour [µg/m³]</th><th scope=\"col\">NO2, highest \
         hour [µg/m³]</th><th scope=\"col\">Exhaust particles added [µg/m³]</th></tr></thead><tbody>"
    );
    for (road, was, is) in rows {
        let both = |was: Option<f64>, is: Option<f64>, decimals| match (was, is) {
            (Some(was), Some(is)) if (was - is).abs() <= 0.0 => number(was, decimals),
            (Some(was), Some(is)) => {
                let change = signed(is - was, decimals);
                format!("{} → {} <span class=\"ends\">({change})</span>", number(was, decimals), number(is, decimals))
            }
            _ => NO_FIGURE.to_owned(),
        };
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
            named(network, road),
            both(Some(was.highest), Some(is.highest), 1),
            both(was.dioxide, is.dioxide, 1),
            both(Some(was.particles), Some(is.particles), 2),
        );
    }
    html.push_str("</tbody></table></div>");
}
