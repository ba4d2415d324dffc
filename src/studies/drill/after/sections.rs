//! What was found in sentences, who played what, how objectives were rated, and the plan that is to be filled in.

use std::fmt::Write as _;

use crate::studies::report::markup::{NO_FIGURE, count_of, key_figures, number, per_cent, span};
use crate::studies::report::statistics::PERCENTILE_DEFINITION;

use super::super::model::{Rating, Standard};
use super::figures::ENOUGH;
use super::lines::{InjectLine, State, Tally};
use super::matched::{Matched, Survivors};
use super::page::{Since, time_of_day};
use super::standards::{NFPA_READING, NHS_READING};
use super::{AfterAction, Interval, escape};

/// Rows of the improvement plan that are left empty.
const EMPTY_ROWS: usize = 3;

/// What was found, in a few sentences.
pub(super) fn summary(review: &AfterAction) -> String {
    let about = &review.about;
    let mut text = match (about.calls, about.reached) {
        (0, _) => "No call came in while the drill was played.".to_owned(),
        (calls, reached) if calls == reached => {
            format!("{} came in, and an ambulance reached every one.", many(calls, "call", "calls"))
        }
        (calls, reached) => {
            format!("{} came in; an ambulance reached {}.", many(calls, "call", "calls"), count_of(reached))
        }
    };
    if let Some(half) = whole_response(review).played.p50_s {
        let _ = write!(text, " Half of those took no more than {} from the ring to the scene.", span(half));
    }
    let tally = review.expectations;
    if tally.due() > 0 {
        let _ = write!(text, " {} were met in time", of(tally.met, tally.due(), "expectation", "expectations"));
        for (number, word) in [(tally.late, "late"), (tally.missed, "missed")] {
            if number > 0 {
                let _ = write!(text, ", {} {word}", count_of(number));
            }
        }
        text.push('.');
    }
    text.push_str(&beside_the_bot(&review.against_bots));
    text
}

fn beside_the_bot(matched: &Matched) -> String {
    let Some(median) = matched.median_s else { return String::new() };
    let calls = many(matched.n, "call", "calls");
    let than = match median {
        same if same.abs() < 1.0 => {
            return format!(" Over {calls} the bot on the same dice was as quick, at the median.");
        }
        slower if slower > 0.0 => "later",
        _ => "sooner",
    };
    let sure = match (matched.low_s, matched.high_s) {
        (Some(low), Some(high)) if low > 0.0 || high < 0.0 => "",
        (Some(_), Some(_)) => "; chance alone could do that",
        _ => "; too few calls to rule out chance",
    };
    format!(
        " Over {calls} an ambulance came {} {than} than with the bot on the same dice, at the median{sure}.",
        span(median.abs())
    )
}

fn whole_response(review: &AfterAction) -> &Interval {
    // The list has every interval, the whole response last.
    &review.intervals[review.intervals.len() - 1]
}

fn many(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", count_of(number), if number == 1 { one } else { many })
}

fn of(part: usize, whole: usize, one: &str, more: &str) -> String {
    format!("{} of {}", count_of(part), many(whole, one, more))
}

/// Key figures, and what, when and who.
pub(super) fn overview(review: &AfterAction) -> String {
    let about = &review.about;
    let response = whole_response(review);
    let tally = review.expectations;
    let seconds = |value: Option<f64>| value.map_or_else(|| NO_FIGURE.to_owned(), span);
    let mut html = key_figures(&[
        ("Calls", count_of(about.calls)),
        ("Reached", count_of(about.reached)),
        ("Response, median", seconds(response.played.p50_s)),
        ("The same by the bot", seconds(response.by_bots.p50_s)),
        (
            "Expectations met in time",
            if tally.due() == 0 { NO_FIGURE.to_owned() } else { format!("{} of {}", tally.met, tally.due()) },
        ),
    ]);
    let played = about.ended_s - about.start_s;
    let mut rows = vec![
        ("Scenario".to_owned(), escape(&about.scenario)),
        ("Day in the scenario".to_owned(), escape(&about.date)),
        ("T+0".to_owned(), time_of_day(about.start_s)),
        (
            "End".to_owned(),
            format!("{}, after {} of {}", time_of_day(about.ended_s), span(played), span(about.length_s)),
        ),
    ];
    for player in &about.roles {
        let people: Vec<String> = player.people.iter().map(|name| escape(name)).collect();
        let people = if people.is_empty() { "nobody; a bot where there is one".to_owned() } else { people.join(", ") };
        rows.push((escape(&player.title), people));
    }
    rows.push(("Seed".to_owned(), about.seed.to_string()));
    if about.branch > 1 {
        rows.push((
            "Branch".to_owned(),
            format!("{}: somebody went back in time; the earlier branches are kept", about.branch),
        ));
    }
    html.push_str("<dl class=\"manifest\">");
    for (name, value) in rows {
        let _ = write!(html, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    html.push_str("</dl>");
    if about.calls_before > 0 {
        let _ = write!(
            html,
            "<p class=\"note\">{} before T+0, while the city ran by itself. They keep ambulances busy but are in no figure.</p>",
            many(about.calls_before as usize, "call came in", "calls came in")
        );
    }
    html
}

/// What a rating means.
fn meaning(rating: Rating) -> (&'static str, &'static str) {
    match rating {
        Rating::P => ("P", "performed without challenges"),
        Rating::S => ("S", "performed with some challenges"),
        Rating::M => ("M", "performed with major challenges"),
        Rating::U => ("U", "unable to be performed"),
    }
}

pub(super) fn objectives(review: &AfterAction) -> String {
    if review.objectives.is_empty() {
        return String::new();
    }
    let mut html = String::from(
        "<p>Rated as in the Homeland Security Exercise and Evaluation Program (2020): P performed without challenges, S with some, M \
         with major challenges, U unable to be performed.</p><div class=\"scroll\"><table class=\"text\"><thead><tr><th scope=\"col\">\
         Objective</th><th scope=\"col\">Capability</th><th scope=\"col\">Its injects</th><th scope=\"col\">Rating</th><th \
         scope=\"col\">Why</th></tr></thead><tbody>",
    );
    for objective in &review.objectives {
        let evidence: Vec<String> = objective
            .injects
            .iter()
            .map(|(inject, state)| format!("{} {}", escape(inject), state_mark(*state)))
            .collect();
        let rating = match objective.rating {
            Some(rating) => {
                let (letter, words) = meaning(rating);
                format!("<span class=\"rating\">{letter}</span> {words}")
            }
            None => "<span class=\"rating empty\" aria-hidden=\"true\"></span> not rated".to_owned(),
        };
        let why = match (&objective.note, &objective.by) {
            (Some(note), Some(by)) => format!("{} <span class=\"code\">{}</span>", escape(note), escape(by)),
            (Some(note), None) => escape(note),
            (None, Some(by)) => format!("<span class=\"code\">{}</span>", escape(by)),
            (None, None) => NO_FIGURE.to_owned(),
        };
        let _ = write!(
            html,
            "<tr><th scope=\"row\"><span class=\"id\">{}</span> {}</th><td>{}</td><td>{}</td><td>{rating}</td><td>{why}</td></tr>",
            escape(&objective.objective),
            escape(&objective.text),
            objective.capability.as_deref().map_or_else(|| NO_FIGURE.to_owned(), escape),
            if evidence.is_empty() { NO_FIGURE.to_owned() } else { evidence.join("<br>") },
        );
    }
    html.push_str("</tbody></table></div>");
    html
}

/// What became of an inject, as a word that also shows without colour.
pub(super) fn state_mark(state: State) -> String {
    let (class, word) = match state {
        State::Met => ("met", "met"),
        State::Late => ("late", "late"),
        State::Missed => ("missed", "missed"),
        State::Open => ("open", "not due yet"),
        State::Told => ("told", "delivered"),
        State::Off => ("off", "not delivered"),
    };
    format!("<span class=\"state {class}\">{word}</span>")
}

/// Totals of expectations in a sentence.
pub(super) fn tally(tally: Tally) -> String {
    let mut parts =
        vec![format!("{} met in time", tally.met), format!("{} late", tally.late), format!("{} missed", tally.missed)];
    if tally.open > 0 {
        parts.push(format!("{} not due yet at the end", tally.open));
    }
    if tally.off > 0 {
        parts.push(format!("{} not delivered", tally.off));
    }
    parts.join(", ")
}

/// What is to be done about it: what was late, missed or rated below P stands there already, the rest is written in.
pub(super) fn plan(review: &AfterAction) -> String {
    let mut issues: Vec<(String, String)> = Vec::new();
    for objective in &review.objectives {
        if let Some(rating @ (Rating::S | Rating::M | Rating::U)) = objective.rating {
            let (letter, words) = meaning(rating);
            let issue = format!("<span class=\"id\">{}</span> rated {letter}, {words}", escape(&objective.objective));
            issues.push((issue, objective.capability.as_deref().map(escape).unwrap_or_default()));
        }
    }
    let behind = |inject: &&InjectLine| matches!(inject.state, State::Late | State::Missed);
    for inject in review.injects.iter().filter(behind) {
        let expected = inject.expected.as_deref().map(escape).unwrap_or_default();
        let issue =
            format!("<span class=\"id\">{}</span> {expected}: {}", escape(&inject.inject), state_mark(inject.state));
        let capability = inject.objective.as_ref().and_then(|id| {
            review.objectives.iter().find(|objective| objective.objective == *id)?.capability.as_deref().map(escape)
        });
        issues.push((issue, capability.unwrap_or_default()));
    }
    let mut html = String::from(
        "<p>To be filled in together. What was late, missed or rated below P stands here already.</p><div class=\"scroll\"><table \
         class=\"text plan\"><thead><tr><th scope=\"col\">Issue</th><th scope=\"col\">Capability</th><th scope=\"col\">Corrective \
         action</th><th scope=\"col\">Responsible</th><th scope=\"col\">Start</th><th scope=\"col\">Due</th></tr></thead><tbody>",
    );
    let empty = std::iter::repeat_n((String::new(), String::new()), EMPTY_ROWS);
    for (issue, capability) in issues.into_iter().chain(empty) {
        let _ = write!(html, "<tr><td>{issue}</td><td>{capability}</td><td></td><td></td><td></td><td></td></tr>");
    }
    html.push_str("</tbody></table></div>");
    html
}

/// The survivors, where the data supports it.
pub(super) fn survivors(review: &AfterAction) -> String {
    match &review.survivors {
        Survivors::Expected { n, played, by_bots, curve } => format!(
            "<p class=\"note\"><strong>Expected survivors per 100 cardiac arrests:</strong> {} as played, {} by the bot. As if each of \
             the {} were an arrest that nobody treats before the ambulance, by the curve of {}. It compares two runs; it predicts \
             nobody's fate.</p>",
            number(*played, 1),
            number(*by_bots, 1),
            many(*n, "life-threatening call reached in both runs", "life-threatening calls reached in both runs"),
            escape(curve)
        ),
        Survivors::No { why } => {
            format!(
                "<p class=\"note\"><strong>Expected survivors per 100 cardiac arrests:</strong> {}</p>",
                escape(why)
            )
        }
    }
}

/// How figures are made and what they cannot say.
pub(super) fn reading(review: &AfterAction) -> String {
    let mut html = String::from("<dl class=\"definitions\">");
    let mut item = |name: &str, says: &str| {
        let _ = write!(html, "<div><dt>{name}</dt><dd>{says}</dd></div>");
    };
    item("Times", "T+0 is when the players begin; all times are the city's own and not those of any wall.");
    item("Which calls count", "Calls that rang from T+0 until the end.");
    item(
        "One chain of times",
        "Every interval comes from one list of what happened. Where a unit was called away and another sent, the first one ends \
         waiting and processing; turnout and travel are those of the unit that came.",
    );
    item(
        "What was not over",
        "An interval that had begun when the drill ended is counted apart. It is in no mean and no percentile, but a verdict takes \
         account of it: a call that has waited past a limit has missed it.",
    );
    item("Percentiles", PERCENTILE_DEFINITION);
    item(
        "Small numbers",
        &format!(
            "Below {ENOUGH} calls a single one decides a percentile: it is shown in grey with its number of calls, and no verdict is \
             given. A drill is one afternoon. It shows what to talk about and proves no service good or bad.",
        ),
    );
    item(
        "Intervals of 95 %",
        "Of a share by Wilson (1927); of the median difference by order statistics, whatever its distribution. They say how far \
         chance alone might carry so few calls.",
    );
    item(
        "The bot",
        "The same file and seed without people: to every call it sends the free unit with the shortest predicted time. It takes no \
         note of messages and declares nothing. A call is matched by where it came from. Once the runs part, traffic and which unit \
         is free differ too.",
    );
    if review.standards.iter().any(|held| held.of == Standard::Nfpa1710) {
        item("NFPA 1710", NFPA_READING);
    }
    if review.standards.iter().any(|held| held.of == Standard::NhsArp) {
        item("NHS England", NHS_READING);
    }
    html.push_str("</dl>");
    html
}

/// A share of time, for a unit.
pub(super) fn share(part: f64) -> String {
    per_cent(part, 1.0)
}

/// When something was declared, by whom; empty if nothing was.
pub(super) fn declared(review: &AfterAction) -> String {
    let since = Since::start(review);
    let said: Vec<String> = review
        .declared
        .iter()
        .map(|line| {
            format!(
                "{} at {} by {} ({})",
                escape(&line.what),
                since.at(line.time_s),
                escape(&line.person),
                escape(&line.role)
            )
        })
        .collect();
    if said.is_empty() {
        String::new()
    } else {
        format!("<p class=\"note\"><strong>Declared:</strong> {}.</p>", said.join("; "))
    }
}
