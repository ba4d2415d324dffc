//! Plane geometry for drawing roads and turns: cutting, extending and offsetting lines, corners and turning curves.
//!
//! Pure functions of points; knows neither lanes nor traffic. No trigonometry of the standard library: the results end up
//! in simulated lengths, which must be the same on every machine.

use nalgebra::Vector2;

use crate::primitives::{Point, Polyline};

/// Points nearer together than this are one point [m].
const SAME_POINT: f64 = 0.01;

/// The line without points that lie on top of their predecessor; keeps both ends where there is any length at all.
pub(super) fn without_repeats(line: &Polyline) -> Polyline {
    let points = line.points();
    let mut kept: Vec<Point> = Vec::with_capacity(points.len());
    for &point in points {
        if kept.last().is_none_or(|last| (point - last).norm() > SAME_POINT) {
            kept.push(point);
        }
    }
    if let (Some(&end), true) = (points.last(), kept.len() > 1) {
        let last = kept.len() - 1;
        kept[last] = end;
    }
    Polyline::new(kept)
}

/// The part of a line from `start` to `end` metres along it; `start` must lie before `end`.
pub(super) fn part(line: &Polyline, start: f64, end: f64) -> Polyline {
    let mut points = vec![line.point_at(start)];
    let mut along = 0.0;
    for pair in line.points().windows(2) {
        along += (pair[1] - pair[0]).norm();
        if along > start + SAME_POINT && along < end - SAME_POINT {
            points.push(pair[1]);
        }
    }
    points.push(line.point_at(end));
    Polyline::new(points)
}

/// The line in the other direction.
pub(super) fn reversed(line: &Polyline) -> Polyline {
    Polyline::new(line.points().iter().rev().copied().collect())
}

/// The line with `metres` more of its first direction before its start.
pub(super) fn extended_back(line: &Polyline, metres: f64) -> Polyline {
    let mut points = vec![line.points()[0] - line.direction_at(0.0) * metres];
    points.extend_from_slice(line.points());
    Polyline::new(points)
}

/// The line moved to the right; segments that vanish on the inside of bends are left out and their neighbours joined, so
/// that there are no loops. Both ends stay where the stop lines are.
pub(super) fn offset(line: &Polyline, right: f64) -> Polyline {
    // Each segment, moved on its own: where it begins, and its direction.
    let mut segments: Vec<(Point, Vector2<f64>)> = Vec::with_capacity(line.points().len());
    for pair in line.points().windows(2) {
        let along = pair[1] - pair[0];
        if along.norm() > 0.0 {
            let direction = along.normalize();
            segments.push((pair[0] + right_of(direction) * right, direction));
        }
    }
    let (Some(&(start, _)), Some(&(_, direction_end))) = (segments.first(), segments.last()) else {
        return line.clone();
    };
    let end = line.points()[line.points().len() - 1] + right_of(direction_end) * right;
    let reach = 3.0 * right.abs() + 1.0;
    loop {
        let mut points = vec![start];
        points.extend(segments.windows(2).map(|pair| {
            let ((a, along_a), (b, along_b)) = (pair[0], pair[1]);
            let corner = rays_meet(a, along_a, b, along_b).map(|(along, _)| a + along_a * along);
            // Nearly parallel, or a hairpin whose mitre would be a spike.
            corner.filter(|corner| (corner - b).norm() < reach).unwrap_or(b)
        }));
        points.push(end);
        let advance = |k: usize| (points[k + 1] - points[k]).dot(&segments[k].1);
        let worst = (0..segments.len()).min_by(|&a, &b| advance(a).total_cmp(&advance(b)));
        match worst.filter(|&k| advance(k) < 0.0 && segments.len() > 1) {
            Some(k) => segments.remove(k),
            None => return Polyline::new(points),
        };
    }
}

/// The unit vector to the right of a direction.
pub(super) fn right_of(direction: Vector2<f64>) -> Vector2<f64> {
    Vector2::new(direction.y, -direction.x)
}

/// Angle from one direction to another, positive to the left, within -π and π [rad].
pub(super) fn turning(from: Vector2<f64>, to: Vector2<f64>) -> f64 {
    libm::atan2(from.perp(&to), from.dot(&to))
}

/// How far along each ray two rays meet [m]; negative is behind the start. None when they are nearly parallel.
pub(super) fn rays_meet(a: Point, along_a: Vector2<f64>, b: Point, along_b: Vector2<f64>) -> Option<(f64, f64)> {
    let denominator = along_a.perp(&along_b);
    if denominator.abs() < 0.02 {
        return None;
    }
    let gap = b - a;
    Some((gap.perp(&along_b) / denominator, gap.perp(&along_a) / denominator))
}

/// A smooth path from a place and direction to another: straight where it can be, else a cubic Bézier curve with, if one
/// side is far from the corner, a straight piece before or after.
///
/// The handles of an arc of angle φ and radius R are 4/3·tan(φ/4)·R long (Goldapp 1991, Computer Aided Geometric Design 8,
/// 227), which is the fraction 4/3·tan(φ/4)/tan(φ/2) of the tangents that meet in the corner; the same fraction of unequal
/// tangents gives the smooth curve a driver takes.
pub(super) fn turning_path(start: Point, heading: Vector2<f64>, end: Point, heading_end: Vector2<f64>) -> Polyline {
    let chord = end - start;
    let distance = chord.norm();
    let angle = turning(heading, heading_end);
    let aside = if distance > 0.0 { heading.perp(&chord).abs() } else { 0.0 };
    if distance < 0.5 || (angle.abs() < 0.03 && aside < 0.1) {
        return Polyline::new(vec![start, end]);
    }
    let meeting = rays_meet(start, heading, end, -heading_end).filter(|&(a, b)| {
        // A corner ahead of both, and not so far away that the curve would leave the junction.
        a > 0.05 && b > 0.05 && angle.abs() > 0.05 && a.max(b) < 3.0 * distance
    });
    let Some((before, after)) = meeting else {
        // Sideways shift or a turn back: handles by the turn, an S where there is none.
        let reach = distance * if angle.abs() > 2.3 { 2.0 / 3.0 } else { 0.4 };
        return bezier(&[start, start + heading * reach, end - heading_end * reach, end], 12);
    };
    let tangent_max = 2.0 * before.min(after);
    let (lead, trail) = ((before - tangent_max).max(0.0), (after - tangent_max).max(0.0));
    let (curve_start, curve_end) = (start + heading * lead, end - heading_end * trail);
    let half = angle.abs() / 2.0;
    let fraction = 4.0 / 3.0 * libm::tan(half / 2.0) / libm::tan(half);
    let handles = ((before - lead) * fraction, (after - trail) * fraction);
    let steps = if angle.abs() < 0.5 { 6 } else { 10 };
    let curve = bezier(
        &[curve_start, curve_start + heading * handles.0, curve_end - heading_end * handles.1, curve_end],
        steps,
    );
    let mut points = vec![start];
    points.extend(curve.points().iter().skip(usize::from(lead <= SAME_POINT)));
    if trail > SAME_POINT {
        points.push(end);
    }
    Polyline::new(points)
}

/// Points of a cubic Bézier curve, both ends included.
fn bezier(control: &[Point; 4], steps: u32) -> Polyline {
    let points = (0..=steps).map(|step| {
        let t = f64::from(step) / f64::from(steps);
        let s = 1.0 - t;
        let [start, first, second, end] = control.map(|point| point.coords);
        Point::from(start * (s * s * s) + first * (3.0 * s * s * t) + second * (3.0 * s * t * t) + end * (t * t * t))
    });
    Polyline::new(points.collect())
}

/// The rounded corner between two borders that meet in `corner`: the points strictly between `start` and `end`.
pub(super) fn rounded_corner(start: Point, corner: Point, end: Point) -> Vec<Point> {
    (1..6)
        .map(|step| {
            let t = f64::from(step) / 6.0;
            let s = 1.0 - t;
            Point::from(start.coords * (s * s) + corner.coords * (2.0 * s * t) + end.coords * (t * t))
        })
        .collect()
}

/// Whether the rectangles around two lines are farther apart than `gap`: a quick look before the exact one.
pub(super) fn far_apart(a: &Polyline, b: &Polyline, gap: f64) -> bool {
    let span = |line: &Polyline, of: fn(&Point) -> f64| {
        line.points()
            .iter()
            .map(of)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
    };
    let axes: [fn(&Point) -> f64; 2] = [|point| point.x, |point| point.y];
    axes.into_iter().any(|axis| {
        let ((low_a, high_a), (low_b, high_b)) = (span(a, axis), span(b, axis));
        low_a > high_b + gap || low_b > high_a + gap
    })
}

/// The least distance between two lines, measured from the points of each [m].
pub(super) fn distance_between(a: &Polyline, b: &Polyline) -> f64 {
    let from = |a: &Polyline, b: &Polyline| a.points().iter().map(|&p| b.nearest(p).1).fold(f64::INFINITY, f64::min);
    from(a, b).min(from(b, a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_turn_is_nearly_a_circle() {
        let path =
            turning_path(Point::new(0.0, 0.0), Vector2::new(0.0, 1.0), Point::new(10.0, 10.0), Vector2::new(1.0, 0.0));
        let centre = Point::new(10.0, 0.0);
        for point in path.points() {
            assert!(((point - centre).norm() - 10.0).abs() < 0.01, "{point}");
        }
    }

    #[test]
    fn an_offset_bend_has_no_loop() {
        let points = [(0.0, 0.0), (10.0, 0.0), (11.0, -1.0), (11.0, -2.0), (11.0, -20.0)];
        let bend = Polyline::new(points.iter().map(|p| Point::new(p.0, p.1)).collect());
        let inner = offset(&bend, 6.0);
        for pair in inner.points().windows(2) {
            assert!((pair[1].x >= pair[0].x - 1e-9) && (pair[1].y <= pair[0].y + 1e-9), "{:?}", inner.points());
        }
    }

    #[test]
    fn a_part_keeps_what_lies_between() {
        let line =
            Polyline::new([(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)].iter().map(|p| Point::new(p.0, p.1)).collect());
        assert_eq!(part(&line, 4.0, 13.0).points().len(), 3);
        assert!((part(&line, 4.0, 13.0).length() - 9.0).abs() < 1e-9);
    }
}
