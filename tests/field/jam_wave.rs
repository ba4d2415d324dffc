//! Jam waves: how fast the front between standing and starting vehicles travels upstream.
//!
//! In the field -15 to -20 km/h wherever it was looked at (Treiber and Kesting 2013, Traffic Flow Dynamics, section 18.3: stop-and-go on
//! motorways; Forbes et al. 1959 and Herman et al. 1971 for queues that start at a signal). Newell (2002, Transportation Research B 36, 195)
//! says what it hangs on: every driver repeats what the one ahead does a time `τ` later and a distance `d` farther back, so the wave
//! has the speed `-d / τ`. The default car's headway of 1 s is shorter than the 1.2 to 1.6 s drivers keep in the field, and 7.5 m in 1 s
//! are -27 km/h: between that and -15 km/h is asserted of the default car, and the field's range of drivers with a headway of the field.

use std::collections::BTreeMap;

use citytwin::city::demand::VehicleKind;
use citytwin::primitives::SimDuration;

use crate::figure::{Figure, Mark, Series};
use crate::fundamental_diagram::circling;
use crate::record;
use crate::saturation_flow::{crossing, stop_line};
use crate::street::{Traffic, TwoStages, car};
use crate::tape::{Tape, count, film, line_through, mean};

const PLAN: TwoStages = TwoStages { green: 40.0, yellow: 3.0, red: 47.0 };
/// A vehicle has started when it is faster than this [m/s].
const STARTED: f64 = 1.0;
/// Density on the ring [veh/km]: vehicles stand and go.
const RING: f64 = 90.0;
/// Cells of the ring's speed field [m].
const CELL: f64 = 20.0;

/// The mean speed of the wave that runs up a queue when it starts at green [km/h].
fn starting_wave(kind: VehicleKind) -> f64 {
    let mut network = crossing();
    PLAN.apply(&mut network, &["in"], |_| 0.0);
    let line = stop_line(&network);
    let mut traffic = Traffic::of(kind);
    let route = traffic.route(&network, &["in", "out"]);
    traffic.evenly(route, 600.0, (0.0, 1800.0));
    let tape = film(network, &traffic.demand(), 1, Some(1800.0), &["in", "out"]);
    let waves = (3..20).map(|cycle| {
        let green = PLAN.cycle() * count(cycle);
        let starts: Vec<(f64, f64)> = tape
            .ways
            .values()
            .filter_map(|way| {
                let stands = way.iter().find(|sight| (sight.time - green).abs() < 0.5)?;
                let start = way.iter().find(|sight| sight.time > green && sight.speed > STARTED)?;
                (stands.speed < 0.1 && stands.at < line).then_some((start.time, stands.at))
            })
            .collect();
        line_through(&starts).0 * 3.6
    });
    mean(&waves.collect::<Vec<_>>())
}

/// Speed of the pattern on a ring [km/h]: the shift in space and time under which its field of speeds looks most like itself.
fn pattern_speed(tape: &Tape, from: f64) -> f64 {
    let mut field: BTreeMap<(i64, i64), Vec<f64>> = BTreeMap::new();
    for sight in tape.ways.values().flatten().filter(|sight| sight.time > from) {
        field.entry((whole(sight.at / CELL), whole(sight.time))).or_default().push(sight.speed);
    }
    let field: BTreeMap<(i64, i64), f64> = field.into_iter().map(|(cell, speeds)| (cell, mean(&speeds))).collect();
    let middle = mean(&field.values().copied().collect::<Vec<_>>());
    let cells = whole(tape.length / CELL);
    let likeness = |apart: i32, later: i32| {
        let pairs = field.iter().filter_map(|(&(cell, time), speed)| {
            let other = field.get(&((cell - i64::from(apart)).rem_euclid(cells), time + i64::from(later)))?;
            Some((speed - middle) * (other - middle))
        });
        mean(&pairs.collect::<Vec<_>>())
    };
    // The delay after which a place looks most like the one so many cells downstream, for several of them: the line through them is the wave.
    let delays = [4, 6, 8, 10, 12].map(|apart| {
        let later = (2..=60).max_by(|&a, &b| likeness(apart, a).total_cmp(&likeness(apart, b))).unwrap_or(1);
        (f64::from(later), -f64::from(apart) * CELL)
    });
    line_through(&delays).0 * 3.6
}

#[expect(clippy::cast_possible_truncation, reason = "positions and times here are below a thousand")]
fn whole(number: f64) -> i64 {
    number.floor() as i64
}

#[test]
fn jams_travel_upstream() {
    let start = starting_wave(car(0.1));
    let patient = starting_wave(VehicleKind { headway: SimDuration::seconds(1.4), ..car(0.1) });
    let tape = circling(&car(0.0), 80.0, RING);
    let pattern = pattern_speed(&tape, 250.0);
    let threads = tape.ways.values().step_by(2).flat_map(|way| {
        let seen = way.iter().filter(|sight| sight.time >= 300.0 && sight.time <= 420.0).step_by(2);
        let mut pieces: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
        for sight in seen {
            if pieces.last().and_then(|piece| piece.last()).is_some_and(|last| last.1 > sight.at) {
                pieces.push(Vec::new());
            }
            pieces.last_mut().expect("there is one").push((sight.time, sight.at));
        }
        pieces
    });
    let mut series: Vec<Series<'_>> = threads.map(|points| Series { name: "", mark: Mark::Thread, points }).collect();
    let slope = |speed: f64| vec![(320.0, 900.0), (380.0, 900.0 + speed / 3.6 * 60.0)];
    series.push(Series { name: "the measured wave", mark: Mark::Line, points: slope(pattern) });
    series.push(Series { name: "-15 km/h", mark: Mark::Line, points: slope(-15.0) });
    Figure { name: "jam_wave", x: ("time [s]", 300.0, 420.0), y: ("place on the ring [m]", 0.0, 1000.0), series }
        .keep();
    record::row("wave of a queue that starts", "-20 to -15 km/h", &format!("{start:.1} km/h"));
    record::row("the same, drivers with a headway of 1.4 s", "-20 to -15 km/h", &format!("{patient:.1} km/h"));
    record::row("stop-and-go wave on a ring", "-20 to -15 km/h", &format!("{pattern:.1} km/h"));
    for wave in [start, pattern] {
        assert!((-27.0..=-15.0).contains(&wave), "waves of {start} and {pattern} km/h");
    }
    assert!((-20.0..=-15.0).contains(&patient), "a wave of {patient} km/h at a headway of 1.4 s");
}
