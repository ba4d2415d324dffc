//! The table of measures: base, variant and difference with its interval, and in words and by a sign what that means.
//!
//! Significance is said by a word and a sign, never by colour alone. Knows no figures but those of the analysis.

use std::fmt::Write as _;

use super::super::analysis::{Finding, Line};
use super::super::files::Whole;
use super::super::wording;
use crate::city::scenario::indicators::{Group, Statistic, Unit};
use crate::studies::report::markup::{NO_FIGURE, escape, number};

/// The sections, one table for each variant.
pub(super) fn section(whole: &Whole<'_>) -> String {
    let mut html = String::from(
        "<section aria-labelledby=\"measures\"><h2 id=\"measures\">Measures</h2><p>Means over the runs. ▼ and ▲ say which way a \
         measure went, the word whether that is good; ≈ that chance explains it.</p>",
    );
    let currency = whole.design.rules.effects.currency();
    if !currency.is_empty() {
        let _ = write!(html, "<p>Money is in {}, at the prices that the scenario states.</p>", escape(currency));
    }
    let level = 1.0 - whole.design.rules.confidence;
    for (variant, result) in whole.design.variants.iter().zip(&whole.analysis.variants).skip(1) {
        let name = escape(&variant.name);
        if result.is_same() {
            let _ =
                write!(html, "<p><strong>{name}</strong> is the same as the base in every run and every measure.</p>");
            continue;
        }
        let is_headline = |line: &&Line| whole.design.rules.headlines.contains(&line.measure);
        let is_main = |line: &&Line| {
            let measure = line.measure;
            let for_group = matches!(measure.quantity().name, "travel-time" | "time-loss");
            measure.statistic == Statistic::Mean && (measure.group == Group::All || for_group)
        };
        let shown: Vec<&Line> = result.lines.iter().filter(|line| is_headline(line) || is_main(line)).collect();
        let rest: Vec<&Line> = result.lines.iter().filter(|line| !is_headline(line) && !is_main(line)).collect();
        let base = &whole.design.base().name;
        html.push_str(&table(&format!("{name} against {}", escape(base)), base, &variant.name, &shown, level));
        if !rest.is_empty() {
            let caption = format!("{name}: every other measure");
            let table = table(&caption, base, &variant.name, &rest, level);
            let _ = write!(html, "<details><summary>{} more measures of {name}</summary>{table}</details>", rest.len());
        }
    }
    html.push_str("</section>");
    html
}

fn table(caption: &str, base: &str, variant: &str, lines: &[&Line], level: f64) -> String {
    let mut html = format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table class=\"measures\"><caption><span>{caption}</span>\
         </caption><thead><tr><th scope=\"col\">Measure</th><th scope=\"col\">Finding</th>\
         <th scope=\"col\">Difference [interval]</th><th scope=\"col\">Change</th><th scope=\"col\">{}</th><th scope=\"col\">{}</th>\
         <th scope=\"col\">P(worse)</th><th scope=\"col\">Effect</th></tr></thead><tbody>",
        escape(base),
        escape(variant)
    );
    for line in lines {
        row(&mut html, line, level);
    }
    html.push_str("</tbody></table></div>");
    html
}

fn row(html: &mut String, line: &Line, level: f64) {
    let unit = line.measure.quantity().unit;
    let paired = &line.paired;
    let decimals = wording::decimals(unit, paired.difference);
    let symbol = if unit.symbol().is_empty() { String::new() } else { format!(" [{}]", unit.symbol()) };
    let bootstrap = line.bootstrap.map_or(String::new(), |(low, high)| {
        format!(" title=\"bootstrap [{}, {}]\"", wording::signed(low, decimals), wording::signed(high, decimals))
    });
    let p = line.p_worse.filter(|_| line.finding != Finding::Same).map_or(NO_FIGURE.to_owned(), probability);
    let _ = write!(
        html,
        "<tr><th scope=\"row\"><span title=\"{}\">{}</span>{symbol}</th><td>{}</td><td{bootstrap}>{}</td><td>{}</td><td>{}</td><td>{}</td>\
         <td>{p}</td><td>{}</td></tr>",
        escape(line.measure.quantity().about),
        escape(&line.measure.label()),
        finding(line, level),
        interval(line, decimals),
        wording::relative(paired.relative.filter(|_| unit != Unit::Decibels)),
        number(paired.base.value, decimals),
        number(paired.variant.value, decimals),
        paired.hedges_g.map_or(NO_FIGURE.to_owned(), |g| wording::signed(g.clamp(-99.9, 99.9), 1)),
    );
}

fn interval(line: &Line, decimals: usize) -> String {
    let difference = line.paired.difference;
    let ends = difference.ends.map_or(String::new(), |(low, high)| {
        format!(
            " <span class=\"ends\">[{}, {}]</span>",
            wording::signed(low, decimals),
            wording::signed(high, decimals)
        )
    });
    format!("{}{ends}", wording::signed(difference.value, decimals))
}

/// A probability that is never said to be nothing or everything.
fn probability(p: f64) -> String {
    if p < 0.001 {
        "&lt;\u{a0}0.001".to_owned()
    } else if p > 0.999 {
        "&gt;\u{a0}0.999".to_owned()
    } else {
        number(p, if (0.01..=0.99).contains(&p) { 2 } else { 3 })
    }
}

fn finding(line: &Line, level: f64) -> String {
    let (class, word) = match line.finding {
        Finding::Better => ("good", "better"),
        Finding::Worse => ("bad", "worse"),
        Finding::Different => ("plain", "different"),
        Finding::NotShown => ("open", "not shown"),
        Finding::Same => ("open", "the same"),
        Finding::TooFew => ("open", "too few runs"),
    };
    let sign = match line.finding {
        Finding::Same => "=",
        Finding::NotShown | Finding::TooFew => "≈",
        _ if line.paired.difference.value < 0.0 => "▼",
        _ => "▲",
    };
    let beyond = matches!(line.finding, Finding::Better | Finding::Worse | Finding::Different);
    let star = if beyond && line.p_adjusted.is_some_and(|p| p <= level) { "*" } else { "" };
    format!("<span class=\"finding {class}\"><span aria-hidden=\"true\">{sign}</span> {word}{star}</span>")
}
