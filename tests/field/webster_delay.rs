//! Webster's delay: how long vehicles that come by chance wait at a fixed-time signal below saturation.
//!
//! Webster (1958), Traffic Signal Settings, Road Research Technical Paper 39, eq. 1:
//! `d = c (1-λ)² / (2 (1-λx)) + x² / (2 q (1-x)) - 0.65 (c/q²)^(1/3) x^(2+5λ)` with the cycle `c`, the share of effective green `λ`, the
//! flow `q` and the degree of saturation `x`. Saturation flow and effective green are those measured at the same stop line; delay is
//! what a vehicle takes longer than under a green that never ends, braking and starting included. The formula was fitted to simulated
//! queues; other formulas and simulators differ from it by up to 15 % below saturation (Dion, Rakha and Kang 2004, Transportation
//! Research B 38, 99), and by 2 s where delays are small.

use crate::figure::{Figure, Mark, Series};
use crate::record;
use crate::saturation_flow::{crossing, discharge_headways, saturation_headway, stop_line};
use crate::street::{Traffic, TwoStages, car};
use crate::tape::{Tape, count, film, mean};

const PLAN: TwoStages = TwoStages { green: 27.0, yellow: 3.0, red: 30.0 };
/// A green without end.
const OPEN: TwoStages = TwoStages { green: 60.0, yellow: 0.0, red: 0.0 };
/// How long vehicles come [s].
const SPAN: f64 = 3600.0;

/// A fixed-time signal and its approach.
struct Signal {
    /// Cycle [s].
    cycle: f64,
    /// Effective green [s].
    green: f64,
    /// Saturation flow [veh/s].
    saturation: f64,
}

impl Signal {
    /// Webster's delay at a flow [veh/s].
    fn delay(&self, flow: f64) -> f64 {
        let share = self.green / self.cycle;
        let x = flow / (share * self.saturation);
        self.cycle * (1.0 - share) * (1.0 - share) / (2.0 * (1.0 - share * x)) + x * x / (2.0 * flow * (1.0 - x))
            - 0.65 * libm::cbrt(self.cycle / (flow * flow)) * libm::pow(x, 2.0 + 5.0 * share)
    }
}

fn run(plan: &TwoStages, come: impl Fn(&mut Traffic, citytwin::primitives::ids::RouteId), until: Option<f64>) -> Tape {
    let mut network = crossing();
    plan.apply(&mut network, &["in"], |_| 0.0);
    let mut traffic = Traffic::of(car(0.0));
    let route = traffic.route(&network, &["in", "out"]);
    come(&mut traffic, route);
    film(network, &traffic.demand(), 1, until, &["in", "out"])
}

/// Mean time on the road [s].
fn duration(tape: &Tape) -> f64 {
    mean(&tape.outcome.trips.iter().map(|trip| trip.duration.as_seconds()).collect::<Vec<_>>())
}

#[test]
fn delay_below_saturation_is_websters() {
    let saturation = 1.0 / saturation_headway(&discharge_headways());
    let full = run(&PLAN, |traffic, route| traffic.evenly(route, 1300.0, (0.0, 1200.0)), Some(1200.0));
    let capacity = full.flow(stop_line(&crossing()), (300.0, 1200.0)) / 3600.0;
    let signal = Signal { cycle: PLAN.cycle(), green: capacity / saturation * PLAN.cycle(), saturation };
    let mut points = Vec::new();
    for (stream, x) in [0.3, 0.5, 0.7, 0.85].into_iter().enumerate() {
        let come = |traffic: &mut Traffic, route| {
            traffic.by_chance(route, x * capacity * 3600.0, (0.0, SPAN), stream as u64);
        };
        let (held, free) = (run(&PLAN, come, None), run(&OPEN, come, None));
        let flow = count(held.outcome.trips.len()) / SPAN;
        points.push((flow / capacity, duration(&held) - duration(&free), signal.delay(flow)));
    }
    let curve = (10..=94).map(|percent| {
        let x = count(percent) / 100.0;
        (x, signal.delay(x * capacity))
    });
    Figure {
        name: "webster_delay",
        x: ("degree of saturation", 0.0, 1.0),
        y: ("mean delay [s]", 0.0, 40.0),
        series: vec![
            Series { name: "measured", mark: Mark::Dots, points: points.iter().map(|one| (one.0, one.1)).collect() },
            Series { name: "Webster (1958)", mark: Mark::Line, points: curve.collect() },
        ],
    }
    .keep();
    for (x, (_, measured, webster)) in ["0.3", "0.5", "0.7", "0.85"].iter().zip(&points) {
        let margin = (0.15 * webster).max(2.0);
        let expected = format!("{:.1}–{:.1} s", webster - margin, webster + margin);
        record::row(&format!("delay at {x} of capacity"), &expected, &format!("{measured:.1} s"));
        assert!((measured - webster).abs() <= margin, "at {x} of capacity: {measured} s, Webster {webster} s");
    }
}
