//! What the map's script needs, as JSON: names of roads and their figures in each interval.
//!
//! Columns are strings of numbers joined by commas, empty where nobody drove: a third of the size of arrays of objects. The
//! number of figures is limited so that the page stays small; beyond it neighbouring intervals are joined.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use crate::city::network::Network;
use crate::primitives::ids::EdgeId;
use crate::simulation::outcome::Outcome;

use super::super::markup::json_text;
use super::super::roads::{figures, road_name, speed_limit, stretch_label};
use super::MEASURES;
use super::drawing::Sheet;

/// Most figures of roads in intervals; about 12 bytes each.
const CELLS_MAX: usize = 120_000;

/// Most positions of the time slider.
const STRETCHES_MAX: usize = 288;

/// The stretches of the time slider for so many roads: the intervals of the road table, joined where they are too many.
pub(super) fn stretches(outcome: &Outcome, roads: usize) -> Vec<Range<usize>> {
    let intervals = outcome.roads.intervals.len();
    let most = (CELLS_MAX / roads.max(1)).clamp(1, STRETCHES_MAX);
    let joined = intervals.div_ceil(most).max(1);
    (0..intervals).step_by(joined).map(|first| first..(first + joined).min(intervals)).collect()
}

/// Everything the script needs.
pub(super) fn json(network: &Network, outcome: &Outcome, sheet: &Sheet, drawn: &[EdgeId]) -> String {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for id in drawn {
        names.insert(road_name(network.edge(*id)), 0);
    }
    for (place, number) in names.values_mut().enumerate() {
        *number = place;
    }
    let (width, height) = sheet.roads_size();
    let mut json = format!(
        "{{\"unit\":{},\"lane\":{:.2},\"size\":[{width},{height}],\"names\":[",
        sheet.unit(),
        sheet.lane_width()
    );
    list(&mut json, names.keys().map(|name| json_text(name)));
    json.push_str("],\"roads\":[");
    list(
        &mut json,
        drawn.iter().map(|id| {
            let edge = network.edge(*id);
            let limit = speed_limit(network, edge);
            let name = names.get(road_name(edge)).copied().unwrap_or(0);
            format!("[{name},{},{:.0},{:.0}]", json_text(&edge.name), finite(edge.length.as_metres()), finite(limit))
        }),
    );
    json.push_str("],\"measures\":[");
    list(
        &mut json,
        MEASURES.iter().map(|measure| {
            let labels: Vec<String> = (0..=6).map(|class| json_text(&measure.class_label(class))).collect();
            format!(
                "{{\"key\":\"{}\",\"label\":{},\"unit\":\"{}\",\"limits\":{:?},\"low\":{},\"about\":{},\"labels\":[{}]}}",
                measure.key,
                json_text(measure.label),
                measure.unit,
                measure.limits,
                measure.low_is_bad,
                json_text(measure.about),
                labels.join(",")
            )
        }),
    );
    json.push_str("],\"frames\":[");
    let whole = ("whole run".to_owned(), 0..outcome.roads.intervals.len());
    let parts = stretches(outcome, drawn.len()).into_iter().map(|part| (stretch_label(outcome, &part), part));
    list(
        &mut json,
        [whole].into_iter().chain(parts).map(|(label, part)| frame(network, outcome, drawn, &label, &part)),
    );
    json.push_str("]}");
    json
}

/// One stretch: its label, and for each road the flow [veh/h], the speed [0.1 km/h] and the delay [0.1 s/veh].
fn frame(network: &Network, outcome: &Outcome, drawn: &[EdgeId], label: &str, part: &Range<usize>) -> String {
    let (mut flow, mut speed, mut delay) = (String::new(), String::new(), String::new());
    for (place, id) in drawn.iter().enumerate() {
        if place > 0 {
            for column in [&mut flow, &mut speed, &mut delay] {
                column.push(',');
            }
        }
        let road = figures(network, outcome, *id, part.clone());
        if road.is_used() {
            let _ = write!(flow, "{:.0}", finite(road.flow()));
            let _ = write!(speed, "{:.0}", finite(road.speed() * 10.0));
            let _ = write!(delay, "{:.0}", finite(road.delay() * 10.0));
        }
    }
    format!("[{},\"{flow}\",\"{speed}\",\"{delay}\"]", json_text(label))
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value.clamp(0.0, 1e7) } else { 0.0 }
}

fn list(json: &mut String, items: impl Iterator<Item = String>) {
    for (place, item) in items.enumerate() {
        if place > 0 {
            json.push(',');
        }
        json.push_str(&item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::outcome::RoadTable;

    /// A day of minutes on five thousand roads must not make a page nobody can open.
    #[test]
    fn too_many_intervals_are_joined_without_a_gap() {
        let outcome = Outcome {
            roads: RoadTable { intervals: vec![Vec::new(); 1441], ..RoadTable::default() },
            ..Outcome::default()
        };
        for roads in [0, 10, 5000, 1_000_000] {
            let parts = stretches(&outcome, roads);
            assert!(parts.len() * roads <= CELLS_MAX.max(roads));
            assert_eq!((parts[0].start, parts[parts.len() - 1].end), (0, 1441));
            assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
        }
        assert!(stretches(&Outcome::default(), 5).is_empty());
    }
}
