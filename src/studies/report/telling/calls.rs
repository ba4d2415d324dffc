//! Emergencies: how long calls waited for help, held against the standards services are held to, and the calls themselves.
//!
//! A call that nobody had reached by the end of the run has no response time. It is counted beside every mean, because leaving
//! it out in silence would make a bad service look better the worse it is.

use std::fmt::Write as _;
use std::io;

use crate::city::network::Network;
use crate::primitives::SimTime;

use super::super::ReportInput;
use super::super::markup::{NO_FIGURE, clock, clock_span, count_of, escape, key_figures, plural, span};
use super::super::roads::road_name;
use super::super::statistics::{PERCENTILE_DEFINITION, Sample};
use super::table::{Column, Table, figures, words};
use super::values::{Call, Incident, Priority, between};
use super::{responses, stages};

/// Rows of the table of calls, and of the one behind it; a year of a city has a hundred thousand.
const CALLS: usize = 20;
const CALLS_LONG: usize = 300;

/// Rows of the table of incidents.
const INCIDENTS: usize = 50;

/// Fewest reached calls of a category on which a service is judged; a 90th percentile of fewer is nearly the largest of them.
const JUDGED_MIN: usize = 10;

impl Priority {
    /// Every category.
    pub(super) const ALL: [Self; 4] = [Self::C1, Self::C2, Self::C3, Self::C4];

    /// Its name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::C1 => "C1",
            Self::C2 => "C2",
            Self::C3 => "C3",
            Self::C4 => "C4",
        }
    }

    const fn meaning(self) -> &'static str {
        match self {
            Self::C1 => "life-threatening",
            Self::C2 => "emergency",
            Self::C3 => "urgent",
            Self::C4 => "less urgent",
        }
    }

    /// What NHS England asks of a service: mean and 90th percentile of the response time [s] (Ambulance Response Programme,
    /// 2017; C3 and C4 have no standard for the mean).
    const fn standard(self) -> (Option<f64>, f64) {
        match self {
            Self::C1 => (Some(7.0 * 60.0), 15.0 * 60.0),
            Self::C2 => (Some(18.0 * 60.0), 40.0 * 60.0),
            Self::C3 => (None, 120.0 * 60.0),
            Self::C4 => (None, 180.0 * 60.0),
        }
    }
}

/// The section; nothing where there was neither a call nor an incident.
///
/// # Errors
/// When a figure cannot be drawn.
pub(super) fn section(calls: &[Call], incidents: &[Incident], input: &ReportInput<'_>) -> io::Result<String> {
    if calls.is_empty() && incidents.is_empty() {
        return Ok(String::new());
    }
    let mut html = String::from("<section aria-labelledby=\"emergencies\"><h2 id=\"emergencies\">Emergencies</h2>");
    if calls.is_empty() {
        html.push_str("<p class=\"none\">Nobody called for an ambulance.</p>");
    } else {
        let mut sorted: Vec<&Call> = calls.iter().collect();
        sorted.sort_by(|a, b| (a.chain.call, &a.id).cmp(&(b.chain.call, &b.id)));
        html.push_str(&key_figures(&keys(&sorted)));
        html.push_str(&caveats(&sorted));
        html.push_str(&by_priority(&sorted));
        html.push_str("<div class=\"figures\">");
        html.push_str(&responses::distribution(&sorted)?);
        html.push_str(&responses::over_time(&sorted, input.outcome.end)?);
        html.push_str(&responses::timetable(&sorted, input.outcome.end)?);
        html.push_str("</div>");
        html.push_str(&stages::table(&sorted));
        html.push_str(&calls_table(&sorted));
    }
    html.push_str(&incidents_table(incidents, input.network));
    html.push_str("</section>");
    Ok(html)
}

fn responses_of<'a>(calls: impl IntoIterator<Item = &'a &'a Call>) -> Sample {
    Sample::new(calls.into_iter().filter_map(|call| call.chain.response()))
}

fn keys(calls: &[&Call]) -> Vec<(&'static str, String)> {
    let all = responses_of(calls);
    let urgent = responses_of(calls.iter().filter(|call| call.priority <= Priority::C2));
    let figure = |value: Option<f64>| value.map_or_else(|| NO_FIGURE.to_owned(), span);
    vec![
        ("Calls", count_of(calls.len())),
        ("Reached", format!("{} of {}", count_of(all.len()), count_of(calls.len()))),
        ("Median response", figure(all.percentile(0.5))),
        ("9 in 10 within", figure(all.percentile(0.9))),
        ("C1 and C2, mean response", figure(urgent.mean())),
        ("With siren", count_of(calls.iter().filter(|call| call.siren).count())),
    ]
}

/// What must be known before the figures are used.
fn caveats(calls: &[&Call]) -> String {
    let mut html = format!(
        "<p>Response time runs from the ringing of the call to the unit’s standing at the address. NHS England starts its clock up \
         to a few minutes later, so its standards are met a little harder here. {PERCENTILE_DEFINITION}</p>"
    );
    let open = calls.len() - responses_of(calls).len();
    let disordered = calls.iter().filter(|call| !call.chain.is_ordered()).count();
    let many = |number: usize, one, many| plural(u64::try_from(number).unwrap_or(u64::MAX), one, many);
    if open > 0 {
        let _ = write!(
            html,
            "<p><strong>{} not reached by the end of the run.</strong> Means and percentiles are of the calls reached, which \
             makes the service look faster than it was.</p>",
            many(open, "call was", "calls were")
        );
    }
    if disordered > 0 {
        let _ = write!(
            html,
            "<p>{} with instants in the wrong order; spans that would be negative are left out.</p>",
            many(disordered, "call came", "calls came")
        );
    }
    html
}

fn by_priority(calls: &[&Call]) -> String {
    const COLUMNS: [Column; 8] = [
        words("Category"),
        figures("Calls"),
        figures("Reached"),
        figures("Mean"),
        figures("Median"),
        figures("9 in 10<br>within"),
        words("Standard"),
        words("Held against it"),
    ];
    let mut table = Table::new(
        "Response times by category, in minutes and seconds, against the standards of NHS England",
        &COLUMNS,
    );
    for priority in Priority::ALL {
        let of: Vec<&Call> = calls.iter().copied().filter(|call| call.priority == priority).collect();
        if of.is_empty() {
            continue;
        }
        let reached = responses_of(&of);
        let (mean, p90) = priority.standard();
        let standard = match mean {
            Some(mean) => format!("mean {}, 9 in 10 {}", clock_span(Some(mean)), clock_span(Some(p90))),
            None => format!("9 in 10 {}", clock_span(Some(p90))),
        };
        table.row(
            &format!("{} <span class=\"code\">{}</span>", priority.name(), priority.meaning()),
            &[
                count_of(of.len()),
                count_of(reached.len()),
                clock_span(reached.mean()),
                clock_span(reached.percentile(0.5)),
                clock_span(reached.percentile(0.9)),
                standard,
                judged(&reached, mean, p90).to_owned(),
            ],
        );
    }
    table.end()
}

/// Whether the calls reached keep a standard, in words.
fn judged(reached: &Sample, mean: Option<f64>, p90: f64) -> &'static str {
    let (Some(found), Some(tail)) = (reached.mean(), reached.percentile(0.9)) else { return NO_FIGURE };
    if reached.len() < JUDGED_MIN {
        return "too few to judge";
    }
    let keeps = (mean.is_none_or(|mean| found <= mean), tail <= p90);
    match keeps {
        (true, true) => "kept",
        (true, false) => "9 in 10 missed",
        (false, true) => "mean missed",
        (false, false) => "missed",
    }
}

fn calls_table(calls: &[&Call]) -> String {
    const COLUMNS: [Column; 11] = [
        words("Call"),
        words("Category"),
        figures("Rang"),
        figures("Response"),
        figures("of which<br>travel"),
        figures("At the<br>address"),
        figures("To the<br>hospital"),
        figures("At the<br>hospital"),
        words("Unit"),
        words("Hospital"),
        words("Siren"),
    ];
    let table = |caption: &str, part: &[&Call]| {
        let mut table = Table::new(caption, &COLUMNS);
        for call in part {
            let chain = &call.chain;
            let name = |name: &Option<String>| name.as_deref().map_or_else(|| NO_FIGURE.to_owned(), escape);
            table.row(
                &escape(&call.id),
                &[
                    call.priority.name().to_owned(),
                    chain.call.map_or_else(|| NO_FIGURE.to_owned(), |at| clock(at.as_seconds())),
                    clock_span(chain.response()),
                    clock_span(between(chain.enroute, chain.arrive)),
                    clock_span(between(chain.arrive, chain.depart.or(chain.clear))),
                    clock_span(between(chain.depart, chain.hospital)),
                    clock_span(between(chain.hospital, chain.clear)),
                    name(&call.unit),
                    name(&call.hospital),
                    if call.siren { "yes" } else { "no" }.to_owned(),
                ],
            );
        }
        table.end()
    };
    let (short, more) = calls.split_at(calls.len().min(CALLS));
    let mut html = table("The calls in the order in which they rang; times in minutes and seconds", short);
    let more = &more[..more.len().min(CALLS_LONG - CALLS)];
    if !more.is_empty() {
        let label = format!("Calls {} to {} of {}", CALLS + 1, CALLS + more.len(), count_of(calls.len()));
        let _ = write!(html, "<details><summary>{label}</summary>{}</details>", table("The calls that followed", more));
    }
    html
}

fn incidents_table(incidents: &[Incident], network: &Network) -> String {
    const COLUMNS: [Column; 6] =
        [words("Incident"), words("What"), words("Road"), figures("Lanes closed"), figures("From"), figures("Until")];
    let mut sorted: Vec<&Incident> = incidents.iter().collect();
    sorted.sort_by(|a, b| (a.begin, &a.id).cmp(&(b.begin, &b.id)));
    let shown = &sorted[..sorted.len().min(INCIDENTS)];
    let caption = if shown.len() < sorted.len() {
        format!("The first {} of {} incidents on the road", shown.len(), count_of(sorted.len()))
    } else {
        "Incidents on the road".to_owned()
    };
    let mut table = Table::new(&caption, &COLUMNS);
    for incident in shown {
        let edge = network.find_edge(&incident.road).and_then(|edge| network.edges.get(edge.index()));
        let street = edge.map_or(incident.road.as_str(), road_name);
        let code = if street == incident.road { String::new() } else { code(&incident.road) };
        let at = |at: SimTime| clock(at.as_seconds());
        table.row(
            &escape(&incident.id),
            &[
                escape(&incident.kind),
                format!("{}{code}", escape(street)),
                count_of(incident.lanes as usize),
                at(incident.begin),
                incident.end.map_or_else(|| "still there at the end".to_owned(), at),
            ],
        );
    }
    table.end()
}

fn code(name: &str) -> String {
    format!(" <span class=\"code\">{}</span>", escape(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words beside a standard are what a council quotes.
    #[test]
    fn a_standard_is_kept_missed_or_not_judged() {
        let sample = |values: &[f64]| Sample::new(values.iter().copied());
        let (mean, p90) = Priority::C1.standard();
        let check = |values: &[f64], expected: &str| assert_eq!(judged(&sample(values), mean, p90), expected);
        check(&[], NO_FIGURE);
        check(&[60.0; 9], "too few to judge");
        check(&[420.0; 10], "kept");
        check(&[421.0; 10], "mean missed");
        check(&[1000.0; 10], "missed");
        check(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1000.0, 1000.0], "9 in 10 missed");
        assert_eq!(judged(&sample(&[7200.0; 10]), None, 7200.0), "kept");
    }
}
