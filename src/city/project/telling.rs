//! What a project says to its planner: the scenario, the next commands, and every guess with its number.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::traffic::{
    BETA, GATE_LANE, Hour, LANE_FREE, LANE_GREEN, LANE_YIELDING, TO_JOBS, TRIPS_PER_PERSON, USE_OF_GREEN,
};
use crate::city::demand::od::{Held, Zones};
use crate::city::network::Network;
use crate::city::network::osm::ImportReport;
use crate::primitives::VehicleClass;

/// A street for the example, by its name or the id of its only road, and the limit it gets [km/h].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Example {
    street: String,
    limit: u32,
}

/// The longest street, slowed down: to 30 km/h, or to 20 km/h where it is no faster than 30 already.
pub(super) fn example(network: &Network) -> Option<Example> {
    let mut lengths: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (id, edge) in network.roads().filter(|(id, _)| network.edge_allows(*id, VehicleClass::Passenger)) {
        let fastest = edge.lane_ids().map(|lane| network.lane(lane).speed.as_kilometres_per_hour()).fold(0.0, f64::max);
        let name = edge.street.as_deref().unwrap_or(&edge.name);
        if name.chars().any(char::is_control)
            || network.edge(id).road_type.as_deref().is_some_and(|kind| kind.contains("motorway"))
        {
            continue;
        }
        let known = lengths.entry(name).or_default();
        *known = (known.0 + edge.length.as_metres(), known.1.max(fastest));
    }
    let longest = lengths.iter().fold(None, |best: Option<(&&str, &(f64, f64))>, next| match best {
        Some(best) if best.1.0 >= next.1.0 => Some(best),
        _ => Some(next),
    });
    longest.map(|(name, (_, fastest))| Example {
        street: (*name).to_owned(),
        limit: if *fastest > 31.0 { 30 } else { 20 },
    })
}

/// Text as YAML's single quotes have it.
fn quoted(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("'{}'", plain.replace('\'', "''"))
}

/// With more trips than this a comparison makes fewer runs, so that its first answer is there while one waits.
const TRIPS_OF_MANY_RUNS: f64 = 30_000.0;

/// The scenario, for so many trips.
pub(super) fn scenario(name: &str, example: Option<&Example>, trips: f64) -> String {
    let mut text = format!(
        "# A morning hour in a town made from a map. Every number of it is a guess until you replace it: see README.md.\n\
         citytwin: 1\n\
         name: {}\n",
        quoted(name)
    );
    if let Some(Example { street, limit }) = example {
        let question = format!("What does {limit} km/h on {street} do to those who drive?");
        let _ = writeln!(text, "question: {}", quoted(&question));
    }
    text.push_str(
        "map: { city: map }\n\
         time: { start: 07:00, warmup: 10 min, run: 30 min, step: 1 s }\n\
         demand:\n  \
           # Trips between 06:50 and 07:50, which warms the roads up and fills the run.\n  \
           - od: { matrix: matrix.csv, zones: zones.geojson, from: 06:50, to: 07:50 }\n\
         fleet: { trucks: 3 %, vans: 6 %, motorcycles: 2 % }\n",
    );
    if let Some(Example { street, limit }) = example {
        let runs = if trips > TRIPS_OF_MANY_RUNS { "min-runs: 3, max-runs: 6, " } else { "" };
        let _ = write!(
            text,
            "interventions:\n  slower:\n    - change-speed: {{ road: {}, limit: {limit} km/h }}\n\
             variants:\n  base: []\n  slower: [slower]\n\
             compare: {{ {runs}precision: 5 %, measures: [travel-time, time-loss] }}\n",
            quoted(street)
        );
    }
    text.push_str("outputs: { road-interval: 5 min }\nseed: 42\n");
    text
}

/// What the map says of itself.
pub(super) fn of_map(network: &Network, report: &ImportReport, told: &mut Vec<String>) {
    let roads = network.roads().count();
    let signals = network.signals.len();
    told.push(format!("{roads} roads and {signals} signals; country: {}", report.country));
}

/// What the traffic was made of.
pub(super) fn of_traffic(hour: &Hour, zones: &Zones, (held, points): (&Held, Option<&Path>), told: &mut Vec<String>) {
    let gates = zones.list.iter().filter(|zone| !zone.roads.is_empty()).count();
    let (people, jobs): (f64, f64) = (held.people.iter().sum(), held.jobs.iter().sum());
    told.push(format!("{} zones of a grid and {gates} where roads leave the map", zones.list.len() - gates));
    told.push(match points {
        Some(file) => format!("{people:.0} people and {jobs:.0} jobs from {}", file.display()),
        None => format!("guessed: {people:.0} people and {jobs:.0} jobs from the length of streets"),
    });
    if held.outside > 0 {
        told.push(format!("left out: {} points that lie in no zone with a road", held.outside));
    }
    told.push(format!(
        "guessed: {TRIPS_PER_PERSON} trips by car of each inhabitant in the hour, {:.0} % of them to jobs; {GATE_LANE:.0} vehicles on each \
         lane that crosses the border; between zones a gravity model with exp(-{BETA} per minute)",
        TO_JOBS * 100.0
    ));
    if hour.scale < 1.0 {
        told.push(format!(
            "guessed: all of it times {:.2}, so that no signal gets more than {:.0} % of what its green lets by ({LANE_GREEN:.0} vehicles an \
             hour of green and lane), no lane that yields more than {LANE_YIELDING:.0} vehicles an hour, no other more than {LANE_FREE:.0}",
            hour.scale,
            USE_OF_GREEN * 100.0
        ));
    }
    told.push(format!(
        "{:.0} trips in the hour, {:.1} min each on empty roads; at most {:.0} on one road",
        hour.matrix.total(),
        hour.mean_minutes,
        hour.heaviest
    ));
}

/// What the planner reads first.
pub(super) fn readme(name: &str, example: Option<&Example>, told: &[String]) -> String {
    let mut text = format!("# {}\n\nA project for citytwin. It runs as it is:\n\n", name.replace('\n', " "));
    text.push_str("```sh\ncitytwin check scenario.yaml      # looks at everything without running it\n");
    text.push_str("citytwin run scenario.yaml        # one run; prints the folder with report.html\n");
    if example.is_some() {
        text.push_str(
            "citytwin compare scenario.yaml    # several runs of each variant; says how sure the difference is\n",
        );
    }
    text.push_str("```\n\n## What is here\n\n| file | what it is |\n|---|---|\n");
    text.push_str("| `map/map.json` | the roads; `map/guesses.json` lists what was guessed of them, with examples |\n");
    text.push_str("| `zones.geojson` | zones: cells of a grid, and one for each road that leaves the map |\n");
    text.push_str("| `matrix.csv` | trips from zone to zone in an hour of the morning |\n");
    text.push_str("| `scenario.yaml` | when, who travels, and what is tried |\n\n");
    text.push_str("## What was made and guessed\n\n");
    for line in told {
        let _ = writeln!(text, "* {line}");
    }
    text.push_str("\nNobody counted any of this traffic. Before you believe a number:\n\n");
    text.push_str("1. Compare `map/guesses.json` with what you know of lanes, limits and signals.\n");
    text.push_str(
        "2. Put your own trips into `matrix.csv` and your own zones into `zones.geojson`; names have to agree.\n",
    );
    text.push_str(
        "   Or make them from a table of people and jobs: `citytwin gravity map --points people.csv --out trips`.\n",
    );
    match example {
        Some(Example { street, limit }) => {
            let _ = writeln!(
                text,
                "3. Replace the example, {limit} km/h on {street}, by what you want to know. `citytwin schema` lists the keys."
            );
        }
        None => text
            .push_str("3. Add `interventions` and `variants` to `scenario.yaml`. `citytwin schema` lists the keys.\n"),
    }
    text
}
