//! The same call in both runs: what the players made of it, and what the bot alone did.
//!
//! Calls are matched by where they come from, not by their numbers, which may shift where an inject came in one run alone.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::primitives::SimTime;
use crate::studies::report::statistics::Sample;

use super::super::record::Came;
use super::course::{Course, Part, Span};
use super::figures::{ENOUGH, median_interval};

/// Where a call comes from: the same in both runs for the same call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    /// By chance, at this instant.
    Chance(SimTime),
    /// From an incident of the scenario.
    Incident(u32),
    /// From an inject.
    Inject(String),
    /// From something a person did: in no other run.
    Person,
}

fn origin(call: &Course) -> Origin {
    match (&call.came, call.incident) {
        (Came::City, None) => Origin::Chance(call.rang),
        (Came::City, Some(incident)) => Origin::Incident(incident),
        (Came::Inject(id), _) => Origin::Inject(id.clone()),
        (Came::Person, _) => Origin::Person,
    }
}

/// Positions of calls in two runs that are the same call.
pub(super) fn pairs(played: &[Course], by_bots: &[Course]) -> BTreeMap<usize, usize> {
    let mut there: BTreeMap<Origin, Vec<usize>> = BTreeMap::new();
    for (position, call) in by_bots.iter().enumerate() {
        there.entry(origin(call)).or_default().push(position);
    }
    for positions in there.values_mut() {
        positions.sort_by_key(|position| by_bots[*position].number);
    }
    let mut here: Vec<usize> =
        (0..played.len()).filter(|position| origin(&played[*position]) != Origin::Person).collect();
    here.sort_by_key(|position| played[*position].number);
    let mut taken: BTreeMap<Origin, usize> = BTreeMap::new();
    let mut pairs = BTreeMap::new();
    for position in here {
        let origin = origin(&played[position]);
        let next = taken.get(&origin).copied().unwrap_or(0);
        if let Some(other) = there.get(&origin).and_then(|positions| positions.get(next)) {
            pairs.insert(position, *other);
        }
        taken.insert(origin, next + 1);
    }
    pairs
}

/// The matched calls taken together: whole responses, players minus bot.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(super) struct Matched {
    /// Calls that are in both runs.
    pub(super) calls: usize,
    /// Of these, calls that were reached in both; the figures are of these.
    pub(super) n: usize,
    /// Where the players were quicker by at least a second.
    pub(super) quicker: usize,
    pub(super) alike: usize,
    pub(super) slower: usize,
    pub(super) mean_s: Option<f64>,
    pub(super) median_s: Option<f64>,
    /// The 95 % interval of the median difference.
    pub(super) low_s: Option<f64>,
    pub(super) high_s: Option<f64>,
    /// Calls whose number differs between the runs, so that their durations were drawn anew.
    pub(super) other_dice: usize,
}

pub(super) fn matched(
    pairs: &BTreeMap<usize, usize>,
    (played, ended): (&[Course], SimTime),
    (by_bots, bots_ended): (&[Course], SimTime),
) -> Matched {
    let both = pairs.iter().filter_map(|(here, there)| {
        let here = Part::Response.of(&played[*here], ended).done()?;
        Some(here - Part::Response.of(&by_bots[*there], bots_ended).done()?)
    });
    let sample = Sample::new(both);
    let count = |test: fn(f64) -> bool| sample.values().iter().filter(|value| test(**value)).count();
    let interval = median_interval(&sample);
    Matched {
        calls: pairs.len(),
        n: sample.len(),
        quicker: count(|seconds| seconds <= -1.0),
        alike: count(|seconds| seconds.abs() < 1.0),
        slower: count(|seconds| seconds >= 1.0),
        mean_s: sample.mean(),
        median_s: sample.percentile(0.5),
        low_s: interval.map(|interval| interval.0),
        high_s: interval.map(|interval| interval.1),
        other_dice: pairs.iter().filter(|(here, there)| played[**here].number != by_bots[**there].number).count(),
    }
}

/// Expected survivors of cardiac arrests, by a curve that is named.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Survivors {
    /// The data supports it.
    Expected {
        /// Calls of category C1 reached in both runs.
        n: usize,
        /// Expected survivors per 100 arrests.
        played: f64,
        by_bots: f64,
        curve: &'static str,
    },
    /// It does not.
    No {
        /// Why.
        why: String,
    },
}

/// Larsen et al. 1993.
const CURVE: &str = "Larsen et al. (1993), \"Predicting survival from out-of-hospital cardiac arrest: a graphic model\", Annals of \
    Emergency Medicine 22: 67 % less 5.5 % for each minute until treatment begins";

/// As if every life-threatening call were an arrest that nobody treats before the ambulance.
pub(super) fn survivors(
    pairs: &BTreeMap<usize, usize>,
    (played, ended): (&[Course], SimTime),
    (by_bots, bots_ended): (&[Course], SimTime),
) -> Survivors {
    let until_patient = |call: &Course, ended: SimTime| match (Part::Response.of(call, ended), call.with_patient) {
        (Span::Done(_), Some(at)) => Some((at - call.rang).as_seconds() / 60.0),
        _ => None,
    };
    let minutes: Vec<(f64, f64)> = pairs
        .iter()
        .filter(|(here, _)| played[**here].category == crate::primitives::Category::C1)
        .filter_map(|(here, there)| {
            Some((until_patient(&played[*here], ended)?, until_patient(&by_bots[*there], bots_ended)?))
        })
        .collect();
    if minutes.len() < ENOUGH {
        let why = format!(
            "Not given: it takes at least {ENOUGH} life-threatening calls (C1) that were reached in both runs, and there were {}.",
            minutes.len()
        );
        return Survivors::No { why };
    }
    let per_100 =
        |minutes: Vec<f64>| Sample::new(minutes.into_iter().map(|t| (67.0 - 5.5 * t).max(0.0))).mean().unwrap_or(0.0);
    Survivors::Expected {
        n: minutes.len(),
        played: per_100(minutes.iter().map(|pair| pair.0).collect()),
        by_bots: per_100(minutes.iter().map(|pair| pair.1).collect()),
        curve: CURVE,
    }
}
