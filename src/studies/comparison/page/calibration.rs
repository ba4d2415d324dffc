//! The calibration page: how well the city as it is fits what was counted and measured, by the criteria of the guide.
//!
//! Whether a criterion is met is said by a word and a sign. Nothing where the scenario names no tables.

use std::fmt::Write as _;

use super::super::calibration::{Flow, Journey, by_hour};
use super::super::files::Whole;
use super::queues::named;
use crate::city::network::Network;
use crate::primitives::SimTime;
use crate::studies::report::markup::{NO_FIGURE, escape, number};

/// Rows of a table; the rest is in comparison.json.
const SHOWN: usize = 20;
/// Hours of the table by hour.
const HOURS: usize = 48;

/// The section of the page.
pub(super) fn section(whole: &Whole<'_>, network: &Network) -> String {
    let Some(fit) = &whole.analysis.fit else { return String::new() };
    let mut html = format!(
        "<section aria-labelledby=\"calibration\"><h2 id=\"calibration\">How well it fits what was counted</h2><p>Flows and travel times of {} \
         beside the counted and measured ones, mean of {} runs, by the criteria of FHWA’s Traffic Analysis Toolbox, volume III (2004, table 4). Flows \
         of shorter or longer intervals are told by the hour. The criteria of 2019 need the variation between many days and are not taken.</p>",
        escape(&whole.design.base().name),
        whole.analysis.seeds.len()
    );
    if fit.outside > 0 {
        let _ = write!(
            html,
            "<p class=\"small\">{} rows of the tables lie outside the measured time and are left out.</p>",
            fit.outside
        );
    }
    begin(&mut html, "Criteria", &["Criterion", "Verdict", "Asked for", "Found"]);
    for one in &fit.criteria {
        let (class, mark, word) = if one.met { ("good", "✓", "met") } else { ("bad", "✗", "not met") };
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{}</th><td><span class=\"finding {class}\"><span aria-hidden=\"true\">{mark}</span> {word}</span></td><td>{}</td>\
             <td>{}</td></tr>",
            escape(&one.name),
            escape(one.target),
            escape(&one.found)
        );
    }
    html.push_str("</tbody></table></div>");
    flows(&mut html, &fit.flows, network);
    journeys(&mut html, &fit.journeys, network);
    html.push_str("</section>");
    html
}

fn begin(html: &mut String, caption: &str, head: &[&str]) {
    let _ = write!(
        html,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table class=\"left\"><caption><span>{caption}</span>\
         </caption><thead><tr>"
    );
    for name in head {
        let _ = write!(html, "<th scope=\"col\">{name}</th>");
    }
    html.push_str("</tr></thead><tbody>");
}

fn clock(seconds: f64) -> String {
    SimTime::seconds(seconds).to_string()
}

fn flows(html: &mut String, flows: &[Flow], network: &Network) {
    if flows.is_empty() {
        return;
    }
    begin(html, "GEH by hour", &["Hour from", "Flows", "GEH under 5", "Largest GEH"]);
    for (hour, all, near, largest) in by_hour(flows).into_iter().take(HOURS) {
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{}</th><td>{all}</td><td>{near}</td><td>{}</td></tr>",
            clock(hour),
            number(largest, 1)
        );
    }
    html.push_str("</tbody></table></div>");
    let mut worst: Vec<&Flow> = flows.iter().collect();
    worst.sort_by(|a, b| b.geh.total_cmp(&a.geh));
    begin(html, "Flows that fit least", &["Road", "Time", "Counted [veh/h]", "Modelled [veh/h]", "GEH"]);
    for flow in worst.into_iter().take(SHOWN) {
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{}</th><td>{}–{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            named(network, &flow.road),
            clock(flow.begin_s),
            clock(flow.end_s),
            number(flow.counted, 0),
            number(flow.modelled, 0),
            number(flow.geh, 1)
        );
    }
    html.push_str("</tbody></table></div>");
}

fn journeys(html: &mut String, journeys: &[Journey], network: &Network) {
    if journeys.is_empty() {
        return;
    }
    let apart =
        |one: &Journey| one.modelled_s.map_or(f64::INFINITY, |modelled| (modelled / one.measured_s - 1.0).abs());
    let mut worst: Vec<&Journey> = journeys.iter().collect();
    worst.sort_by(|a, b| apart(b).total_cmp(&apart(a)));
    begin(html, "Travel times that fit least", &["From", "To", "Time", "Measured [s]", "Modelled [s]", "Vehicles"]);
    for one in worst.into_iter().take(SHOWN) {
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}–{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            named(network, &one.from),
            named(network, &one.to),
            clock(one.begin_s),
            clock(one.end_s),
            number(one.measured_s, 0),
            one.modelled_s.map_or(NO_FIGURE.to_owned(), |modelled| number(modelled, 0)),
            number(one.vehicles, 1)
        );
    }
    html.push_str("</tbody></table></div>");
}
