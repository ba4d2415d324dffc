//! The tables: injects, intervals, standards, every call, messages and actions.

use std::fmt::Write as _;

use crate::studies::report::markup::{NO_FIGURE, clock_span, count_of, number, per_cent, span};

use super::super::model::{InjectKind, Medium, Standard};
use super::super::record::{Came, How};
use super::figures::{ENOUGH, Figures, Kind, Standing, Verdict};
use super::lines::{CallLine, InjectLine};
use super::page::Since;
use super::sections::{self, state_mark};
use super::standards::Held;
use super::{AfterAction, escape};

pub(super) fn injects(review: &AfterAction) -> String {
    if review.injects.is_empty() {
        return String::new();
    }
    let since = Since::start(review);
    let mut html = format!(
        "<p>{} By bots alone: {}. A bot takes note of messages at once and dispatches; it does nothing else.</p>",
        sections::tally(review.expectations) + ".",
        sections::tally(review.expectations_by_bots)
    );
    html.push_str(&sections::declared(review));
    html.push_str(
        "<div class=\"scroll\"><table class=\"text\"><thead><tr><th scope=\"col\">Inject</th><th scope=\"col\">Delivered</th><th \
         scope=\"col\">What was said</th><th scope=\"col\">Expected</th><th scope=\"col\">Until</th><th scope=\"col\">Done</th><th \
         scope=\"col\">Result</th><th scope=\"col\">By bots</th></tr></thead><tbody>",
    );
    for inject in &review.injects {
        inject_row(&mut html, inject, since);
    }
    html.push_str("</tbody></table></div>");
    html
}

fn inject_row(html: &mut String, inject: &InjectLine, since: Since) {
    let delivered = match (inject.delivered_s, inject.how) {
        (Some(at), How::ByHand) => format!("{}<br><span class=\"code\">by hand</span>", since.at(at)),
        (Some(at), How::State) => format!("{}<br><span class=\"code\">its condition held</span>", since.at(at)),
        (Some(at), _) => since.at(at),
        (None, How::Held) => "<span class=\"code\">held back</span>".to_owned(),
        (None, _) => format!("<span class=\"code wraps\">{}</span>", escape(&inject.trigger)),
    };
    let route = match &inject.to {
        Some(to) => format!("{} to {}, {}", escape(&inject.from), escape(to), medium(inject.by)),
        None => format!("{}, heard by whoever answers the call", escape(&inject.from)),
    };
    let expected = match (&inject.expected, &inject.of) {
        (Some(words), Some(role)) => format!("{} <span class=\"code\">{}</span>", escape(words), escape(role)),
        (Some(words), None) => escape(words),
        (None, _) => NO_FIGURE.to_owned(),
    };
    let done = match (inject.met_s, &inject.met_by) {
        (Some(at), Some(by)) => format!("{}<br><span class=\"code\">{}</span>", since.at(at), escape(by)),
        (at, _) => since.maybe(at),
    };
    let _ = write!(
        html,
        "<tr><th scope=\"row\"><span class=\"id\">{}</span><br><span class=\"code\">{}</span></th><td class=\"time\">{delivered}</td>\
         <td>{}<br><span class=\"code\">{route}</span></td><td>{expected}</td><td class=\"time\">{}</td><td class=\"time\">{done}</td>\
         <td>{}</td><td class=\"code\">{}</td></tr>",
        escape(&inject.inject),
        kind(inject.kind),
        escape(&inject.text),
        since.maybe(inject.deadline_s),
        state_mark(inject.state),
        inject.by_bots.map_or(NO_FIGURE, sections::state_word),
    );
}

const fn kind(kind: InjectKind) -> &'static str {
    match kind {
        InjectKind::Informational => "informational",
        InjectKind::Event => "event",
        InjectKind::Media => "media",
        InjectKind::Contingency => "contingency",
    }
}

const fn medium(medium: Medium) -> &'static str {
    match medium {
        Medium::Phone => "by telephone",
        Medium::Radio => "by radio",
        Medium::Cad => "on the dispatch screen",
        Medium::Email => "by e-mail",
        Medium::Media => "in the news",
        Medium::Cap => "as a warning (CAP)",
        Medium::InPerson => "in person",
    }
}

pub(super) fn intervals(review: &AfterAction) -> String {
    let mut html = String::from(
        "<p>In minutes and seconds, each over the calls that got through it. In grey: fewer than ten calls.</p><div \
         class=\"scroll\"><table class=\"pairs\"><thead><tr><td></td><th scope=\"colgroup\" colspan=\"5\">As played</th><th \
         scope=\"colgroup\" colspan=\"5\" class=\"other\">By bots alone</th></tr><tr><th scope=\"col\">Interval</th>",
    );
    for class in [" class=\"first\"", " class=\"first other\""] {
        let _ = write!(
            html,
            "<th scope=\"col\"{class}>Calls</th><th scope=\"col\">Mean</th><th scope=\"col\">Half<br>within</th><th \
             scope=\"col\">9 in 10<br>within</th><th scope=\"col\">95 in 100<br>within</th>"
        );
    }
    html.push_str("</tr></thead><tbody>");
    let comes_up = |figures: &Figures| figures.n + figures.open > 0;
    for interval in review.intervals.iter().filter(|interval| comes_up(&interval.played) || comes_up(&interval.by_bots))
    {
        let class = if interval.word == "response" { " class=\"total\"" } else { "" };
        let _ = write!(
            html,
            "<tr{class}><th scope=\"row\">{}<span class=\"says\">{}</span></th>{}{}</tr>",
            interval.name,
            interval.says,
            figures(&interval.played, "first"),
            figures(&interval.by_bots, "first other")
        );
    }
    html.push_str("</tbody></table></div>");
    html.push_str(&sections::survivors(review));
    html
}

fn figures(figures: &Figures, first: &str) -> String {
    let calls = if figures.open > 0 {
        format!("{}<span class=\"plus\">+{} open</span>", count_of(figures.n), count_of(figures.open))
    } else {
        count_of(figures.n)
    };
    let few = if figures.few { " class=\"few\"" } else { "" };
    let mut html = format!("<td class=\"{first}\">{calls}</td><td>{}</td>", clock_span(figures.mean_s));
    for percentile in [figures.p50_s, figures.p90_s, figures.p95_s] {
        let _ = write!(html, "<td{few}>{}</td>", clock_span(percentile));
    }
    html
}

pub(super) fn standards(review: &AfterAction) -> String {
    let mut html = String::new();
    for of in [Standard::Nfpa1710, Standard::NhsArp] {
        let rows: Vec<&Held> = review.standards.iter().filter(|held| held.of == of).collect();
        let Some(first) = rows.first() else { continue };
        let _ = write!(
            html,
            "<div class=\"scroll\"><table class=\"held\"><caption><span>{}</span></caption><thead><tr><th scope=\"col\">What</th><th \
             scope=\"col\" class=\"words\">Calls</th><th scope=\"col\" class=\"words\">Asked</th><th scope=\"col\" class=\"words\">As \
             played</th><th scope=\"col\" class=\"words\">By bots alone</th></tr></thead><tbody>",
            first.standard
        );
        for held in rows {
            let over = if held.categories.len() == 4 { "all".to_owned() } else { held.categories.join(", ") };
            let asked = match held.asked {
                Some(share) => format!("{} % within {}", number(share * 100.0, 0), span(held.limit_s)),
                None => format!("at most {}", clock_span(Some(held.limit_s))),
            };
            let _ = write!(
                html,
                "<tr><th scope=\"row\">{}</th><td class=\"words\">{over}</td><td class=\"words\">{asked}</td><td \
                 class=\"words\">{}</td><td class=\"words\">{}</td></tr>",
                held.name,
                standing(&held.played),
                standing(&held.by_bots)
            );
        }
        html.push_str("</tbody></table></div>");
    }
    html
}

/// A figure, of how many calls, and what may be said of it.
fn standing(standing: &Standing) -> String {
    let Some(value) = standing.value else {
        return match standing.open {
            0 => "<span class=\"code\">no such call</span>".to_owned(),
            open => format!("<span class=\"code\">{} open</span>", count_of(open)),
        };
    };
    let figure = match standing.kind {
        Kind::Share => per_cent(value, 1.0),
        Kind::Time if standing.at_least => format!("≥ {}", clock_span(Some(value))),
        Kind::Time => clock_span(Some(value)),
    };
    let (class, word) = match standing.verdict {
        Verdict::Met => ("met", "kept"),
        Verdict::NotMet => ("missed", "not kept"),
        Verdict::TooFew => ("open", "too few"),
        Verdict::Open => ("open", "not over"),
        Verdict::Nothing => ("open", ""),
    };
    let mut about = format!("n = {}", count_of(standing.n));
    if standing.open > 0 {
        let _ = write!(about, ", {} open", count_of(standing.open));
    }
    if let (Some(low), Some(high), true) = (standing.low, standing.high, standing.n >= ENOUGH) {
        let _ = write!(about, ", {} to {}", per_cent(low, 1.0), per_cent(high, 1.0));
    }
    let few = if standing.verdict == Verdict::TooFew { " few" } else { "" };
    format!(
        "<span class=\"state {class}\">{word}</span> <span class=\"figure-value{few}\">{figure}</span> <span \
         class=\"code\">{about}</span>"
    )
}

pub(super) fn calls(review: &AfterAction) -> String {
    if review.calls.is_empty() {
        return "<p>No call came in.</p>".to_owned();
    }
    let since = Since::start(review);
    let mut html = format!("<p>{}</p>", matched(review));
    html.push_str(
        "<div class=\"scroll\"><table class=\"calls\"><thead><tr><th scope=\"col\">Call</th><th scope=\"col\">Rang</th><th \
         scope=\"col\" class=\"words\">Where</th><th scope=\"col\" class=\"words\">Unit</th><th scope=\"col\">Under&shy;stood</th><th \
         scope=\"col\">Sent</th><th scope=\"col\">Set out</th><th scope=\"col\" \
         class=\"words\">Hospital</th><th scope=\"col\">Response</th><th scope=\"col\">By the bot</th><th scope=\"col\">Difference</th></tr></thead><tbody>",
    );
    for call in &review.calls {
        call_row(&mut html, call, since);
    }
    html.push_str("</tbody></table></div>");
    html
}

/// What the matched calls say together.
fn matched(review: &AfterAction) -> String {
    let (matched, about) = (&review.against_bots, &review.about);
    let mut text = format!(
        "The same drill by bots alone had {} calls, of which {} are the same as here",
        count_of(about.calls_by_bots),
        count_of(matched.calls)
    );
    if matched.n == 0 {
        return text + "; none of them was reached in both runs.";
    }
    let _ = write!(
        text,
        "; {} were reached in both. Of these an ambulance came sooner than with the bot in {}, later in {}, at the same second in {}. \
         Difference per call: mean {}, median {}",
        count_of(matched.n),
        count_of(matched.quicker),
        count_of(matched.slower),
        count_of(matched.alike),
        signed(matched.mean_s),
        signed(matched.median_s)
    );
    if let (Some(low), Some(high)) = (matched.low_s, matched.high_s) {
        let _ = write!(text, " (95 % interval {} to {})", signed(Some(low)), signed(Some(high)));
    }
    text.push_str("; plus is later than the bot. Times in the table count from the ring.");
    if matched.other_dice > 0 {
        let _ = write!(
            text,
            " {} came in under another number there, so that their durations were drawn anew.",
            count_of(matched.other_dice)
        );
    }
    text
}

/// A difference, `+1:05`; zero has no sign.
fn signed(seconds: Option<f64>) -> String {
    match seconds {
        Some(seconds) if seconds >= 0.5 => format!("+{}", clock_span(Some(seconds))),
        Some(seconds) if seconds.abs() < 0.5 => "0:00".to_owned(),
        other => clock_span(other),
    }
}

fn call_row(html: &mut String, call: &CallLine, since: Since) {
    let after = |time: Option<f64>| clock_span(time.map(|time| time - call.rang_s));
    let waited = |done: Option<f64>, so_far: Option<f64>| match (done, so_far) {
        (None, Some(so_far)) => format!("<span class=\"state open\">open</span> {}", clock_span(Some(so_far))),
        (done, _) => clock_span(done),
    };
    let came = match &call.came {
        Came::City => String::new(),
        Came::Inject(id) => format!(" <span class=\"code id\">{}</span>", escape(id)),
        Came::Person => " <span class=\"code\">by hand</span>".to_owned(),
    };
    let units = match (&call.unit, call.units_sent.as_slice()) {
        (Some(unit), [_]) => escape(unit),
        (None, []) => NO_FIGURE.to_owned(),
        (Some(unit), sent) => {
            let before: Vec<String> = sent.iter().take(sent.len().saturating_sub(1)).map(|unit| escape(unit)).collect();
            format!("{} <span class=\"code\">after {}</span>", escape(unit), before.join(", "))
        }
        (None, sent) => {
            let called_away: Vec<String> = sent.iter().map(|unit| escape(unit)).collect();
            format!("none <span class=\"code\">{} called away</span>", called_away.join(", "))
        }
    };
    let by_bots = match call.call_by_bots {
        Some(_) => waited(call.response_by_bots_s, call.waited_by_bots_s),
        None => "<span class=\"code\">not there</span>".to_owned(),
    };
    let _ = write!(
        html,
        "<tr><th scope=\"row\">{} <span class=\"category {}\">{}</span></th><td class=\"time\">{}</td><td class=\"words\">{}{came}</td><td \
         class=\"words\">{units}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"words\">{}</td><td>{}</td><td>{by_bots}</td>\
         <td>{}</td></tr>",
        call.call,
        call.category.replace('C', "k"),
        call.category,
        since.at(call.rang_s),
        escape(&call.road),
        after(call.understood_s),
        after(call.sent_s),
        after(call.set_out_s),
        call.hospital.as_deref().map_or_else(|| NO_FIGURE.to_owned(), escape),
        waited(call.response_s, call.waited_s),
        signed(call.difference_s),
    );
}

pub(super) fn messages(review: &AfterAction) -> String {
    if review.messages.is_empty() {
        return String::new();
    }
    let since = Since::start(review);
    let mut html = String::from(
        "<div class=\"scroll\"><table class=\"text\"><thead><tr><th scope=\"col\">Time</th><th scope=\"col\">From</th><th \
         scope=\"col\">To</th><th scope=\"col\">What was said</th><th scope=\"col\">Noted</th></tr></thead><tbody>",
    );
    for message in &review.messages {
        let _ = write!(
            html,
            "<tr><td class=\"time\">{}</td><td>{}<br><span class=\"code\">{}</span></td><td>{}</td><td>{}</td><td class=\"time\">{}</td></tr>",
            since.at(message.time_s),
            escape(&message.from),
            medium(message.by),
            escape(&message.to),
            escape(&message.text),
            since.maybe(message.acknowledged_s)
        );
    }
    html.push_str("</tbody></table></div>");
    html
}

pub(super) fn actions(review: &AfterAction) -> String {
    if review.actions.is_empty() {
        return "<p>Nobody did anything: bots played alone.</p>".to_owned();
    }
    let since = Since::start(review);
    let mut html = String::from(
        "<div class=\"scroll\"><table class=\"text\"><thead><tr><th scope=\"col\">No.</th><th scope=\"col\">Time</th><th \
         scope=\"col\">Who</th><th scope=\"col\">What became of it</th></tr></thead><tbody>",
    );
    for action in &review.actions {
        let _ = write!(
            html,
            "<tr><td class=\"time\">{}</td><td class=\"time\">{}</td><td>{}<br><span class=\"code\">{}</span></td><td>{}</td></tr>",
            action.number,
            since.at(action.time_s),
            escape(&action.person),
            escape(&action.role),
            escape(&action.said)
        );
    }
    html.push_str("</tbody></table></div>");
    html
}
