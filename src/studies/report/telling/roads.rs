//! The roads as the sensors saw them, over the whole run: the busiest, and the most congested.

use std::collections::BTreeMap;

use crate::city::network::Network;
use crate::primitives::ids::EdgeId;

use super::super::markup::{NO_FIGURE, count_of, escape, number};
use super::super::roads::{road_name, speed_limit};
use super::super::statistics::Sample;
use super::table::{Column, Table, figures, words};
use super::truth::Compared;
use super::values::Congestion;

/// Roads in each table.
const ROADS: usize = 10;

const COLUMNS: [Column; 9] = [
    words("Road"),
    figures("Flow<br>[veh/h]"),
    figures("as it was<br>[veh/h]"),
    figures("Speed<br>[km/h]"),
    figures("as it was<br>[km/h]"),
    figures("Limit<br>[km/h]"),
    figures("Occupancy<br>[%]"),
    figures("Heavy or<br>stopped"),
    words("Heard from"),
];

/// One road over all its windows.
#[derive(Debug, Clone, PartialEq)]
struct RoadTold<'a> {
    name: &'a str,
    edge: Option<EdgeId>,
    windows: usize,
    /// Windows in which it was heavy or stopped.
    congested: usize,
    /// Windows in which it was stopped.
    stopped: usize,
    flow: Option<f64>,
    flow_true: Option<f64>,
    speed: Option<f64>,
    speed_true: Option<f64>,
    occupancy: Option<f64>,
    sources: String,
}

impl<'a> RoadTold<'a> {
    fn new(name: &'a str, windows: &[&Compared<'_>]) -> Self {
        let mean = |of: &dyn Fn(&Compared<'_>) -> Option<f64>| Sample::new(windows.iter().filter_map(|w| of(w))).mean();
        let at_least =
            |level| windows.iter().filter(|window| window.heard.congestion.is_some_and(|found| found >= level)).count();
        let heard = |of: &dyn Fn(&Compared<'_>) -> u32| windows.iter().any(|window| of(window) > 0);
        let sources = [
            ("loops", heard(&|window| window.heard.loops)),
            ("cameras", heard(&|window| window.heard.cameras)),
            ("trackers", heard(&|window| window.heard.trackers)),
        ];
        let sources: Vec<&str> = sources.iter().filter(|(_, heard)| *heard).map(|(name, _)| *name).collect();
        Self {
            name,
            edge: windows.first().and_then(|window| window.edge),
            windows: windows.len(),
            congested: at_least(Congestion::Heavy),
            stopped: at_least(Congestion::Stopped),
            flow: mean(&|window| window.flow()),
            // Over the windows in which something was heard, so that both means are of the same minutes.
            flow_true: mean(&|window| window.flows().map(|both| both.0)),
            speed: mean(&|window| window.speed()),
            speed_true: mean(&|window| window.speeds().map(|both| both.0)),
            occupancy: mean(&|window| window.heard.occupancy),
            sources: sources.join(", "),
        }
    }

    fn row(&self, table: &mut Table<'_>, network: &Network) {
        let edge = self.edge.map(|edge| network.edge(edge));
        let street = edge.map_or(self.name, road_name);
        let mut name = escape(street);
        if street != self.name {
            name.push_str(" <span class=\"code\">");
            name.push_str(&escape(self.name));
            name.push_str("</span>");
        }
        let figure = |value: Option<f64>, decimals| number(value.unwrap_or(f64::NAN), decimals);
        table.row(
            &name,
            &[
                figure(self.flow, 0),
                figure(self.flow_true, 0),
                figure(self.speed, 1),
                figure(self.speed_true, 1),
                figure(edge.map(|edge| speed_limit(network, edge)), 0),
                figure(self.occupancy, 1),
                format!("{} of {}", count_of(self.congested), count_of(self.windows)),
                if self.sources.is_empty() { NO_FIGURE.to_owned() } else { self.sources.clone() },
            ],
        );
    }
}

/// Both tables; `compared` is sorted by road.
pub(super) fn tables(compared: &[Compared<'_>], network: &Network) -> String {
    let mut by_road: BTreeMap<&str, Vec<&Compared<'_>>> = BTreeMap::new();
    for one in compared {
        by_road.entry(&one.heard.road).or_default().push(one);
    }
    let mut roads: Vec<RoadTold<'_>> = by_road.iter().map(|(name, windows)| RoadTold::new(name, windows)).collect();
    let flow = |road: &RoadTold<'_>| road.flow.unwrap_or(-1.0);
    roads.sort_by(|a, b| flow(b).total_cmp(&flow(a)).then(a.name.cmp(b.name)));
    let mut html = table(
        "The busiest roads by flow heard; means over their windows",
        roads.iter().filter(|road| road.flow.is_some()),
        network,
    );
    let speed = |road: &RoadTold<'_>| road.speed.unwrap_or(f64::INFINITY);
    roads.sort_by(|a, b| {
        (b.congested, b.stopped)
            .cmp(&(a.congested, a.stopped))
            .then(speed(a).total_cmp(&speed(b)))
            .then(a.name.cmp(b.name))
    });
    let jammed = table(
        "The most congested roads: most windows heavy or stopped, then the slowest",
        roads.iter().filter(|road| road.congested > 0),
        network,
    );
    html.push_str(if jammed.is_empty() {
        "<p>No road was heard to be heavily congested in any window.</p>"
    } else {
        &jammed
    });
    html
}

fn table<'a>(caption: &str, roads: impl Iterator<Item = &'a RoadTold<'a>>, network: &Network) -> String {
    let mut table = Table::new(caption, &COLUMNS);
    for road in roads.take(ROADS) {
        road.row(&mut table, network);
    }
    table.end()
}
