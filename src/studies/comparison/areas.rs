//! Where a trip begins, in words: the quarter of the map its first road lies in, or else the part of the city by compass.
//!
//! Who gains and who loses is told by these areas. Knows no trip.

use crate::city::network::Network;
use crate::city::network::places::Places;
use crate::primitives::Point;
use crate::primitives::ids::EdgeId;

/// Names of the nine parts, from the south-west row by row.
const PARTS: [&str; 9] =
    ["south-west", "south", "south-east", "west", "centre", "east", "north-west", "north", "north-east"];

/// The areas of a city.
#[derive(Debug)]
pub(super) struct Areas<'a> {
    network: &'a Network,
    quarters: Vec<(&'a str, &'a [Point])>,
    bounds: (Point, Point),
}

impl<'a> Areas<'a> {
    /// The areas of a map.
    pub(super) fn new(network: &'a Network, places: Option<&'a Places>) -> Self {
        let quarters = places
            .into_iter()
            .flat_map(|places| &places.quarters)
            .filter(|quarter| quarter.outline.len() > 2)
            .map(|quarter| (quarter.name.as_str(), quarter.outline.as_slice()))
            .collect();
        Self { network, quarters, bounds: network.bounds() }
    }

    /// The area a road begins in.
    pub(super) fn of(&self, edge: EdgeId) -> String {
        let Some(lane) = self.network.edge(edge).lane_ids().next() else { return "nowhere".to_owned() };
        let shape = &self.network.lane(lane).shape;
        let at = shape.point_at(shape.length() / 2.0);
        if let Some((name, _)) = self.quarters.iter().find(|(_, outline)| contains(outline, at)) {
            return (*name).to_owned();
        }
        let part =
            PARTS[third(at.y, self.bounds.0.y, self.bounds.1.y) * 3 + third(at.x, self.bounds.0.x, self.bounds.1.x)];
        if self.quarters.is_empty() { part.to_owned() } else { format!("outskirts, {part}") }
    }
}

/// Which third of a stretch a number lies in.
fn third(value: f64, low: f64, high: f64) -> usize {
    let share = (value - low) / (high - low).max(1e-9);
    usize::from(share >= 1.0 / 3.0) + usize::from(share >= 2.0 / 3.0)
}

/// Whether a point lies in a polygon, by how often a ray from it crosses the outline (Shimrat 1962, CACM 5, 434).
fn contains(outline: &[Point], at: Point) -> bool {
    let mut inside = false;
    let mut before = outline.len() - 1;
    for (place, point) in outline.iter().enumerate() {
        let last = outline[before];
        if (point.y > at.y) != (last.y > at.y) {
            let x = point.x + (at.y - point.y) / (last.y - point.y) * (last.x - point.x);
            inside ^= at.x < x;
        }
        before = place;
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_in_the_notch_or_not() {
        let outline = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (2.0, 1.0), (0.0, 4.0)].map(|(x, y)| Point::new(x, y));
        for (x, y, inside) in
            [(1.0, 1.0, true), (2.0, 0.5, true), (2.0, 2.0, false), (5.0, 1.0, false), (3.5, 2.5, true)]
        {
            assert_eq!(contains(&outline, Point::new(x, y)), inside, "{x} {y}");
        }
    }

    #[test]
    fn parts_are_read_like_a_map() {
        assert_eq!([-1.0, 0.0, 3.9, 5.0, 8.0, 99.0].map(|y| third(y, 0.0, 12.0)), [0, 0, 0, 1, 2, 2]);
        assert_eq!((PARTS[2 * 3], PARTS[2], PARTS[4]), ("north-west", "south-east", "centre"));
    }
}
