//! A network as a picture: lanes, junctions, turns and signals, to see whether it looks like its streets.
//!
//! Everything is a filled polygon, so that the same drawing becomes SVG or PNG. Knows no traffic.

mod png;

use std::fmt::Write as _;

use super::model::{EdgeKind, JunctionKind, Network, RightOfWay};
use crate::primitives::{Point, Polyline, VehicleClass};

/// The longer side of a picture, at least and at most [pixels].
const SIZE_MIN: u32 = 64;
const SIZE_MAX: u32 = 8192;
/// Room around the roads, as a share of the longer side.
const MARGIN: f64 = 0.02;

/// Red, green and blue.
type Colour = [u8; 3];

const GROUND: Colour = [0xf3, 0xf1, 0xec];
const LANE: Colour = [0x6b, 0x70, 0x78];
const BUS_LANE: Colour = [0xa8, 0x4f, 0x3c];
const JUNCTION: Colour = [0x80, 0x85, 0x8c];
const DIVIDER: Colour = [0xff, 0xff, 0xff];
const MIDDLE: Colour = [0xf0, 0xc0, 0x30];
const TURN: Colour = [0x9f, 0xc5, 0xe8];
const SIGNAL: Colour = [0xd0, 0x20, 0x30];
const YIELD: Colour = [0x20, 0x50, 0xb0];

/// A filled polygon [m].
#[derive(Debug, Clone)]
struct Shape {
    points: Vec<Point>,
    colour: Colour,
}

/// A drawing: shapes from the ground up.
#[derive(Debug, Clone)]
pub struct Picture {
    shapes: Vec<Shape>,
    low: Point,
    high: Point,
}

impl Picture {
    /// Draws a network.
    pub fn of(network: &Network) -> Self {
        let (low, high) = network.bounds();
        let margin = MARGIN * (high.x - low.x).max(high.y - low.y) + 5.0;
        let mut picture = Self {
            shapes: Vec::new(),
            low: Point::new(low.x - margin, low.y - margin),
            high: Point::new(high.x + margin, high.y + margin),
        };
        picture.roads(network);
        for junction in network.junctions.iter().filter(|junction| junction.shape.len() > 2) {
            picture.shapes.push(Shape { points: junction.shape.clone(), colour: JUNCTION });
        }
        picture.turns(network);
        picture.stop_lines(network);
        picture
    }

    /// The part of the picture within so many metres of a place.
    #[must_use]
    pub fn around(mut self, middle: Point, metres: f64) -> Self {
        self.low = Point::new(middle.x - metres, middle.y - metres);
        self.high = Point::new(middle.x + metres, middle.y + metres);
        self
    }

    fn roads(&mut self, network: &Network) {
        for (_, edge) in network.roads() {
            let mut lanes = edge.lane_ids().peekable();
            while let Some(id) = lanes.next() {
                let lane = network.lane(id);
                let colour = if lane.allowed.contains(VehicleClass::Passenger) { LANE } else { BUS_LANE };
                self.band(&lane.shape, lane.width.as_metres(), colour);
                let side = if network.left_hand { 1.0 } else { -1.0 };
                let border = lane.shape.offset_right(side * lane.width.as_metres() / 2.0);
                let last = lanes.peek().is_none();
                self.band(&border, if last { 0.35 } else { 0.2 }, if last { MIDDLE } else { DIVIDER });
            }
        }
    }

    fn turns(&mut self, network: &Network) {
        for edge in network.edges.iter().filter(|edge| edge.kind == EdgeKind::Internal) {
            for id in edge.lane_ids() {
                self.band(&network.lane(id).shape, 0.3, TURN);
            }
        }
    }

    fn stop_lines(&mut self, network: &Network) {
        for (_, edge) in network.roads() {
            let signalled = network.junction(edge.to).kind == JunctionKind::TrafficLight;
            for id in edge.lane_ids() {
                let lane = network.lane(id);
                let mut links = lane.link_ids().map(|link| network.link(link).right_of_way);
                let yields = links.any(|link| {
                    matches!(link, RightOfWay::Minor | RightOfWay::Stop | RightOfWay::Equal | RightOfWay::AllwayStop)
                });
                let colour = if signalled { SIGNAL } else { YIELD };
                if signalled || yields {
                    let (end, along) = lane.shape.place_at(f64::MAX);
                    let half = lane.width.as_metres() * 0.45;
                    let across = nalgebra::Vector2::new(along.y, -along.x) * half;
                    let back = along * 0.8;
                    let points = vec![end + across, end - across, end - across - back, end + across - back];
                    self.shapes.push(Shape { points, colour });
                }
            }
        }
    }

    /// A line of some width.
    fn band(&mut self, line: &Polyline, width: f64, colour: Colour) {
        let mut points = line.offset_right(width / 2.0).points().to_vec();
        points.extend(line.offset_right(-width / 2.0).points().iter().rev());
        self.shapes.push(Shape { points, colour });
    }

    /// Width and height [pixels] and pixels per metre.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range first")]
    fn size(&self, longer: u32) -> (u32, u32, f64) {
        let longer = f64::from(longer.clamp(SIZE_MIN, SIZE_MAX));
        let (east, north) = (self.high.x - self.low.x, self.high.y - self.low.y);
        let scale = longer / east.max(north).max(1.0);
        let pixels = |metres: f64| (metres * scale).ceil().clamp(1.0, longer) as u32;
        (pixels(east), pixels(north), scale)
    }

    fn on_paper(&self, point: Point, scale: f64) -> (f64, f64) {
        ((point.x - self.low.x) * scale, (self.high.y - point.y) * scale)
    }

    /// The picture as SVG, its longer side of so many pixels.
    pub fn svg(&self, longer: u32) -> String {
        let (width, height, scale) = self.size(longer);
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\">\n<rect width=\"100%\" height=\"100%\" fill=\"{}\"/>\n",
            hex(GROUND)
        );
        for shape in &self.shapes {
            let _ = write!(text, "<path fill=\"{}\" d=\"M", hex(shape.colour));
            for point in &shape.points {
                let (x, y) = self.on_paper(*point, scale);
                let _ = write!(text, "{x:.1} {y:.1} ");
            }
            text.push_str("Z\"/>\n");
        }
        text.push_str("</svg>\n");
        text
    }

    /// The picture as PNG, its longer side of so many pixels.
    pub fn png(&self, longer: u32) -> Vec<u8> {
        let (width, height, scale) = self.size(longer);
        let mut canvas = png::Canvas::new(width, height, GROUND);
        for shape in &self.shapes {
            let points: Vec<(f64, f64)> = shape.points.iter().map(|point| self.on_paper(*point, scale)).collect();
            canvas.fill(&points, shape.colour);
        }
        canvas.encode()
    }
}

fn hex([red, green, blue]: Colour) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}
