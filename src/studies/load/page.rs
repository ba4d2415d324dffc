//! The report of a load as one page of HTML that needs no network and no other file.
//!
//! Drawn with what draws the report of a run; computes nothing that the figures do not say.

use std::fmt::Write as _;
use std::io;

use super::faults::LoadFault;
use super::figures::{Moment, PhaseMeasured, Quantiles, duration};
use super::report::{End, LoadReport};
use crate::studies::report::chart::{Figure, Plot, nothing};
use crate::studies::report::markup::{count, escape, key_figures, number, span};
use crate::studies::report::page::STYLE;

/// The whole page.
///
/// # Errors
/// When a figure cannot be drawn.
pub fn page(report: &LoadReport) -> io::Result<String> {
    let mut page = String::with_capacity(1 << 18);
    // The policy forbids the page to load or send anything, whatever a name in it might try.
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src \
         'none'; style-src 'unsafe-inline'\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{0} · load report</title><style>{STYLE}</style></head><body><main>\
         <header><p class=\"kicker\">Load report</p><h1>{0}</h1><p class=\"question\">{1}</p><p class=\"verdict\">{2}</p></header>",
        escape(&report.name),
        escape(&report.target),
        verdict(report)
    );
    match &report.end {
        End::Completed => {}
        End::Interrupted => page.push_str(
            "<p class=\"banner\" role=\"note\"><strong>Partial result.</strong> The load was interrupted; every figure covers only \
             what was sent until then.</p>",
        ),
        End::Failed(why) => {
            let _ = write!(
                page,
                "<p class=\"banner\" role=\"note\"><strong>Partial result.</strong> The load could not go on: {}. Every figure \
                 covers only what was sent until then.</p>",
                escape(why)
            );
        }
    }
    page.push_str(&checks(report));
    page.push_str(&figures_of(report));
    page.push_str("<section aria-labelledby=\"over-time\"><h2 id=\"over-time\">Over time</h2><div class=\"figures\">");
    page.push_str(&rates(report)?);
    page.push_str(&latencies(report)?);
    page.push_str(&percentiles(report)?);
    page.push_str("</div></section>");
    page.push_str(&phases(report));
    page.push_str(&search(report));
    page.push_str(&ledger(report));
    page.push_str("</main></body></html>\n");
    Ok(page)
}

fn verdict(report: &LoadReport) -> String {
    let (measured, latency) = (&report.measured, &report.measured.latency);
    let mut text = format!(
        "{} of {} messages were acknowledged, 99 of 100 within {} of the moment they were due.",
        count(measured.acknowledged),
        count(measured.handed),
        duration(latency.p99_us)
    );
    if latency.p99_us.is_none() {
        text = format!(
            "{} of {} messages were acknowledged: too few to say within which time 99 of 100 are.",
            count(measured.acknowledged),
            count(measured.handed)
        );
    }
    if let Some(beside) = &report.beside {
        let _ = write!(
            text,
            " A client beside it that waits for each answer before it sends again saw a p99 of {}.",
            duration(beside.latency.p99_us)
        );
    }
    text
}

/// What was expected, each with whether it holds.
fn checks(report: &LoadReport) -> String {
    if report.expectations.is_empty() {
        return String::new();
    }
    let open = report.expectations.iter().filter(|held| !held.holds).count();
    let mut html = format!(
        "<section aria-labelledby=\"expected\"><h2 id=\"expected\">Is it as expected?</h2><p>{}</p><ul class=\"flags\">",
        match open {
            0 => "Everything is.".to_owned(),
            open => format!("{open} of {} expectations do not hold.", report.expectations.len()),
        }
    );
    for held in &report.expectations {
        let (class, mark, state) =
            if held.holds { ("ok", "✓", "Holds") } else { ("attention", "!", "Does not hold") };
        let _ = write!(
            html,
            "<li class=\"flag {class}\"><p class=\"state\"><span aria-hidden=\"true\" class=\"mark\">{mark}</span>{state}</p>\
             <h3>{} <span class=\"value\">measured: {}</span></h3></li>",
            escape(&held.expected),
            escape(&held.measured)
        );
    }
    html.push_str("</ul></section>");
    html
}

fn figures_of(report: &LoadReport) -> String {
    let measured = &report.measured;
    let figures = [
        ("Messages due", count(measured.asked)),
        ("Sent, with copies", count(measured.handed)),
        ("Acknowledged", count(measured.acknowledged)),
        ("Acknowledged a second", number(report.rate(), 0)),
        ("Half within", duration(measured.latency.p50_us)),
        ("99 of 100 within", duration(measured.latency.p99_us)),
        ("999 of 1,000 within", duration(measured.latency.p999_us)),
        ("Longest", duration(measured.latency.longest_us)),
        ("Schedule's own error, p99", duration(measured.schedule_error.p99_us)),
    ];
    let mut figures = figures.to_vec();
    if let Some(store) = &report.store {
        figures.push(("99 of 100 in the store within", duration(store.latency.p99_us)));
    }
    format!("<section aria-label=\"Key figures\">{}</section>", key_figures(&figures))
}

/// Milliseconds of microseconds.
#[expect(clippy::cast_precision_loss, reason = "at most an hour")]
fn milliseconds(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

/// Room above the highest value of a figure.
fn top(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, f64::max).max(1e-3) * 1.08
}

fn drawn(figure: &Figure<'_>, key: &str, plot: &Plot) -> io::Result<String> {
    if plot.lines.iter().all(|line| line.iter().filter(|point| point.1.is_finite()).count() < 2) {
        return Ok(nothing(figure.title, "There are too few moments to draw a line."));
    }
    figure.draw_described(key, plot)
}

fn over_time(moments: &[Moment], lines: Vec<Vec<(f64, f64)>>) -> Plot {
    let end = moments.last().map_or(1.0, |moment| moment.at_s).max(1.0);
    let y_max = top(lines.iter().flatten().map(|point| point.1));
    Plot { lines, ..Plot::new(0.0..end, y_max) }
}

fn rates(report: &LoadReport) -> io::Result<String> {
    let moments = &report.measured.over_time;
    let line = |of: fn(&Moment) -> f64| moments.iter().map(|moment| (moment.at_s, of(moment))).collect::<Vec<_>>();
    let plot = over_time(moments, vec![line(|moment| moment.handed_rate), line(|moment| moment.asked_rate)]);
    let figure = Figure {
        title: "Rate",
        note: "Messages a second by the moment they were due [s]; copies and strangers' messages are sent besides.",
        legend: &["sent", "asked for"],
        spoken: "The rate that was sent against the rate that was asked for, over the time of the load.",
    };
    drawn(&figure, "rate", &plot)
}

fn latencies(report: &LoadReport) -> io::Result<String> {
    let moments = &report.measured.over_time;
    let line = |of: fn(&Moment) -> Option<u64>| {
        moments.iter().map(|moment| (moment.at_s, of(moment).map_or(f64::NAN, milliseconds))).collect::<Vec<_>>()
    };
    let plot = over_time(
        moments,
        vec![line(|moment| moment.p99_us), line(|moment| moment.p50_us), line(|moment| moment.longest_us)],
    );
    let figure = Figure {
        title: "Latency",
        note: "From due to acknowledged [ms], by the moment the message was due [s]. Where a line is missing, too many messages \
               were not acknowledged.",
        legend: &["p99", "p50", "longest"],
        spoken: "Median, 99th percentile and maximum of the latency over the time of the load.",
    };
    drawn(&figure, "latency", &plot)
}

fn percentiles(report: &LoadReport) -> io::Result<String> {
    // Every nine is as wide as the one before it: 90 % at 1, 99 % at 2, 99.9 % at 3.
    let nines = |share: f64| -libm::log10((1.0 - share).max(1e-6));
    let line: Vec<(f64, f64)> = report
        .measured
        .percentiles
        .iter()
        .filter_map(|(share, time)| Some((nines(*share), milliseconds((*time)?))))
        .collect();
    let y_max = top(line.iter().map(|point| point.1));
    let mut plot = Plot { lines: vec![line], ..Plot::new(0.0..6.0, y_max) };
    plot.x_ticks = |_, _| vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    plot.x_label = |nines| match nines.round() {
        n if n < 0.5 => "0 %".to_owned(),
        n if n < 1.5 => "90 %".to_owned(),
        n if n < 2.5 => "99 %".to_owned(),
        n if n < 3.5 => "99.9".to_owned(),
        n if n < 4.5 => "99.99".to_owned(),
        n if n < 5.5 => "99.999".to_owned(),
        _ => "all".to_owned(),
    };
    let figure = Figure {
        title: "Percentiles",
        note: "The latency [ms] that a share of the messages does not exceed; every step to the right leaves a tenth of the rest.",
        legend: &[],
        spoken: "The latency by the share of messages that do not exceed it.",
    };
    drawn(&figure, "percentiles", &plot)
}

fn cells(quantiles: &Quantiles) -> String {
    let times = [quantiles.p50_us, quantiles.p99_us, quantiles.p999_us, quantiles.longest_us];
    times.iter().fold(String::new(), |mut html, time| {
        let _ = write!(html, "<td>{}</td>", duration(*time));
        html
    })
}

fn phases(report: &LoadReport) -> String {
    let mut html = String::from(
        "<section aria-labelledby=\"phases\"><h2 id=\"phases\">Phases</h2><div class=\"scroll\" tabindex=\"0\" role=\"region\" \
         aria-label=\"Phases\"><table><caption><span>From due to acknowledged, by phase; the last row is the schedule's own error, from due \
         to sent.</span></caption><thead><tr><th scope=\"col\">Phase</th><th scope=\"col\">Begins</th><th scope=\"col\">Due</th>\
         <th scope=\"col\">Sent</th><th scope=\"col\">Unanswered</th><th scope=\"col\">p50</th><th scope=\"col\">p99</th>\
         <th scope=\"col\">p99.9</th><th scope=\"col\">longest</th></tr></thead><tbody>",
    );
    let mut row = |name: &str, begin: &str, due: &str, sent: u64, quantiles: &Quantiles| {
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{}</th><td>{begin}</td><td>{due}</td><td>{}</td><td>{}</td>{}</tr>",
            escape(name),
            count(sent),
            count(quantiles.unknown),
            cells(quantiles)
        );
    };
    for PhaseMeasured { name, begin_s, asked, handed, latency, .. } in &report.measured.phases {
        row(name, &span(*begin_s), &count(*asked), *handed, latency);
    }
    let measured = &report.measured;
    row("all", "", &count(measured.asked), measured.handed, &measured.latency);
    if let Some(beside) = &report.beside {
        row("a client that waits for each answer", "", "", beside.latency.count, &beside.latency);
    }
    if let Some(store) = &report.store {
        row("to the store, of those looked for", "", "", store.looked_for, &store.latency);
    }
    row("the schedule's own error", "", "", measured.handed, &measured.schedule_error);
    html.push_str("</tbody></table></div></section>");
    html
}

fn search(report: &LoadReport) -> String {
    let Some(found) = &report.search else { return String::new() };
    let mut html = format!(
        "<section aria-labelledby=\"search\"><h2 id=\"search\">Highest rate</h2><p>{} with 99 of 100 messages acknowledged within \
         {}.</p><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Rates tried\"><table><caption><span>Rates tried, in \
         their order.</span></caption><thead><tr><th scope=\"col\">Messages a second</th><th scope=\"col\">p99</th><th \
         scope=\"col\">Kept</th></tr></thead><tbody>",
        found.rate.map_or_else(
            || "No rate that was tried was kept".to_owned(),
            |rate| format!("{} messages a second", number(rate, 0))
        ),
        duration(Some(found.p99_us))
    );
    for trial in &found.trials {
        let word = if trial.held { "yes" } else { "no" };
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{word}</td></tr>",
            number(trial.rate, 1),
            duration(trial.p99_us)
        );
    }
    html.push_str("</tbody></table></div></section>");
    html
}

fn ledger(report: &LoadReport) -> String {
    let mut html = String::from(
        "<section aria-labelledby=\"ledger\"><h2 id=\"ledger\">Ledger, faults and how to send it again</h2><p>Every record was written \
         down before it was sent, once, whatever became of it; what is in no ledger was sent by strangers.</p><dl class=\"manifest\">",
    );
    let mut row = |label: &str, value: String| {
        let _ = write!(html, "<div><dt>{label}</dt><dd>{}</dd></div>", escape(&value));
    };
    let (faults, measured) = (&report.fault_counts, &report.measured);
    row("Began", report.began.clone());
    row("Lasted", span(measured.seconds));
    row("Records in the ledger", count(report.emitted));
    row("Devices", count(report.devices));
    row("Connections", count(report.connections));
    row("Seed", report.seed.to_string());
    row("Messages from", report.source.clone());
    for fault in LoadFault::ALL.into_iter().filter(|fault| faults.of(*fault) > 0) {
        row("On purpose", format!("{}: {}", fault.says(), count(faults.of(fault))));
    }
    if faults.hostile > 0 {
        row("By strangers", count(faults.hostile));
    }
    if let Some(store) = &report.store {
        row("Looked for in", store.store.clone());
        row("Messages looked for, and left out", format!("{}, {}", count(store.looked_for), count(store.left_out)));
        row("Looks, and those not answered", format!("{}, {}", count(store.looks), count(store.failed)));
        row(
            "From look to look, p50 and p99",
            format!("{}, {}", duration(store.resolution.p50_us), duration(store.resolution.p99_us)),
        );
        if let Some(why) = &store.why {
            row("Why a look was not answered", why.clone());
        }
    }
    row("Sent once more after a lost connection", count(report.resent));
    row("Connections made again", count(report.reconnects));
    row("Sender waited for room", format!("{} s", number(report.waited_s, 1)));
    for (reason, refused) in &report.refusals {
        row("Refused", format!("{}, {reason}", count(*refused)));
    }
    if let Some(back) = &measured.reconnecting {
        row("Storms", count(measured.storms));
        row("Connections back after them", count(back.count));
        row("Half of them back within", duration(back.p50_us));
        row("All of them back within", duration(back.longest_us));
    }
    html.push_str("</dl></section>");
    html
}

#[cfg(test)]
mod tests {
    use super::super::expect::Held;
    use super::super::faults::{FaultCounts, Faults, Labels};
    use super::super::figures::{Recorder, Tag};
    use super::super::report::{Beside, Found};
    use super::super::schedule::{Phase, Schedule, Shape};
    use super::super::search::Trial;
    use super::*;

    #[test]
    fn the_page_shows_every_figure_and_no_name_can_act() {
        let phase = Phase { name: "<script>rush".to_owned(), seconds: 4.0, shape: Shape::Constant(50.0) };
        let (schedule, mut recorder) = (Schedule::new(vec![phase]), Recorder::new(4.0));
        for n in 0..200 {
            let tag = Tag::new(schedule.due(n).expect("one of its messages"));
            recorder.handed(tag, tag.due_us() + 100);
            recorder.acknowledged(tag, tag.due_us() + 5000);
        }
        let measured = recorder.figures(&schedule, 4.0);
        let (mut counts, mut doubled) = (FaultCounts::default(), Labels::default());
        doubled.put(LoadFault::Doubled);
        (0..11).for_each(|_| counts.note(doubled));
        let report = LoadReport {
            name: "a & b".to_owned(),
            target: "mqtt://x".to_owned(),
            began: "2026-01-01T00:00:00Z".to_owned(),
            devices: 7,
            connections: 4,
            seed: 1,
            end: End::Failed("no <room>".to_owned()),
            emitted: 200,
            resent: 3,
            reconnects: 2,
            refusals: vec![("status <500>".to_owned(), 5)],
            waited_s: 0.5,
            beside: Some(Beside { rate: 50.0, latency: measured.latency }),
            search: Some(Found {
                p99_us: 5000,
                rate: Some(120.0),
                trials: vec![Trial { rate: 120.0, p99_us: Some(4000), held: true }],
            }),
            measured,
            faults: Faults::default(),
            fault_counts: counts,
            store: None,
            source: "synthetic".to_owned(),
            expectations: vec![Held { expected: "p99 at most 1 ms".into(), measured: "5 ms".into(), holds: false }],
        };
        let page = page(&report).expect("drawn");
        for needle in [
            "a &amp; b",
            "&lt;script&gt;rush",
            "no &lt;room&gt;",
            "Does not hold",
            "120 messages a second",
            "5.00 ms",
            "<dt>On purpose</dt><dd>Sent twice: 11</dd>",
            "waits for each answer",
            "id=\"latency-wide-title\"",
        ] {
            assert!(page.contains(needle), "{needle}");
        }
        assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("src="), "it loads something");
        let text = report.to_string();
        assert!(text.contains("NOT as expected: p99 at most 1 ms") && text.contains("no <room>"), "{text}");
    }
}
