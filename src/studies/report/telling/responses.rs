//! The figures of the emergencies: how many calls were reached within how long, when slow answers fell, and what each unit did.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use crate::primitives::SimTime;

use super::super::chart::{Figure, Plot, Stretch, nothing};
use super::super::markup::{count_of, short_name, span};
use super::super::statistics::{Sample, round_step};
use super::against;
use super::values::{Call, Chain, Priority};

/// Fewest reached calls whose distribution says anything.
const REACHED_MIN: usize = 5;

/// Most points of the figure over the run.
const POINTS_MAX: usize = 400;

/// Most lanes of the timetable, and the longest name of a unit beside one.
const UNITS_MAX: usize = 24;
const NAME_MAX: usize = 14;

/// The share of calls reached within a time, by category; calls never reached keep the line below the top.
///
/// # Errors
/// When the figure cannot be drawn.
pub(super) fn distribution(calls: &[&Call]) -> io::Result<String> {
    const TITLE: &str = "Calls reached within a time";
    let responses = Sample::new(calls.iter().filter_map(|call| call.chain.response()));
    let (Some(longest), Some(median), Some(p90)) =
        (responses.max(), responses.percentile(0.5), responses.percentile(0.9))
    else {
        return Ok(nothing(TITLE, "No call was reached."));
    };
    if responses.len() < REACHED_MIN {
        return Ok(nothing(TITLE, "There are too few calls to draw; the table has each of them."));
    }
    let step = round_step(longest.max(60.0) / 60.0 / 8.0);
    let end = (longest.max(60.0) / 60.0 / step).ceil() * step;
    let groups: [(&str, &dyn Fn(Priority) -> bool); 3] = [
        ("C1", &|priority| priority == Priority::C1),
        ("C2", &|priority| priority == Priority::C2),
        ("C3 and C4", &|priority| priority >= Priority::C3),
    ];
    let mut legend = Vec::new();
    let mut lines = Vec::new();
    for (name, belongs) in groups {
        let of: Vec<&Call> = calls.iter().copied().filter(|call| belongs(call.priority)).collect();
        legend.push(if of.is_empty() { String::new() } else { format!("{name} ({})", count_of(of.len())) });
        lines.push(cumulative(&of, end));
    }
    let spoken = format!(
        "Lines of the share of calls reached within a time: of {} calls {} were reached, half of these within {}, nine in ten \
         within {}.",
        count_of(calls.len()),
        count_of(responses.len()),
        span(median),
        span(p90)
    );
    let note = "Share of the calls [%] by response time [min], in brackets their number. Calls nobody reached stay below the top.";
    let legend: Vec<&str> = legend.iter().map(String::as_str).collect();
    let plot = Plot { lines, levels: vec![(90.0, "9 in 10".to_owned())], ..Plot::new(0.0..end, 104.0) };
    Figure { title: TITLE, note, legend: &legend, spoken: &spoken }.draw_described("reached", &plot)
}

/// A line that rises by one call's share at each response time, up to `end` [min].
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 calls")]
fn cumulative(calls: &[&Call], end: f64) -> Vec<(f64, f64)> {
    if calls.is_empty() {
        return Vec::new();
    }
    let responses = Sample::new(calls.iter().filter_map(|call| call.chain.response()));
    let mut line = vec![(0.0, 0.0)];
    let mut height = 0.0;
    for (i, seconds) in responses.values().iter().enumerate() {
        line.push((seconds / 60.0, height));
        height = (i + 1) as f64 / calls.len() as f64 * 100.0;
        line.push((seconds / 60.0, height));
    }
    line.push((end, height));
    line
}

/// The response time of each call at the instant it rang: whether help came later as units ran out.
///
/// # Errors
/// When the figure cannot be drawn.
pub(super) fn over_time(calls: &[&Call], end: SimTime) -> io::Result<String> {
    const TITLE: &str = "Response over the run";
    let point = |call: &&Call| Some((call.chain.call?.as_seconds(), call.chain.response()? / 60.0));
    let points: Vec<(f64, f64)> = calls.iter().filter_map(point).collect();
    let rung = || calls.iter().filter_map(|call| call.chain.call);
    let (Some(first), Some(last)) = (rung().min(), rung().max().map(|last| last.max(end))) else {
        return Ok(nothing(TITLE, "No call has an instant to draw."));
    };
    if points.len() < REACHED_MIN || first >= last {
        return Ok(nothing(TITLE, "There are too few calls to draw; the table has each of them."));
    }
    let stride = points.len().div_ceil(POINTS_MAX);
    let highest = points.iter().map(|point| point.1).fold(1.0, f64::max);
    let spoken = format!(
        "Points of {} response times at the instants the calls rang, {}.",
        count_of(points.len()),
        against::range(&points, 0, "min")
    );
    let mut note = "Response time [min] of each call reached, at the instant it rang.".to_owned();
    if stride > 1 {
        let _ = write!(note, " Drawn is 1 in {stride}.");
    }
    let points = points.into_iter().step_by(stride).collect();
    let plot = Plot { points, ..Plot::over_time(first.as_seconds()..last.as_seconds(), highest * 1.1) };
    Figure { title: TITLE, note: &note, legend: &[], spoken: &spoken }.draw_described("response-over-time", &plot)
}

/// What each unit did when, and in the lane on top when calls rang.
///
/// # Errors
/// When the figure cannot be drawn.
#[expect(clippy::cast_precision_loss, reason = "a few dozen lanes")]
pub(super) fn timetable(calls: &[&Call], end: SimTime) -> io::Result<String> {
    const TITLE: &str = "What the units did";
    let mut units: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    for call in calls {
        if let Some(unit) = &call.unit {
            units.entry(unit).or_default().push(call);
        }
    }
    let instants = || calls.iter().flat_map(|call| call.chain.instants()).flatten();
    let (Some(first), Some(last)) = (instants().min(), instants().max()) else {
        return Ok(nothing(TITLE, "No call has an instant to draw."));
    };
    // The run's end, unless a clock was wrong enough to put calls behind it.
    let last = last.max(end);
    if units.is_empty() || first >= last {
        return Ok(nothing(TITLE, "No unit was sent."));
    }
    let (from, to) = (first.as_seconds(), last.as_seconds());
    let mut lanes = vec!["Calls".to_owned()];
    let mut stretches = Vec::new();
    for (unit, calls) in units.iter().take(UNITS_MAX) {
        let lane = lanes.len();
        lanes.push(short_name(unit, NAME_MAX));
        for call in calls {
            stretches.extend(phases(&call.chain, last).map(|(phase, from, to)| Stretch {
                lane,
                from: from.as_seconds(),
                to: to.as_seconds(),
                phase,
            }));
        }
    }
    let rung = calls.iter().filter_map(|call| call.chain.call).count();
    let spoken = format!(
        "Timetable of {} units over {} calls, in the phases turnout, driving to the call, at the address, driving to the \
         hospital and at the hospital.",
        count_of(units.len()),
        count_of(rung)
    );
    let mut note = "A lane for each unit that was sent; the marks on top are calls ringing.".to_owned();
    if units.len() > UNITS_MAX {
        note = format!(
            "A lane for each of the first {UNITS_MAX} of {} units; the marks on top are calls ringing.",
            units.len()
        );
    }
    let ticks = calls.iter().filter_map(|call| call.chain.call).map(|at| (0, at.as_seconds())).collect();
    let top = lanes.len() as f64;
    let plot = Plot { lanes, stretches, ticks, ..Plot::over_time(from..to, top) };
    let legend = ["Turnout", "To the call", "At the address", "To the hospital", "At the hospital"];
    Figure { title: TITLE, note: &note, legend: &legend, spoken: &spoken }.draw_described("timetable", &plot)
}

/// The phases a unit went through for a call: which, from when, until when. One under way at the end of the run lasts to it.
fn phases(chain: &Chain, end: SimTime) -> impl Iterator<Item = (usize, SimTime, SimTime)> {
    let begins = [
        (0, chain.dispatch),
        (1, chain.enroute),
        (2, chain.arrive),
        (3, chain.depart),
        (4, chain.hospital),
        // The unit is free again; what follows is no phase of this call.
        (5, chain.clear),
    ];
    (0..5).filter_map(move |phase| {
        let from = begins[phase].1?;
        let to = begins[phase + 1..].iter().find_map(|(_, at)| *at).unwrap_or(end);
        (from < to).then_some((phase, from, to))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A unit still driving at the end was busy; one that skipped the hospital was free from the address on.
    #[test]
    fn phases_end_where_the_next_begins_or_with_the_run() {
        let found = |chain: Chain| -> Vec<(usize, f64, f64)> {
            phases(&chain, SimTime::seconds(900.0)).map(|(p, a, b)| (p, a.as_seconds(), b.as_seconds())).collect()
        };
        let driving = Chain {
            dispatch: Some(SimTime::seconds(100.0)),
            enroute: Some(SimTime::seconds(160.0)),
            ..Chain::default()
        };
        assert_eq!(found(driving), [(0, 100.0, 160.0), (1, 160.0, 900.0)]);
        let treated = Chain { arrive: Some(SimTime::seconds(300.0)), clear: Some(SimTime::seconds(800.0)), ..driving };
        assert_eq!(found(treated), [(0, 100.0, 160.0), (1, 160.0, 300.0), (2, 300.0, 800.0)]);
        assert_eq!(found(Chain::default()), []);
    }

    /// Of four calls one was never reached: nobody may read from the figure that all were.
    #[test]
    fn an_unreached_call_keeps_the_line_below_the_top() {
        let call = |arrive: Option<SimTime>| Call {
            id: String::new(),
            priority: Priority::C1,
            chain: Chain { call: Some(SimTime::seconds(0.0)), arrive, ..Chain::default() },
            unit: None,
            hospital: None,
            siren: true,
        };
        let calls = [
            call(Some(SimTime::seconds(120.0))),
            call(Some(SimTime::seconds(60.0))),
            call(Some(SimTime::seconds(240.0))),
            call(None),
        ];
        let refs: Vec<&Call> = calls.iter().collect();
        let line = cumulative(&refs, 5.0);
        let expected =
            [(0.0, 0.0), (1.0, 0.0), (1.0, 25.0), (2.0, 25.0), (2.0, 50.0), (4.0, 50.0), (4.0, 75.0), (5.0, 75.0)];
        assert_eq!(line, expected);
    }
}
