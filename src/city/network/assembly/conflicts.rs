//! Where paths over a junction meet: crossings, merges and partings of internal lanes, measured along both.
//!
//! The right-of-way matrix says which paths touch; this file finds where. Measures follow SUMO's `MSLink` (Erdmann and
//! Krajzewicz 2014, "SUMO's road intersection model", LNCS 8594), so that a vehicle stops and clears at the same places.
//! Knows nothing of vehicles.

use crate::primitives::ids::{LaneId, LinkId};
use crate::primitives::{Point, Polyline};

use super::super::model::{Conflict, Lane};
use super::{NetworkParts, Paths};

/// Centre lines at least this far apart carry vehicles side by side [m]; SUMO's `DIVERGENCE_MIN_WIDTH`.
const ABREAST_MIN: f64 = 2.5;
/// Sine of the crossing angle below which a crossing is not stretched any further (SUMO).
const SINE_MIN: f64 = 0.2;

/// Finds the conflicts of every internal lane: the column of them, of which each lane is given its stretch.
pub(super) fn derive(parts: &mut NetworkParts, paths: &Paths) -> Vec<Conflict> {
    let mut finder = Finder { parts, lines: vec![None; parts.lanes.len()], found: Vec::new() };
    for (junction, rows) in parts.junctions.iter().zip(&parts.requests) {
        for (i, (row, &entry)) in rows.iter().zip(&junction.links).enumerate() {
            for (j, &foe) in junction.links.iter().enumerate() {
                if i == j || !row.foes.get(j).copied().unwrap_or(false) {
                    continue;
                }
                let yields = row.response.get(j).copied().unwrap_or(false);
                let foe_yields = rows.get(j).and_then(|foe| foe.response.get(i)).copied().unwrap_or(false);
                for &lane in paths.of(entry) {
                    for &foe_lane in paths.of(foe) {
                        if let Some(met) = finder.meeting(lane, foe_lane) {
                            finder.note(lane, met, (foe_lane, foe), (yields, foe_yields));
                        }
                    }
                }
            }
        }
    }
    finder.partings();
    let found = finder.found;
    in_order(parts, &found)
}

/// A conflict, with the lane it belongs to.
struct Found {
    lane: LaneId,
    at: f64,
    conflict: Conflict,
}

/// The conflicts lane by lane, nearest first; what was found again for the same pair of lanes takes the place of the first.
fn in_order(parts: &mut NetworkParts, found: &[Found]) -> Vec<Conflict> {
    let mut first = vec![0_usize; parts.lanes.len() + 1];
    for one in found {
        first[one.lane.index() + 1] += 1;
    }
    for lane in 1..first.len() {
        first[lane] += first[lane - 1];
    }
    let mut order = vec![0_usize; found.len()];
    let mut next = first.clone();
    for (position, one) in found.iter().enumerate() {
        order[next[one.lane.index()]] = position;
        next[one.lane.index()] += 1;
    }
    let mut conflicts = Vec::with_capacity(found.len());
    let mut own = Vec::new();
    for (lane, bounds) in parts.lanes.iter_mut().zip(first.windows(2)) {
        own.clear();
        own.extend_from_slice(&order[bounds[0]..bounds[1]]);
        // The latest of every pair comes first among its like and stays.
        own.sort_unstable_by_key(|&position| (found[position].conflict.foe_lane, std::cmp::Reverse(position)));
        own.dedup_by_key(|position| found[*position].conflict.foe_lane);
        own.sort_by(|&a, &b| found[a].at.total_cmp(&found[b].at));
        let begin = conflicts.len();
        conflicts.extend(own.iter().map(|&position| found[position].conflict));
        lane.conflicts = count(begin)..count(conflicts.len());
    }
    conflicts
}

/// A column's position as 32 bits.
fn count(position: usize) -> u32 {
    u32::try_from(position).expect("a network has fewer than 2^32 conflicts")
}

/// Looks for the places paths share.
struct Finder<'p> {
    parts: &'p NetworkParts,
    /// What is measured of an internal lane again and again.
    lines: Vec<Option<Line>>,
    found: Vec<Found>,
}

/// A lane's centre line from its end, and its length as drawn [m].
#[derive(Debug, Clone)]
struct Line {
    reversed: Polyline,
    drawn: f64,
}

impl Line {
    fn of(lane: &Lane) -> Self {
        Self { reversed: reversed(&lane.shape), drawn: lane.shape.length() }
    }
}

/// A lane with its line measured.
#[derive(Debug, Clone, Copy)]
struct Measured<'p> {
    lane: &'p Lane,
    line: &'p Line,
}

impl Finder<'_> {
    fn measure(&mut self, lane: LaneId) {
        let parts = self.parts;
        self.lines[lane.index()].get_or_insert_with(|| Line::of(&parts.lanes[lane.index()]));
    }

    fn meeting(&mut self, lane: LaneId, foe: LaneId) -> Option<Meeting> {
        self.measure(lane);
        self.measure(foe);
        let (a, b) = (&self.parts.lanes[lane.index()], &self.parts.lanes[foe.index()]);
        let a = Measured { lane: a, line: self.lines[lane.index()].as_ref()? };
        let b = Measured { lane: b, line: self.lines[foe.index()].as_ref()? };
        meeting(self.parts, a, b)
    }

    fn note(&mut self, lane: LaneId, met: Meeting, (foe, entry): (LaneId, LinkId), yields: (bool, bool)) {
        self.found.push(Found { lane, at: met.at, conflict: met.conflict(foe, entry, yields.0, yields.1) });
    }

    /// Paths from one lane share its end until they part, whatever the matrix says of them.
    fn partings(&mut self) {
        let parts = self.parts;
        for from in &parts.lanes {
            let starts = || from.link_ids().filter_map(|id| Some((id, parts.links[id.index()].via?)));
            for (_, lane) in starts() {
                for (foe_entry, foe_lane) in starts() {
                    if lane != foe_lane
                        && let Some(met) = parting(parts, lane, foe_lane)
                    {
                        self.note(lane, met, (foe_lane, foe_entry), (false, false));
                    }
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
            foe_lane: foe_lane.raw(),
            foe_entry: foe_entry.raw(),
            start: self.at - 0.5 * self.size,
            foe_start: self.foe_at - 0.5 * self.foe_size,
            size: self.size,
            foe_size: self.foe_size,
            merges: self.kind == MeetingKind::Merge,
            diverges: self.kind == MeetingKind::Parting,
            yields,
            foe_yields,
        }
    }
}

fn meeting(parts: &NetworkParts, a: Measured<'_>, b: Measured<'_>) -> Option<Meeting> {
    let end = |lane: &Lane| lane.link_ids().next().map(|id| (parts.links[id.index()].to, parts.links[id.index()].via));
    let ((to_a, via_a), (to_b, via_b)) = (end(a.lane)?, end(b.lane)?);
    if to_a == to_b && via_a.is_none() && via_b.is_none() {
        return Some(merge(a, b));
    }
    crossing(a, b).or_else(|| near_miss(a, b))
}

/// Both end on the same lane: they meet where their centre lines come nearer than two vehicles abreast need.
fn merge(a: Measured<'_>, b: Measured<'_>) -> Meeting {
    let common = common_stretch(&a.line.reversed, &b.line.reversed, abreast(a.lane, b.lane));
    let (length_a, length_b) = (a.lane.length.as_metres(), b.lane.length.as_metres());
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
fn crossing(a: Measured<'_>, b: Measured<'_>) -> Option<Meeting> {
    let (along_a, along_b) = last_crossing(a, b)?;
    Some(crossed(a, b, along_a, along_b))
}

/// The lines pass nearer than vehicles fit abreast without crossing.
fn near_miss(a: Measured<'_>, b: Measured<'_>) -> Option<Meeting> {
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
    let from_a = nearest_vertex(&a.lane.shape, &b.lane.shape);
    let from_b = nearest_vertex(&b.lane.shape, &a.lane.shape);
    let (distance, along_a, along_b) = if from_a.0 <= from_b.0 { from_a } else { (from_b.0, from_b.2, from_b.1) };
    (distance < 0.25 * (a.lane.width + b.lane.width).as_metres()).then(|| crossed(a, b, along_a, along_b))
}

/// A crossing at shape offsets: converted to driving distance, with the stretch each covers of the other.
fn crossed(a: Measured<'_>, b: Measured<'_>, along_a: f64, along_b: f64) -> Meeting {
    let sine = a.lane.shape.direction_at(along_a).perp(&b.lane.shape.direction_at(along_b)).abs();
    // SUMO stretches the foe's width by 2 / sin - 1: the strip itself and the slant of both edges.
    let stretch = 2.0 / sine.max(SINE_MIN) - 1.0;
    Meeting {
        at: driving_offset(a, along_a),
        foe_at: driving_offset(b, along_b),
        size: (b.lane.width.as_metres() * stretch).min(a.lane.length.as_metres()),
        foe_size: (a.lane.width.as_metres() * stretch).min(b.lane.length.as_metres()),
        kind: MeetingKind::Crossing,
    }
}

/// Driving distance [m] for an offset along the drawn shape, whose length may differ.
fn driving_offset(measured: Measured<'_>, along: f64) -> f64 {
    let drawn = measured.line.drawn;
    let length = measured.lane.length.as_metres();
    if drawn > 0.0 { (along * length / drawn).clamp(0.0, length) } else { 0.0 }
}

/// The last crossing along each line [m along a, m along b].
fn last_crossing(a: Measured<'_>, b: Measured<'_>) -> Option<(f64, f64)> {
    let (shape_a, shape_b) = (&a.lane.shape, &b.lane.shape);
    shape_a.crossing(shape_b)?;
    // From the far ends the last crossing is the first one.
    let on_a = a.line.reversed.crossing(shape_b).map(|(along, _)| a.line.drawn - along)?;
    let on_b = b.line.reversed.crossing(shape_a).map(|(along, _)| b.line.drawn - along)?;
    Some((on_a, on_b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::ids::EdgeId;
    use crate::primitives::{ClassSet, Distance, Speed};

    fn with<T>(a: &Lane, b: &Lane, measure: impl Fn(Measured<'_>, Measured<'_>) -> T) -> T {
        let (line_a, line_b) = (Line::of(a), Line::of(b));
        measure(Measured { lane: a, line: &line_a }, Measured { lane: b, line: &line_b })
    }

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
            incoming: 0..0,
            conflicts: 0..0,
        }
    }

    #[test]
    fn a_right_angled_crossing_covers_the_width_of_the_other_lane() {
        let east = lane(&[(0.0, 0.0), (20.0, 0.0)], 20.0);
        let north = lane(&[(8.0, -10.0), (8.0, 10.0)], 40.0);
        let met = with(&east, &north, crossing).expect("they cross");
        assert!((met.at - 8.0).abs() < 1e-9);
        assert!((met.foe_at - 20.0).abs() < 1e-9, "drawn 20 m long, driven 40 m");
        assert!((met.size - 3.2).abs() < 1e-9 && (met.foe_size - 3.2).abs() < 1e-9);
    }

    #[test]
    fn a_flat_crossing_is_long_but_never_longer_than_the_lane() {
        let east = lane(&[(0.0, 0.0), (10.0, 0.0)], 10.0);
        let flat = lane(&[(0.0, -0.5), (40.0, 1.5)], 40.0);
        let met = with(&east, &flat, crossing).expect("they cross");
        assert!((met.size - 10.0).abs() < 1e-9, "limited by the lane");
        assert!((met.foe_size - 3.2 * 9.0).abs() < 1e-9, "sine limited to 0.2");
    }

    #[test]
    fn merging_lanes_meet_where_vehicles_no_longer_fit_abreast() {
        let straight = lane(&[(0.0, 0.0), (20.0, 0.0)], 20.0);
        let slanted = lane(&[(0.0, 10.0), (20.0, 0.0)], 500.0_f64.sqrt());
        let met = with(&straight, &slanted, merge);
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
        assert!(with(&east, &beside, crossing).is_none() && with(&east, &beside, near_miss).is_none());
        let grazing = lane(&[(0.0, 9.0), (10.0, 1.0), (20.0, 9.0)], 30.0);
        assert!(with(&east, &grazing, near_miss).is_some());
    }
}
