//! The page: its sections in the order a trainer goes through them with the players.
//!
//! What was found in a few sentences, who played, objectives, injects, the timeline, intervals, standards, every call beside the bot,
//! the improvement plan, and at the end everything that was said and done. No script: it is read, printed and kept.

use std::fmt::Write as _;

use crate::studies::report::markup::{NO_FIGURE, clock_span, short_name};
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
         <title>{marking} · {title} · after-action review</title><style>{STYLE}{MORE_STYLE}{}</style></head><body class=\"drill\">\
         <div class=\"sheet\"><div class=\"marking top\"><p>{marking}</p></div><div class=\"middle\"><main>",
        margins(&about.marking, &about.drill)
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

/// The head and foot of every printed page: the marking, the drill and the number of the page. A browser that knows no boxes in
/// margins repeats the marking of the screen instead.
fn margins(marking: &str, drill: &str) -> String {
    let (marking, drill) = (css_text(marking), css_text(&short_name(drill, 40)));
    let bold = "font:700 9pt sans-serif;letter-spacing:.12em;color:#000";
    let plain = "font:8pt sans-serif;color:#444";
    format!(
        "@page{{size:A4;margin:17mm 14mm 17mm;@top-center{{content:{marking};{bold}}}@bottom-center{{content:{marking};{bold}}}\
         @bottom-left{{content:{drill};{plain}}}@bottom-right{{content:counter(page) \" / \" counter(pages);{plain}}}}}"
    )
}

/// A string of CSS that can neither end itself nor the element around it: all but letters, digits and spaces as code points,
/// each with the space that ends it.
fn css_text(text: &str) -> String {
    let mut safe = String::from("\"");
    for character in text.chars() {
        if character.is_ascii_alphanumeric() || character == ' ' {
            safe.push(character);
        } else if !character.is_control() {
            let _ = write!(safe, "\\{:06x} ", u32::from(character));
        }
    }
    safe.push('"');
    safe
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marking_cannot_end_its_style() {
        assert_eq!(
            css_text("EXERCISE – a\"}</style>"),
            r#""EXERCISE \002013  a\000022 \00007d \00003c \00002f style\00003e ""#
        );
    }

    #[test]
    fn clock_times_go_past_midnight() {
        assert_eq!(time_of_day(85_200.0), "23:40:00");
        assert_eq!(
            (time_of_day(86_400.4), time_of_day(200_000.0)),
            ("00:00:00 on the next day".into(), "07:33:20 on day 3".into())
        );
        let since = Since { start_s: 85_200.0 };
        assert_eq!(
            (since.at(86_400.0), since.at(85_170.0), since.at(90_000.0)),
            ("T+20:00".into(), "T−0:30".into(), "T+1:20:00".into())
        );
        assert_eq!(since.maybe(None), NO_FIGURE);
    }
}
