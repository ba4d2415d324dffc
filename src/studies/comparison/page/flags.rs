//! Whether the comparison can be trusted: the checks of all runs of all variants, those that ask for attention first.
//!
//! A jam that was dissolved by moving vehicles, or trips that never ended, make every mean look better than it was, and a
//! variant with more of them looks better than one with fewer. Judges by what the records say.

use std::fmt::Write as _;

use super::super::files::Whole;
use super::super::record::Record;
use crate::studies::report::markup::{clock, count_of, escape, number, per_cent};

/// A backlog beyond this share of the vehicles due asks for attention even when it dissolves.
const BACKLOG_SHARE_MAX: f64 = 0.05;
/// Runs that stood still, told one by one.
const STUCK_MAX: usize = 5;

struct Flag {
    title: &'static str,
    value: String,
    attention: bool,
    meaning: String,
}

/// The section of the page.
pub(super) fn section(whole: &Whole<'_>) -> String {
    let flags = flags(whole);
    let doubtful = flags.iter().filter(|flag| flag.attention).count();
    let summary = match doubtful {
        0 => format!("All {} checks are in order.", flags.len()),
        1 => format!("1 of {} checks asks for attention before the figures are used.", flags.len()),
        n => format!("{n} of {} checks ask for attention before the figures are used.", flags.len()),
    };
    let mut html = format!(
        "<section aria-labelledby=\"validity\"><h2 id=\"validity\">Can this result be trusted?</h2><p>{summary}</p>\
         <ul class=\"flags\">"
    );
    for flag in flags.iter().filter(|flag| flag.attention).chain(flags.iter().filter(|flag| !flag.attention)) {
        let (class, mark, state) = if flag.attention { ("attention", "!", "Attention") } else { ("ok", "✓", "OK") };
        let _ = write!(
            html,
            "<li class=\"flag {class}\"><p class=\"state\"><span aria-hidden=\"true\" class=\"mark\">{mark}</span>{state}</p>\
             <h3>{} <span class=\"value\">{}</span></h3><p>{}</p></li>",
            flag.title, flag.value, flag.meaning
        );
    }
    html.push_str("</ul></section>");
    html
}

/// Whether those who choose their way have found one that is hardly slower than any other, in every run; none where none was looked for.
fn equilibrium(whole: &Whole<'_>) -> Option<Flag> {
    let runs: Vec<&Record> = whole.records.iter().flatten().filter(|run| run.convergence.is_some()).collect();
    let wanted = runs.first()?.convergence.as_ref()?.wanted;
    let missed = runs.iter().filter(|run| run.convergence.as_ref().is_some_and(|one| !one.reached())).count();
    let largest = runs.iter().filter_map(|run| run.convergence.as_ref()?.gap()).fold(0.0, f64::max);
    Some(Flag {
        title: "Runs short of the equilibrium",
        value: format!("{missed} of {}", runs.len()),
        attention: missed > 0,
        meaning: format!(
            "Runs whose travellers drive more than {} % longer than by the fastest ways at their time of departure; the largest relative \
             gap is {} %. A difference between variants that is no larger than this may be one of ways not found.",
            number(wanted * 100.0, 2),
            number(largest * 100.0, 2)
        ),
    })
}

/// How far the travel times are off that advice was given by; none where none were predicted.
fn prediction(whole: &Whole<'_>) -> Option<Flag> {
    let variants = whole.design.variants.iter().zip(whole.records);
    let told: Vec<String> = variants
        .filter_map(|(variant, runs)| {
            let one = runs.first()?.prediction?;
            let (off, without) = (number(one.error_mean_s, 1), number(one.error_without_s, 1));
            Some(format!("{}: {off} s after {} days, {without} s by empty roads", escape(&variant.name), one.days))
        })
        .collect();
    (!told.is_empty()).then(|| Flag {
        title: "Predicted delays are off by",
        value: told.join("; "),
        attention: false,
        meaning: "How far the delays that advice was given by are off on a day that nothing was learnt from, mean over every vehicle and \
                  every road it met, beside what expecting empty roads would be off by."
            .to_owned(),
    })
}

fn flags(whole: &Whole<'_>) -> Vec<Flag> {
    let trips = |figure: fn(&Record) -> u32| by_variant(whole, figure);
    let count = |title, figure: fn(&Record) -> u32, meaning: &str| Flag {
        title,
        value: trips(figure),
        attention: whole.records.iter().flatten().any(|run| figure(run) > 0),
        meaning: meaning.to_owned(),
    };
    let backlog = |run: &Record| f64::from(run.validity.backlog_max) > BACKLOG_SHARE_MAX * f64::from(run.validity.due);
    let equilibrium = equilibrium(whole);
    let laws: u64 = whole.records.iter().flatten().fold(0, |sum, run| sum.saturating_add(run.validity.laws_broken));
    let mut flags = vec![
        precision(whole),
        gridlock(whole),
        count(
            "Unfinished trips",
            |run| run.validity.unfinished,
            "Vehicles on the road at the end, mean of the runs; their times are in no figure of trips. A run that ends with the hour \
             always has some; what matters is that variants have about as many.",
        ),
        count(
            "Backlog at the end",
            |run| run.validity.backlog,
            "Vehicles that were due and found no room to enter, mean of the runs; the demand was not fully simulated.",
        ),
        Flag {
            title: "Largest backlog",
            value: trips(|run| run.validity.backlog_max),
            attention: whole.records.iter().flatten().any(backlog),
            meaning: "The most vehicles that waited for room to enter at once, mean of the runs; above 5 % of those due in any run, part \
                      of the congestion stands outside the map."
                .to_owned(),
        },
        count(
            "Gave up entering",
            |run| run.validity.gave_up,
            "Vehicles that waited too long for room to enter and were left out, mean of the runs.",
        ),
        count(
            "Last-resort moves",
            |run| run.validity.last_resort_moves,
            "Vehicles that were stuck and were lifted onward, which no real vehicle can do; mean of the runs.",
        ),
        Flag {
            title: "Laws broken",
            value: laws.to_string(),
            attention: laws > 0,
            meaning: "Vehicles that overlapped, vanished or jumped, or greens in conflict; anything but zero is a fault of the simulation \
                      or the map."
                .to_owned(),
        },
        warm_up(whole),
    ];
    flags.extend(equilibrium);
    flags.extend(prediction(whole));
    flags
}

/// The mean of a count over the runs, for each variant.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 runs")]
fn by_variant(whole: &Whole<'_>, figure: fn(&Record) -> u32) -> String {
    let of = |runs: &[Record]| runs.iter().map(|run| f64::from(figure(run))).sum::<f64>() / runs.len().max(1) as f64;
    let means: Vec<f64> = whole.records.iter().map(|runs| of(runs)).collect();
    if means.iter().all(|mean| *mean == 0.0) {
        return "0".to_owned();
    }
    let due: f64 = whole
        .records
        .first()
        .map_or(0.0, |runs| runs.iter().map(|run| f64::from(run.validity.due)).sum::<f64>() / runs.len().max(1) as f64);
    let told = means.iter().zip(&whole.design.variants).map(|(mean, variant)| {
        format!(
            "<span class=\"of\">{} {} <span class=\"code\">({})</span></span>",
            escape(&variant.name),
            number(*mean, 1),
            per_cent(*mean, due)
        )
    });
    told.collect::<String>()
}

fn precision(whole: &Whole<'_>) -> Flag {
    let watched = whole.design.watched(whole.records);
    let short: Vec<String> = watched
        .iter()
        .filter(|one| one.needed > one.runs)
        .map(|one| format!("{} of {} would take {} runs", one.measure, escape(&one.variant), count_of(one.needed)))
        .collect();
    let meaning = if watched.is_empty() {
        "None of the watched measures could be measured.".to_owned()
    } else if short.is_empty() {
        format!(
            "Half of every watched interval is at most {} % of the base’s mean.",
            number(whole.design.rules.precision * 100.0, 1)
        )
    } else {
        format!(
            "Half of every watched interval should be at most {} % of the base’s mean: {}.",
            number(whole.design.rules.precision * 100.0, 1),
            short.join("; ")
        )
    };
    Flag {
        title: "Runs of every variant",
        value: count_of(whole.analysis.seeds.len()),
        attention: !short.is_empty() || watched.is_empty() && whole.design.variants.len() > 1,
        meaning,
    }
}

fn gridlock(whole: &Whole<'_>) -> Flag {
    let all: Vec<(&Record, String)> = whole
        .records
        .iter()
        .flatten()
        .filter_map(|run| {
            let stuck = run.gridlock.as_ref()?;
            let roads = if stuck.roads == 1 { "1 road".to_owned() } else { format!("{} roads", stuck.roads) };
            let told = format!(
                "{}, seed {}: {} ({}) since {}, at the end {} vehicles on {roads}",
                escape(&run.variant),
                run.seed,
                escape(&stuck.street),
                escape(&stuck.road),
                clock(stuck.since_s),
                number(stuck.vehicles, 0)
            );
            Some((run, told))
        })
        .collect();
    let runs = whole.records.iter().map(Vec::len).sum::<usize>();
    let more = all.len().saturating_sub(STUCK_MAX);
    let mut told: Vec<String> = all.iter().take(STUCK_MAX).map(|(_, told)| told.clone()).collect();
    if more > 0 {
        told.push(format!("and {more} more, which comparison.json names"));
    }
    let meaning = if told.is_empty() {
        "No road stood still at the end of a run.".to_owned()
    } else {
        format!("Roads on which nobody moved any more at the end: {}.", told.join("; "))
    };
    Flag {
        title: "Runs that stood still",
        value: format!("{} of {runs}", all.len()),
        attention: !all.is_empty(),
        meaning,
    }
}

fn warm_up(whole: &Whole<'_>) -> Flag {
    let cuts = |of: usize| median(&whole.records[0], of);
    let (running, speed) = (cuts(0), cuts(1));
    let told = |cut: Option<f64>| cut.map_or("never settled".to_owned(), |s| format!("{} min", number(s / 60.0, 1)));
    Flag {
        title: "Still filling up",
        value: format!("{} (vehicles), {} (speed)", told(running), told(speed)),
        // A peak that rises and falls never settles, and is no fault: only a cut asks for a longer warm-up.
        attention: [running, speed].into_iter().flatten().any(|cut| cut > 300.0),
        meaning: "How much of the beginning of the measured time is unlike the rest, median over the runs of the base, by MSER-5 (White 1997). \
                  More than five minutes ask for a longer warm-up, unless the demand itself rises and falls."
            .to_owned(),
    }
}

/// The median of what is to be cut off; none where most runs never settled.
fn median(runs: &[Record], of: usize) -> Option<f64> {
    let mut cuts: Vec<f64> = runs.iter().map(|run| run.warm_up_s[of].unwrap_or(f64::INFINITY)).collect();
    cuts.sort_by(f64::total_cmp);
    cuts.get(cuts.len() / 2).copied().filter(|cut| cut.is_finite())
}
