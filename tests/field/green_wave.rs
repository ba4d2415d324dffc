//! A green wave: whether traffic that keeps the band passes coordinated signals without stopping.
//!
//! Five signals 300 m apart on a street of two lanes, offsets for a progression at 45 km/h under a limit of 50 km/h, as one designs it in
//! practice (85 to 95 % of the limit). The Highway Capacity Manual (Transportation Research Board 2000, exhibits 15-4 and 16-11) calls the share of vehicles that come on
//! green over the share of green the platoon ratio: 1.5 and more is highly favourable progression, 0.85 to 1.15 is arrival by chance. The
//! counter-check are the same signals with offsets that have nothing to do with each other.

use citytwin::city::network::Network;
use citytwin::city::network::bare::BareControl;

use crate::figure::{Figure, Mark, Series};
use crate::record;
use crate::street::{Drawing, Traffic, TwoStages, car};
use crate::tape::{Tape, count, film, mean};

const PLAN: TwoStages = TwoStages { green: 27.0, yellow: 3.0, red: 30.0 };
/// Between signals [m].
const SPACING: f64 = 300.0;
/// Speed of progression [m/s].
const PROGRESSION: f64 = 45.0 / 3.6;
const MAIN: [&str; 6] = ["main0", "main1", "main2", "main3", "main4", "main5"];
const NODES: [&str; 7] = ["west", "a", "b", "c", "d", "e", "east"];

/// The street, its signals in driving order.
fn arterial() -> Network {
    let mut drawing = Drawing::new();
    for (n, name) in NODES.iter().enumerate() {
        let x = SPACING * count(n);
        let crossing = (1..=5).contains(&n);
        let control = if crossing { BareControl::Signal } else { BareControl::Automatic };
        drawing = drawing.node(name, (x, 0.0), control);
        if crossing {
            drawing = drawing.node(&format!("south of {name}"), (x, -150.0), BareControl::Automatic).node(
                &format!("north of {name}"),
                (x, 150.0),
                BareControl::Automatic,
            );
        }
    }
    for (n, road) in MAIN.iter().enumerate() {
        drawing = drawing.road(road, (NODES[n], NODES[n + 1]), 2, 50.0, 5);
    }
    for (n, name) in NODES.iter().enumerate().take(6).skip(1) {
        let (up, away) = (format!("up {name}"), format!("away {name}"));
        drawing = drawing
            .road(&up, (&format!("south of {name}"), name), 1, 50.0, 5)
            .road(&away, (name, &format!("north of {name}")), 1, 50.0, 5)
            .without(MAIN[n - 1], &away)
            .without(&up, MAIN[n]);
    }
    drawing.build()
}

/// Films an hour of the street under offsets [s] of its five signals.
fn drive(offsets: impl Fn(usize) -> f64) -> Tape {
    let mut network = arterial();
    PLAN.apply(&mut network, &MAIN[..5], offsets);
    let mut traffic = Traffic::of(car(0.1));
    let route = traffic.route(&network, &MAIN);
    traffic.by_chance(route, 800.0, (0.0, 1800.0), 1);
    film(network, &traffic.demand(), 1, None, &MAIN)
}

/// Share of the vehicles that pass everything beyond the first signal without standing still.
fn unstopped(tape: &Tape) -> f64 {
    let beyond = |way: &&Vec<crate::tape::Sight>| way.iter().all(|sight| sight.at < SPACING || sight.speed > 1.0);
    count(tape.ways.values().filter(beyond).count()) / count(tape.ways.len())
}

fn stops(tape: &Tape) -> f64 {
    mean(&tape.outcome.trips.iter().map(|trip| f64::from(trip.waiting_count)).collect::<Vec<_>>())
}

/// Mean over the signals but the first of the share that comes on green, over the share of green; a vehicle comes when it would
/// reach the stop line at the speed of progression from 100 m before.
fn platoon_ratio(tape: &Tape, offsets: impl Fn(usize) -> f64) -> f64 {
    let ahead = 100.0;
    let ratios = (1..5).map(|n| {
        let line = SPACING * count(n + 1) - 10.0;
        let arrivals: Vec<f64> =
            tape.passages(line - ahead).into_iter().map(|time| time + ahead / PROGRESSION).collect();
        let green = |time: &&f64| (**time - offsets(n)).rem_euclid(PLAN.cycle()) < PLAN.green + PLAN.yellow;
        let share = count(arrivals.iter().filter(green).count()) / count(arrivals.len());
        share / ((PLAN.green + PLAN.yellow) / PLAN.cycle())
    });
    mean(&ratios.collect::<Vec<_>>())
}

#[test]
fn a_band_passes_coordinated_signals() {
    let wave = |n: usize| (SPACING / PROGRESSION * count(n)).round();
    let scattered = |n: usize| [0.0, 37.0, 14.0, 51.0, 28.0][n];
    let (coordinated, uncoordinated) = (drive(wave), drive(scattered));
    let ratio = platoon_ratio(&coordinated, wave);
    let (share, fall) = (unstopped(&coordinated), 1.0 - stops(&coordinated) / stops(&uncoordinated));
    let threads = coordinated.ways.values().map(|way| {
        way.iter().filter(|s| s.time >= 600.0 && s.time <= 800.0).step_by(3).map(|s| (s.time, s.at)).collect::<Vec<_>>()
    });
    let mut series: Vec<Series<'_>> = threads
        .filter(|points| points.len() > 1)
        .map(|points| Series { name: "", mark: Mark::Thread, points })
        .collect();
    for n in 0..5 {
        for cycle in 9..14 {
            let end = wave(n) + PLAN.cycle() * count(cycle);
            let red = vec![(end - PLAN.red, SPACING * count(n + 1)), (end, SPACING * count(n + 1))];
            let inside = red.iter().all(|point| (600.0..=800.0).contains(&point.0));
            if inside {
                series.push(Series { name: "", mark: Mark::Red, points: red });
            }
        }
    }
    Figure {
        name: "green_wave",
        x: ("time [s]", 600.0, 800.0),
        y: ("place along the street [m]", 0.0, SPACING * 6.0),
        series,
    }
    .keep();
    record::row("platoon ratio in a green wave", "≥ 1.5", &format!("{ratio:.2}"));
    record::row("vehicles that pass the wave without a stop", "most", &format!("{:.0} %", share * 100.0));
    record::row("stops saved by coordination", "most", &format!("{:.0} %", fall * 100.0));
    assert!(ratio >= 1.5, "a platoon ratio of {ratio}");
    assert!(share > 0.5, "only {share} of the vehicles pass without a stop");
    assert!(fall > 0.5, "coordination saves only {fall} of the stops");
}
