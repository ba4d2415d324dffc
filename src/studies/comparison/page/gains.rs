//! Who gains and who loses, by where trips begin, and the signals by level of service.
//!
//! Shares of the same trips in both variants; the bars repeat what the numbers beside them say.

use std::fmt::Write as _;

use super::super::analysis::{Gains, VariantResult};
use super::super::files::Whole;
use super::super::statistics::paired::Interval;
use super::super::wording;
use crate::studies::report::markup::{escape, number};

/// Most areas in a table.
const AREAS_MAX: usize = 40;
/// What all areas together are called.
const EVERYWHERE: &str = "everywhere";

/// The section of who gains and loses.
pub(super) fn section(whole: &Whole<'_>) -> String {
    if whole.analysis.variants.iter().skip(1).all(VariantResult::is_same) {
        return String::new();
    }
    let mut html = format!(
        "<section aria-labelledby=\"gains\"><h2 id=\"gains\">Who gains, who loses</h2><p>The same trips in both variants, by where \
         they begin: the share that became faster or slower by more than {} s, with its interval.</p>",
        number(whole.design.rules.noticeable.as_seconds(), 0)
    );
    let others = whole.design.variants.iter().zip(&whole.analysis.variants).skip(1);
    for (variant, result) in others.filter(|(_, result)| !result.is_same()) {
        let name = escape(&variant.name);
        begin(&mut html, &name, "Trips from");
        for gains in result.gains.iter().take(AREAS_MAX) {
            row(&mut html, if gains.area.is_empty() { EVERYWHERE } else { &gains.area }, gains);
        }
        html.push_str("</tbody></table></div>");
        if result.gains.len() > AREAS_MAX {
            let _ = write!(html, "<p>{} more areas are in comparison.json.</p>", result.gains.len() - AREAS_MAX);
        }
    }
    html.push_str("</section>");
    html
}

/// The beginning of a table of gains; `caption` is HTML.
pub(super) fn begin(html: &mut String, caption: &str, of: &str) {
    let _ = write!(
        html,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Who gains and loses: {caption}\"><table class=\"gains\"><caption>\
         <span>{caption}</span></caption><thead><tr><th scope=\"col\">{of}</th><th scope=\"col\">Trips</th>\
         <th scope=\"col\">Faster</th><th scope=\"col\">Slower</th><th scope=\"col\">Faster | slower</th>\
         <th scope=\"col\">Mean change [s]</th></tr></thead><tbody>"
    );
}

/// A row of it.
pub(super) fn row(html: &mut String, name: &str, gains: &Gains) {
    let _ = write!(
        html,
        "<tr{}><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
        if name == EVERYWHERE { " class=\"total\"" } else { "" },
        escape(name),
        number(gains.trips, 0),
        share(gains.faster),
        share(gains.slower),
        bar(gains.faster.value, gains.slower.value),
        change(gains.change),
    );
}

fn share(interval: Interval) -> String {
    let ends = interval.ends.map_or(String::new(), |(low, high)| {
        format!(
            " <span class=\"ends\">[{}, {}]</span>",
            number(low.max(0.0) * 100.0, 1),
            number(high.min(1.0) * 100.0, 1)
        )
    });
    format!("{} %{ends}", number(interval.value * 100.0, 1))
}

fn change(interval: Interval) -> String {
    let ends = interval.ends.map_or(String::new(), |(low, high)| {
        format!(" <span class=\"ends\">[{}, {}]</span>", wording::signed(low, 1), wording::signed(high, 1))
    });
    format!("{}{ends}", wording::signed(interval.value, 1))
}

/// A bar to the left for who gained, to the right for who lost.
fn bar(faster: f64, slower: f64) -> String {
    let (left, right) = (faster.clamp(0.0, 1.0) * 50.0, slower.clamp(0.0, 1.0) * 50.0);
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 100 10\" aria-hidden=\"true\"><path class=\"middle\" d=\"M50 0v10\"/>\
         <rect class=\"faster\" x=\"{:.1}\" y=\"1\" width=\"{left:.1}\" height=\"8\"/>\
         <rect class=\"slower\" x=\"50\" y=\"1\" width=\"{right:.1}\" height=\"8\"/></svg>",
        50.0 - left
    )
}

/// The section of levels of service; nothing where no signal served anybody.
pub(super) fn levels(whole: &Whole<'_>) -> String {
    if whole.analysis.variants.iter().all(|result| result.levels.iter().sum::<f64>() == 0.0) {
        return String::new();
    }
    let mut html = String::from(
        "<section aria-labelledby=\"levels\"><h2 id=\"levels\">Level of service at signals</h2><p>Approaches by simulated control delay over \
         the measured time, mean of the runs, with the limits of the Highway Capacity Manual (6th edition, exhibit 19-8). Simulated delay \
         is time lost on the last road before the signal, and is not the manual’s calculated control delay.</p>\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Level of service\"><table><thead><tr><th scope=\"col\">Variant</th>",
    );
    for (letter, limit) in ["A", "B", "C", "D", "E", "F"].iter().zip(["≤ 10", "≤ 20", "≤ 35", "≤ 55", "≤ 80", "> 80"])
    {
        let _ = write!(html, "<th scope=\"col\">{letter}<br>{} s</th>", escape(limit));
    }
    html.push_str("</tr></thead><tbody>");
    for (variant, result) in whole.design.variants.iter().zip(&whole.analysis.variants) {
        let _ = write!(html, "<tr><th scope=\"row\">{}</th>", escape(&variant.name));
        for count in result.levels {
            let _ = write!(html, "<td>{}</td>", number(count, 1));
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table></div></section>");
    html
}
