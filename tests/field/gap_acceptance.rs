//! Gap acceptance: when drivers at a yield sign dare to go, and how many can.
//!
//! Critical gap and follow-up time are measured by Siegloch's (1973, Straßenbau und Straßenverkehrstechnik 154) regression at a queue that
//! never ends: the mean length of the gaps that `n` vehicles use is `t0 + n · tf`, and the critical gap is `t0 + tf / 2`. The Highway Capacity
//! Manual (Transportation Research Board 2000, exhibit 17-5) has critical gaps of 6.2 s to turn right and 6.5 s to cross and follow-up times of 3.3 and 4.0 s; in Germany and
//! Switzerland 4 to 6 s and 2.5 to 3.5 s are measured (Brilon, Koenig and Troutbeck 1999, Transportation Research A 33, 161; Weinert 2000). The capacity that follows is
//! `3600 / tf · exp(-q (t0) / 3600)` (Siegloch), from the quick drivers to the slow ones.

use citytwin::city::network::Network;
use citytwin::city::network::bare::BareControl;

use crate::figure::{Figure, Mark, Series};
use crate::record;
use crate::street::{Drawing, Traffic, car};
use crate::tape::{Ways, count, films, line_through, mean, passage};

/// How long a measurement takes, and how much of it the queue needs to form [s].
const SPAN: f64 = 2400.0;
const WARM_UP: f64 = 200.0;
/// Critical gap and follow-up time of quick and of slow drivers [s].
const QUICK: (f64, f64) = (4.0, 2.5);
const SLOW: (f64, f64) = (6.5, 4.0);

fn crossing() -> Network {
    Drawing::new()
        .node("west", (-300.0, 0.0), BareControl::Automatic)
        .node("yield", (0.0, 0.0), BareControl::Automatic)
        .node("east", (200.0, 0.0), BareControl::Automatic)
        .node("south", (0.0, -120.0), BareControl::Automatic)
        .node("north", (0.0, 120.0), BareControl::Automatic)
        .road("major", ("west", "yield"), 1, 50.0, 10)
        .road("on", ("yield", "east"), 1, 50.0, 10)
        .road("minor", ("south", "yield"), 1, 50.0, 1)
        .road("beyond", ("yield", "north"), 1, 50.0, 1)
        .without("major", "beyond")
        .build()
}

/// One measurement: the major flow [veh/h], the minor street's capacity [veh/h], and each gap with how many used it.
struct Measured {
    major: f64,
    capacity: f64,
    gaps: Vec<(usize, f64)>,
}

fn measure(flow: f64, target: &str, stream: u64) -> Measured {
    let network = crossing();
    let length = |road: &str| network.edge(network.find_edge(road).expect("it is there")).length.as_metres();
    let (major_line, minor_line) = (length("major") + 4.0, length("minor") + 1.0);
    let mut traffic = Traffic::of(car(0.1));
    let (major, minor) = (traffic.route(&network, &["major", "on"]), traffic.route(&network, &["minor", target]));
    traffic.by_chance(major, flow, (0.0, SPAN), stream);
    traffic.evenly(minor, 1200.0, (0.0, SPAN));
    let demand = traffic.demand();
    let (filmed, _) = films(network, &demand, 1, Some(SPAN), &[&["major", "on"], &["minor", target]]);
    let passages = |ways: &Ways, route, line| {
        let own = ways.iter().filter(|(id, _)| demand.vehicles[**id].route == route);
        let mut times: Vec<f64> = own.filter_map(|(_, way)| passage(way, line)).filter(|t| *t > WARM_UP).collect();
        times.sort_by(f64::total_cmp);
        times
    };
    let (passed, entered) = (passages(&filmed[0].0, major, major_line), passages(&filmed[1].0, minor, minor_line));
    let users = |from: f64, to: f64| entered.iter().filter(|&&time| from <= time && time < to).count();
    Measured {
        major: count(passed.len()) * 3600.0 / (SPAN - WARM_UP),
        capacity: count(entered.len()) * 3600.0 / (SPAN - WARM_UP),
        gaps: passed.windows(2).map(|pair| (users(pair[0], pair[1]), pair[1] - pair[0])).collect(),
    }
}

/// Capacity by Siegloch for a major flow [veh/h].
fn siegloch((critical, follow_up): (f64, f64), major: f64) -> f64 {
    3600.0 / follow_up * libm::exp(-major / 3600.0 * (critical - follow_up / 2.0))
}

/// Critical gap and follow-up time [s] by Siegloch's regression.
fn regression(measured: &[Measured]) -> (f64, f64) {
    let steps: Vec<(f64, f64)> = (0..6)
        .filter_map(|users| {
            let gaps = measured.iter().flat_map(|one| &one.gaps).filter(|gap| gap.0 == users).map(|gap| gap.1);
            let gaps: Vec<f64> = gaps.collect();
            (gaps.len() >= 10).then(|| (count(users), mean(&gaps)))
        })
        .collect();
    let (follow_up, zero) = line_through(&steps);
    (zero + follow_up / 2.0, follow_up)
}

#[test]
fn drivers_wait_for_gaps_of_the_field() {
    let flows = [300.0, 500.0, 700.0, 900.0];
    let all = |target: &str| -> Vec<Measured> {
        flows.iter().enumerate().map(|(n, &flow)| measure(flow, target, n as u64)).collect()
    };
    let (crossed, merged) = (all("beyond"), all("on"));
    let points = |of: &[Measured]| of.iter().map(|one| (one.major, one.capacity)).collect();
    let curve = |drivers| (0..=24).map(|n| (50.0 * count(n), siegloch(drivers, 50.0 * count(n)))).collect();
    Figure {
        name: "gap_acceptance",
        x: ("major flow [veh/h]", 0.0, 1200.0),
        y: ("capacity of the minor street [veh/h]", 0.0, 1500.0),
        series: vec![
            Series { name: "crossing, measured", mark: Mark::Dots, points: points(&crossed) },
            Series { name: "turning right, measured", mark: Mark::Dots, points: points(&merged) },
            Series { name: "Siegloch, quick drivers (4.0 s, 2.5 s)", mark: Mark::Line, points: curve(QUICK) },
            Series { name: "Siegloch, slow drivers (6.5 s, 4.0 s)", mark: Mark::Line, points: curve(SLOW) },
        ],
    }
    .keep();
    for (what, measured) in [("to cross", &crossed), ("to turn right", &merged)] {
        let (critical, follow_up) = regression(measured);
        record::row(&format!("critical gap {what}"), "4.0–6.5 s", &format!("{critical:.1} s"));
        record::row(&format!("follow-up time {what}"), "2.5–4.0 s", &format!("{follow_up:.1} s"));
        assert!((4.0..=6.5).contains(&critical), "a critical gap of {critical} s {what}");
        assert!((2.5..=4.0).contains(&follow_up), "a follow-up time of {follow_up} s {what}");
    }
    for (what, measured) in [("crossing", &crossed), ("turning right", &merged)] {
        let one = &measured[1];
        let (low, high) = (siegloch(SLOW, one.major), siegloch(QUICK, one.major));
        let name = format!("capacity {what} a major flow of 500 veh/h");
        record::row(&name, &format!("{low:.0}–{high:.0} veh/h"), &format!("{:.0} veh/h", one.capacity));
    }
    for one in &crossed {
        let (low, high) = (siegloch(SLOW, one.major), siegloch(QUICK, one.major));
        assert!((low..=high).contains(&one.capacity), "{} veh/h cross {} veh/h", one.capacity, one.major);
    }
    for pair in crossed.windows(2).chain(merged.windows(2)) {
        assert!(pair[1].capacity < pair[0].capacity, "more major traffic leaves more room");
    }
}
