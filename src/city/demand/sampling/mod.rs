//! Given routes driven as often as counts say: which of them, how many times, and when.
//!
//! Every interval of the counts stands for itself, as with SUMO's `routeSampler.py`: who passes a count in an interval departs in it. How
//! often each route is driven is the generalised least squares of [`Fitting`] with the routes in place of pairs of zones; whole numbers
//! come by systematic sampling and are then mended one vehicle at a time. `routes` reads the candidates. Knows no vehicle in motion.

mod routes;
mod whole;

use std::collections::BTreeMap;

use super::od::{COUNTS_MAX, Count, Fitted, Fitting};
use crate::primitives::SimTime;
use crate::primitives::ids::EdgeId;
use crate::primitives::random::Seed;
use crate::primitives::text::{Findings, Place, Problem};

pub use routes::{Candidate, read_candidates};

/// How much the given frequencies of routes are doubted, as a multiple of a Poisson number's variance: next to counts they only decide
/// between mixes that meet these equally well.
pub const DOUBT: f64 = 1e4;
/// The most vehicles one interval may bring.
const VEHICLES_MAX: f64 = 2e6;

/// What was found for an interval.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    /// From when [s].
    pub from: SimTime,
    /// Until when [s].
    pub to: SimTime,
    /// The counts of it, by their place in the list.
    pub counts: Vec<usize>,
    /// How often each candidate is driven.
    pub times: Vec<u32>,
    /// What the given frequencies put on each count, scaled to the sum of the counts [veh].
    pub before: Vec<f64>,
    /// What the mix of routes that fits best puts on each count, before vehicles are made whole [veh].
    pub best: Vec<f64>,
    /// What the whole vehicles put on each count [veh].
    pub after: Vec<f64>,
    /// Counts that no candidate passes, by their place in the list.
    pub unpassed: Vec<usize>,
    /// Candidates that pass no count; nothing says how often they are driven.
    pub uncounted: usize,
    /// Whether the bound at zero is held exactly.
    pub settled: bool,
}

/// Chooses how often each candidate is driven in each interval of the counts; by time.
///
/// # Errors
/// Intervals that overlap without being the same or have too many counts, and counts that no candidate passes at all.
pub fn sample(candidates: &[Candidate], counts: &[Count], seed: Seed, place: &Place) -> Result<Vec<Sampled>, Findings> {
    let wrong = |problem: Problem| {
        let mut findings = Findings::default();
        findings.problem(problem);
        findings
    };
    let mut spans: BTreeMap<(SimTime, SimTime), Vec<usize>> = BTreeMap::new();
    for (at, count) in counts.iter().enumerate() {
        spans.entry((count.from, count.to)).or_default().push(at);
    }
    let keys: Vec<(SimTime, SimTime)> = spans.keys().copied().collect();
    if let Some(pair) = keys.windows(2).find(|pair| pair[1].0 < pair[0].1) {
        let line = spans.get(&pair[1]).and_then(|list| list.first()).map_or(0, |at| counts[*at].line);
        let [(a, b), (c, d)] = [pair[0], pair[1]];
        let message = format!("counts from {c} to {d} overlap those from {a} to {b}");
        let help = "every interval has vehicles of its own: give all counts the same intervals";
        return Err(wrong(Problem::new(place.at(line, 0), message).help(help)));
    }
    if let Some(((from, _), of)) = spans.iter().find(|(_, of)| of.len() > COUNTS_MAX) {
        let message = format!("there are {} counts from {from}, more than {COUNTS_MAX}", of.len());
        let help = "leave some out: write those wanted as a table `road,from,to,vehicles`";
        return Err(wrong(Problem::new(place.clone(), message).help(help)));
    }
    let sampled: Vec<Sampled> = (0_u64..)
        .zip(spans)
        .map(|(number, ((from, to), of))| interval(candidates, counts, (from, to, of), seed, number))
        .collect();
    if sampled.iter().all(|one| one.counts.is_empty() || one.unpassed.len() == one.counts.len()) {
        let help = "are counts and routes of the same roads?";
        return Err(wrong(Problem::new(place.clone(), "no route passes any count").help(help)));
    }
    let most =
        sampled.iter().map(|one| one.times.iter().map(|times| f64::from(*times)).sum::<f64>()).fold(0.0, f64::max);
    if most > VEHICLES_MAX {
        let message = format!("the counts of an interval ask for {most} vehicles, more than {VEHICLES_MAX}");
        return Err(wrong(Problem::new(place.clone(), message).help("split the intervals")));
    }
    Ok(sampled)
}

/// Chooses for one interval.
fn interval(
    candidates: &[Candidate],
    counts: &[Count],
    (from, to, of): (SimTime, SimTime, Vec<usize>),
    seed: Seed,
    number: u64,
) -> Sampled {
    let passed = passages(candidates, counts, &of);
    let counted: Vec<f64> = of.iter().map(|at| counts[*at].vehicles).collect();
    // Only routes that are counted somewhere are known by counts.
    let used: Vec<usize> = (0..candidates.len()).filter(|at| !passed[*at].is_empty()).collect();
    let shares: Vec<Vec<(usize, f64)>> = used.iter().map(|at| passed[*at].clone()).collect();
    let weights: Vec<f64> = used.iter().map(|at| candidates[*at].weight).collect();
    let mut fitting = Fitting { believed: weights, shares, counted, doubt: DOUBT };
    let on = fitting.on_counts(&fitting.believed);
    let reached =
        |sums: &[f64]| -> f64 { sums.iter().zip(&on).filter(|(_, on)| **on > 0.0).map(|(sum, _)| *sum).sum() };
    let scale = if on.iter().sum::<f64>() > 0.0 { reached(&fitting.counted) / reached(&on) } else { 0.0 };
    for believed in &mut fitting.believed {
        *believed *= scale;
    }
    let before = fitting.on_counts(&fitting.believed);
    let Fitted { trips, modelled: best, settled, .. } = fitting.solve();
    let whole = whole::make_whole(&fitting, &trips, seed, number);
    let after = fitting.on_counts(&whole.iter().map(|times| f64::from(*times)).collect::<Vec<_>>());
    let mut times = vec![0; candidates.len()];
    for (at, whole) in used.iter().zip(&whole) {
        times[*at] = *whole;
    }
    let unpassed = of.iter().zip(&on).filter(|(_, on)| **on <= 0.0).map(|(at, _)| *at).collect();
    let uncounted = candidates.len() - used.len();
    Sampled { from, to, counts: of, times, before, best, after, unpassed, uncounted, settled }
}

/// For each candidate the counts among these that it passes, by their place among these, and how often.
fn passages(candidates: &[Candidate], counts: &[Count], of: &[usize]) -> Vec<Vec<(usize, f64)>> {
    let mut roads: BTreeMap<EdgeId, Vec<usize>> = BTreeMap::new();
    let mut turns: BTreeMap<(EdgeId, EdgeId), Vec<usize>> = BTreeMap::new();
    for (at, count) in of.iter().enumerate() {
        let count = &counts[*count];
        match (count.next, count.roads.first()) {
            (Some(next), Some(&road)) => turns.entry((road, next)).or_default().push(at),
            _ => {
                for road in &count.roads {
                    roads.entry(*road).or_default().push(at);
                }
            }
        }
    }
    let pass = |candidate: &Candidate| {
        let mut times: BTreeMap<usize, f64> = BTreeMap::new();
        let on_roads = candidate.edges.iter().filter_map(|edge| roads.get(edge));
        let on_turns = candidate.edges.windows(2).filter_map(|pair| turns.get(&(pair[0], pair[1])));
        for at in on_roads.chain(on_turns).flatten() {
            *times.entry(*at).or_default() += 1.0;
        }
        times.into_iter().collect()
    };
    candidates.iter().map(pass).collect()
}

#[cfg(test)]
mod tests;
