//! Where paths over a junction meet: crossings, merges and partings of internal lanes, measured along both.
//!
//! The right-of-way matrix says which paths touch; this file finds where. Measures follow SUMO's `MSLink` (Erdmann and
//! Krajzewicz 2014, "SUMO's road intersection model", LNCS 8594), so that a vehicle stops and clears at the same places.
//! Knows nothing of vehicles.

use std::collections::BTreeMap;

use crate::primitives::ids::{LaneId, LinkId};
use crate::primitives::{Distance, Point, Polyline};

use super::super::model::{Conflict, Lane};
use super::NetworkParts;

/// Centre lines at least this far apart carry vehicles side by side [m]; SUMO's `DIVERGENCE_MIN_WIDTH`.
const ABREAST_MIN: f64 = 2.5;
/// Sine of the crossing angle below which a crossing is not stretched any further (SUMO).
const SINE_MIN: f64 = 0.2;

/// Fills the conflicts of every internal lane.
pub(super) fn derive(parts: &mut NetworkParts, paths: &[Vec<LaneId>]) {
    let mut found: Vec<BTreeMap<LaneId, Conflict>> = vec![BTreeMap::new(); parts.lanes.len()];
    for (junction, rows) in parts.junctions.iter().zip(&parts.requests) {
        for (i, (row, &entry)) in rows.iter().zip(&junction.links).enumerate() {
            for (j, &foe) in junction.links.iter().enumerate() {
                if i == j || !row.foes.get(j).copied().unwrap_or(false) {
                    continue;
                }
                let yields = row.response.get(j).copied().unwrap_or(false);
                let foe_yields = rows.get(j).and_then(|foe| foe.response.get(i)).copied().unwrap_or(false);
                for &lane in &paths[entry.index()] {
                    for &foe_lane in &paths[foe.index()] {
                        if let Some(met) = meeting(parts, lane, foe_lane) {
                            found[lane.index()].insert(foe_lane, met.conflict(foe_lane, foe, yields, foe_yields));
                        }
                    }
                }
            }
        }
    }
    add_partings(parts, &mut found);
    for (lane, conflicts) in parts.lanes.iter_mut().zip(found) {
        lane.conflicts = conflicts.into_values().collect();
        lane.conflicts
            .sort_by(|a, b| a.at.as_metres().total_cmp(&b.at.as_metres()).then_with(|| a.foe_lane.cmp(&b.foe_lane)));
    }
}

/// Paths from one lane share its end until they part, whatever the matrix says of them.
fn add_partings(parts: &NetworkParts, found: &mut [BTreeMap<LaneId, Conflict>]) {
    for from in &parts.lanes {
        let starts = || from.link_ids().filter_map(|id| Some((id, parts.links[id.index()].via?)));
        for (_, lane) in starts() {
            for (foe_entry, foe_lane) in starts() {
                if lane != foe_lane
                    && let Some(met) = parting(parts, lane, foe_lane)
                {
                    found[lane.index()].insert(foe_lane, met.conflict(foe_lane, foe_entry, false, false));
                }
            }
        }
    }
}

/// What kind of place two lanes share.
#[derive(Debug, Clone, Copy, PartialEq)]
enum MeetingKind {
    Crossing,
    Merge,
    Parting,
}

/// A place two internal lanes share, measured along both [m].
#[derive(Debug, Clone, Copy)]
struct Meeting {
    at: f64,
    foe_at: f64,
    size: f64,
    foe_size: f64,
    kind: MeetingKind,
}

impl Meeting {
    fn conflict(self, foe_lane: LaneId, foe_entry: LinkId, yields: bool, foe_yields: bool) -> Conflict {
        Conflict {
            foe_lane,
            foe_entry,
            at: Distance::metres(self.at),
            foe_at: Distance::metres(self.foe_at),
            size: Distance::metres(self.size),
            foe_size: Distance::metres(self.foe_size),
            merges: self.kind == MeetingKind::Merge,
            diverges: self.kind == MeetingKind::Parting,
            yields,
            foe_yields,
        }
    }
}

fn meeting(parts: &NetworkParts, lane: LaneId, foe: LaneId) -> Option<Meeting> {
    let (a, b) = (&parts.lanes[lane.index()], &parts.lanes[foe.index()]);
    let end = |lane: &Lane| lane.link_ids().next().map(|id| (parts.links[id.index()].to, parts.links[id.index()].via));
    let ((to_a, via_a), (to_b, via_b)) = (end(a)?, end(b)?);
    if to_a == to_b && via_a.is_none() && via_b.is_none() {
        return Some(merge(a, b));
    }
    crossing(a, b).or_else(|| near_miss(a, b))
}

/// Both end on the same lane: they meet where their centre lines come nearer than two vehicles abreast need.
fn merge(a: &Lane, b: &Lane) -> Meeting {
    let common = common_stretch(&reversed(&a.shape), &reversed(&b.shape), abreast(a, b));
    let (length_a, length_b) = (a.length.as_metres(), b.length.as_metres());
    let common = common.min(length_a).min(length_b);
    Meeting { at: length_a - common, foe_at: length_b - common, size: 0.0, foe_size: 0.0, kind: MeetingKind::Merge }
}

/// Both begin on the same lane: they share the road until they are far enough apart.
fn parting(parts: &NetworkParts, lane: LaneId, foe: LaneId) -> Option<Meeting> {
    let (a, b) = (&parts.lanes[lane.index()], &parts.lanes[foe.index()]);
    let apart = abreast(a, b);
    if (a.shape.points()[0] - b.shape.points()[0]).norm() >= apart {
        return None;
    }
    let common = common_stretch(&a.shape, &b.shape, apart).min(a.length.as_metres()).min(b.length.as_metres());
    Some(Meeting { at: common, foe_at: common, size: 0.0, foe_size: 0.0, kind: MeetingKind::Parting })
}

fn abreast(a: &Lane, b: &Lane) -> f64 {
    ABREAST_MIN.min(0.5 * (a.width + b.width).as_metres())
}

fn reversed(line: &Polyline) -> Polyline {
    Polyline::new(line.points().iter().rev().copied().collect())
}

/// How far from their common start two lines stay nearer than `apart`: the longer of both sides' answers [m].
fn common_stretch(a: &Polyline, b: &Polyline, apart: f64) -> f64 {
    if (a.points()[0] - b.points()[0]).norm() >= apart {
        return 0.0;
    }
    stretch_beside(a, b, apart).max(stretch_beside(b, a, apart))
}

/// The offset along `line` behind which it stays farther than `apart` from `other`; found from the far end, as the lines may
/// run close, part and close again.
fn stretch_beside(line: &Polyline, other: &Polyline, apart: f64) -> f64 {
    let points = line.points();
    let gap = |point: Point| other.nearest(point).1;
    let mut left = line.length();
    let Some(&last) = points.last() else { return 0.0 };
    let mut gap_after = gap(last);
    if gap_after <= apart {
        return left;
    }
    for pair in points.windows(2).rev() {
        let length = (pair[1] - pair[0]).norm();
        let gap_before = gap(pair[0]);
        if gap_before <= apart {
            let share = (apart - gap_before) / (gap_after - gap_before);
            return left - length + share * length;
        }
        left -= length;
        gap_after = gap_before;
    }
    0.0
}

/// The lines cross: the last crossing along each counts.
fn crossing(a: &Lane, b: &Lane) -> Option<Meeting> {
    let (along_a, along_b) = last_crossing(&a.shape, &b.shape)?;
    Some(crossed(a, b, along_a, along_b))
}

/// The lines pass nearer than vehicles fit abreast without crossing.
fn near_miss(a: &Lane, b: &Lane) -> Option<Meeting> {
    let nearest_vertex = |line: &Polyline, other: &Polyline| {
        let mut along = 0.0;
        let mut best = (f64::INFINITY, 0.0, 0.0);
        let mut previous = line.points()[0];
        for &point in line.points() {
            along += (point - previous).norm();
            previous = point;
            let (offset, distance) = other.nearest(point);
            if distance < best.0 {
                best = (distance, along, offset);
            }
        }
        best
    };
    let from_a = nearest_vertex(&a.shape, &b.shape);
    let from_b = nearest_vertex(&b.shape, &a.shape);
    let (distance, along_a, along_b) = if from_a.0 <= from_b.0 { from_a } else { (from_b.0, from_b.2, from_b.1) };
    (distance < 0.25 * (a.width + b.width).as_metres()).then(|| crossed(a, b, along_a, along_b))
}

/// A crossing at shape offsets: converted to driving distance, with the stretch each covers of the other.
fn crossed(a: &Lane, b: &Lane, along_a: f64, along_b: f64) -> Meeting {
    let sine = a.shape.direction_at(along_a).perp(&b.shape.direction_at(along_b)).abs();
    // SUMO stretches the foe's width by 2 / sin - 1: the strip itself and the slant of both edges.
    let stretch = 2.0 / sine.max(SINE_MIN) - 1.0;
    Meeting {
        at: driving_offset(a, along_a),
        foe_at: driving_offset(b, along_b),
        size: (b.width.as_metres() * stretch).min(a.length.as_metres()),
        foe_size: (a.width.as_metres() * stretch).min(b.length.as_metres()),
        kind: MeetingKind::Crossing,
    }
}

/// Driving distance [m] for an offset along the drawn shape, whose length may differ.
fn driving_offset(lane: &Lane, along: f64) -> f64 {
    let drawn = lane.shape.length();
    let length = lane.length.as_metres();
    if drawn > 0.0 { (along * length / drawn).clamp(0.0, length) } else { 0.0 }
}

/// The last crossing along each line [m along a, m along b].
fn last_crossing(a: &Polyline, b: &Polyline) -> Option<(f64, f64)> {
    a.crossing(b)?;
    let (length_a, length_b) = (a.length(), b.length());
    // From the far ends the last crossing is the first one.
    let on_a = reversed(a).crossing(b).map(|(along, _)| length_a - along)?;
    let on_b = reversed(b).crossing(a).map(|(along, _)| length_b - along)?;
    Some((on_a, on_b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::ids::EdgeId;
    use crate::primitives::{ClassSet, Speed};

    fn lane(points: &[(f64, f64)], length: f64) -> Lane {
        Lane {
            edge: EdgeId::new(0),
            index: 0,
            length: Distance::metres(length),
            speed: Speed::metres_per_second(10.0),
            width: Distance::metres(3.2),
            allowed: ClassSet::ALL,
            change_left: ClassSet::ALL,
            change_right: ClassSet::ALL,
            shape: Polyline::new(points.iter().map(|p| Point::new(p.0, p.1)).collect()),
            links: 0..0,
            incoming: Vec::new(),
            conflicts: Vec::new(),
        }
    }

    #[test]
    fn a_right_angled_crossing_covers_the_width_of_the_other_lane() {
        let east = lane(&[(0.0, 0.0), (20.0, 0.0)], 20.0);
        let north = lane(&[(8.0, -10.0), (8.0, 10.0)], 40.0);
        let met = crossing(&east, &north).expect("they cross");
        assert!((met.at - 8.0).abs() < 1e-9);
        assert!((met.foe_at - 20.0).abs() < 1e-9, "drawn 20 m long, driven 40 m");
        assert!((met.size - 3.2).abs() < 1e-9 && (met.foe_size - 3.2).abs() < 1e-9);
    }

    #[test]
    fn a_flat_crossing_is_long_but_never_longer_than_the_lane() {
        let east = lane(&[(0.0, 0.0), (10.0, 0.0)], 10.0);
        let flat = lane(&[(0.0, -0.5), (40.0, 1.5)], 40.0);
        let met = crossing(&east, &flat).expect("they cross");
        assert!((met.size - 10.0).abs() < 1e-9, "limited by the lane");
        assert!((met.foe_size - 3.2 * 9.0).abs() < 1e-9, "sine limited to 0.2");
    }

    #[test]
    fn merging_lanes_meet_where_vehicles_no_longer_fit_abreast() {
        let straight = lane(&[(0.0, 0.0), (20.0, 0.0)], 20.0);
        let slanted = lane(&[(0.0, 10.0), (20.0, 0.0)], 500.0_f64.sqrt());
        let met = merge(&straight, &slanted);
        // 2.5 m apart, seen square from the straight lane's side, is 5 m before the end of it along the straight lane
        // where measured from the slanted one, and a little more the other way.
        let common = 20.0 - met.at;
        assert!((5.0..6.0).contains(&common), "{common}");
        assert!((500.0_f64.sqrt() - met.foe_at - common).abs() < 1e-9, "both count the same distance back");
    }

    #[test]
    fn lanes_that_pass_each_other_do_not_conflict() {
        let east = lane(&[(0.0, 0.0), (20.0, 0.0)], 20.0);
        let beside = lane(&[(0.0, 3.2), (20.0, 3.2)], 20.0);
        assert!(crossing(&east, &beside).is_none() && near_miss(&east, &beside).is_none());
        let grazing = lane(&[(0.0, 9.0), (10.0, 1.0), (20.0, 9.0)], 30.0);
        assert!(near_miss(&east, &grazing).is_some());
    }
}
