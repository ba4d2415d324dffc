//! What CI holds the engine to: today's distance from SUMO, with slack, so that it can only come nearer.
//!
//! A bound above one says in plain numbers that the figure is not reached yet, and by how much. `cargo xtask compare-sumo --bounds`
//! prints the table that today's figures allow.

use super::figures::Comparison;
use super::number;

/// How far a scenario may be off, as multiples of what is allowed: one is reached. The farthest of the mean, median and 90 %
/// quantile counts.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bound {
    scenario: &'static str,
    duration: f64,
    waiting: f64,
    loss: f64,
    /// How many five-minute bins of arrivals may be off; not how far, because of a bin that is nearly empty little is allowed.
    bins: f64,
    /// Last-resort moves, mean over the seeds.
    moves: f64,
}

const fn bound(scenario: &'static str, [duration, waiting, loss, bins, moves]: [f64; 5]) -> Bound {
    Bound { scenario, duration, waiting, loss, bins, moves }
}

/// Of three seeds.
const BOUNDS: [Bound; 7] = [
    bound("cologne1", [1.0, 1.1, 1.0, 2.0, 0.0]),
    bound("cologne8", [1.0, 1.0, 1.0, 2.0, 0.0]),
    bound("ingolstadt1", [1.0, 1.0, 1.1, 2.0, 0.0]),
    bound("ingolstadt7", [1.0, 1.0, 1.0, 2.0, 1.5]),
    bound("bologna_acosta", [1.1, 1.8, 1.2, 4.0, 0.0]),
    bound("bologna_joined", [1.1, 1.3, 1.5, 3.0, 2.0]),
    bound("wildau", [1.0, 1.0, 1.0, 5.0, 0.0]),
];

/// Fewest arrivals, as a share of SUMO's.
const ARRIVED_MIN: f64 = 0.95;

/// What a comparison has, in the order of [`Bound`].
fn found(comparison: &Comparison) -> [f64; 5] {
    let farthest = |measure| Comparison::farthest(&comparison.rows, measure);
    let moves = comparison.rows.iter().find(|row| row.figure == "teleports").map_or(0.0, |row| row.ours.mean);
    let (reached, of) = Comparison::reached(&comparison.bins);
    [farthest("duration"), farthest("waitingTime"), farthest("timeLoss"), number(of - reached), moves]
}

/// Whether a comparison is within its bounds; says what is not, and what is within them but not reached yet.
pub(super) fn hold(comparison: &Comparison) -> bool {
    let name = &comparison.name;
    let row = |figure: &str| comparison.rows.iter().find(|row| row.figure == figure);
    let mut sound = true;
    if row("overlaps").is_none_or(|row| row.ours.mean > 0.0) {
        println!("{name}: REGRESSION: vehicles overlap");
        sound = false;
    }
    if row("arrived").is_none_or(|row| row.ours.mean < row.sumo.mean * ARRIVED_MIN) {
        println!("{name}: REGRESSION: fewer than {:.0} % of SUMO's arrive", ARRIVED_MIN * 100.0);
        sound = false;
    }
    let Some(bound) = BOUNDS.iter().find(|bound| bound.scenario == name) else {
        println!("{name}: no bounds; only arrivals and overlaps are looked at");
        return sound;
    };
    let found = found(comparison);
    let limits = [bound.duration, bound.waiting, bound.loss, bound.bins, bound.moves];
    let names = ["duration", "waiting time", "time loss", "bins of arrivals off", "last-resort moves"];
    let sumo_moves = row("teleports").map_or(0.0, |row| row.sumo.mean);
    for (n, what) in names.into_iter().enumerate() {
        let (is, limit) = (found[n], limits[n]);
        let (target, unit) = match n {
            4 => (sumo_moves, "a run"),
            3 => (0.0, "of them"),
            _ => (1.0, "times what is allowed"),
        };
        if is > limit {
            println!("{name}: REGRESSION: {what} {is:.2} {unit}, the bound is {limit:.2}");
            sound = false;
        } else if is > target {
            println!("{name}: not reached yet: {what} {is:.2} {unit} (wished: {target:.2}; bound {limit:.2})");
        }
    }
    sound
}

/// The row of [`BOUNDS`] that a comparison would allow: a quarter of slack, and half of what is allowed or two bins.
pub(super) fn suggested(comparison: &Comparison) -> String {
    let [duration, waiting, loss, bins, moves] = found(comparison);
    let slack = |value: f64| (value * 1.25 + 0.5).max(1.0);
    let moves = if moves > 0.0 { moves * 1.5 + 1.0 } else { 0.0 };
    format!(
        "    bound(\"{}\", [{:.1}, {:.1}, {:.1}, {:.1}, {moves:.1}]),",
        comparison.name,
        slack(duration),
        slack(waiting),
        slack(loss),
        (bins * 1.25 + 2.0).floor()
    )
}

#[cfg(test)]
mod tests {
    use super::super::figures::{Run, Trip};
    use super::*;

    fn run(duration: f64, overlaps: f64) -> Run {
        let trip = Trip { arrival: 400.0, duration, waiting: 0.0, loss: 0.0, depart_delay: 0.0 };
        Run { trips: vec![trip; 40], teleports: 0.0, overlaps }
    }

    #[test]
    fn what_is_beyond_its_bound_fails() {
        let holds = |ours: Run| hold(&Comparison::of("cologne1", &[ours], &[run(100.0, 0.0)]));
        assert!(holds(run(100.0, 0.0)));
        assert!(!holds(run(100.0, 1.0)), "an overlap");
        assert!(!holds(run(900.0, 0.0)), "trips nine times as long");
        assert!(!holds(Run::default()), "nobody arrives");
    }
}
