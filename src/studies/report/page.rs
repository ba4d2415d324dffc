//! The page: its sections in the order a planner reads them, with the style sheet and the script inside.
//!
//! Verdict, validity, key figures, map, worst roads, figures, tables, definitions, how to make the run again.

use std::fmt::Write as _;
use std::io;

use crate::simulation::outcome::Outcome;

use super::map::CityMap;
use super::markup::{NO_FIGURE, clock, count, count_of, escape, number, per_cent, span};
use super::statistics::PERCENTILE_DEFINITION;
use super::trips::TripGroups;
use super::{ReportInput, figures, flags, markup, roads, telling};

pub(crate) const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
const DEFINITIONS: &str = include_str!("definitions.html");

/// Roads in the table of the worst, and in the longer one behind it.
const WORST: usize = 10;
const WORST_LONG: usize = 100;

/// The whole page.
///
/// # Errors
/// When a figure cannot be drawn.
pub(super) fn render(input: &ReportInput<'_>) -> io::Result<String> {
    let outcome = input.outcome;
    let trips = TripGroups::new(outcome, input.demand);
    let map = CityMap::new(input.network, outcome, &input.backdrop);
    let mut page = String::with_capacity(1 << 20);
    head(&mut page, input);
    page.push_str("<main>");
    let _ = write!(page, "<header><p class=\"kicker\">Simulation report</p><h1>{}</h1>", escape(input.title));
    if let Some(question) = input.question {
        let _ = write!(page, "<p class=\"question\">{}</p>", escape(question));
    }
    let _ = write!(page, "<p class=\"verdict\">{}</p></header>", flags::verdict(outcome, &trips));
    page.push_str(&flags::section(
        outcome,
        input
            .gridlock
            .map(flags::gridlock)
            .into_iter()
            .chain(input.telling.map(|telling| telling::flag(&telling.balance))),
    ));
    page.push_str(&key_figures(&trips));
    page.push_str("<section aria-labelledby=\"delay-map\"><h2 id=\"delay-map\">Where time is lost</h2>");
    page.push_str(map.html());
    page.push_str(&worst_roads(input, &map));
    page.push_str(
        "</section><section aria-labelledby=\"over-time\"><h2 id=\"over-time\">Trip times and the city over time</h2>",
    );
    page.push_str(&figures::section(outcome, &trips.all.duration)?);
    page.push_str("</section><section aria-labelledby=\"trips\"><h2 id=\"trips\">Trips</h2>");
    let _ = write!(page, "<p>{} {PERCENTILE_DEFINITION}</p>", who_is_measured(outcome, &trips));
    page.push_str(&trips.summary_table());
    page.push_str(&trips.class_table());
    page.push_str("</section>");
    if let Some(telling) = input.telling {
        page.push_str(&telling::sections(telling, input)?);
    }
    page.push_str(DEFINITIONS);
    reproducibility(&mut page, input);
    let _ = write!(page, "</main><script type=\"application/json\" id=\"map-data\">{}</script>", map.data());
    let _ = write!(page, "<script>{SCRIPT}</script></body></html>");
    page.push('\n');
    Ok(page)
}

fn head(page: &mut String, input: &ReportInput<'_>) {
    let more = if input.telling.is_some() { telling::STYLE } else { "" };
    // The policy forbids the page to load or send anything, whatever a name in it might try.
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src \
         'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{} · simulation report</title><style>{STYLE}{more}</style></head><body>",
        escape(input.title)
    );
}

fn key_figures(trips: &TripGroups) -> String {
    let all = &trips.all;
    let seconds = |value: Option<f64>| value.map_or_else(|| NO_FIGURE.to_owned(), span);
    #[expect(clippy::cast_precision_loss, reason = "a city has far fewer than 2^53 trips")]
    let finished = per_cent(all.finished() as f64, trips.due as f64);
    let driven: f64 = all.length.values().iter().sum();
    let time: f64 = all.duration.values().iter().sum();
    let lost: f64 = all.time_loss.values().iter().sum();
    let figures = [
        ("Trips finished", finished),
        ("Mean trip time", seconds(all.duration.mean())),
        ("95 in 100 trips within", seconds(all.duration.percentile(0.95))),
        ("Share of time lost", per_cent(lost, time)),
        (
            "Mean speed",
            if time > 0.0 { format!("{} km/h", number(driven / time * 3600.0, 1)) } else { NO_FIGURE.to_owned() },
        ),
        ("Distance driven", format!("{} km", number(driven, 0))),
    ];
    format!("<section aria-label=\"Key figures\">{}</section>", markup::key_figures(&figures))
}

fn worst_roads(input: &ReportInput<'_>, map: &CityMap) -> String {
    let worst = roads::worst_first(input.network, input.outcome);
    let places = map.places();
    let place = |id| places.get(&id).copied();
    let short = &worst[..worst.len().min(WORST)];
    let mut html =
        roads::table(input.network, short, 1, "The ten roads where most time is lost, over the whole run.", &place);
    if worst.len() > WORST {
        let more = &worst[WORST..worst.len().min(WORST_LONG)];
        let label = format!("Roads {} to {} of {} in use", WORST + 1, WORST + more.len(), count_of(worst.len()));
        let table = roads::table(input.network, more, WORST + 1, "The roads that follow, by time lost.", &place);
        let _ = write!(html, "<details><summary>{label}</summary>{table}</details>");
    }
    html
}

fn who_is_measured(outcome: &Outcome, trips: &TripGroups) -> String {
    let left_out = trips.all.entered.saturating_sub(trips.all.finished());
    let never = outcome.loaded.saturating_sub(outcome.inserted);
    let mut text = format!("Measured over {} finished trips.", count_of(trips.all.finished()));
    if left_out > 0 || never > 0 {
        let _ = write!(
            text,
            " Left out: {} still on the road at the end and {} that never entered it.",
            count_of(left_out),
            count(never)
        );
    }
    if trips.warm_up > 0 {
        let _ = write!(text, " The {} begun in the warm-up are not counted either.", count_of(trips.warm_up));
    }
    text
}

fn reproducibility(page: &mut String, input: &ReportInput<'_>) {
    let outcome = input.outcome;
    page.push_str(
        "<section aria-labelledby=\"again\"><h2 id=\"again\">How to make this run again</h2><p>The same program, files and \
         seed give the same result, down to the last vehicle.</p><dl class=\"manifest\">",
    );
    let mut row = |label: &str, value: &str| {
        let _ = write!(page, "<div><dt>{}</dt><dd>{}</dd></div>", escape(label), escape(value));
    };
    for (label, value) in &input.manifest {
        row(label, value);
    }
    let period = format!("{} to {}", clock(outcome.begin.as_seconds()), clock(outcome.end.as_seconds()));
    row("Period simulated", &period);
    row("Steps", &count(outcome.steps));
    row("Vehicle updates", &count(outcome.updates));
    row("Brakings harder than comfortable", &count(outcome.emergency_brakings));
    let size = format!(
        "{} roads, {} junctions, {} signals",
        count_of(input.network.roads().count()),
        count_of(input.network.junctions.len()),
        count_of(input.network.signals.len())
    );
    row("Network", &size);
    if !outcome.state_hash.is_empty() {
        row("Hash of the final state", &outcome.state_hash);
    }
    page.push_str("</dl></section>");
}
