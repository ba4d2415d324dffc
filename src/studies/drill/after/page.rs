//! The page: its sections in the order a trainer goes through them with the players.
//!
//! What was found in a few sentences, who played, objectives, injects, the timeline, intervals, standards, every call beside the bot,
//! the improvement plan, and at the end everything that was said and done. No script: it is read, printed and kept.

use std::fmt::Write as _;

use crate::studies::report::markup::{NO_FIGURE, clock_span};
use crate::studies::report::page::STYLE;

use super::{AfterAction, escape, sections, tables, timeline};

const MORE_STYLE: &str = include_str!("style.css");

/// The whole page.
pub(super) fn render(review: &AfterAction) -> String {
    let about = &review.about;
    let mut page = String::with_capacity(1 << 16);
    let (title, marking) = (escape(&about.drill), escape(&about.marking));
    // The policy forbids the page to load or send anything, whatever a name in it might try.
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src \
         'none'; style-src 'unsafe-inline'\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{marking} · {title} · after-action review</title><style>{STYLE}{MORE_STYLE}</style></head><body class=\"drill\">\
         <div class=\"sheet\"><div class=\"marking top\"><p>{marking}</p></div><div class=\"middle\"><main>"
    );
    let _ = write!(page, "<header><p class=\"kicker\">After-action review</p><h1>{title}</h1>");
    if let Some(question) = &about.question {
        let _ = write!(page, "<p class=\"question\">{}</p>", escape(question));
    }
    let _ = write!(page, "<p class=\"verdict\">{}</p></header>", sections::summary(review));
    for (id, heading, body) in [
        ("overview", "The drill", sections::overview(review)),
        ("objectives", "Objectives", sections::objectives(review)),
        ("injects", "Injects, and what was expected", tables::injects(review)),
        ("timeline", "Timeline", timeline::section(review)),
        ("intervals", "Intervals", tables::intervals(review)),
        ("standards", "Against the standards", tables::standards(review)),
        ("calls", "Call by call, beside the bot", tables::calls(review)),
        ("plan", "Improvement plan", sections::plan(review)),
        ("messages", "Messages", tables::messages(review)),
        ("actions", "Actions", tables::actions(review)),
        ("reading", "How to read this", sections::reading(review)),
    ] {
        if !body.is_empty() {
            let _ = write!(
                page,
                "<section class=\"part-{id}\" aria-labelledby=\"{id}\"><h2 id=\"{id}\">{heading}</h2>{body}</section>"
            );
        }
    }
    let _ = write!(page, "</main></div><div class=\"marking bottom\"><p>{marking}</p></div></div></body></html>");
    page.push('\n');
    page
}

/// Times as the page gives them: since the players began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Since {
    start_s: f64,
}

impl Since {
    pub(super) fn start(review: &AfterAction) -> Self {
        Self { start_s: review.about.start_s }
    }

    /// `T+12:05`; given in seconds after midnight.
    pub(super) fn at(self, time_s: f64) -> String {
        let since = time_s - self.start_s;
        let sign = if since < -0.5 { '−' } else { '+' };
        format!("T{sign}{}", clock_span(Some(since.abs())))
    }

    /// The same, or a dash.
    pub(super) fn maybe(self, time_s: Option<f64>) -> String {
        time_s.map_or_else(|| NO_FIGURE.to_owned(), |time_s| self.at(time_s))
    }
}

/// The clock time of day with seconds, `07:30:05`, and the day where it is a later one; given in seconds after midnight.
#[expect(clippy::cast_possible_truncation, reason = "a drill lasts a few hours")]
pub(super) fn time_of_day(time_s: f64) -> String {
    let whole = time_s.round() as i64;
    let (day, rest) = (whole.div_euclid(86_400), whole.rem_euclid(86_400));
    let clock = format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    match day {
        0 => clock,
        1 => format!("{clock} on the next day"),
        day => format!("{clock} on day {}", day + 1),
    }
}
