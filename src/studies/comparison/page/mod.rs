//! The page of a comparison: one self-contained HTML file in the style of a run's report.
//!
//! Verdict, expectations, validity, what changed, measures, map, time of day, who gains and loses, method, how to make it again.
//! The same runs give the same bytes. It arranges and draws what the analysis found, and computes nothing new.

mod access;
mod air;
mod calibration;
mod crossings;
mod flags;
mod gains;
mod hours;
mod layers;
mod map;
mod noise;
mod queues;
mod table;

use std::fmt::Write as _;
use std::io;

use super::files::{Again, Whole, rule};
use super::gates::{Gate, Verdict};
use super::wording;
use crate::city::network::Network;
use crate::city::scenario::Subject;
use crate::city::scenario::indicators::Unit;
use crate::studies::report::markup::{escape, number};
use crate::studies::report::page::STYLE;
use crate::studies::report::statistics::PERCENTILE_DEFINITION;

const OWN_STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The whole page; `network` is the roads of the base.
///
/// # Errors
/// When a figure cannot be drawn.
pub(super) fn render(whole: &Whole<'_>, network: &Network) -> io::Result<String> {
    let design = whole.design;
    let mut page = String::with_capacity(1 << 20);
    // The policy forbids the page to load or send anything, whatever a name in it might try.
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src \
         'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{} · comparison</title><style>{STYLE}{OWN_STYLE}</style></head><body><main><header>\
         <p class=\"kicker\">Comparison of variants</p><h1>{}</h1>",
        escape(&design.title),
        escape(&design.title)
    );
    if let Some(question) = &design.question {
        let _ = write!(page, "<p class=\"question\">{}</p>", escape(question));
    }
    verdicts(&mut page, whole);
    page.push_str("</header>");
    expectations(&mut page, whole.gates);
    page.push_str(&flags::section(whole));
    changes(&mut page, whole);
    page.push_str(&table::section(whole));
    let drawn = map::section(whole, network);
    page.push_str(&drawn.html);
    page.push_str(&queues::section(whole, network));
    page.push_str(&crossings::section(whole, network));
    page.push_str(&noise::section(whole, network));
    page.push_str(&air::section(whole, network));
    page.push_str(&hours::section(whole)?);
    page.push_str(&gains::section(whole));
    page.push_str(&access::section(whole, network));
    page.push_str(&gains::levels(whole));
    page.push_str(&calibration::section(whole, network));
    method(&mut page, whole);
    again(&mut page, whole);
    let _ = write!(page, "</main><script type=\"application/json\" id=\"map-data\">{}</script>", drawn.data);
    let _ = write!(page, "<script>{SCRIPT}</script></body></html>");
    page.push('\n');
    Ok(page)
}

fn verdicts(page: &mut String, whole: &Whole<'_>) {
    let others = whole.design.variants.iter().zip(&whole.analysis.variants).skip(1);
    let mut any = false;
    for (variant, result) in others {
        any = true;
        let verdict = wording::verdict(whole.design, &variant.name, result);
        let rest = verdict.strip_prefix(&variant.name).unwrap_or(&verdict);
        let _ = write!(page, "<p class=\"verdict\"><strong>{}</strong>{}</p>", escape(&variant.name), escape(rest));
    }
    if !any {
        page.push_str("<p class=\"verdict\">There is one variant only, and nothing to hold it against.</p>");
    }
    let _ = write!(
        page,
        "<p class=\"small\">Changes are against <strong>{}</strong>, as means over {} runs with the same dice, in brackets the \
         {} % interval.</p>",
        escape(&whole.design.base().name),
        whole.analysis.seeds.len(),
        number(whole.design.rules.confidence * 100.0, 0)
    );
}

fn expectations(page: &mut String, gates: &[Gate]) {
    if gates.is_empty() {
        return;
    }
    page.push_str(
        "<section aria-labelledby=\"expected\"><h2 id=\"expected\">What was expected</h2><div class=\"scroll\" tabindex=\"0\" \
         role=\"region\" aria-label=\"Expectations\"><table class=\"left\"><thead><tr><th scope=\"col\">Variant</th>\
         <th scope=\"col\">Verdict</th><th scope=\"col\">Expected</th><th scope=\"col\">Found</th></tr></thead><tbody>",
    );
    for gate in gates {
        let expectation = &gate.expectation;
        let unit = match expectation.subject {
            Subject::RelativeChange => Unit::PerCent,
            _ => expectation.measure.quantity().unit,
        };
        let found = gate.found.map_or_else(
            || "not measured".to_owned(),
            |found| match expectation.subject {
                Subject::Value => value(found, unit),
                Subject::Change => wording::difference(found, unit),
                Subject::RelativeChange => wording::difference(found, unit).replace("pp", "%"),
            },
        );
        let subject = if expectation.subject == Subject::Value { "" } else { "change of " };
        let (class, mark) = match gate.verdict {
            Verdict::Holds => ("good", "✓"),
            Verdict::Fails => ("bad", "✗"),
            Verdict::Unsaid => ("open", "?"),
        };
        let _ = write!(
            page,
            "<tr><th scope=\"row\">{}</th><td><span class=\"finding {class}\"><span aria-hidden=\"true\">{mark}</span> {}</span></td>\
             <td>{subject}{} {}</td><td>{found}</td></tr>",
            escape(&expectation.variant),
            gate.verdict.name(),
            escape(&wording::in_a_sentence(expectation.measure)),
            escape(&expectation.text),
        );
    }
    page.push_str("</tbody></table></div></section>");
}

/// A value with its interval.
pub(super) fn value(interval: super::statistics::paired::Interval, unit: Unit) -> String {
    let decimals = wording::decimals(unit, interval);
    let ends = interval
        .ends
        .map_or(String::new(), |(low, high)| format!(" [{}, {}]", number(low, decimals), number(high, decimals)));
    format!("{} {}{ends}", number(interval.value, decimals), unit.symbol())
}

fn changes(page: &mut String, whole: &Whole<'_>) {
    page.push_str(
        "<section aria-labelledby=\"changed\"><h2 id=\"changed\">What is different</h2><dl class=\"manifest\">",
    );
    for variant in &whole.design.variants {
        let changes = if variant.changes.is_empty() {
            "nothing is changed".to_owned()
        } else {
            variant.changes.iter().map(|change| escape(change)).collect::<Vec<_>>().join("<br>")
        };
        let _ = write!(page, "<div><dt>{}</dt><dd>{changes}</dd></div>", escape(&variant.name));
    }
    page.push_str("</dl></section>");
}

fn method(page: &mut String, whole: &Whole<'_>) {
    let rules = &whole.design.rules;
    let confidence = number(rules.confidence * 100.0, 0);
    let _ = write!(
        page,
        "<section aria-labelledby=\"method\"><h2 id=\"method\">How it was compared</h2><dl class=\"definitions\"><div><dt>Runs</dt>\
         <dd>{}. Adding runs until an interval is narrow makes it a little too narrow; the rule is stated so that it can be judged.</dd></div>\
         <div><dt>Common random numbers</dt><dd>Runs with the same seed have the same travellers and the same dice in every variant; a \
         variant that changes nothing differs by exactly nothing.</dd></div><div><dt>Intervals</dt><dd>{confidence} % of the paired \
         difference, by Student’s t; of relative changes by Fieller. A bootstrap of the pairs stands beside them in the \
         table.</dd></div><div><dt>Marks</dt><dd>“better” and “worse” where the interval leaves out zero. Of many measures some do \
         so by chance; an asterisk marks those that stay so when adjusted for their number (Holm).</dd></div><div><dt>P(worse)</dt><dd>Probability \
         that the mean difference is on the bad side, with no knowledge but these runs.</dd></div><div><dt>Effect</dt><dd>Mean difference \
         in standard deviations of the differences, without bias for few runs (Hedges’ g of paired values).</dd></div>\
         <div><dt>Trips</dt><dd>Measures of trips are over finished ones; unfinished trips stand among the checks. {PERCENTILE_DEFINITION}</dd></div>\
         <div><dt>Gaining and losing</dt><dd>The same trip in two runs with the same seed, finished in both. Traffic is sensitive: a single \
         trip’s change has much chance in it, and only the shares are told.</dd></div></dl></section>",
        escape(&rule(whole))
    );
}

fn again(page: &mut String, whole: &Whole<'_>) {
    let again = Again::of(whole.design);
    page.push_str(
        "<section aria-labelledby=\"again\"><h2 id=\"again\">How to make this comparison again</h2><p>The same program and files give \
         the same bytes, on any number of cores; <code>citytwin rerun</code> with this folder makes it again and says whether they are.</p>\
         <dl class=\"manifest\">",
    );
    let mut row = |label: &str, value: &str| {
        let _ = write!(page, "<div><dt>{}</dt><dd>{}</dd></div>", escape(label), escape(value));
    };
    row("Program", &again.program);
    row("Command", &again.command);
    let seeds: Vec<String> = whole.analysis.seeds.iter().map(u64::to_string).collect();
    row("Seeds", &seeds.join(" "));
    for (path, blake3) in &again.files {
        row(path, &format!("BLAKE3 {blake3}"));
    }
    for (variant, runs) in whole.design.variants.iter().zip(whole.records) {
        if let Some(first) = runs.first() {
            row(&format!("State at the end of {}, seed {}", variant.name, first.seed), &first.state);
        }
    }
    page.push_str("</dl></section>");
}
