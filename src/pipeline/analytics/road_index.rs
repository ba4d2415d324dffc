//! Which road a vehicle is on, from a fix that is metres off and a heading that is degrees off.
//!
//! Every lane's segments lie in a grid of square cells, each cell holding what comes within reach of it, so that one look-up sees
//! all candidates. Among roads within [`REACH`] whose direction agrees within [`TURN_MAX`], the one with the least sum of squared
//! errors wins, each in units of its standard deviation: the distance in those of Newson and Krumm (2009, "Hidden Markov map
//! matching through noise and sparseness", section 4.1, σ = 4.07 m), the angle in those of [`HEADING_SIGMA`]. The road of the
//! vehicle's last fix has an advantage of [`STAYING`], because most fixes are on the road of the one before. A fix without a heading keeps its
//! vehicle's last road while it is within reach, and has none otherwise.
//!
//! One fix at a time: it does not know routes, nor which roads are connected.

use std::collections::BTreeMap;

use super::chart::Chart;
use crate::city::network::Network;
use crate::primitives::{ClassSet, Point, VehicleClass};
use crate::telemetry::field::Text;

/// How far from a lane a fix may be [m].
const REACH: f64 = 30.0;
/// How much a heading may differ from the road's direction [°].
const TURN_MAX: f64 = 60.0;
/// Standard deviation of a fix's distance from its road (Newson, Krumm 2009) [m].
const DISTANCE_SIGMA: f64 = 4.07;
/// Standard deviation of a heading against the road's direction, bends and lane changes included [°].
const HEADING_SIGMA: f64 = 15.0;
/// What staying on a road is worth: a change needs evidence of two standard deviations.
const STAYING: f64 = 4.0;
/// Side of a cell [m]; larger where a map has no room for so many.
const CELL: f64 = 50.0;
/// Most cells of the grid.
const CELLS_MAX: f64 = 4_000_000.0;

/// Who makes a lane a road: classes that carry trackers.
const DRIVERS: [VehicleClass; 4] =
    [VehicleClass::Passenger, VehicleClass::Bus, VehicleClass::Delivery, VehicleClass::Emergency];

/// A road of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RoadRef(u32);

#[derive(Debug, Clone, PartialEq)]
struct Road {
    name: Text,
    /// Highest limit of its lanes [km/h].
    free_speed: f64,
    lanes: u32,
    /// Length of its longest lane [m].
    length: f64,
    /// Its segments, contiguous.
    segments: std::ops::Range<u32>,
}

/// A straight part of a lane.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Segment {
    road: u32,
    /// Where it begins [m].
    from: (f64, f64),
    /// Its direction, of length 1.
    along: (f64, f64),
    /// Its length [m].
    length: f64,
    /// Length of its lane before it [m].
    before: f64,
}

impl Segment {
    /// How far along it the point nearest to a point is [m].
    fn along(&self, point: Point) -> f64 {
        let (x, y) = (point.x - self.from.0, point.y - self.from.1);
        (x * self.along.0 + y * self.along.1).clamp(0.0, self.length)
    }

    /// Squared distance to a point [m²].
    fn squared(&self, point: Point) -> f64 {
        let (x, y) = (point.x - self.from.0, point.y - self.from.1);
        let t = self.along(point);
        let (x, y) = (x - t * self.along.0, y - t * self.along.1);
        x * x + y * y
    }
}

/// The roads of a network, to be found by place and direction.
#[derive(Debug, Clone, PartialEq)]
pub struct RoadIndex {
    chart: Option<Chart>,
    roads: Vec<Road>,
    by_name: BTreeMap<Text, u32>,
    segments: Vec<Segment>,
    /// South-west corner of the grid [m].
    low: Point,
    /// Side of a cell [m].
    cell: f64,
    columns: usize,
    rows: usize,
    /// Where each cell's segments begin in `held`; one more than there are cells.
    begins: Vec<u32>,
    held: Vec<u32>,
}

impl RoadIndex {
    /// The index of a network's roads. On a map without a place on earth no fix is matched, but roads have their speeds.
    pub fn new(network: &Network) -> Self {
        let (low, high) = network.bounds();
        let (low, high) = (Point::new(low.x - REACH, low.y - REACH), Point::new(high.x + REACH, high.y + REACH));
        let area = (high.x - low.x) * (high.y - low.y);
        let cell = CELL.max((area / CELLS_MAX).sqrt());
        let count = |span: f64| cell_of(span, cell) + 1;
        let mut index = Self {
            chart: Chart::fit(&network.projection, low, high),
            roads: Vec::new(),
            by_name: BTreeMap::new(),
            segments: Vec::new(),
            low,
            cell,
            columns: count(high.x - low.x),
            rows: count(high.y - low.y),
            begins: Vec::new(),
            held: Vec::new(),
        };
        index.gather(network);
        index.fill();
        index
    }

    /// The road with this name.
    pub fn find(&self, name: &str) -> Option<RoadRef> {
        self.by_name.get(name).copied().map(RoadRef)
    }

    /// A road's name.
    ///
    /// # Panics
    /// When the road is not one of this index.
    pub fn name(&self, road: RoadRef) -> &Text {
        &self.roads[road.0 as usize].name
    }

    /// The highest limit of a road's lanes [km/h].
    ///
    /// # Panics
    /// When the road is not one of this index.
    pub fn free_speed(&self, road: RoadRef) -> f64 {
        self.roads[road.0 as usize].free_speed
    }

    /// How many lanes a road has.
    ///
    /// # Panics
    /// When the road is not one of this index.
    pub fn lanes(&self, road: RoadRef) -> u32 {
        self.roads[road.0 as usize].lanes
    }

    /// Length of a road's longest lane [m].
    ///
    /// # Panics
    /// When the road is not one of this index.
    pub fn length(&self, road: RoadRef) -> f64 {
        self.roads[road.0 as usize].length
    }

    /// How far from a road's beginning the point of it is that is nearest to a longitude and latitude [°], [m].
    ///
    /// None if the map has no place on earth, or the road is not one of this index.
    pub fn along(&self, road: RoadRef, longitude: f64, latitude: f64) -> Option<f64> {
        let point = self.chart.as_ref()?.point(longitude, latitude);
        let range = &self.roads.get(road.0 as usize)?.segments;
        let segments = &self.segments[range.start as usize..range.end as usize];
        let nearest = segments.iter().min_by(|a, b| a.squared(point).total_cmp(&b.squared(point)))?;
        Some(nearest.before + nearest.along(point))
    }

    /// The road of a fix: longitude, latitude [°], heading clockwise from north [°] unless standing, and the road of the
    /// vehicle's last fix. None if no road is near enough or none agrees with the heading.
    pub fn road_at(
        &self,
        longitude: f64,
        latitude: f64,
        heading: Option<f64>,
        last: Option<RoadRef>,
    ) -> Option<RoadRef> {
        self.road_near(self.chart.as_ref()?.point(longitude, latitude), heading, last)
    }

    /// The same for a point of the map.
    fn road_near(&self, point: Point, heading: Option<f64>, last: Option<RoadRef>) -> Option<RoadRef> {
        let reach = REACH * REACH;
        let Some(heading) = heading else {
            let road = last.filter(|road| (road.0 as usize) < self.roads.len())?;
            let range = &self.roads[road.0 as usize].segments;
            let near = |segment: &Segment| segment.squared(point) <= reach;
            return self.segments[range.start as usize..range.end as usize].iter().any(near).then_some(road);
        };
        let toward = (libm::sin(heading.to_radians()), libm::cos(heading.to_radians()));
        let agree = libm::cos(TURN_MAX.to_radians());
        // 1 - cos is half the squared angle, for the angles that matter.
        let per_angle = 2.0 / (HEADING_SIGMA.to_radians() * HEADING_SIGMA.to_radians());
        let mut best: Option<(f64, u32)> = None;
        for &at in self.cell_at(point) {
            let segment = &self.segments[at as usize];
            let squared = segment.squared(point);
            let cosine = segment.along.0 * toward.0 + segment.along.1 * toward.1;
            if squared > reach || cosine < agree {
                continue;
            }
            let mut error = squared / (DISTANCE_SIGMA * DISTANCE_SIGMA) + per_angle * (1.0 - cosine);
            if last == Some(RoadRef(segment.road)) {
                error -= STAYING;
            }
            if best.is_none_or(|best| error < best.0) {
                best = Some((error, segment.road));
            }
        }
        best.map(|(_, road)| RoadRef(road))
    }

    fn cell_at(&self, point: Point) -> &[u32] {
        let (x, y) = (point.x - self.low.x, point.y - self.low.y);
        if !(x >= 0.0 && y >= 0.0) {
            return &[];
        }
        let (column, row) = (cell_of(x, self.cell), cell_of(y, self.cell));
        if column >= self.columns || row >= self.rows {
            return &[];
        }
        let cell = row * self.columns + column;
        &self.held[self.begins[cell] as usize..self.begins[cell + 1] as usize]
    }

    fn gather(&mut self, network: &Network) {
        let drivers = ClassSet::of(&DRIVERS);
        for (_, edge) in network.roads() {
            let number = u32::try_from(self.roads.len()).unwrap_or(u32::MAX);
            let begin = u32::try_from(self.segments.len()).unwrap_or(u32::MAX);
            let lanes = edge
                .lane_ids()
                .map(|id| network.lane(id))
                .filter(|lane| !lane.allowed.intersection(drivers).is_empty());
            let (mut count, mut free_speed, mut longest) = (0, 0.0_f64, 0.0_f64);
            for lane in lanes {
                count += 1;
                free_speed = free_speed.max(lane.speed.as_kilometres_per_hour());
                let mut before = 0.0;
                for pair in lane.shape.points().windows(2) {
                    let along = pair[1] - pair[0];
                    let length = along.norm();
                    if length > 0.0 {
                        let along = (along.x / length, along.y / length);
                        let from = (pair[0].x, pair[0].y);
                        self.segments.push(Segment { road: number, from, along, length, before });
                        before += length;
                    }
                }
                longest = longest.max(before);
            }
            if count > 0 {
                let name = Text::from(edge.name.as_str());
                let end = u32::try_from(self.segments.len()).unwrap_or(u32::MAX);
                self.by_name.insert(Text::clone(&name), number);
                self.roads.push(Road { name, free_speed, lanes: count, length: longest, segments: begin..end });
            }
        }
    }

    /// Puts every segment into each cell that holds a point within reach of it.
    fn fill(&mut self) {
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        for (at, segment) in (0_u32..).zip(&self.segments) {
            let to =
                (segment.from.0 + segment.along.0 * segment.length, segment.from.1 + segment.along.1 * segment.length);
            let span = |a: f64, b: f64, low: f64, count: usize| {
                let (first, last) = (a.min(b) - REACH - low, a.max(b) + REACH - low);
                cell_of(first.max(0.0), self.cell)..=cell_of(last.max(0.0), self.cell).min(count - 1)
            };
            for row in span(segment.from.1, to.1, self.low.y, self.rows) {
                for column in span(segment.from.0, to.0, self.low.x, self.columns) {
                    let cell = row * self.columns + column;
                    if self.is_within(segment, row, column) {
                        pairs.push((u32::try_from(cell).unwrap_or(u32::MAX), at));
                    }
                }
            }
        }
        pairs.sort_unstable();
        self.begins = vec![0; self.columns * self.rows + 1];
        for &(cell, _) in &pairs {
            self.begins[cell as usize + 1] += 1;
        }
        for cell in 1..self.begins.len() {
            self.begins[cell] += self.begins[cell - 1];
        }
        self.held = pairs.into_iter().map(|(_, segment)| segment).collect();
    }

    /// Whether some point of a cell may be within reach of a segment; by the circle around the cell.
    fn is_within(&self, segment: &Segment, row: usize, column: usize) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "a few thousand cells a side")]
        let middle =
            Point::new(self.low.x + (column as f64 + 0.5) * self.cell, self.low.y + (row as f64 + 0.5) * self.cell);
        let far = REACH + self.cell * std::f64::consts::FRAC_1_SQRT_2;
        segment.squared(middle) <= far * far
    }
}

/// The number of the cell that holds a distance from the grid's edge; the distance is not negative.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; too far saturates")]
fn cell_of(distance: f64, cell: f64) -> usize {
    (distance / cell) as usize
}

#[cfg(test)]
#[path = "road_index/tests.rs"]
mod tests;
