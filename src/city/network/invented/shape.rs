//! Plane geometry the map maker needs: smooth curves, crossings of chains, distances to them.
//!
//! Angles and curves go through `libm`, because every coordinate of a shipped map must come out bit for bit on any machine.

use nalgebra::Vector2;

use crate::primitives::Point;

/// A displacement or direction on the map plane [m].
pub(super) type Vector = Vector2<f64>;

/// The unit vector at `angle` [rad] counter-clockwise from east.
pub(super) fn heading(angle: f64) -> Vector {
    Vector::new(libm::cos(angle), libm::sin(angle))
}

/// The angle [rad] of a direction, counter-clockwise from east, in `(-π, π]`.
pub(super) fn angle_of(direction: Vector) -> f64 {
    libm::atan2(direction.y, direction.x)
}

/// The unsigned angle [rad] between two directions, in `[0, π]`.
pub(super) fn angle_between(a: Vector, b: Vector) -> f64 {
    libm::atan2(a.perp(&b), a.dot(&b)).abs()
}

/// The direction turned a quarter to the left.
pub(super) fn left_of(direction: Vector) -> Vector {
    Vector::new(-direction.y, direction.x)
}

/// The same direction with length 1; east where it has none.
pub(super) fn unit(v: Vector) -> Vector {
    let norm = v.norm();
    if norm > 1e-9 { v / norm } else { Vector::new(1.0, 0.0) }
}

/// Length of a chain [m].
pub(super) fn length(line: &[Point]) -> f64 {
    line.windows(2).map(|pair| apart(pair[0], pair[1])).sum()
}

/// Distance between two points [m].
pub(super) fn apart(a: Point, b: Point) -> f64 {
    let (x, y) = (b.x - a.x, b.y - a.y);
    (x * x + y * y).sqrt()
}

/// The point `offset` metres along a chain, clamped to its ends; the origin for an empty chain.
pub(super) fn point_at(line: &[Point], offset: f64) -> Point {
    let mut left = offset.max(0.0);
    for pair in line.windows(2) {
        let step = (pair[1] - pair[0]).norm();
        if left <= step && step > 0.0 {
            return pair[0] + (pair[1] - pair[0]) * (left / step);
        }
        left -= step;
    }
    line.last().copied().unwrap_or(Point::origin())
}

/// The part of a chain between two offsets [m].
pub(super) fn slice(line: &[Point], begin: f64, end: f64) -> Vec<Point> {
    let mut part = vec![point_at(line, begin)];
    let mut along = 0.0;
    for pair in line.windows(2) {
        along += (pair[1] - pair[0]).norm();
        if along > begin + 0.5 && along < end - 0.5 {
            part.push(pair[1]);
        }
    }
    part.push(point_at(line, end));
    part
}

/// The chain walked the other way.
pub(super) fn reversed(line: &[Point]) -> Vec<Point> {
    line.iter().rev().copied().collect()
}

/// Distance [m] from a point to a chain; infinite for an empty one.
pub(super) fn distance_to(line: &[Point], point: Point) -> f64 {
    line.windows(2).map(|pair| distance_to_segment(pair[0], pair[1], point)).fold(f64::INFINITY, f64::min)
}

fn distance_to_segment(a: Point, b: Point, point: Point) -> f64 {
    // Plain numbers: this is the map maker's innermost loop.
    let (along, offset) = (difference((a, b)), difference((a, point)));
    let squared = along.0 * along.0 + along.1 * along.1;
    let share = if squared > 0.0 { ((offset.0 * along.0 + offset.1 * along.1) / squared).clamp(0.0, 1.0) } else { 0.0 };
    apart(Point::new(a.x + along.0 * share, a.y + along.1 * share), point)
}

/// Where two segments, each given by its ends, cross, as fractions of each.
pub(super) fn segment_crossing(first: (Point, Point), second: (Point, Point)) -> Option<(f64, f64)> {
    let (r, s) = (difference(first), difference(second));
    let offset = difference((first.0, second.0));
    let denominator = cross(r, s);
    if denominator.abs() < 1e-12 {
        return None;
    }
    let (t, u) = (cross(offset, s) / denominator, cross(offset, r) / denominator);
    ((0.0..=1.0).contains(&t) && (0.0..=1.0).contains(&u)).then_some((t, u))
}

fn difference((from, to): (Point, Point)) -> (f64, f64) {
    (to.x - from.x, to.y - from.y)
}

fn cross(a: (f64, f64), b: (f64, f64)) -> f64 {
    a.0 * b.1 - a.1 * b.0
}

/// Every crossing of two chains: offset along the first, along the second [m], and the place.
pub(super) fn crossings(first: &[Point], second: &[Point]) -> Vec<(f64, f64, Point)> {
    let mut found = Vec::new();
    if !boxes_touch(bounding_box(first), bounding_box(second)) {
        return found;
    }
    let mut along = 0.0;
    for a in first.windows(2) {
        let step = (a[1] - a[0]).norm();
        let mut along_other = 0.0;
        for b in second.windows(2) {
            let step_other = (b[1] - b[0]).norm();
            if let Some((s, t)) = segment_crossing((a[0], a[1]), (b[0], b[1])) {
                found.push((along + s * step, along_other + t * step_other, a[0] + (a[1] - a[0]) * s));
            }
            along_other += step_other;
        }
        along += step;
    }
    found
}

/// South-west and north-east corner of a chain [m].
pub(super) fn bounding_box(line: &[Point]) -> (Point, Point) {
    line.iter().fold(
        (Point::new(f64::INFINITY, f64::INFINITY), Point::new(f64::NEG_INFINITY, f64::NEG_INFINITY)),
        |(low, high), p| (Point::new(low.x.min(p.x), low.y.min(p.y)), Point::new(high.x.max(p.x), high.y.max(p.y))),
    )
}

/// Whether two boxes, given by their corners, have a point in common.
pub(super) fn boxes_touch((a, b): (Point, Point), other: (Point, Point)) -> bool {
    a.x <= other.1.x && other.0.x <= b.x && a.y <= other.1.y && other.0.y <= b.y
}

/// A smooth curve through the corners given: Chaikin's corner cutting (1974), `rounds` times; the ends stay.
pub(super) fn smooth(corners: &[Point], rounds: u32) -> Vec<Point> {
    let mut line = corners.to_vec();
    for _ in 0..rounds {
        let (Some(&first), Some(&last)) = (line.first(), line.last()) else { return line };
        let mut next = vec![first];
        for pair in line.windows(2) {
            next.push(pair[0] + (pair[1] - pair[0]) * 0.25);
            next.push(pair[0] + (pair[1] - pair[0]) * 0.75);
        }
        next.push(last);
        line = next;
    }
    line
}

/// The chain with fewer points, none further than `tolerance` [m] from where it was (Douglas, Peucker 1973).
pub(super) fn simplified(line: &[Point], tolerance: f64) -> Vec<Point> {
    if line.len() < 3 {
        return line.to_vec();
    }
    let (first, last) = (line[0], line[line.len() - 1]);
    let (at, furthest) = line[1..line.len() - 1]
        .iter()
        .enumerate()
        .map(|(i, &p)| (i + 1, distance_to_segment(first, last, p)))
        .fold((0, 0.0), |best, next| if next.1 > best.1 { next } else { best });
    if furthest <= tolerance {
        return vec![first, last];
    }
    let mut left = simplified(&line[..=at], tolerance);
    left.pop();
    left.extend(simplified(&line[at..], tolerance));
    left
}

/// Whether a point lies inside a closed outline (even-odd rule).
pub(super) fn inside(outline: &[Point], point: Point) -> bool {
    let mut inside = false;
    for (i, a) in outline.iter().enumerate() {
        let b = outline[(i + 1) % outline.len()];
        if (a.y > point.y) != (b.y > point.y) && point.x < a.x + (point.y - a.y) / (b.y - a.y) * (b.x - a.x) {
            inside = !inside;
        }
    }
    inside
}
