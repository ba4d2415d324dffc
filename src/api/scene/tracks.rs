//! Lanes as lines on the map of the world, so that placing a vehicle is a look-up and a multiplication.
//!
//! Every point of every lane is projected once. A vehicle's place is its share of the lane's driving length, laid along the drawn line
//! as the control room does; its heading is that of the stretch it is on.

use super::ground::{Ground, TileId, off_square, on_square, unit};
use crate::city::network::Network;
use crate::primitives::Point;

/// A point of a line: where it is in units of the square, how far along [m], and the heading from here to the next.
#[derive(Debug, Clone, Copy)]
struct Mark {
    x: f64,
    y: f64,
    along: f32,
    heading: u8,
}

/// A lane: its points, metres of the line for a metre of driving, and the tile it lies in if it lies in one.
#[derive(Debug, Clone, Copy)]
struct Line {
    first: u32,
    last: u32,
    scale: f32,
    home: Option<TileId>,
}

/// Where somebody is on the map of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// Units of the square from the west; a tile has 65,536.
    pub x: u32,
    /// Units of the square from the north.
    pub y: u32,
    /// Heading, 256 for a full turn, clockwise from north.
    pub heading: u8,
}

impl Spot {
    /// The tile it lies in.
    pub const fn tile(self) -> TileId {
        TileId::of(self.x, self.y)
    }

    /// Longitude and latitude [°].
    pub fn lon_lat(self) -> (f64, f64) {
        off_square((f64::from(self.x), f64::from(self.y)))
    }

    /// Heading [°], clockwise from north.
    pub fn degrees(self) -> f64 {
        f64::from(self.heading) * (360.0 / 256.0)
    }
}

/// The lanes of a network on the map of the world.
#[derive(Debug)]
pub struct Tracks {
    ground: Ground,
    lines: Vec<Line>,
    marks: Vec<Mark>,
}

impl Tracks {
    /// The lanes of a network, on the ground where it lies.
    pub fn of(network: &Network) -> Self {
        let ground = Ground::of(network);
        let mut tracks = Self { ground, lines: Vec::with_capacity(network.lanes.len()), marks: Vec::new() };
        for lane in &network.lanes {
            tracks.lay(lane.shape.points(), lane.length.as_metres());
        }
        tracks
    }

    #[expect(clippy::cast_possible_truncation, reason = "lengths of lanes need no more than seven digits")]
    fn lay(&mut self, shape: &[Point], driving: f64) {
        let first = self.marks.len();
        let mut along = 0.0;
        for (at, &point) in shape.iter().enumerate() {
            if at > 0 {
                along += (point - shape[at - 1]).norm();
            }
            let (x, y) = on_square(self.ground.lon_lat(point));
            self.marks.push(Mark { x, y, along: along as f32, heading: 0 });
        }
        let marks = &mut self.marks[first..];
        // A stretch without length goes on as the one before it did.
        let mut heading = 0;
        for at in 0..marks.len() {
            if let Some(next) = marks.get(at + 1).copied()
                && (next.x, next.y) != (marks[at].x, marks[at].y)
            {
                heading = turned(next.x - marks[at].x, next.y - marks[at].y);
            }
            marks[at].heading = heading;
        }
        let tile = |mark: &Mark| TileId::of(unit(mark.x), unit(mark.y));
        let home = marks.first().map(tile).filter(|home| marks.iter().all(|mark| tile(mark) == *home));
        let scale = if driving > 0.0 { (along / driving) as f32 } else { 0.0 };
        let number = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        let last = number(self.marks.len().saturating_sub(1));
        self.lines.push(Line { first: number(first), last, scale, home });
    }

    /// How the network's points become longitude and latitude.
    pub const fn ground(&self) -> &Ground {
        &self.ground
    }

    /// How many lanes there are.
    pub fn lanes(&self) -> usize {
        self.lines.len()
    }

    /// The tile a lane lies in, if it lies in one.
    pub fn home(&self, lane: u32) -> Option<TileId> {
        self.lines.get(lane as usize)?.home
    }

    /// Where a position on a lane is, in metres of its driving length; its ends are not passed. None where there is no such lane.
    pub fn spot(&self, lane: u32, position: f32) -> Option<Spot> {
        let line = self.lines.get(lane as usize)?;
        let marks = self.marks.get(line.first as usize..=line.last as usize)?;
        let along = (position * line.scale).max(0.0);
        // Lanes have few points: from the start is faster than halving, and the curves of large junctions have a dozen.
        let mut at = 0;
        while at + 2 < marks.len() && marks[at + 1].along < along {
            at += 1;
        }
        let from = marks.get(at)?;
        let Some(to) = marks.get(at + 1) else {
            return Some(Spot { x: unit(from.x), y: unit(from.y), heading: from.heading });
        };
        let length = to.along - from.along;
        let share = if length > 0.0 { f64::from(((along - from.along) / length).clamp(0.0, 1.0)) } else { 0.0 };
        let (x, y) = (from.x + (to.x - from.x) * share, from.y + (to.y - from.y) * share);
        Some(Spot { x: unit(x), y: unit(y), heading: from.heading })
    }
}

/// The heading of a step east and south, 256 for a full turn, clockwise from north.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a turn has 256 parts, of which the last is the first"
)]
fn turned(east: f64, south: f64) -> u8 {
    let turn = libm::atan2(east, -south) / std::f64::consts::TAU;
    ((turn * 256.0).round().rem_euclid(256.0)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::network::Projection;
    use crate::city::network::invented::{self, CitySize};
    use crate::primitives::random::Seed;

    fn city() -> Network {
        invented::generate(Seed(7), CitySize::CITY).map.build().expect("it builds")
    }

    /// Metres between two places near each other [°].
    fn apart((lon, lat): (f64, f64), other: (f64, f64)) -> f64 {
        let north = (lat - other.1) * 111_195.0;
        let east = (lon - other.0) * 111_195.0 * lat.to_radians().cos();
        north.hypot(east)
    }

    #[test]
    fn a_place_on_a_lane_is_where_the_lane_is_drawn() {
        for drawing in [false, true] {
            let mut network = city();
            if drawing {
                network.projection = Projection::None;
            }
            let tracks = Tracks::of(&network);
            assert_eq!(tracks.lanes(), network.lanes.len());
            for (number, lane) in (0_u32..).zip(&network.lanes).step_by(31) {
                let length = lane.length.as_metres();
                for share in [0.0, 0.3, 0.77, 1.0] {
                    #[expect(clippy::cast_possible_truncation, reason = "a position")]
                    let spot = tracks.spot(number, (share * length) as f32).expect("the lane is there");
                    let (point, direction) = lane.shape.place_at(share * lane.shape.length());
                    let expected = tracks.ground().lon_lat(point);
                    // Straight on the square is straight on the ground to a few centimetres, and a unit is 4 cm.
                    assert!(
                        apart(spot.lon_lat(), expected) < 0.2,
                        "{number} {share}: {:?} {expected:?}",
                        spot.lon_lat()
                    );
                    let heading = direction.x.atan2(direction.y).to_degrees();
                    let off = (spot.degrees() - heading + 540.0).rem_euclid(360.0) - 180.0;
                    let near_a_bend = lane.shape.points().len() > 2;
                    assert!(off.abs() < 2.0 || near_a_bend, "{number} {share}: {} for {heading}", spot.degrees());
                    if let Some(home) = tracks.home(number) {
                        assert_eq!(spot.tile(), home);
                    }
                }
            }
        }
    }

    #[test]
    fn headings_go_with_the_clock_from_north() {
        let cases = [(0.0, -1.0, 0), (1.0, 0.0, 64), (0.0, 1.0, 128), (-1.0, 0.0, 192), (-0.001, -1.0, 0)];
        for (east, south, heading) in cases {
            assert_eq!(turned(east, south), heading, "{east} {south}");
        }
    }

    #[test]
    fn nobody_falls_off_the_end_of_a_lane() {
        let network = city();
        let tracks = Tracks::of(&network);
        let end = |position| tracks.spot(0, position).expect("the lane is there");
        assert_eq!(end(1e9), end(1e6));
        assert_eq!(end(-5.0), end(0.0));
        assert_eq!(end(f32::NAN), end(0.0));
        assert_eq!(tracks.spot(u32::MAX, 0.0), None);
    }
}
