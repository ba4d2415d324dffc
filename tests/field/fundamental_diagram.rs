//! The fundamental diagram: how flow depends on density, from the empty road to the jam.
//!
//! A ring of one lane without any disturbance from outside, as Sugiyama et al. (2008, New Journal of Physics 10, 033001) drove it
//! in the field: density is given, flow is measured over space and time by Edie's (1963) definitions. What is asserted is what every
//! textbook draws (Treiber and Kesting 2013, Traffic Flow Dynamics, chapter 4): free flow at the wished speed, a capacity, a branch that
//! falls, and at its end a jam of one vehicle per length and standing gap.

use citytwin::city::demand::{DepartLane, DepartPosition, DepartSpeed, VehicleKind};
use citytwin::city::network::Network;
use citytwin::city::network::bare::BareControl;
use citytwin::primitives::{Distance, Speed};

use crate::figure::{Figure, Mark, Series};
use crate::record;
use crate::street::{Drawing, Traffic, car};
use crate::tape::{Tape, count, film, line_through};

/// Length of the ring, about [m].
const AROUND: f64 = 1000.0;
/// When measuring begins and ends [s].
const WARM_UP: f64 = 300.0;
const END: f64 = 500.0;
/// Length of a car [m].
const BODY: f64 = 5.0;
/// Speed limit of the ring [km/h].
const LIMIT: f64 = 80.0;
/// The ring in quarters.
const QUARTERS: [&str; 4] = ["south-east", "north-east", "north-west", "south-west"];

/// A ring with a limit [km/h].
pub(crate) fn ring(limit: f64) -> Network {
    let radius = AROUND / std::f64::consts::TAU;
    let at = |quarters: f64| {
        let angle = std::f64::consts::FRAC_PI_2 * quarters;
        (radius * libm::sin(angle), -radius * libm::cos(angle))
    };
    let names = ["south", "east", "north", "west"];
    let mut drawing = Drawing::new();
    for (n, name) in names.iter().enumerate() {
        drawing = drawing.node(name, at(count(n)), BareControl::Automatic);
    }
    for (n, quarter) in QUARTERS.iter().enumerate() {
        let past: Vec<(f64, f64)> = (1..20).map(|k| at(count(n) + count(k) / 20.0)).collect();
        drawing = drawing.bent(quarter, (names[n], names[(n + 1) % 4]), &past, (1, limit, 5));
    }
    drawing.build()
}

/// Films a ring with a density [veh/km] of one kind of car, started at rest and evenly spaced.
pub(crate) fn circling(kind: &VehicleKind, limit: f64, density: f64) -> Tape {
    let network = ring(limit);
    let length = |name: &&str| network.edge(network.find_edge(name).expect("a quarter")).length.as_metres();
    let lengths: Vec<f64> = QUARTERS.iter().map(length).collect();
    let around: f64 = lengths.iter().sum();
    let laps: Vec<&str> = (0..80).map(|n| QUARTERS[n % 4]).collect();
    let mut traffic = Traffic::of(kind.clone());
    let routes: Vec<_> = (0..4).map(|n| traffic.route(&network, &laps[n..])).collect();
    let vehicles = (0..1000).take_while(|&n| count(n) < (density * around / 1000.0).round()).count();
    for n in 0..vehicles {
        let mut at = (count(n) + 0.5) * around / count(vehicles);
        let mut quarter = 0;
        while at > lengths[quarter] {
            at -= lengths[quarter];
            quarter += 1;
        }
        if at < BODY {
            // Its back would lie round the corner, where the others stand.
            continue;
        }
        let position = DepartPosition::At(Distance::metres(at));
        traffic.placed(routes[quarter], 0.0, DepartLane::First, position, DepartSpeed::At(Speed::ZERO));
    }
    film(network, &traffic.demand(), 1, Some(END), &QUARTERS)
}

/// Density [veh/km] and flow [veh/h] on a filmed ring.
pub(crate) fn density_and_flow(tape: &Tape) -> (f64, f64) {
    let (mut seconds, mut metres) = (0.0, 0.0);
    for sight in tape.ways.values().flatten().filter(|sight| sight.time > WARM_UP) {
        seconds += 1.0;
        metres += sight.speed;
    }
    let area = tape.length * (END - WARM_UP);
    (seconds / area * 1000.0, metres / area * 3600.0)
}

#[test]
fn flow_rises_to_capacity_and_falls_to_the_jam() {
    let densities = [5.0, 15.0, 25.0, 30.0, 35.0, 40.0, 60.0, 80.0, 100.0, 120.0, 130.0];
    let points: Vec<(f64, f64)> =
        densities.iter().map(|&density| density_and_flow(&circling(&car(0.0), LIMIT, density))).collect();
    let free = points[0].1 / points[0].0;
    let capacity = points.iter().map(|point| point.1).fold(0.0, f64::max);
    let congested = &points[6..];
    let (slope, intercept) = line_through(congested);
    let jam = -intercept / slope;
    let branch = Series {
        name: "congested branch",
        mark: Mark::Line,
        points: vec![(jam, 0.0), (40.0, intercept + 40.0 * slope)],
    };
    Figure {
        name: "fundamental_diagram",
        x: ("density [veh/km]", 0.0, 140.0),
        y: ("flow [veh/h]", 0.0, 2600.0),
        series: vec![
            Series {
                name: "capacity in the literature",
                mark: Mark::Band,
                points: vec![(0.0, 1800.0), (140.0, 2400.0)],
            },
            Series { name: "measured", mark: Mark::Dots, points: points.clone() },
            branch,
        ],
    }
    .keep();
    record::row("free speed at a limit of 80 km/h", "76–84 km/h", &format!("{free:.1} km/h"));
    record::row("capacity of a lane", "1,800–2,400 veh/h", &format!("{capacity:.0} veh/h"));
    record::row("jam density", "126–140 veh/km", &format!("{jam:.0} veh/km"));
    record::row("slope of the congested branch", "-20 to -15 km/h", &format!("{slope:.1} km/h"));
    assert!((0.95..=1.05).contains(&(free / LIMIT)), "free traffic drives {free} km/h");
    assert!((1800.0..=2400.0).contains(&capacity), "a lane carries {capacity} veh/h");
    assert!((126.0..=140.0).contains(&jam), "a jam holds {jam} veh/km");
    for pair in points[5..].windows(2) {
        assert!(pair[1].1 < pair[0].1, "more vehicles, more flow, in a jam: {points:?}");
    }
}
