//! Whether the result can be trusted: the validity flags at the top of the page, and the verdict in words.
//!
//! A jam that was dissolved by moving vehicles, or a queue that never got into the city, makes every mean look better than it
//! was. So each such thing is said before any figure, in words and not by colour alone. Measures nothing itself.

use std::fmt::Write as _;

use crate::simulation::outcome::{Convergence, Outcome};
use crate::studies::experiment::Gridlock;

use super::markup::{count, count_of, escape, number, per_cent, plural, span};
use super::trips::TripGroups;

/// A backlog beyond this share of the vehicles due asks for attention even when it dissolves.
const BACKLOG_SHARE_MAX: f64 = 0.05;

/// One thing that decides whether the result can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flag {
    /// Its name.
    pub(super) title: &'static str,
    /// What was found.
    pub(super) value: String,
    /// Whether it casts doubt on the result.
    pub(super) attention: bool,
    /// What it means, in one sentence.
    pub(super) meaning: &'static str,
}

/// All flags of a run, in the order of the page.
pub(super) fn flags(outcome: &Outcome) -> Vec<Flag> {
    let loaded = f64::from(outcome.loaded);
    let share = |part: u32| match part {
        0 => "0".to_owned(),
        part => format!("{} ({})", count(part), per_cent(f64::from(part), loaded)),
    };
    let gave_up = outcome.loaded.saturating_sub(outcome.inserted).saturating_sub(outcome.waiting_to_enter);
    let laws = outcome.laws;
    let other_laws = [laws.conservation, laws.jump, laws.conflicting_greens, laws.departures];
    let other_laws = other_laws.into_iter().fold(0_u64, u64::saturating_add);
    let mut flags = vec![
        Flag {
            title: "Run complete",
            value: if outcome.interrupted { "stopped early" } else { "yes" }.to_owned(),
            attention: outcome.interrupted,
            meaning: "A run that was stopped early describes only part of the period it was meant for.",
        },
        Flag {
            title: "Unfinished trips",
            value: share(outcome.running),
            attention: outcome.running > 0,
            meaning: "Vehicles still on the road at the end; their times are not in the trip figures, which makes a jam \
                      look shorter than it was.",
        },
        Flag {
            title: "Backlog at the end",
            value: share(outcome.waiting_to_enter),
            attention: outcome.waiting_to_enter > 0,
            meaning: "Vehicles that were due but found no room to enter the road by the end; the demand was not fully \
                      simulated.",
        },
        Flag {
            title: "Largest backlog",
            value: share(outcome.waiting_to_enter_max),
            attention: f64::from(outcome.waiting_to_enter_max) > BACKLOG_SHARE_MAX * loaded,
            meaning: "The most vehicles that ever waited for room to enter at once; above 5 % of those due, part of the \
                      congestion stands outside the map.",
        },
        Flag {
            title: "Gave up entering",
            value: share(gave_up),
            attention: gave_up > 0,
            meaning: "Vehicles that waited too long for room to enter and were left out of the run.",
        },
        Flag {
            title: "Last-resort moves",
            value: count(outcome.last_resort_moves),
            attention: outcome.last_resort_moves > 0,
            meaning: "Vehicles that were stuck and were lifted onward to dissolve a deadlock, which no real vehicle can do.",
        },
        Flag {
            title: "Overlaps",
            value: count(laws.overlap),
            attention: laws.overlap > 0,
            meaning: "Times two vehicles were in the same place on a lane; anything but zero is a fault of the simulation.",
        },
        Flag {
            title: "Other laws broken",
            value: if other_laws == 0 { "0".to_owned() } else { broken(outcome) },
            attention: other_laws > 0,
            meaning: "Vehicles that vanished, appeared or jumped, departures not accounted for, or greens in conflict; \
                      anything but zero is a fault of the simulation or the map.",
        },
    ];
    flags.extend(outcome.convergence.as_ref().map(equilibrium));
    flags
}

/// Whether those who choose their way have found one that is hardly slower than any other.
fn equilibrium(convergence: &Convergence) -> Flag {
    let told = convergence.gap().map_or("not known".to_owned(), |gap| format!("{} %", number(gap * 100.0, 2)));
    let (wanted, iterations) = (number(convergence.wanted * 100.0, 2), convergence.iterations.len());
    Flag {
        title: "Relative gap",
        value: format!("{told} after {iterations} iterations, {wanted} % asked for"),
        attention: !convergence.reached(),
        meaning: "How much longer travellers who choose their way drive than by the fastest ways at their time of departure; above what \
                  was asked for, the ways are those of a search that was cut short, not of an equilibrium.",
    }
}

/// The flag of a run that stood still at its end.
pub(super) fn gridlock(gridlock: &Gridlock) -> Flag {
    Flag {
        title: "Gridlock",
        value: escape(&gridlock.sentence()),
        attention: true,
        meaning: "A road on which nobody moved for at least five minutes up to the end; trips that lead there could not \
                  finish, and waiting longer would not have helped.",
    }
}

fn broken(outcome: &Outcome) -> String {
    let laws = outcome.laws;
    let named = [
        ("vehicles not conserved", laws.conservation),
        ("jumps", laws.jump),
        ("conflicting greens", laws.conflicting_greens),
        ("departures unaccounted for", laws.departures),
    ];
    let found: Vec<String> =
        named.iter().filter(|(_, times)| *times > 0).map(|(name, times)| format!("{name} {}", count(*times))).collect();
    found.join(", ")
}

/// The flags as a list, `more` behind those of the outcome, with a sentence that counts those that ask for attention.
pub(super) fn section(outcome: &Outcome, more: impl IntoIterator<Item = Flag>) -> String {
    let mut flags = flags(outcome);
    flags.extend(more);
    let doubtful = flags.iter().filter(|flag| flag.attention).count();
    let mut html = String::new();
    if outcome.interrupted {
        html.push_str(
            "<p class=\"banner\" role=\"note\"><strong>Partial result.</strong> The run was stopped before its end; every \
             figure on this page covers only the part that was simulated.</p>",
        );
    }
    let summary = match doubtful {
        0 => format!("All {} checks are in order.", flags.len()),
        1 => format!("1 of {} checks asks for attention before the figures are used.", flags.len()),
        n => format!("{n} of {} checks ask for attention before the figures are used.", flags.len()),
    };
    let _ = write!(
        html,
        "<section aria-labelledby=\"validity\"><h2 id=\"validity\">Can this result be trusted?</h2><p>{summary}</p>\
         <ul class=\"flags\">",
    );
    // What asks for attention comes first.
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

/// The result in one sentence or two; both halves of it are about the trips that are measured.
pub(super) fn verdict(outcome: &Outcome, trips: &TripGroups) -> String {
    if outcome.loaded == 0 {
        return "No vehicle was due in the period simulated.".to_owned();
    }
    // A span of time is read as one thing and must not break across lines.
    let unbroken = |seconds| span(seconds).replace(' ', "\u{a0}");
    let all = &trips.all;
    let (measured, due) = (count_of(all.finished()), plural(length(trips.due), "trip", "trips"));
    let finished = match trips.warm_up {
        0 => format!("{measured} of {due} finished"),
        _ => format!("Of {due} begun after the warm-up, {measured} finished"),
    };
    let mut text = match (all.duration.mean(), all.time_loss.mean()) {
        (Some(duration), Some(lost)) => format!(
            "{finished}; the mean trip took {}, of which {} was lost to traffic.",
            unbroken(duration),
            unbroken(lost.max(0.0))
        ),
        _ => format!("{finished}; there is no finished trip to measure."),
    };
    if trips.warm_up > 0 {
        let begun = plural(length(trips.warm_up), "trip begun", "trips begun");
        let _ = write!(
            text,
            " {begun} in the warm-up filled the roads and {} not counted.",
            if trips.warm_up == 1 { "is" } else { "are" }
        );
    }
    text
}

fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::outcome::LawCounts;

    fn titles_that_ask(outcome: &Outcome) -> Vec<&'static str> {
        flags(outcome).into_iter().filter(|flag| flag.attention).map(|flag| flag.title).collect()
    }

    /// Each of these silently improves every mean on the page; a planner must not learn of it from a reader of the report.
    #[test]
    fn each_doubt_raises_its_own_flag() {
        let sound = Outcome { loaded: 100, inserted: 100, arrived: 100, waiting_to_enter_max: 5, ..Outcome::default() };
        let law = |laws| Outcome { laws, ..sound.clone() };
        let cases = [
            (Outcome::default(), vec![]),
            (sound.clone(), vec![]),
            (Outcome { interrupted: true, ..sound.clone() }, vec!["Run complete"]),
            (Outcome { running: 1, ..sound.clone() }, vec!["Unfinished trips"]),
            (Outcome { inserted: 99, waiting_to_enter: 1, ..sound.clone() }, vec!["Backlog at the end"]),
            (Outcome { waiting_to_enter_max: 6, ..sound.clone() }, vec!["Largest backlog"]),
            (Outcome { inserted: 98, ..sound.clone() }, vec!["Gave up entering"]),
            (Outcome { last_resort_moves: 1, ..sound.clone() }, vec!["Last-resort moves"]),
            (law(LawCounts { overlap: 1, ..LawCounts::default() }), vec!["Overlaps"]),
            (law(LawCounts { conservation: 1, ..LawCounts::default() }), vec!["Other laws broken"]),
            (law(LawCounts { jump: 1, ..LawCounts::default() }), vec!["Other laws broken"]),
            (law(LawCounts { conflicting_greens: 1, ..LawCounts::default() }), vec!["Other laws broken"]),
            (law(LawCounts { departures: 1, ..LawCounts::default() }), vec!["Other laws broken"]),
        ];
        for (outcome, expected) in cases {
            assert_eq!(titles_that_ask(&outcome), expected);
        }
    }

    #[test]
    fn states_are_words_and_not_colour_alone() {
        let html =
            section(&Outcome { loaded: 10, inserted: 10, running: 3, interrupted: true, ..Outcome::default() }, None);
        assert!(html.contains("Partial result") && html.contains("</span>Attention") && html.contains("</span>OK"));
        assert!(html.contains("2 of 8 checks ask for attention") && html.contains("3 (30 %)"));
    }
}
