//! Saturation flow: how fast a standing queue discharges over a stop line.
//!
//! Measured as the Highway Capacity Manual has it measured in the field (Transportation Research Board 2000, chapter 16, appendix H): headways from the fifth
//! vehicle on give the saturation headway, and what the first four take beyond it is the start-up lost time. A base saturation flow
//! of 1,900 veh/h (exhibit 16-7), in the field 1,800 to 2,000 for a lane straight on; a start-up lost time of 2 s, 1 to 3 s in the field.

use citytwin::city::network::Network;
use citytwin::city::network::bare::BareControl;

use crate::figure::{Figure, Mark, Series};
use crate::record;
use crate::street::{Drawing, Traffic, TwoStages, car};
use crate::tape::{count, film, mean};

/// A signalised crossing of two one-way streets of one lane; the main one is `in` and `out`.
pub(crate) fn crossing() -> Network {
    Drawing::new()
        .node("west", (0.0, 0.0), BareControl::Automatic)
        .node("crossing", (500.0, 0.0), BareControl::Signal)
        .node("east", (900.0, 0.0), BareControl::Automatic)
        .node("south", (500.0, -200.0), BareControl::Automatic)
        .node("north", (500.0, 200.0), BareControl::Automatic)
        .road("in", ("west", "crossing"), 1, 50.0, 5)
        .road("out", ("crossing", "east"), 1, 50.0, 5)
        .road("up", ("south", "crossing"), 1, 50.0, 5)
        .road("away", ("crossing", "north"), 1, 50.0, 5)
        .without("in", "away")
        .without("up", "out")
        .build()
}

/// Where the stop line of the main street is [m].
pub(crate) fn stop_line(network: &Network) -> f64 {
    network.edge(network.find_edge("in").expect("the approach")).length.as_metres()
}

/// The mean headways of a long queue by place in the queue [s], over several greens; the first from the begin of green.
pub(crate) fn discharge_headways() -> Vec<f64> {
    let plan = TwoStages { green: 60.0, yellow: 3.0, red: 57.0 };
    let mut network = crossing();
    plan.apply(&mut network, &["in"], |_| 0.0);
    let line = stop_line(&network);
    let mut traffic = Traffic::of(car(0.1));
    let route = traffic.route(&network, &["in", "out"]);
    traffic.evenly(route, 1300.0, (0.0, 2400.0));
    let tape = film(network, &traffic.demand(), 1, Some(2400.0), &["in", "out"]);
    let passages = tape.passages(line);
    let mut headways = vec![Vec::new(); 25];
    for cycle in 4..20 {
        let mut last = plan.cycle() * count(cycle);
        let within = passages.iter().filter(|&&time| time >= last && time < last + plan.green).copied();
        for (place, time) in within.collect::<Vec<_>>().into_iter().enumerate().take(headways.len()) {
            headways[place].push(time - last);
            last = time;
        }
    }
    headways.iter().map(|of_place| mean(of_place)).collect()
}

/// The saturation headway [s]: the mean from the fifth vehicle on.
pub(crate) fn saturation_headway(headways: &[f64]) -> f64 {
    mean(&headways[4..])
}

#[test]
fn a_queue_discharges_at_saturation_flow() {
    let headways = discharge_headways();
    let headway = saturation_headway(&headways);
    let flow = 3600.0 / headway;
    let lost: f64 = headways[..4].iter().map(|one| one - headway).sum();
    let points = headways.iter().enumerate().map(|(n, &one)| (count(n + 1), one)).collect();
    Figure {
        name: "saturation_flow",
        x: ("place in the queue", 0.0, 26.0),
        y: ("headway at the stop line [s]", 0.0, 4.0),
        series: vec![
            Series { name: "2,000 to 1,800 veh/h", mark: Mark::Band, points: vec![(4.5, 1.8), (26.0, 2.0)] },
            Series { name: "measured", mark: Mark::Dots, points },
        ],
    }
    .keep();
    record::row("saturation flow of a lane", "1,800–2,000 veh/h", &format!("{flow:.0} veh/h"));
    record::row("start-up lost time", "1–3 s", &format!("{lost:.1} s"));
    assert!((1800.0..=2000.0).contains(&flow), "a lane discharges {flow} veh/h");
    assert!(headways[1] > headways[4] && headways[4] >= headway, "the first vehicles start slowest: {headways:?}");
}
