//! From metres east and north to the sheet's whole units: paths, label places and the scale bar.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::city::network::Network;
use crate::primitives::ids::{EdgeId, JunctionId};
use crate::primitives::{Point, Polyline};

use super::super::statistics::round_step;

/// Units along the longer side of the sheet: fine enough for zooming in twentyfold, coarse enough for short paths.
const UNITS: f64 = 20_000.0;

/// Width of the map on a desktop page [px]: what line widths and text are made for before a script knows better.
const PAGE_WIDTH: f64 = 1100.0;

/// The paper the map is drawn on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sheet {
    /// Western and northern edge [m].
    west: f64,
    north: f64,
    /// Metres in a unit.
    unit: f64,
    /// Size [m].
    size: (f64, f64),
    /// Extent of the roads with their margin [m]; the sheet is this, padded to a pleasant shape.
    roads: (f64, f64),
    /// Width a lane is drawn at least [px]: thinner where there are many roads, or they would fill the sheet.
    lane: f64,
}

impl Sheet {
    /// A sheet around all roads, with a margin; never narrower than one and a half times its height.
    pub(crate) fn around(network: &Network) -> Self {
        let mut low = (f64::INFINITY, f64::INFINITY);
        let mut high = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        let points = network.lanes.iter().flat_map(|lane| lane.shape.points()).filter(|p| is_finite(**p));
        for point in points {
            low = (low.0.min(point.x), low.1.min(point.y));
            high = (high.0.max(point.x), high.1.max(point.y));
        }
        if low.0 > high.0 {
            (low, high) = ((0.0, 0.0), (0.0, 0.0));
        }
        let extent = (high.0 - low.0).max(high.1 - low.1).max(100.0);
        let margin = extent * 0.03;
        let roads = ((high.0 - low.0).max(100.0) + 2.0 * margin, (high.1 - low.1).max(60.0) + 2.0 * margin);
        let size = (roads.0.max(roads.1 * 1.5), roads.1.max(roads.0 / 2.4));
        #[expect(clippy::cast_precision_loss, reason = "a city has far fewer than 2^53 roads")]
        let lane = 1.5 * (1200.0 / network.roads().count().max(1) as f64).sqrt();
        let middle = (f64::midpoint(low.0, high.0), f64::midpoint(low.1, high.1));
        Self {
            west: middle.0 - size.0 / 2.0,
            north: middle.1 + size.1 / 2.0,
            unit: size.0.max(size.1) / UNITS,
            size,
            roads,
            lane: lane.clamp(0.8, 1.5),
        }
    }

    /// Width [units].
    pub(crate) fn width(&self) -> i64 {
        whole(self.size.0 / self.unit)
    }

    /// Height [units].
    pub(crate) fn height(&self) -> i64 {
        whole(self.size.1 / self.unit)
    }

    /// Width and height of the part with roads, in the middle of the sheet [units].
    pub(crate) fn roads_size(&self) -> (i64, i64) {
        (whole(self.roads.0 / self.unit), whole(self.roads.1 / self.unit))
    }

    /// Metres in a unit.
    pub(crate) fn unit(&self) -> f64 {
        self.unit
    }

    /// Units in a pixel of a desktop page.
    pub(crate) fn pixel(&self) -> f64 {
        self.size.0 / self.unit / PAGE_WIDTH
    }

    /// How wide a lane is drawn [units]: to scale, or as wide as it must be to be seen.
    pub(crate) fn lane_width(&self) -> f64 {
        (3.2 / self.unit).max(self.lane * self.pixel())
    }

    /// Where a point lies on the sheet; none for a point that is nowhere.
    pub(crate) fn place(&self, point: Point) -> Option<(i64, i64)> {
        is_finite(point).then(|| (whole((point.x - self.west) / self.unit), whole((self.north - point.y) / self.unit)))
    }

    /// A path through points: an absolute start and relative steps.
    pub(crate) fn path(&self, points: &[Point]) -> String {
        let mut path = String::new();
        let mut last: Option<(i64, i64)> = None;
        for (x, y) in simplified(points, self.unit * 2.0).into_iter().filter_map(|point| self.place(point)) {
            let _ = match last {
                None => write!(path, "M{x} {y}"),
                Some((a, b)) if (a, b) == (x, y) => Ok(()),
                Some((a, b)) => write!(path, "l{} {}", x - a, y - b),
            };
            last = Some((x, y));
        }
        path.replace(" -", "-")
    }

    /// Where the name of an area stands: in the middle of its part on the sheet; none where that is nowhere.
    pub(crate) fn label_place(&self, outline: &[Point]) -> Option<(i64, i64)> {
        let inside: Vec<(i64, i64)> = outline
            .iter()
            .filter_map(|point| self.place(*point))
            .filter(|(x, y)| (0..=self.width()).contains(x) && (0..=self.height()).contains(y))
            .collect();
        let count = i64::try_from(inside.len()).ok().filter(|count| *count > 0)?;
        let sum = inside.iter().fold((0, 0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        Some((sum.0 / count, sum.1 / count))
    }
}

fn is_finite(point: Point) -> bool {
    point.x.is_finite() && point.y.is_finite()
}

#[expect(clippy::cast_possible_truncation, reason = "float casts saturate")]
fn whole(value: f64) -> i64 {
    value.round().clamp(-1e9, 1e9) as i64
}

/// The pairs of junctions joined by a road in this direction.
pub(crate) fn twins(network: &Network) -> BTreeSet<(JunctionId, JunctionId)> {
    network.roads().map(|(_, edge)| (edge.from, edge.to)).collect()
}

/// The line of a road: the middle of its lanes, moved to the side of travel so that the drawn widths of both directions
/// lie side by side.
pub(crate) fn road_line(
    network: &Network,
    id: EdgeId,
    sheet: &Sheet,
    twins: &BTreeSet<(JunctionId, JunctionId)>,
) -> String {
    let edge = network.edge(id);
    let count = edge.lane_count();
    let Some(middle) = edge.lane_ids().nth(count / 2) else {
        return String::new();
    };
    let lane = network.lane(middle);
    let side = if network.left_hand { -1.0 } else { 1.0 };
    let mut aside = if count.is_multiple_of(2) { lane.width.as_metres() / 2.0 } else { 0.0 };
    if twins.contains(&(edge.to, edge.from)) {
        let real: f64 = edge.lane_ids().map(|lane| network.lane(lane).width.as_metres()).sum();
        #[expect(clippy::cast_precision_loss, reason = "a road has a handful of lanes")]
        let drawn = (count.min(6) as f64 + 0.6) * sheet.lane_width() * sheet.unit();
        aside += (drawn - real).max(0.0) / 2.0;
    }
    let line = Polyline::new(simplified(lane.shape.points(), sheet.unit() * 2.0));
    sheet.path(line.offset_right(side * aside).points())
}

/// The chain without the points that are closer than `tolerance` to it (Douglas and Peucker 1973, "Algorithms for the
/// reduction of the number of points required to represent a digitized line", Cartographica 10, 112-122).
fn simplified(points: &[Point], tolerance: f64) -> Vec<Point> {
    if points.len() < 3 {
        return points.to_vec();
    }
    let mut keep = vec![false; points.len()];
    keep[0] = true;
    keep[points.len() - 1] = true;
    let mut open = vec![(0, points.len() - 1)];
    while let Some((first, last)) = open.pop() {
        let chord = Polyline::new(vec![points[first], points[last]]);
        let farthest = (first + 1..last)
            .map(|i| (chord.nearest(points[i]).1, i))
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        if let Some((distance, i)) = farthest
            && distance > tolerance
        {
            keep[i] = true;
            open.extend([(first, i), (i, last)]);
        }
    }
    points.iter().zip(keep).filter(|(_, keep)| *keep).map(|(point, _)| *point).collect()
}

/// A bar of a round length near the south-western corner, with its label; the script redraws it on zooming.
pub(crate) fn scale_bar(sheet: &Sheet) -> String {
    let metres = round_step(sheet.size.0 / 10.0);
    let (length, pixel) = (metres / sheet.unit, sheet.pixel());
    let (x, y) = (14.0 * pixel, sheet.size.1 / sheet.unit - 14.0 * pixel);
    let label = if metres >= 1000.0 { format!("{} km", metres / 1000.0) } else { format!("{metres} m") };
    format!(
        "<g id=\"scale\" class=\"scale-bar\"><path d=\"M{} {}v{}h{}v{}\"/><text x=\"{}\" y=\"{}\">{label}</text></g>",
        whole(x),
        whole(y - 5.0 * pixel),
        whole(5.0 * pixel),
        whole(length),
        whole(-5.0 * pixel),
        whole(x + length / 2.0),
        whole(y - 7.0 * pixel),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn straight_roads_lose_their_useless_points() {
        let points = [(0.0, 0.0), (5.0, 0.1), (10.0, 0.0), (10.0, 8.0)].map(|(x, y)| Point::new(x, y));
        assert_eq!(simplified(&points, 0.5), [points[0], points[2], points[3]]);
    }
}
