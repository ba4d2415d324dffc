//! A lane drop and a merge: what a bottleneck discharges while a queue stands before it, and how much that is less than before.
//!
//! Queue discharge is 1,300 to 2,200 veh/h for each lane that goes on: the lower end at closed lanes (Dudek and Richards 1982, Transportation
//! Research Record 869), the upper one at merges of freeways (Cassidy and Bertini 1999, Transportation Research B 33, 25), lane drops between (Bertini and
//! Leal 2005, Journal of Transportation Engineering 131, 397). When the queue has formed, capacity falls by 3 to 18 % (Hall and Agyemang-Duah 1991,
//! Transportation Research Record 1320; Srivastava and Geroliminis 2013, Transportation Research C 30, 161, review).
//!
//! The right lane of the lane drop simply ends, as a closed lane does; the network is written out because a bare map would let both lanes go on.

use std::fmt::Write as _;

use citytwin::city::network::Network;
use citytwin::city::network::bare::BareControl;
use citytwin::city::network::sumo::read_network;

use crate::figure::{Figure, Mark, Series};
use crate::record;
use crate::street::{Drawing, Traffic, car};
use crate::tape::{Tape, count, film, mean};

/// How long the flow stays the same [s], and how often it rises.
const INTERVAL: f64 = 180.0;
const INTERVALS: usize = 16;
/// Mean speed below which a queue stands before the bottleneck [km/h]: half the limit.
const QUEUED: f64 = 40.0;

/// A road of two lanes of which the right one ends after 1,000 m; limit 80 km/h.
fn lane_drop() -> Network {
    let lane = |id: &str, index: usize, length: f64, shape: &str| {
        format!("<lane id=\"{id}_{index}\" index=\"{index}\" speed=\"22.22\" length=\"{length}\" shape=\"{shape}\"/>")
    };
    let mut text = "<net version=\"1.20\"><location netOffset=\"0,0\" convBoundary=\"0,-5,2004,0\" \
                    origBoundary=\"0,0,0,0\" projParameter=\"!\"/>"
        .to_owned();
    let _ = write!(
        text,
        "<edge id=\":drop_0\" function=\"internal\">{}</edge>",
        lane(":drop_0", 0, 4.0, "1000,-1.6 1004,-1.6")
    );
    let _ = write!(
        text,
        "<edge id=\"wide\" from=\"west\" to=\"drop\" priority=\"5\">{}{}</edge>",
        lane("wide", 0, 1000.0, "0,-4.8 1000,-4.8"),
        lane("wide", 1, 1000.0, "0,-1.6 1000,-1.6")
    );
    let _ = write!(
        text,
        "<edge id=\"narrow\" from=\"drop\" to=\"east\" priority=\"5\">{}</edge>",
        lane("narrow", 0, 1000.0, "1004,-1.6 2004,-1.6")
    );
    text.push_str(
        "<junction id=\"west\" type=\"dead_end\" x=\"0\" y=\"0\" incLanes=\"\" intLanes=\"\" shape=\"0,0 0,-6.4\"/>\
         <junction id=\"drop\" type=\"priority\" x=\"1002\" y=\"0\" incLanes=\"wide_0 wide_1\" intLanes=\":drop_0_0\" \
         shape=\"1000,0 1004,0 1004,-3.2 1000,-6.4\">\
         <request index=\"0\" response=\"0\" foes=\"0\" cont=\"0\"/></junction>\
         <junction id=\"east\" type=\"dead_end\" x=\"2004\" y=\"0\" incLanes=\"narrow_0\" intLanes=\"\" \
         shape=\"2004,-3.2 2004,0\"/>\
         <connection from=\"wide\" to=\"narrow\" fromLane=\"1\" toLane=\"0\" via=\":drop_0_0\" dir=\"s\" state=\"M\"/>\
         <connection from=\":drop_0\" to=\"narrow\" fromLane=\"0\" toLane=\"0\" dir=\"s\" state=\"M\"/></net>",
    );
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("drop.net.xml");
    std::fs::write(&file, text).expect("the network can be written");
    read_network(&file).unwrap_or_else(|found| panic!("{:?}", found.problems())).0
}

/// A road of one lane and a ramp that yields to it; limit 80 km/h.
fn merge() -> Network {
    Drawing::new()
        .node("west", (0.0, 0.0), BareControl::Automatic)
        .node("ramp", (700.0, -150.0), BareControl::Automatic)
        .node("merge", (1000.0, 0.0), BareControl::Automatic)
        .node("east", (2000.0, 0.0), BareControl::Automatic)
        .road("main", ("west", "merge"), 1, 80.0, 10)
        .road("on-ramp", ("ramp", "merge"), 1, 80.0, 1)
        .road("on", ("merge", "east"), 1, 80.0, 10)
        .build()
}

/// Flow for each interval [veh/h] over a line.
fn flows(tape: &Tape, line: f64) -> Vec<f64> {
    let begin = |n: usize| INTERVAL * count(n);
    (0..INTERVALS).map(|n| tape.flow(line, (begin(n), begin(n + 1)))).collect()
}

/// Mean speed before the bottleneck for each interval [km/h].
fn speeds(tape: &Tape, (from, to): (f64, f64)) -> Vec<f64> {
    let within = |n: usize| {
        let sights = tape.ways.values().flatten().filter(|sight| (from..to).contains(&sight.at));
        let during = sights.filter(|sight| (INTERVAL * count(n)..INTERVAL * count(n + 1)).contains(&sight.time));
        mean(&during.map(|sight| sight.speed * 3.6).collect::<Vec<_>>())
    };
    (0..INTERVALS).map(within).collect()
}

/// Films the lane drop under traffic that rises until a queue stands before it.
fn dropping() -> Tape {
    let network = lane_drop();
    let mut traffic = Traffic::of(car(0.1));
    let route = traffic.route(&network, &["wide", "narrow"]);
    for n in 0..INTERVALS {
        let flow = (1000.0 + 150.0 * count(n)).min(2600.0);
        traffic.by_chance_on_any_lane(route, flow, (INTERVAL * count(n), INTERVAL * count(n + 1)), n as u64);
    }
    film(network, &traffic.demand(), 1, Some(INTERVAL * count(INTERVALS)), &["wide", "narrow"])
}

/// Films the merge: the main road fills while the ramp stays as busy as it is.
fn merging() -> Tape {
    let network = merge();
    let mut traffic = Traffic::of(car(0.1));
    let (main, ramp) = (traffic.route(&network, &["main", "on"]), traffic.route(&network, &["on-ramp", "on"]));
    for n in 0..INTERVALS {
        let span = (INTERVAL * count(n), INTERVAL * count(n + 1));
        traffic.by_chance(main, (700.0 + 100.0 * count(n)).min(1600.0), span, n as u64);
        traffic.by_chance(ramp, 400.0, span, 100 + n as u64);
    }
    film(network, &traffic.demand(), 1, Some(INTERVAL * count(INTERVALS)), &["main", "on"])
}

#[test]
fn bottlenecks_discharge() {
    let (dropped, merged) = (dropping(), merging());
    let (out, before) = (flows(&dropped, 1400.0), speeds(&dropped, (500.0, 1000.0)));
    let queue = before.iter().position(|&speed| speed < QUEUED).expect("a queue forms");
    let discharge = mean(&out[queue + 1..]);
    let highest = out[..queue].windows(3).map(mean).fold(0.0, f64::max);
    let drop = (1.0 - discharge / highest) * 100.0;
    // From the tenth interval on, more comes than one lane can take.
    let merged_flow = mean(&flows(&merged, 1400.0)[10..]);
    let points = |values: &[f64]| values.iter().enumerate().map(|(n, &v)| (count(n) * 3.0 + 1.5, v)).collect();
    Figure {
        name: "lane_drop",
        x: ("time [min]", 0.0, 48.0),
        y: ("flow [veh/h], speed [0.1 km/h]", 0.0, 2800.0),
        series: vec![
            Series {
                name: "discharge in the literature",
                mark: Mark::Band,
                points: vec![(0.0, 1300.0), (48.0, 2200.0)],
            },
            Series { name: "flow behind the lane drop", mark: Mark::Line, points: points(&out) },
            Series {
                name: "speed before it",
                mark: Mark::Line,
                points: points(&before.iter().map(|speed| speed * 10.0).collect::<Vec<_>>()),
            },
        ],
    }
    .keep();
    record::row("discharge of a lane drop, per lane", "1,300–2,200 veh/h", &format!("{discharge:.0} veh/h"));
    record::row("capacity drop at a lane drop", "3–18 %", &format!("{drop:.0} %"));
    record::row("discharge of a merge, per lane", "1,300–2,200 veh/h", &format!("{merged_flow:.0} veh/h"));
    assert!((1300.0..=2200.0).contains(&discharge), "the lane drop discharges {discharge} veh/h");
    assert!((1300.0..=2200.0).contains(&merged_flow), "the merge discharges {merged_flow} veh/h");
}
